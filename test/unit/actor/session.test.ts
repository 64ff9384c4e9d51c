import { describe, expect, it } from 'vitest'
import type { WsIngress, WsIngressVerdict } from '../../../src/ingress/ingress.ts'
import { WsAuthRefusedError, type WsSession } from '../../../src/session/endpoint-handler.ts'
import { follow, jsonHandler, jsonSubscriptions, mockActor, readyActor, sentTo } from './support.ts'

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })

describe('the way to ready', () => {
  it('goes resetState, onOpen, public subscriptions, authenticate, the others, onReady; asks wait for the end', async () => {
    const log: string[] = []
    let session: WsSession | undefined
    const setup = mockActor({
      handler: jsonHandler({
        resetState: () => void log.push('reset'),
        onOpen: (opened) => {
          log.push('open')
          session = opened
          opened.send('{"hello":1}')
        },
        authenticate: async (opened) => {
          log.push('authenticate')
          const outcome = await opened.ask({
            frame: (id: string) => JSON.stringify({ auth: 1, id }),
            confirmMode: 'confirmed',
            timeoutMs: 1000,
          })
          log.push(outcome.kind)
        },
        onReady: async (opened) => {
          log.push('onReady')
          opened.send('{"reconcile":1}')
        },
      }).handler,
      subscriptionManager: jsonSubscriptions({ requiresAuth: (item) => item.startsWith('user.') }),
      subscriptions: ['user.orders', 'book', 'user.trades', 'ticker'],
    })
    setup.actor.start()
    await setup.pass()
    expect(setup.actor.status).toBe('opening')
    expect(setup.actor.send('{}')).toBe('not-open')
    const early = await setup.actor.ask({ frame: '{}', confirmMode: 'sent', timeoutMs: 10 })
    expect(early).toMatchObject({ kind: 'not-delivered', reason: 'not-ready', connection: 1 })
    const [hello, pub, auth] = sentTo(setup.server())
    expect([hello, pub?.['sub'], auth?.['auth']]).toEqual([{ hello: 1 }, ['book', 'ticker'], 1])
    expect(sentTo(setup.server())).toHaveLength(3)
    // Added while it authenticates: asked for with the replay, once.
    setup.actor.subscribe(['funding', 'user.account'])
    setup.server().sendText(JSON.stringify({ id: auth?.['id'], result: 1 }))
    await setup.pass()
    await setup.pass()
    expect(setup.actor.status).toBe('ready')
    expect(log).toEqual(['reset', 'open', 'authenticate', 'confirmed', 'onReady'])
    const rest = sentTo(setup.server()).slice(3)
    expect(rest.map((json) => json['sub'] ?? json)).toEqual([
      ['user.orders', 'user.trades', 'user.account'],
      ['funding'],
      { reconcile: 1 },
    ])
    expect(session?.connection).toBe(1)
  })

  it('sends public and private in one replay when there is nothing to authenticate', async () => {
    const { server } = await readyActor({
      subscriptionManager: jsonSubscriptions({ requiresAuth: (item) => item === 'b' }),
      subscriptions: ['a', 'b', 'c'],
    })
    expect(sentTo(server()).map((json) => json['sub'])).toEqual([['a', 'b', 'c']])
  })

  it('refused credentials are tried once more, with fresh ones, and then it stops', async () => {
    let tries = 0
    const handler = jsonHandler({
      authenticate: async () => {
        tries++
        throw new WsAuthRefusedError('bad signature')
      },
    }).handler
    const { actor, pass, clock, of } = mockActor({ handler, reconnect: every(10) })
    actor.start()
    await pass(100)
    await pass(100)
    const { cause, reason } = await actor.closed()
    expect(cause).toMatchObject({ kind: 'session-failed', stage: 'authenticate', code: 'ERR_AUTH_REFUSED' })
    expect(reason).toContain('refused twice')
    expect([tries, of('ready').length]).toEqual([2, 0])
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('other failures of authenticate and onReady end the connection, and are no reason to stop', async () => {
    const failures: [object, string][] = [
      [{ authenticate: async () => Promise.reject(new Error('x')) }, 'ERR_AUTH_FAILED'],
      [
        {
          authenticate: () => {
            throw new Error('x')
          },
        },
        'ERR_AUTH_FAILED',
      ],
      [{ authenticate: () => new Promise(() => {}) }, 'ERR_AUTH_TIMEOUT'],
      [{ onReady: async () => Promise.reject('nothing of an Error') }, 'ERR_ON_READY_FAILED'],
      [{ onReady: () => new Promise(() => {}) }, 'ERR_ON_READY_TIMEOUT'],
    ]
    for (const [hooks, code] of failures) {
      const { actor, pass, of } = mockActor({
        handler: jsonHandler(hooks).handler,
        reconnect: every(50),
        authTimeoutMs: 100,
        onReadyTimeoutMs: 100,
      })
      actor.start()
      for (let i = 0; i < 20; i++) await pass(50)
      expect(of('disconnected').map(({ cause }) => cause.code)).toEqual(of('disconnected').map(() => code))
      expect(of('disconnected').length).toBeGreaterThan(3)
      await Promise.all([actor.stop(), pass()])
    }
  })

  it('an answer of an old connection to authenticate is not heard', async () => {
    const resolvers: (() => void)[] = []
    const { actor, pass, server } = mockActor({
      handler: jsonHandler({ authenticate: () => new Promise((resolve) => resolvers.push(resolve)) }).handler,
      reconnect: every(1),
    })
    actor.start()
    await pass()
    server().reset()
    await pass(1)
    await pass()
    expect([resolvers.length, actor.status]).toEqual([2, 'opening'])
    resolvers[0]?.()
    await pass()
    expect(actor.status).toBe('opening')
    resolvers[1]?.()
    await pass()
    expect(actor.status).toBe('ready')
  })

  it('an old session can do no harm', async () => {
    const sessions: WsSession[] = []
    const { actor, pass, server } = await readyActor({
      handler: jsonHandler({ onOpen: (session) => void sessions.push(session) }).handler,
      reconnect: every(1),
    })
    expect(sessions[0]?.signal.aborted).toBe(false)
    server().reset()
    await pass(1)
    await pass()
    expect(actor.status).toBe('ready')
    expect(sessions[0]?.signal.aborted).toBe(true)
    expect(sessions[0]?.send('{"stale":1}')).toBe('not-open')
    const outcome = await sessions[0]?.ask({ frame: '{}', confirmMode: 'sent', timeoutMs: 10 })
    expect(outcome).toMatchObject({ kind: 'not-delivered', connection: 1 })
    sessions[0]?.reconnect()
    await pass()
    expect([sentTo(server()), actor.status, actor.connection]).toEqual([[], 'ready', 2])
  })

  it('a session that is told of the end of its connection leaves it behind pending asks', async () => {
    const { handler } = jsonHandler({ handleMessage: (_, session) => session.reconnect('maintenance') })
    const { actor, pass, server, of } = await readyActor({ handler })
    const ask = follow(actor.ask({ frame: '{}', requestId: '1', confirmMode: 'confirmed', timeoutMs: 900 }))
    server().sendText('{"maintenance":true}')
    await pass()
    expect([actor.status, ask.value]).toEqual(['draining', undefined])
    server().sendText('{"id":1,"result":1}')
    await pass()
    expect(ask.value).toMatchObject({ kind: 'confirmed' })
    expect(of('disconnected')).toMatchObject([{ cause: { kind: 'reconnect-requested', by: 'handler' } }])
    expect([actor.status, actor.connection]).toEqual(['ready', 2])
  })
})

describe('what a handler makes of frames', () => {
  it('gets messages; its server errors continue, reconnect or end', async () => {
    for (const [action, status] of [
      ['continue', 'ready'],
      ['reconnect', 'ready'],
      ['fatal', 'stopped'],
    ] as const) {
      const { handler, messages } = jsonHandler({ handleServerError: () => action })
      const { actor, server, pass, of } = await readyActor({ handler })
      server().sendText('{"n":1}')
      server().sendText('{"fault":"overload"}')
      server().sendText('{"n":2}')
      await pass()
      await pass()
      expect(messages).toEqual([{ n: 1 }, { n: 2 }])
      expect([action, actor.status, of('ready').length]).toEqual([action, status, action === 'reconnect' ? 2 : 1])
      const cause = { kind: 'server-error', code: 'ERR_SERVER_ERROR', serverMessage: 'overload' }
      if (action === 'reconnect') expect(of('disconnected')[0]?.cause).toMatchObject(cause)
      if (action === 'fatal') {
        expect(await actor.closed()).toMatchObject({ cause })
        expect((await actor.closed()).reason).toContain('overload')
      }
    }
  })

  it('calls made from inside are carried out after it, in order', async () => {
    const log: string[] = []
    let act: () => void = () => {}
    const { actor, server, pass } = await readyActor({ handler: jsonHandler({ handleMessage: () => act() }).handler })
    const outcomes: unknown[] = []
    act = () => {
      act = () => void log.push('second message')
      log.push(actor.send('{"one":1}'))
      actor
        .ask({ frame: '{"two":1}', confirmMode: 'sent', timeoutMs: 100 })
        .then((outcome) => outcomes.push(outcome.kind))
      log.push(actor.send('{"three":1}'))
      void actor.stop()
      log.push(actor.status, `${sentTo(server()).length} sent`)
    }
    server().sendText('{"a":1}')
    server().sendText('{"b":1}')
    await pass()
    await pass()
    expect(log).toEqual(['queued', 'queued', 'ready', '0 sent', 'second message'])
    expect(sentTo(server()).map((json) => Object.keys(json)[0])).toContain('one')
    expect(outcomes).toHaveLength(1)
    expect(actor.status).toBe('stopped')
  })
})

describe('wire order is call order', () => {
  it.each([false, true])('of asks and sends from inside a hook too; urgent: %s', async (urgent) => {
    let act: () => void = () => {}
    const { actor, server, pass } = await readyActor({ handler: jsonHandler({ handleMessage: () => act() }).handler })
    const outcomes: unknown[] = []
    const ask = (frame: string): void => {
      void actor
        .ask({ frame, requestId: frame, confirmMode: 'sent', timeoutMs: 100, urgent })
        .then(({ kind }) => outcomes.push(kind))
    }
    act = () => {
      act = () => {}
      ask('{"one":1}')
      actor.send('{"two":1}', { urgent })
      ask('{"three":1}')
      ask('{"one":1}') // joins the first: nothing is sent for it
      actor.send('{"four":1}', { urgent })
    }
    server().sendText('{"a":1}')
    await pass()
    await pass()
    expect(sentTo(server()).map((json) => Object.keys(json)[0])).toEqual(['one', 'two', 'three', 'four'])
    await pass(50)
    expect(outcomes).toEqual(['sent', 'sent', 'sent'])
  })
})

it('an ask from inside a hook that is larger than its lane is sent, as it would be from outside', async () => {
  let act: () => void = () => {}
  const { actor, server, pass } = await readyActor({
    handler: jsonHandler({ handleMessage: () => act() }).handler,
    lanes: { normalBytes: 100 },
  })
  const outcomes: unknown[] = []
  const ask = (requestId: string, size: number): void => {
    const frame = JSON.stringify({ id: requestId, fill: 'x'.repeat(size) })
    void actor.ask({ frame, requestId, confirmMode: 'sent', timeoutMs: 100 }).then((outcome) => outcomes.push(outcome))
  }
  act = () => {
    act = () => {}
    ask('large', 1000)
    ask('behind it', 10)
  }
  server().sendText('{"a":1}')
  await pass()
  await pass(50)
  expect(sentTo(server()).map((json) => json['id'])).toEqual(['large'])
  expect(outcomes).toEqual([
    expect.objectContaining({ kind: 'not-delivered', reason: 'queue-full' }),
    expect.objectContaining({ kind: 'sent' }),
  ])
})

describe('the ingress', () => {
  it('ignores, emits once or many times, forwards, reconnects, shuts down', async () => {
    const emitted: [string, number][] = []
    const { handler, messages } = jsonHandler()
    const ingress: WsIngress<string> = {
      onFrame(frame, sink) {
        const { verdict, emit } = frame.json() as { verdict: WsIngressVerdict; emit?: string[] }
        for (const event of emit ?? []) sink.emit(event)
        return verdict
      },
    }
    const { actor, server, pass, of } = await readyActor<string>({
      handler,
      ingress: ingress as WsIngress<never>,
      onEvent: (event: string, connection: number) => emitted.push([event, connection]),
    })
    const send = (verdict: string, emit: string[] = []): void => server().sendText(JSON.stringify({ verdict, emit }))
    send('ignore')
    send('emit', ['one'])
    send('emit', ['two', 'three'])
    send('forward', ['four'])
    await pass()
    expect(emitted).toEqual(['one', 'two', 'three', 'four'].map((event) => [event, 1]))
    expect(messages).toMatchObject([{ verdict: 'forward' }])
    expect(actor.stats()).toMatchObject({ framesIgnored: 1, framesForwarded: 1, eventsEmitted: 4, messagesReceived: 4 })
    send('reconnect')
    await pass()
    await pass()
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'reconnect-requested', by: 'ingress' })
    expect(actor.status).toBe('ready')
    send('shutdown')
    await pass()
    await pass()
    expect((await actor.closed()).cause.code).toBe('ERR_SHUTDOWN_REQUESTED')
  })

  it('is the same one on every connection, and hears where they begin and end', async () => {
    const log: string[] = []
    let seen = 0
    const ingress: WsIngress = {
      onFrame: () => {
        log.push(`frame ${++seen}`)
        return 'ignore'
      },
      onOpen: (connection) => void log.push(`open ${connection}`),
      onGap: (connection, cause) => void log.push(`gap ${connection} ${cause.code}`),
    }
    const { server, pass } = await readyActor({ ingress, reconnect: every(1) })
    server().sendText('a')
    await pass()
    server().reset()
    await pass(1)
    await pass()
    server().sendText('b')
    await pass()
    expect(log).toEqual(['open 1', 'frame 1', 'gap 1 ECONNRESET', 'open 2', 'frame 2'])
  })
})

it('the signal of a session tells of its end, whenever it is asked for first', async () => {
  const sessions: WsSession[] = []
  const { actor, pass, server } = await readyActor({
    handler: jsonHandler({ onOpen: (session) => void sessions.push(session) }).handler,
    reconnect: every(1),
  })
  server().reset()
  await pass(1)
  await pass()
  const [first, second] = sessions as [WsSession, WsSession]
  expect(first.signal.aborted).toBe(true)
  expect(first.signal).toBe(first.signal)
  const { signal } = second
  expect(second.signal).toBe(signal)
  let ended = 0
  signal.addEventListener('abort', () => ended++)
  expect([signal.aborted, ended]).toEqual([false, 0])
  server().reset()
  await pass()
  expect([signal.aborted, ended, actor.status]).toEqual([true, 1, 'backoff'])
})

it('ready() that is first asked for late knows what it would have said', async () => {
  const { actor, pass, server } = await readyActor({ reconnect: every(5) })
  await expect(actor.ready()).resolves.toMatchObject({ subprotocol: '' })
  server().reset()
  await pass()
  expect(actor.status).toBe('backoff')
  const between = follow(actor.ready())
  await pass()
  expect(between).toEqual({ value: undefined, error: undefined })
  await actor.stop()
  expect(between.error).toMatchObject({ disconnectCause: { kind: 'local-stop' } })
  await expect(actor.ready()).rejects.toMatchObject({ disconnectCause: { kind: 'local-stop' } })
})

it('ready() of an actor that nobody waited for rejects once it has stopped', async () => {
  const { actor, pass } = await readyActor()
  const stopped = actor.stop()
  await pass()
  await pass()
  await stopped
  await expect(actor.ready()).rejects.toMatchObject({ disconnectCause: { kind: 'local-stop' } })
})

it('ready() waits, has deadlines and signals', async () => {
  const { actor, pass } = mockActor({}, () => {})
  actor.start()
  const timed = follow(actor.ready({ timeoutMs: 50 }))
  const abort = new AbortController()
  const aborted = follow(actor.ready({ signal: abort.signal }))
  abort.abort(new Error('enough'))
  await pass(50)
  await pass()
  expect(timed.error).toMatchObject({ code: 'ERR_TIMEOUT' })
  expect(aborted.error).toEqual(new Error('enough'))
  await expect(actor.ready({ timeout: 1 } as never)).rejects.toThrow(/ready.timeout/)
})
