import { randomBytes, randomInt } from 'node:crypto'

/** The one seam through which chance comes in, so that a simulation can replay a run from a seed. */
export interface RandomSource {
  /** `n` random bytes in memory of their own; the caller keeps them. */
  bytes(n: number): Uint8Array
  /** Uniform in [0, 1), with 48 bits of chance: for jitter. */
  float(): number
}

const FLOAT_STEPS = 2 ** 48 - 1

/** The system's CSPRNG (RFC 6455 5.3 and 10.3 want masks and keys that nobody can predict). */
export const systemRandom: RandomSource = {
  bytes: (n) => new Uint8Array(randomBytes(n)),
  float: () => randomInt(FLOAT_STEPS) / FLOAT_STEPS,
}
