import { WsConfigError } from '../errors/errors.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import { WsReply } from '../requests/reply.ts'
import type { WsReplyMatch } from '../requests/reply-match.ts'
import {
  type WsAuthLifetime,
  WsAuthRefusedError,
  type WsEndpointHandler,
  type WsErrorAction,
  type WsParsed,
  type WsServerError,
  type WsSession,
} from '../session/endpoint-handler.ts'
import type {
  WsNextId,
  WsSubscriptionManager,
  WsSubscriptionRequest,
  WsSubscriptionResponse,
} from '../session/subscription-manager.ts'
import { Checker, MAX_TIMER_MS } from '../support/check.ts'
import type { WsFrame } from '../transport/frame.ts'
import { isObject, jsonRpc, looksLikeNotification } from './json-rpc/frames.ts'
import { JsonRpcPingPong, type JsonRpcPingPongOptions } from './json-rpc/ping-pong.ts'
import { JsonRpcSubscriptions } from './json-rpc/subscriptions.ts'
import { matchAnswer } from './json-rpc/verdict.ts'

export interface JsonRpcCredentials {
  readonly clientId: string
  readonly clientSecret: string
}

/** What the server tells without being asked. */
export interface JsonRpcNotification {
  /** `subscription`, or what else the server calls. */
  readonly method: string
  /** Of a subscription: its channel and data. */
  readonly channel?: string
  readonly data?: unknown
  readonly params: unknown
}

export interface JsonRpcEndpointOptions {
  /** With them each connection authenticates. A function is called per connection, and may be async. */
  readonly credentials?: JsonRpcCredentials | (() => JsonRpcCredentials | Promise<JsonRpcCredentials>)
  /** Asks the server for heartbeats at this interval, in seconds. Default: none. Give the actor `pingPong()` then. */
  readonly heartbeatSeconds?: number
  /** Channels in one subscription message. Default 100. */
  readonly maxChannelsPerRequest?: number
  /** For this endpoint's own requests, ms. Default 5000. */
  readonly requestTimeoutMs?: number
  /** Error codes by which the venue says that it does not know what became of the request. Default: none. */
  readonly statusUnknownCodes?: readonly string[]
  readonly onMessage?: (message: JsonRpcNotification, session: WsSession) => void
  /** Runs on every connection before ordinary asks are accepted. */
  readonly onReady?: (session: WsSession) => Promise<void> | void
}

type ProvidedCredentials = NonNullable<JsonRpcEndpointOptions['credentials']>

/** Error codes that mean: these credentials will not do. */
const REFUSED_CODES = ['13004', '13009']
/** So many frames in a row that are no JSON, and the connection is replaced. */
const MAX_MALFORMED_IN_ROW = 5
const MALFORMED = 'not-json'
/** Error codes by which a private request learns that the connection is no longer authenticated. */
const EXPIRED_CODES = ['13009']

/**
 * Deribit-style JSON-RPC 2.0 for an actor: handler and subscription manager in one object, for asks built with
 * `jsonRpc(method, params)`.
 *
 * ```ts
 * const endpoint = new JsonRpcDelegatedEndpoint({ credentials: { clientId, clientSecret } })
 * const actor = new WebSocketActor({
 *   url, transport, handler: endpoint, subscriptionManager: endpoint, pingPong: endpoint.pingPong(),
 *   subscriptions: ['ticker.BTC-PERPETUAL.100ms'],
 * })
 * ```
 *
 * One endpoint belongs to one actor.
 */
export class JsonRpcDelegatedEndpoint implements WsEndpointHandler<JsonRpcNotification>, WsSubscriptionManager {
  readonly requestIdPath = 'id'
  /** There only with credentials: without, nothing waits for authentication. */
  readonly authenticate?: (session: WsSession) => Promise<WsAuthLifetime | undefined>
  /** The same. Tokens are refreshed before they expire, and anew when a private request is answered with 13009. */
  readonly refreshAuth?: (session: WsSession) => Promise<WsAuthLifetime | undefined>
  readonly #options: JsonRpcEndpointOptions
  readonly #requestTimeoutMs: number
  readonly #statusUnknown: ReadonlySet<string>
  readonly #subscriptions: JsonRpcSubscriptions
  #malformedInRow = 0
  #refreshToken: string | undefined

  /** Throws `WsConfigError`. */
  constructor(options: JsonRpcEndpointOptions = {}) {
    const check = new Checker()
    const known = [
      'credentials',
      'heartbeatSeconds',
      'maxChannelsPerRequest',
      'requestTimeoutMs',
      'statusUnknownCodes',
      'onMessage',
      'onReady',
    ] as const
    const given = check.object('options', options, known) ?? {}
    const { credentials, heartbeatSeconds } = options
    if (credentials !== undefined && typeof credentials !== 'function') checkCredentials(check, credentials)
    if (heartbeatSeconds !== undefined && !(heartbeatSeconds > 0 && heartbeatSeconds <= 3600)) {
      check.add('heartbeatSeconds', 'must be a number of seconds above 0, at most 3600')
    }
    const codes = given.statusUnknownCodes ?? []
    if (!Array.isArray(codes) || codes.some((code) => typeof code !== 'string')) {
      check.add('statusUnknownCodes', "must be an array of texts, such as ['13888']")
    }
    check.function('onMessage', given.onMessage)
    check.function('onReady', given.onReady)
    const maxChannels = check.integer('maxChannelsPerRequest', given.maxChannelsPerRequest, 1, 500, 100)
    this.#requestTimeoutMs = check.integer('requestTimeoutMs', given.requestTimeoutMs, 1, MAX_TIMER_MS, 5000)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
    this.#options = { ...options }
    this.#statusUnknown = new Set(codes as string[])
    this.#subscriptions = new JsonRpcSubscriptions(maxChannels)
    if (credentials === undefined) return
    this.authenticate = (session) => this.#authenticate(session, credentials)
    this.refreshAuth = (session) => this.#refresh(session, credentials)
  }

  /** What answers `test_request`, for the actor's option of that name. A new one for each actor. */
  pingPong(options?: JsonRpcPingPongOptions): JsonRpcPingPong {
    return new JsonRpcPingPong(options)
  }

  // — handler —

  resetState(): void {
    this.#malformedInRow = 0
    this.#refreshToken = undefined
    this.#subscriptions.reset()
  }

  onOpen(session: WsSession): void {
    const { heartbeatSeconds } = this.#options
    if (heartbeatSeconds === undefined) return
    session.send(jsonRpc('public/set_heartbeat', { interval: heartbeatSeconds })(session.nextRequestId()))
  }

  onReady(session: WsSession): Promise<void> | void {
    return this.#options.onReady?.(session)
  }

  matchReply(frame: WsFrame): WsReplyMatch | undefined {
    return looksLikeNotification(frame) ? undefined : matchAnswer(frame.text(), this.#statusUnknown)
  }

  parse(frame: WsFrame): WsParsed<JsonRpcNotification> | undefined {
    let value: unknown
    try {
      value = frame.json()
    } catch {
      this.#malformedInRow++
      return { kind: 'server-error', error: { code: MALFORMED, message: `${frame.byteLength} bytes that are no JSON` } }
    }
    this.#malformedInRow = 0
    if (!isObject(value)) return undefined
    const { method, params, error, id } = value
    if (typeof method === 'string') {
      const { channel, data } = isObject(params) ? params : { channel: undefined, data: undefined }
      const subject = typeof channel === 'string' ? { channel, data } : {}
      return { kind: 'message', message: { method, params, ...subject } }
    }
    if (!isObject(error)) return undefined
    // An error without an id answers nothing that can be found; one that answers is the asker's.
    if (id !== null && id !== undefined) return undefined
    return { kind: 'server-error', error: { code: String(error['code']), message: String(error['message']) } }
  }

  handleMessage(message: JsonRpcNotification, session: WsSession): void {
    // Only without pingPong(): with it, heartbeats do not come this far.
    if (message.method === 'heartbeat') {
      const { type } = isObject(message.params) ? message.params : { type: undefined }
      if (type === 'test_request') session.send(jsonRpc('public/test')(session.nextRequestId()), { urgent: true })
      return
    }
    this.#options.onMessage?.(message, session)
  }

  isAuthExpired({ code = '' }: WsServerError): boolean {
    return EXPIRED_CODES.includes(code)
  }

  handleServerError(error: WsServerError): WsErrorAction {
    return error.code === MALFORMED && this.#malformedInRow >= MAX_MALFORMED_IN_ROW ? 'reconnect' : 'continue'
  }

  samplePayloadTimestampsUs(frame: WsFrame): number | undefined {
    const timestampMs = Number(new WsReply(frame.text()).field('params.data.timestamp'))
    return Number.isFinite(timestampMs) ? timestampMs * 1000 : undefined
  }

  // — subscription manager —

  initial(desired: readonly string[], nextId: WsNextId): readonly WsSubscriptionRequest[] {
    return this.#subscriptions.initial(desired, nextId)
  }

  update(
    change: { readonly add: readonly string[]; readonly remove: readonly string[] },
    nextId: WsNextId,
  ): readonly WsSubscriptionRequest[] {
    return this.#subscriptions.update(change, nextId)
  }

  maybeSubscriptionResponse(frame: WsFrame): boolean {
    return this.#subscriptions.maybeSubscriptionResponse(frame)
  }

  response(frame: WsFrame): WsSubscriptionResponse | undefined {
    return this.#subscriptions.response(frame)
  }

  requiresAuth(channel: string): boolean {
    return this.#subscriptions.requiresAuth(channel)
  }

  // — tokens —

  async #authenticate(session: WsSession, provided: ProvidedCredentials): Promise<WsAuthLifetime | undefined> {
    const credentials = typeof provided === 'function' ? await provided() : provided
    const check = new Checker()
    checkCredentials(check, credentials)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
    const { clientId, clientSecret } = credentials
    const grant = { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }
    const outcome = await this.#login(session, grant)
    if (outcome.kind !== 'rejected') return this.#granted(outcome)
    const text = `the venue refuses to authenticate: ${outcome.message} (${outcome.code ?? 'no code'})`
    throw REFUSED_CODES.includes(outcome.code ?? '') ? new WsAuthRefusedError(text) : new Error(text)
  }

  /** With the refresh token, or with the credentials where there is none or the venue no longer takes it. */
  async #refresh(session: WsSession, provided: ProvidedCredentials): Promise<WsAuthLifetime | undefined> {
    const token = this.#refreshToken
    this.#refreshToken = undefined
    if (token === undefined) return this.#authenticate(session, provided)
    const outcome = await this.#login(session, { grant_type: 'refresh_token', refresh_token: token })
    return outcome.kind === 'rejected' ? this.#authenticate(session, provided) : this.#granted(outcome)
  }

  #login(session: WsSession, params: object): Promise<WsOutcome> {
    return session.ask({
      frame: jsonRpc('public/auth', params),
      confirmMode: 'confirmed',
      timeoutMs: this.#requestTimeoutMs,
      urgent: true,
      sensitive: true,
    })
  }

  #granted(outcome: WsOutcome): WsAuthLifetime | undefined {
    if (outcome.kind !== 'confirmed') throw new Error(`the venue did not authenticate: ${outcome.kind}`)
    this.#refreshToken = outcome.reply.field('result.refresh_token')
    const lifeSeconds = Number(outcome.reply.field('result.expires_in'))
    return lifeSeconds > 0 ? { expiresInMs: lifeSeconds * 1000 } : undefined
  }
}

function checkCredentials(check: Checker, credentials: unknown): void {
  const { clientId, clientSecret } = isObject(credentials) ? credentials : {}
  if (typeof clientId !== 'string' || clientId === '') check.add('credentials.clientId', 'must be a string, not empty')
  if (typeof clientSecret !== 'string') check.add('credentials.clientSecret', 'must be a string')
}
