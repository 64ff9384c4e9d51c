import { SharedWsError, WsConfigError } from '../errors/errors.ts'
import type { WsServerError, WsSession } from '../session/endpoint-handler.ts'
import type { WsSubscriptionRequest } from '../session/subscription-manager.ts'
import {
  type SubscriptionChange,
  Subscriptions,
  type WsSubscriptionStage,
  type WsSubscriptionState,
} from '../session/subscriptions.ts'
import type { WsFrame } from '../transport/frame.ts'
import {
  authExpired,
  phaseFailed,
  reconnectRequested,
  subscriptionRevoked,
  subscriptionsFailed,
  subscriptionsNotSent,
  subscriptionsUnanswered,
} from './causes.ts'
import { THREW } from './hooks.ts'
import type { Interpreter } from './interpreter.ts'
import type { LiveConnection } from './live-connection.ts'
import { checkPayload } from './mistakes.ts'
import { Reauthentication } from './reauthentication.ts'
import type { OpeningPhase } from './state.ts'

/** What a connection is taken through until it is ready, and its subscriptions from then on. */
export class SessionRunner {
  readonly #actor: Interpreter
  readonly #subscriptions: Subscriptions | undefined
  readonly auth: Reauthentication
  #session: WsSession | undefined

  constructor(actor: Interpreter) {
    this.#actor = actor
    this.auth = new Reauthentication(actor)
    const { subscriptionManager, subscriptions, subscriptionTimeoutMs } = actor.options
    if (subscriptionManager !== undefined) {
      const nextId = (): string => actor.ids.next()
      this.#subscriptions = new Subscriptions(subscriptionManager, nextId, subscriptionTimeoutMs, subscriptions)
    }
  }

  /** Of the connection that is open. */
  get current(): WsSession {
    return this.#session as WsSession
  }

  /** It has been told that a connection is open, and not that it has ended. */
  get isUnderWay(): boolean {
    return this.#session !== undefined
  }

  get desired(): number {
    return this.#subscriptions?.size ?? 0
  }

  get allSettled(): boolean {
    return this.#subscriptions?.allSettled ?? true
  }

  /** The venue answers subscription messages, as far as we understand. */
  get areAnswered(): boolean {
    return this.#actor.options.subscriptionManager?.maybeSubscriptionResponse !== undefined
  }

  states(): readonly WsSubscriptionState[] {
    const { topics } = this.#actor.watch
    const states = this.#subscriptions?.states() ?? []
    return states.map((state) =>
      state.stage === 'acked' && topics.isMissing(state.item) ? { ...state, stage: 'stale' } : state,
    )
  }

  /** The user's code learns of a new connection; initial sends. */
  begin(live: LiveConnection): void {
    const { handler, ingress, subscriptionManager } = this.#actor.options
    const { hooks } = this.#actor
    this.#session = this.#sessionOf(live)
    this.#subscriptions?.reset()
    if (handler?.resetState !== undefined) hooks.notify('handler.resetState', () => handler.resetState?.())
    if (ingress?.onOpen !== undefined) hooks.notify('ingress.onOpen', () => ingress.onOpen?.(live.connection))
    if (handler?.onOpen !== undefined) hooks.notify('handler.onOpen', () => handler.onOpen?.(this.current))
    if (handler?.authenticate !== undefined && subscriptionManager?.requiresAuth !== undefined) this.replay('public')
  }

  ended(): void {
    this.#actor.live?.end()
    this.auth.ended()
    this.#session = undefined
  }

  runPhase(phase: OpeningPhase): void {
    const { handler } = this.#actor.options
    const generation = this.#actor.state.course.generation
    const done = (value: unknown): void => {
      const { state } = this.#actor
      const isCurrent = state.course.generation === generation && state.kind === 'opening' && state.phase === phase
      if (phase === 'authenticate' && isCurrent) this.auth.succeeded(value, 'handler.authenticate')
      this.#actor.dispatch({ kind: 'phase-done', generation, phase })
    }
    const failed = (error: unknown): void => {
      const { state } = this.#actor
      if (state.course.generation !== generation || state.kind !== 'opening' || state.phase !== phase) return
      this.#actor.leave(phaseFailed(phase, error), 'reconnect', false)
    }
    let result: unknown
    try {
      result = phase === 'authenticate' ? handler?.authenticate?.(this.current) : handler?.onReady?.(this.current)
    } catch (error) {
      failed(error)
      return
    }
    if (result === undefined) {
      done(undefined)
      return
    }
    const { enter } = this.#actor
    Promise.resolve(result).then(
      (value) => enter.call(this.#actor, () => done(value)),
      (error) => enter.call(this.#actor, () => failed(error)),
    )
  }

  // — subscriptions —

  /** `public`: those that need no authentication. `all`: those that have not been asked for yet. */
  replay(which: 'public' | 'all'): void {
    const live = this.#actor.live
    const subscriptions = this.#subscriptions
    if (live === undefined || subscriptions === undefined) return
    const publicDone = live.replayed === 'public'
    live.replayed = which
    this.#send('initial', () => {
      if (which === 'public') return subscriptions.initial('public')
      return subscriptions.initial(publicDone ? 'private' : 'all')
    })
    // Public ones that were added while it authenticated.
    if (publicDone) this.#send('update', () => subscriptions.request(subscriptions.unrequested(), []))
  }

  /** The replay of this connection is done. */
  get canReplay(): boolean {
    return this.#subscriptions !== undefined && this.#actor.live?.replayed === 'all'
  }

  /** What needs authentication, once more: the venue may have dropped it with the old one. And what was refused for want of it. */
  replayPrivate(): void {
    const subscriptions = this.#subscriptions
    if (subscriptions === undefined || !this.canReplay) return
    this.#send('initial', () => subscriptions.initial('private'))
    this.#send('update', () => subscriptions.request(subscriptions.unrequested(), []))
  }

  /** The authentication has expired, and what it had acknowledged with it. */
  privateLost(): void {
    const acked = this.states().filter(({ item }) => this.stageOf(item) === 'acked' && this.isPrivate(item))
    const lost = acked.map(({ item }) => item)
    this.#actor.watch.topics.lost(lost, authExpired())
  }

  isPrivate(item: string): boolean {
    return (
      this.#actor.hooks.call('subscriptionManager.requiresAuth', () => this.#subscriptions?.isPrivate(item)) === true
    )
  }

  stageOf(item: string): WsSubscriptionStage | undefined {
    return this.#subscriptions?.stageOf(item)
  }

  /** The venue has refused something: an ask, or what it could not even name. */
  refused(error: WsServerError): void {
    // Refused with the old authentication, while a new one is being made.
    if (!this.auth.isRunning && this.#isExpiry(error)) this.#authExpired()
  }

  #isExpiry(error: WsServerError): boolean {
    const { hooks, options } = this.#actor
    const { handler } = options
    if (!this.auth.isPossible || this.auth.isFresh || handler?.isAuthExpired === undefined) return false
    const expired = hooks.call('handler.isAuthExpired', () => handler.isAuthExpired?.(error))
    if (expired === THREW || typeof expired === 'boolean') return expired === true
    hooks.nonsense('handler.isAuthExpired', expired, 'true or false')
    return false
  }

  /** Behind what is going on: authentication is user code. */
  #authExpired(): void {
    this.#actor.enter(() => this.auth.refused())
  }

  /** Everything desired, once more, if the connection has come that far. */
  replayNow(): void {
    const subscriptions = this.#subscriptions
    if (subscriptions === undefined || !this.canReplay) return
    this.#send('initial', () => subscriptions.initial('all'))
  }

  /** Throws `ERR_NO_SUBSCRIPTIONS`. */
  requireManager(): void {
    if (this.#subscriptions !== undefined) return
    const message = 'the actor has no subscriptionManager, which knows how the venue wants subscriptions asked for'
    throw new SharedWsError('ERR_NO_SUBSCRIPTIONS', message)
  }

  change(add: readonly string[], remove: readonly string[]): void {
    const subscriptions = this.#subscriptions
    if (subscriptions === undefined) return
    const added = subscriptions.add(add)
    const removed = subscriptions.remove(remove)
    for (const item of added) this.#actor.watch.topics.sequences.wanted(item)
    for (const item of remove) this.#actor.watch.topics.unwanted(item)
    const replayed = this.#actor.live?.replayed ?? 'nothing'
    if (replayed === 'nothing') return
    // While it authenticates, additions wait for the replay; what has been asked for already must be given up by message.
    const now = replayed === 'all' ? added : []
    this.#send('update', () => subscriptions.request(now, removed))
  }

  acked(): string[] {
    return this.#subscriptions?.itemsIn('acked') ?? []
  }

  /** Takes topics off and asks for them again. False: the manager failed, or the lane is full. */
  resubscribe(items: readonly string[]): boolean {
    const subscriptions = this.#subscriptions
    if (subscriptions === undefined || this.#actor.live?.replayed !== 'all') return false
    const acked = items.filter((item) => subscriptions.stageOf(item) === 'acked')
    const isOff = this.#send('update', () => subscriptions.request([], acked))
    return this.#send('update', () => subscriptions.request(acked, [])) && isOff
  }

  get awaitsAnswers(): boolean {
    return this.#subscriptions?.awaitsAnswers === true
  }

  /** True: the frame was an answer to a subscription message. */
  subscriptionAnswer(frame: WsFrame): boolean {
    const subscriptions = this.#subscriptions
    if (subscriptions === undefined || !subscriptions.awaitsAnswers) return false
    const { hooks } = this.#actor
    try {
      if (!subscriptions.mayAnswer(frame)) return false
      const response = subscriptions.decode(frame)
      if (response === undefined) return false
      const { changes, ask, authExpired } = subscriptions.answered(response, (why) => this.#isExpiry(why))
      this.#tell(changes)
      if (authExpired === true) this.#authExpired()
      for (const { add, remove } of ask) this.#send('update', () => subscriptions.request(add, remove))
      return true
    } catch (error) {
      hooks.failed('subscriptionManager.response', error)
      return false
    }
  }

  /** Of subscriptions; {@link auth} has its own. */
  nextDueUs(): number {
    return this.#subscriptions?.nextDueUs() ?? Infinity
  }

  /** After the link was drained. */
  judge(nowUs: number): void {
    const subscriptions = this.#subscriptions
    if (subscriptions === undefined) return
    const revoked = { add: subscriptions.takeRetries(nowUs), remove: [] }
    for (const { add, remove } of [revoked, ...subscriptions.takeOwed(nowUs)]) {
      this.#send('update', () => subscriptions.request(add, remove))
    }
    const overdue = subscriptions.overdue(nowUs)
    if (overdue.length === 0) return
    this.#tell(overdue)
    const items = overdue.map(({ item }) => item)
    this.#actor.leave(subscriptionsUnanswered(items, this.#actor.options.subscriptionTimeoutMs), 'reconnect', true)
  }

  #tell(changes: readonly SubscriptionChange[]): void {
    for (const change of changes) {
      this.#actor.status({ kind: 'subscription', ...change })
      const stage = this.#subscriptions?.stageOf(change.item)
      const { topics } = this.#actor.watch
      if (change.state === 'acked') topics.acked(change.item)
      else if (stage === 'rejected' || stage === 'revoked') topics.forgotten(change.item)
      if (stage === 'rejected') topics.gaps.leaveToUser(change.item)
    }
  }

  /** True: all of it was handed over. */
  #send(member: 'initial' | 'update', make: () => readonly WsSubscriptionRequest[]): boolean {
    const { hooks, asks, isInside } = this.#actor
    const requests = hooks.call(`subscriptionManager.${member}`, make)
    if (requests === THREW) {
      this.#failed(member)
      return false
    }
    for (const [i, { payload, subscribe, requestId }] of requests.entries()) {
      // Armed before it leaves, as those of asks are.
      asks.table.reserve(requestId, this.#actor.options.clock.monoUs())
      const onTaken = (): void => {
        this.#subscriptions?.sent(requestId, this.#actor.options.clock.monoUs())
        // Where the venue does not answer, having been sent is all there is.
        if (this.areAnswered) return
        for (const item of subscribe) {
          // It may have waited for its turn until nobody wanted it any more.
          if (this.#subscriptions?.stageOf(item) !== undefined) this.#actor.watch.topics.acked(item)
        }
      }
      this.#actor.watch.topics.requested(subscribe)
      const sent = hooks.call(`subscriptionManager.${member}`, () =>
        asks.lanes.send({ payload, own: true, onTaken }, isInside),
      )
      if (sent === 'full') this.#actor.leave(subscriptionsNotSent(), 'reconnect', true)
      if (sent === THREW) {
        this.#subscriptions?.unsent(requests.slice(i))
        this.#failed(member)
      }
      if (sent === 'full' || sent === 'not-open' || sent === THREW) return false
    }
    return true
  }

  /** A connection without its subscriptions is one that brings nothing, and nobody would know. */
  #failed(member: 'initial' | 'update'): void {
    const isLost = member === 'initial' || this.#subscriptions?.failed(this.#actor.options.clock.monoUs()) === false
    if (isLost) this.#actor.leave(subscriptionsFailed(member), 'reconnect', true)
  }

  #sessionOf(live: LiveConnection): WsSession {
    const actor = this.#actor
    const carrier = (): LiveConnection | undefined =>
      actor.live === live && actor.takesSessionSends ? live : undefined
    return {
      connection: live.connection,
      get signal() {
        return live.signal
      },
      send(payload, options) {
        checkPayload(payload)
        if (carrier() === undefined) return 'not-open'
        // What is urgent is an answer to a heartbeat, more likely than not: it is queued, never refused for want of a budget.
        const mustWait = options?.urgent === true
        const sent = actor.asks.lanes.send({ payload, ...options, mustWait }, actor.isInside)
        if (sent === 'queued') actor.waitForBudget()
        return sent
      },
      ask(request) {
        actor.expectReplies()
        return actor.asks.ask(request, carrier, () => live.connection, true)
      },
      nextRequestId: () => actor.ids.next(),
      reportGap: (gap) => actor.watch.topics.sequences.report(gap, live),
      reportResumed: (key) => actor.watch.topics.sequences.mended(key, live),
      authExpired: () =>
        actor.enter(() => {
          if (carrier() !== undefined) this.auth.expired()
        }),
      reconnect: (reason = '') => {
        if (carrier() !== undefined) actor.leave(reconnectRequested('handler', String(reason)), 'reconnect', true)
      },
      revoked: (items, why = {}) => {
        const checked = checkRevoked(items, why)
        actor.enter(() => {
          if (carrier() === undefined || this.#subscriptions === undefined) return
          const changes = this.#subscriptions.revoked(checked, why, actor.options.clock.monoUs())
          const { topics } = actor.watch
          topics.lost(
            changes.map(({ item }) => item),
            subscriptionRevoked(why),
          )
          this.#tell(changes)
        })
      },
    }
  }
}

function checkRevoked(items: unknown, why: unknown): readonly string[] {
  const valid = Array.isArray(items) && items.every((item) => typeof item === 'string')
  if (valid && typeof why === 'object' && why !== null) return [...items]
  throw new WsConfigError([
    { field: 'revoked.items', message: 'must be a list of strings, and why { code?, message? }' },
  ])
}
