import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** How the proxy ends a connection, at both of its ends. */
export type KillHow = 'rst' | 'fin'

/** When. Bytes count from the end of the upgrade request, or over TLS, where that cannot be seen, from the first one. */
export type KillPlan = {
  readonly how: KillHow
  /** The proxy stops reading what the client sends so many ms before it kills, so that it piles up in the client. */
  readonly deafForMs: number
} & (
  | { readonly kind: 'client-bytes'; readonly bytes: number }
  | { readonly kind: 'server-bytes'; readonly bytes: number }
  | { readonly kind: 'time'; readonly afterMs: number }
)

const HEAD_END = Buffer.from('\r\n\r\n')

/** A TCP proxy that passes on what comes, for a while. It knows nothing of WebSocket, and of TLS not even the plaintext. */
export class KillProxy {
  readonly port: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Connections that were killed as planned, by kind and how. */
  readonly kills = new Map<string, number>()

  private constructor(server: Server) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  get killed(): number {
    return [...this.kills.values()].reduce((sum, n) => sum + n, 0)
  }

  static async listen(upstreamPort: number, isTls: boolean, nextPlan: () => KillPlan | undefined): Promise<KillProxy> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const proxy = new KillProxy(server)
    server.on('connection', (client) => proxy.#serve(client, upstreamPort, isTls, nextPlan()))
    return proxy
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(client: Socket, upstreamPort: number, isTls: boolean, plan: KillPlan | undefined): void {
    const upstream = connect({ port: upstreamPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    let isOver = false
    let timer: NodeJS.Timeout | undefined
    const end = (how: KillHow): void => {
      isOver = true
      clearTimeout(timer)
      for (const socket of [client, upstream]) {
        if (how === 'rst') socket.resetAndDestroy()
        else socket.end(() => socket.destroy())
      }
    }
    const kill = (): void => {
      if (isOver || plan === undefined) return
      const key = `${plan.kind}, ${plan.how}`
      this.kills.set(key, (this.kills.get(key) ?? 0) + 1)
      end(plan.how)
    }
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => end('rst'))
      socket.on('close', () => {
        this.#sockets.delete(socket)
        if (!isOver) end('fin')
      })
    }
    // What is to pass before the kill; undefined: everything, for now.
    const clientLeft = new Allowance(plan?.kind === 'client-bytes' ? plan.bytes : Infinity, isTls)
    const serverLeft = new Allowance(plan?.kind === 'server-bytes' ? plan.bytes : Infinity, true)
    const killSoon = (): void => {
      if (plan === undefined) return
      client.pause()
      if (plan.deafForMs === 0) kill()
      else timer ??= setTimeout(kill, plan.deafForMs)
    }
    pass(client, upstream, clientLeft, killSoon)
    pass(upstream, client, serverLeft, killSoon)
    client.on('end', () => upstream.end())
    upstream.on('end', () => client.end())
    if (plan?.kind === 'time') timer = setTimeout(kill, plan.afterMs)
    client.resume()
  }
}

/** Bytes that may still pass. Those of an HTTP head in front are free. */
class Allowance {
  #left: number
  #headSeen: boolean
  #head = Buffer.alloc(0)

  constructor(bytes: number, headSeen: boolean) {
    this.#left = bytes
    this.#headSeen = headSeen
  }

  /** How many bytes of the chunk may pass. */
  take(chunk: Buffer): number {
    let free = 0
    if (!this.#headSeen) {
      this.#head = Buffer.concat([this.#head, chunk])
      const end = this.#head.indexOf(HEAD_END)
      if (end < 0) return chunk.length
      free = end + HEAD_END.length - (this.#head.length - chunk.length)
      this.#headSeen = true
    }
    const passing = Math.min(chunk.length - free, this.#left)
    this.#left -= passing
    return free + passing
  }

  get isSpent(): boolean {
    return this.#headSeen && this.#left === 0
  }
}

function pass(from: Socket, to: Socket, left: Allowance, spent: () => void): void {
  from.on('data', (chunk: Buffer) => {
    const bytes = left.take(chunk)
    if (bytes > 0 && to.writable && !to.write(chunk.subarray(0, bytes))) {
      from.pause()
      to.once('drain', () => from.resume())
    }
    if (left.isSpent) spent()
  })
}
