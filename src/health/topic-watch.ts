import { refusePromise } from '../support/promised.ts'
import type { WsFrame } from '../transport/frame.ts'
import { ResubscribeLimit } from './resubscribe-limit.ts'

export interface WsTopicWatchOptions {
  /**
   * The topic of a data frame, called as in `subscriptions`; `undefined`: of none. Runs for each data frame, on a borrowed frame,
   * so it must be cheap. Left out where `plan.topic` says it, which costs no JavaScript.
   */
  readonly topicOf?: (frame: WsFrame) => string | undefined
  /** How long a topic may be silent once it was acknowledged. A function decides per topic; `undefined` exempts a quiet one. */
  readonly silentAfterMs: number | ((topic: string) => number | undefined)
  /** Ask for silent topics anew, all that are silent together, at most once in {@link resubscribeEveryMs}. Default true. */
  readonly resubscribe?: boolean
  /** Default 10 s. */
  readonly resubscribeEveryMs?: number
  /**
   * Resubscriptions of a topic that may be in vain before the connection is replaced: each gives it all of its `silentAfterMs`
   * again, from the acknowledgement on, and at least {@link resubscribeEveryMs}. Default 2; `Infinity` never replaces it.
   */
  readonly reconnectAfter?: number
}

/** A topic from which nothing has come for too long. */
export interface SilentTopic {
  readonly topic: string
  readonly silentForMs: number
  /** When its last data came, monotonic µs; when it was acknowledged, if none has come. */
  readonly sinceUs: number
}

export interface TopicVerdict {
  /** Fallen silent since the last verdict. */
  readonly silent: readonly SilentTopic[]
  /** To be asked for anew. */
  readonly resubscribe: readonly string[]
  /** Resubscribed in vain, too often. */
  readonly hopeless: SilentTopic | undefined
}

interface Watched {
  /** When its last data came, or it was acknowledged. */
  lastUs: number
  /** The same of before that: when data has come since. */
  beforeUs: number
  /** Silence is counted from here: later than `lastUs` after a stall or a pause of ours, and when it was asked for anew. */
  awaitedUs: number
  /** Infinity: it may be quiet for ever, and only its first data is awaited. */
  readonly limitUs: number
  silent: boolean
  resubscribed: number
  /** Data has come on this connection. */
  seen: boolean
}

/** What the first data of a topic means: on this connection, or after it had been given up as silent. */
export type TopicNews = 'first' | 'back' | undefined

/** Where the transport follows topics, nobody is told of each message. */
export interface TopicSightings {
  /** When data of it was last read, monotonic µs; 0: never, as far as is known. */
  seenUs(topic: string): number
  /** {@link TopicWatch.data} is to be told of its next data. */
  tellNext(topic: string): void
}

/**
 * One clock per topic, so that a feed that stops is found out while pings are answered and other topics flow. It has no timer;
 * its owner says what comes, asks when to look, and looks. Times are monotonic µs.
 */
export class TopicWatch {
  readonly #options: Required<Omit<WsTopicWatchOptions, 'topicOf'>>
  readonly #onError: (error: unknown) => void
  readonly #sightings: TopicSightings | undefined
  readonly #topics = new Map<string, Watched>()
  /** No topic is due before it: silences only end later than was last computed. */
  #dueUs = Infinity
  /** Undefined: to be found anew. */
  #shortestUs: number | undefined = Infinity
  readonly #limit: ResubscribeLimit
  #silent = 0
  #paused = false

  /**
   * `limit` may be shared with others who ask for topics anew. Where `sightings` are given, {@link data} need only be told of what
   * was asked for there.
   */
  constructor(
    options: Required<Omit<WsTopicWatchOptions, 'topicOf'>>,
    onError: (error: unknown) => void,
    limit = new ResubscribeLimit(options.resubscribeEveryMs),
    sightings?: TopicSightings,
  ) {
    this.#options = options
    this.#onError = onError
    this.#limit = limit
    this.#sightings = sightings
  }

  /** A connection has ended or begun: nothing is awaited. */
  clear(): void {
    this.#paused = false
    this.#topics.clear()
    this.#dueUs = Infinity
    this.#shortestUs = Infinity
    this.#limit.clear()
    this.#silent = 0
  }

  /** The venue has acknowledged it: data is awaited from now on. */
  acked(topic: string, nowUs: number): void {
    const watched = this.#topics.get(topic)
    if (watched !== undefined) {
      // Asked for anew: it has its time again, from now on.
      if (watched.silent) watched.awaitedUs = Math.max(watched.awaitedUs, nowUs)
      return
    }
    const limitUs = this.#limitUs(topic)
    if (this.#shortestUs !== undefined) this.#shortestUs = Math.min(this.#shortestUs, limitUs)
    this.#topics.set(topic, {
      lastUs: nowUs,
      beforeUs: nowUs,
      awaitedUs: nowUs,
      limitUs,
      silent: false,
      resubscribed: 0,
      seen: false,
    })
    this.#dueUs = Math.min(this.#dueUs, nowUs + limitUs)
    this.#sightings?.tellNext(topic)
  }

  /** Nobody wants it any more, or the venue refuses it. */
  forget(topic: string): void {
    const { limitUs, silent } = this.#topics.get(topic) ?? {}
    if (silent) this.#silent--
    this.#topics.delete(topic)
    if (limitUs === this.#shortestUs) this.#shortestUs = undefined
  }

  /** Data of a topic has come. */
  data(topic: string, atUs: number): TopicNews {
    const watched = this.#topics.get(topic)
    if (watched === undefined) return undefined
    seen(watched, atUs)
    if (watched.seen && !watched.silent) return undefined
    const news = watched.silent ? 'back' : 'first'
    if (watched.silent) this.#silent--
    watched.seen = true
    watched.silent = false
    watched.resubscribed = 0
    this.#dueUs = Math.min(this.#dueUs, watched.awaitedUs + watched.limitUs)
    return news
  }

  setPaused(paused: boolean, nowUs: number): void {
    this.#paused = paused
    this.restart(nowUs)
  }

  /** Silence until now proves nothing. */
  restart(nowUs: number): void {
    for (const watched of this.#topics.values()) watched.awaitedUs = Math.max(watched.awaitedUs, nowUs)
  }

  nextDueUs(): number {
    return this.#paused ? Infinity : this.#dueUs
  }

  /** When its last data came, or it was acknowledged; undefined where nothing is awaited. */
  lastUs(topic: string): number | undefined {
    const watched = this.#topics.get(topic)
    if (watched !== undefined) this.#look(topic, watched)
    return watched?.lastUs
  }

  /** Of what has come without being told. What is silent is so until it is told. */
  #look(topic: string, watched: Watched): void {
    if (this.#sightings !== undefined) seen(watched, this.#sightings.seenUs(topic))
  }

  /**
   * When data of it came before what came at `atUs`, the newest there is or later. Where it is followed, and nobody has looked for a
   * while, this is when it was last looked at: earlier, so that nothing is left out.
   */
  lastBeforeUs(topic: string, atUs: number): number | undefined {
    const watched = this.#topics.get(topic)
    return watched === undefined || watched.lastUs < atUs ? watched?.lastUs : watched.beforeUs
  }

  /** A topic is silent, and has not come back. */
  get anySilent(): boolean {
    return this.#silent > 0
  }

  /** The shortest silence it judges by, ms; Infinity without any. */
  get shortestMs(): number {
    if (this.#shortestUs === undefined) {
      this.#shortestUs = Infinity
      for (const { limitUs } of this.#topics.values()) this.#shortestUs = Math.min(this.#shortestUs, limitUs)
    }
    return this.#shortestUs / 1000
  }

  /** Undefined: nothing is due. The link has been drained. */
  verdict(nowUs: number): TopicVerdict | undefined {
    if (this.#paused || nowUs < this.#dueUs) return undefined
    const { resubscribe, reconnectAfter } = this.#options
    const silent: SilentTopic[] = []
    const again: string[] = []
    let hopeless: SilentTopic | undefined
    let dueUs = Infinity
    let waits = false
    const mayAsk = this.#limit.allows(nowUs)
    for (const [topic, watched] of this.#topics) {
      this.#look(topic, watched)
      const { lastUs, awaitedUs, limitUs } = watched
      if (nowUs < awaitedUs + limitUs) {
        dueUs = Math.min(dueUs, awaitedUs + limitUs)
        continue
      }
      const about = { topic, silentForMs: (nowUs - lastUs) / 1000, sinceUs: lastUs }
      if (!watched.silent) {
        silent.push(about)
        watched.silent = true
        this.#silent++
        this.#sightings?.tellNext(topic)
      }
      if (!resubscribe) continue
      if (!mayAsk) waits = true
      else if (watched.resubscribed >= reconnectAfter) hopeless ??= about
      else {
        watched.resubscribed++
        watched.awaitedUs = nowUs
        dueUs = Math.min(dueUs, nowUs + limitUs)
        again.push(topic)
      }
    }
    if (again.length > 0 || hopeless !== undefined) this.#limit.used(nowUs)
    if (waits || hopeless !== undefined) dueUs = Math.min(dueUs, Math.max(this.#limit.dueUs, nowUs + 1000))
    this.#dueUs = dueUs
    return { silent, resubscribe: again, hopeless }
  }

  /** Infinity: it may be quiet for ever. */
  #limitUs(topic: string): number {
    const { silentAfterMs } = this.#options
    if (typeof silentAfterMs === 'number') return silentAfterMs * 1000
    try {
      const ms: unknown = silentAfterMs(topic)
      if (ms === undefined) return Infinity
      if (typeof ms === 'number' && ms > 0) return ms * 1000
      refusePromise(ms, 'topics.silentAfterMs', 'ms > 0, or undefined')
      throw new TypeError(`topics.silentAfterMs must return ms > 0, or undefined; it returned ${String(ms)}`)
    } catch (error) {
      this.#onError(error)
      return Infinity
    }
  }
}

function seen(watched: Watched, atUs: number): void {
  if (atUs > watched.lastUs) {
    watched.beforeUs = watched.lastUs
    watched.lastUs = atUs
  }
  if (atUs > watched.awaitedUs) watched.awaitedUs = atUs
}
