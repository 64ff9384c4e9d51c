import { describe, expect, it } from 'vitest'
import { type Due, DueHeap } from '../../../src/requests/due-heap.ts'
import { seededRandom } from '../../support/seeded-random.ts'

describe('DueHeap', () => {
  it('agrees with a sorted list over a long random run', () => {
    const seed = 5
    const random = seededRandom(seed)
    const heap = new DueHeap<Due>()
    const model: Due[] = []
    for (let step = 0; step < 20_000; step++) {
      const grow = step % 4000 < 2000 ? 0.6 : 0.4
      if (random() < grow) {
        const item = { dueUs: Math.floor(random() * 50), heapIndex: -1 }
        heap.push(item)
        model.push(item)
      } else if (model.length > 0) {
        const index = random() < 0.5 ? model.indexOf(heap.peek() as Due) : Math.floor(random() * model.length)
        const [item] = model.splice(index, 1) as [Due]
        heap.remove(item)
        heap.remove(item)
        expect(item.heapIndex).toBe(-1)
      }
      expect(heap.size, `step ${step}`).toBe(model.length)
      expect(heap.peek()?.dueUs, `step ${step}`).toBe(
        model.length === 0 ? undefined : Math.min(...model.map(({ dueUs }) => dueUs)),
      )
    }
  })
})
