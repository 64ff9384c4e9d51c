import { describe, expect, it, vi } from 'vitest'
import type { WsConfigError } from '../../../src/errors/errors.ts'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import { WsReply } from '../../../src/requests/reply.ts'
import { WsAuthRefusedError, type WsSession } from '../../../src/session/endpoint-handler.ts'
import { jsonRpc } from '../../../src/testing/json-rpc/frames.ts'
import {
  JsonRpcDelegatedEndpoint,
  type JsonRpcEndpointOptions,
} from '../../../src/testing/json-rpc-delegated-endpoint.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'

function frame(text: string | object): WsFrame {
  const bytes = Buffer.from(typeof text === 'string' ? text : JSON.stringify(text))
  return {
    isText: true,
    byteLength: bytes.length,
    receivedMonoUs: 0,
    at: (i: number) => bytes[i],
    text: () => bytes.toString(),
    json: () => JSON.parse(bytes.toString()),
  } as unknown as WsFrame
}

/** A session whose asks are answered by the test, one after the other. */
class FakeSession implements WsSession {
  readonly connection = 1
  readonly ending = new AbortController()
  readonly signal = this.ending.signal
  readonly sent: { id: string; method: string; params: object }[] = []
  readonly asked: { method: string; params: Record<string, unknown> }[] = []
  readonly answers: object[] = []
  #ids = 0

  send(payload: unknown): 'taken' {
    this.sent.push(JSON.parse(String(payload)))
    return 'taken'
  }

  async ask(request: { frame: unknown }): Promise<WsOutcome> {
    this.asked.push(JSON.parse((request.frame as (id: string) => string)('1')))
    const answer = this.answers.shift() ?? { kind: 'unconfirmed', reason: 'deadline' }
    return (
      'result' in answer ? { kind: 'confirmed', reply: new WsReply(JSON.stringify(answer)) } : answer
    ) as WsOutcome
  }

  authExpired(): void {
    throw new Error('no test expects this')
  }

  reconnect(): never {
    throw new Error('not used here')
  }

  revoked(): void {
    throw new Error('no test expects this')
  }

  reportGap(): never {
    throw new Error('no test expects this')
  }

  reportResumed(): never {
    throw new Error('no test expects this')
  }

  nextRequestId(): string {
    return `id-${++this.#ids}`
  }
}

const CREDENTIALS = { clientId: 'a', clientSecret: 'b' }

describe('answers', () => {
  const match = (text: string | object, options?: JsonRpcEndpointOptions): unknown =>
    new JsonRpcDelegatedEndpoint(options).matchReply(frame(text))

  it.each([
    ['a result', { id: 'a', result: 0 }, { requestId: 'a', verdict: 'confirmed' }],
    ['a result of null', { id: 'a', result: null }, { requestId: 'a', verdict: 'confirmed' }],
    ['a number for an id', { id: 7, result: 'ok' }, { requestId: '7', verdict: 'confirmed' }],
    [
      'an error',
      { id: 1, error: { code: 10009, message: 'm' } },
      { requestId: '1', verdict: 'rejected', code: '10009', message: 'm' },
    ],
    ['an error of nonsense', { id: 1, error: {} }, { requestId: '1', verdict: 'rejected', message: '' }],
    ['neither', { id: 1 }, { requestId: '1', verdict: 'neither' }],
    [
      'a rate limit',
      { id: 1, error: { code: 10028, message: 'too_many_requests', data: { wait: 0.25 } } },
      {
        requestId: '1',
        verdict: 'rejected',
        code: '10028',
        message: 'too_many_requests',
        rateLimitFeedback: { hint: 'too_many_requests', retryAfterMs: 250 },
      },
    ],
    [
      'a rate limit without a time',
      { id: 1, error: { code: 10047, message: 'm' } },
      { requestId: '1', verdict: 'rejected', code: '10047', message: 'm', rateLimitFeedback: { hint: 'm' } },
    ],
  ])('%s', (_what, answer, expected) => {
    expect(match({ jsonrpc: '2.0', ...answer })).toEqual(expected)
  })

  it('keeps every digit of an id', () => {
    expect(match('{"id":12345678901234567890,"result":1}')).toMatchObject({ requestId: '12345678901234567890' })
  })

  it('believes codes that were said to mean "unknown"', () => {
    const answer = { id: 1, error: { code: 13888, message: 'timed_out' } }
    expect(match(answer)).toMatchObject({ verdict: 'rejected' })
    expect(match(answer, { statusUnknownCodes: ['13888'] })).toMatchObject({ verdict: 'status-unknown', code: '13888' })
  })

  it.each([
    ['a notification', { jsonrpc: '2.0', method: 'subscription', params: { channel: 'c', data: { id: 1 } } }],
    ['a call with its id first', { id: 1, method: 'heartbeat' }],
    ['no JSON', '{"jsonrpc":"2.0","id":'],
    ['no id', { result: 1 }],
    ['an array', '[1]'],
    ['a word', 'pong'],
  ])('not %s', (_what, text) => {
    expect(match(text)).toBeUndefined()
  })
})

describe('messages', () => {
  it('parses notifications, and leaves answers alone', () => {
    const endpoint = new JsonRpcDelegatedEndpoint()
    const told = { jsonrpc: '2.0', method: 'subscription', params: { channel: 'c', data: [1] } }
    expect(endpoint.parse(frame(told))).toMatchObject({ kind: 'message', message: { channel: 'c', data: [1] } })
    expect(endpoint.parse(frame({ id: 1, result: 1 }))).toBeUndefined()
    expect(endpoint.parse(frame({ id: 1, error: { code: 1 } }))).toBeUndefined()
    expect(endpoint.parse(frame('"text"'))).toBeUndefined()
    expect(endpoint.parse(frame({ id: null, error: { code: -32700, message: 'Parse error' } }))).toEqual({
      kind: 'server-error',
      error: { code: '-32700', message: 'Parse error' },
    })
  })

  it('survives malformed JSON, but not without end', () => {
    const endpoint = new JsonRpcDelegatedEndpoint()
    const garbage = (): unknown => {
      const parsed = endpoint.parse(frame('{"'))
      if (parsed?.kind !== 'server-error') throw new Error('not told')
      return endpoint.handleServerError(parsed.error)
    }
    expect([1, 2, 3, 4].map(garbage)).toEqual(['continue', 'continue', 'continue', 'continue'])
    endpoint.parse(frame({ method: 'x' }))
    expect([1, 2, 3, 4, 5].map(garbage)).toEqual(['continue', 'continue', 'continue', 'continue', 'reconnect'])
    endpoint.resetState()
    expect(garbage()).toBe('continue')
    expect(endpoint.handleServerError({ code: '-32700', message: 'm' })).toBe('continue')
  })

  it('answers test_request where no pingPong does, and hands on the rest', () => {
    const onMessage = vi.fn()
    const endpoint = new JsonRpcDelegatedEndpoint({ onMessage, heartbeatSeconds: 30 })
    const session = new FakeSession()
    endpoint.onOpen(session)
    for (const type of ['heartbeat', 'test_request']) {
      endpoint.handleMessage({ method: 'heartbeat', params: { type } }, session)
    }
    expect(session.sent).toMatchObject([
      { id: 'id-1', method: 'public/set_heartbeat', params: { interval: 30 } },
      { id: 'id-2', method: 'public/test' },
    ])
    expect(onMessage).not.toHaveBeenCalled()
    endpoint.handleMessage({ method: 'subscription', params: {} }, session)
    expect(onMessage).toHaveBeenCalledTimes(1)
  })

  it('finds the venue time of a notification', () => {
    const endpoint = new JsonRpcDelegatedEndpoint()
    expect(endpoint.samplePayloadTimestampsUs(frame({ params: { data: { timestamp: 5 } } }))).toBe(5000)
    expect(endpoint.samplePayloadTimestampsUs(frame({ id: 1 }))).toBeUndefined()
  })
})

describe('JsonRpcPingPong', () => {
  it('answers, and keeps heartbeats and what answers them out of the data', () => {
    const pingPong = new JsonRpcDelegatedEndpoint().pingPong()
    const sent: { id: string; method: string }[] = []
    const link = {
      ping: () => true,
      send(payload: unknown, onTaken?: (atUs: number) => void) {
        sent.push(JSON.parse(String(payload)))
        onTaken?.(0)
        return true
      },
      bytesSent: 0,
      queuedBytes: 0,
      bytesReceived: 0,
      nextRequestId: () => 'next',
      random: { bytes: () => new Uint8Array(), float: () => 0 },
    }
    pingPong.opened(0)
    const seen = (message: object): unknown => pingPong.onFrame(frame(message), link)
    expect(seen({ method: 'heartbeat', params: { type: 'heartbeat' } })).toMatchObject({ kind: 'heartbeat' })
    expect(sent).toEqual([])
    expect(seen({ method: 'heartbeat', params: { type: 'test_request' } })).toMatchObject({ kind: 'heartbeat' })
    expect(sent).toMatchObject([{ method: 'public/test' }])
    expect(seen({ id: sent[0]?.id, result: {} })).toEqual({ kind: 'heartbeat' })
    pingPong.tick(15_000_000, link)
    expect(seen({ id: sent[1]?.id, result: {} })).toMatchObject({ kind: 'heartbeat', rttUs: expect.any(Number) })
    // Twice, and behind the next ping: it answers that one no more than it did this one.
    pingPong.tick(40_000_000, link)
    expect(sent).toHaveLength(3)
    expect(seen({ id: sent[1]?.id, result: {} })).toEqual({ kind: 'heartbeat' })
    expect(seen({ id: sent[2]?.id, result: {} })).toMatchObject({ rttUs: expect.any(Number) })
    expect(seen({ method: 'subscription', params: { channel: 'c' } })).toBeUndefined()
    expect(seen({ id: 5, result: {} })).toBeUndefined()
  })
})

describe('subscriptions', () => {
  const ids = (): (() => string) => {
    let n = 0
    return () => `s${++n}`
  }

  it('separates private from public, in messages no longer than allowed', () => {
    const endpoint = new JsonRpcDelegatedEndpoint({ maxChannelsPerRequest: 2 })
    const requests = endpoint.initial(['a.1', 'user.orders.X.raw', 'a.2', 'a.3'], ids())
    expect(requests.map(({ subscribe }) => subscribe)).toEqual([['user.orders.X.raw'], ['a.1', 'a.2'], ['a.3']])
    expect(requests.map(({ payload }) => JSON.parse(payload as string))).toMatchObject([
      { id: 's1', method: 'private/subscribe', params: { channels: ['user.orders.X.raw'] } },
      { id: 's2', method: 'public/subscribe' },
      { id: 's3', method: 'public/subscribe' },
    ])
    expect(['user.x', 'book.X.raw', 'book.X.100ms'].map((item) => endpoint.requiresAuth(item))).toEqual([
      true,
      true,
      false,
    ])
  })

  it('reads partial success by what the answer leaves out', () => {
    const endpoint = new JsonRpcDelegatedEndpoint()
    endpoint.initial(['a', 'b'], ids())
    const answer = frame({ jsonrpc: '2.0', id: 's1', result: ['b'] })
    expect(endpoint.maybeSubscriptionResponse(answer)).toBe(true)
    expect(endpoint.response(answer)).toMatchObject({ requestId: 's1', accepted: ['b'], rejected: [{ item: 'a' }] })
    expect(endpoint.response(answer)).toBeUndefined()
  })

  it('counts as unsubscribed what was not there', () => {
    const endpoint = new JsonRpcDelegatedEndpoint()
    endpoint.update({ add: ['c'], remove: ['a', 'b'] }, ids())
    const answer = endpoint.response(frame({ id: 's1', result: ['a'] }))
    expect(answer).toMatchObject({ accepted: ['a', 'b'], rejected: [] })
    expect(endpoint.response(frame({ id: 's2', error: { code: 11052, message: 'm' } }))).toEqual({
      requestId: 's2',
      refused: { code: '11052', message: 'm' },
    })
  })

  it('takes no other frame for an answer, nor one to the last connection', () => {
    const endpoint = new JsonRpcDelegatedEndpoint()
    endpoint.initial(['a'], ids())
    const notification = frame({ jsonrpc: '2.0', method: 'subscription', params: { channel: 'a' } })
    expect(endpoint.maybeSubscriptionResponse(notification)).toBe(false)
    for (const text of ['{', '[]', '{"id":"x","result":["a"]}', '{"id":"s1","result":"ok"}']) {
      expect(endpoint.response(frame(text))).toBeUndefined()
    }
    endpoint.resetState()
    expect(endpoint.response(frame({ id: 's1', result: ['a'] }))).toBeUndefined()
  })
})

describe('authentication', () => {
  function endpoint(options: JsonRpcEndpointOptions = {}): {
    all: JsonRpcDelegatedEndpoint
    login: NonNullable<JsonRpcDelegatedEndpoint['authenticate']>
    refresh: NonNullable<JsonRpcDelegatedEndpoint['refreshAuth']>
  } {
    const all = new JsonRpcDelegatedEndpoint({ credentials: CREDENTIALS, ...options })
    const { authenticate: login, refreshAuth: refresh } = all
    if (login === undefined || refresh === undefined) throw new Error('no authenticate')
    return { all, login, refresh }
  }
  const token = (refreshToken: string) => ({ result: { expires_in: 100, refresh_token: refreshToken } })

  it('is there only with credentials', () => {
    const { authenticate, refreshAuth } = new JsonRpcDelegatedEndpoint()
    expect([authenticate, refreshAuth]).toEqual([undefined, undefined])
  })

  it('asks with what a function provides, each time', async () => {
    let n = 0
    const { login } = endpoint({ credentials: async () => ({ clientId: `c${++n}`, clientSecret: 's' }) })
    const session = new FakeSession()
    session.answers.push({ result: {} }, { result: {} })
    await login(session)
    await login(session)
    expect(session.asked.map(({ params }) => params['client_id'])).toEqual(['c1', 'c2'])
    expect(session.asked[0]).toMatchObject({ method: 'public/auth', params: { grant_type: 'client_credentials' } })
  })

  it.each([
    [{ kind: 'rejected', code: '13004', message: 'invalid_credentials' }, WsAuthRefusedError],
    [{ kind: 'rejected', code: '10028', message: 'too_many_requests' }, Error],
    [{ kind: 'unconfirmed', reason: 'deadline' }, Error],
  ])('fails with %o', async (outcome, type) => {
    const session = new FakeSession()
    session.answers.push(outcome)
    const failure = await endpoint()
      .login(session)
      .catch((error: unknown) => error)
    expect((failure as Error).constructor).toBe(type)
  })

  it('rejects credentials that are none', async () => {
    const { login } = endpoint({ credentials: (() => ({ clientId: '' })) as never })
    await expect(login(new FakeSession())).rejects.toThrow(/credentials.clientId/)
  })

  it('says how long it lasts, and refreshes with the token of the last answer, each once', async () => {
    const { login, refresh } = endpoint()
    const session = new FakeSession()
    session.answers.push(token('r1'), token('r2'), token('r3'))
    expect([await login(session), await refresh(session), await refresh(session)]).toEqual(
      Array(3).fill({ expiresInMs: 100_000 }),
    )
    expect(session.asked.map(({ params }) => params['refresh_token'])).toEqual([undefined, 'r1', 'r2'])
  })

  it('falls back to the credentials where the venue takes the refresh token no more, or has given none', async () => {
    const { login, refresh } = endpoint()
    const session = new FakeSession()
    session.answers.push(token('r1'), { kind: 'rejected', code: '13009', message: 'invalid_token' }, { result: {} })
    await login(session)
    expect(await refresh(session)).toBeUndefined()
    session.answers.push({ kind: 'rejected', code: '13004', message: 'invalid_credentials' })
    await expect(refresh(session)).rejects.toBeInstanceOf(WsAuthRefusedError)
    expect(session.asked.map(({ params }) => params['grant_type'])).toEqual([
      'client_credentials',
      'refresh_token',
      'client_credentials',
      'client_credentials',
    ])
  })

  it('knows the error that says that it has expired, and leaves answers to who asked', () => {
    const { all } = endpoint()
    expect([13009, 10009].map((code) => all.isAuthExpired({ code: `${code}`, message: '' }))).toEqual([true, false])
    const said = (id: unknown) =>
      all.parse(frame({ jsonrpc: '2.0', id, error: { code: 13009, message: 'unauthorized' } }))
    expect(said('7')).toBeUndefined()
    expect(said(null)).toEqual({ kind: 'server-error', error: { code: '13009', message: 'unauthorized' } })
    expect(all.handleServerError({ code: '13009', message: '' })).toBe('continue')
  })
})

it.each([
  ['heartbeatSeconds', { heartbeatSeconds: 0 }],
  ['maxChannelsPerRequest', { maxChannelsPerRequest: 0 }],
  ['requestTimeoutMs', { requestTimeoutMs: -1 }],
  ['statusUnknownCodes', { statusUnknownCodes: [1] }],
  ['credentials.clientSecret', { credentials: { clientId: 'a' } }],
  ['onMessage', { onMessage: 1 }],
  ['onMesage', { onMesage: () => {} }],
])('names the option %s that is wrong', (field, options) => {
  try {
    new JsonRpcDelegatedEndpoint(options as never)
  } catch (error) {
    expect((error as WsConfigError).problems.map((problem) => problem.field)).toEqual([field])
    return
  }
  throw new Error('accepted')
})

it('jsonRpc makes the frame of an ask', () => {
  expect(JSON.parse(jsonRpc('public/test')('7'))).toEqual({
    jsonrpc: '2.0',
    id: '7',
    method: 'public/test',
    params: {},
  })
})
