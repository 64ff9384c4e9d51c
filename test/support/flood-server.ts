import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

const BURST = 20
const PAYLOAD = JSON.stringify({ stream: 'depth', data: 'x'.repeat(200) })

/** A server that sends to everybody without end, as far as they take it, and echoes nothing. */
export class FloodServer {
  readonly url: string
  readonly #server: WebSocketServer
  readonly #timer: NodeJS.Timeout

  static async listen(): Promise<FloodServer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve)
      server.once('error', reject)
    })
    return new FloodServer(server)
  }

  /** Use {@link FloodServer.listen}. */
  constructor(server: WebSocketServer) {
    this.#server = server
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`
    server.on('connection', (socket) => socket.on('error', () => {}))
    this.#timer = setInterval(() => this.#burst(), 1)
  }

  get clients(): number {
    return this.#server.clients.size
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    for (const socket of this.#server.clients) socket.terminate()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #burst(): void {
    for (const socket of this.#server.clients) {
      if (socket.readyState !== socket.OPEN || socket.bufferedAmount > 256 * 1024) continue
      for (let i = 0; i < BURST; i++) socket.send(PAYLOAD)
    }
  }
}
