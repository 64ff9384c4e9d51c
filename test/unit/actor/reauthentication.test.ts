import { describe, expect, it } from 'vitest'
import type { WsEndpointHandler, WsSession } from '../../../src/session/endpoint-handler.ts'
import { WsAuthRefusedError } from '../../../src/session/endpoint-handler.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { healing } from '../front/healing-support.ts'
import { follow, type Json, jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

const ASK = { frame: '{"id":"q"}', requestId: 'q', confirmMode: 'sent', timeoutMs: 1000 } as const

/** An actor that is ready, whose authentications are counted. */
async function gated(
  overrides: Partial<WsEndpointHandler<Json>>,
  life: { expiresInMs: number } | undefined = undefined,
) {
  const calls: string[] = []
  const sessions: WsSession[] = []
  const { handler } = jsonHandler({
    authenticate: async (session) => {
      calls.push('authenticate')
      sessions.push(session)
      return life
    },
    handleServerError: () => 'reauthenticate',
    ...overrides,
  })
  const setup = await readyActor({
    handler,
    subscriptionManager: jsonSubscriptions({
      requiresAuth: (item) => item.startsWith('private'),
      maybeSubscriptionResponse: undefined as never,
    }),
    subscriptions: ['public.a', 'private.b'],
  })
  return { ...setup, calls, sessions }
}

const subscribed = (server: MockServerLink): unknown[] => sentTo(server).map((json) => json['sub'])

describe('an authentication that expires', () => {
  it('is waited for by ready(), and state says so, as long as asks are refused for want of it', async () => {
    const logins: (() => void)[] = []
    const { handler } = jsonHandler({
      authenticate: () => new Promise<void>((resolve) => logins.push(resolve)),
      handleServerError: () => 'reauthenticate',
    })
    const { connection, server, pass, closed } = await healing({ handler })
    const first = follow(connection.ready())
    logins[0]?.()
    await pass()
    expect([first.value !== undefined, connection.state]).toEqual([true, 'open'])
    server().sendText('{"fault":"expired"}')
    await pass()
    const [again, ask] = [follow(connection.ready()), follow(connection.ask(ASK))]
    await pass()
    expect(ask.value).toMatchObject({ kind: 'not-delivered', reason: 'not-ready' })
    expect([again.value, connection.state]).toEqual([undefined, 'connecting'])
    logins[1]?.()
    await pass()
    expect([again.value !== undefined, connection.state]).toEqual([true, 'open'])
    await closed()
  })

  it('is renewed at four fifths of its life, again and again, while asks go on', async () => {
    const renewed: number[] = []
    const { pass, actor, of, calls, clock, transport } = await gated(
      {
        refreshAuth: async () => {
          renewed.push(clock.monoUs() / 1000)
          return { expiresInMs: 5000 }
        },
      },
      { expiresInMs: 10_000 },
    )
    await pass(7999)
    expect(renewed).toEqual([])
    await pass(1)
    await pass()
    expect(actor.send('x')).toBe('taken')
    await pass(4000)
    await pass()
    expect(renewed).toEqual([8000, 12_000])
    expect([calls.length, of('authenticated').length, of('auth-expired').length]).toEqual([1, 3, 0])
    expect([transport.servers.length, actor.status]).toEqual([1, 'ready'])
  })

  it('is renewed by authenticate where there is nothing else, and not at all without a life', async () => {
    const timed = await gated({}, { expiresInMs: 1000 })
    await timed.pass(800)
    await timed.pass()
    expect(timed.calls).toEqual(['authenticate', 'authenticate'])
    const endless = await gated({})
    await endless.pass(1_000_000)
    expect(endless.calls).toEqual(['authenticate'])
  })

  it('gets a second try while the old one is valid, and then another connection', async () => {
    let tries = 0
    const { pass, of, hookErrors, transport } = await gated(
      {
        refreshAuth: async () => {
          tries++
          throw new Error('busy')
        },
      },
      { expiresInMs: 10_000 },
    )
    await pass(8000)
    await pass()
    expect([tries, hookErrors.map(({ hook }) => hook)]).toEqual([1, ['handler.refreshAuth']])
    await pass(1200)
    await pass()
    await pass()
    expect(tries).toBe(2)
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'session-failed', code: 'ERR_AUTH_FAILED' })
    await pass(600)
    await pass()
    expect(transport.servers).toHaveLength(2)
  })

  it('is not tried again when the venue refuses the credentials', async () => {
    const { pass, of } = await gated(
      { refreshAuth: () => Promise.reject(new WsAuthRefusedError('revoked')) },
      { expiresInMs: 10_000 },
    )
    await pass(8000)
    await pass()
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_AUTH_REFUSED' })
  })

  it('has the deadline of an authentication', async () => {
    let tries = 0
    const refreshAuth = () => {
      tries++
      return new Promise<void>(() => {})
    }
    const { pass, of, hookErrors } = await gated({ refreshAuth }, { expiresInMs: 100_000 })
    await pass(80_000)
    await pass(10_000)
    expect([tries, of('disconnected').length]).toEqual([1, 0])
    expect(hookErrors).toMatchObject([{ hook: 'handler.refreshAuth', error: { code: 'ERR_AUTH_TIMEOUT' } }])
    await pass(2000)
    await pass(10_000)
    await pass()
    expect(tries).toBe(2)
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_AUTH_TIMEOUT' })
  })

  it('has it also when the venue says that the old one has expired, and then no second try', async () => {
    const { pass, of, sessions } = await gated({ refreshAuth: () => new Promise(() => {}) })
    sessions[0]?.authExpired()
    await pass(10_000)
    await pass()
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_AUTH_TIMEOUT' })
  })

  it('tells what makes no sense', async () => {
    const { hookErrors } = await gated({}, { expiresInMs: -1 })
    expect(hookErrors).toMatchObject([{ hook: 'handler.authenticate' }])
  })
})

describe('an authentication that the venue says has expired', () => {
  it('is done anew on this connection: asks are refused meanwhile, and what needs it is subscribed again', async () => {
    let release = (): void => {}
    let first = true
    const { pass, server, actor, of, transport } = await gated({
      authenticate: () => {
        if (first) {
          first = false
          return Promise.resolve()
        }
        return new Promise((resolve) => {
          release = () => resolve(undefined)
        })
      },
    })
    expect(subscribed(server())).toEqual([['public.a'], ['private.b']])
    server().sendText('{"fault":"13009"}')
    await pass()
    expect(of('auth-expired')).toHaveLength(1)
    expect(actor.send('x')).toBe('not-open')
    const refused = follow(actor.ask(ASK))
    await pass()
    expect(refused.value).toMatchObject({ kind: 'not-delivered', reason: 'not-ready' })
    // A second complaint begins nothing new.
    server().sendText('{"fault":"13009"}')
    await pass()
    release()
    await pass()
    await pass()
    expect(of('auth-expired')).toHaveLength(1)
    expect(subscribed(server())).toEqual([['public.a'], ['private.b'], ['private.b']])
    expect([actor.send('x'), transport.servers.length]).toEqual(['taken', 1])
  })

  it('ends the connection when it cannot be done anew', async () => {
    let first = true
    const { pass, sessions, of, actor } = await gated({
      authenticate: async (session) => {
        sessions.push(session)
        if (!first) throw new Error('no')
        first = false
      },
    })
    sessions[0]?.authExpired()
    await pass()
    await pass()
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_AUTH_FAILED' })
    await actor.stop({ timeoutMs: 0 })
  })

  it('is nothing to a session whose connection is over', async () => {
    const { pass, sessions, of, actor } = await gated({})
    actor.reconnect()
    await pass(600)
    await pass()
    sessions[0]?.authExpired()
    await pass()
    expect([of('auth-expired').length, actor.status]).toEqual([0, 'ready'])
  })
})

describe('subscriptions that the venue takes back', () => {
  it('are told, asked for again up to three times, and then left until somebody wants them anew', async () => {
    const { pass, sessions, of, server, actor } = await gated({})
    for (let i = 0; i < 4; i++) {
      sessions[0]?.revoked(['public.a', 'unknown'], { code: '500', message: 'gone' })
      await pass()
      expect(actor.subscriptions()[0]).toMatchObject({ item: 'public.a', stage: 'revoked', code: '500' })
      await pass(5000)
      await pass()
    }
    expect(of('subscription').filter(({ state }) => state === 'revoked')).toHaveLength(4)
    expect(subscribed(server()).filter((sub) => JSON.stringify(sub) === '["public.a"]')).toHaveLength(4)
    expect(actor.subscriptions()[0]?.stage).toBe('revoked')
    actor.subscribe(['public.a'])
    await pass()
    expect(actor.subscriptions()[0]?.stage).toBe('acked')
    expect(() => sessions[0]?.revoked('a' as never)).toThrow(/revoked\.items/)
  })
})

describe('replaceSubscriptions', () => {
  it('adds what is new, takes off what is not named, and leaves the rest alone; clear takes all off', async () => {
    const { pass, server, actor } = await gated({})
    actor.replaceSubscriptions(['private.b', 'public.c'])
    await pass()
    expect(sentTo(server()).at(-1)).toMatchObject({ sub: ['public.c'], unsub: ['public.a'] })
    expect(actor.subscriptions().map(({ item }) => item)).toEqual(['private.b', 'public.c'])
    actor.clearSubscriptions()
    await pass()
    expect(sentTo(server()).at(-1)).toMatchObject({ sub: [], unsub: ['private.b', 'public.c'] })
    expect(actor.subscriptions()).toEqual([])
    expect(() => actor.replaceSubscriptions([''])).toThrow(/replaceSubscriptions\.items/)
  })
})
