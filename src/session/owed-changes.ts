/** What the connection is to be asked for. */
export interface WantedChange {
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** What could not be asked for, or was taken back, is asked for again so long after, and so often. */
export const RETRY_US = 5_000_000
export const MAX_RETRIES = 3

/** Changes that the manager failed to make into messages, until it is asked again. */
export class OwedChanges {
  #changes: WantedChange[] = []
  /** In a row. */
  #failures = 0
  /** Infinity while nothing is owed. */
  dueUs = Infinity

  get isEmpty(): boolean {
    return this.#changes.length === 0
  }

  push(change: WantedChange): void {
    this.#changes.push(change)
  }

  /** False: it has failed too often. */
  failed(nowUs: number): boolean {
    this.dueUs = nowUs + RETRY_US
    return ++this.#failures <= MAX_RETRIES
  }

  succeeded(): void {
    this.#failures = 0
  }

  /** Those that are to be asked for again, now. */
  take(nowUs: number): readonly WantedChange[] {
    if (nowUs < this.dueUs) return []
    const changes = this.#changes
    this.#changes = []
    this.dueUs = Infinity
    return changes
  }

  clear(): void {
    this.#changes = []
    this.#failures = 0
    this.dueUs = Infinity
  }
}
