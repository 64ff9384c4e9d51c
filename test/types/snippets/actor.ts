// An actor with everything that is the user's, as users write it.
import {
  ExponentialBackoff,
  nativeTransport,
  ProtocolPingPong,
  WebSocketActor,
  WsAuthRefusedError,
  type WsEndpointHandler,
  type WsIngress,
  type WsOutcome,
  type WsStatusEvent,
  type WsSubscriptionManager,
} from 'shared-ws'

interface Tick {
  readonly price: number
}

const ingress: WsIngress<Tick> = {
  onFrame(frame, sink) {
    if (frame.byteLength < 10) return 'ignore'
    sink.emit({ price: frame.at(0) })
    return 'emit'
  },
}

const handler: WsEndpointHandler<{ readonly n: number }> = {
  parse: (frame) => ({ kind: 'message', message: frame.json() as { n: number } }),
  handleMessage: (message, session) => {
    session.send(`${message.n.toFixed(0)} on ${session.connection}`)
  },
  handleServerError: (error) => (error.code === '13009' ? 'reconnect' : 'continue'),
  classifyDisconnect: (cause, attempt) =>
    cause.kind === 'remote-closed' && attempt < 3 ? { kind: 'immediate-reconnect' } : undefined,
  async authenticate(session) {
    const outcome = await session.ask({ frame: (id) => `{"id":${id}}`, confirmMode: 'confirmed', timeoutMs: 1000 })
    if (outcome.kind === 'rejected') throw new WsAuthRefusedError(outcome.message)
  },
  matchReply: (frame) => ({ requestId: frame.text(), verdict: 'confirmed' }),
}

const subscriptionManager: WsSubscriptionManager = {
  initial: (desired, nextId) => [
    { requestId: nextId(), payload: JSON.stringify(desired), subscribe: desired, unsubscribe: [] },
  ],
  update: ({ add, remove }, nextId) => [
    { requestId: nextId(), payload: new Uint8Array(1), subscribe: add, unsubscribe: remove },
  ],
}

export async function trade(): Promise<string> {
  const actor = new WebSocketActor({
    url: async ({ attempt }) => `wss://host${attempt}.example/`,
    transport: nativeTransport,
    ingress,
    handler,
    subscriptionManager,
    subscriptions: ['ticker'],
    reconnect: new ExponentialBackoff({ maxMs: 5000 }),
    pingPong: new ProtocolPingPong(),
    onEvent: (tick, connection) => console.log(tick.price.toFixed(2), connection),
    onStatus: (event: WsStatusEvent) => {
      if (event.kind === 'gap') console.warn(event.fromUs, event.toUs, event.cause.code)
    },
  })
  actor.start()
  await actor.ready({ timeoutMs: 10_000 })
  const outcome = await actor.ask({ frame: 'order', confirmMode: 'confirmed', timeoutMs: 1000, urgent: true })
  const written = (into: Uint8Array): number => into.length
  await actor.ask({ frame: written, confirmMode: 'sent', timeoutMs: 1000 })
  await actor.ask({ frame: (id: string) => new Uint8Array(id.length), confirmMode: 'sent', timeoutMs: 1000 })
  await actor.drain({ timeoutMs: 1000 })
  const { reason } = await actor.stop()
  return `${said(outcome)} ${reason}`
}

function said(outcome: WsOutcome): string {
  switch (outcome.kind) {
    case 'sent':
      return 'sent'
    case 'confirmed':
    case 'partial':
      return outcome.reply.field('result.order_id') ?? ''
    case 'rejected':
      return outcome.message
    case 'not-delivered':
    case 'unconfirmed':
      return outcome.reason
    case 'payload-mismatch':
      return outcome.inFlightForMs.toFixed(0)
    case 'too-many-pending':
      return outcome.max.toFixed(0)
  }
}
