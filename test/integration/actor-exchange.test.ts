import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import type { WebSocketActorOptions } from '../../src/actor/options.ts'
import type { WsHookError, WsStatusEvent } from '../../src/actor/status.ts'
import { WebSocketActor } from '../../src/actor/websocket-actor.ts'
import { ExponentialBackoff } from '../../src/reconnect/exponential-backoff.ts'
import type { WsOutcome } from '../../src/requests/outcome.ts'
import { EmbeddedExchange } from '../../src/testing/exchange/embedded-exchange.ts'
import type { ExchangeLogEntry } from '../../src/testing/exchange/log.ts'
import type { ExchangeOptions } from '../../src/testing/exchange/options.ts'
import { jsonRpc } from '../../src/testing/json-rpc/frames.ts'
import {
  JsonRpcDelegatedEndpoint,
  type JsonRpcEndpointOptions,
  type JsonRpcNotification,
} from '../../src/testing/json-rpc-delegated-endpoint.ts'
import { nativeInfo, nativeTransport } from '../../src/transport/native.ts'
import { wsTransport } from '../../src/transport/ws.ts'

const CREDENTIALS = { clientId: 'demo', clientSecret: 'demo-secret' }
const TICKER = 'ticker.BTC-PERPETUAL.100ms'
const BOOK = 'book.BTC-PERPETUAL.raw'
const OTHER = 'book.ETH-PERPETUAL.100ms'
const ORDERS = 'user.orders.BTC-PERPETUAL.raw'

const TRANSPORTS = [
  ...(nativeInfo().loaded ? ([['native', nativeTransport]] as const) : []),
  ['ws', wsTransport] as const,
]

let cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
  cleanups = []
})

async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look()
    if (found !== undefined && found !== false) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe.each(TRANSPORTS)('an actor over %s at the embedded exchange', (_name, transport) => {
  async function scene(
    exchangeOptions: ExchangeOptions = {},
    actorOptions: Partial<WebSocketActorOptions<JsonRpcNotification>> = {},
    endpointOptions: JsonRpcEndpointOptions = {},
  ) {
    const exchange = await EmbeddedExchange.start({ rate: 0, minHeartbeatSeconds: 0.1, ...exchangeOptions })
    cleanups.push(() => exchange.stop())
    const seen = {
      status: [] as WsStatusEvent[],
      hooks: [] as WsHookError[],
      late: [] as WsOutcome[],
      messages: [] as (JsonRpcNotification & { connection: number })[],
    }
    const endpoint = new JsonRpcDelegatedEndpoint({
      credentials: CREDENTIALS,
      onMessage: (message, { connection }) => seen.messages.push({ ...message, connection }),
      ...endpointOptions,
    })
    const actor = new WebSocketActor<JsonRpcNotification>({
      url: exchange.url,
      transport,
      handler: endpoint,
      subscriptionManager: endpoint,
      reconnect: new ExponentialBackoff({ baseMs: 10, maxMs: 50 }),
      onStatus: (event) => seen.status.push(event),
      onHookError: (error) => seen.hooks.push(error),
      onLateReply: (outcome) => seen.late.push(outcome),
      ...actorOptions,
    })
    cleanups.push(() => actor.stop())
    actor.start()
    await actor.ready()
    const ask = (method: string, params: object, timeoutMs = 5000): Promise<WsOutcome> =>
      actor.ask({ frame: jsonRpc(method, params), confirmMode: 'confirmed', timeoutMs })
    const buy = (label: string, timeoutMs?: number): Promise<WsOutcome> =>
      ask('private/buy', { instrument_name: 'BTC-PERPETUAL', amount: 1, type: 'market', label }, timeoutMs)
    const ended = (): WsStatusEvent[] => seen.status.filter(({ kind }) => kind === 'disconnected')
    /** Ready on a connection after `connection`, with all that is desired acknowledged. */
    const recovered = (connection: number): Promise<true> =>
      until(
        () =>
          actor.status === 'ready' &&
          actor.connection > connection &&
          actor.subscriptions().every(({ stage }) => stage === 'acked'),
      )
    return { exchange, actor, endpoint, seen, ask, buy, ended, recovered }
  }

  const channelsOf = (log: readonly ExchangeLogEntry[]): readonly string[] => {
    const last = log.filter((entry) => entry.kind === 'subscribed').at(-1)
    return last?.kind === 'subscribed' ? [...last.channels].sort() : []
  }

  it('compresses in both directions, the whole session through, reconnects included', async () => {
    const { actor, buy, exchange, recovered, seen } = await scene(
      { perMessageDeflate: true, rate: 300 },
      { subscriptions: [TICKER], perMessageDeflate: { compress: { thresholdBytes: 0 }, required: true } },
    )
    const textBytes = (): number => seen.messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0)
    await until(() => seen.messages.length >= 100)
    // What an exchange sends is its last ticker, nearly.
    expect(actor.stats().bytesReceived).toBeLessThan(textBytes() / 2)
    expect(await buy('filled-1')).toMatchObject({ kind: 'confirmed', delivery: 'all' })
    expect(exchange.orders.labelled('filled-1')).toHaveLength(1)
    const { connection } = actor
    exchange.drop('rst')
    await recovered(connection)
    await until(() => seen.messages.filter((message) => message.connection > connection).length >= 20)
    expect(await buy('filled-2')).toMatchObject({ kind: 'confirmed', delivery: 'all' })
    expect(exchange.orders.labelled('filled-2')).toHaveLength(1)
    expect(seen.hooks).toEqual([])
  })

  it('tells of every fate what the exchange knows of it', async () => {
    const { buy, exchange, seen } = await scene({ lateMs: 200 })
    expect(await buy('filled-1')).toMatchObject({ kind: 'confirmed', delivery: 'all', late: false })
    expect(await buy('rejected-1')).toMatchObject({ kind: 'rejected', code: '10009', message: 'not_enough_funds' })
    expect(await buy('rate-limited-1')).toMatchObject({
      kind: 'rejected',
      code: '10028',
      rateLimitFeedback: { retryAfterMs: 250 },
    })
    expect(await buy('answered-twice-1')).toMatchObject({ kind: 'confirmed' })
    expect(await buy('late-1', 50)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline', delivery: 'all' })
    expect(await buy('never-1', 50)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
    expect(await buy('ignored-1', 50)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
    const late = await until(() => seen.late.find(({ requestId }) => requestId === labelled('late-1')?.id))
    expect(late).toMatchObject({ kind: 'confirmed', late: true })
    expect(await buy('dropped-1')).toMatchObject({ kind: 'unconfirmed', reason: 'disconnected' })
    expect(
      ['late-1', 'never-1', 'ignored-1', 'dropped-1'].map((label) => exchange.orders.labelled(label).length),
    ).toEqual([1, 1, 0, 1])

    function labelled(label: string): { id?: string } | undefined {
      return exchange.log().find((entry) => entry.kind === 'frame' && entry.label === label) as { id?: string }
    }
  })

  it('finds out by a probe, and settles what it found', async () => {
    const { actor, ask, buy } = await scene()
    const outcome = await buy('never-1', 50)
    expect(actor.unresolved().map(({ requestId }) => requestId)).toEqual([outcome.requestId])
    const probe = await ask('private/get_order_state_by_label', { currency: 'BTC', label: 'never-1' })
    if (probe.kind !== 'confirmed') throw new Error(probe.kind)
    expect(probe.reply.field('result.0.order_state')).toBe('filled')
    expect(actor.settle(outcome.requestId, probe.reply)).toBe(true)
    expect(actor.unresolved()).toEqual([])
  })

  it.each<[string, (scene: { exchange: EmbeddedExchange }) => void]>([
    ['a reset', ({ exchange }) => exchange.drop('rst')],
    ['a FIN', ({ exchange }) => exchange.drop('fin')],
    ['a CLOSE', ({ exchange }) => exchange.closeConnections({ code: 1012 })],
    ['a stale connection', ({ exchange }) => exchange.stall({ forMs: 60_000 })],
    ['a frame that is cut', ({ exchange }) => exchange.sendCut('{"jsonrpc":"2.0"}', 9)],
    ['a token that ended', ({ exchange }) => exchange.expireTokens()],
    [
      'refused connects',
      ({ exchange }) => {
        exchange.refuseConnects({ status: 503, count: 3 })
        exchange.refuseConnects({ status: 429, retryAfterS: 0 })
        exchange.drop('rst')
      },
    ],
  ])('carries all that is desired over %s', async (_what, strike) => {
    const { actor, endpoint, exchange, seen, recovered } = await scene(
      { rate: 200, whenTokenExpires: 'close' },
      {
        subscriptions: [TICKER, ORDERS],
        pingPong: new JsonRpcDelegatedEndpoint().pingPong({ intervalMs: 50, timeoutMs: 300 }),
      },
    )
    expect(endpoint.requiresAuth(ORDERS)).toBe(true)
    await recovered(0)
    actor.subscribe([BOOK, OTHER])
    actor.unsubscribe([TICKER])
    await until(() => actor.subscriptions().every(({ stage }) => stage === 'acked'))
    const { connection } = actor
    strike({ exchange })
    await recovered(connection)
    expect(channelsOf(exchange.log())).toEqual([BOOK, OTHER, ORDERS].sort())
    await until(() => seen.messages.some((message) => message.connection > connection && message.channel === BOOK))
    const gaps = seen.status.filter((event) => event.kind === 'gap')
    expect(gaps.map((gap) => gap.connection)).toContain(connection)
    expect(seen.hooks).toEqual([])
  })

  it('shows a channel that the exchange does not have as rejected, and asks for it once', async () => {
    const { actor, exchange, seen } = await scene({}, { subscriptions: [TICKER, 'ticker.NOTHING.100ms'] })
    await until(() => actor.subscriptions().every(({ stage }) => stage === 'acked' || stage === 'rejected'))
    expect(actor.subscriptions()).toMatchObject([
      { item: TICKER, stage: 'acked' },
      { item: 'ticker.NOTHING.100ms', stage: 'rejected', message: /left out/ },
    ])
    expect(seen.status).toContainEqual(expect.objectContaining({ kind: 'subscription', state: 'rejected' }))
    const subscribes = exchange.log().filter((entry) => entry.kind === 'frame' && entry.method === 'public/subscribe')
    expect(subscribes).toHaveLength(1)
  })

  it('stays connected by answering heartbeats, with and without a ping-pong strategy', async () => {
    for (const pingPong of [undefined, new JsonRpcDelegatedEndpoint().pingPong()]) {
      const { ended, exchange } = await scene({}, pingPong === undefined ? {} : { pingPong }, { heartbeatSeconds: 0.4 })
      const answers = (): number =>
        exchange.log().filter((entry) => entry.kind === 'frame' && entry.method === 'public/test').length
      await until(() => answers() >= 4)
      expect(ended()).toEqual([])
      expect(exchange.stats().connections).toBe(1)
    }
  })

  it('authenticates anew on the same connection when a request learns that the token has ended', async () => {
    const { actor, buy, ended, exchange, seen, recovered } = await scene({}, { subscriptions: [TICKER, ORDERS] })
    await recovered(0)
    const granted = () => exchange.log().filter((entry) => entry.kind === 'auth' && entry.state === 'granted').length
    exchange.expireTokens()
    expect(await buy('filled-1')).toMatchObject({ kind: 'rejected', code: '13009' })
    await until(() => granted() === 2 && seen.status.filter(({ kind }) => kind === 'authenticated').length === 2)
    await until(() => actor.subscriptions().every(({ stage }) => stage === 'acked'))
    expect(await buy('filled-2')).toMatchObject({ kind: 'confirmed' })
    expect(seen.status.map(({ kind }) => kind)).toContain('auth-expired')
    const subscribes = exchange.log().flatMap((entry) => (entry.kind === 'frame' ? [entry.method] : []))
    expect(subscribes.filter((method) => method === 'private/subscribe')).toHaveLength(2)
    expect(subscribes.filter((method) => method === 'public/subscribe')).toHaveLength(1)
    expect([ended().length, seen.hooks.length]).toEqual([0, 0])
  })

  it('authenticates anew when it is a subscription that the token would have been needed for', async () => {
    const { actor, ended, exchange, seen, recovered } = await scene({}, { subscriptions: [TICKER, ORDERS] })
    await recovered(0)
    exchange.expireTokens()
    const another = 'user.orders.ETH-PERPETUAL.raw'
    actor.subscribe([another])
    await until(() => seen.status.some(({ kind }) => kind === 'resumed'))
    expect(actor.subscriptions().map(({ stage }) => stage)).toEqual(['acked', 'acked', 'acked'])
    expect(channelsOf(exchange.log())).toEqual([TICKER, another, ORDERS].sort())
    const told = seen.status.filter(({ kind }) => ['auth-expired', 'gap', 'resumed'].includes(kind))
    expect(told).toMatchObject([
      { kind: 'auth-expired' },
      { kind: 'gap', scope: 'topic', key: ORDERS, cause: { code: 'ERR_AUTH_EXPIRED' } },
      { kind: 'resumed', key: ORDERS },
    ])
    expect([ended().length, seen.hooks.length, actor.connection]).toEqual([0, 0, 1])
  })

  it.each(['error', 'silent', 'close'] as const)(
    'outlives tokens that end in the way `%s`',
    async (whenTokenExpires) => {
      const { buy, ended, exchange, seen } = await scene({ tokenSeconds: 1, whenTokenExpires })
      await until(
        () => exchange.log().filter((entry) => entry.kind === 'auth' && entry.state === 'granted').length >= 3,
      )
      expect(await buy('filled-1')).toMatchObject({ kind: 'confirmed' })
      expect([ended().length, seen.hooks.length]).toEqual([0, 0])
    },
  )

  it('stops when the credentials are refused twice', async () => {
    const exchange = await EmbeddedExchange.start({ rate: 0 })
    onTestFinished(() => exchange.stop())
    const actor = new WebSocketActor({
      url: exchange.url,
      transport,
      handler: new JsonRpcDelegatedEndpoint({ credentials: { clientId: 'demo', clientSecret: 'wrong' } }),
      reconnect: new ExponentialBackoff({ baseMs: 1, maxMs: 1 }),
    })
    actor.start()
    expect((await actor.closed()).reason).toContain('invalid_credentials')
    expect(exchange.log().filter((entry) => entry.kind === 'auth')).toHaveLength(2)
  })

  it.each([
    ['malformed JSON', '{"jsonrpc":"2.0","id":'],
    ['an answer to an id that nobody used', '{"jsonrpc":"2.0","id":"nobody","result":[]}'],
    ['an ack for nothing', `{"jsonrpc":"2.0","id":1,"result":["${TICKER}"]}`],
    ['an error about nothing', '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}'],
    ['no object', '[1,2,3]'],
    ['nothing', ''],
    ['a megabyte', JSON.stringify({ jsonrpc: '2.0', method: 'subscription', params: { data: 'x'.repeat(2 ** 20) } })],
    ['deep nesting', '['.repeat(100_000)],
    ['binary', Uint8Array.of(0, 255, 254)],
  ])('survives %s', async (_what, payload) => {
    const { buy, ended, exchange } = await scene({}, { subscriptions: [TICKER] })
    exchange.send(payload)
    expect(await buy('filled-1')).toMatchObject({ kind: 'confirmed' })
    expect(ended()).toEqual([])
  })

  it('replaces a connection that sends nothing but garbage', async () => {
    const { exchange, ended, recovered } = await scene()
    for (let i = 0; i < 5; i++) exchange.send('{{{')
    await recovered(1)
    expect(ended()).toHaveLength(1)
  })

  it('survives an end at any byte of a frame', async () => {
    const text = JSON.stringify({ jsonrpc: '2.0', method: 'subscription', params: { data: 'x'.repeat(200) } })
    const { actor, exchange, seen, recovered } = await scene({}, { stableMs: 1 })
    for (const byteCount of [1, 2, 3, 4, 5, 50, text.length + 3]) {
      const { connection } = actor
      exchange.sendCut(text, byteCount, byteCount % 2 === 0 ? 'rst' : 'fin')
      await recovered(connection)
    }
    // Never more than was whole.
    expect(seen.messages).toEqual([])
    expect(seen.hooks).toEqual([])
  })
})
