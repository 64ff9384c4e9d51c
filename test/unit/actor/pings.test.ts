import { describe, expect, it } from 'vitest'
import { type PingCarrier, Pings } from '../../../src/actor/pings.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { follow, randomFrom, turn } from './support.ts'

describe('a ping of the user', () => {
  it('is not given up while the event loop still reads what lay before its answer', async () => {
    const clock = new VirtualClock()
    const pings = new Pings(clock, randomFrom(1))
    const nonces: Uint8Array[] = []
    const ping = (payload: Uint8Array): number => Math.sign(nonces.push(payload))
    const link = { ping, drain: () => false, bytesReceived: 0 } satisfies PingCarrier
    const { signal } = new AbortController()
    const answered = follow(pings.send(link, 100, signal))
    const lost = follow(pings.send({ ...link }, 100, signal))
    await turn()
    clock.setTimer(100, () => {
      link.bytesReceived += 100_000
      clock.setTimer(0, () => {
        link.bytesReceived += 100_000
        clock.setTimer(0, () => pings.answered(nonces[0] as Uint8Array, 99_000))
      })
    })
    clock.advance(100)
    await turn()
    expect(answered.value).toBe(99_000)
    expect(lost.error).toMatchObject({ code: 'ERR_TIMEOUT' })
    expect(clock.pendingTimers).toBe(0)
  })
})
