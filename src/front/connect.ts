import { chooseTransport } from './choose-transport.ts'
import type { WsConnection } from './connection.ts'
import type { ConnectOptions, WsProvided } from './options.ts'
import { resolveOptions } from './resolve.ts'
import { SingleConnection } from './single-connection.ts'

/**
 * Connects to a WebSocket server. Returns at once, with connecting begun; the connection makes one attempt, and does not
 * come back after it has ended.
 *
 * `url` is `ws:` or `wss:`, or a function that gives one; credentials in it become an `Authorization` header.
 *
 * Throws `WsConfigError` (`ERR_CONFIG`) with every mistake in `url` and `options`, and `SharedWsError`
 * (`ERR_NATIVE_UNAVAILABLE`) when `native: 'require'` cannot be met. Nothing that the network does is thrown: it is the
 * `cause` of `closed()`, and the rejection of `ready()`.
 */
export function connect(url: WsProvided<string | URL>, options: ConnectOptions = {}): WsConnection {
  const resolved = resolveOptions(url, options)
  const connection = new SingleConnection(resolved, chooseTransport(resolved))
  connection.start()
  return connection
}
