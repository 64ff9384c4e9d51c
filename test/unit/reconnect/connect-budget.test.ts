import { describe, expect, it } from 'vitest'
import {
  ConnectBudget,
  type ConnectBudgetOptions,
  defaultConnectBudget,
} from '../../../src/reconnect/connect-budget.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const START = 1_600_000_000
const SECOND = 1_000_000

const problemsOf = (make: () => unknown): string[] => {
  try {
    make()
  } catch (error) {
    return (error as { problems?: { field: string }[] }).problems?.map(({ field }) => field) ?? [String(error)]
  }
  return []
}

describe('a connect budget', () => {
  it('lets through what its limit allows, and says when there is more', () => {
    const budget = new ConnectBudget({ limits: [{ connects: 2, perMs: 1000 }] })
    const at = (ms: number): number => budget.claim('a.example', START + ms * 1000).waitMs
    expect([at(0), at(300), at(300), at(999), at(1000), at(1100), at(1300)]).toEqual([0, 0, 700, 1, 0, 200, 0])
  })

  it('loses no part of a µs', () => {
    const budget = new ConnectBudget({ limits: [{ connects: 1, perMs: 1 }] })
    expect(budget.claim('a', START + 0.75).waitMs).toBe(0)
    expect(budget.claim('a', START + 1000.5).waitMs).toBeGreaterThan(0)
    expect(budget.claim('a', START + 1001).waitMs).toBe(0)
  })

  it('counts each host for itself, and a claim that must wait not at all', () => {
    const budget = new ConnectBudget({ limits: [{ connects: 1, perMs: 1000 }] })
    const claim = (host: string, us: number) => budget.claim(host, us).waitMs
    expect([claim('a', START), claim('b', START), claim('a', START), claim('a', START)]).toEqual([0, 0, 1000, 1000])
    expect(claim('a', START + SECOND)).toBe(0)
  })

  it('never exceeds any of its limits in any interval, whoever asks when', () => {
    const limits = [
      { connects: 3, perMs: 700 },
      { connects: 5, perMs: 3000 },
    ]
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed)
      const budget = new ConnectBudget({ limits })
      const granted: number[] = []
      for (let now = START, i = 0; i < 400; i++, now += Math.floor(random() * random() * 800_000)) {
        const { waitMs } = budget.claim('a', now)
        if (waitMs === 0) granted.push(now)
        // What it says holds: nobody else asks in between.
        else if (random() < 0.2) {
          now += Math.ceil(waitMs * 1000)
          expect(budget.claim('a', now).waitMs).toBe(0)
          granted.push(now)
        }
      }
      for (const { connects, perMs } of limits) {
        const spans = granted.slice(connects).map((time, i) => time - (granted[i] as number))
        expect(Math.min(...spans), `seed ${seed}`).toBeGreaterThanOrEqual(perMs * 1000)
      }
    }
  })

  it('keeps everybody away from a host that cools down, until the latest time that was told', () => {
    const budget = new ConnectBudget()
    budget.coolDown('a', START + 10 * SECOND)
    budget.coolDown('a', START + 5 * SECOND)
    expect(budget.claim('a', START)).toEqual({ waitMs: 10_000, why: 'cool-down' })
    expect(budget.claim('b', START).waitMs).toBe(0)
    expect(budget.coolingUntilUs('a')).toBe(START + 10 * SECOND)
    expect(budget.claim('a', START + 10 * SECOND).waitMs).toBe(0)
  })

  it('remembers a connect at the very beginning of time', () => {
    const budget = new ConnectBudget({ limits: [{ connects: 1, perMs: 1000 }] })
    expect([budget.claim('a', 0).waitMs, budget.claim('a', 0).waitMs > 0]).toEqual([0, true])
  })

  it('takes a time that another thread looked up a little later for now', () => {
    const budget = new ConnectBudget({ limits: [{ connects: 1, perMs: 1000 }] })
    budget.claim('a', START + 40)
    expect(budget.claim('a', START).waitMs).toBe(1000)
  })

  it('is one for all threads that are given its memory', () => {
    const budget = new ConnectBudget({ limits: [{ connects: 1, perMs: 1000 }] })
    const other = ConnectBudget.from(structuredClone(budget.shared))
    expect([budget.claim('a', START).waitMs, other.claim('a', START).waitMs]).toEqual([0, 1000])
    other.coolDown('a', START + 60 * SECOND)
    expect(budget.claim('a', START + SECOND).why).toBe('cool-down')
  })

  it('has places for so many hosts; what is beyond shares one, and is never let through more often', () => {
    const budget = new ConnectBudget({ limits: [{ connects: 1, perMs: 1000 }], maxHosts: 2 })
    const waits = ['a', 'b', 'c', 'd'].map((host) => budget.claim(host, START).waitMs)
    expect(waits).toEqual([0, 0, 1000, 1000])
  })

  it('is one per clock where none is given', () => {
    const clock = new VirtualClock()
    expect(defaultConnectBudget(clock)).toBe(defaultConnectBudget(clock))
    expect(defaultConnectBudget(clock)).not.toBe(defaultConnectBudget(new VirtualClock()))
  })

  it('names every mistake', () => {
    const bad = { limits: [{ connects: 0, perMs: 1 }, { connects: 1 }, 7], maxHosts: 0, host: 'x' }
    expect(problemsOf(() => new ConnectBudget(bad as unknown as ConnectBudgetOptions))).toEqual([
      'ConnectBudget.host',
      'ConnectBudget.limits[0].connects',
      'ConnectBudget.limits[1].perMs',
      'ConnectBudget.limits[2]',
      'ConnectBudget.limits[2].connects',
      'ConnectBudget.limits[2].perMs',
      'ConnectBudget.maxHosts',
    ])
    expect(problemsOf(() => new ConnectBudget({ limits: [] }))).toEqual(['ConnectBudget.limits'])
    const { shared } = new ConnectBudget()
    const short = { ...shared, memory: new SharedArrayBuffer(12) }
    expect(problemsOf(() => ConnectBudget.from(short))).toEqual(['ConnectBudget.memory'])
  })
})
