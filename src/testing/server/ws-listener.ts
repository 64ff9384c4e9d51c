import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { parseExtensions } from '../../connect/extension-list.ts'
import type { Clock, ClockTimer } from '../../support/clock.ts'
import { encodeFrame } from '../../transport/frame-encoder.ts'
import { MessageDeflater } from '../../transport/message-deflate.ts'
import { ClientFrames } from './client-frames.ts'
import {
  type DropKind,
  type Listener,
  type ListenerHandler,
  type ListenOptions,
  listenerUrl,
  type Refusal,
  type ServerSocket,
  type SocketEnd,
  type UpgradeRequest,
} from './listener.ts'

/** How long a client may take to answer our CLOSE. */
const CLOSE_WAIT_MS = 1000
/** How long a client may take to read the body of a refusal. */
const REFUSAL_WAIT_MS = 1000
const TEXT = 1
const BINARY = 2
/** RSV1. */
const COMPRESSED = 4

/** A server on the `ws` package, whose raw sockets can be reset, stalled and cut. Rejects when it cannot listen. */
export async function listenWs(options: ListenOptions, handler: ListenerHandler, clock: Clock): Promise<Listener> {
  const sockets = new Set<Socket>()
  const timers = new Set<ClockTimer>()
  const http = createServer((_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain', connection: 'close' }).end('WebSocket clients only\n')
  })
  const { maxMessageBytes, perMessageDeflate } = options
  const server = new WebSocketServer({ noServer: true, maxPayload: maxMessageBytes, perMessageDeflate })
  const deflaters = new WeakMap<IncomingMessage, MessageDeflater>()
  server.on('headers', (lines, incoming) => {
    const deflater = deflaterFor(lines)
    if (deflater !== undefined) deflaters.set(incoming, deflater)
  })
  http.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Frames leave when they are sent: Nagle's delay is no part of what an exchange does.
    socket.setNoDelay(true)
  })
  http.on('upgrade', (incoming, duplex, head) => {
    const socket = duplex as Socket
    socket.on('error', () => socket.destroy())
    const request = upgradeRequest(incoming)
    const refusal = handler.onUpgrade(request)
    if (refusal !== undefined) {
      const timer = clock.setTimer(REFUSAL_WAIT_MS, () => socket.destroy())
      timers.add(timer)
      socket.on('close', () => {
        timer.cancel()
        timers.delete(timer)
      })
      socket.end(refusalText(refusal))
      return
    }
    server.handleUpgrade(incoming, socket, head, (ws) => {
      const accepted = new WsServerSocket(ws, socket, request, clock, deflaters.get(incoming))
      accepted.begin(handler)
    })
  })

  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(options.port, options.host, () => {
      http.off('error', reject)
      resolve()
    })
  })
  const { port } = http.address() as AddressInfo
  let stopped: Promise<void> | undefined
  return {
    url: listenerUrl(options.host, port),
    port,
    stop() {
      stopped ??= new Promise((resolve) => {
        http.close(() => resolve())
        for (const timer of timers) timer.cancel()
        for (const socket of sockets) socket.destroy()
      })
      return stopped
    },
  }
}

class WsServerSocket implements ServerSocket {
  readonly request: UpgradeRequest
  readonly #ws: WebSocket
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #deflater: MessageDeflater | undefined
  readonly #frames = new ClientFrames()
  #sendingHeld = false

  constructor(ws: WebSocket, socket: Socket, request: UpgradeRequest, clock: Clock, deflater?: MessageDeflater) {
    this.#ws = ws
    this.#socket = socket
    this.#clock = clock
    this.#deflater = deflater
    this.request = request
  }

  begin(handler: ListenerHandler): void {
    // Beside the listener of ws, on the same chunks; bytes that came with the request are emitted after this too.
    this.#socket.on('data', (chunk: Buffer) => this.#frames.feed(chunk))
    const events = handler.onSocket(this)
    this.#ws.on('message', (data, isBinary) => events.onMessage(data as Buffer, !isBinary))
    this.#ws.on('error', () => {}) // 'close' follows, with the code
    this.#ws.on('close', (code, reason) => {
      const end: SocketEnd = { code, reason: reason.toString(), cut: this.#frames.cut() }
      events.onClose(end)
    })
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount
  }

  send(payload: string | Uint8Array): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return
    const isText = typeof payload === 'string'
    // At once, unlike what `ws` does, so that a drop behind it loses nothing that was sent.
    const compressed = this.#deflater?.deflate(Buffer.from(payload as Uint8Array))
    if (compressed === undefined) this.#ws.send(payload, { binary: !isText, compress: false }, () => {})
    else this.#socket.write(encodeFrame(isText ? TEXT : BINARY, compressed, { rsv: COMPRESSED }))
  }

  sendCut(text: string, byteCount: number, how: DropKind): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return
    const frame = encodeFrame(TEXT, Buffer.from(text))
    this.#socket.write(frame.subarray(0, Math.min(byteCount, frame.length)), () => this.drop(how))
  }

  ping(): void {
    if (this.#ws.readyState === this.#ws.OPEN) this.#ws.ping(undefined, undefined, () => {})
  }

  close(code: number, reason: string): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return
    this.releaseReading()
    this.releaseSending()
    this.#ws.close(code, reason)
    const timer = this.#clock.setTimer(CLOSE_WAIT_MS, () => this.#ws.terminate())
    this.#ws.once('close', () => timer.cancel())
  }

  drop(how: DropKind): void {
    if (this.#socket.destroyed) return
    if (how === 'rst') {
      this.#socket.resetAndDestroy()
    } else {
      this.releaseSending()
      // Destroying at once would lose what the kernel has not taken yet; the timer is for a client that reads nothing.
      const timer = this.#clock.setTimer(CLOSE_WAIT_MS, () => this.#socket.destroy())
      this.#socket.once('close', () => timer.cancel())
      this.#socket.end(() => this.#socket.destroy())
    }
    // A paused WebSocket would not notice that its socket has gone.
    this.releaseReading()
  }

  holdReading(): void {
    this.#ws.pause()
  }

  releaseReading(): void {
    this.#ws.resume()
  }

  holdSending(): void {
    if (this.#sendingHeld) return
    this.#sendingHeld = true
    this.#socket.cork()
  }

  releaseSending(): void {
    if (!this.#sendingHeld) return
    this.#sendingHeld = false
    this.#socket.uncork()
  }
}

/** What compresses for a client with which the response's header lines have just agreed. */
function deflaterFor(lines: readonly string[]): MessageDeflater | undefined {
  const name = 'Sec-WebSocket-Extensions: '
  const extensions = parseExtensions(
    lines.filter((line) => line.startsWith(name)).map((line) => line.slice(name.length)),
  )
  if (typeof extensions === 'string' || extensions[0] === undefined) return undefined
  const parameters = new Map(extensions[0].parameters)
  const maxWindowBits = Number(parameters.get('server_max_window_bits') ?? 15)
  // zlib has no window of 8 to compress with: such a client gets uncompressed messages, which are always allowed.
  if (maxWindowBits < 9) return undefined
  const context = { noContextTakeover: parameters.has('server_no_context_takeover'), maxWindowBits }
  return new MessageDeflater(context, { thresholdBytes: 0, level: 6, memLevel: 8 })
}

function upgradeRequest(incoming: IncomingMessage): UpgradeRequest {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return { path: incoming.url ?? '/', headers }
}

function refusalText({ status, headers = {}, body = '' }: Refusal): string {
  const lines = Object.entries({ connection: 'close', 'content-length': String(Buffer.byteLength(body)), ...headers })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n')
}
