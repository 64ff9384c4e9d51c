/** How often a connection asks for topics anew, and how often in vain, where `topics` say nothing else. */
export const DEFAULT_RESUBSCRIBE_EVERY_MS = 10_000
export const DEFAULT_RECONNECT_AFTER = 2

/**
 * One for all that asks for topics anew on a connection, whatever for: a feed that goes from bad to worse must not turn into a
 * storm of subscriptions. Times are monotonic µs.
 */
export class ResubscribeLimit {
  readonly everyUs: number
  /** From when on may be asked. */
  #dueUs = 0

  constructor(everyMs: number) {
    this.everyUs = everyMs * 1000
  }

  get dueUs(): number {
    return this.#dueUs
  }

  allows(nowUs: number): boolean {
    return nowUs >= this.#dueUs
  }

  /** Topics have been asked for anew. */
  used(nowUs: number): void {
    this.#dueUs = nowUs + this.everyUs
  }

  /** A connection has begun or ended. */
  clear(): void {
    this.#dueUs = 0
  }
}
