import type { WsAttemptContext, WsProvided } from '../connect/endpoint.ts'
import type { WsHeadersInit, WsLimits, WsLookup, WsStageTimeouts, WsTlsConfig } from '../connect/request.ts'
import type { Clock } from '../support/clock.ts'
import type { WsBatch, WsOpenInfo, WsTransport } from '../transport/transport.ts'
import type { WsEvent, WsMessage } from './events.ts'

export type { WsAttemptContext, WsHeadersInit, WsProvided }

/** What happens when messages come faster than the iterator takes them. */
export type WsQueuePolicy =
  /**
   * Stop reading the socket; TCP pushes back on the server. At most one read (256 KiB) more is held. A connection that
   * nobody iterates stops for good, and then does not notice its end either: give it an `onMessage` or `onBatch`.
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
export type WsCallbackErrorPolicy = 'continue' | 'close'

export interface ConnectOptions {
  /** `native` (default), `ws`, or any {@link WsTransport} such as `MockTransport` of `shared-ws/testing`. */
  readonly transport?: 'native' | 'ws' | WsTransport
  /**
   * What happens when the addon cannot be loaded: `prefer` (default) falls back to `ws` and warns once per process,
   * `require` makes it an error.
   */
  readonly native?: 'prefer' | 'require'
  readonly headers?: WsProvided<WsHeadersInit>
  /** Offered in `Sec-WebSocket-Protocol`, in order of preference. */
  readonly subprotocols?: WsProvided<readonly string[]>
  readonly tls?: WsTlsConfig
  /** Default: `dns.lookup`, all addresses, in the resolver's order. */
  readonly lookup?: WsLookup
  /** Defaults: 16 MiB a frame and a message, 64 KiB in the link. */
  readonly limits?: Partial<WsLimits>
  /** Defaults: 5 s for DNS, 5 s TCP, 5 s TLS, 5 s upgrade, 15 s for all. Each at most 2^31 - 1. */
  readonly timeouts?: Partial<WsStageTimeouts>
  /** TCP_NODELAY. Default true. */
  readonly noDelay?: boolean
  /** Bytes of frames that wait in the connection once the link is full, before `send` says `full`. Default 1 MiB. */
  readonly maxSendQueueBytes?: number
  /** How long the peer may take to complete a close handshake before TCP is dropped. Default 2 s. */
  readonly closeTimeoutMs?: number
  /**
   * When it aborts: gives the attempt up, or closes the open connection politely with 1001, within `closeTimeoutMs`. The
   * cause is `ERR_ABORTED`; `ready()` and `ping()` reject with the signal's reason.
   */
  readonly signal?: AbortSignal
  /**
   * Bound and policy of the iterator. Lifecycle events are never dropped and do not count. Once `close()` has been called
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
  readonly onOpen?: (info: WsOpenInfo) => void
  /** The pong has been sent already. The payload is a copy. */
  readonly onPing?: (payload: Uint8Array) => void
  /** Every pong, those that answer `ping()` included. The payload is a copy. */
  readonly onPong?: (payload: Uint8Array) => void
  /**
   * Every event but messages, when it happens and not when the iterator comes to it. Losses are told once per read, where
   * the iterator's `gap` has all of them together.
   */
  readonly onEvent?: (event: WsEvent) => void
  /**
   * An exception thrown by one of the callbacks above (or a rejection, where one is async), and which one it was. Default:
   * a process warning, once per callback.
   */
  readonly onCallbackError?: (error: unknown, callback: string) => void
  /** Default `continue`. */
  readonly whenCallbackThrows?: WsCallbackErrorPolicy
  /** The one seam for time. Default: the system's. */
  readonly clock?: Clock
}
