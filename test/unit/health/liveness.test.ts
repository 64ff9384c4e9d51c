import { describe, expect, it } from 'vitest'
import { CarriedByAll } from '../../../src/health/carried.ts'
import { WsHealthMonitor } from '../../../src/health/health-monitor.ts'
import { Liveness } from '../../../src/health/liveness.ts'

describe('Liveness', () => {
  it('judges data from ready on and bytes from open on, at the very moment and not before', () => {
    const liveness = new Liveness({ staleAfterMs: 10, silentAfterMs: 30 })
    expect(liveness.nextDueUs()).toBeUndefined()
    liveness.opened(0)
    expect(liveness.nextDueUs()).toBe(30_000)
    liveness.ready(5000)
    expect(liveness.nextDueUs()).toBe(15_000)
    expect(liveness.verdict(14_999)).toBeUndefined()
    expect(liveness.verdict(15_000)).toEqual({ kind: 'stale-data', silentForMs: 10 })
    liveness.data(14_000)
    expect(liveness.verdict(15_000)).toBeUndefined()
    expect(liveness.verdict(30_000)).toEqual({ kind: 'silent', silentForMs: 30 })
    liveness.ended()
    expect([liveness.nextDueUs(), liveness.verdict(1e9)]).toEqual([undefined, undefined])
  })

  it('is not moved back by news that is older', () => {
    const liveness = new Liveness({ staleAfterMs: 10, silentAfterMs: undefined })
    liveness.opened(0)
    liveness.ready(0)
    liveness.data(9000)
    liveness.data(3000)
    expect(liveness.nextDueUs()).toBe(19_000)
  })

  it('bytes do not count as data', () => {
    const liveness = new Liveness({ staleAfterMs: 10, silentAfterMs: undefined })
    liveness.opened(0)
    liveness.ready(0)
    liveness.bytes(9000)
    expect(liveness.verdict(10_000)?.kind).toBe('stale-data')
  })

  it('never runs out while paused, nor without limits', () => {
    const liveness = new Liveness({ staleAfterMs: 10, silentAfterMs: 10 })
    liveness.opened(0)
    liveness.ready(0)
    liveness.setPaused(true, 5000)
    expect([liveness.nextDueUs(), liveness.verdict(1e9)]).toEqual([undefined, undefined])
    liveness.setPaused(false, 1e9)
    expect(liveness.nextDueUs()).toBe(1e9 + 10_000)
    const never = new Liveness({ staleAfterMs: undefined, silentAfterMs: undefined })
    never.opened(0)
    never.ready(0)
    expect([never.nextDueUs(), never.verdict(1e12), never.shortestMs]).toEqual([undefined, undefined, Infinity])
  })
})

describe('WsHealthMonitor', () => {
  it('counts, and keeps distributions of the current connection', () => {
    const health = new WsHealthMonitor()
    health.count.messagesReceived += 3
    for (const us of [100, 200, 300]) health.recordRttUs(us)
    health.recordPayloadLagUs(-50)
    const snapshot = health.snapshot({ bytesReceived: 7, bytesSent: 8, messagesSent: 4 })
    expect(snapshot).toMatchObject({
      messagesReceived: 3,
      bytesReceived: 7,
      messagesSent: 4,
      lastRttUs: 300,
      rtt: { count: 3, minUs: 100, p50Us: 200, maxUs: 300 },
      payloadLag: { count: 1, maxUs: 1 },
    })
    health.connectionOpened()
    expect(health.snapshot(new CarriedByAll().sum)).toMatchObject({
      messagesReceived: 3,
      connectionsOpened: 1,
      rtt: { count: 0, p99Us: 0 },
    })
    expect(health.snapshot(new CarriedByAll().sum)).not.toHaveProperty('lastRttUs')
    expect(snapshot.messagesReceived).toBe(3)
  })
})
