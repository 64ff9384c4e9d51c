import type { TopicSightings } from '../health/topic-watch.ts'
import type { WsLink } from '../transport/transport.ts'
import type { Interpreter } from './interpreter.ts'

/** Topics that the link follows by itself, as the plan names them, from when they are asked for until nobody wants them. */
export class FollowedTopics implements TopicSightings {
  readonly #actor: Interpreter
  /** On the link of this connection. */
  readonly #numbers = new Map<string, number>()
  readonly #names = new Map<number, string>()
  #refusalTold = false

  constructor(actor: Interpreter) {
    this.#actor = actor
  }

  /** Another link, or none: what the last one knew is of no interest. */
  clear(): void {
    this.#numbers.clear()
    this.#names.clear()
    this.#refusalTold = false
  }

  /** False: the link follows as many as it can. Nothing will be known of this one. */
  follow(topic: string): boolean {
    if (this.#numbers.has(topic)) return true
    const link = this.#link
    if (link === undefined) return false
    try {
      const number = link.watchTopic(topic)
      this.#numbers.set(topic, number)
      this.#names.set(number, topic)
      return true
    } catch (error) {
      if (!this.#refusalTold) this.#actor.hooks.failed('topics', error)
      this.#refusalTold = true
      return false
    }
  }

  forget(topic: string): void {
    const number = this.#numbers.get(topic)
    if (number === undefined) return
    this.#numbers.delete(topic)
    this.#names.delete(number)
    this.#link?.unwatchTopic(number)
  }

  /** Undefined: it is not followed any more. */
  nameOf(number: number): string | undefined {
    return this.#names.get(number)
  }

  seenUs(topic: string): number {
    const number = this.#numbers.get(topic)
    return number === undefined ? 0 : (this.#link?.topicSeenUs(number) ?? 0)
  }

  tellNext(topic: string): void {
    const number = this.#numbers.get(topic)
    if (number !== undefined) this.#link?.armTopic(number)
  }

  get #link(): WsLink | undefined {
    return this.#actor.live?.link
  }
}
