import { systemLookup } from '../connect/dns.ts'
import { checkEndpoint, type EndpointSource } from '../connect/endpoint.ts'
import { checkPerMessageDeflate, type WsDeflateOffer } from '../connect/permessage-deflate.ts'
import type {
  WsAddressFamily,
  WsBinaryCompression,
  WsLimits,
  WsLookup,
  WsSocketOptions,
  WsStageTimeouts,
  WsTimestampSource,
  WsTlsConfig,
} from '../connect/request.ts'
import { checkSocket, checkSocketSupport } from '../connect/socket.ts'
import { checkTimestampSource, checkTimestampSupport } from '../connect/timestamp-source.ts'
import { checkTls } from '../connect/tls-check.ts'
import { WsConfigError } from '../errors/errors.ts'
import type { LivenessOptions } from '../health/liveness.ts'
import { checkTopics, type ResolvedTopics } from '../health/topic-check.ts'
import type { IngressPlan } from '../plan/plan.ts'
import { checkPlan } from '../plan/plan-check.ts'
import type { ConnectBudget } from '../reconnect/connect-budget.ts'
import { ExponentialBackoff } from '../reconnect/exponential-backoff.ts'
import type { WsReconnectStrategy } from '../reconnect/strategy.ts'
import type { PendingRequestsOptions } from '../requests/pending-requests.ts'
import type { WsEndpointHandler } from '../session/endpoint-handler.ts'
import { checkPacing, type WsPacingOptions } from '../session/pacing.ts'
import { Checker, describe, MAX_TIMER_MS } from '../support/check.ts'
import { type Clock, systemClock } from '../support/clock.ts'
import { type RandomSource, systemRandom } from '../support/random.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsTransport } from '../transport/transport.ts'
import type { AdmissionOptions } from './admission.ts'
import type { LaneOptions } from './lanes.ts'
import type { WebSocketActorOptions } from './options.ts'
import type { Rules } from './state.ts'
import type { WsHookErrorPolicy } from './status.ts'

type Given<K extends keyof WebSocketActorOptions> = NonNullable<WebSocketActorOptions<unknown, unknown>[K]> | undefined

/** {@link WebSocketActorOptions}, checked, with every default filled in. A copy: what the user changes later has no effect. */
export interface ResolvedActorOptions {
  readonly endpoint: EndpointSource
  readonly transport: WsTransport
  readonly tls: WsTlsConfig
  readonly lookup: WsLookup
  readonly family: WsAddressFamily
  readonly limits: WsLimits
  readonly timeouts: WsStageTimeouts
  readonly socket: WsSocketOptions
  readonly timestampSource: WsTimestampSource
  readonly perMessageDeflate: WsDeflateOffer | undefined
  readonly inflateBinary: WsBinaryCompression | undefined
  /** Undefined where nobody watches topics. */
  readonly plan: IngressPlan | undefined
  readonly handler: Given<'handler'>
  /** The handler's, checked. */
  readonly requestIdPath: string | undefined
  readonly ingress: Given<'ingress'>
  readonly subscriptionManager: Given<'subscriptionManager'>
  readonly subscriptions: readonly string[]
  readonly reconnect: WsReconnectStrategy
  readonly admission: AdmissionOptions
  readonly pingPong: Given<'pingPong'>
  readonly liveness: LivenessOptions
  readonly topics: ResolvedTopics | undefined
  readonly latencyPolicy: Given<'latencyPolicy'>
  readonly rules: Rules
  readonly subscriptionTimeoutMs: number
  readonly closeTimeoutMs: number
  readonly lanes: LaneOptions
  readonly pacing: Required<WsPacingOptions> | undefined
  readonly requests: PendingRequestsOptions
  readonly requestIds: Given<'requestIds'>
  readonly callbacks: ActorCallbacks
  readonly whenHookThrows: WsHookErrorPolicy
  readonly metrics: Given<'metrics'>
  readonly metricsIntervalMs: number
  readonly payloadLagEvery: number
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
  readonly random: RandomSource
}

const CALLBACKS = ['onStatus', 'onEvent', 'onBatch', 'onPing', 'onPong', 'onLateReply', 'onHookError'] as const

export type ActorCallbacks = { readonly [K in (typeof CALLBACKS)[number]]: Given<K> } & {
  readonly messages?: MessageTaker | undefined
}

/** Takes messages one by one, each when all hooks have looked at it; for `connect()`, where a gap that they report belongs before it. */
export interface MessageTaker {
  /** Somebody wants them. Asked for each batch. */
  readonly isWanted: boolean
  /** Must not throw. */
  take(frame: WsFrame, connection: number): void
  /** Behind the last one of a batch. */
  done(): void
}

const OPTIONS = [
  'url',
  'headers',
  'subprotocols',
  'proxy',
  'transport',
  'tls',
  'lookup',
  'family',
  'limits',
  'timeouts',
  'socket',
  'timestampSource',
  'perMessageDeflate',
  'inflateBinary',
  'plan',
  'handler',
  'ingress',
  'subscriptionManager',
  'subscriptions',
  'reconnect',
  'connectBudget',
  'circuitBreaker',
  'pingPong',
  'staleAfterMs',
  'silentAfterMs',
  'topics',
  'latencyPolicy',
  'authTimeoutMs',
  'onReadyTimeoutMs',
  'subscriptionTimeoutMs',
  'stableMs',
  'disconnectDrainMs',
  'closeTimeoutMs',
  'lanes',
  'pacing',
  'requests',
  'requestIds',
  ...CALLBACKS,
  'whenHookThrows',
  'metrics',
  'metricsIntervalMs',
  'payloadLagEvery',
  'signal',
  'clock',
  'random',
] as const satisfies readonly (keyof WebSocketActorOptions)[]

const MIB = 1024 * 1024
/** Messages and frames live in ArrayBuffers and strings, which end there on every supported Node. */
const MAX_SIZE = 2 ** 31 - 1
const LIMITS: WsLimits = { maxFrameBytes: 16 * MIB, maxMessageBytes: 16 * MIB, maxLinkBytes: 64 * 1024 }
const LANES: LaneOptions = { urgentBytes: 256 * 1024, normalBytes: MIB, keptBytes: MIB }
const REQUESTS: Required<PendingRequestsOptions> = {
  maxPending: 1024,
  maxSettledIds: 4096,
  settledIdsMs: 300_000,
  maxUnresolved: 4096,
}
const TIMEOUTS: WsStageTimeouts = {
  dnsMs: 5000,
  tcpMs: 5000,
  proxyMs: 5000,
  tlsMs: 5000,
  upgradeMs: 5000,
  totalMs: 15_000,
  attemptDelayMs: 250,
}
/** RFC 8305 section 5: "MUST NOT be less than 10 milliseconds". */
const MIN_TIMEOUTS = { attemptDelayMs: 10 }

const HANDLER_HOOKS = [
  'handleServerError',
  'isAuthExpired',
  'classifyDisconnect',
  'resetState',
  'onOpen',
  'authenticate',
  'refreshAuth',
  'onReady',
  'matchReply',
  'samplePayloadTimestampsUs',
] as const satisfies readonly (keyof WsEndpointHandler)[]

type OwnName = 'url' | 'subscriptionManager' | 'subscriptions' | 'reconnect' | 'whenHookThrows'

/** All but what is known only when the transport is. */
export type ActorSettings = Omit<ResolvedActorOptions, 'transport' | 'callbacks'>

/** Throws one `WsConfigError` with every mistake. Calls nothing of the user's. */
export function resolveActorOptions(options: unknown): ResolvedActorOptions {
  const check = new Checker()
  const given = check.object('options', options, OPTIONS) ?? {}
  if (options === undefined) check.add('options', 'must be an object with url and transport, is undefined')
  const settings = actorSettings(check, given, given)
  const transport = transportOf(check, given.transport)
  const callbacks = Object.fromEntries(
    CALLBACKS.map((name) => [name, check.function(name, given[name])]),
  ) as unknown as ActorCallbacks
  return completeActor(check, settings, transport, callbacks)
}

/** The second half of it. Throws what {@link actorSettings} has found, and what the transport has no means to do. */
export function completeActor(
  check: Checker,
  settings: ActorSettings,
  transport: WsTransport,
  callbacks: ActorCallbacks,
): ResolvedActorOptions {
  const { socket, timestampSource } = settings
  const { name, unsupportedSocketOptions = [], timestampSources = [] } = Object(transport) as WsTransport
  checkSocketSupport(check, { socket, transport: name }, unsupportedSocketOptions)
  checkTimestampSupport(check, { timestampSource, transport: name }, timestampSources)
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  return { ...settings, transport, callbacks }
}

type Unchecked<K extends keyof WebSocketActorOptions> = { readonly [N in K]?: unknown }

/** The first half: every mistake goes to `check`. `own`: what `connect()` calls by other names, or gives in other forms. */
export function actorSettings(
  check: Checker,
  given: Unchecked<Exclude<keyof WebSocketActorOptions, OwnName>>,
  own: Unchecked<OwnName>,
): ActorSettings {
  const { headers, subprotocols, proxy } = given
  const ms = (name: keyof typeof given, byDefault: number, min = 1): number =>
    check.integer(name, given[name], min, MAX_TIMER_MS, byDefault)
  const optionalMs = (name: keyof typeof given): number | undefined => ms(name, 0) || undefined
  const plan = checkPlan(check, given.plan)
  return {
    endpoint: checkEndpoint(check, { url: own.url, headers, subprotocols, proxy }),
    tls: tlsOf(check, given.tls),
    lookup: check.function<WsLookup>('lookup', given.lookup) ?? systemLookup,
    family: check.oneOf('family', given.family, [0, 4, 6], 0),
    limits: integersOf(check, 'limits', given.limits, LIMITS, 1, MAX_SIZE),
    timeouts: integersOf(check, 'timeouts', given.timeouts, TIMEOUTS, 1, MAX_TIMER_MS, MIN_TIMEOUTS),
    socket: checkSocket(check, given.socket),
    timestampSource: checkTimestampSource(check, given.timestampSource),
    perMessageDeflate: checkPerMessageDeflate(check, given.perMessageDeflate),
    inflateBinary:
      given.inflateBinary === undefined
        ? undefined
        : check.oneOf<WsBinaryCompression>(
            'inflateBinary',
            given.inflateBinary,
            ['gzip', 'deflate', 'deflate-raw'],
            'gzip',
          ),
    plan: given.topics === undefined ? undefined : plan,
    handler: check.methods(
      'handler',
      given.handler,
      ['parse', 'handleMessage'],
      'a handler with parse and handleMessage',
      HANDLER_HOOKS,
    ),
    requestIdPath: requestIdPathOf(check, given.handler),
    ingress: check.methods('ingress', given.ingress, ['onFrame'], 'an ingress with onFrame', ['onOpen', 'onGap']),
    subscriptionManager: check.methods(
      'subscriptionManager',
      own.subscriptionManager,
      ['initial', 'update'],
      'a subscription manager with initial and update',
      ['maybeSubscriptionResponse', 'response', 'requiresAuth'],
    ),
    subscriptions: itemsOf(check, own.subscriptions, own.subscriptionManager),
    reconnect:
      check.methods<WsReconnectStrategy>(
        'reconnect',
        own.reconnect,
        ['nextDelayMs', 'reset'],
        'a strategy with nextDelayMs and reset, such as new ExponentialBackoff() or NoReconnect',
      ) ?? new ExponentialBackoff(),
    admission: {
      budget: budgetOf(check, given.connectBudget),
      breaker: check.methods(
        'circuitBreaker',
        given.circuitBreaker,
        ['waitMs', 'begun', 'failed', 'succeeded'],
        'a circuit breaker such as new WsCircuitBreaker()',
      ),
    },
    pingPong: check.methods(
      'pingPong',
      given.pingPong,
      ['opened', 'nextDueUs', 'tick', 'restart'],
      'a ping-pong strategy such as new ProtocolPingPong()',
      ['onFrame', 'onPong'],
    ),
    liveness: { staleAfterMs: optionalMs('staleAfterMs'), silentAfterMs: optionalMs('silentAfterMs') },
    topics: checkTopics(check, given.topics, given.plan),
    latencyPolicy: check.methods(
      'latencyPolicy',
      given.latencyPolicy,
      ['opened', 'sample'],
      'a latency policy such as new WsLatencyPolicy({ maxRttMs })',
    ),
    rules: {
      authTimeoutMs: ms('authTimeoutMs', 10_000),
      onReadyTimeoutMs: ms('onReadyTimeoutMs', 30_000),
      disconnectDrainMs: ms('disconnectDrainMs', 1000, 0),
      stableMs: ms('stableMs', 10_000, 0),
    },
    subscriptionTimeoutMs: ms('subscriptionTimeoutMs', 10_000),
    closeTimeoutMs: ms('closeTimeoutMs', 2000, 0),
    lanes: integersOf(check, 'lanes', given.lanes, LANES, 0, MAX_SIZE),
    pacing: checkPacing(check, given.pacing),
    requests: integersOf(check, 'requests', given.requests, REQUESTS, 1, MAX_TIMER_MS),
    requestIds: check.methods('requestIds', given.requestIds, ['next'], 'an object with next()'),
    whenHookThrows: check.oneOf('whenHookThrows', own.whenHookThrows, ['continue', 'reconnect', 'stop'], 'continue'),
    metrics: check.methods('metrics', given.metrics, ['report'], 'a reporter with report'),
    metricsIntervalMs: ms('metricsIntervalMs', 10_000),
    payloadLagEvery: check.integer('payloadLagEvery', given.payloadLagEvery, 1, MAX_SIZE, 128),
    signal: check.signal('signal', given.signal),
    clock:
      check.methods<Clock>(
        'clock',
        given.clock,
        ['monoUs', 'epochUs', 'setTimer'],
        'an object with the methods monoUs, epochUs and setTimer',
      ) ?? systemClock,
    random:
      check.methods<RandomSource>('random', given.random, ['bytes', 'float'], 'a RandomSource: bytes, float') ??
      systemRandom,
  }
}

function requestIdPathOf(check: Checker, handler: unknown): string | undefined {
  const { requestIdPath } = Object(handler) as { readonly requestIdPath?: unknown }
  if (requestIdPath === undefined || (typeof requestIdPath === 'string' && requestIdPath !== '')) return requestIdPath
  check.add('handler.requestIdPath', `must be a path such as 'id' or 'params.reqId', is ${describe(requestIdPath)}`)
  return undefined
}

/** `undefined`: the default one, which the clock decides. */
function budgetOf(check: Checker, value: unknown): ConnectBudget | false | undefined {
  if (value === false) return false
  return check.methods<ConnectBudget>(
    'connectBudget',
    value,
    ['claim', 'ask', 'coolDown'],
    'a ConnectBudget, or false for no bound',
  )
}

function transportOf(check: Checker, value: unknown): WsTransport {
  const { name, connect } = Object(value) as Partial<Record<keyof WsTransport, unknown>>
  if (typeof name !== 'string' || typeof connect !== 'function') {
    const want = 'an object with name and connect, such as nativeTransport or wsTransport'
    check.add('transport', `must be ${want}, is ${describe(value)}`)
  }
  return value as WsTransport
}

function tlsOf(check: Checker, value: unknown): WsTlsConfig {
  if (value === undefined) return {}
  const problems = checkTls(value)
  for (const { field, message } of problems) check.add(field, message)
  return problems.length === 0 ? { ...(value as WsTlsConfig) } : {}
}

function itemsOf(check: Checker, value: unknown, manager: unknown): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string' && item !== '')) {
    check.add('subscriptions', `must be a list of strings that are not empty, is ${describe(value)}`)
    return []
  }
  if (value.length > 0 && manager === undefined) {
    check.add('subscriptions', 'need a subscriptionManager, which knows how the venue wants them asked for')
  }
  return [...value]
}

/** An object of integers, with the members and defaults of `defaults`, which it is itself when not given. `mins`: of members for which `min` is too low. */
function integersOf<T extends object>(
  check: Checker,
  field: string,
  value: unknown,
  defaults: T,
  min: number,
  max: number,
  mins: Partial<Record<keyof T, number>> = {},
): T {
  if (value === undefined) return defaults
  const names = Object.keys(defaults) as (keyof T & string)[]
  const given = check.object(field, value, names) ?? ({} as Partial<Record<keyof T, unknown>>)
  const pairs = names.map((name) => {
    return [name, check.integer(`${field}.${name}`, given[name], mins[name] ?? min, max, defaults[name] as number)]
  })
  return Object.fromEntries(pairs) as T
}
