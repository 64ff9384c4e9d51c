import { describe, expect, it } from 'vitest'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import { follow, jsonHandler, jsonSubscriptions, sentTo } from '../actor/support.ts'
import { healing, kinds } from './healing-support.ts'
import { mockConnection } from './support.ts'

describe('subscriptions', () => {
  it('one line is enough for a venue without answers: replayed on each connection, changes included', async () => {
    const { connection, server, reconnected, pass, closed } = await healing({
      subscriptions: { items: ['a', 'b'], encode: (items, id) => ({ method: 'SUBSCRIBE', params: items, id }) },
    })
    const subscribed = () => sentTo(server()).map(({ method, params }) => [method, params])
    expect(subscribed()).toEqual([['SUBSCRIBE', ['a', 'b']]])
    expect(typeof sentTo(server())[0]?.['id']).toBe('string')
    connection.subscribe(['c'])
    connection.unsubscribe(['a'])
    await pass()
    expect(subscribed().slice(1)).toEqual([['SUBSCRIBE', ['c']]])
    server().reset()
    await pass()
    connection.subscribe(['d'])
    await reconnected()
    expect(subscribed()).toEqual([['SUBSCRIBE', ['b', 'c', 'd']]])
    expect(connection.subscriptions().map(({ item, stage }) => `${item} ${stage}`)).toEqual([
      'b acked',
      'c acked',
      'd acked',
    ])
    expect(connection.replay()).toBe(true)
    await pass()
    expect(subscribed().slice(1)).toEqual([['SUBSCRIBE', ['b', 'c', 'd']]])
    await closed()
    expect(connection.replay()).toBe(false)
  })

  it('is cut to size, unsubscribed and acknowledged where the plan says how', async () => {
    const { connection, server, heard, pass, closed } = await healing({
      subscriptions: {
        items: ['a', 'b', 'c'],
        maxItemsPerMessage: 2,
        encode: (items, id) => JSON.stringify({ sub: items, id }),
        encodeUnsubscribe: (items, id) => ({ unsub: items, id }),
        decode: (frame) => {
          const { ok, items } = frame.json() as { ok?: string; items: string[] }
          return ok === undefined ? undefined : { requestId: ok, accepted: items }
        },
      },
    })
    const sent = sentTo(server())
    expect(sent.map(({ sub }) => sub)).toEqual([['a', 'b'], ['c']])
    server().sendText(JSON.stringify({ ok: sent[0]?.['id'], items: ['a', 'b'] }))
    await pass()
    connection.unsubscribe(['c'])
    await pass()
    expect(sentTo(server()).at(-1)).toMatchObject({ unsub: ['c'] })
    expect(heard.filter((event) => event.kind === 'subscription')).toMatchObject([
      { item: 'a', state: 'acked', connection: 1 },
      { item: 'b', state: 'acked', connection: 1 },
    ])
    await closed()
  })

  it.each([
    [(item: string) => item.startsWith('my.'), ['public'], ['my.orders']],
    [false, ['public', 'my.orders'], undefined],
    [true, undefined, ['public', 'my.orders']],
    [undefined, undefined, ['public', 'my.orders']],
  ])(
    'what needs no authentication (requiresAuth: %s) is subscribed before it',
    async (requiresAuth, before, behind) => {
      const logins: (() => void)[] = []
      const { handler } = jsonHandler({ authenticate: () => new Promise<void>((resolve) => logins.push(resolve)) })
      const { server, pass, closed } = await healing({
        handler,
        subscriptions: {
          items: ['public', 'my.orders'],
          encode: (sub) => ({ sub }),
          ...(requiresAuth === undefined ? {} : { requiresAuth }),
        },
      })
      const sent = (): unknown[] => sentTo(server()).map(({ sub }) => sub)
      const first = before === undefined ? [] : [before]
      expect(sent()).toEqual(first)
      logins[0]?.()
      await pass()
      expect(sent()).toEqual(behind === undefined ? first : [...first, behind])
      await closed()
    },
  )

  it('works with a manager too; resumed waits for its answers', async () => {
    const { server, heard, pass, reconnected, closed } = await healing({
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
    })
    const answer = () => server().sendText(JSON.stringify({ ack: sentTo(server())[0]?.['req'], accepted: ['a'] }))
    answer()
    await pass()
    server().reset()
    await reconnected()
    server().sendText('{"data":1}')
    await pass()
    expect(heard.some(({ kind }) => kind === 'resumed')).toBe(false)
    answer()
    await pass()
    expect(kinds(heard).slice(-2)).toEqual(['subscription/2', 'resumed/2'])
    await closed()
  })

  it('tells at once what is wrong with them, and later what an encoder does wrong', async () => {
    expect(() => mockConnection({ subscriptions: ['a'] })).toThrow(/subscriptions: need to be \{ items, encode \}/)
    expect(() => mockConnection({ subscriptions: 5 as never })).toThrow(/subscriptions: must be a list/)
    expect(() => mockConnection({ subscriptions: { items: ['a'] } as never })).toThrow(/subscriptions\.encode/)
    const plan = { items: [], encode: () => '', requiresAuth: 'no' as never }
    expect(() => mockConnection({ subscriptions: plan })).toThrow(/subscriptions\.requiresAuth: must be true, false or/)
    const errors: string[] = []
    const { closed } = await healing({
      subscriptions: { items: ['a'], encode: (async () => '') as never },
      onCallbackError: (error, hook) => errors.push(`${hook}: ${(error as Error).message}`),
    })
    expect(errors).toEqual([expect.stringMatching(/^subscriptionManager\.initial: subscriptions\.encode must return/)])
    await closed()
    const { connection } = await healing()
    expect(() => connection.subscribe(['a'])).toThrow(expect.objectContaining({ code: 'ERR_NO_SUBSCRIPTIONS' }))
  })
})

describe('asks', () => {
  const order = (id: string) => JSON.stringify({ id, method: 'buy' })

  it('end with the truth: confirmed, then unconfirmed by a drop, and late; settle() and drain()', async () => {
    const late: WsOutcome[] = []
    const { connection, server, pass, reconnected, closed } = await healing({ handler: jsonHandler().handler })
    const off = connection.onLateReply((outcome) => late.push(outcome))
    const ask = () => follow(connection.ask({ frame: order, confirmMode: 'confirmed', timeoutMs: 1000 }))
    const lastId = () => sentTo(server()).at(-1)?.['id'] as string
    const confirmed = ask()
    await pass()
    server().sendText(JSON.stringify({ id: lastId(), result: 1 }))
    await pass()
    expect(confirmed.value).toMatchObject({ kind: 'confirmed', connection: 1 })
    const slow = ask()
    await pass()
    const slowId = lastId()
    await pass(1000)
    expect(slow.value).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
    server().sendText(JSON.stringify({ id: slowId, result: 2 }))
    await pass()
    expect(late).toMatchObject([{ requestId: slowId, kind: 'confirmed', late: true }])
    server().sendText(JSON.stringify({ id: slowId }))
    server().sendText('{"id":"of nobody","result":1}')
    await pass()
    expect(connection.stats()).toMatchObject({ lateReplies: 1, unmatchedReplies: 2, stalls: 0 })
    off()
    const cut = ask()
    await pass()
    server().reset()
    await pass()
    expect(cut.value).toMatchObject({ kind: 'unconfirmed', reason: 'disconnected' })
    expect(await connection.ask({ frame: order, confirmMode: 'confirmed', timeoutMs: 1000 })).toMatchObject({
      kind: 'not-delivered',
      reason: 'not-ready',
    })
    expect(connection.unresolved()).toHaveLength(1)
    expect(connection.settle(cut.value?.requestId as string, 'asked')).toBe(true)
    expect(connection.unresolved()).toEqual([])
    await reconnected()
    expect(connection.stats().pending).toBe(0)
    const drained = follow(connection.drain({ timeoutMs: 100 }))
    await pass()
    expect([drained.value, connection.send('x')]).toEqual([true, 'not-open'])
    await closed()
  })

  it('wait for the gate: connected, then ready', async () => {
    let authenticated: () => void = () => {}
    const { handler } = jsonHandler({ authenticate: () => new Promise<void>((resolve) => (authenticated = resolve)) })
    const { connection, heard, pass, closed } = await healing({ handler })
    expect([connection.state, kinds(heard)]).toEqual(['connecting', ['connected/1']])
    authenticated()
    await pass()
    expect([connection.state, kinds(heard)]).toEqual(['open', ['connected/1', 'ready/1']])
    await closed()
  })

  it('a listener that is none is a mistake, and one that throws harms nobody', async () => {
    const errors: string[] = []
    const { connection, closed } = await healing({ onCallbackError: (_, name) => errors.push(name) })
    expect(() => connection.onLateReply(5 as never)).toThrow(/onLateReply\.listener: must be a function/)
    expect(errors).toEqual([])
    await closed()
  })
})

describe('the ingress', () => {
  it('emits to onEmit, and its exceptions are told', async () => {
    const emitted: unknown[] = []
    const errors: string[] = []
    const { connection, server, pass, closed } = await healing({
      ingress: {
        onFrame(frame, sink: { emit(event: string): void }) {
          if (frame.text() === 'bad') throw new Error('cannot')
          sink.emit(frame.text())
          return 'emit'
        },
      },
      onEmit: (event, connection) => emitted.push([event, connection]),
      onCallbackError: (_, name) => errors.push(name),
    })
    for (const text of ['a', 'bad', 'b']) server().sendText(text)
    await pass()
    expect([emitted, errors, connection.stats().callbackErrors]).toEqual([
      [
        ['a', 1],
        ['b', 1],
      ],
      ['ingress.onFrame'],
      1,
    ])
    await closed()
  })
})
