import type { WsNegotiatedDeflate } from '../connect/permessage-deflate.ts'
import type { WsTlsInfo } from '../connect/raw-link.ts'
import type { HeaderLines, WsConnectRequest, WsSocketOptions, WsTimestampSource } from '../connect/request.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsFrame } from './frame.ts'

/**
 * The contract between whoever owns a connection and what carries its bytes. Three implementations pass one suite
 * (`src/testing/transport-contract.ts`): `native`, `ws`, `mock`.
 *
 * Events of one link come in wire order, never from inside a call on that link (an `offer` that finds the socket dead
 * returns `OFFER_CLOSED`; the `onEnd` follows later), with one exception that is its purpose: {@link WsLink.drain}.
 * Exceptions thrown by an event handler are the owner's defect: they are not caught here.
 */
export interface WsTransport {
  readonly name: string
  /** Of `WsConnectRequest.socket`, what this transport has no means to set: asking for it is refused. Default: none. */
  readonly unsupportedSocketOptions?: readonly (keyof WsSocketOptions)[]
  /** What receive times can be, beside `read`: asking for another is refused. Default: none. */
  readonly timestampSources?: readonly WsTimestampSource[]

  /**
   * Begins one connection: one attempt over all addresses of the host, no retry. Returns at once; then `onOpen` and
   * later `onEnd`, or `onEnd` alone. `onEnd` comes exactly once and last, however the connection ended,
   * {@link WsLink.terminate} included.
   */
  connect(request: WsConnectRequest, events: WsLinkEvents): WsLink
}

/** The server's side of an accepted upgrade. */
export interface WsOpenInfo {
  /** '' when none was chosen. */
  readonly subprotocol: string
  readonly responseHeaders: HeaderLines
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** What was agreed upon, when permessage-deflate was offered and the server took it. */
  readonly perMessageDeflate?: WsNegotiatedDeflate
  /** Present on `wss:`. */
  readonly tls?: WsTlsInfo
}

export interface WsLinkEvents {
  onOpen(info: WsOpenInfo): void
  /**
   * Data messages that arrived together, in order. The batch and its frames are borrowed until this returns. Control
   * frames split a run of messages, so nothing is reordered.
   */
  onMessages(batch: WsBatch): void
  /** The pong has been queued already. The payload is a copy. Receive times are as `WsConnectRequest.timestampSource` wants. */
  onPing(payload: Uint8Array, receivedMonoUs: number): void
  onPong(payload: Uint8Array, receivedMonoUs: number): void
  /**
   * Data of a topic comes next that was to be told: in wire order, before the message that it is. Behind `unwatchTopic` it may still
   * come of what had been read; its number is nobody else's then.
   */
  onTopic(topic: number, receivedMonoUs: number): void
  /** After `OFFER_FULL`: offers are taken again. */
  onWritable(): void
  /** Exactly once, last. */
  onEnd(cause: WsDisconnectCause): void
}

/** Borrowed messages. `at(i)` moves the link's one {@link WsFrame} to message `i` and returns it. */
export interface WsBatch {
  readonly length: number
  at(index: number): WsFrame
}

/** What is sent: text, bytes (copied before the call returns), or a function that writes into the library's buffer. */
export type WsPayload = string | Uint8Array | WsPayloadWriter

/**
 * Writes the payload at the start of `into` and returns its length in bytes, or the negated length it needs when `into`
 * is too small; it is then called once more with room enough. Its bytes are sent as text when the call says so.
 */
export type WsPayloadWriter = (into: Uint8Array) => number

export interface WsOfferOptions {
  /** Send as binary. Default: strings and writers are text, `Uint8Array` is binary. */
  readonly binary?: boolean
  /** More follows at once: hold the bytes back until an offer without it, or `flush()`. */
  readonly more?: boolean
}

/** The link's queue is at its bound; `onWritable` tells when to try again. The frame was not taken. */
export const OFFER_FULL = 0
/** The link takes no frames: not open, closing, or ended. The frame was not taken. */
export const OFFER_CLOSED = -1

/** Bytes of one frame that the kernel took. `unknown`: this transport cannot know. */
export type WsDelivery = 'none' | 'part' | 'all' | 'unknown'

export interface WsLink {
  /**
   * Takes one data frame. Returns its sequence number on this link (1, 2, …), or `OFFER_FULL` or `OFFER_CLOSED`, in
   * which cases nothing of it will be sent.
   */
  offer(payload: WsPayload, options?: WsOfferOptions): number
  /** Sends what `more` held back. */
  flush(): void
  /** Takes a frame back. True: no byte of it has left, and none ever will. */
  withdraw(sequence: number): boolean
  /** What became of a frame that was offered and not withdrawn. Stays answerable after `onEnd`. */
  delivery(sequence: number): WsDelivery
  /** At most 125 bytes. `1` taken, or `OFFER_FULL`, `OFFER_CLOSED`. */
  ping(payload: Uint8Array): number
  pong(payload: Uint8Array): number
  /**
   * Begins the close handshake behind everything taken so far: CLOSE out, the peer's CLOSE and its FIN in, then
   * `onEnd`. After `timeoutMs` the link is terminated instead, also where the peer had begun to close. Later offers return
   * `OFFER_CLOSED`. Idempotent.
   */
  close(code: number, reason: string, timeoutMs: number): void
  /** Ends the link at once; `onEnd` follows with `cause`. Idempotent. */
  terminate(cause: WsDisconnectCause): void
  /** Stops reading. Messages read already still come. */
  pause(): void
  resume(): void
  /**
   * Reads what the socket holds now, all of it but for a bound (16 MiB), and delivers it before returning; false when a delivery is under way, so
   * that nothing could be read. Verdicts that hang on silence call it first.
   */
  drain(): boolean
  /** Bytes taken by `offer` that the kernel has not taken. */
  readonly queuedBytes: number
  /** Since the upgrade. On `wss:` the ciphertext where the transport sees it (`native`), else what is inside it. */
  readonly bytesReceived: number
  /** As {@link bytesReceived}: bytes that the kernel took. */
  readonly bytesSent: number
  /** Messages of which the kernel took every byte. */
  readonly messagesSent: number
  /**
   * Pongs with which the link has answered pings by itself: sent, or on their way. Up to date before `onPing` is called, for
   * whoever counts frames.
   */
  readonly pongsSent: number

  // — topics, as `WsConnectRequest.plan` names them; where it names none, nothing is ever seen of one —

  /**
   * From now on it is remembered when data of the topic comes. Until the first {@link armTopic}, all of it is told by `onTopic`.
   * Returns its number on this link, above 0; of a topic that is watched already the same once more. Throws a `RangeError` beyond
   * {@link MAX_WATCHED_TOPICS}.
   */
  watchTopic(topic: string): number
  /** It is forgotten. Watched anew it has another number, and nothing of it has been seen. */
  unwatchTopic(topic: number): void
  /** Its next data is told by `onTopic`, and none after that. */
  armTopic(topic: number): void
  /**
   * When its last data was read, on the clock of `performance.now()` in µs; 0: none has been since it is watched. What was read may be
   * yet to be delivered. Stays answerable after `onEnd`.
   */
  topicSeenUs(topic: number): number
}

/** How many topics a link watches at most. */
export const MAX_WATCHED_TOPICS = 65_536
