import type { WsOpenGap } from '../actor/open-gaps.ts'
import type { WsRecentError } from '../actor/recent-errors.ts'
import type { WsSendOptions } from '../actor/send-options.ts'
import type { WsStatusEvent } from '../actor/status.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import type { WsDistribution } from '../health/metrics.ts'
import type { WsDelegatedRequest } from '../requests/delegated-request.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { WsUnresolved } from '../requests/pending-requests.ts'
import type { WsSessionSend } from '../session/endpoint-handler.ts'
import type { WsSubscriptionState } from '../session/subscriptions.ts'
import type { WsOpenInfo, WsPayload } from '../transport/transport.ts'
import type { WsEvent } from './events.ts'

/**
 * `connecting`: also between two connections. `open`: `send` and `ask` are accepted. `closing`: it ends for good, by our
 * doing. `closed` is final.
 */
export type WsConnectionState = 'connecting' | 'open' | 'closing' | 'closed'

/**
 * What became of a `send`. `taken`: the transport has it, and sends it now or as soon as the kernel lets it. `queued`:
 * it waits in the connection, in order; from inside a callback, until that has returned. `full`: the queue is at its bound,
 * nothing was kept. `not-open`: nothing was kept. What is queued when a connection breaks is never sent, but for what was sent
 * with `acrossReconnect`.
 */
export type WsSendResult = WsSessionSend

export type { WsSendOptions }

export interface WsWaitOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface WsCloseOptions {
  readonly code?: number
  readonly reason?: string
  readonly timeoutMs?: number
}

/** Why and how it all ended. */
export interface WsClosed {
  /** For people: what `cause` says, and why there was no further attempt. */
  readonly reason: string
  readonly cause: WsDisconnectCause
  /** RFC 6455 7.1.5: the peer's code, 1005 for none, 1006 for no close handshake. */
  readonly closeCode: number
}

/** Counters since `connect()`. */
export interface WsConnectionStats {
  readonly state: WsConnectionState
  /** Which connection is, or is next: 1, 2, … */
  readonly connection: number
  /** Attempts since a connection last proved healthy. */
  readonly attempt: number
  /** Attempts in all, and how many of them became connections; `reconnects` are those after the first. */
  readonly attempts: number
  readonly connectionsOpened: number
  readonly reconnects: number
  /** Connections that were open and have ended. */
  readonly disconnects: number
  readonly messagesReceived: number
  /** Messages that the kernel has taken whole, the library's own (subscriptions, heartbeats in data frames) among them. */
  readonly messagesSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Bytes waiting for the kernel, here and in the transport, or for a connection. */
  readonly queuedBytes: number
  /** Messages sent with `acrossReconnect` that wait for a connection to be ready. */
  readonly keptMessages: number
  /** Messages sent with `ttlMs` that were given up; `sends-given-up` told of each. */
  readonly sendsGivenUp: number
  /** Messages waiting for the iterator. */
  readonly queuedMessages: number
  readonly droppedMessages: number
  /** Asks that are waiting for their outcome. */
  readonly pending: number
  /** Answers that came when their asks had been settled without them; `onLateReply` heard each. */
  readonly lateReplies: number
  /** Frames that the handler took for answers and that settled nothing: interim ones, and those to nothing that is known. */
  readonly unmatchedReplies: number
  /** Gaps of connections and topics. What the iterator's queue had no room for is in `droppedMessages`. */
  readonly gaps: number
  /** Holes in sequences that were reported, those among them that went into a gap that had not ended. */
  readonly sequenceGaps: number
  /** How many gaps {@link WsConnection.openGaps} has. */
  readonly openGaps: number
  readonly callbackErrors: number
  /** How often this thread stood still for so long that silence proved nothing. */
  readonly stalls: number
  /** ms for which the connection has been open, or the last one was. */
  readonly uptimeMs: number
  /** ms since the last byte, and the last application data, of this connection; absent before the first. */
  readonly lastByteAgeMs?: number
  readonly lastDataAgeMs?: number
  /** Ends of connections and attempts (but for our own stop), and errors of your code. */
  readonly errors: number
  /** The newest 16 of them, oldest first. */
  readonly recentErrors: readonly WsRecentError[]
  /** Round trips of this connection's pings and heartbeats. */
  readonly rtt: WsDistribution
  /** Round trip of the last ping that was answered, µs. */
  readonly rttUs?: number
}

/**
 * A connection that heals: each that breaks is replaced, until `close()`, the signal, or a cause that another attempt could
 * not mend (`closed()` tells). Made by `connect()`; connecting has begun when it is returned.
 */
export interface WsConnection extends AsyncIterable<WsEvent> {
  readonly state: WsConnectionState
  /** `native`, `ws` or the name of the transport given. */
  readonly transportName: string
  /**
   * Resolves when open: at once, or with the next connection that comes that far. Rejects with `WsConnectError` when it has
   * all ended or ends before, with `ERR_TIMEOUT`, or with the signal's reason; the last two leave the attempts alone.
   */
  ready(options?: WsWaitOptions): Promise<WsOpenInfo>
  /**
   * Sends one message, behind all before it. Strings and payload functions are sent as text and bytes as binary, unless
   * `binary` says otherwise. Nothing of `payload` is used after the call: bytes are copied when they are queued, and a
   * payload function is run (it may run twice when the link turns out to be full, but for one with `ttlMs`). Throws
   * `WsConfigError`, `ERR_PAYLOAD_TYPE` and `ERR_PAYLOAD_WRITER`, and what a payload function throws.
   */
  send(payload: WsPayload, options?: WsSendOptions): WsSendResult
  /**
   * Sends several payloads in as few system calls as the kernel allows. Returns how many were taken or queued: it stops at
   * the first that is not.
   */
  sendBatch(payloads: readonly WsPayload[], options?: WsSendOptions): number
  /**
   * Resolves when `send` has room again after it said `full`: the queue is at most half full. At once if it is. Rejects with
   * `ERR_NOT_OPEN`, with `WsConnectError` when the connection ends before, with `ERR_TIMEOUT`, or with the signal's reason.
   */
  writable(options?: WsWaitOptions): Promise<void>
  /**
   * Sends a request and resolves with what became of it; for everything the network can do. `confirmed` needs a handler
   * with `matchReply`. Rejects for a programmer's mistake: `ERR_CONFIG`, `ERR_PAYLOAD_TYPE`, `ERR_PAYLOAD_WRITER`,
   * `ERR_REQUEST_ID_NOT_IN_FRAME`.
   */
  ask(request: WsDelegatedRequest): Promise<WsOutcome>
  /** Hears the truth about asks that had been settled without it. Returns what takes the listener away again. */
  onLateReply(listener: (outcome: WsOutcome) => void): () => void
  /** Asks that ended `unconfirmed` and about which nothing has been learned since. */
  unresolved(): readonly WsUnresolved[]
  /** You have found out what became of an unresolved ask; `evidence` goes into the event `settled`. False: no such id. */
  settle(requestId: string, evidence?: unknown): boolean
  /** The next id of the one id space of all that is sent with an id. */
  nextRequestId(): string
  /**
   * Adds to what is subscribed, now or as soon as there is a connection, and on each later one. Throws
   * `ERR_NO_SUBSCRIPTIONS` where neither `subscriptions.encode` nor a manager says how.
   */
  subscribe(items: readonly string[]): void
  unsubscribe(items: readonly string[]): void
  /** Makes `items` what is desired: adds what is new, takes off what is not among them, and leaves the rest alone. */
  replaceSubscriptions(items: readonly string[]): void
  clearSubscriptions(): void
  /** Asks for all desired subscriptions again on this connection. False when there is none that has come that far. */
  replay(): boolean
  /** Every desired item, in the order in which it was added, and where it stands on this connection. */
  subscriptions(): readonly WsSubscriptionState[]
  /**
   * A message shows a hole in a sequence: its `gap` is told now, where the iterator is as well as to `onEvent`, and its `remedy`
   * follows. Whoever reads messages from the iterator says of which connection and time they were:
   * `reportGap({ key, connection: e.connection, toUs: e.receivedAtUs })`. An ingress and a session have the same call. Throws
   * `ERR_CONFIG`, and `ERR_NO_SUBSCRIPTIONS` for `resubscribe` where nothing knows how.
   */
  reportGap(gap: WsGapReport): WsGapReported
  /**
   * What you mend yourself (`remedy: 'continue'`) is mended: its `resumed` is told, unless the feed, too, has something to make up for.
   * False: no gap of that key waits for it, because none was told, or its connection has ended.
   */
  reportResumed(key?: string): boolean
  /** The gaps of the connection that goes on which have not ended by `resumed`, be it silence, a revocation or a hole; oldest first. */
  openGaps(): readonly WsOpenGap[]
  /**
   * Pings with a nonce, and resolves with the round trip in µs when exactly that comes back. Default timeout 5 s. Rejects
   * with `ERR_TIMEOUT`, with the signal's reason, with `WsConnectError` when the connection ends, with `ERR_NOT_OPEN`, and
   * with `ERR_QUEUE_FULL` when 64 are unanswered or the link has no room.
   */
  ping(options?: WsWaitOptions): Promise<number>
  /** Leaves this connection for another one; pending asks may finish first. While waiting for the next attempt: now. */
  reconnect(reason?: string): void
  /**
   * Refuses new asks and sends, and resolves true once every pending ask has its outcome and all that was sent has reached
   * the kernel, or was told to be given up; false after `timeoutMs` (default 5000) or at a disconnect. For what waits for a connection
   * it waits as well. The only way on is {@link close}.
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<boolean>
  /**
   * Ends for good: politely, behind everything that `send` has accepted; pending asks settle at once. Resolves when the
   * socket is gone, which takes at most `timeoutMs`. Between connections it gives the attempt up. Idempotent: later calls
   * join the first. Default code 1000, `closeTimeoutMs` of the options. Rejects with `WsConfigError` for a code or reason
   * that cannot be sent.
   */
  close(options?: WsCloseOptions): Promise<WsClosed>
  /** Resolves when it has ended for good, whatever the cause. Never rejects. */
  closed(): Promise<WsClosed>
  /**
   * Everything that happens to the connection from now on, in finer steps than the iterator of messages, until `stopped`. Any
   * number of iterators; each holds the newest 1024 events that were not taken yet, and says `missed` where older ones stood.
   * {@link https://nodejs.org/api/diagnostics_channel.html diagnostics_channel} `shared-ws:status` has the same, of all
   * connections.
   */
  status(): AsyncIterableIterator<WsStatusEvent, undefined>
  stats(): WsConnectionStats
  /**
   * Events in order, over all connections, once: a second iterator throws `ERR_ITERATOR_TAKEN`. A `disconnected` without
   * `next` is the last. Leaving the loop early closes, waits until that is done, and forgets what is queued.
   */
  [Symbol.asyncIterator](): AsyncIterator<WsEvent, undefined>
}
