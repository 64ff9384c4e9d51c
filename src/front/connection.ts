import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsOpenInfo, WsPayload } from '../transport/transport.ts'
import type { WsEvent } from './events.ts'

export type WsConnectionState = 'connecting' | 'open' | 'closing' | 'closed'

/**
 * What became of a `send`. `taken`: the transport has it, and sends it now or as soon as the kernel lets it. `queued`:
 * it waits in the connection, in order. `full`: the queue is at its bound, nothing was kept. `not-open`: connecting,
 * closing or closed, nothing was kept.
 */
export type WsSendResult = 'taken' | 'queued' | 'full' | 'not-open'

/** Why and how a connection ended. */
export interface WsClosed {
  /** `cause.message`, for people. */
  readonly reason: string
  readonly cause: WsDisconnectCause
  /** RFC 6455 7.1.5: the peer's code, 1005 for none, 1006 for no close handshake. */
  readonly closeCode: number
}

export interface WsConnectionStats {
  readonly state: WsConnectionState
  readonly messagesReceived: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Bytes waiting for the kernel, here and in the transport. */
  readonly queuedBytes: number
  /** Messages waiting for the iterator. */
  readonly queuedMessages: number
  readonly droppedMessages: number
  readonly callbackErrors: number
  /** ms for which the connection has been open, or was. */
  readonly uptimeMs: number
  /** Round trip of the last ping that was answered, µs. */
  readonly rttUs?: number
}

/** One WebSocket connection. Made by `connect()`; connecting has begun when it is returned. */
export interface WsConnection extends AsyncIterable<WsEvent> {
  readonly state: WsConnectionState
  /** `native`, `ws` or the name of the transport given. */
  readonly transportName: string
  /**
   * Resolves when open. Rejects with `WsConnectError` when the connection has ended or ends before, with `ERR_TIMEOUT`, or
   * with the signal's reason; the last two leave the attempt alone. Without limits of its own it waits at most
   * `timeouts.totalMs`, since the attempt ends then.
   */
  ready(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<WsOpenInfo>
  /**
   * Sends one message, behind all before it. Strings and payload functions are sent as text and bytes as binary, unless
   * `binary` says otherwise. Nothing of `payload` is used after the call: bytes are copied when they are queued, and a
   * payload function is run (it may run twice when the link turns out to be full). Throws `ERR_PAYLOAD_TYPE` and
   * `ERR_PAYLOAD_WRITER`, and what a payload function throws.
   */
  send(payload: WsPayload, options?: { readonly binary?: boolean }): WsSendResult
  /**
   * Sends several payloads in as few system calls as the kernel allows. Returns how many were taken or queued: it stops at
   * the first that is not.
   */
  sendBatch(payloads: readonly WsPayload[], options?: { readonly binary?: boolean }): number
  /**
   * Pings with a nonce, and resolves with the round trip in µs when exactly that comes back. Default timeout 5 s. Rejects
   * with `ERR_TIMEOUT`, with the signal's reason, with `WsConnectError` when the connection ends, with `ERR_NOT_OPEN`, and
   * with `ERR_QUEUE_FULL` when 64 are unanswered or the link has no room.
   */
  ping(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<number>
  /**
   * Closes politely, behind everything that `send` has accepted; resolves when the socket is gone, which takes at most
   * `timeoutMs`. While connecting it gives the attempt up. Idempotent: later calls join the first. Default code 1000,
   * `closeTimeoutMs` of the options. Rejects with `WsConfigError` for a code or reason that cannot be sent.
   */
  close(options?: { readonly code?: number; readonly reason?: string; readonly timeoutMs?: number }): Promise<WsClosed>
  /** Resolves when the connection has ended, whatever the cause. Never rejects. */
  closed(): Promise<WsClosed>
  stats(): WsConnectionStats
  /**
   * Events in order, once: a second iterator throws `ERR_ITERATOR_TAKEN`. `disconnected` is the last. Leaving the loop early
   * closes the connection, waits until that is done, and forgets what is queued.
   */
  [Symbol.asyncIterator](): AsyncIterator<WsEvent, undefined>
}
