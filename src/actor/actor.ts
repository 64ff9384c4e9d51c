import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import type { WsHealthSnapshot } from '../health/metrics.ts'
import type { WsDelegatedRequest } from '../requests/delegated-request.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { WsUnresolved } from '../requests/pending-requests.ts'
import type { WsSessionSend } from '../session/endpoint-handler.ts'
import type { WsSubscriptionState } from '../session/subscriptions.ts'
import type { WsOpenInfo, WsPayload } from '../transport/transport.ts'
import type { WsOpenGap } from './open-gaps.ts'
import type { WsRecentError } from './recent-errors.ts'
import type { WsSendOptions } from './send-options.ts'
import type { WsConnectionStatus, WsStatusEvent, WsStopped } from './status.ts'

export interface WsActorStats extends WsHealthSnapshot {
  readonly status: WsConnectionStatus
  /** Which connection is, or was last; 0 before the first attempt. */
  readonly connection: number
  /** Attempts since a connection last proved healthy. */
  readonly attempt: number
  /** Asks that are waiting for their outcome. */
  readonly pending: number
  /** Payload bytes in our lanes and of {@link keptMessages}, and bytes in the link. */
  readonly queuedBytes: number
  /** Messages that wait for a connection to be ready (`acrossReconnect`). */
  readonly keptMessages: number
  /** ms for which the current connection has been open; 0 without one. */
  readonly uptimeMs: number
  /** Connections after the first. */
  readonly reconnects: number
  /** ms since the last byte, and the last application data, of the current connection; absent before the first. */
  readonly lastByteAgeMs?: number
  readonly lastDataAgeMs?: number
  /** Ends of connections and attempts (but for our own stop), and errors of user code. */
  readonly errors: number
  /** The newest 16 of them, oldest first. */
  readonly recentErrors: readonly WsRecentError[]
}

/**
 * One connection that heals: what a {@link file://./websocket-actor.ts WebSocketActor} can do.
 *
 * Calls made from inside a hook (ingress, handler, strategy, callback) are queued and take effect when it has returned;
 * `send` then says `queued`. Nothing queued before a disconnect is sent after it, but for sends that say `acrossReconnect`.
 */
export interface WsActor {
  readonly status: WsConnectionStatus
  readonly connection: number
  readonly transportName: string

  /** Begins to connect. Once; later calls do nothing. */
  start(): void

  /**
   * Resolves when asks are accepted, at once if they are; not while authentication is done anew, nor after {@link drain}. Rejects with `WsConnectError` when the actor has stopped or stops
   * before, with `ERR_TIMEOUT` after `timeoutMs` (default: no limit of its own), or with the signal's reason.
   */
  ready(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<WsOpenInfo>

  /**
   * Sends a request and resolves with what became of it. Resolves for everything the network can do. Throws (rejects) for
   * a programmer's mistake: `ERR_CONFIG`, `ERR_PAYLOAD_TYPE`, `ERR_PAYLOAD_WRITER`, what a payload function throws.
   */
  ask(request: WsDelegatedRequest): Promise<WsOutcome>

  /**
   * Sends one message that nobody answers for. `not-open` unless ready; `full` when its lane is. Within a lane, wire order
   * is call order. Throws `ERR_CONFIG`, `ERR_PAYLOAD_TYPE` and `ERR_PAYLOAD_WRITER`. With `acrossReconnect` it is `queued` while
   * not ready, and `not-open` only before the start and behind `drain` and the end; `full` when `lanes.keptBytes` are.
   */
  send(payload: WsPayload, options?: WsSendOptions): WsSessionSend
  /** Several in as few system calls as the kernel allows. How many were taken or queued: it stops at the first that is not. */
  sendBatch(payloads: readonly WsPayload[], options?: WsSendOptions): number

  /**
   * Resolves when there is room again after `full`: the lanes are at most half full. At once if they are. Rejects with
   * `ERR_NOT_OPEN`, with `WsConnectError` when the connection ends before, with `ERR_TIMEOUT` (default: no limit of its own), or
   * with the signal's reason.
   */
  writable(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void>

  /**
   * Adds to the desired subscriptions; those already desired are left alone, but one that was rejected is asked for again.
   * Sent now if the connection has come that far, else by the replay. Throws `ERR_NO_SUBSCRIPTIONS` without a manager.
   */
  subscribe(items: readonly string[]): void
  unsubscribe(items: readonly string[]): void
  /** Makes `items` what is desired: adds what is new, takes off what is not among them, and leaves the rest alone. */
  replaceSubscriptions(items: readonly string[]): void
  clearSubscriptions(): void
  /** Every desired item, in the order in which it was added, and where it stands on this connection. */
  subscriptions(): readonly WsSubscriptionState[]
  /** Sends all desired subscriptions again on the current connection. False when there is none that has come that far. */
  replay(): boolean

  /**
   * A message that you have read shows a hole in a sequence: its `gap` is told now, from inside a callback as well, and its
   * `remedy` follows. An ingress and a session have the same call. Throws `ERR_CONFIG`, and `ERR_NO_SUBSCRIPTIONS` for `resubscribe`
   * where nothing knows how.
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
   * What happens to the actor from now on, until `stopped`. Any number of iterators; each holds the newest 1024 events that
   * were not taken yet, and says `missed` where older ones stood.
   */
  statusEvents(): AsyncIterableIterator<WsStatusEvent, undefined>

  /** The next id of the actor's one id space. */
  nextRequestId(): string
  /** Asks that ended `unconfirmed` and about which nothing has been learned since. */
  unresolved(): readonly WsUnresolved[]
  /** The user has found out what became of an unresolved ask, all of its attempts; `evidence` (the venue's answer,
   * say) goes into the status event `settled`, for the record. False: no such id is unresolved. */
  settle(requestId: string, evidence?: unknown): boolean

  /**
   * Refuses new asks and sends, and resolves true once every pending ask has its outcome and all that was sent has reached
   * the kernel, or was told to be given up; false after `timeoutMs` (default 5000), at a disconnect, or when it is stopped before.
   * For what waits for a connection it waits as well. The connection stays; the only way on is {@link stop}.
   */
  drain(options?: { readonly timeoutMs?: number }): Promise<boolean>

  /** Leaves this connection for another one; pending asks may finish first. While waiting to reconnect: do it now. */
  reconnect(reason?: string): void

  /**
   * Ends for good. Asks settle at once (`stopped`); what `send` accepted goes out before CLOSE, all within `timeoutMs`
   * (default `closeTimeoutMs`). Idempotent. Resolves when no timer, handle or socket is left. Default code 1000.
   */
  stop(options?: { readonly code?: number; readonly reason?: string; readonly timeoutMs?: number }): Promise<WsStopped>
  /** Ends for good and at once, without a close handshake; nothing more is delivered. `closed()` tells with this cause. */
  abandon(cause: WsDisconnectCause): void
  /** Resolves when it has ended, whatever the cause. Never rejects. */
  closed(): Promise<WsStopped>

  /** Stops reading the socket: TCP pushes back. While paused no silence counts, and the end goes unnoticed. Nests not. */
  pauseReading(): void
  resumeReading(): void

  /** Pings with a nonce; round trip in µs. As `WsConnection.ping`. */
  ping(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<number>
  stats(): WsActorStats
}
