import type { WsDisconnectAction } from '../../../src/errors/disconnect-action.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import type { WsReplyMatch } from '../../../src/requests/reply-match.ts'
import {
  type WsAuthLifetime,
  WsAuthRefusedError,
  type WsErrorAction,
  type WsParsed,
  type WsServerError,
  type WsSession,
} from '../../../src/session/endpoint-handler.ts'
import type {
  WsNextId,
  WsSubscriptionRequest,
  WsSubscriptionResponse,
} from '../../../src/session/subscription-manager.ts'
import {
  type JsonRpcCredentials,
  JsonRpcDelegatedEndpoint,
  type JsonRpcNotification,
} from '../../../src/testing/json-rpc-delegated-endpoint.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'
import type { Life } from '../life.ts'
import { STATUS_UNKNOWN_CODE } from './venue.ts'

type Login = (session: WsSession) => Promise<WsAuthLifetime | undefined>

const CREDENTIALS: JsonRpcCredentials = { clientId: 'demo', clientSecret: 'demo-secret' }

/** The endpoint that ships with the library, in clumsy hands. */
export class SimEndpoint extends JsonRpcDelegatedEndpoint {
  readonly #life: Life
  /** What was parsed last. */
  #text = ''

  constructor(life: Life) {
    const { setup } = life.sim
    super({
      ...(setup.auth ? { credentials: setup.providers ? () => this.#provide() : CREDENTIALS } : {}),
      ...(setup.heartbeatSeconds === undefined ? {} : { heartbeatSeconds: setup.heartbeatSeconds }),
      maxChannelsPerRequest: 3,
      requestTimeoutMs: 1000,
      statusUnknownCodes: [STATUS_UNKNOWN_CODE],
      onReady: (session) => this.#ready(session),
    })
    this.#life = life
    // They are there only with credentials.
    const { authenticate, refreshAuth } = this
    if (authenticate === undefined || refreshAuth === undefined) return
    Object.assign(this, {
      authenticate: (session: WsSession) => this.#login('handler.authenticate', session, authenticate),
      refreshAuth: (session: WsSession) => this.#login('handler.refreshAuth', session, refreshAuth),
    })
  }

  #login(where: string, session: WsSession, login: Login): ReturnType<Login> {
    const { clumsy } = this.#life
    clumsy.touch(where, session.connection)
    // Twice in a row ends the actor.
    if (clumsy.nonsense(where)) return Promise.reject(new WsAuthRefusedError('somebody else has logged in'))
    return login(session)
  }

  async #provide(): Promise<JsonRpcCredentials> {
    const { clumsy, sim } = this.#life
    clumsy.touch('credentials')
    const { patienceMs } = clumsy
    if (patienceMs > 5) await sim.pause(patienceMs)
    return clumsy.nonsense('credentials') ? ({ clientId: 7 } as never) : CREDENTIALS
  }

  async #ready(session: WsSession): Promise<void> {
    this.#life.clumsy.touch('handler.onReady', session.connection)
    const { patienceMs } = this.#life.clumsy
    if (patienceMs > 0) await this.#life.sim.pause(patienceMs)
  }

  override resetState(): void {
    super.resetState()
    this.#life.clumsy.touch('handler.resetState')
  }

  override onOpen(session: WsSession): void {
    super.onOpen(session)
    this.#life.clumsy.touch('handler.onOpen', session.connection)
  }

  override matchReply(frame: WsFrame): WsReplyMatch | undefined {
    const match = super.matchReply(frame)
    if (match !== undefined) this.#life.clumsy.touch('handler.matchReply')
    return match
  }

  override parse(frame: WsFrame): WsParsed<JsonRpcNotification> | undefined {
    this.#text = frame.text()
    if (!this.#life.sim.setup.hasIngress) this.#life.evidence.data(this.#text)
    this.#life.clumsy.touch('handler.parse')
    if (this.#life.clumsy.nonsense('handler.parse')) return 7 as never
    return super.parse(frame)
  }

  override handleMessage(message: JsonRpcNotification, session: WsSession): void {
    this.#life.evidence.message(session.connection)
    if (!this.#life.sim.setup.hasIngress) this.#life.evidence.holes.seen(this.#text, session)
    this.#life.clumsy.touch('handler.handleMessage', session.connection)
    super.handleMessage(message, session)
  }

  override handleServerError(error: WsServerError): WsErrorAction {
    const { clumsy, sim } = this.#life
    clumsy.touch('handler.handleServerError')
    if (sim.isChaotic && sim.setup.ends > 0 && clumsy.one(10)) {
      sim.user.wantsEnd(this.#life, 'fatal')
      sim.trace.add('handler.handleServerError says fatal')
      return 'fatal'
    }
    return super.handleServerError(error)
  }

  classifyDisconnect(cause: WsDisconnectCause): WsDisconnectAction | undefined {
    this.#life.clumsy.touch('handler.classifyDisconnect')
    if (this.#life.clumsy.nonsense('handler.classifyDisconnect')) return { kind: 'whatever' } as never
    // Stops and long cool-downs are right, but every second life would be spent in one.
    const isHarsh = cause.kind === 'handshake-failed' && cause.http !== undefined
    return isHarsh && !this.#life.clumsy.one(10) ? { kind: 'backoff-reconnect' } : undefined
  }

  override samplePayloadTimestampsUs(frame: WsFrame): number | undefined {
    this.#life.clumsy.touch('handler.samplePayloadTimestampsUs')
    if (this.#life.clumsy.nonsense('handler.samplePayloadTimestampsUs')) return Number.NaN
    return super.samplePayloadTimestampsUs(frame)
  }

  override requiresAuth(channel: string): boolean {
    this.#life.clumsy.touch('subscriptionManager.requiresAuth')
    return super.requiresAuth(channel)
  }

  override initial(desired: readonly string[], nextId: WsNextId): readonly WsSubscriptionRequest[] {
    this.#life.clumsy.touch('subscriptionManager.initial')
    if (this.#life.clumsy.nonsense('subscriptionManager.initial')) return [{}] as never
    const requests = super.initial(desired, nextId)
    this.#life.evidence.subscriptionFrames('replay', requests)
    return requests
  }

  override update(
    change: { readonly add: readonly string[]; readonly remove: readonly string[] },
    nextId: WsNextId,
  ): readonly WsSubscriptionRequest[] {
    const { clumsy, sim } = this.#life
    clumsy.touch('subscriptionManager.update')
    if (clumsy.nonsense('subscriptionManager.update', sim.setup.updateFailures)) return 'nothing' as never
    this.#life.evidence.holes.takenOff(change.remove)
    const requests = super.update(change, nextId)
    this.#life.evidence.subscriptionFrames('change', requests)
    return requests
  }

  override maybeSubscriptionResponse(frame: WsFrame): boolean {
    this.#life.clumsy.touch('subscriptionManager.maybeSubscriptionResponse')
    return super.maybeSubscriptionResponse(frame)
  }

  override response(frame: WsFrame): WsSubscriptionResponse | undefined {
    const response = super.response(frame)
    if (response !== undefined) this.#life.clumsy.touch('subscriptionManager.response')
    return response
  }
}
