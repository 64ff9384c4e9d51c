import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { WsFrame } from '../../../src/transport/frame.ts'
import { MessageBatch } from '../../../src/transport/message-batch.ts'
import type { MockTransport } from '../../../src/transport/mock.ts'
import type { WsLink } from '../../../src/transport/transport.ts'
import { numbered } from './sequence-support.ts'
import { jsonHandler, jsonSubscriptions, mockActor, readyActor, sentTo } from './support.ts'

const PLAN = { topic: { key: '{topic}', when: [{ path: 'data' }] } }
const TOPICS = { silentAfterMs: 1000, resubscribeEveryMs: 2000 }
const { maybeSubscriptionResponse: _, response: __, ...UNANSWERED } = jsonSubscriptions()

const data = (topic: string): string => JSON.stringify({ topic, data: 1 })

/** Links with something else in place of what they do. */
function tamper(transport: MockTransport, change: (link: WsLink) => Partial<WsLink>): void {
  const connect = transport.connect.bind(transport)
  transport.connect = (request, events) => {
    const link = connect(request, events)
    const changed = change(link)
    return new Proxy(link, {
      get(_, name) {
        const value: unknown = Reflect.get(name in changed ? changed : link, name)
        return typeof value === 'function' ? value.bind(link) : value
      },
    })
  }
}

describe('topics that the transport follows', () => {
  const topicOf = (frame: WsFrame): string | undefined => (JSON.parse(frame.text()) as { topic?: string }).topic

  it.each([
    ['topicOf', { topics: { ...TOPICS, topicOf } }, 2250],
    ['plan', { topics: TOPICS, plan: PLAN }, 0],
  ] as const)('by %s, frames that nobody else looks at are looked at, or are not', async (_way, options, looks) => {
    const { server, pass, of, actor } = await readyActor({
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a', 'b'],
      ...options,
    })
    const [{ req } = {}] = sentTo(server())
    server().sendText(JSON.stringify({ ack: req, accepted: ['a', 'b'] }))
    server().sendText(data('a'))
    await pass()
    const at = vi.spyOn(MessageBatch.prototype, 'at')
    onTestFinished(() => at.mockRestore())
    const reads = 9
    for (let i = 0; i < reads; i++) {
      for (let n = 0; n < 250; n++) server().sendText(data('a'))
      await pass(100)
    }
    // One look a read for its receive time.
    expect(at.mock.calls.length - reads).toBe(looks)
    expect(actor.stats().framesIgnored).toBe(2251)
    await pass(100)
    expect(of('topic-silent').map(({ topic }) => topic)).toEqual(['b'])
  })

  describe.each([
    ['topicOf', { topics: { ...TOPICS, topicOf } }],
    ['plan', { topics: TOPICS, plan: PLAN }],
  ] as const)('by %s', (_way, options) => {
    /** The second connection: there each topic resumes. */
    async function second() {
      const setup = await readyActor({
        handler: jsonHandler().handler,
        subscriptionManager: jsonSubscriptions(),
        subscriptions: ['a', 'b'],
        ...options,
      })
      setup.actor.reconnect()
      await setup.pass(1000)
      await setup.pass()
      const [{ req } = {}] = sentTo(setup.server())
      const resumed = (): (string | undefined)[] =>
        setup.of('resumed').flatMap(({ key }) => (key === undefined ? [] : [key]))
      /** In one read. */
      const send = async (...texts: string[]): Promise<void> => {
        for (const text of texts) setup.server().sendText(text)
        await setup.pass()
      }
      return { ...setup, ack: JSON.stringify({ ack: req, accepted: ['a', 'b'] }), send, resumed }
    }

    it('data before the acknowledgement is not the first, in the same read or not', async () => {
      const { send, ack, resumed } = await second()
      await send(data('a'), data('b'))
      await send(data('a'), ack)
      expect(resumed()).toEqual([])
      await send(data('b'))
      expect(resumed()).toEqual(['b'])
    })

    it('data behind it is, in the same read or not, and once', async () => {
      const { send, ack, resumed } = await second()
      await send(data('b'), ack, data('a'), data('a'))
      expect(resumed()).toEqual(['a'])
      await send(data('a'), data('b'), data('b'))
      expect(resumed()).toEqual(['a', 'b'])
    })

    it('has resumed by the time that the message is handled', async () => {
      const { send, ack, heard, actor } = await second()
      await send(ack)
      const before = heard.length
      await send(data('b'))
      expect(heard.slice(before).map(({ kind }) => kind)).toContain('resumed')
      expect(actor.subscriptions().map(({ stage }) => stage)).toEqual(['acked', 'acked'])
    })
  })

  it('are watched from when they are asked for until nobody wants them, or the venue takes them back', async () => {
    const setup = mockActor({
      handler: jsonHandler().handler,
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a', 'b'],
      topics: TOPICS,
      plan: PLAN,
    })
    const calls: string[] = []
    const names = new Map<number, string>()
    tamper(setup.transport, (link) => ({
      watchTopic(topic) {
        const number = link.watchTopic(topic)
        names.set(number, topic)
        calls.push(`watch ${topic}`)
        return number
      },
      unwatchTopic(number) {
        calls.push(`unwatch ${names.get(number)}`)
        link.unwatchTopic(number)
      },
    }))
    setup.actor.start()
    await setup.pass()
    await setup.pass()
    expect(calls).toEqual(['watch a', 'watch b'])
    const ack = async (): Promise<void> => {
      const last = sentTo(setup.server()).at(-1) as { req: string; sub: string[]; unsub: string[] }
      setup.server().sendText(JSON.stringify({ ack: last.req, accepted: [...last.sub, ...last.unsub] }))
      await setup.pass()
    }
    await ack()
    setup.actor.unsubscribe(['a'])
    await ack()
    setup.actor.subscribe(['a', 'c'])
    await setup.pass()
    const { req } = sentTo(setup.server()).at(-1) as { req: string }
    setup.server().sendText(JSON.stringify({ ack: req, accepted: ['a'], rejected: [{ item: 'c' }] }))
    await setup.pass()
    expect(calls.slice(2)).toEqual(['unwatch a', 'watch a', 'watch c', 'unwatch c'])
    setup.actor.reconnect()
    await setup.pass(1000)
    await setup.pass()
    expect(calls.slice(6)).toEqual(['watch b', 'watch a', 'watch c'])
  })

  it('have a gap that ends with the data behind a new acknowledgement, be they in one read', async () => {
    const { data, ack, of, server, last, pass, actor } = await numbered({
      topics: { silentAfterMs: 60_000 },
      plan: { topic: '{topic}' },
    })
    await data('a', 4)
    expect(of('gap')).toMatchObject([{ scope: 'topic', key: 'a', messages: 2 }])
    // What is on its way still proves nothing.
    await data('a', 5)
    await data('b', 2)
    last.clear()
    for (const { req, sub, unsub } of sentTo(server()).slice(1) as { req: string; sub: string[]; unsub: string[] }[]) {
      server().sendText(JSON.stringify({ ack: req, accepted: [...sub, ...unsub] }))
    }
    expect(of('resumed')).toEqual([])
    server().sendText('{"topic":"a","seq":1}')
    await pass()
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
    // Another hole: the same once more, in reads of their own.
    await pass(10_000)
    await data('a', 9)
    last.clear()
    await ack()
    expect([of('gap').length, of('resumed').length]).toEqual([2, 1])
    await data('a', 1)
    expect([of('resumed').length, actor.openGaps()]).toEqual([2, []])
  })

  it('have a gap that ends so, too, when it is found while the topic is being asked for', async () => {
    const { of, server, pass, actor } = await readyActor({
      handler: jsonHandler().handler,
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
      topics: { silentAfterMs: 60_000 },
      plan: { topic: '{topic}' },
    })
    const [{ req } = {}] = sentTo(server())
    server().sendText('{"topic":"a"}')
    await pass()
    actor.reportGap({ key: 'a' })
    server().sendText('{"topic":"a"}')
    server().sendText(JSON.stringify({ ack: req, accepted: ['a'] }))
    expect(of('gap')).toHaveLength(1)
    await pass()
    await pass()
    // That acknowledgement says nothing of what was lost before it.
    server().sendText('{"topic":"a"}')
    const anew = sentTo(server()).slice(1) as { req: string; sub: string[]; unsub: string[] }[]
    expect(anew.map(({ sub, unsub }) => [sub, unsub])).toEqual([
      [[], ['a']],
      [['a'], []],
    ])
    for (const { req, sub, unsub } of anew) {
      server().sendText(JSON.stringify({ ack: req, accepted: [...sub, ...unsub] }))
    }
    await pass()
    expect(of('resumed')).toHaveLength(0)
    server().sendText('{"topic":"a"}')
    await pass()
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
  })

  it('beyond what a link can follow are reported once, and not called silent', async () => {
    const setup = mockActor({
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a', 'b', 'c', 'd'],
      topics: TOPICS,
      plan: PLAN,
    })
    tamper(setup.transport, (link) => ({
      watchTopic(topic) {
        if (topic > 'b') throw new RangeError('a link watches at most 2 topics')
        return link.watchTopic(topic)
      },
    }))
    setup.actor.start()
    await setup.pass()
    await setup.pass()
    const [{ req } = {}] = sentTo(setup.server())
    setup.server().sendText(JSON.stringify({ ack: req, accepted: ['a', 'b', 'c', 'd'] }))
    await setup.pass()
    for (let i = 0; i < 15; i++) {
      setup.server().sendText(data('a'))
      await setup.pass(100)
    }
    expect(setup.hookErrors.map(({ hook, error }) => `${hook} ${(error as Error).message}`)).toEqual([
      'topics a link watches at most 2 topics',
    ])
    expect(setup.of('topic-silent').map(({ topic }) => topic)).toEqual(['b'])
  })

  it('cannot be followed by links of another contract: it all ends, and says why', async () => {
    const setup = mockActor({ subscriptionManager: UNANSWERED, topics: TOPICS, plan: PLAN })
    tamper(setup.transport, () => ({ topicSeenUs: undefined as never }))
    setup.actor.start()
    await setup.pass()
    await setup.pass()
    expect(setup.of('stopped')).toMatchObject([
      { cause: { kind: 'internal-error', code: 'ERR_TRANSPORT_NO_TOPICS', context: 'connect of transport mock' } },
    ])
    expect(setup.of('stopped')[0]?.cause.message).toContain('give topics.topicOf instead')
    expect(setup.transport.servers).toHaveLength(1)
    // Where nobody asks for it nothing is missing.
    const without = mockActor({ plan: PLAN })
    tamper(without.transport, () => ({ topicSeenUs: undefined as never }))
    without.actor.start()
    await without.pass()
    await without.pass()
    expect(without.actor.status).toBe('ready')
  })
})
