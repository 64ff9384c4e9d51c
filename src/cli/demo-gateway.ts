import type { WsStatusEvent } from '../actor/status.ts'
import { WebSocketActor } from '../actor/websocket-actor.ts'
import { ExponentialBackoff } from '../reconnect/exponential-backoff.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { Clock } from '../support/clock.ts'
import { jsonRpc } from '../testing/json-rpc/frames.ts'
import { JsonRpcDelegatedEndpoint, type JsonRpcNotification } from '../testing/json-rpc-delegated-endpoint.ts'
import type { WsTransport } from '../transport/transport.ts'
import type { DemoEvidence, DemoHole, DemoOutcome, DemoProbe } from './demo-check.ts'

const REQUEST_TIMEOUT_MS = 1000
const SEND_WITHIN_MS = 300
/** Every so many-th order that is open is cancelled again. */
const CANCEL_EVERY = 3

/** `unconfirmed` orders that have not been probed yet. More than this is beyond what the demo asks in an hour. */
const MAX_TO_PROBE = 10_000

interface Recorded {
  readonly requestId: string
  readonly method: string
  readonly outcomes: DemoOutcome[]
}

interface Unresolved {
  readonly requestId: string
  readonly label: string
}

/** Where a book has been read up to. */
interface BookPlace {
  readonly connection: number
  readonly changeId: number
}

interface Book {
  readonly change_id?: number
  readonly prev_change_id?: number
}

export interface DemoGatewaySettings {
  readonly url: string
  readonly transport: WsTransport
  readonly credentials: { readonly clientId: string; readonly clientSecret: string }
  readonly subscriptions: readonly string[]
  readonly clock: Clock
  readonly onStatus: (event: WsStatusEvent) => void
}

/**
 * A gateway as a user would write it, on one `WebSocketActor`: it authenticates, subscribes, places orders, probes those
 * whose fate it does not know, and writes down all that it is told, for the check in the end.
 */
export class DemoGateway {
  readonly actor: WebSocketActor<JsonRpcNotification>
  readonly outcomes = new Map<WsOutcome['kind'], number>()
  readonly #requests: Recorded[] = []
  readonly #lateReplies: DemoEvidence['lateReplies'][number][] = []
  readonly #probes: DemoProbe[] = []
  readonly #toProbe: Unresolved[] = []
  readonly #opened = new Set<number>()
  readonly #ended: number[] = []
  readonly #gaps: number[] = []
  readonly #holes: DemoHole[] = []
  readonly #books = new Map<string, BookPlace>()
  #heard = new Set<string>()
  #orders = 0
  #openOrders = 0
  #probing = false
  #stopping = false

  constructor({ url, transport, credentials, subscriptions, clock, onStatus }: DemoGatewaySettings) {
    const endpoint = new JsonRpcDelegatedEndpoint({
      credentials,
      heartbeatSeconds: 1,
      onMessage: (message, session) => this.#onMessage(message, session.connection),
    })
    this.actor = new WebSocketActor({
      url,
      transport,
      clock,
      handler: endpoint,
      subscriptionManager: endpoint,
      pingPong: endpoint.pingPong({ intervalMs: 200, timeoutMs: 1000 }),
      subscriptions,
      // Quick, since the exchange is our own. A real venue bans who comes back so fast.
      reconnect: new ExponentialBackoff({ baseMs: 50, maxMs: 500 }),
      stableMs: 500,
      authTimeoutMs: 2000,
      subscriptionTimeoutMs: 2000,
      onStatus: (event) => {
        this.#onStatus(event)
        onStatus(event)
      },
      onLateReply: ({ requestId, kind }) => this.#lateReplies.push({ requestId, kind }),
    })
  }

  /** Orders whose fate is not known yet. */
  get toProbe(): number {
    return this.#toProbe.length
  }

  get probes(): readonly DemoProbe[] {
    return this.#probes
  }

  get requests(): number {
    return this.#requests.length
  }

  /** Every desired channel is acknowledged and, where it makes noise by itself, has been heard on this connection. */
  get whole(): boolean {
    if (this.actor.status !== 'ready') return false
    return this.actor
      .subscriptions()
      .every(({ item, stage }) => stage === 'acked' && (this.#heard.has(item) || item.startsWith('user.')))
  }

  /** Places one order; what becomes of it is written down whenever it is known. */
  placeOrder(): void {
    const label = `demo-${++this.#orders}`
    const isMarket = this.#orders % 4 === 0
    const params = {
      instrument_name: 'BTC-PERPETUAL',
      amount: 10,
      label,
      ...(isMarket ? { type: 'market' } : { type: 'limit', price: 1 }),
    }
    void this.#ask('private/buy', params, false).then((outcome) => this.#onOrder(outcome, label))
  }

  /** Asks about orders whose fate is not known, one after the other, for as long as there are any and we are ready. */
  async probe(): Promise<void> {
    if (this.#probing) return
    this.#probing = true
    try {
      while (this.#toProbe.length > 0 && this.actor.status === 'ready') {
        const { requestId, label } = this.#toProbe[0] as Unresolved
        const outcome = await this.#ask('private/get_order_state_by_label', { currency: 'BTC', label }, true)
        if (outcome.kind !== 'confirmed') return
        this.#toProbe.shift()
        const { result } = outcome.reply.json() as { result: readonly unknown[] }
        this.#probes.push({ requestId: outcome.requestId, label, found: result.length > 0 })
        this.actor.settle(requestId, outcome.reply)
      }
    } finally {
      this.#probing = false
    }
  }

  /** Ends the actor; the end of this last connection is nobody's loss. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.actor.stop()
  }

  /** All but the exchange's side. `desired` and `acked` are those of now. */
  evidence(): Omit<DemoEvidence, 'log' | 'logDropped'> {
    const states = this.actor.subscriptions()
    return {
      requests: this.#requests,
      lateReplies: this.#lateReplies,
      probes: this.#probes,
      ended: this.#ended,
      gaps: this.#gaps,
      holes: this.#holes,
      desired: states.map(({ item }) => item),
      acked: states.filter(({ stage }) => stage === 'acked').map(({ item }) => item),
      heard: [...this.#heard],
    }
  }

  async #ask(method: string, params: object, urgent: boolean): Promise<WsOutcome> {
    const requestId = this.actor.nextRequestId()
    const outcomes: DemoOutcome[] = []
    this.#requests.push({ requestId, method, outcomes })
    const outcome = await this.actor.ask({
      frame: jsonRpc(method, params),
      requestId,
      confirmMode: 'confirmed',
      timeoutMs: REQUEST_TIMEOUT_MS,
      sendWithinMs: SEND_WITHIN_MS,
      urgent,
    })
    const { kind, delivery } = outcome
    outcomes.push({
      kind,
      delivery,
      ...('reason' in outcome ? { reason: outcome.reason } : {}),
      ...('code' in outcome && outcome.code !== undefined ? { code: outcome.code } : {}),
    })
    this.outcomes.set(kind, (this.outcomes.get(kind) ?? 0) + 1)
    return outcome
  }

  #onOrder(outcome: WsOutcome, label: string): void {
    if (outcome.kind === 'unconfirmed' && this.#toProbe.length < MAX_TO_PROBE) {
      this.#toProbe.push({ requestId: outcome.requestId, label })
    }
    if (outcome.kind !== 'confirmed' || outcome.reply.field('result.order.order_state') !== 'open') return
    if (++this.#openOrders % CANCEL_EVERY !== 0) return
    void this.#ask('private/cancel', { order_id: outcome.reply.field('result.order.order_id') }, true)
  }

  #onStatus(event: WsStatusEvent): void {
    if (event.kind === 'open') {
      this.#opened.add(event.connection)
      this.#heard = new Set()
    }
    if (this.#stopping) return
    if (event.kind === 'disconnected' && this.#opened.has(event.connection)) this.#ended.push(event.connection)
    if (event.kind === 'gap') this.#gaps.push(event.connection)
  }

  #onMessage({ channel, data }: JsonRpcNotification, connection: number): void {
    if (channel === undefined) return
    this.#heard.add(channel)
    if (!channel.startsWith('book.')) return
    const { change_id: changeId = 0, prev_change_id: previous } = data as Book
    const last = this.#books.get(channel)
    // A snapshot follows nothing, so it is where a hole ends, if there was something before it.
    if (last !== undefined && previous !== last.changeId) {
      this.#holes.push({ channel, from: last.connection, to: connection })
    }
    this.#books.set(channel, { connection, changeId })
  }
}
