import type { Listener } from '../server/listener.ts'
import { listenUws } from '../server/uws-listener.ts'
import { listenWs } from '../server/ws-listener.ts'
import { ExchangeCore } from './core.ts'
import { type CheckedExchangeOptions, checkExchangeOptions, type ExchangeOptions } from './options.ts'

/** No request of a client is larger. */
const MAX_REQUEST_BYTES = 2 ** 20

/**
 * An exchange to test gateways against: Deribit-style JSON-RPC 2.0 over a real WebSocket, in this process. (In one of its
 * own: {@link file://./exchange-process.ts ExchangeProcess}.)
 *
 * ```ts
 * const exchange = await EmbeddedExchange.start({ rate: 100 })
 * const feed = connect(exchange.url, …)
 * exchange.setFate('q-1', 'never')      // or label an order 'never-1'
 * exchange.drop()                       // every connection, by a reset
 * exchange.log()                        // what it received and did
 * await exchange.stop()
 * ```
 *
 * It knows `public/auth`, `set_heartbeat`, `disable_heartbeat`, `test`, `subscribe` and `unsubscribe`, and
 * `private/subscribe`, `unsubscribe`, `buy`, `sell`, `cancel` and `get_order_state_by_label`; channels
 * `ticker.{instrument}.{interval}`, `book.{instrument}.{interval}` (`raw` with a token, `100ms`, `agg2`: all at the rate
 * of the market) and `user.orders.{instrument}.raw`. What orders become is said by `setFate`, by the label's prefix, by
 * chaos, or else by the market.
 */
export class EmbeddedExchange extends ExchangeCore {
  readonly url: string
  readonly port: number
  readonly #listener: Listener

  private constructor(options: CheckedExchangeOptions, listener: Listener) {
    super(options)
    this.#listener = listener
    this.url = listener.url
    this.port = listener.port
  }

  /** Rejects with `WsConfigError`, with the system's error when it cannot listen, or when `uws` does not load. */
  static async start(options: ExchangeOptions = {}): Promise<EmbeddedExchange> {
    const checked = checkExchangeOptions(options)
    const { host, port, perMessageDeflate } = checked
    let exchange: EmbeddedExchange | undefined
    const handler = {
      // Nothing can connect before the port is known, and it is known when this has run to its end.
      onUpgrade: (request) => (exchange as EmbeddedExchange).onUpgrade(request),
      onSocket: (socket) => (exchange as EmbeddedExchange).onSocket(socket),
    } satisfies Parameters<typeof listenWs>[1]
    const settings = { host, port, maxMessageBytes: MAX_REQUEST_BYTES, perMessageDeflate }
    const listener =
      checked.server === 'uws' ? await listenUws(settings, handler) : await listenWs(settings, handler, checked.clock)
    exchange = new EmbeddedExchange(checked, listener)
    exchange.begin()
    return exchange
  }

  /** Drops every connection and frees the port. The log stays readable. Idempotent. */
  stop(): Promise<void> {
    this.end()
    return this.#listener.stop()
  }
}
