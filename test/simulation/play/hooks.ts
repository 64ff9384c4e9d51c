import type { WsDisconnectAction } from '../../../src/errors/disconnect-action.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import type { WsTopicWatchOptions } from '../../../src/health/topic-watch.ts'
import type { WsIngress, WsIngressSink, WsIngressVerdict } from '../../../src/ingress/ingress.ts'
import { ExponentialBackoff } from '../../../src/reconnect/exponential-backoff.ts'
import type { WsReconnectStrategy } from '../../../src/reconnect/strategy.ts'
import type { WsReplyMatch } from '../../../src/requests/reply-match.ts'
import type { WsErrorAction, WsParsed, WsServerError, WsSession } from '../../../src/session/endpoint-handler.ts'
import type {
  WsNextId,
  WsSubscriptionRequest,
  WsSubscriptionResponse,
} from '../../../src/session/subscription-manager.ts'
import type { RandomSource } from '../../../src/support/random.ts'
import { JsonRpcDelegatedEndpoint, type JsonRpcNotification } from '../../../src/testing/json-rpc-delegated-endpoint.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'
import { channelIn } from '../ledger.ts'
import type { Simulation } from '../simulation.ts'
import { STATUS_UNKNOWN_CODE } from './venue.ts'

/** User code under the actor: in any of its hooks it may block, call the actor, or throw. */
export class Clumsiness {
  readonly #sim: Simulation
  readonly #random: SeededRandom

  constructor(sim: Simulation) {
    this.#sim = sim
    this.#random = SeededRandom.named(sim.setup.seed, 'hooks')
  }

  /** Every hook calls it first; `connection` is what the actor says that it is about. */
  touch(where: string, connection?: number): void {
    const sim = this.#sim
    sim.evidence.hook(where, connection)
    if (!sim.isChaotic) return
    const { setup } = sim
    if (this.#chance(setup.blocks)) {
      const ms = 1 + this.#random.below(this.#random.below(3) === 0 ? 2500 : 60)
      sim.fault('JavaScript stall', `${where} blocks for ${ms} ms`)
      sim.loop.block(ms)
    }
    if (this.#chance(setup.reenters)) sim.user.act(where)
    if (this.#chance(setup.throws)) {
      sim.fault('hook throws', where)
      throw new Error(`${where} is clumsy`)
    }
  }

  /** Instead of what a hook should return. */
  nonsense(where: string): boolean {
    if (!this.#sim.isChaotic || !this.#chance(this.#sim.setup.throws)) return false
    this.#sim.fault('hook returns nonsense', where)
    return true
  }

  /** ms that an asynchronous hook takes. */
  get patienceMs(): number {
    return this.#random.below(20) === 0 ? this.#random.below(1500) : this.#random.below(10)
  }

  oneOf<T>(...list: readonly T[]): T {
    return list[this.#random.below(list.length)] as T
  }

  #chance(p: number): boolean {
    return p > 0 && this.#random.float() < p
  }
}

/** The endpoint that ships with the library, in clumsy hands. */
export class SimEndpoint extends JsonRpcDelegatedEndpoint {
  readonly #sim: Simulation

  constructor(sim: Simulation) {
    const { setup } = sim
    super({
      ...(setup.auth ? { credentials: { clientId: 'demo', clientSecret: 'demo-secret' } } : {}),
      ...(setup.heartbeatSeconds === undefined ? {} : { heartbeatSeconds: setup.heartbeatSeconds }),
      maxChannelsPerRequest: 3,
      requestTimeoutMs: 1000,
      statusUnknownCodes: [STATUS_UNKNOWN_CODE],
      onReady: (session) => this.#ready(session),
    })
    this.#sim = sim
  }

  async #ready(session: WsSession): Promise<void> {
    this.#sim.clumsy.touch('handler.onReady', session.connection)
    const { patienceMs } = this.#sim.clumsy
    if (patienceMs > 0) await this.#sim.pause(patienceMs)
  }

  override resetState(): void {
    super.resetState()
    this.#sim.clumsy.touch('handler.resetState')
  }

  override onOpen(session: WsSession): void {
    super.onOpen(session)
    this.#sim.clumsy.touch('handler.onOpen', session.connection)
  }

  override matchReply(frame: WsFrame): WsReplyMatch | undefined {
    const match = super.matchReply(frame)
    if (match !== undefined) this.#sim.clumsy.touch('handler.matchReply')
    return match
  }

  override parse(frame: WsFrame): WsParsed<JsonRpcNotification> | undefined {
    if (!this.#sim.setup.hasIngress) this.#sim.evidence.data(frame.text(), frame.receivedMonoUs)
    this.#sim.clumsy.touch('handler.parse')
    if (this.#sim.clumsy.nonsense('handler.parse')) return 7 as never
    return super.parse(frame)
  }

  override handleMessage(message: JsonRpcNotification, session: WsSession): void {
    this.#sim.evidence.message(session.connection)
    this.#sim.clumsy.touch('handler.handleMessage', session.connection)
    super.handleMessage(message, session)
  }

  override handleServerError(error: WsServerError): WsErrorAction {
    this.#sim.clumsy.touch('handler.handleServerError')
    return super.handleServerError(error)
  }

  classifyDisconnect(cause: WsDisconnectCause): WsDisconnectAction | undefined {
    this.#sim.clumsy.touch('handler.classifyDisconnect')
    if (this.#sim.clumsy.nonsense('handler.classifyDisconnect')) return { kind: 'whatever' } as never
    // Stops and long cool-downs are right, but every second life would be spent in one.
    const isHarsh = cause.kind === 'handshake-failed' && cause.http !== undefined
    return isHarsh && this.#sim.clumsy.oneOf(0, 1, 2, 3, 4, 5, 6, 7) > 0 ? { kind: 'backoff-reconnect' } : undefined
  }

  override initial(desired: readonly string[], nextId: WsNextId): readonly WsSubscriptionRequest[] {
    const requests = super.initial(desired, nextId)
    this.#sim.evidence.subscriptionFrames('replay', requests)
    return requests
  }

  override update(
    change: { readonly add: readonly string[]; readonly remove: readonly string[] },
    nextId: WsNextId,
  ): readonly WsSubscriptionRequest[] {
    const requests = super.update(change, nextId)
    this.#sim.evidence.subscriptionFrames('change', requests)
    return requests
  }

  override response(frame: WsFrame): WsSubscriptionResponse | undefined {
    const response = super.response(frame)
    if (response !== undefined) this.#sim.clumsy.touch('subscriptionManager.response')
    return response
  }
}

/** Sees every frame that is no reply, heartbeat or subscription answer, forwards most and emits some. */
export class SimIngress implements WsIngress<string> {
  readonly #sim: Simulation

  constructor(sim: Simulation) {
    this.#sim = sim
  }

  onFrame(frame: WsFrame, sink: WsIngressSink<string>): WsIngressVerdict {
    const text = frame.text()
    this.#sim.evidence.data(text, frame.receivedMonoUs)
    this.#sim.clumsy.touch('ingress.onFrame')
    if (this.#sim.clumsy.nonsense('ingress.onFrame')) return 'perhaps' as never
    if (!text.includes('"ticker.')) return 'forward'
    sink.emit(text)
    return this.#sim.clumsy.oneOf('emit', 'forward', 'ignore')
  }

  onOpen(connection: number): void {
    this.#sim.clumsy.touch('ingress.onOpen', connection)
  }

  onGap(connection: number): void {
    this.#sim.evidence.gapTold(connection)
    this.#sim.clumsy.touch('ingress.onGap')
  }
}

/** Short delays, and at times an exception or no number at all. */
export class SimReconnect implements WsReconnectStrategy {
  readonly #sim: Simulation
  readonly #backoff = new ExponentialBackoff({ baseMs: 30, maxMs: 1500 })

  constructor(sim: Simulation) {
    this.#sim = sim
  }

  nextDelayMs(attempt: number, cause: WsDisconnectCause, random: RandomSource): number | undefined {
    this.#sim.clumsy.touch('reconnect.nextDelayMs')
    if (this.#sim.clumsy.nonsense('reconnect.nextDelayMs')) return Number.NaN
    return this.#backoff.nextDelayMs(attempt, cause, random)
  }

  reset(): void {
    this.#sim.clumsy.touch('reconnect.reset')
  }
}

/** Topics as the endpoint's notifications name them; those of the user's orders are quiet by nature. */
export function topicsOf(silentAfterMs: number): WsTopicWatchOptions {
  return {
    topicOf: (frame) => channelIn(frame.text()),
    silentAfterMs: (topic) => (topic.startsWith('user.') ? undefined : silentAfterMs),
    resubscribeEveryMs: 400,
  }
}
