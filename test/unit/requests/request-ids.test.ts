import { describe, expect, it } from 'vitest'
import { SequentialRequestIds } from '../../../src/requests/request-ids.ts'
import { type RandomSource, systemRandom } from '../../../src/support/random.ts'

const at = (float: number): RandomSource => ({ bytes: (n) => new Uint8Array(n), float: () => float })

describe('SequentialRequestIds', () => {
  it('are decimal, of 16 digits, and exact as numbers', () => {
    for (const float of [0, 0.5, 1 - 2 ** -48]) {
      const ids = new SequentialRequestIds(at(float))
      for (let i = 0; i < 1000; i++) {
        const id = ids.next()
        expect(id).toMatch(/^[1-9]\d{15}$/)
        expect(Number.isSafeInteger(Number(id))).toBe(true)
        expect(String(Number(id))).toBe(id)
      }
    }
  })

  it('never come twice, and start where chance says', () => {
    const ids = new SequentialRequestIds(at(0.25))
    expect([ids.next(), ids.next(), ids.next()]).toEqual(['2000000000000000', '2000000000000001', '2000000000000002'])
  })

  it('of two generators do not meet', () => {
    const all = new Set<string>()
    for (let i = 0; i < 50; i++) {
      const ids = new SequentialRequestIds(systemRandom)
      for (let j = 0; j < 200; j++) all.add(ids.next())
    }
    expect(all.size).toBe(10_000)
  })
})
