import { describe, expect, it } from 'vitest'
import { WsHealthMonitor } from '../../../src/health/health-monitor.ts'

const NOTHING = { messagesSent: 0, bytesReceived: 0, bytesSent: 0 }

describe('the histogram of round trips', () => {
  it('goes from 1 µs to 60 s, to three digits', () => {
    const health = new WsHealthMonitor()
    expect(health.snapshot(NOTHING).rtt).toMatchObject({ count: 0, minUs: 0, maxUs: 0 })
    for (const us of [-3, 0, 0.4, 123_456, 60_000_000, 3_600_000_000]) health.recordRttUs(us)
    const { rtt, lastRttUs } = health.snapshot(NOTHING)
    expect([rtt.count, rtt.minUs, lastRttUs]).toEqual([6, 1, 3_600_000_000])
    expect(rtt.maxUs / 60_000_000).toBeCloseTo(1, 2)
    health.connectionOpened()
    health.recordRttUs(123_456)
    expect(health.snapshot(NOTHING).rtt.p50Us / 123_456).toBeCloseTo(1, 2)
    expect(health.snapshot(NOTHING).rtt.count).toBe(1)
  })
})
