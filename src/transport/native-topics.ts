import type { NativeTopics, NativeTopicsPlan } from '../native/addon.ts'
import type { IngressPlan } from '../plan/plan.ts'
import { topicProgram } from '../plan/topic-program.ts'
import type { NativeLoop } from './native-loop.ts'
import { MAX_WATCHED_TOPICS, type WsLink } from './transport.ts'

type TopicCalls = Pick<WsLink, 'watchTopic' | 'unwatchTopic' | 'armTopic' | 'topicSeenUs'>

/** Only for numbers: no link is given it, so nothing is seen. */
const NOTHING_NAMED: NativeTopicsPlan = { paths: [], key: [''], when: [] }

/** The part of a link that follows topics, over the addon, which looks at each message where it was read. */
export class LinkTopics implements TopicCalls {
  readonly #loop: NativeLoop
  readonly #program: NativeTopicsPlan | undefined
  #topics: NativeTopics | undefined

  constructor(loop: NativeLoop, plan: IngressPlan | undefined) {
    this.#loop = loop
    this.#program = plan && topicProgram(plan)
  }

  /** What the link is to look for, where the plan names topics. */
  protected get topics(): NativeTopics | undefined {
    return this.#program === undefined ? undefined : this.#watched()
  }

  watchTopic(topic: string): number {
    const number = this.#loop.addon.watchTopic(this.#watched(), topic)
    if (number === 0) throw new RangeError(`a link watches at most ${MAX_WATCHED_TOPICS} topics`)
    return number
  }

  unwatchTopic(topic: number): void {
    if (this.#topics !== undefined) this.#loop.addon.unwatchTopic(this.#topics, topic)
  }

  armTopic(topic: number): void {
    if (this.#topics !== undefined) this.#loop.addon.armTopic(this.#topics, topic)
  }

  topicSeenUs(topic: number): number {
    if (this.#topics === undefined) return 0
    const seenUs = this.#loop.addon.topicSeenUs(this.#topics, topic)
    return seenUs === 0 ? 0 : seenUs + this.#loop.monoOffsetUs
  }

  // Made when it is needed: a link that opens with a plan, or is asked to watch, has one.
  #watched(): NativeTopics {
    this.#topics ??= this.#loop.addon.createTopics(this.#program ?? NOTHING_NAMED)
    return this.#topics
  }
}
