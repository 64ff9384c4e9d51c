import { isLatencyVerdict } from '../health/latency-policy.ts'
import { Liveness } from '../health/liveness.ts'
import type { WsHealthSnapshot } from '../health/metrics.ts'
import { isTimedOut } from '../health/ping-pong.ts'
import { pongTimedOut, tooSlow, type WentSilent, wentSilent } from './causes.ts'
import { Hearing } from './hearing.ts'
import { THREW } from './hooks.ts'
import type { Interpreter } from './interpreter.ts'
import type { LiveConnection } from './live-connection.ts'
import { Pings } from './pings.ts'
import { Proof, type Wanted } from './proof.ts'
import { ReadAhead } from './read-ahead.ts'
import { POLL_US, Schedule } from './schedule.ts'
import { dueUsOf } from './state.ts'
import { Topics } from './topics.ts'

/** A strategy that is due again as soon as it has ticked must not stop the world. */
const MIN_TICK_US = 1000
/** For a strategy that throws or talks nonsense instead of saying when it is due. */
const ASK_AGAIN_US = 1_000_000

/**
 * Everything that hangs on time. One timer, armed for whatever is due first; when it fires, the link is drained once, so
 * that what has arrived is known before anybody is condemned for not having sent it; only then is judged.
 */
export class Watch {
  readonly pings: Pings
  readonly topics: Topics
  readonly #actor: Interpreter
  readonly #liveness: Liveness
  readonly #proof = new Proof()
  readonly #schedule: Schedule
  #pingDueUs = Infinity
  #metricsDueUs = Infinity
  #paused = false
  readonly #readAhead = new ReadAhead()
  readonly #hearing = new Hearing()
  #timeOutDoubted = false
  #heartbeatsSeen = 0
  #closeAfterLanes: { readonly code: number; readonly reason: string; readonly deadlineUs: number } | undefined
  /** Somebody waits for what only polling tells. */
  pollWanted = false

  constructor(actor: Interpreter) {
    this.#actor = actor
    const { clock, random, liveness } = actor.options
    this.pings = new Pings(clock, random)
    this.#liveness = new Liveness(liveness)
    this.topics = new Topics(actor)
    this.#schedule = new Schedule(clock, (lateUs, sleptUs) => actor.enter(() => this.#fired(lateUs, sleptUs)))
  }

  // — what happens to the connection —

  started(nowUs: number): void {
    const { metrics, metricsIntervalMs } = this.#actor.options
    if (metrics !== undefined) this.#metricsDueUs = nowUs + metricsIntervalMs * 1000
  }

  opened(live: LiveConnection): void {
    const { pingPong } = this.#actor.options
    const { latencyPolicy } = this.#actor.options
    this.#schedule.awake(live.openedUs)
    this.#liveness.opened(live.openedUs)
    this.topics.clear()
    this.#proof.restart()
    if (latencyPolicy !== undefined) this.#actor.hooks.notify('latencyPolicy.opened', () => latencyPolicy.opened())
    if (pingPong !== undefined) this.#actor.hooks.notify('pingPong.opened', () => pingPong.opened(live.openedUs, live))
    this.#askWhenPingIsDue(live.openedUs)
    if (this.#paused) this.#setReading(false, live)
  }

  ready(): void {
    this.#liveness.ready(this.#actor.options.clock.monoUs())
  }

  /**
   * Data messages have come, of which those until `dataUntilUs` are application data. `heartbeats`: how many there have been, and of
   * how many the strategy made nothing but an exception.
   */
  messages(live: LiveConnection, dataUntilUs: number, heartbeats: number): void {
    this.#liveness.data(dataUntilUs)
    this.#liveness.bytes(live.lastByteUs)
    this.#heartbeatsMayHaveCome(heartbeats)
  }

  ping(receivedMonoUs: number, live: LiveConnection): void {
    live.pingSeen = true
    live.received(receivedMonoUs)
    this.#liveness.bytes(receivedMonoUs)
  }

  pong(payload: Uint8Array, receivedMonoUs: number, live: LiveConnection): void {
    const { options, hooks } = this.#actor
    const { pingPong } = options
    live.received(receivedMonoUs)
    this.#liveness.bytes(receivedMonoUs)
    this.pings.answered(payload, receivedMonoUs)
    if (pingPong?.onPong === undefined) return
    const rttUs = hooks.call('pingPong.onPong', () => pingPong.onPong?.(payload, receivedMonoUs))
    if (rttUs === undefined) return
    if (Number.isFinite(rttUs)) {
      live.answerSeen = true
      this.rtt(rttUs as number, receivedMonoUs)
    } else if (rttUs !== THREW) {
      hooks.nonsense('pingPong.onPong', rttUs, 'µs, or undefined')
    }
    // Whatever came of it, the strategy has seen the pong.
    this.#askWhenPingIsDue(receivedMonoUs)
  }

  /** A round trip of a ping or heartbeat. */
  rtt(rttUs: number, atUs: number): void {
    const { options, hooks, health } = this.#actor
    const { latencyPolicy } = options
    health.recordRttUs(rttUs)
    if (latencyPolicy === undefined) return
    const verdict = hooks.call('latencyPolicy.sample', () => latencyPolicy.sample(rttUs, atUs))
    if (verdict === THREW || verdict === undefined) return
    if (isLatencyVerdict(verdict)) this.#actor.leave(tooSlow(verdict), 'reconnect', true)
    else hooks.nonsense('latencyPolicy.sample', verdict, 'undefined or { percentile, rttUs, limitUs }')
  }

  /** Frames have been shown to the ping-pong strategy: it may be due at another time. */
  #heartbeatsMayHaveCome(heartbeats: number): void {
    if (heartbeats === this.#heartbeatsSeen) return
    this.#heartbeatsSeen = heartbeats
    this.#askWhenPingIsDue(this.#actor.options.clock.monoUs())
  }

  ended(): void {
    this.#timeOutDoubted = false
    this.#liveness.ended()
    this.topics.clear()
    this.#pingDueUs = Infinity
    this.#closeAfterLanes = undefined
  }

  finished(): void {
    this.#report()
    this.#metricsDueUs = Infinity
    this.pollWanted = false
    this.#schedule.arm(Infinity)
  }

  setPaused(paused: boolean): void {
    if (paused === this.#paused || this.#actor.state.kind === 'stopped') return
    this.#paused = paused
    const { live } = this.#actor
    if (live !== undefined) this.#setReading(!paused, live)
    this.#actor.status({ kind: 'backpressure', paused })
  }

  /** CLOSE goes out behind what waits in the lanes. */
  closeWhenSent(code: number, reason: string, timeoutMs: number): void {
    const deadlineUs = this.#actor.options.clock.monoUs() + timeoutMs * 1000
    this.#closeAfterLanes = { code, reason, deadlineUs }
    // A server that has stopped sending may still have to be heard out.
    if (this.#paused) this.setPaused(false)
  }

  snapshot(): WsHealthSnapshot {
    const { hooks, health, carried } = this.#actor
    health.count.hookErrors = hooks.errors
    health.count.openGaps = this.topics.gaps.size
    return health.snapshot(carried.sum)
  }

  // — between two things that happen —

  /** What may have come true by what has just happened. */
  look(): void {
    const { state, live, asks } = this.#actor
    if (live === undefined) return
    const { generation } = live
    this.topics.sequences.look(live)
    if (state.kind === 'ready') {
      if (
        !state.proven &&
        !this.#paused &&
        this.#proof.holds(this.#wanted, live, () => this.#actor.options.clock.monoUs())
      ) {
        this.#actor.enter(() => this.#actor.dispatch({ kind: 'proven', generation }))
      }
      const isDoubted = state.dueUs !== undefined && this.topics.anyUnwell
      if (isDoubted) this.#actor.enter(() => this.#actor.dispatch({ kind: 'doubted', generation }))
    }
    if (state.kind === 'draining' && asks.table.size === 0 && asks.lanes.isEmpty) {
      this.#actor.enter(() => this.#actor.dispatch({ kind: 'asks-settled', generation }))
    }
    const close = this.#closeAfterLanes
    if (close !== undefined && asks.lanes.isEmpty) {
      this.#closeAfterLanes = undefined
      const timeoutMs = Math.max(0, (close.deadlineUs - this.#actor.options.clock.monoUs()) / 1000)
      live.link.close(close.code, close.reason, timeoutMs)
      this.#actor.enter(() => this.#actor.dispatch({ kind: 'close-sent', generation, timeoutMs }))
    }
  }

  get #wanted(): Wanted {
    const { session, options } = this.#actor
    return {
      desired: session.desired,
      allSettled: session.allSettled,
      areAnswered: session.areAnswered,
      dataIsDue: options.liveness.staleAfterMs !== undefined || this.topics.shortestMs < Infinity,
      topicIsUnwell: this.topics.anyUnwell,
    }
  }

  arm(): void {
    if (!this.#readAhead.isUnderWay) this.#schedule.arm(this.#dueUs(), this.#lookForStallWithinUs)
  }

  /** The shortest silence that anything is judged by. */
  get #shortestSilenceUs(): number {
    const pongMs = this.#actor.options.pingPong?.timeoutMs
    const awaitedMs = typeof pongMs === 'number' && pongMs > 0 ? pongMs : Infinity
    return Math.min(this.#liveness.shortestMs, this.topics.shortestMs, awaitedMs) * 1000
  }

  get #lookForStallWithinUs(): number {
    return Math.max(MIN_TICK_US, this.#shortestSilenceUs / 4)
  }

  #dueUs(): number {
    const { asks, sends, live, options } = this.#actor
    const lanesDueUs = live === undefined ? Infinity : asks.lanes.nextDueUs()
    const dueUs = Math.min(this.#verdictDueUs(), lanesDueUs, sends.nextDueUs())
    const polls = live !== undefined && (asks.table.awaitsKernel || this.pollWanted)
    return polls ? Math.min(dueUs, options.clock.monoUs() + POLL_US) : dueUs
  }

  /** When something must be judged, for which the link is drained first. */
  #verdictDueUs(): number {
    const { state, asks, session, live } = this.#actor
    if (state.kind === 'stopped') return Infinity
    const stateUs = this.#hearing.isUnderWay && state.kind === 'opening' ? Infinity : dueUsOf(state)
    const due = Math.min(stateUs, asks.table.nextDeadlineUs() ?? Infinity, this.#metricsDueUs)
    if (live === undefined) return due
    const proofUs = state.kind === 'ready' && !state.proven ? this.#proof.nextDueUs() : Infinity
    return Math.min(
      due,
      proofUs,
      session.nextDueUs(),
      this.#hearing.isUnderWay ? Infinity : session.auth.nextDueUs(),
      this.#liveness.nextDueUs() ?? Infinity,
      this.topics.nextDueUs(),
      this.#pingDueUs,
    )
  }

  // — when the timer fires —

  #fired(lateUs: number, sleptUs: number): void {
    const { live, options, asks } = this.#actor
    const nowUs = options.clock.monoUs()
    this.#actor.sends.expire()
    asks.table.progress(nowUs)
    this.#noticeStall(lateUs, sleptUs, nowUs)
    if (!this.#readAhead.isUnderWay && nowUs < this.#verdictDueUs()) return
    const readUs = this.#readAhead.read(live?.link, nowUs)
    // The event loop reads before the timer fires again.
    if (readUs === undefined) this.#schedule.armNextTurn()
    else this.#judge(readUs)
  }

  /**
   * `readUs`: what had arrived by then has been read. User code may have run since, for as long as it liked, so that only
   * what was due by then can be judged; for what has become due meanwhile the timer fires again.
   */
  #judge(readUs: number): void {
    const { asks, session, options } = this.#actor
    const { live } = this.#actor
    const nowUs = options.clock.monoUs()
    if (live?.bytesHaveCome(nowUs) === true) this.#liveness.bytes(nowUs)
    asks.table.progress(nowUs)
    asks.table.deadline(readUs)
    const isHeard = this.#hear(readUs)
    if (isHeard || this.#actor.state.kind !== 'opening') this.#actor.dispatch({ kind: 'tick', readUs })
    if (live !== undefined) {
      if (isHeard) session.auth.judge(readUs)
      session.judge(readUs)
      if (readUs >= this.#pingDueUs) this.#tickPing(readUs, live)
      const silence = this.#liveness.verdict(readUs)
      if (silence !== undefined) this.#giveUp(wentSilent(silence))
      else this.topics.judge(readUs)
    }
    if (nowUs >= this.#metricsDueUs) {
      this.#report()
      this.#metricsDueUs = nowUs + options.metricsIntervalMs * 1000
    }
  }

  /**
   * What a phase of the session waits for may have been read just now, and the user's `async` function is told of it only when we
   * have returned. True: it has been, or no such time is over.
   */
  #hear(readUs: number): boolean {
    const { state, session } = this.#actor
    const dueUs = Math.min(state.kind === 'opening' ? state.dueUs : Infinity, session.auth.deadlineUs)
    return readUs < dueUs || this.#hearing.heard(dueUs, () => this.#actor.enter(() => {}))
  }

  #tickPing(readUs: number, live: LiveConnection): void {
    const { options, hooks } = this.#actor
    const { pingPong } = options
    if (pingPong === undefined) return
    const nowUs = options.clock.monoUs()
    const verdict = hooks.call('pingPong.tick', () => pingPong.tick(nowUs, live))
    // What it sent may have left much later than it was told that it is now, if user code in it blocked.
    const doneUs = options.clock.monoUs()
    if (doneUs - nowUs > MIN_TICK_US) hooks.notify('pingPong.restart', () => pingPong.restart(doneUs))
    this.#askWhenPingIsDue(doneUs)
    if (verdict === THREW || verdict?.kind === 'ok') {
      this.#timeOutDoubted = false
    } else if (!isTimedOut(verdict)) {
      hooks.nonsense('pingPong.tick', verdict, "{ kind: 'ok' } or { kind: 'timed-out', silentForMs }")
    } else if (nowUs - readUs > MIN_TICK_US && !this.#timeOutDoubted) {
      // A strategy may know several deadlines, and this one may have passed since we read: read once more.
      this.#timeOutDoubted = true
    } else {
      this.#giveUp(pongTimedOut(verdict.silentForMs))
    }
  }

  /** Terminated, not closed politely: a peer that says nothing does not answer a CLOSE either. */
  #giveUp(cause: WentSilent): void {
    // Two watchdogs may come to their verdict at the same time, or somebody else may have been quicker.
    const { kind } = this.#actor.state
    if (kind === 'closing' || kind === 'deciding') return
    this.#actor.status({ kind: 'stale', silentForMs: cause.silentForMs, cause })
    this.#actor.leave(cause, 'reconnect', false)
  }

  #askWhenPingIsDue(nowUs: number): void {
    const { options, hooks } = this.#actor
    const { pingPong } = options
    this.#pingDueUs = Infinity
    if (pingPong === undefined || this.#paused) return
    const dueUs = hooks.call('pingPong.nextDueUs', () => pingPong.nextDueUs())
    if (dueUs === undefined) return
    if (typeof dueUs === 'number' && !Number.isNaN(dueUs)) {
      this.#pingDueUs = Math.max(dueUs, nowUs + MIN_TICK_US)
      return
    }
    // Heartbeats that stop for good would be the one thing that nobody notices.
    this.#pingDueUs = nowUs + ASK_AGAIN_US
    if (dueUs !== THREW) hooks.nonsense('pingPong.nextDueUs', dueUs, 'a time in µs, or undefined')
  }

  /**
   * We were away for longer than the shortest silence that anything is judged by: silence proves nothing. When it began while the
   * timer slept is not known, so the whole of that sleep may belong to it, within which it is looked for.
   */
  #noticeStall(lateUs: number, sleptUs: number, nowUs: number): void {
    const { live, health } = this.#actor
    if (live === undefined || lateUs <= 0) return
    if (lateUs + Math.min(sleptUs, this.#lookForStallWithinUs) <= this.#shortestSilenceUs) return
    health.count.stalls++
    this.#actor.status({ kind: 'stall', stalledForMs: lateUs / 1000 })
    this.#restartSilence(nowUs)
  }

  #setReading(reading: boolean, live: LiveConnection): void {
    const nowUs = this.#actor.options.clock.monoUs()
    if (reading) live.link.resume()
    else live.link.pause()
    this.#liveness.setPaused(!reading, nowUs)
    this.topics.setPaused(!reading, nowUs)
    this.#restartSilence(nowUs)
  }

  #restartSilence(nowUs: number): void {
    const { options, hooks } = this.#actor
    const { pingPong } = options
    this.#proof.restart()
    this.#liveness.restart(nowUs)
    this.topics.restart(nowUs)
    if (pingPong !== undefined) hooks.notify('pingPong.restart', () => pingPong.restart(nowUs))
    this.#askWhenPingIsDue(nowUs)
  }

  #report(): void {
    const { options, hooks } = this.#actor
    const { metrics } = options
    if (metrics !== undefined) hooks.notify('metrics.report', () => metrics.report(this.snapshot()))
  }
}
