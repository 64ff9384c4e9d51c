import { describe, expect, it } from 'vitest'
import { WebSocketActor } from '../../../src/actor/websocket-actor.ts'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { WsPacingOptions } from '../../../src/session/pacing.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import type { WsTransport } from '../../../src/transport/transport.ts'
import { follow, jsonHandler, jsonSubscriptions, mockActor, readyActor, sentTo, turn } from './support.ts'

const items = Array.from({ length: 12 }, (_, i) => `t${i}`)
/** One message per item. */
const oneByOne = jsonSubscriptions({
  initial: (desired, nextId) =>
    desired.map((item) => {
      const requestId = nextId()
      return { requestId, payload: JSON.stringify({ sub: [item], req: requestId }), subscribe: [item], unsubscribe: [] }
    }),
})

/** With no room kept for pongs, unless it is about them. */
async function paced(options: WsPacingOptions, subscriptions: readonly string[] = []) {
  const pacing = { pongFrames: 0, ...options }
  const { handler } = jsonHandler()
  const setup = await readyActor({
    handler,
    subscriptionManager: oneByOne,
    subscriptions,
    pacing,
    subscriptionTimeoutMs: 1500,
  })
  const sends: [atMs: number, what: string][] = []
  let seen = 0
  const look = (): void => {
    for (const frame of setup.server().frames.slice(seen)) {
      const json = frame.opcode === 1 ? (JSON.parse(frame.text()) as { sub?: string[]; req?: string; id?: string }) : {}
      sends.push([setup.clock.monoUs() / 1000, json.sub === undefined ? `${json.id ?? frame.opcode}` : 'sub'])
      if (json.req !== undefined) setup.server().sendText(JSON.stringify({ ack: json.req, accepted: json.sub }))
      seen++
    }
  }
  const run = async (ms: number): Promise<void> => {
    look()
    for (let passed = 0; passed < ms; passed += 50) {
      await setup.pass(50)
      look()
    }
  }
  return { ...setup, sends, run }
}

describe('pacing of an actor', () => {
  it('spreads the replay within its share, keeps the venue’s deadline per message, and ends with everything acknowledged', async () => {
    const { run, sends, actor } = await paced({ frames: 4, perMs: 1000 }, items)
    await run(8000)
    expect(sends).toHaveLength(12)
    const times = sends.map(([at]) => at)
    const spans = times.slice(2).map((at, i) => at - (times[i] as number))
    expect(Math.min(...spans)).toBeGreaterThanOrEqual(1000)
    expect(actor.status).toBe('ready')
    expect(actor.subscriptions().every(({ stage }) => stage === 'acked')).toBe(true)
  })

  // Seed 14 of the simulation.
  it('lets no ping of the user’s beyond the budget, and counts none that did not go', async () => {
    const { actor, sends, run } = await paced({ frames: 3, perMs: 1000 })
    const pings = [1, 2, 3, 4, 5].map(() => follow(actor.ping({ timeoutMs: 300 })))
    await run(100)
    expect(sends.map(([, what]) => what)).toEqual(['9', '9', '9'])
    expect(pings.map(({ value }) => value !== undefined)).toEqual([true, true, true, false, false])
    expect(pings[4]?.error).toMatchObject({ code: 'ERR_QUEUE_FULL' })
    await run(1000)
    follow(actor.ping({ timeoutMs: 300 }))
    await run(50)
    expect(sends).toHaveLength(4)
  })

  // Seed 104 of the simulation: the timer fired every ms, and each time took the delay for a stall of our own.
  it('waits for the link, not for time, when the budget has frames and the link has no room', async () => {
    const options = { pacing: { frames: 3, perMs: 100 }, silentAfterMs: 1000, limits: { maxLinkBytes: 100 } }
    const { actor, server, pass, of, kinds } = await readyActor(options)
    server().stall()
    for (let i = 0; i < 3; i++) actor.send('x'.repeat(80))
    for (let i = 0; i < 40; i++) await pass(50)
    expect(of('stall')).toEqual([])
    expect(kinds()).toContain('stale')
  })

  it('never lets the replay delay an ask or a send', async () => {
    const { run, sends, actor } = await paced({ frames: 4, perMs: 1000 }, items)
    await run(100)
    void actor.ask({ frame: '{"id":"a1"}', requestId: 'a1', confirmMode: 'sent', timeoutMs: 1000 })
    expect(actor.send('{"id":"s1"}')).toBe('taken')
    await run(50)
    expect(sends.map(([, what]) => what)).toEqual(['sub', 'sub', 'a1', 's1'])
  })

  it('queues what is beyond the budget, in order, and never exceeds it', async () => {
    const { run, sends, actor } = await paced({ frames: 3, perMs: 1000 })
    const results = Array.from({ length: 9 }, (_, i) => actor.send(JSON.stringify({ id: i })))
    expect(results).toEqual(['taken', 'taken', 'taken', ...Array(6).fill('queued')])
    await run(4000)
    expect(sends.map(([, what]) => what)).toEqual(Array.from({ length: 9 }, (_, i) => `${i}`))
    const times = sends.map(([at]) => at)
    expect(Math.min(...times.slice(3).map((at, i) => at - (times[i] as number)))).toBeGreaterThanOrEqual(1000)
  })

  it('fails at once what is beyond the budget, if it shall', async () => {
    const { actor, server, pass } = await paced({ frames: 2, perMs: 1000, whenOverBudget: 'not-delivered' })
    expect([1, 2, 3].map((id) => actor.send(JSON.stringify({ id })))).toEqual(['taken', 'taken', 'full'])
    const asked = follow(actor.ask({ frame: '{"id":"x"}', requestId: 'x', confirmMode: 'confirmed', timeoutMs: 5000 }))
    await pass(2000)
    expect(asked.value).toMatchObject({ kind: 'not-delivered', reason: 'queue-full', delivery: 'none' })
    expect(sentTo(server())).toHaveLength(2)
  })

  it('counts pongs, which leave at once', async () => {
    const { actor, server, pass } = await paced({ frames: 3, perMs: 1000 })
    for (let i = 0; i < 3; i++) server().sendPing()
    await pass()
    expect(actor.send('x')).toBe('queued')
    expect(server().frames.map(({ opcode }) => opcode)).toEqual([10, 10, 10])
    await pass(1000)
    expect(server().frames.at(-1)?.text()).toBe('x')
  })

  it('keeps room for the pong that may follow at any time', async () => {
    const { actor, server, pass } = await readyActor({ pacing: { frames: 5, perMs: 1000 } })
    expect(actor.sendBatch(['1', '2', '3', '4', '5', '6'])).toBe(6)
    await pass(10)
    expect(server().frames).toHaveLength(4)
    server().sendPing()
    await pass(989)
    expect(server().frames.map(({ opcode }) => opcode)).toEqual([1, 1, 1, 1, 10])
    await pass(1)
    expect(server().frames).toHaveLength(7)
  })

  it('counts pongs that have left, though nobody has told of the ping yet', async () => {
    let transport: MockTransport | undefined
    const deaf: WsTransport = {
      name: 'deaf',
      connect: (request, events) => (transport as MockTransport).connect(request, { ...events, onPing: () => {} }),
    }
    transport = new MockTransport({ onConnect: (server) => server.accept() })
    const clock = new VirtualClock()
    const pacing = { frames: 4, perMs: 1000, pongFrames: 0 }
    const actor = new WebSocketActor({
      url: 'ws://host.example/',
      transport: deaf,
      clock,
      connectBudget: false,
      pacing,
    })
    actor.start()
    await turn()
    clock.advance(0)
    const [server] = transport.servers
    for (let i = 0; i < 3; i++) server?.sendPing()
    clock.advance(0)
    expect(server?.frames).toHaveLength(3)
    expect([actor.send('1'), actor.send('2')]).toEqual(['taken', 'queued'])
    clock.advance(1000)
    expect(server?.frames).toHaveLength(5)
    void actor.stop({ timeoutMs: 0 })
    clock.advance(1000)
  })

  it('goes at half the pace on the connection after a 1008, until one has proven healthy', async () => {
    const { actor, server, pass } = await paced({ frames: 1, perMs: 1000 })
    server().close(1008, 'too many requests')
    await pass()
    await pass(40_000)
    await pass()
    expect(actor.status).toBe('ready')
    expect([actor.send('1'), actor.send('2')]).toEqual(['taken', 'queued'])
    await pass(1500)
    expect(server().frames.filter(({ opcode }) => opcode === 1)).toHaveLength(1)
    await pass(500)
    expect(server().frames.filter(({ opcode }) => opcode === 1)).toHaveLength(2)
    server().sendText('{"data":1}')
    await pass()
    await pass(10_000)
    await pass(2000)
    expect([actor.send('3'), actor.send('4')]).toEqual(['taken', 'queued'])
    await pass(1000)
    expect(server().frames.filter(({ opcode }) => opcode === 1)).toHaveLength(4)
  })

  it('sends what users queued before CLOSE, and not its own rest', async () => {
    const { actor, server, pass, sends, run } = await paced({ frames: 2, perMs: 100 }, items)
    await run(50)
    expect(actor.send('{"id":"mine"}')).toBe('taken')
    const stopped = actor.stop({ timeoutMs: 1000 })
    await pass(500)
    server().close(1000)
    await pass()
    await stopped
    expect(sends.filter(([, what]) => what === 'sub').length).toBeLessThan(12)
  })

  it('refuses what is beyond the budget from inside a callback as well, be it sent or asked', async () => {
    const said: unknown[] = []
    const { actor, server, pass } = await readyActor({
      handler: jsonHandler({
        handleMessage: () => {
          said.push(actor.send('{"id":"s1"}'), actor.send('{"id":"s2"}'))
          for (const id of ['a1', 'a2']) {
            const request = { frame: `{"id":"${id}"}`, requestId: id, confirmMode: 'sent', timeoutMs: 9000 } as const
            void actor.ask(request).then((outcome) => said.push(outcome.kind))
          }
          said.push(actor.send('{"id":"s3"}'))
        },
      }).handler,
      pacing: { frames: 3, perMs: 1000, pongFrames: 0, whenOverBudget: 'not-delivered' },
    })
    server().sendText('{}')
    await pass()
    await pass(5000)
    expect(said.slice(0, 3)).toEqual(['queued', 'queued', 'full'])
    expect(said.slice(3).sort()).toEqual(['not-delivered', 'sent'])
    expect(sentTo(server()).map(({ id }) => id)).toEqual(['s1', 's2', 'a1'])
  })

  it('lets the head of a batch go at once, of which the rest waits', async () => {
    const { actor, server, pass } = await paced({ frames: 2, perMs: 1000 })
    expect(actor.sendBatch(['{"id":1}', '{"id":2}', '{"id":3}'])).toBe(3)
    await pass()
    expect(sentTo(server())).toHaveLength(2)
    await pass(1000)
    expect(sentTo(server())).toHaveLength(3)
  })

  it('sends what a handler has queued outside of a callback when the budget has a frame', async () => {
    const { server, pass, actor } = await readyActor({
      handler: jsonHandler({
        authenticate: async (session) => {
          await undefined
          for (const id of [1, 2]) session.send(JSON.stringify({ id }))
          await new Promise((resolve) => session.signal.addEventListener('abort', resolve))
        },
      }).handler,
      pacing: { frames: 1, perMs: 1000 },
    })
    expect([actor.status, sentTo(server()).length]).toEqual(['opening', 1])
    await pass(1000)
    expect(sentTo(server())).toHaveLength(2)
  })

  it('does not wake up for a budget that has frames while it is the link that is full', async () => {
    const { actor, server, clock, pass } = await readyActor({ pacing: { frames: 100, perMs: 1000 } })
    server().takeBytes(0)
    while (actor.send('x'.repeat(60_000)) !== 'queued');
    let timers = 0
    const setTimer = clock.setTimer.bind(clock)
    clock.setTimer = (...args) => {
      timers++
      return setTimer(...args)
    }
    await pass(1000)
    expect(timers).toBeLessThan(5)
    server().takeBytes(Infinity)
    await pass()
    await pass(1000)
    expect(actor.stats().queuedBytes).toBe(0)
  })

  it('sends heartbeats before the rest of a replay, in data frames and as control pings', async () => {
    const json = new WsApplicationPingPong({
      answerPing: (frame) => (frame.text().startsWith('{"ping"') ? '{"pong":1}' : undefined),
    })
    const many = Array.from({ length: 40 }, (_, i) => `t${i}`)
    const options = { subscriptionManager: oneByOne, subscriptions: many, subscriptionTimeoutMs: 60_000 }
    const { handler } = jsonHandler()
    const one = await readyActor({
      ...options,
      handler,
      pingPong: json,
      pacing: { frames: 2, perMs: 1000, pongFrames: 0, ownFrames: 2 },
    })
    one.server().sendText('{"ping":1}')
    await one.pass()
    await one.pass(1000)
    expect(sentTo(one.server()).slice(0, 3)).toMatchObject([{ sub: ['t0'] }, { sub: ['t1'] }, { pong: 1 }])

    const pingPong = new ProtocolPingPong({ intervalMs: 2500, timeoutMs: 60_000 })
    const two = await readyActor({
      ...options,
      handler,
      pingPong,
      pacing: { frames: 2, perMs: 1000, pongFrames: 0, ownFrames: 2 },
    })
    for (let ms = 0; ms < 5000; ms += 50) await two.pass(50)
    expect(two.server().frames.filter(({ opcode }) => opcode === 9)).toHaveLength(1)
    expect(sentTo(two.server()).length).toBeGreaterThan(6)
  })

  it('lets a control ping not overtake the answer to a heartbeat of the server', async () => {
    const pingPong = new ProtocolPingPong({ intervalMs: 100, timeoutMs: 60_000 })
    const both = Object.assign(pingPong, {
      onFrame: (_: unknown, link: { send(payload: string): boolean }) => {
        link.send('{"pong":1}')
        return { kind: 'heartbeat' } as const
      },
    })
    const { server, pass } = await readyActor({ pingPong: both, pacing: { frames: 1, perMs: 100 } })
    await pass(100)
    await pass()
    server().sendText('{"ping":1}')
    await pass()
    for (let ms = 0; ms < 300; ms += 10) await pass(10)
    expect(
      server()
        .frames.map(({ opcode }) => opcode)
        .slice(0, 3),
    ).toEqual([9, 1, 9])
  })

  it('keeps an urgent answer of the handler until the budget has a frame, whatever it does to others', async () => {
    const said: string[] = []
    const { server, pass } = await readyActor({
      handler: jsonHandler({
        handleMessage: (_, session) => {
          said.push(session.send('{"n":1}'), session.send('{"n":2}'), session.send('{"pong":1}', { urgent: true }))
        },
      }).handler,
      pacing: { frames: 1, perMs: 1000, whenOverBudget: 'not-delivered' },
    })
    server().sendText('{}')
    await pass()
    await pass(1000)
    expect(said).toEqual(['queued', 'full', 'queued'])
    expect(sentTo(server())).toEqual([{ pong: 1 }, { n: 1 }])
  })

  it('lets a login wait for the budget, whatever it does to others', async () => {
    const outcomes: string[] = []
    const { server, pass, actor } = await readyActor({
      handler: jsonHandler({
        authenticate: async (session) => {
          session.send('{"n":1}')
          const ask = { frame: '{"id":"login"}', requestId: 'login', confirmMode: 'sent', timeoutMs: 5000 } as const
          outcomes.push((await session.ask(ask)).kind)
        },
      }).handler,
      pacing: { frames: 1, perMs: 1000, whenOverBudget: 'not-delivered' },
    })
    await pass(1000)
    await pass(10)
    await pass()
    expect([outcomes, sentTo(server()).length, actor.status]).toEqual([['sent'], 2, 'ready'])
  })

  it('refuses a ping of the user for which the budget has no frame', async () => {
    const { actor, server, pass } = await paced({ frames: 1, perMs: 1000 })
    actor.send('{"id":1}')
    await expect(actor.ping()).rejects.toMatchObject({ code: 'ERR_QUEUE_FULL' })
    await pass(1000)
    void actor.ping().catch(() => {})
    await pass()
    expect(server().frames.map(({ opcode }) => opcode)).toEqual([1, 9])
  })

  it('names what is wrong with it', () => {
    expect(() => mockActor({ pacing: { frames: 0, ownFrames: 5 } as never })).toThrow(
      /pacing\.perMs[\s\S]*pacing\.frames[\s\S]*pacing\.ownFrames/,
    )
  })
})
