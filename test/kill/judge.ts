import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { tlsFixture } from '../support/raw-server.ts'

/** What the server made of a request. */
export type Verdict = 'accepted' | 'refused' | 'accepted without a word'

/** A server that writes down every frame that it received whole, which is what outcomes are held against. */
export class Judge {
  readonly port: number
  /** By the request's number, in the order of arrival. Of sends, which nobody answers, it is below 0. */
  readonly received = new Map<number, Verdict[]>()
  readonly #stop: () => Promise<void>

  private constructor(port: number, stop: () => Promise<void>) {
    this.port = port
    this.#stop = stop
  }

  static async listen(isTls: boolean): Promise<Judge> {
    const http = isTls ? createTlsServer(tlsFixture('localhost')) : createServer()
    http.on('tlsClientError', () => {})
    http.on('clientError', (_error, socket) => socket.destroy())
    const server = new WebSocketServer({ server: http, maxPayload: 2 ** 20 })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const judge = new Judge((http.address() as AddressInfo).port, async () => {
      for (const client of server.clients) client.terminate()
      server.close()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    })
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.on('message', (data) => {
        const { id, n } = JSON.parse(data.toString()) as { id: string; n: number }
        const verdict = n < 0 ? 'accepted without a word' : verdictOf(n)
        const seen = judge.received.get(n)
        if (seen === undefined) judge.received.set(n, [verdict])
        else seen.push(verdict)
        if (verdict === 'accepted') socket.send(JSON.stringify({ id, result: n }))
        if (verdict === 'refused') socket.send(JSON.stringify({ id, error: 'refused' }))
      })
    })
    return judge
  }

  stop(): Promise<void> {
    return this.#stop()
  }
}

function verdictOf(n: number): Verdict {
  return n % 7 === 0 ? 'accepted without a word' : n % 11 === 0 ? 'refused' : 'accepted'
}
