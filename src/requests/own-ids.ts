/**
 * Ids of the library's own requests (subscriptions, heartbeats), which are in the one id space with those of `ask`: an answer to
 * one of them must not be taken for that of an ask. The last `maxIds` of them, for `keepMs` each. Times are monotonic µs.
 */
export class OwnIds {
  readonly #maxIds: number
  readonly #keepUs: number
  /** Since when; the oldest first. */
  readonly #since = new Map<string, number>()

  constructor(maxIds: number, keepMs: number) {
    this.#maxIds = maxIds
    this.#keepUs = keepMs * 1000
  }

  add(requestId: string, nowUs: number): void {
    // Used again, it is the newest.
    this.#since.delete(requestId)
    this.#since.set(requestId, nowUs)
    if (this.#since.size <= this.#maxIds) return
    for (const oldest of this.#since.keys()) {
      this.#since.delete(oldest)
      return
    }
  }

  /** Undefined: it is none, or has been forgotten. */
  sinceUs(requestId: string, nowUs: number): number | undefined {
    const sinceUs = this.#since.get(requestId)
    return sinceUs !== undefined && nowUs - sinceUs < this.#keepUs ? sinceUs : undefined
  }
}
