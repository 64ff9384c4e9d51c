import type { IngressPlan } from '../plan/plan.ts'
import type { Clock } from '../support/clock.ts'
import type { RandomSource } from '../support/random.ts'
import type { WsDeflateOffer } from './permessage-deflate.ts'
import type { WsProxy } from './proxy.ts'

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
  /** Undefined: directly. */
  readonly proxy: WsProxy | undefined
  readonly tls: WsTlsConfig
  readonly lookup: WsLookup
  /** 4 or 6: only addresses of that IP version are used. 0: both. */
  readonly family: WsAddressFamily
  readonly limits: WsLimits
  readonly timeouts: WsStageTimeouts
  readonly socket: WsSocketOptions
  /** Undefined: `read`. */
  readonly timestampSource?: WsTimestampSource | undefined
  /** Undefined: permessage-deflate is not offered. */
  readonly perMessageDeflate?: WsDeflateOffer | undefined
  /** Undefined: binary messages are delivered as they come. */
  readonly inflateBinary?: WsBinaryCompression | undefined
  /** Checked. Undefined: nobody will watch a topic. */
  readonly plan?: IngressPlan | undefined
  readonly clock: Clock
  readonly random: RandomSource
}

/**
 * How an exchange compresses each binary message by itself, in the names of the web's `CompressionStream`: RFC 1952, 1950
 * and 1951. Such messages are inflated, must then be UTF-8, and are delivered as text.
 */
export type WsBinaryCompression = 'gzip' | 'deflate' | 'deflate-raw'

export interface WsLimits {
  /** A larger frame is refused with 1009 as soon as its header is read. */
  readonly maxFrameBytes: number
  /**
   * A larger message is refused with 1009. Of permessage-deflate, what a message inflates to is measured, while it is inflated;
   * of `inflateBinary` also what was sent. (`ws`, which inflates whole messages, bounds what was sent in either case.)
   */
  readonly maxMessageBytes: number
  /** Outbound bytes that the transport itself holds before `offer` returns `OFFER_FULL`. */
  readonly maxLinkBytes: number
}

/** A deadline for each stage (`tcpMs`: for each address) and for all of them together, in ms. */
export interface WsStageTimeouts {
  readonly dnsMs: number
  readonly tcpMs: number
  /** Everything that is said to a proxy, TLS to it included. */
  readonly proxyMs: number
  readonly tlsMs: number
  readonly upgradeMs: number
  readonly totalMs: number
  /**
   * No deadline: how long an address has before the next one is tried beside it (Connection Attempt Delay, RFC 8305
   * section 5). At least 10.
   */
  readonly attemptDelayMs: number
}

/**
 * What the TCP socket is told before it connects; see socket(7) and tcp(7). What is not given is the system's choice. An
 * option that the kernel refuses, or grants only in part, fails the attempt with `ERR_SOCKET_OPTION` and its name; one that
 * the transport has no means to set (`ws`: those marked *native*) is a mistake of the configuration. None is passed over.
 */
export interface WsSocketOptions {
  /** TCP_NODELAY: small frames leave at once instead of waiting for an acknowledgement. Default true. */
  readonly noDelay?: boolean
  /**
   * SO_KEEPALIVE, TCP_KEEPIDLE: TCP probes a connection on which nothing has come for so long. 1 s to 32 767 s, rounded up
   * to seconds. Default: off. Probes prove that the kernel of the peer lives, not that its feed does: see `pingPong` and
   * `staleAfterMs`.
   */
  readonly keepAliveIdleMs?: number
  /** TCP_KEEPINTVL: time between probes, rounded up to seconds. *native* */
  readonly keepAliveIntervalMs?: number
  /** TCP_KEEPCNT: the connection is given up (`ETIMEDOUT`) after so many unanswered probes, at most 127. *native* */
  readonly keepAliveProbes?: number
  /**
   * SO_RCVBUF, from 4096. The system otherwise lets the buffer grow by itself (up to `net.ipv4.tcp_rmem`), which a fixed size
   * ends: for bursts that come while JavaScript is busy, or to bound them. More than `net.core.rmem_max` is refused. *native*
   */
  readonly receiveBufferBytes?: number
  /** SO_SNDBUF, from 4096; at most `net.core.wmem_max`. A small one shows back-pressure earlier. *native* */
  readonly sendBufferBytes?: number
  /** SO_BUSY_POLL: a read polls the network card for so long, in µs. Above `net.core.busy_read` it needs CAP_NET_ADMIN. *native* */
  readonly busyPollUs?: number
  /**
   * TCP_USER_TIMEOUT: the connection is given up (`ETIMEDOUT`) when data that was sent stays unacknowledged for so long;
   * otherwise that takes some 15 minutes. With keepalive it decides in place of `keepAliveProbes`. *native*
   */
  readonly userTimeoutMs?: number
  /** Literal address of this machine to connect from. Server addresses of the other family then cannot be connected to. */
  readonly localAddress?: string
}

/**
 * What receive times are (`receivedAtUs`, `receivedMonoUs`):
 *
 * - `callback`: when the delivery to JavaScript began that brought the message.
 * - `read`: when the read returned that completed the message. (Over `ws`: when Node handed the bytes over.)
 * - `kernel`: when the kernel received the last segment of that read (SO_TIMESTAMPNS, CLOCK_REALTIME in socket(7)), put on the
 *   monotonic clock. It does not depend on how busy this process was. It is never later than `read`, nor earlier than
 *   what came before it on the connection; where the kernel does not tell, or the system's clock was set between arrival and
 *   read, it is the time of the read. Where several frames came in one read, all have the time of the last segment, which
 *   `receivedAtIsUpperBound` tells. What TCP held back until a lost segment had been sent again has the time of its own arrival.
 */
export type WsTimestampSource = 'callback' | 'read' | 'kernel'

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

/** PEM: text, or its bytes. One string may hold several blocks. */
export type WsPem = string | Uint8Array

export interface WsTlsConfig {
  /** Verify chain and host name. Default true. */
  readonly validateCerts?: boolean
  /** Trusted roots, instead of the default ones. */
  readonly ca?: WsPem | readonly WsPem[]
  /** Roots that are trusted besides `ca`, or besides the default ones. */
  readonly extraCa?: WsPem | readonly WsPem[]
  /** Client certificate chain and its key. */
  readonly cert?: WsPem
  readonly key?: WsPem
  readonly passphrase?: string
  /** Name for SNI and for the certificate check. Default: the URL's host. */
  readonly serverName?: string
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** OpenSSL's notation, as Node's `tls.connect({ ciphers })`. */
  readonly ciphers?: string
  /**
   * Shorten the handshake of a reconnect with a session of an earlier connection (RFC 8446 2.2, RFC 5077). Sessions are kept in
   * memory, per environment, for the same host, port and `tls` options; at most 256 of them and 1 MiB. Default true.
   */
  readonly sessionResumption?: boolean
  /**
   * For debugging: gets the secrets of each connection, one line of the format of SSLKEYLOGFILE at a time, so that a captured
   * packet trace can be decrypted. A string is the path of a file to append to, made readable to its owner alone. Whoever has
   * these lines reads everything, credentials included. The environment variable SSLKEYLOGFILE is not looked at.
   */
  readonly keyLog?: ((line: string) => void) | string
}
