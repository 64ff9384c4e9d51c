import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { DEFAULT_RESUBSCRIBE_EVERY_MS, ResubscribeLimit } from '../health/resubscribe-limit.ts'
import { TopicWatch } from '../health/topic-watch.ts'
import { topicSilent } from './causes.ts'
import { FollowedTopics } from './followed-topics.ts'
import type { Interpreter } from './interpreter.ts'
import { OpenGaps, WHOLE } from './open-gaps.ts'
import { SequenceGaps } from './sequence-gaps.ts'
import type { StatusNews } from './telling.ts'

type ToldGap = Omit<Extract<StatusNews, { kind: 'gap' }>, 'kind' | 'scope'>

/**
 * The topics of a connection that goes on: which of them have fallen silent, of which the venue has said that nothing comes, and
 * when each is back. Users hear of it as gaps of one topic, and of their ends.
 */
export class Topics {
  readonly #actor: Interpreter
  readonly #watch: TopicWatch | undefined
  /** Where the plan names the topic, the transport follows them. */
  readonly #followed: FollowedTopics | undefined
  /** Something of them is missing: `resumed` is due. */
  readonly gaps = new OpenGaps()
  readonly limit: ResubscribeLimit
  readonly sequences: SequenceGaps
  /** Hopelessly silent, and authenticated anew for: another connection is what is left to try. */
  readonly #suspected = new Set<string>()

  constructor(actor: Interpreter) {
    this.#actor = actor
    const { topics } = actor.options
    this.sequences = new SequenceGaps(actor, this)
    this.limit = new ResubscribeLimit(topics?.resubscribeEveryMs ?? DEFAULT_RESUBSCRIBE_EVERY_MS)
    if (topics === undefined) return
    if (topics.topicOf === undefined) this.#followed = new FollowedTopics(actor)
    const onError = (error: unknown): void => actor.hooks.failed('topics.silentAfterMs', error)
    this.#watch = new TopicWatch(topics, onError, this.limit, this.#followed)
  }

  /** A connection has begun or ended. */
  clear(): void {
    this.#watch?.clear()
    this.#followed?.clear()
    this.limit.clear()
    this.gaps.clear()
    this.sequences.clear()
    this.#suspected.clear()
  }

  /** They are about to be asked for: their data may come before any answer. */
  requested(topics: readonly string[]): void {
    for (const topic of topics) this.#followed?.follow(topic)
  }

  acked(topic: string): void {
    const isWatched = this.#watch !== undefined && this.#followed?.follow(topic) !== false
    if (isWatched) this.#watch?.acked(topic, this.#actor.options.clock.monoUs())
    this.gaps.acked(topic)
    // Where nobody tells topics apart, the acknowledgement is all that is known.
    if (!isWatched && this.gaps.fed(topic)) this.gapEnded(topic)
  }

  /** The venue sends nothing of it now, or what it sends does not count, until it is acknowledged (anew). */
  forgotten(topic: string): void {
    this.#watch?.forget(topic)
    const stage = this.#actor.session.stageOf(topic)
    this.#followed?.forget(topic)
    // It may have been asked for already, and its acknowledgement may lie in the same read as the data behind it.
    if (stage === 'requested' || stage === 'acked') this.#followed?.follow(topic)
  }

  /** Nobody wants it any more. */
  unwanted(topic: string): void {
    this.forgotten(topic)
    this.gaps.forget(topic)
    this.sequences.unwanted(topic)
    this.#suspected.delete(topic)
  }

  data(topic: string, atUs: number): void {
    const news = this.#watch?.data(topic, atUs)
    if (news === undefined) return
    this.#suspected.delete(topic)
    if (this.gaps.has(topic)) {
      if (this.gaps.fed(topic)) this.gapEnded(topic)
    } else if ((this.#actor.live?.connection ?? 1) > 1) {
      // Nothing resumes on the first connection but what was missing on it.
      this.#actor.status({ kind: 'resumed', key: topic })
    }
  }

  /** The transport tells of data of a topic that it follows. */
  followedData(number: number, atUs: number): void {
    const topic = this.#followed?.nameOf(number)
    if (topic !== undefined) this.data(topic, atUs)
  }

  /** The venue says that it no longer sends them: until `resumed`, data is missing. */
  lost(topics: readonly string[], cause: WsDisconnectCause): void {
    const nowUs = this.#actor.options.clock.monoUs()
    for (const topic of topics) {
      this.#missing(topic, this.#watch?.lastUs(topic) ?? nowUs, nowUs, cause)
      this.forgotten(topic)
    }
  }

  /** Its gap has not ended. */
  isMissing(topic: string): boolean {
    return this.gaps.has(topic)
  }

  get wholeIsMissing(): boolean {
    return this.gaps.has(WHOLE)
  }

  /** When the last data of it came before what came at `atUs`, or before the newest; undefined where nothing is awaited. */
  beforeUs(topic: string, atUs = -Infinity): number | undefined {
    return this.#watch?.lastBeforeUs(topic, atUs)
  }

  /** After the link was drained. */
  judge(nowUs: number): void {
    // Of a connection that is on its way out nothing is asked.
    if (!this.#actor.takesSessionSends) return
    const mayAsk = this.limit.allows(nowUs)
    this.#judgeSilence(nowUs)
    if (mayAsk) this.sequences.askAnew(nowUs)
  }

  #judgeSilence(nowUs: number): void {
    const verdict = this.#watch?.verdict(nowUs)
    if (verdict === undefined) return
    for (const silent of verdict.silent) {
      const { topic, silentForMs, sinceUs } = silent
      this.#actor.status({ kind: 'topic-silent', topic, silentForMs })
      this.#missing(topic, sinceUs, nowUs, topicSilent(silent))
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
    this.sequences.setPaused(paused)
  }

  /** Of a connection that takes what might be asked of it. */
  nextDueUs(): number {
    if (!this.#actor.takesSessionSends) return Infinity
    return Math.min(this.#watch?.nextDueUs() ?? Infinity, this.sequences.nextDueUs())
  }

  get shortestMs(): number {
    return this.#watch?.shortestMs ?? Infinity
  }

  /** A topic is silent, or has lost messages that are being made up for: this is no healthy connection. */
  get anyUnwell(): boolean {
    return this.#watch?.anySilent === true || this.gaps.anyOurs
  }

  /** Until it has been acknowledged (anew) and brings data. Missing already: the gap that was told goes on. */
  #missing(key: string, sinceUs: number, nowUs: number, cause: WsDisconnectCause): void {
    const { clock } = this.#actor.options
    const epochOffsetUs = clock.epochUs() - clock.monoUs()
    const [fromUs, toUs] = [sinceUs + epochOffsetUs, nowUs + epochOffsetUs]
    if (this.gaps.report(key, fromUs, cause, { feed: 'asked', user: false })) this.tellGap({ key, fromUs, toUs, cause })
  }

  gapEnded(key: string): void {
    this.sequences.ended(key)
    const { live } = this.#actor
    if (key === WHOLE && live !== undefined) live.resumed = true
    this.#actor.status(key === WHOLE ? { kind: 'resumed' } : { kind: 'resumed', key })
  }

  /** Without a key: of the whole connection, which goes on. */
  tellGap(gap: ToldGap): void {
    this.#actor.health.count.gaps++
    this.#actor.status({ kind: 'gap', scope: gap.key === undefined ? 'connection' : 'topic', ...gap })
  }
}
