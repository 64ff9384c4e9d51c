// What docs/lifecycle.md, heartbeats.md, latency-policy.md and subscriptions-and-auth.md tell users to write.
import {
  ConnectBudget,
  connect,
  type IngressPlan,
  ProtocolPingPong,
  SequenceCheck,
  type SharedConnectBudget,
  type WsAlarmEvent,
  WsApplicationPingPong,
  WsAuthRefusedError,
  WsCircuitBreaker,
  type WsConnection,
  type WsCoolingDownEvent,
  type WsDisconnectAction,
  type WsEndpointHandler,
  type WsGapReport,
  type WsGapReported,
  type WsHeldEvent,
  type WsIngress,
  WsLatencyPolicy,
  type WsOpenGap,
  WsReply,
  type WsSequenceVerdict,
  type WsStatusEvent,
  type WsTopicCondition,
  type WsTopicPlan,
  type WsTopicSilentEvent,
} from 'shared-ws'

const url = 'wss://example.com/ws'
const connectBudget = new ConnectBudget({ limits: [{ connects: 150, perMs: 300_000 }] })
const circuitBreaker = new WsCircuitBreaker({ failures: 10, windowMs: 60_000, openMs: 60_000 })
export const shared: SharedConnectBudget = connectBudget.shared
export const inWorker = ConnectBudget.from(shared)

export const heartbeats = [
  new ProtocolPingPong({ intervalMs: 15_000, timeoutMs: 10_000 }),
  new WsApplicationPingPong({
    ping: () => 'ping',
    isPong: (frame) => frame.byteLength === 4 && frame.text() === 'pong',
    intervalMs: 15_000,
    onlyWhenIdle: true,
  }),
  new WsApplicationPingPong({
    answerPing: (frame) =>
      frame.byteLength < 40 && frame.text().startsWith('{"ping"') ? frame.text().replace('ping', 'pong') : undefined,
    serverPingWithinMs: 15_000,
  }),
  new WsApplicationPingPong({
    isBeat: (frame) => frame.byteLength < 100 && frame.text().includes('"heartbeat"'),
    serverPingWithinMs: 5_000,
  }),
]

const sequences = new SequenceCheck({ maxKeys: 100 })
export const ingress: WsIngress<string> = {
  onOpen: () => sequences.clear(),
  onFrame(frame, sink) {
    const { topic, data } = frame.json() as { topic?: string; data: { U: number; u: number } }
    const seen = topic === undefined ? 'next' : sequences.range(topic, data.U, data.u, frame.receivedAtUs)
    if (typeof seen === 'object') sink.reportGap(seen)
    return seen === 'old' ? 'ignore' : 'forward'
  },
}

export function numbers(connection: WsConnection, text: string): readonly WsOpenGap[] {
  const seq = new WsReply(text).field('data.0.seq') ?? ''
  const seen: WsSequenceVerdict = sequences.chain('books', '1304314508780744704', seq)
  const report: WsGapReport = { key: 'books', expected: 5n, received: seq, messages: 1, remedy: 'continue' }
  const said: WsGapReported = connection.reportGap(typeof seen === 'object' ? { ...seen, remedy: 'reconnect' } : report)
  sequences.restart('books', seq)
  if (said !== 'not-open') connection.reportResumed('books')
  const { gaps, sequenceGaps, openGaps } = connection.stats()
  return gaps + sequenceGaps + openGaps > 0 ? connection.openGaps() : []
}

const handler: WsEndpointHandler<unknown> = {
  requestIdPath: 'params.reqId',
  parse: () => undefined,
  handleMessage() {},
  async authenticate(session) {
    const outcome = await session.ask({ frame: 'login', confirmMode: 'confirmed', timeoutMs: 5_000 })
    if (outcome.kind === 'rejected') throw new WsAuthRefusedError(outcome.message)
    if (outcome.kind !== 'confirmed') throw new Error(outcome.kind)
    return { expiresInMs: Number(outcome.reply.field('result.expires_in')) * 1000 }
  },
  async refreshAuth(session) {
    session.revoked(['trades.BTC'], { code: '500' })
    session.reportGap({ key: 'trades.BTC', connection: session.connection })
    session.reportResumed()
    session.authExpired()
  },
  async onReady() {},
  isAuthExpired: (error) => error.code === '13009',
  handleServerError: (error) => (error.code === '13009' ? 'reauthenticate' : 'continue'),
  classifyDisconnect: (): WsDisconnectAction => ({
    kind: 'backoff-reconnect',
    minDelayMs: 60_000,
    jitterMs: 30_000,
    hostWide: true,
    alarm: true,
  }),
}

export const feed: WsConnection = connect(url, {
  connectBudget,
  circuitBreaker,
  handler,
  pingPong: new ProtocolPingPong({ intervalMs: 2_000, timeoutMs: 5_000 }),
  latencyPolicy: new WsLatencyPolicy({ maxRttMs: 40, percentile: 90, windowMs: 60_000, minSamples: 3, streak: 3 }),
  pacing: { frames: 4, perMs: 1_000, pongFrames: 1, ownFrames: 2, whenOverBudget: 'queue' },
  subscriptions: { items: ['trades.BTC', 'book.BTC'], encode: (params, id) => ({ params, id }) },
  plan: { topic: { key: '{channel}', when: [{ path: 'data' }] } },
  topics: {
    silentAfterMs: (topic) => (topic.startsWith('book.') ? 5_000 : undefined),
    resubscribeEveryMs: 10_000,
    reconnectAfter: 2,
  },
  onEvent(event) {
    if (event.kind === 'topic-silent') console.warn(event.topic, 'silent for', event.silentForMs, 'ms')
    if (event.kind === 'resumed' && event.key) console.info(event.key, 'flows again')
  },
})

export async function held(): Promise<string> {
  feed.subscribe(['trades.BTC'])
  feed.replaceSubscriptions(['trades.BTC', 'trades.ETH'])
  feed.clearSubscriptions()
  const told: WsStatusEvent['kind'][] = []
  for await (const event of feed.status()) {
    told.push(event.kind)
    if (event.kind === 'held') return `${event.why} ${event.host} ${event.delayMs}`
  }
  return told.join()
}

const channels = new Map<number, string>()
connect(url, {
  topics: { topicOf: (frame) => channels.get((frame.json() as [number])[0]), silentAfterMs: 5_000 },
})

export const plans: IngressPlan[] = [
  { topic: '{params.channel}' },
  { topic: { key: '{0}', when: [{ path: '1', not: 'hb' }] } },
  {
    topic: { key: '{topic}', when: [{ path: 'type', is: 'message' } satisfies WsTopicCondition] } satisfies WsTopicPlan,
  },
  // @ts-expect-error: texts are compared, also of numbers
  { topic: { key: '{topic}', when: [{ path: 'type', is: 7 }] } },
  // @ts-expect-error: a key is needed
  { topic: { when: [{ path: 'type' }] } },
]

// Any object with opened() and sample() will do in its place.
connect(url, {
  latencyPolicy: {
    opened() {},
    sample: (rttUs) => (rttUs > 40_000 ? { percentile: 100, rttUs, limitUs: 40_000 } : undefined),
  },
})

const note = feed.send('{"note":1}', { ttlMs: 30_000, acrossReconnect: true })
if (note === 'full') console.warn('too much waits for another connection', feed.stats().keptMessages)
feed.sendBatch(['a', 'b'], { ttlMs: 500, urgent: true })

export async function whatNeverLeft(): Promise<string> {
  for await (const event of feed) {
    if (event.kind !== 'sends-given-up') continue
    if (event.delivery === 'none' && event.reason === 'expired-unsent') return `${event.messages} never left`
    return `${event.messages} messages, ${event.bytes} bytes`
  }
  return 'all left'
}

export function named(event: WsHeldEvent | WsCoolingDownEvent | WsTopicSilentEvent | WsAlarmEvent): string {
  return event.kind
}

// Every event has a name of its own.
connect(url, {
  subscriptions: { items: ['trades.BTC'], encode: (params, id) => ({ params, id }), requiresAuth: false },
  pingPong: new WsApplicationPingPong({
    ping: (nextId) => JSON.stringify({ req_id: nextId() }),
    isPong: (frame) => frame.text().includes('pong'),
  }),
  onEvent(event) {
    if (event.kind === 'alarm' || event.kind === 'cooling-down') console.error(named(event))
  },
  onStatus(status) {
    if (status.kind === 'reply-ignored') console.warn(status.requestId, status.why)
  },
})
