import type { RandomSource } from '../support/random.ts'

/**
 * Chance that can be repeated: equal seeds give equal sequences (mulberry32). For tests and simulations; never for keys
 * or masks of real connections, since anybody can predict it.
 */
export class SeededRandom implements RandomSource {
  #state: number

  /** `seed`: an integer; its low 32 bits count. */
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Uniform in [0, 1), in steps of 2^-32. */
  float(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }

  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.below(256))
  }

  /** A whole number from 0 to `n - 1`. */
  below(n: number): number {
    return Math.floor(this.float() * n)
  }

  /** One of the keys of `weights`, each as likely as its weight; weights need not add up to 1. */
  pick<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][]
    let left = this.float() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of entries) {
      left -= weight
      if (left < 0) return key
    }
    return (entries[entries.length - 1] as [K, number])[0]
  }

  /** A source of its own for `name`, so that what one part of a simulation draws does not shift another's chance. */
  static named(seed: number, name: string): SeededRandom {
    let hash = 0x811c9dc5 ^ seed
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    const random = new SeededRandom(hash)
    // Neighbouring hashes begin alike; one step separates them.
    random.float()
    return random
  }
}
