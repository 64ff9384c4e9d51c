import { describe, expect, it } from 'vitest'
import { stoppedByUser } from '../../../src/actor/causes.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import { ExponentialBackoff } from '../../../src/reconnect/exponential-backoff.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { type Json, jsonHandler, jsonSubscriptions, mockActor, readyActor, sentTo } from './support.ts'

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })

/** Answers every subscription message that it has not answered; `not` are rejected. */
function ack(server: MockServerLink, not: readonly string[] = []): void {
  const asked = sentTo(server).filter((json) => json['req'] !== undefined)
  for (const json of asked.slice(answered.get(server) ?? 0)) {
    const items = [...(json['sub'] as string[]), ...(json['unsub'] as string[])]
    const accepted = items.filter((item) => !not.includes(item))
    const rejected = items.filter((item) => not.includes(item)).map((item) => ({ item, code: '-1' }))
    server.sendText(JSON.stringify({ ack: json['req'], accepted, rejected }))
  }
  answered.set(server, asked.length)
}
const answered = new Map<MockServerLink, number>()
const subs = (server: MockServerLink): Json[] => sentTo(server).map(({ sub, unsub }) => ({ sub, unsub }))

describe('a delay of 0', () => {
  it('is at once, no time passing, and once only until a connection has proven healthy', async () => {
    const { actor, pass, server } = await readyActor({ reconnect: every(0), stableMs: 50 })
    server().reset()
    await pass()
    expect([actor.status, actor.connection]).toEqual(['ready', 2])
    server().reset()
    await pass()
    expect(actor.status).toBe('backoff')
    await pass(1)
    await pass()
    expect([actor.status, actor.connection]).toEqual(['ready', 3])
    server().sendText('{"data":1}')
    await pass(50)
    await pass()
    server().reset()
    await pass()
    expect([actor.status, actor.connection]).toEqual(['ready', 4])
  })

  it('is what immediateFirst gives', async () => {
    const reconnect = new ExponentialBackoff({ immediateFirst: true })
    const { actor, pass, server } = await readyActor({ reconnect })
    server().reset()
    await pass()
    expect([actor.status, actor.connection]).toEqual(['ready', 2])
    server().reset()
    await pass()
    expect(actor.status).toBe('backoff')
    actor.abandon(stoppedByUser())
  })
})

describe('the desired subscriptions survive', () => {
  const endings: Record<string, (setup: Awaited<ReturnType<typeof readyActor>>) => Promise<void>> = {
    'a remote close': async ({ server, pass }) => {
      server().close(1001, 'restart')
      await pass()
    },
    'a reset': async ({ server, pass }) => {
      server().reset()
      await pass()
    },
    'a ping that is not answered': async ({ server, pass }) => {
      server().answersPings = false
      await pass(150)
    },
    'a wish of our own': async ({ actor, pass }) => {
      actor.reconnect()
      await pass()
    },
  }
  it.each(Object.entries(endings))('%s, and refused connects after it', async (_, end) => {
    let refusals = 0
    const setup = mockActor(
      {
        handler: jsonHandler().handler,
        subscriptionManager: jsonSubscriptions(),
        subscriptions: ['a', 'b', 'c'],
        reconnect: every(20),
        pingPong: new ProtocolPingPong({ intervalMs: 100, timeoutMs: 50 }),
      },
      (server) => (refusals-- > 0 ? server.refuse({ status: 503 }) : server.accept()),
    )
    const { actor, pass, server, transport } = setup
    actor.start()
    await pass()
    ack(server())
    await pass()
    actor.unsubscribe(['b'])
    actor.subscribe(['d', 'a'])
    await pass()
    expect(subs(server()).slice(1)).toEqual([
      { sub: [], unsub: ['b'] },
      { sub: ['d'], unsub: [] },
    ])
    // Neither is answered before the end.
    refusals = 3
    await end(setup)
    // Changed while there is no connection.
    actor.subscribe(['e'])
    actor.unsubscribe(['a'])
    for (let i = 0; i < 10; i++) await pass(20)
    expect(actor.status).toBe('ready')
    expect(transport.servers).toHaveLength(5)
    // All of it, once, in the order in which it was desired.
    expect(subs(server())).toEqual([{ sub: ['c', 'd', 'e'], unsub: [] }])
    expect(actor.subscriptions().map(({ item, stage }) => `${item} ${stage}`)).toEqual(
      ['c', 'd', 'e'].map((item) => `${item} requested`),
    )
    ack(server())
    await pass()
    expect(actor.subscriptions().every(({ stage }) => stage === 'acked')).toBe(true)
    await Promise.all([actor.stop(), pass()])
  })
})

describe('subscriptions', () => {
  const options = {
    subscriptionManager: jsonSubscriptions(),
    subscriptions: ['a', 'b', 'c', 'd'],
    reconnect: every(20),
  }

  it('tells what was accepted and rejected; rejected ones do not loop, and can be asked for again', async () => {
    const { actor, server, pass, of } = await readyActor(options)
    ack(server(), ['c'])
    await pass(50)
    expect(of('subscription').map(({ item, state, code }) => [item, state, code])).toEqual([
      ['a', 'acked', undefined],
      ['b', 'acked', undefined],
      ['d', 'acked', undefined],
      ['c', 'rejected', '-1'],
    ])
    expect(subs(server())).toHaveLength(1)
    actor.subscribe(['c', 'a'])
    await pass()
    expect(subs(server())[1]).toEqual({ sub: ['c'], unsub: [] })
    ack(server())
    await pass()
    expect(actor.subscriptions().map(({ stage }) => stage)).toEqual(['acked', 'acked', 'acked', 'acked'])
  })

  it('cuts a batch that is refused as a whole in halves, until the guilty stand alone', async () => {
    const { actor, server, pass, of } = await readyActor(options)
    const done = new Set<unknown>()
    for (let round = 0; round < 6; round++) {
      for (const { req, sub } of sentTo(server())) {
        if (done.has(req)) continue
        done.add(req)
        const guilty = (sub as string[]).includes('c')
        server().sendText(
          JSON.stringify(guilty ? { ack: req, refused: { message: 'bad' } } : { ack: req, accepted: sub }),
        )
      }
      await pass()
    }
    expect(subs(server()).map(({ sub }) => sub)).toEqual([['a', 'b', 'c', 'd'], ['a', 'b'], ['c', 'd'], ['c'], ['d']])
    expect(of('subscription').filter(({ state }) => state === 'rejected')).toMatchObject([
      { item: 'c', message: 'bad' },
    ])
    expect(actor.subscriptions().map(({ stage }) => stage)).toEqual(['acked', 'acked', 'rejected', 'acked'])
  })

  it('gives a connection up that does not answer', async () => {
    const { server, pass, of } = await readyActor({ ...options, subscriptionTimeoutMs: 300 })
    server().sendText('{"ack":"nobody","accepted":["a"]}')
    await pass(299)
    expect(of('disconnected')).toEqual([])
    await pass(1)
    await pass()
    expect(of('subscription').map(({ state }) => state)).toEqual([
      'unanswered',
      'unanswered',
      'unanswered',
      'unanswered',
    ])
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'session-failed', code: 'ERR_SUBSCRIBE_TIMEOUT' })
  })

  it('without answers in the dialect, what is sent is acknowledged', async () => {
    const { maybeSubscriptionResponse: _, response: __, ...silent } = jsonSubscriptions()
    const { actor, server, pass } = await readyActor({ ...options, subscriptionManager: silent })
    expect(actor.subscriptions().map(({ stage }) => stage)).toEqual(['acked', 'acked', 'acked', 'acked'])
    await pass(60_000)
    expect([actor.status, subs(server()).length]).toEqual(['ready', 1])
  })

  it('are replayed on demand', async () => {
    const { actor, server, pass } = await readyActor(options)
    ack(server())
    await pass()
    expect(actor.replay()).toBe(true)
    await pass()
    expect(subs(server())).toEqual([0, 1].map(() => ({ sub: ['a', 'b', 'c', 'd'], unsub: [] })))
    server().reset()
    await pass()
    expect(actor.replay()).toBe(false)
  })

  it('need a manager, and items that are strings', async () => {
    const { actor } = await readyActor()
    expect(() => actor.subscribe(['a'])).toThrow(expect.objectContaining({ code: 'ERR_NO_SUBSCRIPTIONS' }))
    expect(() => actor.subscribe('a' as never)).toThrow(/subscribe.items/)
    expect(actor.subscriptions()).toEqual([])
  })

  it('a manager that fails is survived and told', async () => {
    const broken: [string, object][] = [
      [
        'subscriptionManager.initial',
        {
          initial: () => {
            throw new Error('x')
          },
        },
      ],
      ['subscriptionManager.initial', { initial: () => 'all' }],
      ['subscriptionManager.initial', { initial: () => [{ requestId: 7 }] }],
      ['subscriptionManager.response', { response: () => ({ ok: true }) }],
      [
        'subscriptionManager.response',
        {
          maybeSubscriptionResponse: () => {
            throw new Error('x')
          },
        },
      ],
    ]
    for (const [hook, overrides] of broken) {
      const { actor, server, pass, hookErrors } = await readyActor({
        ...options,
        subscriptionManager: jsonSubscriptions(overrides),
      })
      if (hook.endsWith('response')) server().sendText('{"ack":"x"}')
      await pass()
      // Without its subscriptions a connection is replaced; an answer that cannot be read costs none.
      expect([actor.status, hookErrors[0]?.hook]).toEqual([hook.endsWith('initial') ? 'backoff' : 'ready', hook])
    }
  })

  it('that do not fit the lane end the connection rather than leave holes', async () => {
    const many = Array.from({ length: 100 }, (_, i) => `topic-${i}`)
    const manager = jsonSubscriptions({
      initial: (items, nextId) =>
        items.map((item) => ({ requestId: nextId(), payload: item, subscribe: [item], unsubscribe: [] })),
    })
    const { pass, of } = await readyActor({
      ...options,
      subscriptionManager: manager,
      subscriptions: many,
      lanes: { normalBytes: 100 },
    })
    await pass()
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'session-failed', code: 'ERR_QUEUE_FULL' })
  })
})

describe('a connection that is of no use', () => {
  it('is not called ready once the peer has begun to leave and an ask has found out', async () => {
    const { actor, server, pass } = await readyActor({ handler: jsonHandler().handler, reconnect: every(100) })
    server().sendFrame(8, Uint8Array.of(0x03, 0xe8))
    await pass()
    const ask = { frame: '{"id":"q"}', requestId: 'q', confirmMode: 'sent', timeoutMs: 1000 } as const
    expect(await actor.ask(ask)).toMatchObject({ kind: 'not-delivered' })
    let ready = 0
    void actor.ready().then(() => ready++)
    await pass()
    expect(ready).toBe(0)
    server().end()
    await pass()
    await pass(100)
    await pass()
    expect(ready).toBe(1)
  })

  it('is not kept when its subscriptions cannot even be asked for', async () => {
    let broken = true
    const subscriptionManager = jsonSubscriptions({
      initial: (desired, nextId) => {
        if (broken) throw new Error('clumsy')
        const requestId = nextId()
        return [{ requestId, payload: JSON.stringify({ sub: desired }), subscribe: desired, unsubscribe: [] }]
      },
    })
    const { of, hookErrors, pass, actor } = await readyActor({
      subscriptionManager,
      subscriptions: ['a'],
      reconnect: every(100),
    })
    expect(hookErrors[0]?.hook).toBe('subscriptionManager.initial')
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'session-failed', code: 'ERR_SUBSCRIBE_FAILED' })
    broken = false
    await pass(100)
    await pass()
    expect([actor.status, actor.subscriptions()[0]?.stage]).toEqual(['ready', 'requested'])
  })
})
