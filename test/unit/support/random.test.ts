import { expect, it } from 'vitest'
import { systemRandom } from '../../../src/support/random.ts'

it('gives bytes of their own, different each time', () => {
  const [a, b] = [systemRandom.bytes(16), systemRandom.bytes(16)]
  expect([a.length, a.buffer.byteLength]).toEqual([16, 16])
  expect(Buffer.compare(a, b)).not.toBe(0)
})

it('gives floats in [0, 1), spread over all of it', () => {
  const floats = Array.from({ length: 1000 }, () => systemRandom.float())
  expect(floats.every((x) => x >= 0 && x < 1)).toBe(true)
  // Chance of a false alarm: below 1e-45 each.
  expect(Math.min(...floats)).toBeLessThan(0.1)
  expect(Math.max(...floats)).toBeGreaterThan(0.9)
})
