import { SharedWsError } from '../errors/errors.ts'
import { type Clock, systemClock } from '../support/clock.ts'
import { Arrivals, type WaitOptions } from './server/arrivals.ts'
import type {
  DropKind,
  Listener,
  Refusal,
  ServerSocket,
  ServerSocketEvents,
  SocketEnd,
  UpgradeRequest,
} from './server/listener.ts'
import { listenWs } from './server/ws-listener.ts'

export interface MockServerOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 0: a free one. */
  readonly port?: number
  /** Largest message that it takes; larger ones end the connection with 1009. Default 16 MiB. */
  readonly maxMessageBytes?: number
  /**
   * Take a client's offer of permessage-deflate, and then compress every message to it; what it compresses is inflated,
   * too. Default false.
   */
  readonly perMessageDeflate?: boolean
  /** The one seam for time. Default: the system's. */
  readonly clock?: Clock
}

/** A message from the client. The memory is yours. */
export interface MockMessage {
  readonly isText: boolean
  readonly bytes: Uint8Array
  /** The bytes as UTF-8. */
  text(): string
  /** `JSON.parse` of the text. */
  json(): unknown
}

/** How a connection ended. */
export interface MockEnd {
  /** 1005 for a CLOSE without a code, 1006 for no CLOSE. */
  readonly code: number
  readonly reason: string
}

/** Messages that wait to be received; beyond it the client is not read until some have been. */
const MAX_WAITING_MESSAGES = 10_000

/**
 * A real WebSocket server for tests of your own code, which does nothing by itself:
 *
 * ```ts
 * const server = await MockServer.listen()
 * const client = connect(server.url)
 * const peer = await server.connection()
 * peer.send('hello')
 * expect((await peer.receive()).text()).toBe('hi')
 * peer.drop()                                     // or: await peer.close(1001)
 * await server.stop()
 * ```
 *
 * Every wait has a deadline, 5 s unless you say otherwise, and rejects with `ERR_MOCK_SERVER` when it has passed.
 */
export class MockServer {
  readonly url: string
  readonly port: number
  readonly #listener: Listener
  readonly #connections: Arrivals<MockConnection>
  readonly #refusals: Refusal[]

  private constructor(listener: Listener, connections: Arrivals<MockConnection>, refusals: Refusal[]) {
    this.#listener = listener
    this.#connections = connections
    this.#refusals = refusals
    this.url = listener.url
    this.port = listener.port
  }

  /** Rejects with the system's error when it cannot listen. */
  static async listen(options: MockServerOptions = {}): Promise<MockServer> {
    const {
      host = '127.0.0.1',
      port = 0,
      maxMessageBytes = 16 * 2 ** 20,
      perMessageDeflate = false,
      clock = systemClock,
    } = options
    const connections = new Arrivals<MockConnection>('a connection', clock)
    const refusals: Refusal[] = []
    const handler = {
      onUpgrade: () => refusals.shift(),
      onSocket(socket: ServerSocket): ServerSocketEvents {
        const connection = new MockConnection(socket, clock)
        connections.add(connection)
        return connection
      },
    }
    return new MockServer(
      await listenWs({ host, port, maxMessageBytes, perMessageDeflate }, handler, clock),
      connections,
      refusals,
    )
  }

  /** The next connection that this has not given yet, in the order in which they came. */
  connection(wait?: WaitOptions): Promise<MockConnection> {
    return this.#connections.next(wait)
  }

  /** Answers the next upgrade with an HTTP status instead. May be called several times ahead. */
  refuseNext(refusal: Refusal = { status: 503 }): void {
    if (!(Number.isInteger(refusal.status) && refusal.status >= 400 && refusal.status <= 599)) {
      throw new SharedWsError('ERR_MOCK_SERVER', 'refuseNext: status must be from 400 to 599')
    }
    this.#refusals.push(refusal)
  }

  /** Drops every connection and frees the port. Waits reject. Idempotent. */
  stop(): Promise<void> {
    this.#connections.end('the server has stopped')
    return this.#listener.stop()
  }
}

/** The server's end of one connection. Sending after its end does nothing. */
export class MockConnection implements ServerSocketEvents {
  readonly #socket: ServerSocket
  readonly #messages: Arrivals<MockMessage>
  readonly #ends: Arrivals<MockEnd>
  #held = false

  /** @internal */
  constructor(socket: ServerSocket, clock: Clock) {
    this.#socket = socket
    this.#messages = new Arrivals('a message', clock)
    this.#ends = new Arrivals('the end of the connection', clock)
  }

  /** Path, query and headers that the client asked with. */
  get request(): UpgradeRequest {
    return this.#socket.request
  }

  /** The next message; those that came before the connection ended can still be received after it. */
  async receive(wait?: WaitOptions): Promise<MockMessage> {
    const message = await this.#messages.next(wait)
    if (this.#held && this.#messages.waiting < MAX_WAITING_MESSAGES) {
      this.#held = false
      this.#socket.releaseReading()
    }
    return message
  }

  /** Strings as text, bytes as binary. */
  send(payload: string | Uint8Array): void {
    this.#socket.send(payload)
  }

  /** As JSON. */
  sendJson(value: unknown): void {
    this.#socket.send(JSON.stringify(value))
  }

  ping(): void {
    this.#socket.ping()
  }

  /** Close handshake; resolves when the connection has ended. A client that does not answer has 1 s. */
  close(code = 1000, reason = ''): Promise<MockEnd> {
    this.#socket.close(code, reason)
    return this.closed()
  }

  /** Ends TCP without a CLOSE. Default: by a reset. */
  drop(how: DropKind = 'rst'): void {
    this.#socket.drop(how)
  }

  /** Resolves when the connection has ended, however it did; again and again. */
  async closed(wait?: WaitOptions): Promise<MockEnd> {
    const end = await this.#ends.next(wait)
    this.#ends.add(end)
    return end
  }

  /** @internal */
  onMessage(data: Buffer, isText: boolean): void {
    const text = (): string => data.toString()
    this.#messages.add({ isText, bytes: data, text, json: () => JSON.parse(text()) })
    if (this.#held || this.#messages.waiting < MAX_WAITING_MESSAGES) return
    this.#held = true
    this.#socket.holdReading()
  }

  /** @internal */
  onClose({ code, reason }: SocketEnd): void {
    this.#messages.end(`the connection has ended (${code}${reason === '' ? '' : ` ${JSON.stringify(reason)}`})`)
    this.#ends.add({ code, reason })
  }
}
