/** Measured values, bounded: extremes over all of them, the median over the last 4096. */
export class Samples {
  static readonly KEPT = 4096
  #count = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  readonly #last: number[] = []

  add(value: number): void {
    this.#last[this.#count % Samples.KEPT] = value
    this.#count++
    this.#min = Math.min(this.#min, value)
    this.#max = Math.max(this.#max, value)
  }

  /** Undefined when nothing was measured. */
  summary(): SampleSummary | undefined {
    if (this.#count === 0) return undefined
    const sorted = this.#last.toSorted((a, b) => a - b)
    const median = sorted[Math.floor((sorted.length - 1) / 2)] as number
    return { median, min: this.#min, max: this.#max, n: this.#count }
  }
}

export interface SampleSummary {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly n: number
}
