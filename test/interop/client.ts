import { randomUUID } from 'node:crypto'
import { type ConnectOptions, connect, type WsClosed, type WsConnection, type WsMessage } from '../../src/index.ts'
import { tlsFixtureCa } from '../support/raw-server.ts'
import type { RunningServer } from './catalogue.ts'
import { PATIENCE_MS, type ServerLine } from './server-program.ts'

/** A machine may be busy with ten servers; how quick anybody is, is not what is tested. */
export const PATIENT = {
  closeTimeoutMs: PATIENCE_MS,
  timeouts: {
    dnsMs: PATIENCE_MS,
    tcpMs: PATIENCE_MS,
    proxyMs: PATIENCE_MS,
    tlsMs: PATIENCE_MS,
    upgradeMs: PATIENCE_MS,
    totalMs: PATIENCE_MS,
  },
} satisfies ConnectOptions

type Told = Omit<ServerLine, 'client'>

/** A connection to a server of others, and what that server says about it. */
export class InteropClient {
  readonly connection: WsConnection
  readonly pings: string[] = []
  readonly #name = randomUUID()
  readonly #server: RunningServer
  readonly #messages: WsMessage[] = []
  #breaks = false
  #wake = (): void => {}

  constructor(server: RunningServer, options: ConnectOptions) {
    this.#server = server
    this.connection = connect(`${server.url}?client=${this.#name}`, {
      native: 'require',
      reconnect: false,
      ...PATIENT,
      tls: { ca: tlsFixtureCa() },
      whenCallbackThrows: 'close',
      onCallbackError: () => {},
      ...options,
      onPing: (payload) => {
        this.pings.push(Buffer.from(payload).toString())
        this.#wake()
      },
      onMessage: (message) => {
        if (this.#breaks) throw new Error('broken off')
        this.#messages.push(message)
        this.#wake()
      },
    })
    void this.connection.closed().then(() => this.#wake())
  }

  async opened(): Promise<this> {
    await this.connection.ready({ timeoutMs: PATIENCE_MS })
    return this
  }

  /** The next message. Fails when the connection ends without one. */
  async next(): Promise<WsMessage> {
    await this.until('a message', () => this.#messages.length > 0)
    return this.#messages.shift() as WsMessage
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    let late = false
    const patience = setTimeout(() => {
      late = true
      this.#wake()
    }, PATIENCE_MS)
    try {
      while (!condition()) {
        if (this.connection.state === 'closed') throw new Error(`${what}: ${(await this.connection.closed()).reason}`)
        if (late) throw new Error(`${what}: not within ${PATIENCE_MS} ms`)
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(patience)
    }
  }

  /** Ends TCP without a close handshake, as a process that dies does. Something must be received for it. */
  async breakOff(): Promise<WsClosed> {
    this.#breaks = true
    this.connection.send('the last')
    return this.closed()
  }

  async closed(): Promise<WsClosed> {
    let patience: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      patience = setTimeout(() => reject(new Error(`not closed within ${PATIENCE_MS} ms`)), PATIENCE_MS)
    })
    try {
      return await Promise.race([this.connection.closed(), late])
    } finally {
      clearTimeout(patience)
    }
  }

  /** What the server said of this connection. */
  async told(event: ServerLine['event']): Promise<Told> {
    const { client, ...told } = await this.#server.program.line(
      `${event} of ${this.#name}`,
      (line) => line.event === event && line.client === this.#name,
    )
    return told
  }
}
