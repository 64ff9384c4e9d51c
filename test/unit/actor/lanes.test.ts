import { describe, expect, it } from 'vitest'
import type { WsSession } from '../../../src/session/endpoint-handler.ts'
import { jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

describe('a replay without a budget of frames', () => {
  it('never delays an ask or a send when the link is full, and is in call order while it has room', async () => {
    const each = (wanted: readonly string[], nextId: () => string) =>
      wanted.map((item) => ({
        requestId: nextId(),
        payload: JSON.stringify({ sub: item }),
        subscribe: [item],
        unsubscribe: [],
      }))
    const subscriptionManager = jsonSubscriptions({ initial: each })
    let act = (): void => {}
    const onReady = (session: WsSession): void => void session.send('{"n":0}')
    const { handler } = jsonHandler({ handleMessage: () => act(), onReady: async (session) => onReady(session) })
    const options = { handler, subscriptionManager, subscriptions: ['a', 'b', 'c'], limits: { maxLinkBytes: 100 } }
    const { actor, server, pass } = await readyActor(options)
    const heard = (from: number) =>
      sentTo(server())
        .slice(from)
        .map(({ sub, n }) => sub ?? n)
    // What onReady wants comes behind the replay: a snapshot before its subscription has a hole.
    expect(heard(0)).toEqual(['a', 'b', 'c', 0])
    server().stall()
    actor.send(JSON.stringify({ n: 'x'.repeat(200) }))
    const calls = (n: number) => (): void => {
      actor.replay()
      actor.send(`{"n":${n}}`)
      void actor.ask({ frame: `{"n":${n + 1}}`, confirmMode: 'sent', timeoutMs: 1000 })
    }
    calls(1)()
    act = calls(3)
    server().sendText('{}')
    await pass()
    server().unstall()
    await pass()
    expect(heard(5)).toEqual([1, 2, 3, 4, 'a', 'b', 'c', 'a', 'b', 'c'])
  })
})
