import { channel } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import type { WsStatusDiagnostics } from '../../../src/actor/diagnostics.ts'
import { MAX_RECENT_ERRORS } from '../../../src/actor/recent-errors.ts'
import type { WsStatusEvent } from '../../../src/actor/status.ts'
import { MAX_STATUS_EVENTS } from '../../../src/actor/status-feed.ts'
import { ExponentialBackoff } from '../../../src/reconnect/exponential-backoff.ts'
import { healing } from '../front/healing-support.ts'
import { follow, jsonHandler, jsonSubscriptions, mockActor, readyActor, sentTo, turn } from './support.ts'

async function all(events: AsyncIterable<WsStatusEvent>): Promise<string[]> {
  const kinds: string[] = []
  for await (const event of events) kinds.push(event.kind)
  return kinds
}

describe('statusEvents()', () => {
  it('tells what the callback hears, to any number of readers, and ends with stopped', async () => {
    const { actor, pass, kinds } = mockActor({ handler: jsonHandler({ authenticate: async () => {} }).handler })
    const [one, two] = [all(actor.statusEvents()), all(actor.statusEvents())]
    actor.start()
    for (let i = 0; i < 3; i++) await pass()
    const stopped = actor.stop()
    await pass(3000)
    await stopped
    expect(await one).toEqual(kinds())
    expect(await two).toEqual(kinds())
    expect(kinds().slice(0, 4)).toEqual(['connecting', 'open', 'authenticated', 'ready'])
    expect(await all(actor.statusEvents())).toEqual(['stopped'])
  })

  it('holds the newest for a reader that does not read, and says how many it missed', async () => {
    const { actor, pass, of } = await readyActor({ reconnect: new ExponentialBackoff({ baseMs: 1, maxMs: 1 }) })
    const idle = actor.statusEvents()
    while (of('gap').length * 4 < MAX_STATUS_EVENTS) {
      actor.reconnect()
      await pass(1)
      await pass()
    }
    const stopped = actor.stop()
    await pass(3000)
    await stopped
    const first = (await idle.next()).value as WsStatusEvent
    expect(first).toMatchObject({ kind: 'missed' })
    const rest = await all(idle)
    expect(rest).toHaveLength(MAX_STATUS_EVENTS)
    expect(rest.at(-1)).toBe('stopped')
  })

  it('forgets a reader that leaves', async () => {
    const { actor, pass } = await readyActor()
    for await (const event of (() => {
      const events = actor.statusEvents()
      actor.reconnect()
      return events
    })()) {
      expect(event.kind).toBe('draining')
      break
    }
    void actor.stop()
    await pass(3000)
    expect(actor.status).toBe('stopped')
  })
})

describe('diagnostics_channel shared-ws:status', () => {
  it('has every status event, with the url but without its secrets', async () => {
    const heard: WsStatusDiagnostics[] = []
    const listen = (message: unknown): void => void heard.push(message as WsStatusDiagnostics)
    const status = channel('shared-ws:status')
    status.subscribe(listen)
    try {
      const url = 'wss://user:secret@host.example/path?token=secret'
      const { actor, pass, kinds } = mockActor({ url })
      actor.start()
      await pass()
      void actor.stop()
      await pass(3000)
      expect(heard.map(({ event }) => event.kind)).toEqual(kinds())
      expect(heard[0]).toMatchObject({ url: 'wss://host.example/path', transport: 'mock' })
      expect(new Set(heard.map((message) => message.actor)).size).toBe(1)
      expect(JSON.stringify(heard)).not.toContain('secret')
    } finally {
      status.unsubscribe(listen)
    }
  })
})

describe('every step', () => {
  it('is told: what is being closed, and why, before it has ended', async () => {
    const { actor, server, pass, heard, kinds, of } = await readyActor()
    server().stall()
    void actor.stop({ timeoutMs: 1000 })
    await pass()
    expect(kinds().at(-1)).toBe('closing')
    expect([actor.status, of('closing')]).toMatchObject(['closing', [{ connection: 1, cause: { kind: 'local-stop' } }]])
    await pass(3000)
    expect(heard.slice(-3).map(({ kind }) => kind)).toEqual(['disconnected', 'gap', 'stopped'])
    expect(of('closing')).toHaveLength(1)
  })

  it('is heard by the callback of connect() as by status()', async () => {
    const called: string[] = []
    const errors: string[] = []
    const { connection, server, pass, closed } = await healing({
      handler: jsonHandler({ authenticate: () => Promise.resolve() }).handler,
      onStatus: ({ kind }) => {
        called.push(kind)
        if (kind === 'ready') throw new Error('clumsy')
      },
      onCallbackError: (_, callback) => errors.push(callback),
    })
    const iterated: string[] = []
    const status = connection.status()
    const before = called.length
    expect(called).toEqual(['connecting', 'open', 'authenticated', 'ready'])
    server().reset()
    await pass()
    await closed()
    for await (const { kind } of status) iterated.push(kind)
    expect(iterated).toEqual(called.slice(before))
    expect(called.slice(-3)).toEqual(['gap', 'backoff', 'stopped'])
    expect(errors).toEqual(['onStatus'])
  })

  it('a frame with the id of an ask that settles nothing is counted and reported, and settles nothing', async () => {
    const { actor, server, pass, of } = await readyActor({ handler: jsonHandler().handler })
    const ask = (requestId: string) =>
      follow(actor.ask({ frame: '{}', requestId, confirmMode: 'confirmed', timeoutMs: 1000 }))
    const first = ask('1')
    server().sendText('{"id":1,"progress":50}')
    server().sendText('{"id":2,"result":1}')
    await pass()
    expect(of('reply-ignored')).toMatchObject([{ requestId: '1', why: 'neither', connection: 1 }])
    expect([first.value, actor.stats().unmatchedReplies]).toEqual([undefined, 2])
  })
})

describe('stats()', () => {
  it('counts attempts, connections and reconnects, and knows how old the last byte and the last data are', async () => {
    let refusals = 1
    const setup = mockActor({ handler: jsonHandler().handler }, (server) => {
      if (refusals-- > 0) server.refuse({ status: 503 })
      else server.accept()
    })
    const { actor, pass, server } = setup
    actor.start()
    await pass(500)
    await pass()
    expect(actor.stats()).toMatchObject({ attempts: 2, attemptsFailed: 1, connectionsOpened: 1, reconnects: 0 })
    expect(actor.stats().lastDataAgeMs).toBeUndefined()
    server().sendText('{"a":1}')
    await pass()
    await pass(250)
    expect(actor.stats()).toMatchObject({ lastDataAgeMs: 250, lastByteAgeMs: 250 })
    server().sendText('{"ping":1}')
    actor.reconnect()
    await pass()
    await pass(500)
    await pass()
    expect(actor.stats()).toMatchObject({ attempts: 3, connectionsOpened: 2, reconnects: 1 })
    void actor.stop()
    await pass(3000)
    expect(actor.stats().lastByteAgeMs).toBeUndefined()
  })

  // Frames that never left are no messages sent, whoever took them from us, and whether or not they were taken back.
  it('counts messages that the kernel took, of all connections, the library’s own among them', async () => {
    const { actor, pass, server } = await readyActor({
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
      limits: { maxLinkBytes: 400 },
      reconnect: new ExponentialBackoff({ baseMs: 1, maxMs: 1 }),
    })
    expect(actor.stats().messagesSent).toBe(1)
    actor.send('{"n":1}')
    expect(actor.sendBatch(['{"n":2}', '{"n":3}'])).toBe(2)
    await pass()
    expect([actor.stats().messagesSent, server().frames.length]).toEqual([4, 4])
    void actor.ping()
    await pass()
    expect([actor.stats().messagesSent, server().frames.length]).toEqual([4, 5])
    server().stall()
    actor.send('{"n":4}')
    const withdrawn = follow(
      actor.ask({ frame: '{"id":"x"}', requestId: 'x', confirmMode: 'confirmed', timeoutMs: 50 }),
    )
    expect(actor.send('{"n":5}')).toBe('taken')
    await pass(50)
    expect(withdrawn.value).toMatchObject({ kind: 'not-delivered' })
    expect(actor.stats().messagesSent).toBe(4)
    server().takeBytes(20)
    await pass()
    expect(actor.stats().messagesSent).toBe(5)
    server().reset()
    await pass(1)
    await pass()
    expect(actor.stats().messagesSent).toBe(6)
    expect(sentTo(server())).toHaveLength(1)
  })

  it('keeps the newest errors, of connections and of user code, but not our own stop', async () => {
    const { handler } = jsonHandler({
      handleMessage: () => {
        throw new Error('clumsy')
      },
    })
    const { actor, pass, server } = await readyActor({
      handler,
      reconnect: new ExponentialBackoff({ baseMs: 1, maxMs: 1 }),
    })
    server().sendText('{"a":1}')
    await pass()
    server().reset()
    await pass()
    const [hook, end] = actor.stats().recentErrors
    expect(hook).toMatchObject({ kind: 'hook-failed', message: 'handler.handleMessage: clumsy', connection: 1 })
    expect(end).toMatchObject({ kind: 'read-failure', connection: 1 })
    for (let i = 0; i < 20; i++) {
      await pass(1)
      await pass()
      server().reset()
      await turn()
    }
    void actor.stop()
    await pass(3000)
    const { recentErrors, errors, disconnects } = actor.stats()
    expect(recentErrors).toHaveLength(MAX_RECENT_ERRORS)
    // One of them of user code, and our own stop is none.
    expect(errors).toBe(disconnects)
    expect(disconnects).toBeGreaterThan(MAX_RECENT_ERRORS)
    expect(recentErrors.some(({ kind }) => kind === 'local-stop' || kind === 'hook-failed')).toBe(false)
  })
  it('of connect() has what its callbacks threw', async () => {
    const onMessage = (): never => {
      throw new Error('clumsy')
    }
    const { connection, server, pass, closed } = await healing({ onMessage, onCallbackError: () => {} })
    server().sendText('x')
    await pass()
    const { errors, callbackErrors, recentErrors } = connection.stats()
    expect([errors, callbackErrors]).toEqual([1, 1])
    expect(recentErrors).toMatchObject([{ kind: 'hook-failed', message: 'onMessage: clumsy', connection: 1 }])
    await closed()
  })
})
