import { describe, expect, it } from 'vitest'
import { WsConfigError } from '../../../src/errors/errors.ts'
import { ExponentialBackoff, NoReconnect } from '../../../src/reconnect/exponential-backoff.ts'
import { remoteDropped } from '../../../src/transport/end-causes.ts'

const cause = remoteDropped()
const always = (float: number) => ({ float: () => float, bytes: (n: number) => new Uint8Array(n) })

describe('ExponentialBackoff', () => {
  it('draws from 0 to a bound that doubles, up to maxMs', () => {
    const backoff = new ExponentialBackoff({ baseMs: 100, maxMs: 1000 })
    const bounds = [1, 2, 3, 4, 5, 2000].map((attempt) => backoff.nextDelayMs(attempt, cause, always(1)))
    expect(bounds).toEqual([100, 200, 400, 800, 1000, 1000])
    expect(backoff.nextDelayMs(3, cause, always(0.25))).toBe(100)
    expect(backoff.nextDelayMs(9, cause, always(0))).toBe(0)
  })

  it('comes at once first, if it shall, and then as always', () => {
    const backoff = new ExponentialBackoff({ baseMs: 100, maxMs: 1000, immediateFirst: true })
    expect([1, 2, 3].map((attempt) => backoff.nextDelayMs(attempt, cause, always(1)))).toEqual([0, 100, 200])
    expect(() => new ExponentialBackoff({ immediateFirst: 1 } as never)).toThrow(/immediateFirst/)
  })

  it('gives up after maxAttempts', () => {
    const backoff = new ExponentialBackoff({ maxAttempts: 3 })
    expect([1, 2, 3].map((attempt) => typeof backoff.nextDelayMs(attempt, cause, always(0.5)))).toEqual([
      'number',
      'number',
      'undefined',
    ])
    expect(NoReconnect.nextDelayMs(1, cause, always(0))).toBeUndefined()
  })

  it('tells all that is wrong with its options', () => {
    expect(() => new ExponentialBackoff({ baseMs: 0, maxMs: -1, max: 1 } as never)).toThrow(
      /baseMs[\s\S]*maxMs|max:[\s\S]*baseMs/,
    )
    expect(() => new ExponentialBackoff({ baseMs: 0 })).toThrow(WsConfigError)
  })
})
