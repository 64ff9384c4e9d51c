import { describe, expect, it } from 'vitest'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { WsTimestampSource } from '../../../src/index.ts'
import type { WsDelegatedRequest } from '../../../src/requests/delegated-request.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'
import { follow, jsonHandler, readyActor } from './support.ts'

// What the actor makes of receive times that are those of the arrival. The mock holds back what arrives, as a thread that is
// busy does; a drain finds it.

const ask = (timeoutMs: number): WsDelegatedRequest => ({
  requestId: '1',
  frame: '{"id":"1"}',
  confirmMode: 'confirmed',
  timeoutMs,
})

const ready = (timestampSource: WsTimestampSource, options: Parameters<typeof readyActor>[0] = {}) =>
  readyActor({ handler: jsonHandler().handler, timestampSource, ...options })

describe('an answer that is exact', () => {
  it.each(['kernel', 'read'] as const)('and came in time counts, however late it is read (%s)', async (source) => {
    const { actor, clock, server, pass, late } = await ready(source)
    const asking = follow(actor.ask(ask(50)))
    const epochUs = clock.epochUs()
    await pass()
    server().hold()
    server().sendText('{"id":"1","result":1}')
    await pass(50)
    expect(asking.value).toMatchObject({ kind: 'confirmed' })
    const { repliedAtUs = 0 } = asking.value?.timing ?? {}
    expect(repliedAtUs - epochUs).toBe(source === 'kernel' ? 0 : 50_000)
    expect(late).toEqual([])
  })

  it.each([
    ['kernel', { kind: 'unconfirmed', reason: 'deadline' }, 1],
    ['read', { kind: 'confirmed', late: true }, 0],
  ] as const)('and came late does not, though nobody had judged yet (%s)', async (source, outcome, told) => {
    const { actor, clock, server, pass, late } = await ready(source)
    const asking = follow(actor.ask(ask(50)))
    await pass()
    // Behind the deadline, whose timer has not fired, the socket is read.
    clock.block(60)
    server().sendText('{"id":"1","result":1}')
    await pass()
    expect(asking.value).toMatchObject(outcome)
    expect(late).toHaveLength(told)
  })
})

describe('silence', () => {
  const silentAt = async (source: WsTimestampSource): Promise<number> => {
    const { server, pass, of, clock } = await ready(source, { staleAfterMs: 100 })
    const startUs = clock.monoUs()
    server().hold()
    await pass(40)
    server().sendText('{"tick":1}')
    for (let ms = 41; ms <= 250 && of('stale').length === 0; ms++) await pass(1)
    return (clock.monoUs() - startUs) / 1000
  }

  it('is counted from the arrival, not from when somebody looked', async () => {
    expect(await silentAt('kernel')).toBe(140)
    expect(await silentAt('read')).toBe(200)
  })
})

it('a stall restarts the silence of the server, whose old beats do not bring it back', async () => {
  const isBeat = (frame: WsFrame): boolean => frame.text() === 'beat'
  const pingPong = new WsApplicationPingPong({ isBeat, serverPingWithinMs: 100 })
  const { clock, server, pass, of } = await ready('kernel', { pingPong })
  server().hold()
  await pass(10)
  server().sendText('beat')
  clock.block(1000)
  await pass(20)
  expect(of('stall')).toHaveLength(1)
  server().unhold()
  await pass(50)
  expect(of('stale')).toEqual([])
})

describe('a round trip', () => {
  const rtt = async (source: WsTimestampSource): Promise<number | undefined> => {
    const pingPong = new ProtocolPingPong({ intervalMs: 20, timeoutMs: 50 })
    let lastRttUs: number | undefined
    const onPong = (...args: Parameters<ProtocolPingPong['onPong']>): number | undefined => {
      lastRttUs = ProtocolPingPong.prototype.onPong.apply(pingPong, args)
      return lastRttUs
    }
    const { server, pass } = await ready(source, { pingPong: Object.assign(pingPong, { onPong }) })
    server().delay({ toClientMs: 5 })
    await pass(19)
    server().hold()
    await pass(1)
    await pass(50)
    return lastRttUs
  }

  it('does not contain what this thread was busy with', async () => {
    expect(await rtt('kernel')).toBe(5000)
    expect(await rtt('read')).toBe(50_000)
  })
})
