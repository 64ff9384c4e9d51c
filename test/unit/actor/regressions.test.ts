import { describe, expect, it } from 'vitest'
import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import { WebSocketActor } from '../../../src/actor/websocket-actor.ts'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { WsDelegatedRequest } from '../../../src/requests/delegated-request.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import {
  BlockingClock,
  follow,
  type Json,
  jsonHandler,
  jsonSubscriptions,
  randomFrom,
  readyActor,
  sentTo,
  turn,
} from './support.ts'

// What the simulation found, each reduced to the least that shows it. The seed is the one that it was found with.

const ask = (n: string, timeoutMs: number): WsDelegatedRequest => ({
  requestId: n,
  frame: JSON.stringify({ id: n }),
  confirmMode: 'confirmed',
  timeoutMs,
})

async function blocking(handleMessage: (message: Json) => void, options: Partial<WebSocketActorOptions<Json>> = {}) {
  const clock = new BlockingClock()
  const transport = new MockTransport()
  const { handler } = jsonHandler({ handleMessage })
  const actor = new WebSocketActor<Json>({
    url: 'ws://host.example/',
    handler,
    clock,
    transport,
    random: randomFrom(1),
    ...options,
  })
  const pass = async (ms = 0): Promise<void> => {
    await turn()
    clock.advance(ms)
    await turn()
  }
  actor.start()
  await pass()
  await pass()
  const [server] = transport.servers
  if (server === undefined) throw new Error('there is no server')
  return { actor, clock, server, pass }
}

describe('found by simulation', () => {
  it('seed 149: user code that blocks while the link is drained outruns no deadline', async () => {
    const { actor, clock, server, pass } = await blocking((message) => {
      if (message['slow'] === undefined) return
      clock.block(20)
      server.sendText('{"id":"b","result":1}')
      clock.block(80)
    })
    const a = follow(actor.ask(ask('a', 100)))
    const b = follow(actor.ask(ask('b', 150)))
    server.hold()
    server.sendText('{"slow":1}')
    await pass(100)
    expect(a.value?.kind).toBe('unconfirmed')
    expect(b.value).toMatchObject({ kind: 'confirmed', late: true })
  })

  it('seed 1: an ask from inside a hook has its deadline from the call, not from the end of the hook', async () => {
    const outcomes: ReturnType<typeof follow>[] = []
    const { actor, clock, server, pass } = await blocking(() => {
      outcomes.push(follow(actor.ask(ask('late', 50))), follow(actor.ask({ ...ask('unsent', 500), sendWithinMs: 20 })))
      outcomes.push(follow(actor.ask(ask('in time', 500))))
      clock.block(60)
    })
    server.sendText('{"n":1}')
    await pass()
    await pass()
    expect(outcomes.slice(0, 2).map(({ value }) => value)).toMatchObject([
      { kind: 'not-delivered', reason: 'deadline', delivery: 'none' },
      { kind: 'not-delivered', reason: 'expired-unsent', delivery: 'none' },
    ])
    expect(sentTo(server)).toEqual([{ id: 'in time' }])
    await pass(440)
    expect(outcomes[2]?.value).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
  })

  it('seed 144: what is given up while it authenticates, and had been asked for, is unsubscribed', async () => {
    let authenticated = (): void => {}
    const { handler } = jsonHandler({
      authenticate: () =>
        new Promise((resolve) => {
          authenticated = resolve
        }),
    })
    const { actor, server, pass } = await readyActor({
      handler,
      subscriptionManager: jsonSubscriptions({ requiresAuth: (item) => item.startsWith('my') }),
      subscriptions: ['a', 'b', 'my orders', 'my fills'],
    })
    actor.unsubscribe(['b', 'my fills'])
    actor.subscribe(['c', 'my balance'])
    authenticated()
    await pass()
    const changes = sentTo(server()).map(({ sub, unsub }) => ({ sub, unsub }))
    expect(changes).toEqual([
      { sub: ['a', 'b'], unsub: [] },
      { sub: [], unsub: ['b'] },
      { sub: ['my orders', 'my balance'], unsub: [] },
      { sub: ['c'], unsub: [] },
    ])
  })

  it('seed 105: a stopped actor tells of nothing that is done to it afterwards', async () => {
    const { actor, heard, kinds, pass } = await readyActor()
    const stopping = actor.stop()
    for (let i = 0; i < 3; i++) await pass(1)
    await stopping
    const told = kinds()
    expect(told.at(-1)).toBe('stopped')
    actor.pauseReading()
    actor.resumeReading()
    actor.reconnect()
    expect(heard).toHaveLength(told.length)
  })
})

describe('found by review', () => {
  it('does not send late, after a stall of ours, what waited for the budget and whose time to be sent has passed', async () => {
    const { actor, clock, server, pass } = await blocking(() => {}, { pacing: { frames: 1, perMs: 100 } })
    actor.send('{"id":"first"}')
    const late = follow(actor.ask({ ...ask('late', 5000), sendWithinMs: 50 }))
    const inTime = follow(actor.ask(ask('in-time', 5000)))
    // Our thread is away, and then reads before any timer has its turn.
    clock.block(2000)
    server.sendText('{"id":"none"}')
    await pass()
    expect(sentTo(server).map(({ id }) => id)).toEqual(['first', 'in-time'])
    await pass(2000)
    expect(late.value).toMatchObject({ kind: 'not-delivered', reason: 'expired-unsent', delivery: 'none' })
    expect(inTime.value).toBeUndefined()
    expect(sentTo(server)).toHaveLength(2)
  })

  it('finds no topic silent whose data lies unread, because user code blocked while the link was drained', async () => {
    const silent: string[] = []
    const { actor, clock, server, pass } = await blocking(
      (message) => {
        if (message['slow'] === undefined) return
        server.sendText('{"topic":"a"}')
        clock.block(500)
      },
      {
        subscriptionManager: jsonSubscriptions(),
        subscriptions: ['a'],
        topics: { topicOf: (frame) => (frame.json() as { topic?: string }).topic, silentAfterMs: 1000 },
        onStatus: (event) => {
          if (event.kind === 'topic-silent') silent.push(event.topic)
        },
      },
    )
    const [{ req } = {}] = sentTo(server)
    server.sendText(JSON.stringify({ ack: req, accepted: ['a'] }))
    await pass()
    void actor.ask(ask('x', 900))
    await pass(800)
    server.hold()
    server.sendText('{"slow":1}')
    await pass(100)
    await pass(100)
    expect(silent).toEqual([])
  })

  it('sends at once what is asked from inside the callback that hears `resumed`', async () => {
    const { handler } = jsonHandler()
    const asked: unknown[] = []
    const { actor, server, pass } = await readyActor({
      handler,
      onStatus: (event) => {
        if (event.kind === 'resumed') asked.push(follow(actor.ask(ask('now', 5000))), actor.send('{"id":"too"}'))
      },
    })
    server().end()
    await pass()
    await pass(1000)
    await pass()
    server().sendText('{}')
    await pass()
    expect(asked).toHaveLength(2)
    expect(sentTo(server()).map(({ id }) => id)).toEqual(['now', 'too'])
  })
})

describe('a ping-pong strategy that throws when it has seen the answer (seed 70215)', () => {
  const timing = { intervalMs: 100, timeoutMs: 300 }
  class ClumsyText extends WsApplicationPingPong {
    override onFrame(...args: Parameters<WsApplicationPingPong['onFrame']>) {
      if (super.onFrame(...args) !== undefined) throw new Error('clumsy')
      return undefined
    }
  }
  class ClumsyControl extends ProtocolPingPong {
    override onPong(...args: Parameters<ProtocolPingPong['onPong']>) {
      if (super.onPong(...args) !== undefined) throw new Error('clumsy')
      return undefined
    }
  }
  it.each([
    ['text', new ClumsyText({ ...timing, ping: () => 'ping', isPong: (frame) => frame.text() === 'pong' })],
    ['control', new ClumsyControl(timing)],
  ])('is asked at once when it is due next (%s)', async (_, pingPong) => {
    const { server, pass, hookErrors } = await readyActor({ pingPong })
    const pings = () => server().frames.filter(({ opcode, payload }) => opcode === 9 || payload.toString() === 'ping')
    await pass(110)
    expect(pings()).toHaveLength(1)
    if (pings()[0]?.opcode === 9) server().sendPong(pings()[0]?.payload)
    else server().sendText('pong')
    await pass()
    expect(hookErrors).toHaveLength(1)
    await pass(110)
    expect(pings()).toHaveLength(2)
  })
})
