import type { Clock } from '../support/clock.ts'
import type { WsAddress, WsSocketOptions } from './request.ts'
import type { PreparedTls } from './tls.ts'
import type { TlsSession } from './tls-sessions.ts'

/**
 * A socket before it is a WebSocket: what `establish()` drives. The native transport implements it over the addon, a
 * simulation over its own network. Pull-based: a link delivers bytes only when asked, so nothing behind the upgrade
 * response can overtake it.
 */
export interface RawLink {
  /** Whose TLS it is: a session of one implementation is of no use to another. */
  readonly tlsName: string
  /** Queues bytes (copied). */
  write(bytes: Uint8Array): void
  /** The next bytes, in memory of their own. Rejects with {@link RawLinkError}; `ERR_SOCKET_ENDED` when the peer closed. */
  read(): Promise<Uint8Array>
  /**
   * TLS over what is there, be it TLS already (to an `https://` proxy). Resolves when the peer is authenticated as asked.
   * Rejects with {@link RawLinkError}.
   */
  startTls(tls: PreparedTls, exchange: TlsExchange): Promise<WsTlsInfo>
  addresses(): { localAddress: string; localPort: number; remoteAddress: string; remotePort: number }
  /** Ends it at once. Pending promises reject. Idempotent. */
  destroy(): void
}

/** What was negotiated. */
export interface WsTlsInfo {
  /** `TLSv1.3` or `TLSv1.2`. */
  readonly protocol: string
  /** OpenSSL's name for it. */
  readonly cipher: string
  /** The protocol that the server chose of those we offer by ALPN (RFC 7301): `http/1.1`, or '' when it has no opinion. */
  readonly alpn: string
  /**
   * The certificate's chain leads to a trusted root, and it is for this host. Can be false only with `validateCerts: false`.
   */
  readonly authorized: boolean
  /** The handshake was a short one, with a session of an earlier connection. */
  readonly sessionReused: boolean
}

/** What a handshake takes from earlier ones, and gives to later ones. */
export interface TlsExchange {
  /** Offered for resumption. The server may refuse it: then the handshake is a full one. */
  readonly session: TlsSession | undefined
  /** Gets each session that the server gives out, as long as the link lives. Undefined: none is wanted. */
  readonly onSession: ((session: TlsSession) => void) | undefined
  /** Gets each line of the key log, without a line feed. Given exactly when `PreparedTls.keyLog` is set. */
  readonly onKeyLog: ((line: string) => void) | undefined
}

/** Opens one address. Rejects with {@link RawLinkError}. */
export type RawLinkOpener<L extends RawLink> = (
  address: WsAddress,
  port: number,
  options: { readonly socket: WsSocketOptions; readonly clock: Clock; readonly signal: AbortSignal },
) => Promise<L>

/** Runs `work`. The link is destroyed when it fails, and at once, not when promises have come round to it, on abort. */
export async function destroyedWith<T>(signal: AbortSignal, link: RawLink, work: () => Promise<T>): Promise<T> {
  const destroy = (): void => link.destroy()
  signal.addEventListener('abort', destroy, { once: true })
  try {
    return await work()
  } catch (error) {
    link.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', destroy)
  }
}

/** A failure below HTTP. `code` as in Node: `ECONNREFUSED`, `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`. */
export class RawLinkError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
