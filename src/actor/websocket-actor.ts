import { WsConnectError, type WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import type { WsDelegatedRequest } from '../requests/delegated-request.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { WsUnresolved } from '../requests/pending-requests.ts'
import type { WsSessionSend } from '../session/endpoint-handler.ts'
import type { WsSubscriptionState } from '../session/subscriptions.ts'
import { listenForAbort } from '../support/abort.ts'
import { MAX_TIMER_MS } from '../support/check.ts'
import { withDeadline } from '../support/deadline.ts'
import type { WsOpenInfo, WsPayload } from '../transport/transport.ts'
import type { WsActor, WsActorStats } from './actor.ts'
import { reconnectRequested, stoppedBySignal, stoppedByUser } from './causes.ts'
import { Interpreter } from './interpreter.ts'
import type { LiveConnection } from './live-connection.ts'
import {
  checkClose,
  checkItems,
  checkPayload,
  checkPayloads,
  checkWait,
  notOpenError,
  timeoutError,
} from './mistakes.ts'
import type { WsOpenGap } from './open-gaps.ts'
import type { WebSocketActorOptions } from './options.ts'
import { type Deferred, deferred } from './promises.ts'
import { Readiness } from './readiness.ts'
import { type ResolvedActorOptions, resolveActorOptions } from './resolve.ts'
import { checkSend, type WsSendOptions } from './send-options.ts'
import { mayConnect, statusOf } from './state.ts'
import { statsOf } from './stats.ts'
import type { WsConnectionStatus, WsStatusEvent, WsStopped } from './status.ts'
import type { WayOut } from './timed-sends.ts'

const PING_TIMEOUT_MS = 5000
const DRAIN_TIMEOUT_MS = 5000

/** A {@link WebSocketActor} whose options have been checked, by whoever makes it. Nothing happens before {@link start}. */
export class ResolvedActor implements WsActor {
  readonly transportName: string
  readonly #core: Interpreter
  readonly #closed: Deferred<WsStopped> = deferred()
  /** It has ended, and calls that hooks had made before are yet to be told so. */
  #ending: WsStopped | undefined
  readonly #ready = new Readiness(() => this.#accepting?.info)
  /** `drain()` has been called: nothing new is accepted, for good. */
  #draining = false
  readonly #drained = new Set<(all: boolean) => void>()
  /** Who waits for room in the lanes. */
  #room: Deferred<void> | undefined

  constructor(options: ResolvedActorOptions) {
    this.transportName = options.transport.name
    this.#core = new Interpreter(options, {
      accepting: () => this.#ready.look(),
      disconnected: (cause) => this.#disconnected(cause),
      finished: (cause, reason) => this.#finished(cause, reason),
      progressed: () => this.#progressed(),
    })
  }

  get status(): WsConnectionStatus {
    return statusOf(this.#core.state)
  }

  get connection(): number {
    return this.#core.connection
  }

  /** Ready, but for an authentication that is being done anew: asks are refused until then. */
  get authenticatesAnew(): boolean {
    return this.#core.session.auth.blocks
  }

  start(): void {
    const { signal, clock } = this.#core.options
    if (this.#core.state.kind !== 'idle') return
    if (signal !== undefined) listenForAbort(signal, this.#onAbort)
    this.#core.watch.started(clock.monoUs())
    if (signal?.aborted) this.#onAbort()
    else this.#core.enter(() => this.#core.dispatch({ kind: 'start' }))
  }

  async ready(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<WsOpenInfo> {
    const { timeoutMs, signal } = checkWait('ready', options)
    const { state } = this.#core
    const promise = this.#ready.wait(() =>
      state.kind === 'stopped' ? { reason: this.#endError(state.cause) } : undefined,
    )
    if (timeoutMs === undefined && options?.signal === undefined) return promise
    const ms = timeoutMs ?? MAX_TIMER_MS
    const expired = (): Error => timeoutError('the actor was not ready', ms)
    return withDeadline({ clock: this.#core.options.clock, ms, expired }, signal, () => promise)
  }

  ask(request: WsDelegatedRequest): Promise<WsOutcome> {
    this.#core.expectReplies()
    return this.#core.asks.ask(
      request,
      () => this.#carrier(),
      () => this.#core.connection,
    )
  }

  send(payload: WsPayload, options?: WsSendOptions): WsSessionSend {
    checkPayload(payload)
    if (checkSend('send', options)) return this.#core.sends.send(payload, options, this.#wayOut)
    if (this.#carrier() === undefined) return 'not-open'
    const { isInside, asks } = this.#core
    const sent = asks.lanes.send({ payload, binary: options?.binary, urgent: options?.urgent }, isInside)
    if (sent === 'queued') this.#core.waitForBudget()
    return sent
  }

  sendBatch(payloads: readonly WsPayload[], options?: WsSendOptions): number {
    checkPayloads(payloads)
    if (checkSend('sendBatch', options)) return this.#core.sends.sendAll(payloads, options, this.#wayOut)
    if (this.#carrier() === undefined) return 0
    const { isInside, asks } = this.#core
    const accepted = asks.lanes.sendAll(payloads, { binary: options?.binary, urgent: options?.urgent }, isInside)
    this.#core.waitForBudget()
    return accepted
  }

  async writable(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void> {
    const { timeoutMs, signal } = checkWait('writable', options)
    signal.throwIfAborted()
    if (this.#carrier() === undefined) throw notOpenError('writable')
    if (this.#core.asks.lanes.isHalfEmpty) return
    this.#room ??= deferred()
    const { promise } = this.#room
    const ms = timeoutMs ?? MAX_TIMER_MS
    const expired = (): Error => timeoutError('the lanes were not half empty', ms)
    await withDeadline({ clock: this.#core.options.clock, ms, expired }, signal, () => promise)
  }

  subscribe(items: readonly string[]): void {
    const checked = checkItems('subscribe', items)
    this.#core.session.requireManager()
    this.#core.enter(() => this.#core.session.change(checked, []))
  }

  unsubscribe(items: readonly string[]): void {
    const checked = checkItems('unsubscribe', items)
    this.#core.session.requireManager()
    this.#core.enter(() => this.#core.session.change([], checked))
  }

  replaceSubscriptions(items: readonly string[]): void {
    const checked = checkItems('replaceSubscriptions', items)
    this.#core.session.requireManager()
    this.#core.enter(() => {
      const desired = new Set(this.#core.session.states().map(({ item }) => item))
      for (const item of checked) desired.delete(item)
      this.#core.session.change(checked, [...desired])
    })
  }

  clearSubscriptions(): void {
    this.replaceSubscriptions([])
  }

  subscriptions(): readonly WsSubscriptionState[] {
    return this.#core.session.states()
  }

  replay(): boolean {
    if (!this.#core.session.canReplay) return false
    this.#core.enter(() => this.#core.session.replayNow())
    return true
  }

  reportGap(gap: WsGapReport): WsGapReported {
    return this.#core.watch.topics.sequences.report(gap)
  }

  reportResumed(key?: string): boolean {
    return this.#core.watch.topics.sequences.mended(key)
  }

  openGaps(): readonly WsOpenGap[] {
    return this.#core.watch.topics.gaps.list()
  }

  statusEvents(): AsyncIterableIterator<WsStatusEvent, undefined> {
    return this.#core.telling.feed.iterate()
  }

  nextRequestId(): string {
    return this.#core.ids.next()
  }

  unresolved(): readonly WsUnresolved[] {
    return this.#core.asks.table.unresolved()
  }

  settle(requestId: string, evidence?: unknown): boolean {
    const wasUnresolved = this.#core.asks.table.settle(requestId)
    if (wasUnresolved) this.#core.enter(() => this.#core.status({ kind: 'settled', requestId, evidence }))
    return wasUnresolved
  }

  async drain(options?: { readonly timeoutMs?: number }): Promise<boolean> {
    const { timeoutMs } = checkWait('drain', options)
    this.#draining = true
    const { live, watch } = this.#core
    const { clock } = this.#core.options
    const dueUs = clock.monoUs() + (timeoutMs ?? DRAIN_TIMEOUT_MS) * 1000
    // What the hook or the payload function that this is called from belongs to is sent by then.
    await undefined
    if (live !== this.#core.live) return false
    if (this.#isDrained()) return true
    watch.pollWanted = true
    let settle!: (all: boolean) => void
    const done = new Promise<boolean>((resolve) => {
      settle = resolve
    })
    this.#drained.add(settle)
    const leftMs = Math.max(0, (dueUs - clock.monoUs()) / 1000)
    const timer = clock.setTimer(leftMs, () => settle(this.#isDrained()))
    this.#core.enter(() => {})
    try {
      return await done
    } finally {
      timer.cancel()
      this.#drained.delete(settle)
      watch.pollWanted = this.#drained.size > 0
    }
  }

  reconnect(reason = ''): void {
    this.#core.leave(reconnectRequested('user', String(reason)), 'reconnect', true)
  }

  async stop(options?: {
    readonly code?: number
    readonly reason?: string
    readonly timeoutMs?: number
  }): Promise<WsStopped> {
    const { code, reason, timeoutMs } = checkClose(options, this.#core.options.closeTimeoutMs)
    const cause = stoppedByUser()
    this.#core.enter(() => this.#core.dispatch({ kind: 'stop', cause, code, reason, timeoutMs }))
    return this.#closed.promise
  }

  /** For those whom the front door calls by itself. */
  callbackThrew(callback: string, error: unknown): void {
    this.#core.telling.rememberThrown(callback, error)
  }

  /** Leaves this connection for another one, because of `cause`; without one it does nothing. */
  replace(cause: WsDisconnectCause): void {
    if (this.#core.live !== undefined) this.#core.leave(cause, 'reconnect', true)
  }

  abandon(cause: WsDisconnectCause): void {
    this.#core.leave(cause, 'stop', false)
  }

  closed(): Promise<WsStopped> {
    return this.#closed.promise
  }

  pauseReading(): void {
    this.#setPaused(true)
  }

  resumeReading(): void {
    this.#setPaused(false)
  }

  async ping(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<number> {
    const { timeoutMs, signal } = checkWait('ping', options)
    const { live, watch, options: resolved } = this.#core
    if (live === undefined) throw notOpenError('ping')
    const rttUs = await watch.pings.send(live.userPings, timeoutMs ?? PING_TIMEOUT_MS, signal)
    // The connection may have ended since the pong was read; what comes next is not to be judged by it.
    if (this.#core.live === live) {
      live.answerSeen = true
      watch.rtt(rttUs, resolved.clock.monoUs())
    }
    return rttUs
  }

  stats(): WsActorStats {
    return statsOf(this.#core)
  }

  /** Where asks are accepted, and the link has not begun to refuse them. */
  get #accepting(): LiveConnection | undefined {
    return this.#core.asks.lanes.linkClosed ? undefined : this.#carrier()
  }

  /** Where asks and sends of users go; undefined when they are not accepted. */
  #carrier(): LiveConnection | undefined {
    const { state, session, live } = this.#core
    return state.kind === 'ready' && !this.#draining && !session.auth.blocks ? live : undefined
  }

  /** Of sends with a time-to-live. */
  readonly #wayOut = (): WayOut => ({
    isOpen: this.#carrier() !== undefined,
    mayWait: !this.#draining && mayConnect(this.#core.state),
  })

  /** From inside a hook as well at once: what a link delivers in one go must stop coming. */
  #setPaused(paused: boolean): void {
    const { isInside, watch } = this.#core
    if (isInside) watch.setPaused(paused)
    else this.#core.enter(() => watch.setPaused(paused))
  }

  readonly #onAbort = (): void => {
    const { signal, closeTimeoutMs: timeoutMs } = this.#core.options
    const cause = stoppedBySignal(signal?.reason)
    this.#core.enter(() => this.#core.dispatch({ kind: 'stop', cause, code: 1001, reason: '', timeoutMs }))
  }

  #isDrained(): boolean {
    const { asks, sends, live, state } = this.#core
    if (sends.waiting > 0) return false
    // A link that is given up, or gives up by itself, holds nothing because it has dropped it.
    return (
      state.kind !== 'closing' && asks.table.size === 0 && asks.lanes.isEmpty && (live?.link.queuedBytes ?? 0) === 0
    )
  }

  #progressed(): void {
    this.#tellEnd()
    this.#tellResumed()
    if (this.#room !== undefined && this.#core.asks.lanes.isHalfEmpty) {
      this.#room.resolve()
      this.#room = undefined
    }
    if (this.#drained.size === 0 || !this.#isDrained()) return
    for (const settle of this.#drained) settle(true)
  }

  /** The first connection resumes nothing. */
  #tellResumed(): void {
    const { live, state, session, watch } = this.#core
    if (live === undefined || live.resumed || !live.dataSeen || live.connection === 1) return
    // Where it has lost something meanwhile, the one end is told for both.
    if (state.kind !== 'ready' || !session.allSettled || watch.topics.wholeIsMissing) return
    live.resumed = true
    this.#core.enter(() => this.#core.status({ kind: 'resumed' }))
  }

  #disconnected(cause: WsDisconnectCause): void {
    this.#core.watch.pings.rejectAll(() => this.#endError(cause))
    this.#room?.reject(this.#endError(cause))
    this.#room = undefined
    for (const settle of this.#drained) settle(false)
    this.#ready.connectionEnded()
  }

  #finished(cause: WsDisconnectCause, reason: string): void {
    this.#core.options.signal?.removeEventListener('abort', this.#onAbort)
    for (const settle of this.#drained) settle(false)
    this.#ending = { reason, cause }
  }

  /** Who waits for the end has heard by then what became of everything else. */
  #tellEnd(): void {
    const ending = this.#ending
    if (ending === undefined) return
    this.#ending = undefined
    this.#ready.ended(() => this.#endError(ending.cause))
    this.#closed.resolve(ending)
  }

  /** The user's own reason when the user's signal ended it. */
  #endError(cause: WsDisconnectCause): unknown {
    const { signal } = this.#core.options
    return cause.code === 'ERR_ABORTED' && signal?.aborted === true ? signal.reason : new WsConnectError(cause)
  }
}

/**
 * One connection that heals. See {@link WsActor} for what it can do, and {@link WebSocketActorOptions} for what it is made
 * of:
 *
 * ```ts
 * const actor = new WebSocketActor({ url, transport: nativeTransport, handler, subscriptionManager, subscriptions })
 * actor.start()
 * await actor.ready({ timeoutMs: 10_000 })
 * const outcome = await actor.ask({ frame: (id) => order(id), confirmMode: 'confirmed', timeoutMs: 2000 })
 * await actor.stop()
 * ```
 *
 * It owns one connection at a time and nothing of the process: after `stop()` no timer, handle or socket is left.
 */
export class WebSocketActor<M = unknown, E = never> extends ResolvedActor {
  /** Throws one `WsConfigError` with every mistake in `options`. Nothing happens before {@link start}. */
  constructor(options: WebSocketActorOptions<M, E>) {
    super(resolveActorOptions(options))
  }
}
