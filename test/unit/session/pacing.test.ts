import { describe, expect, it } from 'vitest'
import { FramePacer, type WsPacingOptions } from '../../../src/session/pacing.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const MS = 1000
const pacer = (options: Partial<WsPacingOptions> = {}) =>
  new FramePacer({ frames: 4, perMs: 1000, pongFrames: 0, ownFrames: 2, whenOverBudget: 'queue', ...options })

describe('FramePacer', () => {
  it('lets so many through in any window, wherever it begins', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed)
      const paced = pacer()
      const sent: number[] = []
      for (let now = 0; sent.length < 200; now += Math.floor(random() * 300 * MS)) {
        const own = random() < 0.5
        if (paced.nextUs(own) > now) continue
        paced.count(now, own)
        sent.push(now)
      }
      const spans = sent.slice(4).map((time, i) => time - (sent[i] as number))
      expect(Math.min(...spans), `seed ${seed}`).toBeGreaterThanOrEqual(1000 * MS)
    }
  })

  it('leaves room for the user: own traffic has its share', () => {
    const paced = pacer()
    paced.count(0, true)
    paced.count(0, true)
    expect([paced.nextUs(true), paced.nextUs(false) <= 0]).toEqual([1000 * MS, true])
    paced.count(0, false)
    paced.count(0, false)
    expect(paced.nextUs(false)).toBe(1000 * MS)
  })

  it('keeps room for pongs, so that no window sees more than the budget, theirs included', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed)
      const paced = pacer({ frames: 7, pongFrames: 3 })
      const gone: number[] = []
      let pongUs = 0
      for (let now = 0; gone.length < 300; now += 1 + Math.floor(random() * 200 * MS)) {
        // At most three in any window, and never announced.
        if (now >= pongUs) {
          paced.countPongs(1, now)
          gone.push(now)
          pongUs = now + (1000 * MS) / 3
        }
        while (paced.nextUs(false) <= now) {
          paced.count(now, false)
          gone.push(now)
        }
      }
      const spans = gone.slice(7).map((time, i) => time - (gone[i] as number))
      expect(Math.min(...spans), `seed ${seed}`).toBeGreaterThanOrEqual(1000 * MS)
    }
  })

  it('lets nothing go beside pongs that alone are too many', () => {
    const paced = pacer({ pongFrames: 1 })
    for (let now = 0; now < 10_000 * MS; now += 100 * MS) {
      paced.countPongs(1, now)
      if (now > 300 * MS) expect(paced.nextUs(false)).toBeGreaterThan(now)
    }
    expect(paced.hasRoom(10_000 * MS, 0)).toBe(false)
    paced.countPongs(100_000, 10_000 * MS)
    expect(paced.nextUs(false)).toBe(11_000 * MS)
  })

  it('goes at half the pace when it was too quick, until it has recovered', () => {
    const paced = pacer({ frames: 1, ownFrames: 1 })
    paced.count(0, false)
    paced.slowDown()
    expect(paced.nextUs(false)).toBe(2000 * MS)
    paced.recover()
    expect(paced.nextUs(false)).toBe(1000 * MS)
    paced.reset()
    expect(paced.nextUs(false)).toBe(-Infinity)
  })
})
