import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Clock, systemClock } from '../support/clock.ts'
import { ChoppedSocket } from './chop.ts'
import { ReplayPlayer, type ReplaySource, type ReplaySpeed } from './replay-client.ts'

/** A client may read what the kernel holds for this long after the last message left us. */
const CLOSE_WAIT_MS = 10 * 60_000
/** How long `close()` lets clients answer before their sockets are dropped. */
const STOP_WAIT_MS = 1000

export interface ReplayOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 0: a free one. */
  readonly port?: number
  /** Default 1: as recorded. */
  readonly speed?: ReplaySpeed
  /** Cuts the TCP stream to each client at random sizes; the nth client gets the seed + n - 1. Default: not cut. */
  readonly chopSeed?: number
  /** Begins again at the end, until the client leaves. Default false: close 1000 'end of capture'. */
  readonly loop?: boolean
  /** Serves one client, then closes. Default false. */
  readonly once?: boolean
  /** Compresses for clients that offer permessage-deflate. Default false. */
  readonly perMessageDeflate?: boolean
  readonly clock?: Clock
  readonly onClient?: (client: ReplayClientInfo) => void
  readonly onClientEnd?: (end: ReplayClientEnd) => void
}

export interface ReplayClientInfo {
  /** 1, 2, … in the order of connecting. */
  readonly id: number
  readonly address: string
  readonly port: number
  /** Path and query that it asked for; every path is served. */
  readonly path: string
}

export interface ReplayClientEnd extends ReplayClientInfo {
  readonly messagesSent: number
  /** Payload bytes. */
  readonly bytesSent: number
  /** Frames that the client sent: counted, otherwise ignored. */
  readonly messagesReceived: number
  readonly closeCode: number
  readonly closeReason: string
  /** Why it did not end as it should: the source failed, the client broke the protocol or the socket did. */
  readonly error?: Error
}

export interface ReplayServer {
  /** `ws://host:port` */
  readonly url: string
  readonly port: number
  /** Resolves when the server has ended: after `close()`, or with `once` after its client. */
  readonly closed: Promise<void>
  /** Stops listening and closes every client with 1001, by force after 1 s. Idempotent. */
  close(): Promise<void>
}

/**
 * Serves messages over a real WebSocket server: each client gets all of them from the beginning. Rejects when it cannot
 * listen. For one file: `startReplayServer(() => capture.messages(), …)`.
 */
export async function startReplayServer(source: ReplaySource, options: ReplayOptions = {}): Promise<ReplayServer> {
  const { host = '127.0.0.1', once = false, perMessageDeflate = false, clock = systemClock } = options
  const http = createServer((_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain', connection: 'close' }).end('WebSocket clients only\n')
  })
  // `closeTimeout` is an option of ws 8.19 and later that its type declarations do not know yet.
  const closeWait = { closeTimeout: CLOSE_WAIT_MS }
  const server = new WebSocketServer({ ...closeWait, noServer: true, maxPayload: 16 * 2 ** 20, perMessageDeflate })
  const clients = new Map<WebSocket, ReplayPlayer>()
  let accepted = 0
  let markClosed: () => void
  const closed = new Promise<void>((resolve) => {
    markClosed = resolve
  })
  http.on('close', () => markClosed())

  function serve(ws: WebSocket, request: IncomingMessage, socket: Duplex, id: number): void {
    const { remoteAddress = '', remotePort = 0 } = request.socket
    const info: ReplayClientInfo = { id, address: remoteAddress, port: remotePort, path: request.url ?? '/' }
    const { speed = 1, loop = false } = options
    const player = new ReplayPlayer(ws, socket, { source, speed, loop, clock })
    let messagesReceived = 0
    let failure: Error | undefined
    clients.set(ws, player)
    ws.on('message', () => messagesReceived++)
    ws.on('error', (error) => {
      failure ??= error
    })
    ws.on('close', (closeCode, reason) => {
      clients.delete(ws)
      player.stop()
      const { messagesSent, bytesSent } = player
      const end = { ...info, messagesSent, bytesSent, messagesReceived, closeCode, closeReason: reason.toString() }
      options.onClientEnd?.(failure === undefined ? end : { ...end, error: failure })
      if (once) void close()
    })
    options.onClient?.(info)
    player.play().then(
      () => ws.close(1000, 'end of capture'),
      (error: Error) => {
        failure ??= error
        ws.close(1011, 'the capture cannot be read')
      },
    )
  }

  http.on('upgrade', (request, rawSocket, head) => {
    rawSocket.on('error', () => rawSocket.destroy())
    if (once && accepted > 0) {
      rawSocket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const { chopSeed } = options
    const socket = chopSeed === undefined ? rawSocket : new ChoppedSocket(rawSocket, chopSeed + accepted)
    // The callback is not called, and the id stays free, when the handshake is refused.
    server.handleUpgrade(request, socket, head, (ws) => {
      if (once) http.close()
      serve(ws, request, socket, ++accepted)
    })
  })

  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(options.port ?? 0, host, resolve)
  })

  async function close(): Promise<void> {
    if (http.listening) http.close()
    http.closeAllConnections()
    for (const [ws, player] of clients) {
      player.stop()
      ws.close(1001, 'the server stops')
      const timer = clock.setTimer(STOP_WAIT_MS, () => ws.terminate())
      ws.on('close', () => timer.cancel())
    }
    return closed
  }

  const { port } = http.address() as AddressInfo
  return { url: `ws://${host.includes(':') ? `[${host}]` : host}:${port}`, port, closed, close }
}
