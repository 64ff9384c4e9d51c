import { randomFillSync, randomInt } from 'node:crypto'

/** The one seam through which chance comes in, so that a simulation can replay a run from a seed. */
export interface RandomSource {
  /** `n` random bytes in memory of their own; the caller keeps them. */
  bytes(n: number): Uint8Array
  /** Uniform in [0, 1), with 48 bits of chance: for jitter. */
  float(): number
}

const FLOAT_STEPS = 2 ** 48 - 1

/** Asked for a few bytes at a time, the generator costs ten times as much as what it gives. */
const POOL_BYTES = 1024
const pool = new Uint8Array(POOL_BYTES)
let unused = 0

function pooledBytes(n: number): Uint8Array {
  if (n > POOL_BYTES) return randomFillSync(new Uint8Array(n))
  if (n > unused) {
    randomFillSync(pool)
    unused = POOL_BYTES
  }
  unused -= n
  const bytes = pool.slice(unused, unused + n)
  // What was given out is a secret of its owner's, perhaps.
  pool.fill(0, unused, unused + n)
  return bytes
}

/** The system's CSPRNG (RFC 6455 5.3 and 10.3 want masks and keys that nobody can predict). */
export const systemRandom: RandomSource = {
  bytes: pooledBytes,
  float: () => randomInt(FLOAT_STEPS) / FLOAT_STEPS,
}
