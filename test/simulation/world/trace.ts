const KEPT = 600

/** What happened, in readable lines: the last of them, and a hash over all, by which two runs can be told to be one. */
export class Trace {
  readonly #lines: string[] = []
  #at = 0
  #hash = 0x811c9dc5
  readonly #nowUs: () => number

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs
  }

  add(text: string): void {
    const line = `${(this.#nowUs() / 1000).toFixed(3).padStart(12)} ms  ${text}`
    this.#lines[this.#at++ % KEPT] = line
    let hash = this.#hash
    for (let i = 0; i < line.length; i++) hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193)
    this.#hash = hash
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  get length(): number {
    return this.#at
  }

  /** The last `count` lines, oldest first. */
  last(count: number): string[] {
    const from = Math.max(0, this.#at - Math.min(count, KEPT))
    return Array.from({ length: this.#at - from }, (_, i) => this.#lines[(from + i) % KEPT] as string)
  }
}
