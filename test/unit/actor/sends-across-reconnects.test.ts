import { describe, expect, it } from 'vitest'
import type { WsSession } from '../../../src/session/endpoint-handler.ts'
import { follow, jsonHandler, jsonSubscriptions, mockActor, readyActor } from './support.ts'
import { across, every, type Setup, stuck, texts, views } from './timed-sends-support.ts'

describe('a send across reconnects', () => {
  it('goes out on the next connection, in call order, if it had not begun; what had is never sent again', async () => {
    const { actor, server, sent, givenUp, reconnected, stopped } = await stuck()
    server().takeBytes(3)
    const results = ['part', 'link', 'lane', 'last'].map((text) => actor.send(text, across(1000)))
    expect(results).toEqual(['taken', 'taken', 'queued', 'queued'])
    expect(actor.send('dies')).toBe('queued')
    server().reset()
    await reconnected()
    expect(actor.send('new')).toBe('taken')
    await reconnected()
    expect([actor.connection, sent()]).toEqual([2, ['link', 'lane', 'last', 'new']])
    expect(givenUp()).toEqual([['disconnected', 'part', 1, 4]])
    server().reset()
    await reconnected()
    expect([actor.connection, sent()]).toEqual([3, []])
    expect(actor.stats()).toMatchObject({ keptMessages: 0, sendsGivenUp: 1 })
    await stopped()
  })

  it('waits while there is no connection, behind auth, replay and onReady, before what is sent when ready', async () => {
    let authenticated: () => void = () => {}
    const { handler } = jsonHandler({
      authenticate: async (session: WsSession) => {
        session.send('login')
        await new Promise<void>((resolve) => {
          authenticated = resolve
        })
      },
      onReady: async (session: WsSession) => void session.send('reconcile'),
    })
    const setup = mockActor({
      handler,
      subscriptionManager: jsonSubscriptions({
        initial: (desired, nextId) => [{ requestId: nextId(), payload: 'replay', subscribe: desired, unsubscribe: [] }],
      }),
      subscriptions: ['a'],
      reconnect: every(50),
      onStatus: (event) => {
        if (event.kind === 'ready') setup.actor.send('when ready')
      },
    })
    const { actor, server, pass } = setup
    expect(actor.send('before the start', across(1000))).toBe('not-open')
    actor.start()
    const first = ['one', 'two'].map((text) => actor.send(text, across(1000)))
    expect([first, actor.send('no'), actor.send('no', { ttlMs: 5 })]).toEqual([
      ['queued', 'queued'],
      'not-open',
      'not-open',
    ])
    expect(actor.stats()).toMatchObject({ keptMessages: 2, queuedBytes: 6 })
    await pass()
    expect(actor.status).toBe('opening')
    expect(actor.send('three', { ...across(1000), urgent: true })).toBe('queued')
    await pass(10)
    expect(texts(server())).toEqual(['login'])
    authenticated()
    await pass()
    await pass()
    expect(texts(server())).toEqual(['login', 'replay', 'reconcile', 'three', 'one', 'two', 'when ready'])
    expect(actor.stats()).toMatchObject({ keptMessages: 0, queuedBytes: 0 })
  })

  it('runs out while there is no connection, and while the next one authenticates', async () => {
    const { actor, server, pass, of } = await readyActor({ reconnect: every(1000) })
    server().reset()
    await pass()
    expect(actor.status).toBe('backoff')
    expect(actor.send('short', across(100))).toBe('queued')
    expect(actor.send('long', across(2000))).toBe('queued')
    await pass(100)
    expect(of('sends-given-up')).toMatchObject([{ reason: 'expired-unsent', messages: 1, bytes: 5 }])
    await pass(900)
    await pass()
    await pass()
    expect(texts(server())).toEqual(['long'])
    expect(of('sends-given-up')).toHaveLength(1)
  })

  it('waits behind the gate of an authentication that has expired, on the same connection', async () => {
    const sessions: WsSession[] = []
    const done: (() => void)[] = []
    const { handler } = jsonHandler({
      authenticate: (session: WsSession) => {
        sessions.push(session)
        return sessions.length === 1 ? Promise.resolve() : new Promise((resolve) => done.push(() => resolve(undefined)))
      },
    })
    const { actor, server, pass, of } = await readyActor({
      handler,
      onStatus: (event) => {
        if (event.kind === 'authenticated' && sessions.length > 1) actor.send('later')
      },
    })
    sessions[0]?.authExpired()
    await pass()
    expect([actor.send('no'), actor.send('yes', across(1000))]).toEqual(['not-open', 'queued'])
    await pass(10)
    expect(texts(server())).toEqual([])
    done[0]?.()
    await pass()
    expect(texts(server())).toEqual(['yes', 'later'])
    expect([actor.connection, of('sends-given-up')]).toEqual([1, []])
  })

  it('is kept when the peer has said CLOSE and the end is yet to come, and while it is drained for another connection', async () => {
    const { actor, server, pass, sent, reconnected } = await stuck()
    server().unstall()
    server().close(1001)
    await pass()
    // The link is closing; the actor hears of its end later.
    expect([actor.send('plain'), actor.send('kept', across(5000))]).toEqual(['not-open', 'queued'])
    server().end()
    await reconnected()
    await reconnected()
    expect([actor.connection, sent()]).toEqual([2, ['kept']])
    const ask = follow(actor.ask({ frame: 'pending', confirmMode: 'sent', timeoutMs: 100_000 }))
    server().stall()
    const other = follow(actor.ask({ frame: 'another', confirmMode: 'sent', timeoutMs: 100_000 }))
    actor.reconnect()
    expect([actor.status, actor.send('for the next', across(5000))]).toEqual(['draining', 'queued'])
    await pass(1000)
    await reconnected()
    expect([actor.connection, sent()]).toEqual([3, ['for the next']])
    expect([ask.value?.kind, other.value?.kind]).toEqual(['sent', 'not-delivered'])
  })

  it('keeps to its bound wherever it waits, and a writer is run once', async () => {
    const { actor, server, pass, sent, reconnected } = await stuck({
      lanes: { keptBytes: 60 },
      limits: { maxLinkBytes: 65536 },
    })
    let runs = 0
    const writer = (into: Uint8Array): number => {
      runs++
      into.fill(0x77, 0, 4)
      return 4
    }
    // 16 bytes each besides the payload.
    expect([1, 2, 3, 4].map(() => actor.send(writer, across(1000)))).toEqual(['taken', 'taken', 'taken', 'full'])
    expect(actor.send('no kept one', { ttlMs: 1000 })).toBe('taken')
    expect(actor.send('x'.repeat(45), across(1000))).toBe('full')
    server().reset()
    await pass()
    expect([actor.status, actor.send('', across(1000))]).toEqual(['backoff', 'full'])
    await reconnected()
    expect(sent()).toEqual(['wwww', 'wwww', 'wwww'])
    expect(runs).toBe(4)
    expect(actor.send('room', across(1000))).toBe('taken')
    const bytes = new Uint8Array([1, 2])
    server().reset()
    await pass()
    actor.send(bytes, across(1000))
    bytes.fill(9)
    await reconnected()
    expect(server().frames.map(({ opcode, payload }) => [opcode, ...payload])).toEqual([[2, 1, 2]])
  })

  it('says when it is given up because it all ends: before closed(), at stop, abandon and a last disconnect', async () => {
    const ends: [string, (setup: Setup) => void, unknown[]][] = [
      ['stop', ({ actor }) => void actor.stop(), ['stopped', 'none', 2, 2]],
      [
        'abandon',
        ({ actor }) => actor.abandon({ kind: 'local-stop', code: 'ERR_ABORTED', message: 'x' } as never),
        ['stopped', 'none', 2, 2],
      ],
    ]
    for (const [what, end, told] of ends) {
      const setup = await readyActor({ reconnect: every(1000) })
      const { actor, server, pass, clock, heard } = setup
      const { givenUp } = views(setup)
      server().reset()
      await pass()
      actor.send('a', across(60_000))
      actor.send('b', across(60_000))
      const order: string[] = []
      void actor.closed().then(() => order.push(...givenUp().map(String)))
      end(setup)
      await pass()
      expect([what, ...givenUp()]).toEqual([what, told])
      expect(order).toEqual([String(told)])
      expect(heard.at(-1)?.kind).toBe('stopped')
      expect([actor.status, clock.pendingTimers, actor.send('c', across(1000))]).toEqual(['stopped', 0, 'not-open'])
    }
  })

  it('given up at a stop of an open connection: what was accepted goes out first, the rest is told as stopped', async () => {
    const { actor, server, pass, sent, givenUp } = await stuck()
    for (const text of ['link', 'held', 'lane', 'more']) actor.send(text, across(60_000))
    void actor.stop({ timeoutMs: 100 })
    await pass(50)
    server().takeBytes(20)
    await pass()
    expect(givenUp()).toEqual([])
    await pass(100)
    await pass(1000)
    expect(sent()).toEqual(['link', 'held'])
    expect(givenUp()).toEqual([['stopped', 'none', 2, 8]])
  })

  it('drain() waits for it, over the next connection too, and hears of a stop', async () => {
    const { actor, server, pass, sent, reconnected } = await stuck()
    server().reset()
    await pass()
    actor.send('kept', across(60_000))
    const drained = follow(actor.drain({ timeoutMs: 60_000 }))
    await pass()
    expect([drained.value, actor.send('no more', across(1000))]).toEqual([undefined, 'not-open'])
    await reconnected()
    await pass(2)
    expect([drained.value, sent()]).toEqual([true, ['kept']])

    const other = await stuck()
    other.server().reset()
    await other.pass()
    other.actor.send('kept', across(60_000))
    const stopped = follow(other.actor.drain({ timeoutMs: 60_000 }))
    await other.pass()
    await other.stopped()
    expect([stopped.value, other.givenUp()]).toEqual([false, [['stopped', 'none', 1, 4]]])
  })

  it('bursts go as one, stop at the first that is not accepted, and keep their order across a reconnect', async () => {
    const { actor, server, pass, sent, reconnected } = await stuck({ lanes: { keptBytes: 100 } })
    expect(actor.sendBatch(['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee', 'ffff'], across(1000))).toBe(5)
    server().reset()
    await pass()
    expect(actor.sendBatch(['gggg'], across(1000))).toBe(0)
    expect(actor.sendBatch(['gggg'], { ttlMs: 1000 })).toBe(0)
    await reconnected()
    expect(sent()).toEqual(['aaaa', 'bbbb', 'cccc', 'dddd', 'eeee'])
    expect(actor.sendBatch(['hhhh', 'iiii'], { ttlMs: 1000 })).toBe(2)
    const thrower = (): number => {
      throw new Error('mine')
    }
    expect(() => actor.sendBatch(['jjjj', thrower, 'kkkk'], across(1000))).toThrow('mine')
    await pass()
    expect(sent().slice(5)).toEqual(['hhhh', 'iiii', 'jjjj'])
  })

  it('waits for the budget of frames on the next connection', async () => {
    const setup = await readyActor({ reconnect: every(50), pacing: { frames: 2, perMs: 1000, pongFrames: 0 } })
    const { actor, server, pass } = setup
    const { reconnected, givenUp } = views(setup)
    server().reset()
    await pass()
    for (const text of ['a', 'b', 'c']) actor.send(text, across(60_000))
    actor.send('d', across(500))
    await reconnected()
    expect(texts(server())).toEqual(['a', 'b'])
    await pass(1000)
    await pass()
    expect(texts(server())).toEqual(['a', 'b', 'c'])
    expect(givenUp()).toEqual([['expired-unsent', 'none', 1, 1]])
  })

  it('a writer that ends it all has nothing kept, and one that throws neither', async () => {
    const { actor, server, pass } = await stuck()
    const stops = (into: Uint8Array): number => {
      void actor.stop()
      return into.length > 0 ? 1 : 0
    }
    expect(() =>
      actor.send(() => {
        throw new Error('mine')
      }, across(1000)),
    ).toThrow('mine')
    server().reset()
    await pass()
    expect(actor.send(stops, across(1000))).toBe('not-open')
    await pass()
    expect([actor.status, actor.stats().keptMessages]).toEqual(['stopped', 0])
  })
})
