import type { Clock } from '../support/clock.ts'
import type { RandomSource } from '../support/random.ts'

/** `[name, value]` per header line, in the order to send. */
export type HeaderLines = readonly (readonly [name: string, value: string])[]

/** Header lines as an object, a list of pairs, or a `Headers`. Order and case are kept. */
export type WsHeadersInit = Readonly<Record<string, string | readonly string[]>> | HeaderLines | Headers

/** Everything a connection needs, resolved: no functions of the user but `lookup`, no defaults left open. */
export interface WsConnectRequest {
  /** `ws:` or `wss:`, without a fragment, and without credentials: `parseUrl` made a header of those. */
  readonly url: URL
  readonly headers: HeaderLines
  readonly subprotocols: readonly string[]
  readonly tls: WsTlsConfig
  readonly lookup: WsLookup
  /** 4 or 6: only addresses of that IP version are used. 0: both. */
  readonly family: WsAddressFamily
  readonly limits: WsLimits
  readonly timeouts: WsStageTimeouts
  /** TCP_NODELAY. */
  readonly noDelay: boolean
  readonly clock: Clock
  readonly random: RandomSource
}

export interface WsLimits {
  /** A larger frame is refused with 1009 as soon as its header is read. */
  readonly maxFrameBytes: number
  /** A larger message is refused with 1009. */
  readonly maxMessageBytes: number
  /** Outbound bytes that the transport itself holds before `offer` returns `OFFER_FULL`. */
  readonly maxLinkBytes: number
}

/** A deadline for each stage (`tcpMs`: for each address) and for all of them together, in ms. */
export interface WsStageTimeouts {
  readonly dnsMs: number
  readonly tcpMs: number
  readonly tlsMs: number
  readonly upgradeMs: number
  readonly totalMs: number
  /**
   * No deadline: how long an address has before the next one is tried beside it (Connection Attempt Delay, RFC 8305
   * section 5). At least 10.
   */
  readonly attemptDelayMs: number
}

/** 0: both IPv4 and IPv6. */
export type WsAddressFamily = 0 | 4 | 6

/**
 * All literal addresses of a name, best first; families need not be sorted. May throw or reject. `family`, unless 0, is the
 * only one wanted: others may be left out. The signal fires when the answer is not wanted.
 */
export type WsLookup = (
  hostname: string,
  options: { readonly signal: AbortSignal; readonly family: WsAddressFamily },
) => Promise<readonly WsAddress[]>

export interface WsAddress {
  /** Literal IPv4 or IPv6 address. */
  readonly address: string
  readonly family: 4 | 6
}

/** PEM strings or bytes. */
export interface WsTlsConfig {
  /** Verify chain and host name. Default true. */
  readonly validateCerts?: boolean
  /** Trusted roots, instead of the default ones. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[]
  /** Client certificate chain and its key. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly passphrase?: string
  /** Name for SNI and for the certificate check. Default: the URL's host. */
  readonly serverName?: string
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** OpenSSL's notation, as Node's `tls.connect({ ciphers })`. */
  readonly ciphers?: string
}
