import { describe, expect, it } from 'vitest'
import { WsLatencyPolicy } from '../../../src/health/latency-policy.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { WsTopicWatchOptions } from '../../../src/health/topic-watch.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

type Way = 'topicOf' | 'plan'

/** Who watches topics: JavaScript on each frame, or the transport. The verdicts are the same. */
const topics = (way: Way, options: Partial<WsTopicWatchOptions> = {}) => ({
  topics: {
    ...(way === 'plan' ? {} : { topicOf: (frame: WsFrame) => (frame.json() as { topic?: string }).topic }),
    silentAfterMs: 1000,
    resubscribeEveryMs: 2000,
    ...options,
  },
  ...(way === 'plan' ? { plan: { topic: '{topic}' } } : {}),
})

/** Answers every subscription message. */
function ack(server: MockServerLink): void {
  for (const { req, sub, unsub } of sentTo(server) as { req?: string; sub?: string[]; unsub?: string[] }[]) {
    if (req === undefined || acked.has(`${server}${req}`)) continue
    acked.add(`${server}${req}`)
    server.sendText(JSON.stringify({ ack: req, accepted: [...(sub ?? []), ...(unsub ?? [])] }))
  }
}
let acked = new Set<string>()

async function watched(
  way: Way,
  options: Partial<WsTopicWatchOptions> = {},
  overrides: Parameters<typeof jsonHandler>[0] = {},
) {
  acked = new Set()
  const { handler } = jsonHandler(overrides)
  const setup = await readyActor({
    handler,
    subscriptionManager: jsonSubscriptions(),
    subscriptions: ['a', 'b'],
    ...topics(way, options),
    staleAfterMs: 60_000,
  })
  ack(setup.server())
  await setup.pass()
  const data = (topic: string): void => setup.server().sendText(JSON.stringify({ topic }))
  return { ...setup, data }
}

describe.each(['topicOf', 'plan'] as const)('topics of an actor, by %s', (way) => {
  it('reports a silent one with a gap of its own, asks for it anew, and says when it is back; the connection goes on', async () => {
    const { pass, data, of, server, actor, transport } = await watched(way)
    for (let i = 0; i < 12; i++) {
      data('a')
      if (i < 2) data('b')
      await pass(100)
    }
    const stages = () => actor.subscriptions().map(({ item, stage }) => `${item} ${stage}`)
    expect(of('topic-silent')).toMatchObject([{ topic: 'b', silentForMs: 1000, connection: 1 }])
    expect(of('gap')).toMatchObject([{ scope: 'topic', key: 'b', cause: { kind: 'topic-silent' } }])
    const sent = sentTo(server()).slice(1)
    expect(sent).toMatchObject([
      { sub: [], unsub: ['b'] },
      { sub: ['b'], unsub: [] },
    ])
    expect(stages()).toEqual(['a acked', 'b requested'])
    ack(server())
    await pass()
    expect(stages()).toEqual(['a acked', 'b stale'])
    data('b')
    await pass()
    expect(stages()).toEqual(['a acked', 'b acked'])
    expect(of('resumed')).toMatchObject([{ key: 'b', connection: 1 }])
    expect([actor.status, transport.servers.length]).toEqual(['ready', 1])
  })

  it('replaces the connection when asking anew does not help, and each topic resumes for itself', async () => {
    const { pass, data, of, server, transport } = await watched(way, { reconnectAfter: 1 })
    for (let i = 0; i < 40 && transport.servers.length === 1; i++) {
      data('a')
      ack(server())
      await pass(100)
    }
    expect(of('disconnected')).toMatchObject([{ cause: { kind: 'topic-silent', topic: 'b' } }])
    await pass(600)
    await pass()
    ack(server())
    await pass()
    data('b')
    await pass()
    data('a')
    await pass()
    const resumed = of('resumed').map(({ key }) => key)
    expect(resumed.filter((key) => key !== undefined)).toEqual(['b', 'a'])
    expect(resumed.filter((key) => key === undefined)).toHaveLength(1)
  })

  it('does not wait for what was never acknowledged, nor for what nobody wants any more', async () => {
    const setup = await readyActor({
      handler: jsonHandler().handler,
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
      ...topics(way),
    })
    await setup.pass(3000)
    expect(setup.of('topic-silent')).toEqual([])
    ack(setup.server())
    await setup.pass()
    setup.actor.unsubscribe(['a'])
    await setup.pass(3000)
    expect(setup.of('topic-silent')).toEqual([])
  })

  it('replaces the connection although the venue refuses to take off what it has lost', async () => {
    const { pass, data, of, server, transport, actor } = await watched(way, { reconnectAfter: 1 })
    const answered = new Set<string>()
    for (let i = 0; i < 60 && transport.servers.length === 1; i++) {
      data('a')
      for (const { req, sub, unsub } of sentTo(server()) as { req: string; sub: string[]; unsub: string[] }[]) {
        if (acked.has(`${server()}${req}`) || answered.has(req)) continue
        answered.add(req)
        const rejected = unsub.map((item) => ({ item, code: 'not-subscribed' }))
        server().sendText(JSON.stringify({ ack: req, accepted: sub, rejected }))
      }
      await pass(100)
    }
    expect(of('topic-silent')).toHaveLength(1)
    expect(of('disconnected')).toMatchObject([{ cause: { kind: 'topic-silent', topic: 'b' } }])
    expect(actor.subscriptions().map(({ stage }) => stage)).not.toContain('rejected')
  })

  it('watches the next connection although reading was paused when the last one ended', async () => {
    const classifyDisconnect = () => ({ kind: 'backoff-reconnect', minDelayMs: 1000 }) as const
    const { pass, of, server, actor } = await watched(way, {}, { classifyDisconnect })
    actor.pauseReading()
    actor.reconnect()
    await pass()
    expect(actor.status).toBe('backoff')
    actor.resumeReading()
    await pass(2000)
    await pass()
    ack(server())
    await pass()
    await pass(1000)
    expect(of('topic-silent').map(({ topic }) => topic)).toEqual(['a', 'b'])
  })

  it('asks nothing of a connection that is on its way out, and does not wake up for it', async () => {
    const setup = await watched(way, { reconnectAfter: 0 })
    const { actor, clock, pass, server, of } = setup
    void actor.ask({ frame: '{"id":"x"}', requestId: 'x', confirmMode: 'confirmed', timeoutMs: 9000 })
    await pass(1000)
    expect(of('draining')).toMatchObject([{ cause: { kind: 'topic-silent' } }])
    const frames = server().frames.length
    let timers = 0
    const setTimer = clock.setTimer.bind(clock)
    clock.setTimer = (...args) => {
      timers++
      return setTimer(...args)
    }
    await pass(900)
    expect([server().frames.length - frames, of('draining').length]).toEqual([0, 1])
    expect(timers).toBeLessThan(5)
  })

  it('does not ask again for what nobody wanted any more when its turn in the budget came', async () => {
    const { maybeSubscriptionResponse: _, response: __, ...silent } = jsonSubscriptions()
    const setup = await readyActor({
      handler: jsonHandler().handler,
      subscriptionManager: silent,
      pacing: { frames: 2, perMs: 500, ownFrames: 1 },
      ...topics(way),
    })
    setup.actor.subscribe(['a'])
    setup.actor.subscribe(['b'])
    setup.actor.unsubscribe(['b'])
    for (let i = 0; i < 50; i++) {
      setup.server().sendText('{"topic":"a"}')
      await setup.pass(100)
    }
    expect(sentTo(setup.server()).map(({ sub, unsub }) => [sub, unsub])).toEqual([
      [['a'], []],
      [['b'], []],
      [[], ['b']],
    ])
    expect(setup.of('topic-silent')).toEqual([])
  })
})

describe('topicOf', () => {
  it('survives a topicOf that throws or returns nonsense', async () => {
    let n = 0
    const { pass, data, hookErrors, actor } = await watched('topicOf', {
      topicOf: () => {
        if (n++ === 0) throw new Error('clumsy')
        return 7 as never
      },
    })
    data('a')
    data('a')
    await pass()
    expect(hookErrors.map(({ hook }) => hook)).toEqual(['topics.topicOf', 'topics.topicOf'])
    expect(actor.status).toBe('ready')
  })
})

describe('the latency policy of an actor', () => {
  it('leaves a slow connection politely, and begins anew on the next one', async () => {
    const latencyPolicy = new WsLatencyPolicy({ maxRttMs: 50, minSamples: 1, streak: 2 })
    const pingPong = new ProtocolPingPong({ intervalMs: 1000, timeoutMs: 500 })
    const { pass, of, server, transport, actor } = await readyActor({ latencyPolicy, pingPong })
    server().answersPings = false
    for (let i = 0; i < 2; i++) {
      await pass(1000)
      await pass()
      const ping = server().frames.at(-1)
      await pass(80)
      server().sendPong(ping?.payload)
      await pass()
    }
    expect(of('draining')).toHaveLength(1)
    expect(of('disconnected')).toMatchObject([
      { cause: { kind: 'high-latency', code: 'ERR_HIGH_LATENCY', rttUs: 80_000, limitUs: 50_000 } },
    ])
    await pass()
    expect([transport.servers.length, actor.status]).toEqual([2, 'ready'])
  })
})
