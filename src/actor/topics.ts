import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { TopicWatch } from '../health/topic-watch.ts'
import { topicSilent } from './causes.ts'
import type { Interpreter } from './interpreter.ts'

/**
 * The topics of a connection that goes on: which of them have fallen silent, of which the venue has said that nothing comes, and
 * when each is back. Users hear of it as gaps of one topic, and of their ends.
 */
export class Topics {
  readonly #actor: Interpreter
  readonly #watch: TopicWatch | undefined
  /** Something of them is missing, as the venue said: `resumed` is due. */
  readonly #lost = new Set<string>()
  /** Hopelessly silent, and authenticated anew for: another connection is what is left to try. */
  readonly #suspected = new Set<string>()

  constructor(actor: Interpreter) {
    this.#actor = actor
    const { topics } = actor.options
    if (topics === undefined) return
    this.#watch = new TopicWatch(topics, (error) => actor.hooks.failed('topics.silentAfterMs', error))
  }

  /** A connection has begun or ended. */
  clear(): void {
    this.#watch?.clear()
    this.#lost.clear()
    this.#suspected.clear()
  }

  acked(topic: string): void {
    this.#watch?.acked(topic, this.#actor.options.clock.monoUs())
    // Where nobody tells topics apart, the acknowledgement is all that is known.
    if (this.#watch === undefined && this.#lost.delete(topic)) this.#actor.status({ kind: 'resumed', key: topic })
  }

  /** The venue sends nothing of it now. */
  forgotten(topic: string): void {
    this.#watch?.forget(topic)
  }

  /** Nobody wants it any more. */
  unwanted(topic: string): void {
    this.forgotten(topic)
    this.#lost.delete(topic)
    this.#suspected.delete(topic)
  }

  data(topic: string, atUs: number): void {
    const news = this.#watch?.data(topic, atUs)
    if (news === undefined) return
    this.#suspected.delete(topic)
    // Nothing resumes on the first connection but what was missing on it.
    const resumed = this.#lost.delete(topic) || news === 'back' || (this.#actor.live?.connection ?? 1) > 1
    if (resumed) this.#actor.status({ kind: 'resumed', key: topic })
  }

  /** The venue says that it no longer sends them: until `resumed`, data is missing. */
  lost(topics: readonly string[], cause: WsDisconnectCause): void {
    const nowUs = this.#actor.options.clock.monoUs()
    for (const topic of topics) {
      // Missing already: the gap that was told goes on.
      if (this.#lost.has(topic)) continue
      this.#tellGap(topic, this.#watch?.lastUs(topic) ?? nowUs, nowUs, cause)
      this.#lost.add(topic)
      this.#watch?.forget(topic)
    }
  }

  /** Its gap has not ended. */
  isMissing(topic: string): boolean {
    return this.#lost.has(topic) || this.#watch?.isSilent(topic) === true
  }

  /** After the link was drained. */
  judge(nowUs: number): void {
    // Of a connection that is on its way out nothing is asked.
    const verdict = this.#actor.takesSessionSends ? this.#watch?.verdict(nowUs) : undefined
    if (verdict === undefined) return
    for (const silent of verdict.silent) {
      const { topic, silentForMs, sinceUs } = silent
      this.#actor.status({ kind: 'topic-silent', topic, silentForMs })
      this.#tellGap(topic, sinceUs, nowUs, topicSilent(silent))
    }
    this.#actor.session.resubscribe(verdict.resubscribe)
    const { hopeless } = verdict
    if (hopeless === undefined || this.#mayBeAuth(hopeless.topic)) return
    this.#actor.leave(topicSilent(hopeless), 'reconnect', true)
  }

  /** A token may have been dropped without a word: true while that is being mended. */
  #mayBeAuth(topic: string): boolean {
    const { session } = this.#actor
    if (session.auth.isRunning || session.stageOf(topic) === 'requested') return true
    if (this.#suspected.has(topic) || !session.isPrivate(topic) || !session.auth.suspect()) return false
    this.#suspected.add(topic)
    return true
  }

  restart(nowUs: number): void {
    this.#watch?.restart(nowUs)
  }

  setPaused(paused: boolean, nowUs: number): void {
    this.#watch?.setPaused(paused, nowUs)
  }

  /** Of a connection that takes what might be asked of it. */
  nextDueUs(): number {
    return (this.#actor.takesSessionSends ? this.#watch?.nextDueUs() : undefined) ?? Infinity
  }

  get shortestMs(): number {
    return this.#watch?.shortestMs ?? Infinity
  }

  get anySilent(): boolean {
    return this.#watch?.anySilent === true
  }

  #tellGap(key: string, sinceUs: number, nowUs: number, cause: WsDisconnectCause): void {
    const { health, options } = this.#actor
    const epochOffsetUs = options.clock.epochUs() - options.clock.monoUs()
    health.count.gaps++
    const [fromUs, toUs] = [sinceUs + epochOffsetUs, nowUs + epochOffsetUs]
    this.#actor.status({ kind: 'gap', scope: 'topic', key, fromUs, toUs, cause })
  }
}
