import { describe, expect, it } from 'vitest'
import { WsCircuitBreaker } from '../../../src/reconnect/circuit-breaker.ts'
import { ConnectBudget } from '../../../src/reconnect/connect-budget.ts'
import { ExponentialBackoff, NoReconnect } from '../../../src/reconnect/exponential-backoff.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { mockActor } from './support.ts'

const refuse =
  (status: number, headers: [string, string][] = []) =>
  (server: MockServerLink): void =>
    server.refuse({ status, statusText: 'no', headers })

const oneASecond = () => new ConnectBudget({ limits: [{ connects: 1, perMs: 1000 }] })
/** As if none were given: `mockActor` switches it off. */
const DEFAULT_BUDGET = { connectBudget: undefined } as unknown as { connectBudget: ConnectBudget }
const quick = new ExponentialBackoff({ baseMs: 1, maxMs: 1 })

describe('the connect budget of an actor', () => {
  it('is shared: the second actor waits its turn, says so once, and then connects', async () => {
    const connectBudget = oneASecond()
    const first = mockActor({ connectBudget })
    first.actor.start()
    await first.pass()
    const second = mockActor({ connectBudget })
    second.actor.start()
    await second.pass()
    expect([first.transport.servers.length, second.transport.servers.length]).toEqual([1, 0])
    expect(second.of('held')).toMatchObject([{ why: 'connect-budget', host: 'host.example', delayMs: 1000 }])
    await second.pass(1000)
    expect([second.transport.servers.length, second.actor.status]).toEqual([1, 'ready'])
    expect(second.of('held')).toHaveLength(1)
  })

  it('holds reconnects as well, whatever the strategy says', async () => {
    const { actor, transport, pass } = mockActor({ connectBudget: oneASecond(), reconnect: quick }, refuse(500))
    actor.start()
    for (let i = 0; i < 100; i++) await pass(100)
    expect(transport.servers.length).toBeGreaterThanOrEqual(9)
    expect(transport.servers.length).toBeLessThanOrEqual(11)
  })

  it('is asked for the host that a function of the url gave, and the function again after a wait', async () => {
    const connectBudget = oneASecond()
    const now = mockActor().clock.monoUs()
    connectBudget.claim('b.example', now)
    let asked = 0
    const setup = mockActor({ connectBudget, url: () => `ws://b.example/?token=${++asked}` })
    setup.actor.start()
    await setup.pass()
    expect([asked, setup.transport.servers.length, setup.of('held').length]).toEqual([1, 0, 1])
    await setup.pass(1000)
    await setup.pass()
    expect([asked, setup.transport.servers.length, setup.actor.status]).toEqual([2, 1, 'ready'])
  })

  it.each([
    [429, [['Retry-After', '7']], 7000],
    [429, [], 60_000],
    [418, [], 60_000],
    [403, [], 'in 10 to 15 min'],
    [451, [], 'in 10 to 15 min'],
  ] as [number, [string, string][], number | string][])(
    '%i %j keeps every actor that shares it away from the host, one that has a single attempt included',
    async (status, headers, ms) => {
      const connectBudget = new ConnectBudget()
      const refused = mockActor({ connectBudget, reconnect: NoReconnect }, refuse(status, headers))
      refused.actor.start()
      await refused.pass()
      expect(refused.actor.status).toBe('stopped')
      const other = mockActor({ connectBudget })
      other.actor.start()
      await other.pass()
      const [{ why, delayMs } = { why: '', delayMs: 0 }] = other.of('held')
      expect(why).toBe('cool-down')
      if (typeof ms === 'number') expect(delayMs).toBe(ms)
      else expect(delayMs > 600_000 && delayMs < 900_000 && delayMs !== 750_000, `${delayMs}`).toBe(true)
      await other.pass(delayMs - 1)
      expect(other.transport.servers).toHaveLength(0)
      await other.pass(1)
      expect(other.transport.servers).toHaveLength(1)
    },
  )

  it('waits neither longer nor shorter for somebody setting the wall clock', async () => {
    for (const setByMs of [-3_600_000, 3_600_000]) {
      const connectBudget = new ConnectBudget()
      const refused = mockActor({ connectBudget, reconnect: NoReconnect }, refuse(429, [['Retry-After', '7']]))
      refused.actor.start()
      await refused.pass()
      const other = mockActor({ connectBudget })
      other.clock.epochUs = () => 1_577_836_800_000_000 + setByMs * 1000
      other.actor.start()
      await other.pass(6999)
      expect(other.of('held')).toMatchObject([{ why: 'cool-down', delayMs: 7000 }])
      expect(other.transport.servers).toHaveLength(0)
      await other.pass(1)
      expect(other.transport.servers).toHaveLength(1)
    }
  })

  // Seed 14 of the simulation: six connects within an interval that five may have.
  it('counts a connect when it begins, not before the function of the url has taken its time', async () => {
    const connectBudget = oneASecond()
    const setup = mockActor({
      connectBudget,
      reconnect: quick,
      url: async () => {
        await new Promise<void>((resolve) => setup.clock.setTimer(700, resolve))
        return 'ws://host.example/'
      },
    })
    setup.actor.start()
    await setup.pass(700)
    expect(connectBudget.ask('host.example', setup.clock.monoUs())).toMatchObject({ waitMs: 1000 })
    expect(setup.transport.servers).toHaveLength(1)
    await setup.pass()
    setup.server().reset()
    for (let i = 0; i < 99; i++) await setup.pass(10)
    expect(setup.transport.servers).toHaveLength(1)
    for (let i = 0; i < 75; i++) await setup.pass(10)
    expect(setup.transport.servers).toHaveLength(2)
  })

  it('does not connect when it is stopped at the very moment at which its wait is over', async () => {
    const connectBudget = oneASecond()
    const { actor, clock, pass, transport } = mockActor({ connectBudget })
    connectBudget.claim('host.example', clock.monoUs())
    actor.start()
    await pass()
    clock.advance(1000)
    const stopped = actor.stop()
    await pass()
    await pass()
    expect((await stopped).cause.code).toBe('LOCAL_CLOSE')
    expect([clock.pendingTimers, transport.servers.length]).toEqual([0, 0])
  })

  it('leaves nothing behind when an actor is stopped while it waits', async () => {
    const connectBudget = oneASecond()
    const { actor, clock, pass } = mockActor({ connectBudget })
    connectBudget.claim('host.example', clock.monoUs())
    actor.start()
    await pass()
    const stopped = actor.stop()
    await pass()
    expect((await stopped).cause.code).toBe('LOCAL_CLOSE')
    expect([clock.pendingTimers, actor.status]).toEqual([0, 'stopped'])
  })

  it('spares this machine, unless it is given explicitly', async () => {
    for (const url of ['ws://127.0.0.1/', 'ws://[::1]/', 'ws://localhost/', 'ws://a.localhost/']) {
      const { actor, transport, pass } = mockActor({ url, ...DEFAULT_BUDGET, reconnect: quick }, refuse(500))
      actor.start()
      for (let i = 0; i < 50; i++) await pass(2)
      expect(transport.servers.length, url).toBeGreaterThan(20)
    }
  })

  it('is on by default for all else', async () => {
    const setup = mockActor({ ...DEFAULT_BUDGET, reconnect: quick }, refuse(500))
    setup.actor.start()
    for (let i = 0; i < 50; i++) await setup.pass(2)
    expect(setup.transport.servers).toHaveLength(3)
    expect(setup.of('held').at(-1)).toMatchObject({ why: 'connect-budget' })
  })
})

describe('the circuit breaker of an actor', () => {
  it('opens for all who share it, lets one through after a while, and closes when that proves healthy', async () => {
    const circuitBreaker = new WsCircuitBreaker({ failures: 3, windowMs: 60_000, openMs: 5000 })
    let down = true
    const setup = mockActor({ circuitBreaker, reconnect: quick, stableMs: 1000 }, (server) =>
      down ? refuse(503)(server) : server.accept(),
    )
    setup.actor.start()
    for (let i = 0; i < 50; i++) await setup.pass(10)
    expect(setup.transport.servers).toHaveLength(3)
    expect(setup.of('held')).toMatchObject([{ why: 'circuit-open' }])
    expect(circuitBreaker.state(setup.clock.monoUs())).toBe('open')
    down = false
    await setup.pass(5000)
    await setup.pass()
    expect([setup.transport.servers.length, setup.actor.status]).toEqual([4, 'ready'])
    expect(circuitBreaker.state(setup.clock.monoUs())).toBe('half-open')
    setup.server().sendText('{"data":1}')
    await setup.pass()
    await setup.pass(1000)
    expect(circuitBreaker.state(setup.clock.monoUs())).toBe('closed')
  })

  it('does not count what we wanted ourselves', async () => {
    const circuitBreaker = new WsCircuitBreaker({ failures: 1, openMs: 5000 })
    const { actor, clock, pass } = mockActor({ circuitBreaker })
    actor.start()
    await pass()
    actor.reconnect()
    await pass()
    expect([actor.status, circuitBreaker.state(clock.monoUs())]).toEqual(['ready', 'closed'])
  })

  it('does not count what a connection dies of that had proven healthy, but one that had not', async () => {
    const circuitBreaker = new WsCircuitBreaker({ failures: 1, openMs: 5000 })
    const { actor, clock, pass, server } = mockActor({ circuitBreaker, stableMs: 1000 })
    actor.start()
    await pass()
    server().sendText('{"data":1}')
    await pass()
    await pass(1000)
    server().reset()
    await pass()
    expect(circuitBreaker.state(clock.monoUs())).toBe('closed')
    await pass(1000)
    await pass()
    expect(actor.status).toBe('ready')
    server().reset()
    await pass()
    expect(circuitBreaker.state(clock.monoUs())).toBe('open')
  })

  it('lets those who wait in as soon as it has closed', async () => {
    const circuitBreaker = new WsCircuitBreaker({ failures: 1, openMs: 60_000 })
    const { actor, pass, transport } = mockActor({ circuitBreaker })
    circuitBreaker.failed(0)
    actor.start()
    await pass(5000)
    expect(transport.servers).toHaveLength(0)
    circuitBreaker.succeeded()
    await pass(1000)
    expect(transport.servers).toHaveLength(1)
  })
})
