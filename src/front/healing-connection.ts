import { checkClose, checkPayload, checkPayloads } from '../actor/mistakes.ts'
import type { WsOpenGap } from '../actor/open-gaps.ts'
import { type ActorCallbacks, completeActor, type MessageTaker } from '../actor/resolve.ts'
import type { WsStatusEvent } from '../actor/status.ts'
import { ResolvedActor } from '../actor/websocket-actor.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { WsConfigError } from '../errors/errors.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import { NoReconnect } from '../reconnect/exponential-backoff.ts'
import type { WsDelegatedRequest } from '../requests/delegated-request.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { WsUnresolved } from '../requests/pending-requests.ts'
import type { WsSubscriptionState } from '../session/subscriptions.ts'
import { Checker } from '../support/check.ts'
import type { WsBatch, WsOpenInfo, WsPayload, WsTransport } from '../transport/transport.ts'
import { CallbackGuard } from './callbacks.ts'
import type {
  WsClosed,
  WsCloseOptions,
  WsConnection,
  WsConnectionState,
  WsConnectionStats,
  WsSendOptions,
  WsSendResult,
  WsWaitOptions,
} from './connection.ts'
import type { WsEvent } from './events.ts'
import { Inbox } from './inbox.ts'
import { Lifecycle } from './lifecycle.ts'
import type { ResolvedOptions } from './resolve.ts'
import { callbackThrew, closeCodeOf, queueOverflowed } from './stops.ts'

/**
 * What `connect()` returns: one actor, which connects, heals and asks, and in front of it what users see of that: the
 * iterator with its bounded queue, the guarded callbacks, and the state. No callback of the user runs inside a call that
 * the user makes, except `onEvent` about what the call itself brings about.
 */
export class HealingConnection implements WsConnection {
  readonly transportName: string
  readonly #options: ResolvedOptions
  readonly #actor: ResolvedActor
  readonly #guard: CallbackGuard
  readonly #inbox: Inbox
  readonly #lifecycle: Lifecycle
  readonly #closed: Promise<WsClosed>
  readonly #lateReplyListeners = new Set<(outcome: WsOutcome) => void>()
  /** `close()` has been called. Inside a callback the actor hears of it only when that has returned. */
  #closing = false
  /** Given up: what still arrives is not delivered. */
  #givenUp = false
  #openedMonoUs: number | undefined
  #endedMonoUs: number | undefined

  constructor(options: ResolvedOptions, transport: WsTransport) {
    this.#options = options
    this.transportName = transport.name
    this.#guard = new CallbackGuard(
      {
        onCallbackError: options.callbacks.onCallbackError,
        whenCallbackThrows: options.whenCallbackThrows,
        onError: (callback, error) => this.#actor.callbackThrew(callback, error),
      },
      (policy, error, name) => {
        const cause = callbackThrew(name, error, policy)
        if (policy === 'close') this.#giveUp(cause)
        else this.#actor.replace(cause)
      },
    )
    this.#inbox = new Inbox(options, this.#guard, {
      setPaused: (paused) => {
        if (paused) this.#actor.pauseReading()
        else this.#actor.resumeReading()
      },
      overflowed: () => this.#giveUp(queueOverflowed()),
    })
    const { handler } = options.checked
    const gated = handler?.authenticate !== undefined || handler?.onReady !== undefined
    this.#lifecycle = new Lifecycle(gated, {
      event: (event) => this.#inbox.event(event),
      opened: (info) => this.#guard.run('onOpen', options.callbacks.onOpen, info),
    })
    this.#actor = this.#createActor(transport)
    this.#closed = this.#actor.closed().then(({ reason, cause }) => ({
      // That one attempt is all there is, who asked for it knows.
      reason: options.checked.reconnect === NoReconnect ? cause.message : reason,
      cause,
      closeCode: closeCodeOf(cause),
    }))
  }

  /** Begins to connect. Called once, by `connect()`. */
  start(): void {
    // Ended before it has begun; callbacks must find it in the user's hands.
    if (this.#options.checked.signal?.aborted) queueMicrotask(() => this.#actor.start())
    else this.#actor.start()
  }

  get state(): WsConnectionState {
    const { status } = this.#actor
    if (status === 'stopped') return 'closed'
    if (this.#ending) return 'closing'
    return status === 'ready' && !this.#actor.authenticatesAnew ? 'open' : 'connecting'
  }

  ready(options?: WsWaitOptions): Promise<WsOpenInfo> {
    return this.#actor.ready(options)
  }

  send(payload: WsPayload, options?: WsSendOptions): WsSendResult {
    if (!this.#ending) return this.#actor.send(payload, options)
    checkPayload(payload)
    return 'not-open'
  }

  sendBatch(payloads: readonly WsPayload[], options?: WsSendOptions): number {
    if (!this.#ending) return this.#actor.sendBatch(payloads, options)
    checkPayloads(payloads)
    return 0
  }

  writable(options?: WsWaitOptions): Promise<void> {
    return this.#actor.writable(options)
  }

  ask(request: WsDelegatedRequest): Promise<WsOutcome> {
    return this.#actor.ask(request)
  }

  onLateReply(listener: (outcome: WsOutcome) => void): () => void {
    const check = new Checker()
    if (listener === undefined) check.add('onLateReply.listener', 'must be a function, is undefined')
    check.function('onLateReply.listener', listener)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
    this.#lateReplyListeners.add(listener)
    return () => void this.#lateReplyListeners.delete(listener)
  }

  unresolved(): readonly WsUnresolved[] {
    return this.#actor.unresolved()
  }

  settle(requestId: string, evidence?: unknown): boolean {
    return this.#actor.settle(requestId, evidence)
  }

  nextRequestId(): string {
    return this.#actor.nextRequestId()
  }

  subscribe(items: readonly string[]): void {
    this.#actor.subscribe(items)
  }

  unsubscribe(items: readonly string[]): void {
    this.#actor.unsubscribe(items)
  }

  replaceSubscriptions(items: readonly string[]): void {
    this.#actor.replaceSubscriptions(items)
  }

  clearSubscriptions(): void {
    this.#actor.clearSubscriptions()
  }

  replay(): boolean {
    return this.#actor.replay()
  }

  subscriptions(): readonly WsSubscriptionState[] {
    return this.#actor.subscriptions()
  }

  reportGap(gap: WsGapReport): WsGapReported {
    return this.#actor.reportGap(gap)
  }

  reportResumed(key?: string): boolean {
    return this.#actor.reportResumed(key)
  }

  openGaps(): readonly WsOpenGap[] {
    return this.#actor.openGaps()
  }

  ping(options?: WsWaitOptions): Promise<number> {
    return this.#actor.ping(options)
  }

  reconnect(reason?: string): void {
    this.#actor.reconnect(reason)
  }

  drain(options?: { readonly timeoutMs?: number }): Promise<boolean> {
    return this.#actor.drain(options)
  }

  async close(options?: WsCloseOptions): Promise<WsClosed> {
    const checked = checkClose(options, this.#options.checked.closeTimeoutMs)
    this.#closing = true
    void this.#actor.stop(checked)
    return this.#closed
  }

  closed(): Promise<WsClosed> {
    return this.#closed
  }

  status(): AsyncIterableIterator<WsStatusEvent, undefined> {
    return this.#actor.statusEvents()
  }

  stats(): WsConnectionStats {
    const actor = this.#actor.stats()
    const { lastByteAgeMs, lastDataAgeMs, lastRttUs } = actor
    const untilUs = this.#endedMonoUs ?? this.#options.checked.clock.monoUs()
    return {
      state: this.state,
      connection: actor.connection,
      attempt: actor.attempt,
      attempts: actor.attempts,
      connectionsOpened: actor.connectionsOpened,
      reconnects: actor.reconnects,
      disconnects: actor.disconnects,
      messagesReceived: this.#inbox.messagesReceived,
      messagesSent: actor.messagesSent,
      bytesReceived: actor.bytesReceived,
      bytesSent: actor.bytesSent,
      queuedBytes: actor.queuedBytes,
      keptMessages: actor.keptMessages,
      sendsGivenUp: actor.sendsGivenUp,
      queuedMessages: this.#inbox.messagesQueued,
      droppedMessages: this.#inbox.messagesDropped,
      pending: actor.pending,
      lateReplies: actor.lateReplies,
      unmatchedReplies: actor.unmatchedReplies,
      gaps: actor.gaps,
      sequenceGaps: actor.sequenceGaps,
      openGaps: actor.openGaps,
      callbackErrors: this.#guard.errors + actor.hookErrors,
      stalls: actor.stalls,
      uptimeMs: this.#openedMonoUs === undefined ? 0 : (untilUs - this.#openedMonoUs) / 1000,
      ...(lastByteAgeMs === undefined ? {} : { lastByteAgeMs }),
      ...(lastDataAgeMs === undefined ? {} : { lastDataAgeMs }),
      errors: actor.errors,
      recentErrors: actor.recentErrors,
      rtt: actor.rtt,
      ...(lastRttUs === undefined ? {} : { rttUs: lastRttUs }),
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<WsEvent, undefined> {
    return this.#inbox.iterate(() => this.close())
  }

  get #ending(): boolean {
    return this.#closing || this.#givenUp || this.#options.checked.signal?.aborted === true
  }

  readonly #wanted = (): boolean => !this.#givenUp

  #createActor(transport: WsTransport): ResolvedActor {
    const { callbacks, checked, takesMessages } = this.#options
    const { onPing, onPong, onEmit, onStatus, onCallbackError } = callbacks
    const guarded: ActorCallbacks = {
      onStatus: (status) => {
        if (status.kind === 'open') {
          this.#openedMonoUs = checked.clock.monoUs()
          this.#endedMonoUs = undefined
        }
        if (status.kind === 'disconnected') this.#endedMonoUs = checked.clock.monoUs()
        this.#guard.run('onStatus', onStatus, status)
        this.#lifecycle.status(status)
        if (status.kind === 'stopped') this.#inbox.end()
      },
      onBatch: (batch, connection) => this.#deliver(batch, connection),
      onLateReply: (outcome) => {
        for (const listener of this.#lateReplyListeners) this.#guard.run('onLateReply', listener, outcome)
      },
      onPing: onPing && ((payload) => this.#guard.run('onPing', onPing, payload)),
      onPong: onPong && ((payload) => this.#guard.run('onPong', onPong, payload)),
      onEvent: onEmit && ((event, n) => this.#guard.run('onEmit', onEmit, event, n)),
      messages: takesMessages ? this.#messagesTaker() : undefined,
      onHookError: onCallbackError && (({ error, hook }) => onCallbackError(error, hook)),
    }
    return new ResolvedActor(completeActor(new Checker(), checked, transport, guarded))
  }

  #messagesTaker(): MessageTaker {
    const inbox = this.#inbox
    return {
      get isWanted() {
        return inbox.wantsEach
      },
      take: (frame, connection) => inbox.take(frame, connection, this.#wanted),
      done: () => inbox.taken(),
    }
  }

  #deliver(batch: WsBatch, connection: number): void {
    if (this.#givenUp) return
    // The peer's CLOSE must be read even while nobody takes messages.
    if (this.#ending) this.#inbox.stopPausing()
    this.#inbox.deliver(batch, connection, this.#wanted)
  }

  /** Ends it without a close handshake. */
  #giveUp(cause: WsDisconnectCause): void {
    if (this.#givenUp) return
    this.#givenUp = true
    this.#actor.abandon(cause)
  }
}
