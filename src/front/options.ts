import type { WebSocketActorOptions } from '../actor/options.ts'
import type { WsStatusEvent } from '../actor/status.ts'
import type { WsAttemptContext, WsProvided } from '../connect/endpoint.ts'
import type { WsHeadersInit } from '../connect/request.ts'
import type { WsReconnectStrategy } from '../reconnect/strategy.ts'
import type { WsBatch, WsOpenInfo, WsTransport } from '../transport/transport.ts'
import type { WsEvent, WsMessage } from './events.ts'
import type { WsSubscriptionPlan } from './subscription-encoder.ts'

export type { WsAttemptContext, WsHeadersInit, WsProvided }

/** What happens when messages come faster than the iterator takes them. */
export type WsQueuePolicy =
  /**
   * Stop reading the socket; TCP pushes back on the server. At most one read (256 KiB) more is held. A connection that
   * nobody iterates stops for good, and then does not notice its end either: give it an `onMessage` or `onBatch`. (With a
   * handler or an ingress, the iterator gets messages only once there is one.)
   */
  | 'pause'
  /** Drop the oldest message; a `gap` event stands where it was. One message larger than `maxBytes` is kept alone. */
  | 'drop-oldest'
  /** End the connection at once; the cause is `ERR_QUEUE_FULL`. What was queued is still yielded, the rest is lost. */
  | 'close'

export interface WsQueueOptions {
  /** Default 10 000. */
  readonly maxMessages?: number
  /** Payload bytes. Default 64 MiB. */
  readonly maxBytes?: number
  /** Default `pause`. */
  readonly whenFull?: WsQueuePolicy
}

/** What an exception thrown by one of the user's callbacks does; it is reported to `onCallbackError` either way. */
export type WsCallbackErrorPolicy =
  | 'continue'
  /** This connection is left for another one, behind its pending asks; while there is none, nothing. */
  | 'reconnect'
  /** It all ends at once, and for good. */
  | 'close'

/** Options of an actor that `connect()` hands on as they are. */
export const HANDED_ON = [
  'headers',
  'subprotocols',
  'proxy',
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
  'metrics',
  'metricsIntervalMs',
  'payloadLagEvery',
  'signal',
  'clock',
  'random',
] as const satisfies readonly (keyof WebSocketActorOptions)[]

/** `M` is what the handler parses frames into, `E` what the ingress emits. */
export interface ConnectOptions<M = unknown, E = unknown>
  extends Pick<WebSocketActorOptions<M, E>, (typeof HANDED_ON)[number]> {
  /** `native` (default), `ws`, or any {@link WsTransport} such as `MockTransport` of `shared-ws/testing`. */
  readonly transport?: 'native' | 'ws' | WsTransport
  /**
   * What happens when the addon cannot be loaded: `prefer` (default) falls back to `ws` and warns once per process,
   * `require` makes it an error.
   */
  readonly native?: 'prefer' | 'require'
  /**
   * How long to wait before the next attempt. Default: `new ExponentialBackoff()`, which never gives up. `false`: one
   * attempt, one connection.
   */
  readonly reconnect?: WsReconnectStrategy | false
  /**
   * Desired from the start and on each connection; `subscribe()` and `unsubscribe()` change it. A plain list needs a
   * `subscriptionManager`; for any other venue, say how a message is made:
   *
   * ```ts
   * subscriptions: { items, encode: (items, id) => ({ method: 'SUBSCRIBE', params: items, id }) }
   * ```
   */
  readonly subscriptions?: readonly string[] | WsSubscriptionPlan
  /**
   * Bound and policy of the iterator. Lifecycle events do not count; the newest 4096 of them are kept, gaps
   * before others, but for the newest 2048 of those; where that is not enough, the oldest gaps become one. Once `close()` has been called
   * the queue no longer holds the socket back: what does not fit is lost, and a `gap` says so.
   */
  readonly queue?: WsQueueOptions
  /**
   * Each message, as an owned object. With it, or with `onBatch`, messages do not go to the iterator. With both, `onBatch`
   * is called first.
   */
  readonly onMessage?: (message: WsMessage) => void
  /** All messages of one read, borrowed until the callback returns: nothing is allocated per message. */
  readonly onBatch?: (batch: WsBatch, connection: number) => void
  /** Each connection that opens. */
  readonly onOpen?: (info: WsOpenInfo) => void
  /** The pong has been sent already. The payload is a copy. */
  readonly onPing?: (payload: Uint8Array) => void
  /** Every pong, those that answer `ping()` included. The payload is a copy. */
  readonly onPong?: (payload: Uint8Array) => void
  /** What the ingress emits. */
  readonly onEmit?: (event: E, connection: number) => void
  /**
   * Every event but messages, when it happens and not when the iterator comes to it. Losses are told once per read, where
   * the iterator's `gap` has all of them together.
   */
  readonly onEvent?: (event: WsEvent) => void
  /** What `status()` yields, as a callback, which misses nothing: every step, `authenticated`, `draining` or `healthy` among them. */
  readonly onStatus?: (event: WsStatusEvent) => void
  /**
   * An exception thrown by one of the callbacks above (or a rejection, where one is async), or by a hook such as
   * `handler.parse`, and which one it was. Default: a process warning, once per callback.
   */
  readonly onCallbackError?: (error: unknown, callback: string) => void
  /** Default `continue`. */
  readonly whenCallbackThrows?: WsCallbackErrorPolicy
}
