import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsOpenInfo } from '../transport/transport.ts'

/** What the iterator of a connection yields, in the order in which it happened. Discriminated by `kind`. */
export type WsEvent =
  | WsHeldEvent
  | WsConnectedEvent
  | WsReadyEvent
  | WsMessage
  | WsGapEvent
  | WsResumedEvent
  | WsStaleEvent
  | WsSettledEvent
  | WsSendsGivenUpEvent
  | WsStallEvent
  | WsBackpressureEvent
  | WsTopicSilentEvent
  | WsSubscriptionEvent
  | WsDisconnectedEvent
  | WsAlarmEvent
  | WsCoolingDownEvent

interface EventBase {
  /** 1, 2, …: which connection it belongs to. Attempts that fail use no number up. */
  readonly connection: number
}

interface TimedEvent extends EventBase {
  /** Unix epoch µs. */
  readonly atUs: number
}

/**
 * The next attempt waits: the connect budget of the host is spent, the host has refused our address (told by this connection or
 * another one that shares the budget), or the circuit breaker is open. Asked again in `delayMs`, which may be more than once.
 */
export interface WsHeldEvent extends TimedEvent {
  readonly kind: 'held'
  readonly why: 'connect-budget' | 'cool-down' | 'circuit-open'
  readonly host: string
  readonly delayMs: number
}

/** The server has switched protocols; messages may follow. */
export interface WsConnectedEvent extends TimedEvent {
  readonly kind: 'connected'
  readonly info: WsOpenInfo
}

/**
 * Only where the handler has `authenticate` or `onReady`: they are done, and `send` and `ask` are accepted. Without such a
 * handler that is so from `connected` on.
 */
export interface WsReadyEvent extends TimedEvent {
  readonly kind: 'ready'
}

/** A message that the user owns. */
export interface WsMessage extends EventBase {
  readonly kind: 'message'
  readonly isText: boolean
  readonly byteLength: number
  /** Unix epoch µs: when it was received, by the option `timestampSource`; by default, when the read that completed it returned. */
  readonly receivedAtUs: number
  /** The same moment on the clock of `performance.now()`, in µs. */
  readonly receivedMonoUs: number
  /** As {@link WsFrame.receivedAtIsUpperBound}: false only where the kernel says when exactly its last byte came. */
  readonly receivedAtIsUpperBound: boolean
  /** Binary is decoded as UTF-8, with U+FFFD for what is not. */
  text(): string
  /** `JSON.parse` of the text; throws `SyntaxError` as it does. */
  json(): unknown
  /** The payload; the caller may keep and change it. */
  bytes(): Uint8Array
}

/**
 * Messages that were lost, by whoever's fault: a connection that broke (its gap comes behind `disconnected`, and nothing of that
 * connection comes after it), our own queue, whose losses stand where they were, or a hole in a sequence that was reported
 * (`reportGap`), before the message that showed it.
 */
export interface WsGapEvent extends EventBase {
  readonly kind: 'gap'
  /**
   * `topic`: of that one alone, on a connection that goes on: it is silent, or has lost messages (`ERR_SEQUENCE_GAP`), or the venue
   * took it back, or the authentication that it needs has expired. `fromUs` is when its last data came, if topics are watched, else
   * when the venue said so. A hole in the sequence of a whole connection has scope `connection`, and that goes on as well.
   */
  readonly scope: 'connection' | 'topic'
  /** The topic. */
  readonly key?: string
  /**
   * Unix epoch µs. Of the queue: the first and the last loss. Of a broken connection: the last byte received and the end;
   * what the server sent from then until the next `connected` is missing too.
   */
  readonly fromUs: number
  readonly toUs: number
  /** How many were lost; absent where nobody can know. */
  readonly messages?: number
  readonly cause: { readonly code: string; readonly message: string }
}

/**
 * After a gap: every subscription has been answered on the new connection, and its first data has come; or anew, on the same one,
 * after a hole in the sequence of the whole of it. With `key`: data of that topic flows again (where `topics` are not watched: it is
 * acknowledged again). What you mend yourself has resumed when you say so (`reportResumed`).
 */
export interface WsResumedEvent extends TimedEvent {
  readonly kind: 'resumed'
  readonly key?: string
}

/** Nothing of a topic for too long, while the connection lives. Its `gap` follows, and `resumed` when data comes again. */
export interface WsTopicSilentEvent extends TimedEvent {
  readonly kind: 'topic-silent'
  readonly topic: string
  readonly silentForMs: number
}

/** Nothing came for too long (`staleAfterMs`, `silentAfterMs`, a ping unanswered); the connection was given up. */
export interface WsStaleEvent extends TimedEvent {
  readonly kind: 'stale'
  readonly silentForMs: number
  readonly cause: WsDisconnectCause
}

/** You have told what became of an unresolved ask, by `settle`; for whoever keeps the record. */
export interface WsSettledEvent extends TimedEvent {
  readonly kind: 'settled'
  readonly requestId: string
  readonly evidence: unknown
}

/**
 * Messages sent with `ttlMs` that are over without all of them having left, told together. `delivery`: `none` was never sent, and
 * never will be; `part` broke off in the middle, so that the venue cannot have read it; of `unknown` (over `ws`) nobody knows.
 */
export interface WsSendsGivenUpEvent extends TimedEvent {
  readonly kind: 'sends-given-up'
  /** Their time ran out; or their connection ended; or there will be no other one. */
  readonly reason: 'expired-unsent' | 'disconnected' | 'stopped'
  readonly delivery: 'none' | 'part' | 'unknown'
  readonly messages: number
  /** Of their payloads. */
  readonly bytes: number
}

/** Our own thread stood still for so long, or a little longer, that silence proves nothing: the silence timers begin anew. */
export interface WsStallEvent extends TimedEvent {
  readonly kind: 'stall'
  readonly stalledForMs: number
}

/** We stopped (or went on) reading because the iterator's queue is full (or has room again). */
export interface WsBackpressureEvent extends TimedEvent {
  readonly kind: 'backpressure'
  readonly paused: boolean
}

/** How the venue answered a subscription message; only where answers are decoded. */
export interface WsSubscriptionEvent extends TimedEvent {
  readonly kind: 'subscription'
  readonly item: string
  /** `unanswered`: within 10 s; the connection is replaced. `revoked`: an acknowledgement was taken back; asked for again. */
  readonly state: 'acked' | 'rejected' | 'unsubscribed' | 'unanswered' | 'revoked'
  readonly code?: string
  readonly message?: string
}

/** Behind a `disconnected` whose cause will come again if nobody does anything about it: see docs/lifecycle.md. */
export interface WsAlarmEvent extends TimedEvent {
  readonly kind: 'alarm'
  readonly cause: WsDisconnectCause
}

/** The host has refused our address: for so long, nobody who shares the connect budget connects to it. Behind its `disconnected`. */
export interface WsCoolingDownEvent extends TimedEvent {
  readonly kind: 'cooling-down'
  readonly host: string
  readonly forMs: number
}

/** A connection, or an attempt to get one, has ended. Without `next` it is the last event. */
export interface WsDisconnectedEvent extends TimedEvent {
  readonly kind: 'disconnected'
  readonly cause: WsDisconnectCause
  /** The attempt that follows: which one since a connection last proved healthy, and in how many ms. */
  readonly next?: { readonly attempt: number; readonly delayMs: number }
}
