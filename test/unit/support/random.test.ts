import { expect, it } from 'vitest'
import { systemRandom } from '../../../src/support/random.ts'

it('gives bytes of their own, different each time', () => {
  const [a, b] = [systemRandom.bytes(16), systemRandom.bytes(16)]
  expect([a.length, a.buffer.byteLength]).toEqual([16, 16])
  expect(Buffer.compare(a, b)).not.toBe(0)
})

it('gives no byte twice, whatever is asked for', () => {
  const sizes = Array.from({ length: 400 }, (_, i) => [16, 8, 1, 1024, 1025, 0][i % 6] as number)
  const given = sizes.map((n) => systemRandom.bytes(n))
  expect(given.map(({ length }) => length)).toEqual(sizes)
  const nonces = given.filter(({ length }) => length >= 8).map((bytes) => Buffer.from(bytes).toString('hex'))
  expect(new Set(nonces).size).toBe(nonces.length)
  expect(new Set(given.map(({ buffer }) => buffer)).size).toBe(given.length)
})

it('gives floats in [0, 1), spread over all of it', () => {
  const floats = Array.from({ length: 1000 }, () => systemRandom.float())
  expect(floats.every((x) => x >= 0 && x < 1)).toBe(true)
  // Chance of a false alarm: below 1e-45 each.
  expect(Math.min(...floats)).toBeLessThan(0.1)
  expect(Math.max(...floats)).toBeGreaterThan(0.9)
})
