import type { IngressPlan } from '../plan/plan.ts'
import { topicProgram } from '../plan/topic-program.ts'
import { TopicScan } from '../plan/topic-scan.ts'
import { MAX_WATCHED_TOPICS, type WsLink } from './transport.ts'

type TopicCalls = Pick<WsLink, 'watchTopic' | 'unwatchTopic' | 'armTopic' | 'topicSeenUs'>

interface Followed {
  readonly topic: string
  readonly number: number
  seenUs: number
  /** Which of its data is told. */
  tells: 'all' | 'next' | 'none'
}

/** The part of a link that follows topics, for links that are written in TypeScript: they extend it. */
export class TopicFollower implements TopicCalls {
  readonly #scan: TopicScan | undefined
  readonly #byTopic = new Map<string, Followed>()
  readonly #byNumber = new Map<number, Followed>()
  #numbers = 0

  constructor(plan: IngressPlan | undefined) {
    const program = plan && topicProgram(plan)
    if (program !== undefined) this.#scan = new TopicScan(program)
  }

  watchTopic(topic: string): number {
    // What comes is UTF-8, in which there are no halves of surrogate pairs.
    const name = Buffer.from(topic).toString()
    const known = this.#byTopic.get(name)
    if (known !== undefined) return known.number
    if (this.#byTopic.size === MAX_WATCHED_TOPICS) {
      throw new RangeError(`a link watches at most ${MAX_WATCHED_TOPICS} topics`)
    }
    const followed: Followed = { topic: name, number: ++this.#numbers, seenUs: 0, tells: 'all' }
    this.#byTopic.set(name, followed)
    this.#byNumber.set(followed.number, followed)
    return followed.number
  }

  unwatchTopic(topic: number): void {
    const followed = this.#byNumber.get(topic)
    if (followed === undefined) return
    this.#byNumber.delete(topic)
    this.#byTopic.delete(followed.topic)
  }

  armTopic(topic: number): void {
    const followed = this.#byNumber.get(topic)
    if (followed !== undefined) followed.tells = 'next'
  }

  topicSeenUs(topic: number): number {
    return this.#byNumber.get(topic)?.seenUs ?? 0
  }

  /** A data message has been read. Returns the number of the topic of which `onTopic` is to tell before it; 0: of none. */
  protected topicToTell(payload: Buffer, binary: boolean, readUs: number): number {
    if (binary || this.#scan === undefined || this.#byTopic.size === 0) return 0
    const topic = this.#scan.topicOf(payload)
    const followed = topic === undefined ? undefined : this.#byTopic.get(topic)
    if (followed === undefined) return 0
    followed.seenUs = readUs
    if (followed.tells === 'none') return 0
    if (followed.tells === 'next') followed.tells = 'none'
    return followed.number
  }
}
