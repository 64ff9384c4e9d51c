import { describe, expect, it } from 'vitest'
import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { type Json, jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

const STABLE_MS = 1000

function ack(server: MockServerLink): void {
  const request = sentTo(server).find(({ req }) => req !== undefined)
  server.sendText(JSON.stringify({ ack: request?.['req'], accepted: request?.['sub'] }))
}

/** An actor whose subscriptions have been sent and not been answered. */
async function subscribing(options: Partial<WebSocketActorOptions<Json>> = {}) {
  const { handler } = jsonHandler()
  const setup = await readyActor({
    handler,
    subscriptionManager: jsonSubscriptions(),
    subscriptions: ['a', 'b'],
    subscriptionTimeoutMs: 300_000,
    stableMs: STABLE_MS,
    reconnect: { nextDelayMs: () => 1, reset() {} },
    ...options,
  })
  return { ...setup, isHealthy: () => setup.of('healthy').length > 0 }
}

const pings = () => new ProtocolPingPong({ intervalMs: 100, timeoutMs: 10_000 })
const topics = (silentAfterMs: number | ((topic: string) => number | undefined)) => ({
  topicOf: (frame: { json(): unknown }) => (frame.json() as { topic?: string }).topic,
  silentAfterMs,
})

describe('proven health of a connection with subscriptions', () => {
  it('needs no data of a quiet market: everything acknowledged, and a pong after that', async () => {
    const { server, pass, isHealthy } = await subscribing({ pingPong: pings() })
    for (let i = 0; i < 30; i++) await pass(100)
    expect(isHealthy()).toBe(false)
    ack(server())
    await pass(99)
    await pass(STABLE_MS - 1)
    expect(isHealthy()).toBe(false)
    await pass(102)
    expect(isHealthy()).toBe(true)
  })

  it('takes a ping of the server’s behind the acknowledgements for a pong, where they are understood', async () => {
    for (const areAnswered of [true, false]) {
      const response = areAnswered ? {} : { maybeSubscriptionResponse: undefined, response: undefined }
      const subscriptionManager = jsonSubscriptions(response as Partial<ReturnType<typeof jsonSubscriptions>>)
      const { server, pass, isHealthy } = await subscribing({
        subscriptionManager,
        ingress: { onFrame: () => 'ignore' },
      })
      server().sendPing()
      await pass(5000)
      expect(isHealthy()).toBe(false)
      if (areAnswered) ack(server())
      await pass(10)
      server().sendPing()
      await pass(10)
      await pass(STABLE_MS)
      expect(isHealthy()).toBe(areAnswered)
    }
  })

  it('takes its word for acknowledgements, if nothing else comes, after a minute of reading', async () => {
    const { actor, server, pass, isHealthy } = await subscribing()
    ack(server())
    await pass(50_000)
    actor.pauseReading()
    await pass(60_000)
    actor.resumeReading()
    await pass(59_999)
    await pass(STABLE_MS)
    expect(isHealthy()).toBe(false)
    await pass(1)
    await pass(STABLE_MS)
    expect(isHealthy()).toBe(true)
  })

  it.each([
    ['staleAfterMs', { staleAfterMs: 600_000 }],
    ['a watched topic', { topics: topics((topic) => (topic === 'a' ? 600_000 : undefined)) }],
  ])('needs data where %s says that it is due, however much else comes', async (_, options) => {
    const { server, pass, isHealthy } = await subscribing({ pingPong: pings(), ...options })
    ack(server())
    for (let i = 0; i < 50; i++) {
      server().sendPing()
      await pass(2000)
    }
    expect(isHealthy()).toBe(false)
    server().sendText('{"topic":"a"}')
    await pass()
    await pass(STABLE_MS)
    expect(isHealthy()).toBe(true)
  })

  it('needs no data of topics that are all exempt', async () => {
    const { server, pass, isHealthy } = await subscribing({ pingPong: pings(), topics: topics(() => undefined) })
    ack(server())
    await pass(200)
    await pass(STABLE_MS)
    expect(isHealthy()).toBe(true)
  })

  it('is given to no server that accepts, acknowledges, pings and drops: attempts are counted on', async () => {
    const { server, pass, of, isHealthy } = await subscribing({ pingPong: pings() })
    for (let i = 0; i < 4; i++) {
      ack(server())
      await pass(100)
      await pass(STABLE_MS - 200)
      server().reset()
      await pass(1)
      await pass()
    }
    expect(isHealthy()).toBe(false)
    expect(of('connecting').map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5])
  })

  it('is doubted while a watched topic is silent, though others flow, and regained when it speaks', async () => {
    const { server, pass, isHealthy, of } = await subscribing({
      topics: { ...topics(STABLE_MS / 2), resubscribe: false },
    })
    const data = async (topic: string): Promise<void> => {
      server().sendText(JSON.stringify({ topic }))
      await pass(100)
    }
    ack(server())
    await pass()
    for (let i = 0; i < 30; i++) await data('a')
    expect(of('topic-silent')).toHaveLength(1)
    expect(isHealthy()).toBe(false)
    for (let i = 0; i < 12; i++) {
      await data('a')
      await data('b')
    }
    expect(isHealthy()).toBe(true)
  })
})
