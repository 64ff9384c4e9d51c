import { describe, expect, it } from 'vitest'
import { Fifo } from '../../../src/support/fifo.ts'
import { seededRandom } from '../../support/seeded-random.ts'

describe('Fifo', () => {
  it('agrees with an array over a long random run', () => {
    const random = seededRandom(7)
    const fifo = new Fifo<number>()
    const model: number[] = []
    for (let i = 0; i < 20_000; i++) {
      // Phases of growth and of shrinking, so that both compaction and emptying happen.
      const grow = i % 8_000 < 4_000 ? 0.7 : 0.3
      if (random() < grow) {
        fifo.push(i)
        model.push(i)
      } else {
        expect(fifo.shift()).toBe(model.shift())
      }
      expect(fifo.length).toBe(model.length)
    }
    fifo.clear()
    expect(fifo.length).toBe(0)
    expect(fifo.shift()).toBeUndefined()
  })
})
