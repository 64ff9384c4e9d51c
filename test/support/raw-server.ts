import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { RawPeer, type RawRequest } from './raw-peer.ts'
import { seededRandom } from './seeded-random.ts'

export { type ClientFrame, closeOf, encodeServerClose, encodeServerFrame } from './raw-frames.ts'
export { RawPeer, type RawRequest } from './raw-peer.ts'

/**
 * What a server does with a connection from its first byte. `upgrade.accept()` is the well-behaved one. A script that
 * throws fails the test through {@link RawServer.close}.
 */
export type RawScript = (peer: RawPeer) => void | Promise<void>

export interface RawServerOptions {
  /** Default: `upgrade.accept()`. */
  readonly script?: RawScript
  /** Serve TLS with these. `tlsFixture('localhost')` gives a good pair. */
  readonly tls?: TlsOptions
  /** Cut every write into pieces of 1 … `maxPieceBytes` (default 16), reproducibly. */
  readonly chop?: { readonly seed: number; readonly maxPieceBytes?: number }
}

/** A TCP or TLS server on 127.0.0.1 that speaks WebSocket by hand, or whatever a script tells it to. */
export class RawServer {
  readonly port: number
  /** `ws://127.0.0.1:port/`, or `wss://localhost:port/` with TLS. */
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #upgraded: RawPeer[] = []
  readonly #waiting: ((peer: RawPeer) => void)[] = []
  #failure: unknown

  static async listen(options: RawServerOptions = {}): Promise<RawServer> {
    let self: RawServer | undefined
    const onSocket = (socket: Socket): void => self?.handle(socket, options)
    // allowHalfOpen: a client's FIN is answered when the script says so, not by Node.
    const server = options.tls
      ? createTlsServer({ ...options.tls, allowHalfOpen: true }, onSocket)
      : createServer({ allowHalfOpen: true }, onSocket)
    server.on('tlsClientError', () => {})
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    self = new RawServer(server, options.tls !== undefined)
    return self
  }

  /** Use {@link RawServer.listen}. */
  constructor(server: Server, secure: boolean) {
    this.#server = server
    // With TLS these are the TCP sockets below, so that clients stuck in a handshake are counted and ended too.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      socket.on('error', () => {})
    })
    this.port = (server.address() as AddressInfo).port
    this.url = secure ? `wss://localhost:${this.port}/` : `ws://127.0.0.1:${this.port}/`
  }

  /** TCP connections that are open now. */
  get openConnections(): number {
    return this.#sockets.size
  }

  /** The next connection whose script has finished: with the default one, a WebSocket. Waits at most 10 s. */
  async connection(): Promise<RawPeer> {
    const ready = this.#upgraded.shift()
    if (ready !== undefined) return ready
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#failure ?? new Error('no connection came')), 30_000)
      this.#waiting.push((peer) => {
        clearTimeout(timer)
        resolve(peer)
      })
    })
  }

  /** Destroys every connection and stops listening. Rejects with what a script threw. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Called by {@link RawServer.listen} for each socket. */
  handle(socket: Socket, options: RawServerOptions): void {
    const peer = new RawPeer(socket, chopper(options))
    const script = options.script ?? upgrade.accept()
    Promise.resolve(script(peer)).then(
      () => {
        const waiter = this.#waiting.shift()
        if (waiter === undefined) this.#upgraded.push(peer)
        else waiter(peer)
      },
      (error: unknown) => {
        // A client that leaves in the middle of a script is often what the test is about.
        if (peer.end === undefined && !socket.destroyed) this.#failure ??= error
        socket.destroy()
      },
    )
  }
}

function chopper({ chop }: RawServerOptions): (() => number) | undefined {
  if (chop === undefined) return undefined
  const random = seededRandom(chop.seed)
  const most = chop.maxPieceBytes ?? 16
  return () => 1 + Math.floor(random() * most)
}

export interface AcceptOptions {
  readonly subprotocol?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** Instead of the right one. */
  readonly acceptValue?: string
  /** Bytes in the same write as the response head. */
  readonly glued?: Uint8Array
}

/** The 101 response that a conforming server gives. */
export function acceptHead(request: RawRequest, options: AcceptOptions = {}): string {
  const key = request.header('sec-websocket-key') ?? ''
  const right = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  const lines: (readonly [string, string])[] = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', options.acceptValue ?? right],
  ]
  if (options.subprotocol !== undefined) lines.push(['Sec-WebSocket-Protocol', options.subprotocol])
  return responseHead('101 Switching Protocols', [...lines, ...(options.headers ?? [])])
}

/** A response head as bytes of text, its blank line included. `status` such as `403 Forbidden`. */
export function responseHead(status: string, headers: readonly (readonly [name: string, value: string])[]): string {
  return `HTTP/1.1 ${status}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** Scripts for the ways in which a server answers an upgrade. */
export const upgrade = {
  /** Reads the request, switches protocols. */
  accept:
    (options: AcceptOptions = {}): RawScript =>
    async (peer) => {
      const head = acceptHead(await peer.request(), options)
      if (options.headers?.some(([name]) => name.toLowerCase() === 'sec-websocket-extensions')) peer.admitCompressed()
      await peer.write(Buffer.concat([Buffer.from(head, 'latin1'), options.glued ?? new Uint8Array(0)]))
    },
  /** Answers with `status` and a body, then closes. `headers` default to a Content-Length. */
  refuse:
    (status: string, body = '', headers?: readonly (readonly [name: string, value: string])[]): RawScript =>
    async (peer) => {
      await peer.request()
      const lines = headers ?? [['Content-Length', `${Buffer.byteLength(body)}`] as const]
      await peer.write(responseHead(status, lines) + body)
      peer.halfClose()
    },
  /** Reads the request and sends these bytes, whatever they are; the connection stays open. */
  answer:
    (bytes: string | Uint8Array): RawScript =>
    async (peer) => {
      await peer.request()
      await peer.write(bytes)
    },
  /** Accepts TCP (and TLS), reads, says nothing. */
  silent: (): RawScript => () => {},
  /** A response head that never ends, until the client gives up. */
  endlessHead: (): RawScript => async (peer) => {
    await peer.request()
    await peer.write('HTTP/1.1 101 Switching Protocols\r\n')
    const line = `X-Padding: ${'x'.repeat(1000)}\r\n`
    while (!peer.socket.destroyed) await peer.write(line)
  },
  /** Closes TCP as soon as the request is there. */
  hangUp: (): RawScript => async (peer) => {
    await peer.request()
    peer.halfClose()
  },
  /** Resets TCP as soon as the request is there. */
  reset: (): RawScript => async (peer) => {
    await peer.request()
    peer.reset()
  },
} as const

/** PEM of one of the certificates of `test/fixtures/tls` (see the README there). */
export function tlsFixture(name: 'localhost' | 'wrong-host' | 'expired' | 'client' | 'self-signed'): {
  readonly cert: string
  readonly key: string
} {
  return { cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) }
}

/** PEM of the root that signed every fixture but `self-signed`. */
export const tlsFixtureCa = (): string => fixture('ca.pem')

/** The key of fixture `client`, encrypted; its passphrase is `secret`. */
export const tlsFixtureEncryptedKey = (): string => fixture('client-encrypted.key')

const fixture = (file: string): string => readFileSync(new URL(`../fixtures/tls/${file}`, import.meta.url), 'utf8')
