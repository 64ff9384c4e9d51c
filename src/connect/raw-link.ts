import type { Clock } from '../support/clock.ts'
import type { WsAddress, WsSocketOptions } from './request.ts'
import type { PreparedTls } from './tls.ts'

/**
 * A socket before it is a WebSocket: what `establish()` drives. The native transport implements it over the addon, a
 * simulation over its own network. Pull-based: a link delivers bytes only when asked, so nothing behind the upgrade
 * response can overtake it.
 */
export interface RawLink {
  /** Queues bytes (copied). */
  write(bytes: Uint8Array): void
  /** The next bytes, in memory of their own. Rejects with {@link RawLinkError}; `ERR_SOCKET_ENDED` when the peer closed. */
  read(): Promise<Uint8Array>
  /** TLS over what is there. Resolves when the peer is authenticated as asked. Rejects with {@link RawLinkError}. */
  startTls(tls: PreparedTls): Promise<RawTlsInfo>
  addresses(): { localAddress: string; localPort: number; remoteAddress: string; remotePort: number }
  /** Ends it at once. Pending promises reject. Idempotent. */
  destroy(): void
}

export interface RawTlsInfo {
  readonly protocol: string
  readonly cipher: string
  readonly authorized: boolean
}

/** Opens one address. Rejects with {@link RawLinkError}. */
export type RawLinkOpener<L extends RawLink> = (
  address: WsAddress,
  port: number,
  options: { readonly socket: WsSocketOptions; readonly clock: Clock; readonly signal: AbortSignal },
) => Promise<L>

/** A failure below HTTP. `code` as in Node: `ECONNREFUSED`, `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`. */
export class RawLinkError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
