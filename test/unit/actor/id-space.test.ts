import { describe, expect, it } from 'vitest'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import type { WsSubscriptionManager } from '../../../src/session/subscription-manager.ts'
import { follow, jsonHandler, readyActor, sentTo } from './support.ts'

const order = (requestId: string) =>
  ({ frame: '{"order":1}', requestId, confirmMode: 'confirmed', timeoutMs: 1000 }) as const

/** Its answers look like those of asks: `{ id, result }`. */
const manager = (answered: boolean): WsSubscriptionManager => ({
  initial(desired, nextId) {
    const requestId = nextId()
    return [
      { requestId, payload: JSON.stringify({ sub: desired, id: requestId }), subscribe: desired, unsubscribe: [] },
    ]
  },
  update: () => [],
  ...(answered && {
    maybeSubscriptionResponse: (frame) => frame.text().startsWith('{"id"'),
    response: (frame) => ({ requestId: String((frame.json() as { id: unknown }).id), accepted: ['a'] }),
  }),
})

describe('the one id space', () => {
  it.each([true, false])(
    'takes no answer to a subscription for that of an ask; answers decoded: %s',
    async (answered) => {
      const { handler } = jsonHandler()
      const options = { handler, subscriptions: ['a'], subscriptionManager: manager(answered) }
      const { actor, server, pass, late } = await readyActor(options)
      const id = String(sentTo(server())[0]?.['id'])
      await pass(30)
      const [ask, other] = [follow(actor.ask(order(id))), follow(actor.ask(order('1')))]
      await pass()
      expect(ask.value).toMatchObject({ kind: 'payload-mismatch', inFlightForMs: 30, delivery: 'none' })
      server().sendText(JSON.stringify({ id, result: null }))
      await pass()
      expect([actor.subscriptions(), late]).toMatchObject([[{ item: 'a', stage: 'acked' }], []])
      expect(other.value).toBeUndefined()
      expect(sentTo(server()).filter((frame) => 'order' in frame)).toHaveLength(1)
      const again = follow(actor.ask(order(id)))
      await pass()
      expect(again.value?.kind).toBe('payload-mismatch')
    },
  )

  it('has the ids of heartbeats, ours and those that answer the server, and forgets them as it does those of asks', async () => {
    let next = 100
    const pingPong = new WsApplicationPingPong({
      ping: (nextId) => JSON.stringify({ ping: nextId() }),
      isPong: (frame) => frame.text().startsWith('{"pong"'),
      answerPing: (frame, nextId) => (frame.text() === '{"test":1}' ? JSON.stringify({ answer: nextId() }) : undefined),
      intervalMs: 1000,
    })
    const { actor, server, pass } = await readyActor({
      handler: jsonHandler().handler,
      pingPong,
      requestIds: { next: () => String(next++) },
      requests: { settledIdsMs: 2000 },
    })
    await pass(1000)
    server().sendText('{"test":1}')
    server().sendText('{"pong":1}')
    await pass()
    expect(sentTo(server())).toEqual([{ ping: '100' }, { answer: '101' }])
    expect(actor.nextRequestId()).toBe('102')
    const asks = ['100', '101', '102'].map((id) => follow(actor.ask(order(id))))
    await pass()
    expect(asks.map(({ value }) => value?.kind)).toEqual(['payload-mismatch', 'payload-mismatch', undefined])
    server().sendText('{"id":102,"result":1}')
    await pass(2000)
    const later = follow(actor.ask(order('100')))
    await pass()
    expect(later.value).toBeUndefined()
    expect(sentTo(server()).at(-1)).toEqual({ order: 1 })
  })

  it('remembers no more of its own than of others', async () => {
    const { handler } = jsonHandler()
    const subscriptionManager: WsSubscriptionManager = {
      initial: (desired, nextId) =>
        desired.map((item) => ({ requestId: nextId(), payload: '{}', subscribe: [item], unsubscribe: [] })),
      update: () => [],
    }
    let next = 1
    const { actor, pass } = await readyActor({
      handler,
      subscriptionManager,
      subscriptions: ['a', 'b', 'c'],
      requestIds: { next: () => String(next++) },
      requests: { maxSettledIds: 2 },
    })
    const asks = ['1', '2', '3'].map((id) => follow(actor.ask(order(id))))
    await pass()
    expect(asks.map(({ value }) => value?.kind)).toEqual([undefined, 'payload-mismatch', 'payload-mismatch'])
  })
})
