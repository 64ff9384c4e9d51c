import {
  type ConnectTarget,
  connectTarget,
  handshakeFailed,
  portOf,
  refusalCause,
  stageTimeout,
  totalTimeout,
} from '../connect/causes.ts'
import { judgeExtensions, type WsNegotiatedDeflate } from '../connect/permessage-deflate.ts'
import type { WsTlsInfo } from '../connect/raw-link.ts'
import type { HeaderLines, WsConnectRequest } from '../connect/request.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { SharedWsError } from '../errors/errors.ts'
import type { ClockTimer } from '../support/clock.ts'
import { closePayload, type EncodeOptions, encodeFrame, unmask } from './frame-encoder.ts'
import { type FrameHeader, type FrameSink, FrameWalker } from './frame-walker.ts'
import { clientContext, MessageDeflater, MessageInflater, serverContext } from './message-deflate.ts'
import { MockArrivals } from './mock-arrivals.ts'
import type { MockLink } from './mock-link.ts'
import type { MockWire } from './mock-wire.ts'

const CLOSE = 8
const PING = 9
const PONG = 10
const NO_LIMITS = { maxFrameBytes: Number.MAX_SAFE_INTEGER, maxMessageBytes: Number.MAX_SAFE_INTEGER }
const TLS_INFO: Omit<WsTlsInfo, 'authorized'> = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  alpn: 'http/1.1',
  sessionReused: false,
}
/** What the library keeps of a refusal's body. */
const MAX_BODY_BYTES = 64 * 1024
const MAX_INFLATED_BYTES = 2 ** 30

/** A frame of the client's, unmasked. */
export interface MockFrame {
  /** 1 text, 2 binary, 8 close, 9 ping, 10 pong. */
  readonly opcode: number
  readonly fin: boolean
  /** Inflated, where the client had compressed it. */
  readonly payload: Uint8Array
  /** It came compressed (RSV1). */
  readonly compressed: boolean
  /** As it came: compressed, where it was. */
  readonly wirePayload: Uint8Array
  /** The payload as UTF-8. */
  text(): string
}

export interface MockAccept {
  /** One of those that the client offered. Default none. */
  readonly subprotocol?: string
  /**
   * Further header lines of the response. `['Sec-WebSocket-Extensions', 'permessage-deflate; …']` takes the client's offer of
   * it, is judged like a real server's, and has {@link MockServerLink.sendText} and `sendBinary` compress from then on.
   */
  readonly headers?: HeaderLines
}

export interface MockRefusal {
  readonly status: number
  readonly statusText?: string
  readonly headers?: HeaderLines
  readonly body?: string
}

/**
 * The server's end of a mock connection: it decides everything the network and the server do. What it does reaches the
 * client on the clock of the client's request, never from inside a call.
 */
export class MockServerLink {
  /** What the client asked for. */
  readonly request: WsConnectRequest
  /** Answer PING with PONG, as servers do. Default true. */
  answersPings = true
  /** Answer CLOSE with CLOSE, and end TCP once both have been sent. Default true. */
  answersClose = true

  readonly #client: MockLink
  readonly #wire: MockWire
  readonly #walker: FrameWalker
  readonly #target: ConnectTarget
  #timers: ClockTimer[] = []
  #decided = false
  #closeSent = false
  #serverEnded = false
  #clientEnded = false
  #deflater: MessageDeflater | undefined
  #inflater: MessageInflater | undefined
  readonly #frames = new MockArrivals<MockFrame>()

  /** @internal Made by `MockTransport.connect`. */
  constructor(request: WsConnectRequest, client: MockLink, wire: MockWire) {
    this.request = request
    this.#client = client
    this.#wire = wire
    this.#target = connectTarget(request.url)
    this.#walker = new FrameWalker(
      NO_LIMITS,
      frameSink(
        (frame) => this.#frame(frame),
        (payload) => this.#inflate(payload),
      ),
      'client',
    )
    wire.toServer.onArrival = () => this.#read()
    const { upgradeMs, totalMs } = request.timeouts
    this.#at(upgradeMs, () => client.failed(stageTimeout('upgrade', upgradeMs, this.#target)))
    this.#at(totalMs, () => client.failed(totalTimeout('upgrade', totalMs, this.#target)))
  }

  // ---- The upgrade: one of these, once ----

  accept({ subprotocol = '', headers = [] }: MockAccept = {}): void {
    if (subprotocol !== '' && !this.request.subprotocols.includes(subprotocol)) {
      throw new SharedWsError('ERR_MOCK', `the client did not offer the subprotocol "${subprotocol}"`)
    }
    const { url, tls, perMessageDeflate } = this.request
    const extensions = headers.filter(([name]) => name.toLowerCase() === 'sec-websocket-extensions')
    const judged = judgeExtensions(
      extensions.map(([, value]) => value),
      perMessageDeflate,
    )
    if ('problem' in judged) {
      const [code, message] = judged.problem
      this.fail(handshakeFailed('upgrade', code, message, { target: this.#target }))
      return
    }
    const { negotiated } = judged
    if (negotiated !== undefined) this.#compress(negotiated)
    const responseHeaders: HeaderLines = [
      ['Upgrade', 'websocket'],
      ['Connection', 'Upgrade'],
      ...(subprotocol === '' ? [] : [['Sec-WebSocket-Protocol', subprotocol] as const]),
      ...headers,
    ]
    this.#decide(() =>
      this.#client.opened({
        subprotocol,
        responseHeaders,
        // Addresses kept for documentation (RFC 5737), so that nobody takes them for real.
        remoteAddress: '192.0.2.1',
        remotePort: portOf(url),
        localAddress: '192.0.2.2',
        localPort: 49152,
        ...(negotiated === undefined ? {} : { perMessageDeflate: negotiated }),
        ...(url.protocol === 'wss:' ? { tls: { ...TLS_INFO, authorized: tls.validateCerts ?? true } } : {}),
      }),
    )
  }

  /** Answers with HTTP instead. Of the body the client sees what it would of a real one: 64 KiB. */
  refuse({ status, statusText = '', headers = [], body = '' }: MockRefusal): void {
    const bytes = Buffer.from(body)
    const http = {
      status,
      statusText,
      headers,
      body: bytes.toString('utf8', 0, MAX_BODY_BYTES),
      bodyTruncated: bytes.length > MAX_BODY_BYTES,
    }
    this.fail(refusalCause(http, this.#target))
  }

  /** Any other failure to connect, such as `{ kind: 'handshake-failed', stage: 'tcp', code: 'ECONNREFUSED', … }`. */
  fail(cause: WsDisconnectCause): void {
    this.#decide(() => this.#client.failed(cause))
  }

  // ---- To the client ----

  sendText(text: string): void {
    this.#sendData(1, Buffer.from(text))
  }

  sendBinary(bytes: Uint8Array): void {
    this.#sendData(2, bytes)
  }

  sendPing(payload: Uint8Array = new Uint8Array(0)): void {
    this.sendFrame(PING, payload)
  }

  sendPong(payload: Uint8Array = new Uint8Array(0)): void {
    this.sendFrame(PONG, payload)
  }

  /** A fragment, a frame with reserved bits, any opcode: nothing is checked. */
  sendFrame(opcode: number, payload: Uint8Array, options?: EncodeOptions): void {
    this.sendBytes(encodeFrame(opcode, payload, options))
  }

  /** Bytes as they are (copied), valid frames or not. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.#serverEnded) this.#wire.toClient.write(Buffer.from(bytes))
  }

  /** CLOSE; without a code an empty one. TCP ends when the client has answered, if {@link answersClose}. */
  close(code?: number, reason = ''): void {
    this.#closeSent = true
    this.sendFrame(CLOSE, closePayload(code ?? 0, reason))
  }

  /** FIN, behind what has been sent. */
  end(): void {
    if (this.#serverEnded) return
    this.#serverEnded = true
    this.#wire.toClient.write('fin')
  }

  /** RST, behind what has been sent; what the client sends from now on goes nowhere. */
  reset(): void {
    if (this.#serverEnded) return
    this.#serverEnded = true
    this.#wire.setWindow(0)
    this.#wire.toClient.write('reset')
    this.#clientLeft()
  }

  /** RST as soon as the client's kernel has taken `bytes` more, be it in the middle of a frame. */
  resetAfter(bytes: number): void {
    this.#wire.onWindowUsed = () => this.reset()
    this.takeBytes(bytes)
  }

  // ---- From the client ----

  /** The client's frames so far, in the order in which they arrived. */
  get frames(): readonly MockFrame[] {
    return this.#frames.all
  }

  /** The client's next frame that this has not given yet. Rejects when the client ends, or `signal` aborts. */
  nextFrame(options?: { readonly signal?: AbortSignal }): Promise<MockFrame> {
    return this.#frames.next(options)
  }

  /** The client has ended its side, or the connection is gone. */
  get clientEnded(): boolean {
    return this.#clientEnded
  }

  /** Takes nothing of what the client sends: it fills the client's kernel, which here has no room at all. */
  stall(): void {
    this.takeBytes(0)
  }

  /** Takes exactly `bytes` more, then stalls. */
  takeBytes(bytes: number): void {
    this.#wire.setWindow(bytes)
  }

  unstall(): void {
    this.takeBytes(Number.POSITIVE_INFINITY)
  }

  // ---- The network ----

  /** What is sent arrives in the client's socket, but its loop does not come round to reading it; `drain()` finds it. */
  hold(): void {
    this.#wire.held = true
  }

  unhold(): void {
    this.#wire.held = false
    this.#wire.toClient.arm()
  }

  /** ms each way, for what is sent from now on; nothing overtakes. Default 0. */
  delay({ toClientMs, toServerMs }: { readonly toClientMs?: number; readonly toServerMs?: number }): void {
    this.#wire.toClient.delayMs = toClientMs ?? this.#wire.toClient.delayMs
    this.#wire.toServer.delayMs = toServerMs ?? this.#wire.toServer.delayMs
  }

  /** Cuts what is sent from now on into pieces, each read in a turn of its own; undefined stops it. */
  chop(sizes: number | (() => number) | undefined): void {
    this.#wire.toClient.chop = typeof sizes === 'number' ? () => sizes : sizes
  }

  // ---- Inside ----

  #compress(negotiated: WsNegotiatedDeflate): void {
    const server = serverContext(negotiated)
    // zlib has no window of 8 to compress with.
    if (server.maxWindowBits > 8)
      this.#deflater = new MessageDeflater(server, { thresholdBytes: 0, level: 6, memLevel: 8 })
    this.#inflater = new MessageInflater(clientContext(negotiated), MAX_INFLATED_BYTES)
    this.#walker.admitCompressed()
  }

  #sendData(opcode: number, payload: Uint8Array): void {
    const compressed = this.#deflater?.deflate(Buffer.from(payload))
    if (compressed === undefined) this.sendFrame(opcode, payload)
    else this.sendFrame(opcode, compressed, { rsv: 4 })
  }

  #inflate(payload: Buffer): Buffer {
    const inflated = (this.#inflater as MessageInflater).inflate(payload)
    if (typeof inflated !== 'string') return inflated
    throw new SharedWsError('ERR_MOCK', `the client sent a compressed message that cannot be inflated: ${inflated}`)
  }

  #frame(frame: MockFrame): void {
    const { opcode, payload } = frame
    if (opcode === PING && this.answersPings) this.sendPong(payload)
    if (opcode === CLOSE && this.answersClose) {
      if (!this.#closeSent) this.sendFrame(CLOSE, payload)
      this.end()
    }
    this.#frames.add(frame)
  }

  #read(): void {
    for (let item = this.#wire.toServer.take(); item !== undefined; item = this.#wire.toServer.take()) {
      if (typeof item === 'string') this.#clientLeft()
      else this.#walker.walk(item)
    }
    this.#wire.toServer.arm()
  }

  #clientLeft(): void {
    this.#clientEnded = true
    this.#cancelTimers()
    this.#frames.end()
  }

  #decide(outcome: () => void): void {
    if (this.#decided) throw new SharedWsError('ERR_MOCK', 'the upgrade has been answered already')
    this.#decided = true
    this.#cancelTimers()
    this.#at(this.#wire.toClient.delayMs, outcome)
  }

  #at(ms: number, action: () => void): void {
    const timer = this.#wire.clock.setTimer(ms, () => {
      if (this.#client.isConnecting) action()
    })
    this.#timers.push(timer)
  }

  #cancelTimers(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel()
  }
}

function frameSink(onFrame: (frame: MockFrame) => void, inflate: (payload: Buffer) => Buffer): FrameSink {
  let header: FrameHeader
  let pieces: Uint8Array[] = []
  return {
    onHeader(next) {
      header = next
      pieces = []
    },
    onPayload(chunk, start, end) {
      pieces.push(chunk.subarray(start, end))
    },
    onFrameEnd() {
      // A copy: pieces are views of what the client has taken.
      const wirePayload = Buffer.concat(pieces)
      const { opcode, fin, compressed, maskKey } = header
      unmask(wirePayload, maskKey as Uint8Array)
      // Clients of this library do not fragment.
      const payload = compressed ? inflate(wirePayload) : wirePayload
      onFrame({ opcode, fin, payload, compressed, wirePayload, text: () => payload.toString() })
    },
  }
}
