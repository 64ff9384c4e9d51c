import type { WsProvided } from '../connect/endpoint.ts'
import type { WsPerMessageDeflateOptions } from '../connect/permessage-deflate.ts'
import type { WsProxyInit } from '../connect/proxy.ts'
import type {
  WsAddressFamily,
  WsBinaryCompression,
  WsHeadersInit,
  WsLimits,
  WsLookup,
  WsSocketOptions,
  WsStageTimeouts,
  WsTimestampSource,
  WsTlsConfig,
} from '../connect/request.ts'
import type { WsLatencyPolicy } from '../health/latency-policy.ts'
import type { WsMetricsReporter } from '../health/metrics.ts'
import type { WsPingPongStrategy } from '../health/ping-pong.ts'
import type { WsTopicWatchOptions } from '../health/topic-watch.ts'
import type { WsIngress } from '../ingress/ingress.ts'
import type { IngressPlan } from '../plan/plan.ts'
import type { WsCircuitBreaker } from '../reconnect/circuit-breaker.ts'
import type { ConnectBudget } from '../reconnect/connect-budget.ts'
import type { WsReconnectStrategy } from '../reconnect/strategy.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { PendingRequestsOptions } from '../requests/pending-requests.ts'
import type { WsRequestIds } from '../requests/request-ids.ts'
import type { WsEndpointHandler } from '../session/endpoint-handler.ts'
import type { WsPacingOptions } from '../session/pacing.ts'
import type { WsSubscriptionManager } from '../session/subscription-manager.ts'
import type { Clock } from '../support/clock.ts'
import type { RandomSource } from '../support/random.ts'
import type { WsBatch, WsTransport } from '../transport/transport.ts'
import type { WsHookError, WsHookErrorPolicy, WsStatusEvent } from './status.ts'

/**
 * Everything a {@link file://./websocket-actor.ts WebSocketActor} is made of. `M` is what its handler parses frames into,
 * `E` what its ingress emits. Only `url` and `transport` are required; what is not given is not there and costs nothing.
 */
export interface WebSocketActorOptions<M = unknown, E = never> {
  // — where to —

  /** `ws:` or `wss:`, or a function that gives it, called per attempt. */
  readonly url: WsProvided<string | URL>
  /** A function is called per attempt: the place for credentials that expire. */
  readonly headers?: WsProvided<WsHeadersInit>
  readonly subprotocols?: WsProvided<readonly string[]>
  /**
   * An `http://`, `https://`, `socks5://` or `socks5h://` URL, `{ url, tls, headers }`, or null for a direct connection; a
   * function is called per attempt. A proxy that cannot be used is a failed attempt, never a direct connection; so is a
   * function that returns undefined. Default: none. The environment is not looked at: see `proxyFromEnv`.
   */
  readonly proxy?: WsProvided<WsProxyInit>
  readonly transport: WsTransport
  readonly tls?: WsTlsConfig
  /** Default: `dns.lookup`. */
  readonly lookup?: WsLookup
  /** 4 or 6: use addresses of that IP version only. Default 0: both, raced (RFC 8305). */
  readonly family?: WsAddressFamily
  /** Defaults: 16 MiB a frame and a message, 64 KiB in the link. */
  readonly limits?: Partial<WsLimits>
  /**
   * Defaults: 5 s for DNS, 5 s TCP (each address), 5 s proxy, 5 s TLS, 5 s upgrade, 15 s for all; the next address is tried beside
   * the one before it after 250 ms.
   */
  readonly timeouts?: Partial<WsStageTimeouts>
  /** Options of the TCP socket. Default: TCP_NODELAY alone. */
  readonly socket?: WsSocketOptions
  /**
   * What receive times are: when the delivery to JavaScript began (`callback`), when the read returned (`read`, the default), or
   * when the kernel received the bytes (`kernel`, of the native transport only). Verdicts that hang on time go by them.
   */
  readonly timestampSource?: WsTimestampSource
  /**
   * Compression by the protocol (RFC 7692). Default false: not offered. `true` offers it, inflates what the server
   * compresses, and sends uncompressed. `onOpen` tells what came of it.
   */
  readonly perMessageDeflate?: boolean | WsPerMessageDeflateOptions
  /**
   * For exchanges that compress each binary message by themselves: they are inflated and delivered as text. A message
   * that is not so compressed, or not UTF-8 inside, ends the connection with 1007. Default: left as they are.
   */
  readonly inflateBinary?: WsBinaryCompression
  /**
   * What the transport does with messages by itself: today it follows their topics for {@link topics}, without a line of JavaScript per
   * message. Default: nothing.
   */
  readonly plan?: IngressPlan

  // — what it speaks —

  readonly handler?: WsEndpointHandler<M>
  readonly ingress?: WsIngress<E>
  /** Required for `subscribe()` and `subscriptions`. */
  readonly subscriptionManager?: WsSubscriptionManager
  /** Desired from the start. */
  readonly subscriptions?: readonly string[]

  // — how it heals —

  /** Default: `new ExponentialBackoff()`. `NoReconnect` makes one attempt. */
  readonly reconnect?: WsReconnectStrategy
  /**
   * How many connects a host gets, shared by all actors that are given the same object (of other threads as well). Default: one
   * per thread with {@link DEFAULT_CONNECT_LIMITS}, for all hosts but this machine's own. `false`: no bound, and no cool-down
   * that others bring about.
   */
  readonly connectBudget?: ConnectBudget | false
  /** Default: none. Share one object between the actors of a venue. */
  readonly circuitBreaker?: WsCircuitBreaker
  /** Default: none; the server's pings are answered by the transport in any case. */
  readonly pingPong?: WsPingPongStrategy
  /**
   * Give the connection up when it is ready and brought no application data for so long: data frames that are neither
   * heartbeats, replies nor subscription answers. Default: never.
   */
  readonly staleAfterMs?: number
  /** The same for any byte at all, from the moment at which the connection opened. Default: never. */
  readonly silentAfterMs?: number
  /**
   * Watches each subscribed topic for itself: reports one that falls silent, asks for it anew, and replaces the connection if that
   * does not help. Which topic a message is data of, {@link plan} says or `topics.topicOf`. Default: topics are not told apart.
   */
  readonly topics?: WsTopicWatchOptions
  /** Replaces a connection whose round trips become too slow. Default: none. It belongs to one actor. Any object of that shape. */
  readonly latencyPolicy?: Pick<WsLatencyPolicy, 'opened' | 'sample'>
  /** Default 10 s. */
  readonly authTimeoutMs?: number
  /** Default 30 s. */
  readonly onReadyTimeoutMs?: number
  /** For the answer to a subscription message, where the manager knows answers. Default 10 s. */
  readonly subscriptionTimeoutMs?: number
  /**
   * How long a connection must have been proven healthy before attempts count from 1 again: everything desired acknowledged and
   * data seen or, where nobody said that data is due (`staleAfterMs`, `topics`), a sign of life after that. Default 10 s.
   */
  readonly stableMs?: number
  /** How long pending asks may take before a disconnect of our own choosing. Default 1 s. */
  readonly disconnectDrainMs?: number
  /** How long the peer may take to complete a close handshake when we stop. Default 2 s. */
  readonly closeTimeoutMs?: number

  // — what goes out —

  /**
   * Bytes of payload that wait here once the link is full; beyond it `send` says `full` and `ask` settles as
   * `not-delivered`/`queue-full`. Defaults: 1 MiB normal, 256 KiB urgent. A frame larger than its lane can still be sent
   * while the lane is empty and the link takes it; from inside a callback, where that is yet to be seen, the lane keeps it.
   * `keptBytes`: the same for what may be sent on a later connection (`acrossReconnect`), wherever it waits. Default 1 MiB.
   */
  readonly lanes?: { readonly normalBytes?: number; readonly urgentBytes?: number; readonly keptBytes?: number }
  /**
   * What the venue lets one connection send. All frames count: yours, the library's, pongs. Replays and subscriptions are spread;
   * they never delay a `send` or an `ask`; heartbeats go first. A connection after one that was closed with 1008 goes at half the pace until one has
   * proven healthy. Default: no budget.
   */
  readonly pacing?: WsPacingOptions
  /** Bounds of the request table. */
  readonly requests?: PendingRequestsOptions
  /** Where request ids come from. Share one object between actors whose ids must not meet. Default: one of its own. */
  readonly requestIds?: WsRequestIds

  // — who hears of it. Each callback is guarded like a hook of the handler —

  readonly onStatus?: (event: WsStatusEvent) => void
  /** What the ingress emits. */
  readonly onEvent?: (event: E, connection: number) => void
  /** All data messages of one read, borrowed until this returns, before anything else sees them. */
  readonly onBatch?: (batch: WsBatch, connection: number) => void
  /** The pong has been sent already. The payload is a copy. */
  readonly onPing?: (payload: Uint8Array) => void
  /** Every pong. The payload is a copy. */
  readonly onPong?: (payload: Uint8Array, receivedMonoUs: number) => void
  /** The truth about an ask that had been settled without it. */
  readonly onLateReply?: (outcome: WsOutcome) => void
  /** Errors of user code. Default: a process warning, once per hook. */
  readonly onHookError?: (error: WsHookError) => void
  /** Default `continue`. Whatever it says, a failing `authenticate`, `onReady` or `subscriptionManager.initial` ends its connection; so does a `subscriptionManager.update` that fails again and again, 5 s apart. */
  readonly whenHookThrows?: WsHookErrorPolicy

  // — measuring —

  readonly metrics?: WsMetricsReporter
  /** Default 10 s. */
  readonly metricsIntervalMs?: number
  /** Every how many data frames `handler.samplePayloadTimestampsUs` is asked. Default 128. */
  readonly payloadLagEvery?: number

  // — seams —

  /** Stops the actor when it aborts. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly random?: RandomSource
}
