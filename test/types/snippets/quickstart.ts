// The code of the README and the guides, as users write it.
import {
  type ConnectOptions,
  connect,
  ExponentialBackoff,
  nativeInfo,
  ProtocolPingPong,
  proxyFromEnv,
  SharedWsError,
  type WsClosed,
  WsConfigError,
  WsConnectError,
  type WsConnection,
  type WsDisconnectCause,
  type WsEvent,
  type WsFrame,
  type WsMessage,
  type WsOutcome,
} from 'shared-ws'

const options: ConnectOptions = {
  native: 'prefer',
  headers: async ({ attempt, signal }) => ({ 'x-attempt': String(attempt), 'x-late': String(signal.aborted) }),
  subprotocols: ['v1'],
  tls: { validateCerts: true, minVersion: 'TLSv1.3', sessionResumption: true, keyLog: (line: string) => line.length },
  limits: { maxMessageBytes: 1 << 20 },
  timeouts: { totalMs: 10_000 },
  timestampSource: 'kernel',
  socket: { keepAliveIdleMs: 30_000, userTimeoutMs: 20_000, receiveBufferBytes: 4 << 20, localAddress: '10.0.0.7' },
  perMessageDeflate: { serverMaxWindowBits: 12, clientMaxWindowBits: false, compress: { thresholdBytes: 4096 } },
  inflateBinary: 'gzip',
  queue: { maxMessages: 1000, whenFull: 'drop-oldest' },
  onCallbackError: (error: unknown, callback: string) => console.error(callback, error),
}

export function throughProxies(url: string, pool: { pick(attempt: number): Promise<string> }): WsConnection[] {
  const proxies: NonNullable<ConnectOptions['proxy']>[] = [
    'socks5://user:password@10.0.0.1',
    async ({ attempt }) => `socks5h://${await pool.pick(attempt)}`,
    { url: new URL('https://proxy.corp:8443'), tls: { ca: 'PEM' }, headers: { 'User-Agent': 'gateway' } },
  ]
  const fast = { attemptDelayMs: 100, proxyMs: 3000 }
  const fromEnv = connect(url, { proxy: proxyFromEnv(url), family: 4 })
  return [fromEnv, connect(url, { proxy: null }), ...proxies.map((proxy) => connect(url, { proxy, timeouts: fast }))]
}

export async function ticker(): Promise<WsClosed> {
  const feed: WsConnection = connect('wss://example.com/ws', options)
  process.once('SIGINT', () => feed.close())
  for await (const e of feed)
    switch (e.kind) {
      case 'connected':
        feed.send(JSON.stringify({ method: 'SUBSCRIBE' }))
        console.log(e.info.perMessageDeflate?.serverMaxWindowBits.toFixed() ?? 'uncompressed')
        console.log(e.info.subprotocol, e.info.tls?.protocol.toUpperCase(), e.info.tls?.sessionReused)
        break
      case 'message':
        console.log(
          e.receivedAtUs.toFixed(0),
          e.receivedAtIsUpperBound ? 'at most' : 'exactly',
          e.text().length,
          e.bytes().byteLength,
          e.json(),
        )
        break
      case 'gap':
        console.warn('missed data', e.fromUs, e.toUs, e.cause.code)
        break
      case 'backpressure':
        console.warn(e.paused ? 'paused' : 'reading')
        break
      case 'disconnected':
        console.warn(explain(e.cause), e.next?.attempt, e.next?.delayMs.toFixed())
        break
      case 'ready':
      case 'resumed':
        console.info(e.kind, e.connection)
        break
      case 'stale':
        console.warn(e.silentForMs, e.cause.code)
        break
      case 'held':
        console.info(e.why, e.host, e.delayMs.toFixed())
        break
      case 'alarm':
        console.error(explain(e.cause))
        break
      case 'cooling-down':
        console.warn(e.host, e.forMs)
        break
      case 'stall':
        console.warn(e.stalledForMs)
        break
      case 'topic-silent':
        console.warn(e.topic, e.silentForMs)
        break
      case 'subscription':
        console.warn(e.item, e.state, e.code, e.message)
        break
      case 'settled':
        console.info(e.requestId, e.evidence)
        break
      case 'sends-given-up':
        console.warn(e.messages, e.bytes, e.reason, e.delivery)
        break
      default: {
        const nothingElse: never = e
        throw new Error(nothingElse)
      }
    }
  return feed.closed()
}

export async function once(): Promise<number> {
  const connection = connect(() => new URL('wss://example.com/ws'), { signal: AbortSignal.timeout(5000) })
  try {
    await connection.ready({ timeoutMs: 1000 })
  } catch (error) {
    if (error instanceof WsConnectError) console.error(error.code, error.disconnectCause.kind)
    else if (error instanceof WsConfigError)
      for (const { field, message } of error.problems) console.error(field, message)
    else if (error instanceof SharedWsError) console.error(error.code)
    throw error
  }
  const sent: 'taken' | 'queued' | 'full' | 'not-open' = connection.send(new Uint8Array(3), { binary: true })
  connection.send((into: Uint8Array) => {
    into[0] = 0x7b
    return 1
  })
  console.log(sent, connection.stats().queuedBytes)
  const rttUs: number = await connection.ping({ timeoutMs: 1000 })
  const { closeCode } = await connection.close({ code: 1000, reason: 'done' })
  return rttUs + closeCode
}

export function batches(): WsConnection {
  let bytes = 0
  return connect('ws://localhost:8080', {
    onBatch: (batch, connection) => {
      for (let i = 0; i < batch.length; i++) bytes += batch.at(i).byteLength + connection
    },
    onEvent: (event: WsEvent) => console.log(event.kind, bytes),
  })
}

export function explain(cause: WsDisconnectCause): string {
  switch (cause.kind) {
    case 'handshake-failed':
      return cause.http === undefined ? `${cause.stage}: ${cause.message}` : `${cause.http.status} ${cause.http.body}`
    case 'remote-closed':
      return `${cause.closeCode} ${cause.closeReason} ${cause.clean}`
    case 'protocol-violation':
      return cause.rfc
    case 'went-silent':
      return `${cause.silentForMs} ms`
    case 'session-failed':
      return cause.stage
    default:
      return cause.message
  }
}

export async function order(): Promise<string> {
  const venue = connect('wss://example.com/ws', {
    handler: {
      parse: () => undefined,
      handleMessage: () => {},
      matchReply: (frame: WsFrame) => ({
        requestId: String((frame.json() as { id: unknown }).id),
        verdict: 'confirmed',
      }),
    },
    subscriptions: { items: ['a'], encode: (items, id) => ({ method: 'SUBSCRIBE', params: items, id }) },
    reconnect: new ExponentialBackoff({ baseMs: 100 }),
    staleAfterMs: 10_000,
    pingPong: new ProtocolPingPong(),
  })
  const off = venue.onLateReply((reply) => console.warn('late truth', reply.requestId, reply.kind))
  await venue.ready({ timeoutMs: 10_000 })
  const frame = (id: string) => JSON.stringify({ id, method: 'private/buy' })
  const outcome: WsOutcome = await venue.ask({ frame, confirmMode: 'confirmed', timeoutMs: 2_000, sendWithinMs: 50 })
  switch (outcome.kind) {
    case 'confirmed':
      console.log(outcome.reply.field('result.order.order_id'))
      break
    case 'rejected':
      console.log(outcome.code, outcome.message, outcome.rateLimitFeedback?.retryAfterMs)
      break
    case 'unconfirmed':
      venue.settle(outcome.requestId, 'asked the venue')
      break
    default:
      console.error(outcome.kind)
  }
  venue.subscribe(['b'])
  off()
  const all: boolean = await venue.drain({ timeoutMs: 1_000 })
  return `${all} ${venue.unresolved().length} ${venue.nextRequestId()} ${venue.stats().disconnects}`
}

export const keep = (messages: WsMessage[]) => messages.filter((m) => m.isText)
export const whatServes = (): string => `${nativeInfo().origin}: ${nativeInfo().reason}, ${nativeInfo().simd ?? 'ws'}`
