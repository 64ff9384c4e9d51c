import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { SharedWsError } from '../../errors/errors.ts'
import {
  type Listener,
  type ListenerHandler,
  type ListenOptions,
  listenerUrl,
  type ServerSocket,
  type ServerSocketEvents,
  type UpgradeRequest,
} from './listener.ts'

/** The part of uWebSockets.js that is used here. It is no dependency: its types may be absent. */
interface Uws {
  App(): UwsApp
  readonly DISABLED: number
}
interface UwsApp {
  ws(pattern: string, behavior: object): UwsApp
  any(pattern: string, handler: (response: UwsResponse) => void): UwsApp
  listen(host: string, port: number, done: (token: unknown) => void): UwsApp
  close(): unknown
}
interface UwsResponse {
  writeStatus(status: string): UwsResponse
  writeHeader(name: string, value: string): UwsResponse
  end(body: string): UwsResponse
  upgrade(data: UwsData, key: string, protocol: string, extensions: string, context: unknown): void
}
interface UwsRequest {
  getHeader(name: string): string
  /** `forEach` in uWebSockets.js itself, `forEachHeader` in the build of it that npm has. */
  forEach?(each: (name: string, value: string) => void): void
  forEachHeader?(each: (name: string, value: string) => void): void
  getUrl(): string
  getQuery(): string | undefined
}
interface UwsSocket {
  getUserData(): UwsData
  send(payload: string | Uint8Array, isBinary: boolean): number
  ping(): number
  end(code: number, reason: string): void
  close(): void
  getBufferedAmount(): number
}
interface UwsData {
  readonly request: UpgradeRequest
  socket?: UwsServerSocket
  events?: ServerSocketEvents
}

/**
 * A server on uWebSockets.js. It gives no access to its sockets, so it cannot reset, stall or cut them, nor tell of frames
 * that were cut. Rejects when the package is missing or does not load on this Node.
 */
export async function listenUws(options: ListenOptions, handler: ListenerHandler): Promise<Listener> {
  const uws = await loadUws()
  // It cannot tell which port it was given, so a free one is found for it.
  const port = options.port === 0 ? await freePort(options.host) : options.port
  const open = new Set<UwsSocket>()
  const app = uws
    .App()
    .ws('/*', {
      compression: uws.DISABLED,
      maxPayloadLength: options.maxMessageBytes,
      // The exchange has its own bound and its own heartbeat.
      maxBackpressure: 0,
      idleTimeout: 0,
      sendPingsAutomatically: false,
      upgrade(response: UwsResponse, incoming: UwsRequest, context: unknown) {
        const request = upgradeRequest(incoming)
        const refusal = handler.onUpgrade(request)
        if (refusal === undefined) {
          const [key, protocol, extensions] = ['key', 'protocol', 'extensions'].map((part) =>
            incoming.getHeader(`sec-websocket-${part}`),
          ) as [string, string, string]
          response.upgrade({ request }, key, protocol, extensions, context)
          return
        }
        response.writeStatus(`${refusal.status} Refused`)
        for (const [name, value] of Object.entries(refusal.headers ?? {})) response.writeHeader(name, value)
        response.end(refusal.body ?? '')
      },
      open(ws: UwsSocket) {
        open.add(ws)
        const data = ws.getUserData()
        data.socket = new UwsServerSocket(ws, data.request)
        data.events = handler.onSocket(data.socket)
      },
      message(ws: UwsSocket, message: ArrayBuffer, isBinary: boolean) {
        // Their memory is taken back when this returns.
        ws.getUserData().events?.onMessage(Buffer.from(message.slice(0)), !isBinary)
      },
      close(ws: UwsSocket, code: number, reason: ArrayBuffer) {
        open.delete(ws)
        const { socket, events } = ws.getUserData()
        socket?.ended()
        events?.onClose({ code, reason: Buffer.from(reason).toString(), cut: undefined })
      },
    })
    .any('/*', (response) => void response.writeStatus('426 Upgrade Required').end('WebSocket clients only\n'))

  await new Promise<void>((resolve, reject) => {
    app.listen(options.host, port, (token) => {
      if (token) resolve()
      else reject(new SharedWsError('ERR_EXCHANGE', `uWebSockets.js cannot listen on ${options.host}:${port}`))
    })
  })
  let stopped = false
  return {
    url: listenerUrl(options.host, port),
    port,
    async stop() {
      if (stopped) return
      stopped = true
      app.close()
      for (const ws of [...open]) ws.close()
    },
  }
}

class UwsServerSocket implements ServerSocket {
  readonly request: UpgradeRequest
  /** Undefined once it has ended: uWebSockets.js throws for a socket that is gone. */
  #ws: UwsSocket | undefined

  constructor(ws: UwsSocket, request: UpgradeRequest) {
    this.#ws = ws
    this.request = request
  }

  ended(): void {
    this.#ws = undefined
  }

  get bufferedBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0
  }

  send(payload: string | Uint8Array): void {
    this.#ws?.send(payload, typeof payload !== 'string')
  }

  ping(): void {
    this.#ws?.ping()
  }

  close(code: number, reason: string): void {
    this.#ws?.end(code, reason)
  }

  /** A reset cannot be had; both end TCP at once, without a CLOSE. */
  drop(): void {
    this.#ws?.close()
  }

  sendCut(): void {
    throw cannot('cut a frame')
  }

  holdReading(): void {
    throw cannot('stop reading')
  }

  holdSending(): void {
    throw cannot('stop sending')
  }

  // What was never held needs no release.
  releaseReading(): void {}
  releaseSending(): void {}
}

function cannot(what: string): SharedWsError {
  return new SharedWsError('ERR_EXCHANGE', `server 'uws' cannot ${what}; start the exchange with server: 'ws'`)
}

async function loadUws(): Promise<Uws> {
  // Not a literal: the compiler must not look for a package that need not be there.
  const name: string = 'uWebSockets.js'
  try {
    const module = (await import(name)) as { default?: Uws } & Uws
    return module.default ?? module
  } catch (error) {
    const [reason] = String(error).split('\n')
    const message = `server 'uws' needs the package uWebSockets.js, which does not load here (${reason}); use 'ws'`
    throw new SharedWsError('ERR_EXCHANGE', message, { cause: error })
  }
}

function upgradeRequest(incoming: UwsRequest): UpgradeRequest {
  const headers: Record<string, string> = {}
  const add = (name: string, value: string): void => {
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  if (incoming.forEachHeader !== undefined) incoming.forEachHeader(add)
  else incoming.forEach?.(add)
  const query = incoming.getQuery()
  return { path: query ? `${incoming.getUrl()}?${query}` : incoming.getUrl(), headers }
}

function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, host, () => {
      const { port } = probe.address() as AddressInfo
      probe.close(() => resolve(port))
    })
  })
}
