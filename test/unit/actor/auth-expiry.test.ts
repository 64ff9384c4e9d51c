import { describe, expect, it } from 'vitest'
import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import type { WsEndpointHandler, WsSession } from '../../../src/session/endpoint-handler.ts'
import { follow, type Json, jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

const EXPIRED = '13009'
const ASK = { frame: '{"id":"q"}', requestId: 'q', confirmMode: 'confirmed', timeoutMs: 60_000 } as const

/** A venue with one private and one public topic, whose subscriptions are answered by the test. */
async function venue(
  overrides: Partial<WsEndpointHandler<Json>> = {},
  options: Partial<WebSocketActorOptions<Json>> = {},
) {
  const logins: WsSession[] = []
  const { handler } = jsonHandler({
    authenticate: async (session) => void logins.push(session),
    isAuthExpired: ({ code }) => code === EXPIRED,
    matchReply(frame) {
      const { id, code, result } = frame.json() as { id?: string; code?: string; result?: unknown }
      if (id === undefined) return undefined
      if (code !== undefined) return { requestId: id, verdict: 'rejected', code, message: 'no' }
      return { requestId: id, verdict: result === undefined ? 'neither' : 'confirmed' }
    },
    parse: (frame) => {
      const { fault } = frame.json() as { fault?: string }
      return fault === undefined ? undefined : { kind: 'server-error', error: { code: fault, message: 'no' } }
    },
    ...overrides,
  })
  const setup = await readyActor({
    handler,
    subscriptionManager: jsonSubscriptions({ requiresAuth: (item) => item.startsWith('private') }),
    subscriptions: ['public', 'private'],
    subscriptionTimeoutMs: 600_000,
    reconnect: { nextDelayMs: () => 1, reset() {} },
    ...options,
  })
  const { server, pass } = setup
  let answered = 0
  /** Answers the subscription messages that have not been answered: `refuse` says with which code an item is, if any. */
  const answer = async (refuse: (item: string) => string | undefined = () => undefined): Promise<void> => {
    const requests = sentTo(server()).filter(({ req }) => req !== undefined)
    for (const { req, sub, unsub } of requests.slice(answered) as { req: string; sub?: string[]; unsub?: string[] }[]) {
      const items = [...(sub ?? []), ...(unsub ?? [])]
      const rejected = items.flatMap((item) => (refuse(item) === undefined ? [] : [{ item, code: refuse(item) }]))
      const accepted = items.filter((item) => refuse(item) === undefined)
      server().sendText(JSON.stringify({ ack: req, accepted, rejected }))
    }
    answered = requests.length
    await pass()
    await pass()
  }
  const asked = (): unknown[] =>
    sentTo(server())
      .filter(({ req }) => req !== undefined)
      .map(({ sub }) => sub)
  const stages = () => Object.fromEntries(setup.actor.subscriptions().map(({ item, stage }) => [item, stage]))
  const topicEvents = () =>
    setup.heard.flatMap((event) =>
      (event.kind === 'gap' && event.scope === 'topic') || event.kind === 'resumed' ? [[event.kind, event.key]] : [],
    )
  return { ...setup, logins, answer, asked, stages, topicEvents }
}

const topics = (silentAfterMs: number) => ({
  topicOf: (frame: { json(): unknown }) => (frame.json() as { topic?: string }).topic,
  silentAfterMs,
  resubscribeEveryMs: 1000,
  reconnectAfter: 1,
})

describe('what says that an authentication has expired', () => {
  it('is an ask refused with such a code: asks wait, it is done anew, and private topics have a gap and an end of it', async () => {
    const { actor, server, pass, of, answer, asked, logins, topicEvents, transport, heard } = await venue()
    await answer()
    const ask = follow(actor.ask(ASK))
    server().sendText(`{"id":"q","code":"${EXPIRED}"}`)
    await pass()
    await pass()
    expect(ask.value).toMatchObject({ kind: 'rejected', code: EXPIRED })
    expect([of('auth-expired').length, logins.length]).toEqual([1, 2])
    expect(asked()).toEqual([['public'], ['private'], ['private']])
    expect(of('gap')).toMatchObject([{ scope: 'topic', key: 'private', cause: { code: 'ERR_AUTH_EXPIRED' } }])
    expect(topicEvents()).toEqual([['gap', 'private']])
    await answer()
    expect(topicEvents()).toEqual([
      ['gap', 'private'],
      ['resumed', 'private'],
    ])
    expect([actor.status, transport.servers.length]).toEqual(['ready', 1])
    const [acked, resumed] = heard.slice(-2)
    expect([acked, resumed]).toMatchObject([{ kind: 'subscription', state: 'acked' }, { kind: 'resumed' }])
  })

  it('is no other refusal, and none while a login is under way', async () => {
    let release = (): void => {}
    const { actor, server, pass, of, logins } = await venue({
      refreshAuth: () =>
        new Promise((resolve) => {
          release = resolve
        }),
    })
    const refused = async (code: string): Promise<void> => {
      void actor.ask({ ...ASK, requestId: code })
      server().sendText(`{"id":"${code}","code":"${code}"}`)
      await pass()
    }
    await refused('500')
    expect(of('auth-expired')).toEqual([])
    logins[0]?.authExpired()
    server().sendText(`{"fault":"${EXPIRED}"}`)
    await pass()
    release()
    await pass()
    expect([of('auth-expired').length, of('authenticated').length]).toEqual([1, 2])
  })

  it('leads to one new authentication, then to another connection, however much is refused for it', async () => {
    const { actor, server, pass, of, logins } = await venue()
    const refused = async (id: string): Promise<void> => {
      void actor.ask({ ...ASK, requestId: id })
      server().sendText(`{"id":"${id}","code":"${EXPIRED}"}`)
      await pass()
      await pass()
    }
    await refused('1')
    for (const id of ['2', '3']) await refused(id)
    // These had been sent before, it may be.
    expect([of('auth-expired').length, logins.length, actor.status]).toEqual([1, 2, 'ready'])
    await pass(1000)
    await refused('4')
    expect(of('disconnected')).toMatchObject([{ cause: { kind: 'session-failed', code: 'ERR_AUTH_EXPIRED' } }])
    await pass(1)
    await pass()
    expect([of('auth-expired').length, logins.length, actor.status]).toEqual([1, 3, 'ready'])
    await refused('5')
    await pass(10_000)
    await refused('6')
    expect([of('auth-expired').length, of('disconnected').length, actor.status]).toEqual([3, 1, 'ready'])
  })

  it.each(['handled', 'not handled'])('is a server error that names no request, %s otherwise', async (how) => {
    const handled = how === 'handled' ? { handleServerError: () => 'continue' as const } : {}
    const { server, pass, of } = await venue(handled)
    server().sendText('{"fault":"500"}')
    server().sendText(`{"fault":"${EXPIRED}"}`)
    await pass()
    expect(of('auth-expired')).toHaveLength(1)
  })

  it('is a subscription refused with it, which is asked for once more, and then is refused', async () => {
    const { pass, of, answer, asked, stages, logins, topicEvents } = await venue()
    const expired = (item: string) => (item === 'private' ? EXPIRED : undefined)
    await answer(expired)
    expect([of('auth-expired').length, logins.length, stages()]).toEqual([
      1,
      2,
      { public: 'acked', private: 'requested' },
    ])
    expect(of('subscription').filter(({ state }) => state === 'rejected')).toEqual([])
    expect(asked()).toHaveLength(3)
    await answer(expired)
    await pass(60_000)
    expect([of('auth-expired').length, logins.length, asked().length]).toEqual([1, 2, 3])
    expect(stages()).toEqual({ public: 'acked', private: 'rejected' })
    // It had never been acknowledged: nothing of it is missing.
    expect(topicEvents()).toEqual([])
  })

  it('is a whole batch refused with it, without cutting it into halves', async () => {
    const { actor, server, pass, of, answer, asked, stages } = await venue()
    await answer()
    actor.subscribe(['private.1', 'private.2', 'other'])
    const { req } = sentTo(server()).at(-1) as { req: string }
    server().sendText(JSON.stringify({ ack: req, refused: { code: EXPIRED, message: 'no' } }))
    await pass()
    await pass()
    expect(of('auth-expired')).toHaveLength(1)
    expect(asked().slice(3)).toEqual([['private', 'private.1', 'private.2'], ['other']])
    expect(stages()).toMatchObject({ 'private.2': 'requested', other: 'requested' })
  })

  it('is nothing where nobody authenticates, and what is no answer is told', async () => {
    const none = await venue({ authenticate: undefined as never })
    none.server().sendText(`{"fault":"${EXPIRED}"}`)
    await none.answer((item) => (item === 'private' ? EXPIRED : undefined))
    expect([none.of('auth-expired').length, none.stages()]).toEqual([0, { public: 'acked', private: 'rejected' }])
    const odd = await venue({ isAuthExpired: (() => 'yes') as never })
    odd.server().sendText('{"fault":"1"}')
    await odd.pass()
    expect(odd.hookErrors).toMatchObject([{ hook: 'handler.isAuthExpired', error: { code: 'ERR_HOOK_RETURN' } }])
  })
})

describe('the gap of a topic', () => {
  it('begins with its last data, and ends with its acknowledgement and the first data behind that', async () => {
    const { server, pass, of, answer, logins, topicEvents, clock } = await venue({}, { topics: topics(60_000) })
    await answer()
    const data = async (): Promise<void> => {
      server().sendText('{"topic":"private"}')
      await pass()
    }
    await data()
    const lastUs = clock.epochUs()
    await pass(500)
    logins[0]?.authExpired()
    await pass()
    await pass()
    expect(of('gap')).toMatchObject([{ key: 'private', fromUs: lastUs, toUs: lastUs + 500_000 }])
    await data()
    expect(topicEvents()).toEqual([['gap', 'private']])
    await answer()
    expect(topicEvents()).toEqual([['gap', 'private']])
    await data()
    await data()
    expect(topicEvents()).toEqual([
      ['gap', 'private'],
      ['resumed', 'private'],
    ])
  })

  it('is told of one whose acknowledgement is taken back, until it has another', async () => {
    const { pass, of, answer, logins, topicEvents } = await venue()
    await answer()
    logins[0]?.revoked(['public', 'unknown'], { code: '42', message: 'delisted' })
    await pass()
    expect(of('gap')).toMatchObject([
      {
        scope: 'topic',
        key: 'public',
        cause: { code: 'ERR_SUBSCRIPTION_REVOKED', message: expect.stringContaining('42: delisted') },
      },
    ])
    await pass(5000)
    await answer()
    expect(topicEvents()).toEqual([
      ['gap', 'public'],
      ['resumed', 'public'],
    ])
  })

  it('has no end when nobody wants the topic any more', async () => {
    const { actor, pass, answer, logins, topicEvents } = await venue()
    await answer()
    logins[0]?.revoked(['public'])
    await pass()
    actor.unsubscribe(['public'])
    await answer()
    actor.subscribe(['public'])
    await answer()
    expect(topicEvents()).toEqual([['gap', 'public']])
  })
})

describe('a token that is dropped without a word', () => {
  /** Lets 10 s pass, in which `flowing` has data, and every subscription is acknowledged. */
  async function silentBut(flowing: string) {
    const setup = await venue({}, { topics: topics(1000) })
    await setup.answer()
    const seconds = async (n: number): Promise<void> => {
      for (let i = 0; i < n * 10 && setup.transport.servers.length === 1; i++) {
        setup.server().sendText(JSON.stringify({ topic: flowing }))
        await setup.pass(100)
        await setup.answer()
      }
    }
    return { ...setup, seconds }
  }

  it('is found by the silence of what needs it: authenticated anew while asks go on, before the connection is replaced', async () => {
    const { actor, of, logins, asked, seconds, transport, topicEvents, server, pass } = await silentBut('public')
    await seconds(2.2)
    // Silent after a second, asked for anew, silent for another second: now it may be the token.
    expect([logins.length, of('auth-expired').length, transport.servers.length]).toEqual([2, 0, 1])
    expect(asked().at(-1)).toEqual(['private'])
    expect(actor.send('{"order":1}')).toBe('taken')
    server().sendText('{"topic":"private"}')
    await pass()
    expect(topicEvents().at(-1)).toEqual(['resumed', 'private'])
    await seconds(10)
    // Silent again: all of that once more, and at last another connection.
    expect(logins.length).toBe(4)
    expect(of('disconnected')).toMatchObject([{ cause: { code: 'ERR_TOPIC_SILENT', topic: 'private' } }])
  })

  it('is not suspected where the topic needs none', async () => {
    const { of, logins, seconds } = await silentBut('private')
    await seconds(10)
    expect(of('disconnected')).toMatchObject([{ cause: { code: 'ERR_TOPIC_SILENT', topic: 'public' } }])
    // That of the next connection.
    expect(logins).toHaveLength(2)
  })
})
