import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { CarriedByAll } from '../health/carried.ts'
import { WsHealthMonitor } from '../health/health-monitor.ts'
import { checkedIds, SequentialRequestIds, type WsRequestIds } from '../requests/request-ids.ts'
import { FramePacer } from '../session/pacing.ts'
import type { WsBatch, WsLink, WsLinkEvents, WsOpenInfo } from '../transport/transport.ts'
import { Asks } from './asks.ts'
import { Attempts } from './attempts.ts'
import { hookThrew } from './causes.ts'
import type { ActorEffect } from './effects.ts'
import type { ActorEvent } from './events.ts'
import { Hooks } from './hooks.ts'
import { Inbound } from './inbound.ts'
import { LiveConnection } from './live-connection.ts'
import type { ResolvedActorOptions } from './resolve.ts'
import { SessionRunner } from './session-runner.ts'
import { type ActorState, IDLE } from './state.ts'
import { type StatusNews, Telling } from './telling.ts'
import { TimedSends } from './timed-sends.ts'
import { transition } from './transition.ts'
import { Watch } from './watch.ts'

/** Hears what the promises of the public class wait for. */
export interface InterpreterListener {
  /** Asks are accepted, from now on or again. */
  accepting(): void
  /** The connection that had opened has ended. */
  disconnected(cause: WsDisconnectCause): void
  finished(cause: WsDisconnectCause, reason: string): void
  /** After everything that happens: something may have been achieved. */
  progressed(): void
}

/**
 * Runs the effects of `transition` over a transport and the user's code. All that happens enters through {@link enter},
 * one thing at a time: events that effects bring about are queued behind them, and calls that users make from inside hooks
 * are queued behind those. Link events that come out of `link.drain()` are the one exception; they only ever queue events.
 */
export class Interpreter {
  readonly options: ResolvedActorOptions
  readonly health = new WsHealthMonitor()
  readonly carried = new CarriedByAll()
  readonly hooks: Hooks
  readonly asks: Asks
  readonly sends: TimedSends
  readonly ids: WsRequestIds
  readonly session: SessionRunner
  readonly telling: Telling
  readonly #inbound: Inbound<unknown, unknown>
  readonly watch: Watch
  readonly #listener: InterpreterListener
  readonly #pacer: FramePacer | undefined
  readonly #attempts: Attempts
  #state: ActorState = IDLE
  #live: LiveConnection | undefined
  #running = false
  #settingDown = false
  #unsettled = false
  readonly #events: ActorEvent[] = []
  readonly #commands: (() => void)[] = []

  constructor(options: ResolvedActorOptions, listener: InterpreterListener) {
    this.options = options
    this.#listener = listener
    this.ids = options.requestIds ? checkedIds(options.requestIds) : new SequentialRequestIds(options.random)
    this.telling = new Telling(options, () => this.connection)
    this.hooks = new Hooks(
      {
        onHookError: options.callbacks.onHookError,
        whenHookThrows: options.whenHookThrows,
        onError: (hook, error) => this.telling.rememberThrown(hook, error),
      },
      () => this.connection,
      (policy, hook, error) => this.leave(hookThrew(hook, error), policy, true),
    )
    const { requests, lanes, clock, pacing, requestIdPath } = options
    this.#pacer = pacing === undefined ? undefined : new FramePacer(pacing)
    this.asks = new Asks(
      { requests, lanes, pacer: this.#pacer, clock, ids: this.ids, requestIdPath },
      (outcome) => {
        this.health.count.lateReplies++
        this.hooks.notify('onLateReply', options.callbacks.onLateReply, outcome)
      },
      (run) => this.enter(run),
      () => this.#running,
    )
    this.sends = new TimedSends(this)
    this.session = new SessionRunner(this)
    this.#inbound = new Inbound(options, this.hooks, this.health, {
      table: this.asks.table,
      wanted: (live) => this.#live === live && !this.#terminating,
      refused: (error) => this.session.refused(error),
      awaitsAnswers: () => this.session.awaitsAnswers,
      subscriptionAnswer: (frame) => this.session.subscriptionAnswer(frame),
      leave: (cause, next) => this.leave(cause, next, true),
      replyIgnored: (requestId, why) => this.status({ kind: 'reply-ignored', requestId, why }),
      topics: () => this.watch.topics,
      rtt: (rttUs, atUs) => this.watch.rtt(rttUs, atUs),
    })
    this.watch = new Watch(this)
    this.#attempts = new Attempts(this)
  }

  get state(): ActorState {
    return this.#state
  }

  /** The connection that is open; undefined before, after and in between. */
  get live(): LiveConnection | undefined {
    return this.#live
  }

  /** The handler may use this connection: it is open, and not on its way out. */
  get takesSessionSends(): boolean {
    const { kind } = this.#state
    return kind === 'opening' || kind === 'ready'
  }

  /** A hook or a batch is running: what users want now waits. */
  get isInside(): boolean {
    return this.#running
  }

  /** When the current connection last brought application data. */
  get lastDataUs(): number | undefined {
    return this.#live?.dataSeen === true ? this.#inbound.dataUntilUs : undefined
  }

  /** Something may wait in the lanes for a frame of the budget, which only the timer brings. */
  waitForBudget(): void {
    if (this.#pacer !== undefined && !this.#running) this.watch.arm()
  }

  /** Authentication has been done anew. */
  authenticatedAnew(): void {
    this.#listener.accepting()
    this.status({ kind: 'authenticated' })
  }

  expectReplies(): void {
    this.#inbound.expectsReplies = true
  }

  /** Runs it now, or, from inside a hook, after it. */
  enter(run: () => void): void {
    if (this.#running) {
      this.#commands.push(run)
      return
    }
    this.#running = true
    try {
      run()
    } finally {
      try {
        this.#runQueued()
      } finally {
        this.#running = false
        this.#settleDown()
      }
    }
  }

  /** Queued behind what is going on. Call only from inside {@link enter}. */
  dispatch(event: ActorEvent): void {
    this.#events.push(event)
  }

  leave(cause: WsDisconnectCause, next: 'reconnect' | 'stop', politely: boolean): void {
    const event: ActorEvent = { kind: 'leave', cause, next, politely }
    if (this.#running) this.dispatch(event)
    else this.enter(() => this.dispatch(event))
  }

  status(news: StatusNews): void {
    this.telling.status(news, this.hooks)
  }

  /** Which connection hooks and status events are about. */
  get connection(): number {
    return this.#live?.connection ?? this.#state.course.connection
  }

  /** We have given the link up: what it still brings is not delivered. */
  get #terminating(): boolean {
    return this.#state.kind === 'closing' && this.#state.dueUs === undefined
  }

  #runQueued(): void {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) {
        this.#step(event)
        continue
      }
      const command = this.#commands.shift()
      if (command === undefined) return
      command()
    }
  }

  /** Nothing is going on any more: what waits is sent, the timer is armed. */
  #settleDown(): void {
    // Settling down may itself make something happen, and what that leaves waiting must go out as well.
    this.#unsettled = true
    if (this.#settingDown) return
    this.#settingDown = true
    try {
      while (this.#unsettled) {
        this.#unsettled = false
        this.sends.progress()
        this.asks.lanes.pump()
        this.watch.look()
        this.#listener.progressed()
      }
    } finally {
      this.#settingDown = false
      this.watch.arm()
    }
  }

  #step(event: ActorEvent): void {
    const { clock, rules } = this.options
    const { state, effects } = transition(this.#state, event, clock.monoUs(), rules)
    const isClosing = state.kind === 'closing' && this.#state.kind !== 'closing'
    this.#state = state
    if (isClosing) this.status({ kind: 'closing', cause: state.cause })
    for (const effect of effects) this.#run(effect)
  }

  #run(effect: ActorEffect): void {
    const { asks, options, watch } = this
    switch (effect.kind) {
      case 'connect':
        this.#connect(effect)
        break
      case 'begin-session':
        this.#begin(effect.info)
        break
      case 'run-phase':
        this.session.runPhase(effect.phase)
        break
      case 'announce-authenticated':
        if (options.handler?.authenticate !== undefined) this.status({ kind: 'authenticated' })
        break
      case 'replay':
        this.session.replay('all')
        break
      case 'announce-ready':
        this.sends.release()
        watch.ready()
        this.#listener.accepting()
        this.status({ kind: 'ready' })
        break
      case 'announce-healthy':
        this.#attempts.succeeded()
        this.#pacer?.recover()
        this.hooks.notify('reconnect.reset', () => options.reconnect.reset())
        this.status({ kind: 'healthy' })
        break
      case 'await-asks':
        this.status({ kind: 'draining', cause: effect.cause })
        break
      case 'settle-asks':
        asks.table.stop(options.clock.monoUs())
        this.sends.stopped()
        break
      case 'terminate-link':
        this.#attempts.terminate(effect.cause)
        break
      case 'close-link':
        asks.lanes.close()
        watch.closeWhenSent(effect.code, effect.reason, effect.timeoutMs)
        break
      case 'end-link':
        this.#end(effect)
        break
      case 'decide': {
        const decision = this.#attempts.decide(effect)
        this.dispatch({ kind: 'decided', generation: effect.generation, decision })
        break
      }
      case 'announce-backoff':
        this.status({ kind: 'backoff', attempt: effect.attempt, delayMs: effect.delayMs })
        break
      case 'finish':
        asks.table.stop(options.clock.monoUs())
        this.sends.stopped()
        this.sends.tell()
        this.status({ kind: 'stopped', cause: effect.cause })
        watch.finished()
        this.#listener.finished(effect.cause, effect.reason)
        break
    }
  }

  #connect({ generation, attempt }: Extract<ActorEffect, { kind: 'connect' }>): void {
    this.health.count.attempts++
    this.status({ kind: 'connecting', attempt })
    this.#attempts.begin(attempt, this.#linkEvents(generation))
  }

  /** What an attempt that is over has to say does not get through. */
  #linkEvents(generation: number): WsLinkEvents {
    const now = (run: () => void): void => {
      if (generation !== this.#state.course.generation) return
      // From inside `link.drain()`, which our own tick has called.
      if (this.#running) run()
      else this.enter(run)
    }
    const heard = (run: (live: LiveConnection) => void): void => {
      now(() => {
        const live = this.#live
        if (live?.generation === generation && !this.#terminating) run(live)
      })
    }
    const { onPing, onPong } = this.options.callbacks
    return {
      onOpen: (info) => now(() => this.dispatch({ kind: 'link-open', generation, info })),
      onMessages: (batch: WsBatch) => heard((live) => this.#messages(batch, live)),
      onPing: (payload, receivedMonoUs) =>
        heard((live) => {
          this.watch.ping(receivedMonoUs, live)
          this.hooks.notify('onPing', onPing, payload)
        }),
      onPong: (payload, receivedMonoUs) =>
        heard((live) => {
          this.watch.pong(payload, receivedMonoUs, live)
          this.hooks.notify('onPong', onPong, payload, receivedMonoUs)
        }),
      onTopic: (topic, receivedMonoUs) => heard(() => this.watch.topics.followedData(topic, receivedMonoUs)),
      onWritable: () => heard(() => this.asks.lanes.pump()),
      onEnd: (cause) => now(() => this.dispatch({ kind: 'link-ended', generation, cause })),
    }
  }

  #messages(batch: WsBatch, live: LiveConnection): void {
    this.#inbound.deliver(batch, live, this.session.current)
    this.watch.messages(live, this.#inbound.dataUntilUs, this.#inbound.heartbeats)
  }

  #begin(info: WsOpenInfo): void {
    const { clock, random } = this.options
    const { connection, generation } = this.#state.course
    const link = this.#attempts.link as WsLink
    const nextRequestId = (): string => this.#nextOwnId()
    const about = { connection, generation, info, nextRequestId }
    const live = new LiveConnection(about, link, this.asks.lanes, random, clock.monoUs())
    this.#live = live
    this.#pacer?.reset()
    this.asks.lanes.attach(link)
    this.carried.begin(link)
    this.health.connectionOpened()
    this.watch.opened(live)
    this.status({ kind: 'open', info })
    this.session.begin(live)
  }

  /** Of a request of the library's own. */
  #nextOwnId(): string {
    const id = this.ids.next()
    this.asks.table.reserve(id, this.options.clock.monoUs())
    return id
  }

  #end({ cause, opened, attempt }: Extract<ActorEffect, { kind: 'end-link' }>): void {
    const { clock, ingress } = this.options
    const live = this.#live
    this.#attempts.ended()
    if (!opened) this.health.count.attemptsFailed++
    if (cause.kind === 'remote-closed' && cause.closeCode === 1008) this.#pacer?.slowDown()
    if (cause.kind !== 'local-stop') this.telling.remember(cause.kind, cause.code, cause.message)
    if (live === undefined) {
      this.status({ kind: 'disconnected', attempt, cause })
      return
    }
    const nowUs = clock.monoUs()
    live.bytesHaveCome(nowUs)
    this.carried.end()
    this.health.count.disconnects++
    this.health.count.gaps++
    this.watch.ended()
    // The lanes still hold what was never offered; the table takes it out of them.
    this.asks.table.disconnected(live.connection, nowUs)
    this.sends.disconnected(this.#state.kind === 'stopped' ? 'stopped' : 'disconnected')
    this.asks.lanes.detach()
    this.session.ended()
    this.#listener.disconnected(cause)
    this.sends.tell()
    this.status({ kind: 'disconnected', attempt, cause })
    const epochOffsetUs = clock.epochUs() - nowUs
    const fromUs = live.lastByteUs + epochOffsetUs
    this.status({ kind: 'gap', scope: 'connection', fromUs, toUs: nowUs + epochOffsetUs, cause })
    if (ingress?.onGap !== undefined) this.hooks.notify('ingress.onGap', () => ingress.onGap?.(live.connection, cause))
    this.#live = undefined
  }
}
