/**
 * Every export of the addon, typed once. The counterpart in C++ is `native/binding/`; numbers that both sides read
 * (record kinds, field offsets, see also `src/support/records.ts`) come from `native/io/record.h` and are checked by `test/unit/native/layout.test.ts`.
 *
 * One *loop* exists per Node environment (main thread or Worker). It owns the memory that all its links share:
 *
 * - `slab`: payload bytes of the current batch;
 * - `control`: records, and one row of counters per link;
 * - `scratch`: where outbound payload functions write.
 *
 * All three are ordinary ArrayBuffers that the addon keeps and writes to until the environment ends; they must be marked
 * untransferable before anyone else sees them.
 *
 * A link is named by a number. Ids are never reused while a record of theirs can still be in a batch.
 */
export interface NativeAddon {
  /** Version of the package that the addon was built from. */
  readonly version: string
  /** OpenSSL headers the addon was compiled against, such as `3.0.19`. */
  readonly opensslVersion: string
  /** Instruction set the codec picked at load: `avx2`, `sse2` or `neon`. */
  readonly simd: string

  /**
   * Creates this environment's loop. Called once. `deliver(count)` is called at most once per loop turn with the number
   * of records waiting at the start of `control`; it must call {@link release} when it no longer needs the slab.
   * An exception out of `deliver` becomes an uncaught exception.
   */
  init(deliver: (count: number) => void): NativeLoopMemory

  /** Gives the current batch's records and slab back to the addon. Views into the slab are overwritten from now on. */
  release(): void

  /** Now, on the clock of `receivedMonoUs` records: CLOCK_MONOTONIC in µs. */
  monoUs(): number

  /**
   * Opens a TCP socket to one address, without blocking. The outcome comes as a `connected` or an `end` record.
   * Throws `RangeError` for an address that is not a literal IP and when 16384 links exist, and an Error
   * `ERR_SOCKET_OPTION` that names the option when the kernel refuses one.
   */
  open(options: NativeOpenOptions): number

  /** Raw phase: queues bytes. Returns false when the link has ended. The bytes are copied. */
  writeRaw(id: number, bytes: Uint8Array): boolean

  /** Raw phase: lets one more `raw` record come. A link delivers one, then waits to be asked again. */
  readMore(id: number): void

  /** Raw phase, connected: begins a TLS handshake. A `secure` or an `end` record follows. */
  startTls(id: number, context: NativeTlsContext, options: NativeStartTlsOptions): void

  /** After a `sessions` record: the sessions that came since the last call, oldest first. Empty for a link that has ended. */
  takeSessions(id: number): readonly NativeTlsSession[]

  /** After a `secure` record: what was negotiated. */
  tlsInfo(id: number): NativeTlsInfo | undefined

  /** Ends the raw phase. `glued` are bytes that came behind the upgrade response; they are decoded first (copied). */
  startWebSocket(id: number, options: NativeWebSocketOptions, glued: Uint8Array | undefined): void

  /**
   * What a link is to find out about topics; give it to {@link startWebSocket}. It may be asked before that and after the link's
   * end, and is freed by GC, after the link. Throws a TypeError for what is no plan, a RangeError for one beyond bounds.
   */
  createTopics(plan: NativeTopicsPlan): NativeTopics
  /**
   * From now on it is remembered when data of the topic comes. Until {@link armTopic} each message is preceded by a `topic`
   * record. Returns the topic's number, above 0, which no other has soon after it was given up; again for one that is watched.
   * 0: there are 65,536. As UTF-8: unpaired surrogates become U+FFFD.
   */
  watchTopic(topics: NativeTopics, topic: string): number
  /** Numbers that are nobody's are ignored. */
  unwatchTopic(topics: NativeTopics, topic: number): void
  /** One more `topic` record comes, with the topic's next data. */
  armTopic(topics: NativeTopics, topic: number): void
  /** When data of it was last read, as {@link monoUs}. 0: not since it is watched, or it is not. */
  topicSeenUs(topics: NativeTopics, topic: number): number

  /**
   * Encodes, masks and queues one data frame, and sends unless `more`. Returns the frame's sequence number on this link
   * (1, 2, …), 0 when the queue is full (see {@link NativeOpenOptions.maxLinkBytes}), -1 when the link takes no more
   * frames (closing or ended). Strings become UTF-8; unpaired surrogates become U+FFFD.
   */
  offerText(id: number, text: string, more: boolean): number
  /** As {@link offerText}, for bytes, copied before it returns. `opcode` 1 text (must be valid UTF-8) or 2 binary. */
  offerBytes(id: number, opcode: number, bytes: Uint8Array, more: boolean): number
  /** As {@link offerBytes}, for the first `length` bytes of `scratch`. */
  offerScratch(id: number, opcode: number, length: number, more: boolean): number
  /** Sends what `more` held back. */
  flush(id: number): void
  /** Takes back a frame of which nothing was begun (nor sealed into a TLS record). False: too late. */
  withdraw(id: number, sequence: number): boolean

  /** Sends a ping or pong (at most 125 bytes, copied), ahead of data frames not begun. 1 taken, 0 full, -1 closed. */
  sendControl(id: number, opcode: number, bytes: Uint8Array): number

  /** Sends CLOSE behind everything queued; later offers return -1. `code` 0 sends an empty one. Idempotent. */
  close(id: number, code: number, reason: string): void

  /** Ends the link at once, without a record. `reset`: with a TCP RST. Unknown ids are ignored. */
  destroy(id: number, reset: boolean): void

  /** Stops reading the socket (TCP then pushes back). Records already made still come. */
  pause(id: number): void
  resume(id: number): void

  /**
   * Reads what the socket holds now (bounded by the slab) and returns how many records wait for delivery in all; the
   * caller delivers them and calls {@link release}. -1: a batch is being delivered right now.
   */
  drain(id: number): number

  /** Address of the local end and the peer, once connected. */
  addresses(
    id: number,
  ): { localAddress: string; localPort: number; remoteAddress: string; remotePort: number } | undefined

  /** Links that exist (for tests and leak checks). */
  linkCount(): number

  /**
   * One SSL_CTX. Expensive with many roots (tens of ms): make one per distinct configuration. Freed by GC, after the
   * last link that uses it. Throws an Error whose message names the option that OpenSSL refused.
   */
  createTlsContext(options: NativeTlsContextOptions): NativeTlsContext
}

/** Opaque. */
export interface NativeTlsContext {
  readonly __nativeTlsContext: never
}

/** Opaque. */
export interface NativeTopics {
  readonly __nativeTopics: never
}

/**
 * How a message names its topic; `core/json_scan.h` says what is found where. At most 8 paths of 16 keys (in an array: indices)
 * and 256 bytes in all, 32 parts of the key, 16 conditions.
 */
export interface NativeTopicsPlan {
  readonly paths: readonly (readonly string[])[]
  /** Literal text, and values at `paths[n]`. */
  readonly key: readonly (string | number)[]
  /** At `paths[path]`: something, or text that `is` or is `not` this. All must hold. */
  readonly when: readonly { readonly path: number; readonly is?: string; readonly not?: string }[]
}

export interface NativeLoopMemory {
  readonly slab: ArrayBuffer
  readonly control: ArrayBuffer
  readonly scratch: ArrayBuffer
  /** Byte offset in `control` of record 0. */
  readonly recordsOffset: number
  /** Byte offset in `control` of the counters of link slot 0; slot = id % 16384. */
  readonly countersOffset: number
  /** Byte offset in `control` of an f64: what turns receive times into Unix epoch µs, as of the current batch. */
  readonly epochOffset: number
  readonly maxRecords: number
  readonly maxLinks: number
  /**
   * Copies of messages too large for the slab, by block index. The addon fills it before a delivery and empties it at
   * {@link NativeAddon.release}.
   */
  readonly blocks: ArrayBuffer[]
}

export interface NativeOpenOptions {
  /** Literal IPv4 or IPv6 address. */
  readonly address: string
  readonly port: number
  readonly socket: NativeSocketOptions
  /** What the receive times of its records are. */
  readonly timestampSource: 'callback' | 'read' | 'kernel'
  /** Bytes of frames not yet begun that the link holds at most; one frame larger than it is taken when none waits. */
  readonly maxLinkBytes: number
}

/** `WsSocketOptions`. What is not given is the system's choice, but for `noDelay`, which is then on. */
export interface NativeSocketOptions {
  readonly noDelay?: boolean
  readonly keepAliveIdleMs?: number
  readonly keepAliveIntervalMs?: number
  readonly keepAliveProbes?: number
  readonly receiveBufferBytes?: number
  readonly sendBufferBytes?: number
  readonly busyPollUs?: number
  readonly userTimeoutMs?: number
  readonly localAddress?: string
}

export interface NativeStartTlsOptions {
  /** For SNI; omitted for IP literals (RFC 6066 section 3). */
  readonly serverName: string | undefined
  /** Name or IP literal that the certificate must carry. */
  readonly verifyHost: string
  /** A session to offer: it is copied. */
  readonly session: NativeTlsSession['handle'] | undefined
  /** Whether `sessions` records are wanted. */
  readonly keepSessions: boolean
}

/** As `TlsSession`. The handle is good in the environment that made it, and freed by GC. */
export interface NativeTlsSession {
  readonly handle: { readonly nativeTlsSession: never }
  /** Serialized. What it takes in memory is some times that. */
  readonly byteLength: number
  readonly expiresAtMs: number
  readonly singleUse: boolean
}

export interface NativeTlsInfo {
  readonly protocol: string
  readonly cipher: string
  readonly alpn: string
  /** The chain verified against the roots (true even when nobody insisted). */
  readonly authorized: boolean
  readonly sessionReused: boolean
}

/** Values are not checked again: whoever negotiated them has. */
export interface NativeWebSocketOptions {
  /** Of a frame's payload as it is on the wire, so compressed if it is. */
  readonly maxFrameBytes: number
  /**
   * Of a message's payload; of a compressed one, of what it inflates to, while it does. A binary message that is inflated
   * for the application is measured before and after.
   */
  readonly maxMessageBytes: number
  /** Undefined: permessage-deflate was not negotiated. */
  readonly deflate: NativeDeflate | undefined
  /**
   * Each binary message is one stream of this kind (gzip: one or more members), and is delivered as the text inside.
   * `deflate` is zlib's format, as in HTTP (RFC 1950), `deflate-raw` has no wrapper (RFC 1951).
   */
  readonly inflateBinary: 'gzip' | 'deflate' | 'deflate-raw' | undefined
  /** Undefined: no message is looked at. */
  readonly topics: NativeTopics | undefined
}

/** What was negotiated (RFC 7692 section 7.1), and what of ours is to be compressed. */
export interface NativeDeflate {
  readonly serverNoContextTakeover: boolean
  /** 8 to 15. */
  readonly serverMaxWindowBits: number
  readonly clientNoContextTakeover: boolean
  /** 8 to 15. With 8 nothing is compressed: zlib has no such compressor. */
  readonly clientMaxWindowBits: number
  /** Undefined: nothing that we send is compressed. */
  readonly compress:
    | {
        /** Messages with fewer bytes of payload are sent as they are. */
        readonly thresholdBytes: number
        /** zlib's: -1 (its default) to 9. */
        readonly level: number
        /** zlib's: 1 to 9. */
        readonly memLevel: number
      }
    | undefined
}

export interface NativeTlsContextOptions {
  /** PEM, each string one or more certificates. */
  readonly ca: readonly string[]
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly passphrase: string | undefined
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly minVersion: string | undefined
  readonly maxVersion: string | undefined
  /** OpenSSL cipher list for TLS 1.2 and, separated, cipher suites for 1.3, as in Node's `ciphers`. */
  readonly ciphers: string | undefined
  readonly verify: boolean
  /** Links of this context make `keyLog` records. */
  readonly keyLog: boolean
}

export const EndReason = {
  /** The peer closed TCP. */
  eof: 0,
  /** `connect` failed: `aux` is errno. */
  connect: 1,
  /** `recv` or `send` failed: `aux` is errno. */
  socket: 2,
  /** The TLS handshake or a record failed; the payload is OpenSSL's words. */
  tls: 3,
  /** The certificate was refused: `aux` is an X509_V_ERR number, the payload its words. */
  certificate: 4,
} as const

/** Counter row of a link: 9 doubles at `countersOffset + 72 * (id % maxLinks)`. */
export const COUNTER_BYTES = 72
export const Counter = {
  /** Highest sequence of which the kernel took a byte (plain TCP), or of whose TLS record it took one. */
  begun: 0,
  /** Highest sequence of which the kernel took every byte. */
  taken: 1,
  /** Bytes of frames that wait in the link. */
  queuedBytes: 2,
  bytesReceived: 3,
  bytesSent: 4,
  messagesReceived: 5,
  /** Pongs in answer to pings: sent, or on their way. */
  pongsSent: 6,
  /** Highest sequence sealed into a TLS record; equals `begun` without TLS. Sealed frames cannot be withdrawn. */
  sealed: 7,
  /** Messages of which the kernel took every byte. */
  messagesSent: 8,
} as const
