import { describe, expect, it } from 'vitest'
import { ConnectBudget } from '../../../src/reconnect/connect-budget.ts'
import { NoReconnect } from '../../../src/reconnect/exponential-backoff.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { healing, kinds } from '../front/healing-support.ts'
import { jsonHandler, mockActor, readyActor } from './support.ts'

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })
const refusing = (status: number) => (server: MockServerLink) => server.refuse({ status })

describe('what somebody should look at', () => {
  it.each([403, 451])(
    'is HTTP %i, which cools the whole host down for 10 to 15 minutes, and then is tried again',
    async (status) => {
      const connectBudget = new ConnectBudget({ limits: [{ connects: 100, perMs: 1 }] })
      const setup = mockActor({ connectBudget, reconnect: every(1) }, refusing(status))
      setup.actor.start()
      await setup.pass()
      const { of } = setup
      expect(setup.kinds()).toEqual(['connecting', 'disconnected', 'cooling-down', 'alarm', 'backoff'])
      expect(of('alarm')).toMatchObject([{ connection: 1, cause: { kind: 'handshake-failed', http: { status } } }])
      const [{ host, forMs } = { host: '', forMs: 0 }] = of('cooling-down')
      expect([host, forMs >= 600_000, forMs <= 900_000]).toEqual(['host.example', true, true])
      await setup.pass(forMs + 1)
      expect(of('connecting')).toHaveLength(2)
    },
  )

  it.each([429, 418])('is not HTTP %i, which cools the host down alone: 60 s, doubling to 15 min', async (status) => {
    const connectBudget = new ConnectBudget({ limits: [{ connects: 100, perMs: 1 }] })
    const { actor, pass, of } = mockActor({ connectBudget, reconnect: every(1) }, refusing(status))
    actor.start()
    await pass()
    for (let i = 1; i < 7; i++) await pass((of('cooling-down').at(-1)?.forMs as number) + 1)
    expect(of('cooling-down').map(({ forMs }) => forMs / 60_000)).toEqual([1, 2, 4, 8, 15, 15, 15])
    expect(of('alarm')).toEqual([])
  })

  it('is what the handler says', async () => {
    const { handler } = jsonHandler({ classifyDisconnect: () => ({ kind: 'backoff-reconnect', alarm: true }) })
    const { server, pass, of, hookErrors } = await readyActor({ handler, reconnect: every(1) })
    server().reset()
    await pass()
    expect([of('alarm').length, of('cooling-down').length, hookErrors.length]).toEqual([1, 0, 0])
  })

  it('is told by connect() behind the end that it is about, and before the gap', async () => {
    const { heard, server, pass, closed } = await healing()
    server().close(4005, 'too slow')
    await pass()
    expect(kinds(heard).slice(-3)).toEqual(['disconnected/1', 'alarm/1', 'gap/1'])
    await closed()
  })

  it('is not told where nothing comes after it: that it has ended says more', async () => {
    const gaveUp = { nextDelayMs: () => undefined, reset() {} }
    for (const reconnect of [gaveUp, false] as const) {
      const { heard, connection } = await healing({ reconnect }, refusing(403))
      const told: string[] = []
      for await (const { kind } of connection.status()) told.push(kind)
      await connection.closed()
      expect([told, heard.map(({ kind }) => kind)]).toEqual([['stopped'], ['disconnected']])
    }
    const { actor, pass, kinds } = mockActor(
      { reconnect: NoReconnect, connectBudget: new ConnectBudget() },
      refusing(403),
    )
    actor.start()
    await pass()
    expect(kinds()).toEqual(['connecting', 'disconnected', 'cooling-down', 'stopped'])
  })
})
