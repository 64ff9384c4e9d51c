import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

describe('VirtualClock', () => {
  it('fires in the order of due times, then of arming, each at its moment', () => {
    const clock = new VirtualClock()
    const log: string[] = []
    const note = (name: string) => () => log.push(`${name}@${clock.monoUs()}`)
    clock.setTimer(20, note('late'))
    clock.setTimer(10.5, note('first'))
    clock.setTimer(10.5, note('second'))
    clock.setTimer(-5, note('due'))
    clock.setTimer(21, note('never'))
    clock.advance(20)
    expect(log).toEqual(['due@0', 'first@10500', 'second@10500', 'late@20000'])
    expect(clock.monoUs()).toBe(20_000)
    expect(clock.pendingTimers).toBe(1)
  })

  it('fires timers that are armed on the way', () => {
    const clock = new VirtualClock()
    const at: number[] = []
    const tick = (): void => {
      at.push(clock.monoUs())
      clock.setTimer(3, tick)
    }
    clock.setTimer(3, tick)
    clock.advance(10)
    expect(at).toEqual([3000, 6000, 9000])
  })

  it('cancels, more than once, from a callback too', () => {
    const clock = new VirtualClock()
    const fired: number[] = []
    const second = clock.setTimer(1, () => fired.push(2))
    const first = clock.setTimer(0, () => second.cancel())
    clock.advance(5)
    first.cancel()
    second.cancel()
    expect(fired).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })

  it('keeps epoch and monotonic time together', () => {
    const clock = new VirtualClock({ epochUs: 5_000_000 })
    clock.advance(1.5)
    expect([clock.monoUs(), clock.epochUs()]).toEqual([1500, 5_001_500])
  })

  it('stands at the moment of a callback that throws', () => {
    const clock = new VirtualClock()
    clock.setTimer(2, () => {
      throw new Error('from a callback')
    })
    expect(() => clock.advance(9)).toThrow('from a callback')
    expect(clock.monoUs()).toBe(2000)
    expect(clock.pendingTimers).toBe(0)
  })

  it('refuses to go back, and a loop that would never end', () => {
    const clock = new VirtualClock()
    expect(() => clock.advance(-1)).toThrow(RangeError)
    expect(() => clock.advance(Number.NaN)).toThrow(RangeError)
    expect(() => clock.setTimer(Number.NaN, () => {})).toThrow(RangeError)
    const again = (): void => void clock.setTimer(0, again)
    again()
    expect(() => clock.advance(1)).toThrow(/for ever/)
  })
})
