import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

/** What a proxy does with a connection. What it was asked for goes into `proxy.asked`. */
export type ProxyScript = (client: Socket, proxy: TestProxy) => void | Promise<void>

export interface TestProxyOptions {
  readonly script: ProxyScript
  readonly tls?: TlsOptions
  /** Names that it knows. Default: `venue.test` and `localhost` are 127.0.0.1. */
  readonly hosts?: Readonly<Record<string, string>>
}

interface Credentials {
  readonly user: string
  readonly password: string
}

/** A proxy on 127.0.0.1, well-behaved or hostile, and what it saw. */
export class TestProxy {
  readonly port: number
  /** `host:port`, as asked for. */
  readonly asked: string[] = []
  /** First lines and headers of HTTP requests. */
  readonly heads: string[] = []
  readonly hosts: Readonly<Record<string, string>>
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  static async listen(options: TestProxyOptions): Promise<TestProxy> {
    let self: TestProxy | undefined
    const onSocket = (socket: Socket): void => {
      const proxy = self as TestProxy
      proxy.track(socket)
      // A client that hangs up in the middle is what many of the tests are about.
      Promise.resolve(options.script(socket, proxy)).catch(() => socket.destroy())
    }
    const server = options.tls === undefined ? createServer(onSocket) : createTlsServer(options.tls, onSocket)
    server.on('tlsClientError', () => {})
    server.on('connection', (socket: Socket) => self?.track(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    self = new TestProxy(server, options.hosts ?? { 'venue.test': '127.0.0.1', localhost: '127.0.0.1' })
    return self
  }

  /** Use {@link TestProxy.listen}. */
  constructor(server: Server, hosts: Readonly<Record<string, string>>) {
    this.#server = server
    this.hosts = hosts
    this.port = (server.address() as AddressInfo).port
  }

  track(socket: Socket): void {
    if (this.#sockets.has(socket)) return
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }

  /** Rejects when the server cannot be reached. */
  async dial(host: string, port: number): Promise<Socket> {
    this.asked.push(`${isIP(host) === 6 ? `[${host}]` : host}:${port}`)
    const address = isIP(host) === 0 ? this.hosts[host] : host
    if (address === undefined) throw Object.assign(new Error(`unknown host ${host}`), { code: 'ENOTFOUND' })
    const socket = connect({ host: address, port })
    this.track(socket)
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return socket
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}

/** Exactly so many bytes. */
async function readBytes(client: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = client.read(count)
    if (bytes?.length === count) return bytes
    await new Promise<void>((resolve, reject) => {
      client.once('readable', resolve)
      client.once('close', () => reject(new Error('the client has gone')))
    })
  }
}

async function readHead(client: Socket): Promise<string> {
  let head = ''
  while (!head.endsWith('\r\n\r\n')) head += (await readBytes(client, 1)).toString('latin1')
  return head
}

function join(client: Socket, server: Socket): void {
  client.pipe(server)
  server.pipe(client)
  client.once('close', () => server.destroy())
  server.once('close', () => client.destroy())
}

/** CONNECT as it should be. */
export const httpProxy =
  ({ credentials }: { readonly credentials?: Credentials } = {}): ProxyScript =>
  async (client, proxy) => {
    const head = await readHead(client)
    proxy.heads.push(head)
    const asked = /^CONNECT (.+):(\d+) HTTP\/1\.1\r\n/.exec(head)
    if (asked === null) return void client.end('HTTP/1.1 405 Not Allowed\r\nContent-Length: 0\r\n\r\n')
    if (credentials !== undefined) {
      const basic = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')
      if (!head.includes(`\r\nProxy-Authorization: Basic ${basic}\r\n`)) {
        const lines = ['HTTP/1.1 407 Proxy Authentication Required', 'Proxy-Authenticate: Basic realm="test"']
        return void client.end([...lines, 'Content-Length: 6', '', 'denied'].join('\r\n'))
      }
    }
    const host = (asked[1] as string).replace(/^\[|\]$/g, '')
    let server: Socket
    try {
      server = await proxy.dial(host, Number(asked[2]))
    } catch {
      return void client.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 11\r\n\r\nunreachable')
    }
    client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    join(client, server)
  }

/** SOCKS 5 as it should be. */
export const socksProxy =
  ({ credentials }: { readonly credentials?: Credentials } = {}): ProxyScript =>
  async (client, proxy) => {
    const [, count] = await readBytes(client, 2)
    const methods = await readBytes(client, count as number)
    const method = credentials === undefined ? 0 : 2
    if (!methods.includes(method)) return void client.end(Uint8Array.of(5, 255))
    client.write(Uint8Array.of(5, method))
    if (credentials !== undefined) {
      const [, userLength] = await readBytes(client, 2)
      const user = (await readBytes(client, userLength as number)).toString()
      const [passwordLength] = await readBytes(client, 1)
      const password = passwordLength === 0 ? '' : (await readBytes(client, passwordLength as number)).toString()
      const isRight = user === credentials.user && password === credentials.password
      if (!isRight) return void client.end(Uint8Array.of(1, 1))
      client.write(Uint8Array.of(1, 0))
    }
    const [, , , type] = await readBytes(client, 4)
    let host: string
    if (type === 1) host = [...(await readBytes(client, 4))].join('.')
    else if (type === 4) {
      const hex = (await readBytes(client, 16)).toString('hex').match(/..../g) as string[]
      host = new URL(`http://[${hex.join(':')}]`).hostname.slice(1, -1)
    } else host = (await readBytes(client, (await readBytes(client, 1))[0] as number)).toString('latin1')
    const port = (await readBytes(client, 2)).readUInt16BE(0)
    let server: Socket
    try {
      server = await proxy.dial(host, port)
    } catch (error) {
      const reply = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 5 : 4
      return void client.end(Uint8Array.of(5, reply, 0, 1, 0, 0, 0, 0, 0, 0))
    }
    client.write(Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 80))
    join(client, server)
  }

/** Proxies that nobody should have to meet. Each hears the client out first. */
export const hostile = {
  /** Accepts and says nothing. */
  silent: (): ProxyScript => () => {},
  /** Says these bytes, then nothing more, or hangs up. */
  says:
    (bytes: string | Uint8Array, andThen: 'waits' | 'ends' | 'resets' = 'waits'): ProxyScript =>
    async (client) => {
      await readBytes(client, 3)
      await new Promise((resolve) => client.write(bytes, resolve))
      if (andThen === 'ends') client.end()
      if (andThen === 'resets') client.resetAndDestroy()
    },
  /** A byte now and then. */
  drips:
    (text: string): ProxyScript =>
    async (client) => {
      for (let i = 0; !client.destroyed; i++) {
        client.write(text[i % text.length] as string)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
  /** A head that never ends. */
  endlessHead: (): ProxyScript => async (client) => {
    client.write('HTTP/1.1 200 OK\r\n')
    while (!client.destroyed) {
      await new Promise((resolve) => client.write(`X: ${'y'.repeat(4000)}\r\n`, resolve))
    }
  },
  /** Answers and, in one piece with that, speaks for the server. */
  speaksForServer:
    (bytes: string): ProxyScript =>
    async (client) => {
      await readHead(client)
      client.write(`HTTP/1.1 200 OK\r\n\r\n${bytes}`)
    },
} as const
