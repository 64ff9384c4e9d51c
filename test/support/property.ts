import fc from 'fast-check'

/**
 * Properties are checked with chance that repeats: the same seed in every run, so that what is green stays green.
 * `SHARED_WS_SEED=N` takes another seed (`random`: one by chance), `SHARED_WS_RUNS=N` that many times as many cases. A
 * failure names its seed and the path to the smallest case that fails.
 */
const SEED = process.env['SHARED_WS_SEED'] ?? '1'
const TIMES = Number(process.env['SHARED_WS_RUNS'] ?? '1')

/** How fast-check is to check a property in `runs` cases. */
export function propertyParameters(runs: number): fc.Parameters<unknown> {
  if (!(TIMES > 0)) throw new Error(`SHARED_WS_RUNS wants a number above 0, not ${process.env['SHARED_WS_RUNS']}`)
  const seed = SEED === 'random' ? {} : { seed: Number(SEED) }
  if (Number.isNaN(seed.seed)) throw new Error(`SHARED_WS_SEED wants an integer or "random", not ${SEED}`)
  return { numRuns: Math.ceil(runs * TIMES), ...seed } as fc.Parameters<unknown>
}

/** Checks a property of synchronous code. */
export function checkProperty<T>(runs: number, arbitrary: fc.Arbitrary<T>, holds: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, holds), propertyParameters(runs) as fc.Parameters<[T]>)
}

/** Chunks of random sizes that make up the bytes. */
export function chopped(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)] as number
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return chunks
}

/** Sizes of chunks, the last of them meant to repeat. */
export const chunkSizes: fc.Arbitrary<readonly number[]> = fc.oneof(
  { weight: 1, arbitrary: fc.constant([1_000_000]) },
  { weight: 1, arbitrary: fc.constantFrom([1], [2], [3], [7]) },
  { weight: 2, arbitrary: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 4 }) },
)
