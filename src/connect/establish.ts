import type { RawLink, RawLinkOpener } from './raw-link.ts'
import type { HeaderLines, WsConnectRequest } from './request.ts'

/** A link on which the server has switched protocols. */
export interface Established<L extends RawLink> {
  readonly link: L
  readonly subprotocol: string
  readonly responseHeaders: HeaderLines
  /** Bytes that came behind the response head: the first frames. Empty when there were none. */
  readonly glued: Uint8Array
  readonly tls: { readonly protocol: string; readonly cipher: string; readonly authorized: boolean } | undefined
}

/**
 * DNS, TCP, TLS and the upgrade, each under its deadline. Rejects with `WsConnectError` whose cause is
 * `handshake-failed` with the stage, or with the signal's reason when `signal` aborts. Whatever the outcome, no socket
 * but the returned one is left open.
 */
export declare function establish<L extends RawLink>(
  open: RawLinkOpener<L>,
  request: WsConnectRequest,
  signal: AbortSignal,
): Promise<Established<L>>
