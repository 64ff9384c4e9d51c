import { acceptFor } from '../../../src/connect/upgrade-request.ts'
import type {
  DropKind,
  ServerSocket,
  ServerSocketEvents,
  SocketEnd,
  UpgradeRequest,
} from '../../../src/testing/server/listener.ts'
import { closePayload, encodeFrame, unmask } from '../../../src/transport/frame-encoder.ts'
import { type FrameHeader, type FrameSink, FrameWalker } from '../../../src/transport/frame-walker.ts'
import type { FarEnd, Tcp } from './socket.ts'
import type { WorldTime } from './time.ts'

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10
const CLOSE_PATIENCE_MS = 1000
const NO_LIMITS = { maxFrameBytes: 2 ** 24, maxMessageBytes: 2 ** 24 }

/** What the server says to an upgrade. */
export type UpgradeAnswer =
  | { readonly kind: 'accept' }
  /** The bytes of a response that is no 101, or no valid one. */
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly thenEnd: boolean }
  | { readonly kind: 'silence' }

/** What goes on above the frames of one connection. */
export interface ServerProgram {
  upgrade(request: UpgradeRequest): UpgradeAnswer
  /** The connection is a WebSocket. */
  opened(end: ServerEnd): ServerSocketEvents
  /** A whole frame of the client's, before anybody acts on it. */
  saw(end: ServerEnd, opcode: number, payload: Buffer): void
  /** The beginning of a frame that will never come whole. */
  sawCut(end: ServerEnd, payload: Buffer): void
  /** The client broke the protocol. */
  broken(end: ServerEnd, what: string): void
}

/** The server's end of one TCP connection: HTTP, then frames. It is a real server's socket to the exchange above it. */
export class ServerEnd implements FarEnd, ServerSocket, FrameSink {
  readonly tcp: Tcp
  request: UpgradeRequest = { path: '/', headers: {} }
  /** Answers pings; a server that does not is silent in a way of its own. */
  answersPings = true
  /** How long a ping waits for its pong. */
  pongDelayMs = 0
  readonly #time: WorldTime
  readonly #program: ServerProgram
  #http = ''
  #events: ServerSocketEvents | undefined
  readonly #walker = new FrameWalker(NO_LIMITS, this, 'client')
  #header: FrameHeader | undefined
  #pieces: Buffer[] = []
  #midFrame = false
  #closeSeen = false
  #closeSent = false
  #ended = false

  constructor(tcp: Tcp, time: WorldTime, program: ServerProgram) {
    this.tcp = tcp
    this.#time = time
    this.#program = program
    tcp.attach(this)
  }

  get isOpen(): boolean {
    return this.#events !== undefined && !this.#ended
  }

  // — FarEnd —

  onBytes(bytes: Uint8Array): void {
    if (this.#ended) return
    if (this.#events === undefined) this.#readHttp(bytes)
    else this.#walk(bytes)
  }

  onEnd(): void {
    this.#finish(this.#closeSeen ? 1000 : 1006)
  }

  // — ServerSocket —

  get bufferedBytes(): number {
    return this.tcp.serverBufferedBytes
  }

  send(payload: string | Uint8Array): void {
    if (typeof payload === 'string') this.sendFrame(TEXT, Buffer.from(payload))
    else this.sendFrame(BINARY, payload)
  }

  sendFrame(opcode: number, payload: Uint8Array): void {
    if (!this.#ended && !this.#closeSent) this.tcp.write(encodeFrame(opcode, payload))
  }

  sendCut(text: string, byteCount: number, how: DropKind): void {
    if (this.#ended) return
    this.tcp.write(encodeFrame(TEXT, Buffer.from(text)).subarray(0, byteCount))
    this.drop(how)
  }

  ping(): void {
    this.sendFrame(PING, Buffer.from('sim'))
  }

  close(code: number, reason: string): void {
    this.sendFrame(CLOSE, closePayload(code, reason))
    this.#closeSent = true
    this.#time.setTimer(CLOSE_PATIENCE_MS, () => {
      if (this.#ended) return
      this.tcp.end('fin')
      this.#finish(1006)
    })
  }

  drop(how: DropKind): void {
    this.tcp.end(how === 'rst' ? 'reset' : 'fin')
    this.#finish(1006)
  }

  holdReading(): void {
    this.tcp.hold('reading', true)
  }

  releaseReading(): void {
    this.tcp.hold('reading', false)
  }

  holdSending(): void {
    this.tcp.hold('sending', true)
  }

  releaseSending(): void {
    this.tcp.hold('sending', false)
  }

  // — FrameSink —

  onHeader(header: FrameHeader): void {
    if (this.#closeSeen) this.#program.broken(this, `a frame of opcode ${header.opcode} behind CLOSE`)
    this.#header = header
    this.#pieces = []
    this.#midFrame = true
  }

  onPayload(chunk: Uint8Array, start: number, end: number): void {
    this.#pieces.push(Buffer.from(chunk.subarray(start, end)))
  }

  onFrameEnd(): void {
    this.#midFrame = false
    const { opcode } = this.#header as FrameHeader
    const payload = this.#payload()
    this.#program.saw(this, opcode, payload)
    if (opcode === TEXT || opcode === BINARY) this.#events?.onMessage(payload, opcode === TEXT)
    else if (opcode === PING && this.answersPings) this.#answerPing(payload)
    else if (opcode === CLOSE) this.#clientCloses(payload)
  }

  #answerPing(payload: Buffer): void {
    if (this.pongDelayMs === 0) this.sendFrame(PONG, payload)
    else this.#time.setTimer(this.pongDelayMs, () => this.sendFrame(PONG, payload))
  }

  #payload(): Buffer {
    const payload = Buffer.concat(this.#pieces)
    unmask(payload, this.#header?.maskKey as Uint8Array)
    return payload
  }

  #walk(bytes: Uint8Array): void {
    this.#walker.walk(bytes)
    const { violation } = this.#walker
    if (violation !== undefined) this.#program.broken(this, violation.message)
  }

  #clientCloses(payload: Buffer): void {
    this.#closeSeen = true
    if (!this.#closeSent) {
      this.sendFrame(CLOSE, payload)
      this.#closeSent = true
    }
    this.tcp.end('fin')
  }

  #readHttp(bytes: Uint8Array): void {
    this.#http += Buffer.from(bytes).toString('latin1')
    const end = this.#http.indexOf('\r\n\r\n')
    if (end < 0) return
    const [first = '', ...lines] = this.#http.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(lines.map((line) => headerOf(line)))
    this.request = { path: first.split(' ')[1] ?? '', headers }
    const answer = this.#program.upgrade(this.request)
    if (answer.kind === 'bytes') {
      this.tcp.write(answer.bytes)
      if (answer.thenEnd) this.tcp.end('fin')
    }
    if (answer.kind !== 'accept') return
    const accept = acceptFor(headers['sec-websocket-key'] ?? '')
    this.tcp.write(
      Buffer.from(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      ),
    )
    const rest = Buffer.from(this.#http.slice(end + 4), 'latin1')
    this.#http = ''
    this.#events = this.#program.opened(this)
    if (rest.length > 0) this.#walk(rest)
  }

  #finish(code: number): void {
    if (this.#ended) return
    this.#ended = true
    const cut: SocketEnd['cut'] = this.#midFrame ? { byteLength: 0, payload: this.#payload() } : undefined
    if (cut !== undefined) this.#program.sawCut(this, cut.payload)
    this.#events?.onClose({ code, reason: '', cut })
  }
}

function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}
