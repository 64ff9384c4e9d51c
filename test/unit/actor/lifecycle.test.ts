import { describe, expect, it } from 'vitest'
import { WebSocketActor } from '../../../src/actor/websocket-actor.ts'
import { WsConnectError } from '../../../src/errors/disconnect-cause.ts'
import { WsConfigError } from '../../../src/errors/errors.ts'
import { NoReconnect } from '../../../src/reconnect/exponential-backoff.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import { follow, jsonHandler, mockActor, readyActor, turn } from './support.ts'

/** ms that are the same each time. */
const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })

describe('connecting', () => {
  it('does nothing before start(), which counts once', async () => {
    const { actor, transport, pass, kinds } = mockActor()
    await pass()
    expect([actor.status, transport.servers.length]).toEqual(['idle', 0])
    actor.start()
    actor.start()
    await pass()
    expect([actor.status, transport.servers.length]).toEqual(['ready', 1])
    expect(kinds()).toEqual(['connecting', 'open', 'ready'])
    expect((await actor.ready()).remoteAddress).toBe('192.0.2.1')
  })

  it('comes back after a drop, says so in order, and numbers its connections', async () => {
    const { actor, server, pass, heard, clock } = await readyActor({ reconnect: every(100) })
    await pass(50)
    server().reset()
    await pass()
    expect(actor.status).toBe('backoff')
    const ready = follow(actor.ready())
    await pass(99)
    expect(ready.value).toBeUndefined()
    await pass(1)
    expect(ready.value).toBeDefined()
    expect(heard.slice(3).map(({ kind, connection }) => [kind, connection])).toEqual([
      ['disconnected', 1],
      ['gap', 1],
      ['backoff', 2],
      ['connecting', 2],
      ['open', 2],
      ['ready', 2],
    ])
    expect(heard.find(({ kind }) => kind === 'gap')).toMatchObject({
      fromUs: clock.epochUs() - 150_000,
      toUs: clock.epochUs() - 100_000,
      cause: { code: 'ECONNRESET' },
    })
  })

  it('tries again when refused; failed attempts use up no connection number and make no gap', async () => {
    let refusals = 2
    const setup = mockActor({ reconnect: every(10) }, (server) => {
      if (refusals-- > 0) server.refuse({ status: 503 })
      else server.accept()
    })
    setup.actor.start()
    await setup.pass(1000)
    expect(setup.actor.status).toBe('ready')
    expect(setup.of('connecting').map(({ connection, attempt }) => [connection, attempt])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ])
    expect(setup.of('gap')).toEqual([])
    expect(setup.actor.stats()).toMatchObject({ attemptsFailed: 2, connectionsOpened: 1, attempt: 3 })
  })

  it('asks the strategy with attempt, cause and chance; undefined gives up', async () => {
    const asked: unknown[] = []
    const reconnect = {
      nextDelayMs(attempt: number, cause: { code: string }, random: { float(): number }) {
        asked.push([attempt, cause.code, typeof random.float()])
        return attempt < 3 ? 5 : undefined
      },
      reset() {},
    }
    const { actor, pass, clock } = mockActor({ reconnect }, (server) => server.refuse({ status: 500 }))
    const ready = follow(actor.ready())
    actor.start()
    await pass(100)
    expect(asked).toEqual([1, 2, 3].map((n) => [n, 'ERR_UPGRADE_REFUSED', 'number']))
    const closed = await actor.closed()
    expect(closed.cause).toMatchObject({ kind: 'handshake-failed', http: { status: 500 } })
    expect(closed.reason).toContain('gave up after attempt 3')
    expect(ready.error).toBeInstanceOf(WsConnectError)
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('counts attempts from one again after stableMs of proven health, not before', async () => {
    const attempts: number[] = []
    let resets = 0
    const reconnect = { nextDelayMs: (n: number) => attempts.push(n) && 1, reset: () => void resets++ }
    const { server, pass, of } = await readyActor({ reconnect, stableMs: 1000 })
    for (let i = 0; i < 2; i++) {
      server().sendText('{}')
      await pass(500)
      server().reset()
      await pass(1)
    }
    expect([attempts, resets]).toEqual([[1, 2], 0])
    // Open, but nothing has come: not proven.
    await pass(5000)
    server().reset()
    await pass(1)
    expect([attempts, resets]).toEqual([[1, 2, 3], 0])
    server().sendText('{}')
    await pass(1000)
    expect([of('healthy').length, resets]).toEqual([1, 1])
    server().reset()
    await pass(1)
    expect(attempts).toEqual([1, 2, 3, 1])
    expect(of('connecting').at(-1)?.attempt).toBe(1)
  })

  it('calls url and header functions for each attempt', async () => {
    const seen: number[] = []
    const { server, pass, transport } = await readyActor({
      reconnect: every(1),
      url: ({ attempt }) => `ws://host${attempt}.example/`,
      headers: async ({ attempt }) => {
        seen.push(attempt)
        return { 'X-Attempt': String(attempt) }
      },
    })
    server().reset()
    await pass(1)
    await pass(1)
    expect(seen).toEqual([1, 2])
    expect(transport.servers.map(({ request }) => request.url.host)).toEqual(['host1.example', 'host2.example'])
  })

  it('a transport that throws is an attempt that failed', async () => {
    const transport = new MockTransport()
    let left = 2
    const real = transport.connect.bind(transport)
    transport.connect = (...args) => {
      if (left-- > 0) throw new Error('no addon')
      return real(...args)
    }
    const { clock } = mockActor()
    const actor = new WebSocketActor({ url: 'ws://host.example/', transport, clock, reconnect: every(1) })
    actor.start()
    // Never from inside start(): each failure is heard of in a turn of its own.
    expect(actor.stats()).toMatchObject({ attemptsFailed: 0 })
    for (let i = 0; i < 3; i++) {
      await turn()
      clock.advance(1)
    }
    clock.advance(0)
    expect(actor.status).toBe('ready')
    expect(actor.stats()).toMatchObject({ attemptsFailed: 2 })
  })
})

describe('reconnect()', () => {
  it('leaves once pending asks have finished, and connects at once', async () => {
    const { actor, server, pass, kinds } = await readyActor({ handler: jsonHandler().handler })
    const first = server()
    const ask = follow(actor.ask({ frame: '{}', requestId: 'a', confirmMode: 'confirmed', timeoutMs: 5000 }))
    actor.reconnect('rotate')
    await pass()
    expect(actor.status).toBe('draining')
    const refused = await actor.ask({ frame: '{}', confirmMode: 'confirmed', timeoutMs: 5000 })
    expect(refused).toMatchObject({ kind: 'not-delivered', reason: 'not-ready' })
    first.sendText('{"id":"a","result":1}')
    await pass()
    expect(ask.value).toMatchObject({ kind: 'confirmed', requestId: 'a' })
    await pass()
    expect(actor.status).toBe('ready')
    expect(kinds()).toEqual([
      'connecting',
      'open',
      'ready',
      'draining',
      'closing',
      'disconnected',
      'gap',
      'connecting',
      'open',
      'ready',
    ])
    expect(first.clientEnded).toBe(true)
  })

  it('does not wait longer than disconnectDrainMs', async () => {
    const { actor, pass, of } = await readyActor({ handler: jsonHandler().handler, disconnectDrainMs: 200 })
    const ask = follow(actor.ask({ frame: '{}', confirmMode: 'confirmed', timeoutMs: 5000 }))
    actor.reconnect()
    await pass(199)
    expect(ask.value).toBeUndefined()
    await pass(1)
    expect(ask.value).toMatchObject({ kind: 'unconfirmed', reason: 'disconnected', delivery: 'all' })
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'reconnect-requested', by: 'user' })
  })

  it('while backing off means now', async () => {
    const { actor, server, pass } = await readyActor({ reconnect: every(60_000) })
    server().reset()
    await pass()
    expect(actor.status).toBe('backoff')
    actor.reconnect()
    await pass()
    expect(actor.status).toBe('ready')
  })
})

describe('stop()', () => {
  it('closes politely, behind what was sent, and leaves nothing', async () => {
    const { actor, server, pass, clock, kinds } = await readyActor()
    server().takeBytes(10)
    actor.send('x'.repeat(100_000))
    actor.send('last')
    const stopped = follow(actor.stop({ code: 4000, reason: 'bye' }))
    expect(actor.status).toBe('closing')
    expect(actor.send('late')).toBe('not-open')
    await pass(100)
    expect(stopped.value).toBeUndefined()
    server().unstall()
    await pass()
    await pass()
    expect(server().frames.map(({ opcode, payload }) => [opcode, payload.length])).toEqual([
      [1, 100_000],
      [1, 4],
      [8, 5],
    ])
    expect(stopped.value).toMatchObject({ cause: { kind: 'local-stop', code: 'LOCAL_CLOSE', closeCode: 4000 } })
    expect(kinds().slice(-3)).toEqual(['disconnected', 'gap', 'stopped'])
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not wait longer than its timeout, whatever the server does', async () => {
    for (const misbehave of ['stall', 'mute'] as const) {
      const { actor, server, pass, clock } = await readyActor()
      server().answersClose = false
      if (misbehave === 'stall') server().stall()
      actor.send('x'.repeat(200_000))
      const stopped = follow(actor.stop({ timeoutMs: 300 }))
      await pass(299)
      expect(stopped.value).toBeUndefined()
      await pass(1)
      await pass()
      expect(stopped.value?.cause.code).toBe('ERR_CLOSE_TIMEOUT')
      await pass()
      expect(clock.pendingTimers).toBe(0)
    }
  })

  it('from every state, once and for good', async () => {
    const scenes = {
      idle: async () => mockActor(),
      connecting: async () => {
        const setup = mockActor({}, () => {})
        setup.actor.start()
        await setup.pass()
        return setup
      },
      preparing: async () => {
        const setup = mockActor({ headers: () => new Promise<never>(() => {}) })
        setup.actor.start()
        await setup.pass()
        return setup
      },
      authenticating: async () =>
        readyActor({ handler: jsonHandler({ authenticate: () => new Promise(() => {}) }).handler }),
      ready: async () => readyActor(),
      backoff: async () => {
        const setup = await readyActor({ reconnect: every(1000) })
        setup.server().reset()
        await setup.pass()
        return setup
      },
    }
    for (const [name, scene] of Object.entries(scenes)) {
      const { actor, clock, pass, of, transport } = await scene()
      const attempts = transport.servers.length
      const first = follow(actor.stop())
      const second = follow(actor.stop())
      await pass()
      await pass()
      expect([name, actor.status, first.value?.cause.kind, second.value]).toEqual([
        name,
        'stopped',
        'local-stop',
        first.value,
      ])
      expect(of('stopped')).toHaveLength(1)
      actor.start()
      actor.reconnect()
      await pass(100_000)
      expect([name, clock.pendingTimers, transport.servers.length]).toEqual([name, 0, attempts])
      await expect(actor.ready()).rejects.toBeInstanceOf(WsConnectError)
      expect(await actor.ask({ frame: '{}', confirmMode: 'sent', timeoutMs: 1 })).toMatchObject({
        kind: 'not-delivered',
        reason: 'stopped',
      })
    }
  })

  it('comes from the signal too, whose reason whoever waits gets', async () => {
    const abort = new AbortController()
    const { actor, pass, server, clock } = mockActor({ signal: abort.signal }, () => {})
    actor.start()
    await pass()
    const ready = follow(actor.ready())
    const reason = new Error('shutting down')
    abort.abort(reason)
    await pass()
    expect(ready.error).toBe(reason)
    expect((await actor.closed()).cause).toMatchObject({ kind: 'local-stop', code: 'ERR_ABORTED' })
    expect(server().clientEnded).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('after a drop that is being dealt with tells of the stop', async () => {
    const { actor, server, pass } = await readyActor({ reconnect: NoReconnect })
    server().close(1001, 'restart')
    await pass()
    const { cause, reason } = await actor.closed()
    expect(cause).toMatchObject({ kind: 'remote-closed', closeCode: 1001 })
    expect(reason).toContain('no reconnecting')
  })
})

describe('what is wrong with options', () => {
  it('is told at once, all of it', () => {
    const make = (options: unknown) => () => new WebSocketActor(options as never)
    expect(make(undefined)).toThrow(WsConfigError)
    expect(make({ url: 'http://x', transport: 5, handler: {}, staleAfter: 1, subscriptions: [1] })).toThrow(
      /url:[\s\S]*handler:[\s\S]*transport:/,
    )
    expect(make({ url: 'ws://x', transport: new MockTransport(), staleAfter: 1 })).toThrow(/did you mean staleAfterMs/)
    expect(make({ url: 'ws://x', transport: new MockTransport(), subscriptions: ['a'] })).toThrow(
      /subscriptions: need a subscriptionManager/,
    )
  })
})
