import { describe, expect, it } from 'vitest'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { WsSession } from '../../../src/session/endpoint-handler.ts'
import { follow, jsonHandler, jsonSubscriptions, mockActor, readyActor, sentTo } from './support.ts'

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })

describe('what belongs to a connection ends with it', () => {
  it('sends that waited are not sent on the next one', async () => {
    const { actor, server, pass } = await readyActor({ limits: { maxLinkBytes: 100 }, reconnect: every(1) })
    server().stall()
    expect([actor.send('x'.repeat(90)), actor.send('stale command')]).toEqual(['taken', 'queued'])
    server().reset()
    await pass(1)
    await pass()
    expect(actor.status).toBe('ready')
    expect(actor.send('fresh')).toBe('taken')
    await pass()
    expect(server().frames.map((frame) => frame.text())).toEqual(['fresh'])
  })

  it('its bytes are counted once, also while its end is told', async () => {
    let stats: () => number = () => 0
    const during: number[] = []
    const { actor, server, pass } = await readyActor({ reconnect: every(1), onStatus: () => during.push(stats()) })
    stats = () => actor.stats().bytesReceived
    server().sendText('x'.repeat(100))
    await pass()
    const received = stats()
    during.length = 0
    server().reset()
    await pass(1)
    await pass()
    expect(received).toBeGreaterThan(100)
    expect(new Set(during)).toEqual(new Set([received]))
  })

  it('what the last connection did not answer is not held against the next one', async () => {
    const { actor, server, pass, of } = await readyActor({
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
      subscriptionTimeoutMs: 500,
      reconnect: every(1),
    })
    server().reset()
    await pass(1)
    await pass()
    server().sendText(JSON.stringify({ ack: sentTo(server())[0]?.['req'], accepted: ['a'] }))
    await pass(10_000)
    expect([actor.status, of('disconnected').length]).toEqual(['ready', 1])
  })

  it('an authentication that fails late does not end the next connection', async () => {
    const rejecters: ((error: Error) => void)[] = []
    const { actor, pass, server, of } = mockActor({
      handler: jsonHandler({ authenticate: () => new Promise((_, reject) => rejecters.push(reject)) }).handler,
      reconnect: every(1),
    })
    actor.start()
    await pass()
    server().reset()
    await pass(1)
    await pass()
    rejecters[0]?.(new Error('of the first'))
    await pass()
    expect([actor.status, of('disconnected').length]).toEqual(['opening', 1])
  })

  it('a pause lasts, and holds on the next one too', async () => {
    const { actor, server, pass } = await readyActor({ reconnect: every(1), staleAfterMs: 100 })
    actor.pauseReading()
    actor.reconnect()
    await pass()
    await pass()
    server().sendText('waiting')
    await pass(1000)
    expect([actor.status, actor.connection, actor.stats().messagesReceived]).toEqual(['ready', 2, 0])
    actor.resumeReading()
    await pass()
    expect(actor.stats().messagesReceived).toBe(1)
  })
})

describe('on the way out', () => {
  it('a polite leave lets what was sent go first, and refuses sessions too', async () => {
    const sessions: WsSession[] = []
    const { actor, server, pass } = await readyActor({
      limits: { maxLinkBytes: 100 },
      handler: jsonHandler({ onOpen: (session) => void sessions.push(session) }).handler,
    })
    const first = server()
    first.stall()
    actor.send('x'.repeat(90))
    actor.send('y'.repeat(90))
    actor.reconnect()
    await pass(10)
    expect([actor.status, sessions[0]?.send('z')]).toEqual(['draining', 'not-open'])
    first.unstall()
    await pass()
    await pass()
    expect(first.frames.map(({ payload }) => payload.length)).toEqual([90, 90])
    expect(actor.connection).toBe(2)
  })

  it('a paused actor that stops hears the server’s CLOSE', async () => {
    const { actor, pass } = await readyActor()
    actor.pauseReading()
    const stopped = follow(actor.stop({ timeoutMs: 5000 }))
    await pass()
    await pass()
    expect(stopped.value?.cause).toMatchObject({ code: 'LOCAL_CLOSE', closeCode: 1000 })
  })
})

describe('when to come back', () => {
  it('the minimum of a refusal comes before what the strategy adds', async () => {
    const { actor, pass, of } = mockActor({ reconnect: every(7) }, (server) =>
      server.refuse({ status: 503, headers: [['Retry-After', '600']] }),
    )
    actor.start()
    await pass()
    expect(of('backoff')).toMatchObject([{ delayMs: 10 * 60_000 + 7, attempt: 2 }])
    await Promise.all([actor.stop(), pass()])
  })

  it('a strategy without delay does not spin', async () => {
    const { actor, pass, transport } = mockActor({ reconnect: every(0) }, (server) => server.refuse({ status: 500 }))
    actor.start()
    await pass(10)
    expect(transport.servers.length).toBeLessThan(15)
    await Promise.all([actor.stop(), pass()])
  })

  it('a feed is healthy when every subscription is acknowledged and data has come, not before', async () => {
    const { server, pass, of } = await readyActor({
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
      stableMs: 100,
    })
    server().sendText('{"data":1}')
    await pass(1000)
    expect(of('healthy')).toEqual([])
    server().sendText(JSON.stringify({ ack: sentTo(server())[0]?.['req'], accepted: ['a'] }))
    await pass(99)
    expect(of('healthy')).toEqual([])
    await pass(1)
    expect(of('healthy')).toHaveLength(1)
  })

  it('without subscriptions a pong is proof enough', async () => {
    const { pass, of } = await readyActor({
      pingPong: new ProtocolPingPong({ intervalMs: 10, timeoutMs: 1000 }),
      stableMs: 100,
    })
    await pass(9)
    expect(of('healthy')).toEqual([])
    await pass(102)
    expect(of('healthy')).toHaveLength(1)
  })
})

describe('pings and lanes', () => {
  it('pings go on at their interval though the timeout is longer', async () => {
    const { server, pass } = await readyActor({ pingPong: new ProtocolPingPong({ intervalMs: 10, timeoutMs: 1000 }) })
    for (let i = 0; i < 5; i++) await pass(10)
    expect(server().frames).toHaveLength(5)
  })

  it('a strategy that is always due does not stop the world', async () => {
    let ticks = 0
    const { actor, pass } = await readyActor({
      pingPong: {
        opened() {},
        nextDueUs: () => 0,
        tick: () => {
          ticks++
          return { kind: 'ok' }
        },
        restart() {},
        timeoutMs: undefined,
      },
    })
    await pass(100)
    expect([actor.status, ticks > 10, ticks < 120]).toEqual(['ready', true, true])
  })

  it('no normal frame passes an urgent one that waits', async () => {
    const { actor, server, pass } = await readyActor({ limits: { maxLinkBytes: 100 } })
    server().stall()
    actor.send('x'.repeat(80))
    expect([actor.send('u'.repeat(50), { urgent: true }), actor.send('n')]).toEqual(['queued', 'queued'])
    server().unstall()
    await pass()
    await pass()
    expect(server().frames.map((frame) => frame.text()[0])).toEqual(['x', 'u', 'n'])
  })

  it('what is withdrawn makes room', async () => {
    const { actor, server, pass } = await readyActor({ limits: { maxLinkBytes: 100 }, lanes: { normalBytes: 200 } })
    server().stall()
    actor.send('x'.repeat(90))
    for (let i = 0; i < 5; i++) {
      const ask = follow(actor.ask({ frame: 'y'.repeat(150), requestId: `${i}`, confirmMode: 'sent', timeoutMs: 10 }))
      await pass(10)
      expect(ask.value).toMatchObject({ kind: 'not-delivered', reason: 'deadline' })
    }
    expect(actor.stats().queuedBytes).toBeLessThan(150)
  })

  it('a batch that breaks off leaves nothing held back', async () => {
    const { actor, server, pass } = await readyActor()
    const broken = () => {
      throw new Error('writer')
    }
    expect(() => actor.sendBatch(['one', 'two', broken, 'three'])).toThrow('writer')
    await pass()
    expect(server().frames.map((frame) => frame.text())).toEqual(['one', 'two'])
  })
})

it('while the kernel takes nothing, what is polled reads nothing', async () => {
  const { actor, server, pass } = await readyActor()
  server().hold()
  server().sendText('unread')
  server().stall()
  const ask = follow(actor.ask({ frame: 'x', confirmMode: 'sent', timeoutMs: 5000 }))
  await pass(1000)
  expect([actor.stats().messagesReceived, ask.value]).toEqual([0, undefined])
  server().unstall()
  await pass(5)
  expect(ask.value).toMatchObject({ kind: 'sent' })
})
