import { chooseTransport } from './choose-transport.ts'
import type { WsConnection } from './connection.ts'
import { HealingConnection } from './healing-connection.ts'
import type { ConnectOptions, WsProvided } from './options.ts'
import { resolveOptions } from './resolve.ts'

/**
 * Connects to a WebSocket server, and again whenever the connection breaks, until `close()`. Returns at once, with
 * connecting begun. `reconnect: false` makes it one attempt.
 *
 * `url` is `ws:` or `wss:`, or a function that gives one, called per attempt; credentials in it become an `Authorization`
 * header.
 *
 * Throws `WsConfigError` (`ERR_CONFIG`) with every mistake in `url` and `options`, and `SharedWsError`
 * (`ERR_NATIVE_UNAVAILABLE`) when `native: 'require'` cannot be met. Nothing that the network does is thrown: it is the
 * `cause` of `disconnected` and `closed()`, and the rejection of `ready()`.
 */
export function connect<M = unknown, E = unknown>(
  url: WsProvided<string | URL>,
  options: ConnectOptions<M, E> = {},
): WsConnection {
  const resolved = resolveOptions(url, options)
  const connection = new HealingConnection(resolved, chooseTransport(resolved))
  connection.start()
  return connection
}
