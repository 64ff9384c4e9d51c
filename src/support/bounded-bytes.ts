/** Bytes collected from chunks, in memory of their own, up to a limit. Grows by doubling, so that tiny chunks are cheap. */
export class BoundedBytes {
  readonly #limit: number
  #memory = Buffer.alloc(0)
  #length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#length
  }

  /** Copies as much of `chunk` as there is room for, and returns how many bytes that was. */
  append(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.#limit - this.#length)
    const needed = this.#length + taken
    if (needed > this.#memory.length) {
      const larger = Buffer.alloc(Math.min(this.#limit, Math.max(needed, this.#memory.length * 2, 1024)))
      larger.set(this.#memory.subarray(0, this.#length))
      this.#memory = larger
    }
    this.#memory.set(taken === chunk.length ? chunk : chunk.subarray(0, taken), this.#length)
    this.#length = needed
    return taken
  }

  /** What has been collected. Valid until the next `append`. */
  view(): Buffer {
    return this.#memory.subarray(0, this.#length)
  }
}
