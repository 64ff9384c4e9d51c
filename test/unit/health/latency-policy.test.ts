import { describe, expect, it } from 'vitest'
import { WsLatencyPolicy, type WsLatencyPolicyOptions } from '../../../src/health/latency-policy.ts'

const MS = 1000
const SECOND = 1_000_000

/** Round trips in ms, one a second. */
function run(policy: WsLatencyPolicy, rtts: readonly number[], fromS = 0) {
  return rtts.map((ms, i) => policy.sample(ms * MS, (fromS + i) * SECOND) !== undefined)
}

const policy = (options: Partial<WsLatencyPolicyOptions> = {}) =>
  new WsLatencyPolicy({ maxRttMs: 100, percentile: 50, minSamples: 3, streak: 2, ...options })

describe('WsLatencyPolicy', () => {
  it('judges when there is enough to judge, and only what stays slow', () => {
    expect(run(policy(), [200, 200, 200, 200])).toEqual([false, false, false, true])
    expect(run(policy(), [10, 10, 10, 500, 10, 500, 10])).toEqual(Array(7).fill(false))
    expect(run(policy(), [200, 200, 10, 10, 10])).toEqual(Array(5).fill(false))
  })

  it('says what the percentile was, and what it may be', () => {
    const slow = policy({ minSamples: 1, streak: 1 })
    expect(slow.sample(150 * MS, 0)).toEqual({ percentile: 50, rttUs: 150 * MS, limitUs: 100 * MS })
    expect(policy({ minSamples: 1, streak: 1 }).sample(100 * MS, 0)).toBeUndefined()
  })

  it('takes the percentile by nearest rank', () => {
    const p90 = policy({ percentile: 90, minSamples: 10, streak: 1 })
    expect(run(p90, [...Array(9).fill(10), 500])).toEqual(Array(10).fill(false))
    const p91 = policy({ percentile: 91, minSamples: 10, streak: 1 })
    expect(run(p91, [...Array(9).fill(10), 500]).at(-1)).toBe(true)
  })

  it('forgets what is older than its window, and everything with a new connection', () => {
    const windowed = policy({ windowMs: 5000, streak: 1 })
    expect(run(windowed, [200, 200])).toEqual([false, false])
    expect(run(windowed, [10, 10, 10], 10)).toEqual([false, false, false])
    const reset = policy({ streak: 1 })
    run(reset, [200, 200])
    reset.opened()
    expect(run(reset, [200, 200], 3)).toEqual([false, false])
  })

  it('looks at the last 60 s, at percentile 90 of three and more, three times in a row, unless told otherwise', () => {
    const byDefault = () => new WsLatencyPolicy({ maxRttMs: 100 })
    expect(run(byDefault(), [200, 200, 200, 200, 200])).toEqual([false, false, false, false, true])
    const samples = (atS: readonly number[]) => {
      const latency = byDefault()
      return atS.map((s) => latency.sample(200 * MS, s * SECOND) !== undefined).at(-1)
    }
    expect([samples([0, 15, 30, 45, 60]), samples([0, 30.1, 60.2, 90.3, 120.4])]).toEqual([true, false])
    // One of eleven is not the ninetieth of a hundred.
    const mostly = byDefault()
    expect(run(mostly, [...Array(10).fill(10), 500, 10, 10]).some(Boolean)).toBe(false)
  })

  it('holds a bounded number of samples', () => {
    const busy = policy({ windowMs: 2 ** 31 - 1 })
    for (let i = 0; i < 3000; i++) expect(busy.sample(200 * MS, i), `${i}`)[i < 3 ? 'toBeUndefined' : 'toBeDefined']()
    // 1024 fast ones push the slow ones out.
    for (let i = 0; i < 1024; i++) busy.sample(10 * MS, 3000 + i)
    expect(busy.sample(10 * MS, 5000)).toBeUndefined()
  })

  it('names every mistake', () => {
    expect(() => new WsLatencyPolicy({ percentile: 0, windowMs: 0 } as never)).toThrow(
      /maxRttMs[\s\S]*percentile[\s\S]*windowMs/,
    )
  })
})
