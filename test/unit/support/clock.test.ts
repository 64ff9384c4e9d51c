import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock, WallClock } from '../../../src/support/clock.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const HOUR = 3_600_000

/** What it says, and the clocks of the system just before and behind. */
function bracket(clock: WallClock) {
  const [mono, wall] = [performance.now(), Date.now()]
  const ms = clock.nowMs()
  return { ms, mono: [mono, performance.now()], wall: [wall, Date.now()] } as const
}

describe('the wall clock', () => {
  it('is that of the system, with the resolution of the monotonic one', () => {
    const clock = new WallClock()
    const times = Array.from({ length: 1000 }, () => clock.nowMs())
    expect(times.some((ms) => ms % 1 !== 0)).toBe(true)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    const { ms, wall } = bracket({ nowMs: () => systemClock.epochUs() / 1000 } as WallClock)
    expect(ms).toBeGreaterThan(wall[0] - 10)
    expect(ms).toBeLessThan(wall[1] + 10)
  })

  it.each([HOUR, -HOUR])('follows when it is set by %i ms', (ms) => {
    const clock = new WallClock()
    const before = clock.nowMs()
    const real = Date.now
    vi.spyOn(Date, 'now').mockImplementation(() => real() + ms)
    const jumps = [clock.nowMs(), clock.nowMs()].map((now) => Math.round((now - before) / HOUR))
    expect(jumps).toEqual([Math.sign(ms), Math.sign(ms)])
    vi.restoreAllMocks()
    expect(Math.abs(clock.nowMs() - before)).toBeLessThan(HOUR / 2)
  })

  it('does not move because this thread was away between two looks at it', () => {
    const clock = new WallClock()
    const real = Date.now
    vi.spyOn(Date, 'now').mockImplementationOnce(() => real() + 50)
    clock.nowMs()
    // As exact as before: taken from a time that is cut to ms it would be wrong by a part of one.
    const { ms, mono } = bracket(clock)
    expect(ms).toBeGreaterThanOrEqual(performance.timeOrigin + mono[0])
    expect(ms).toBeLessThanOrEqual(performance.timeOrigin + mono[1])
  })
})
