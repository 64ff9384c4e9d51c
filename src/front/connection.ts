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
  /** Frames waiting for the kernel, here and in the transport. */
  readonly queuedBytes: number
  /** Messages waiting for the iterator. */
  readonly queuedMessages: number
  readonly droppedMessages: number
  readonly callbackErrors: number
  /** ms since the connection opened; 0 before. */
  readonly uptimeMs: number
  /** Round trip of the last ping that was answered, µs. */
  readonly rttUs?: number
}

/** One WebSocket connection. Made by `connect()`; connecting has begun when it is returned. */
export interface WsConnection extends AsyncIterable<WsEvent> {
  readonly state: WsConnectionState
  /** `native`, `ws` or the name of the transport given. */
  readonly transportName: string
  /** Resolves when open. Rejects with `WsConnectError` when it ends before, and with the signal's reason. */
  ready(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<WsOpenInfo>
  send(payload: WsPayload, options?: { readonly binary?: boolean }): WsSendResult
  /** Sends several payloads in as few system calls as the kernel allows. Returns how many were taken or queued. */
  sendBatch(payloads: readonly WsPayload[], options?: { readonly binary?: boolean }): number
  /**
   * Pings, and resolves with the round trip in µs when the exact payload comes back. Rejects with `ERR_TIMEOUT` or when
   * the connection ends.
   */
  ping(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<number>
  /**
   * Closes politely; resolves when the socket is gone. While connecting it gives the attempt up. Idempotent.
   * Default code 1000, `closeTimeoutMs` of the options.
   */
  close(options?: { readonly code?: number; readonly reason?: string; readonly timeoutMs?: number }): Promise<WsClosed>
  /** Resolves when the connection has ended, whatever the cause. Never rejects. */
  closed(): Promise<WsClosed>
  stats(): WsConnectionStats
  /** Events in order, once: a second iterator is an error. Leaving the loop early closes the connection. */
  [Symbol.asyncIterator](): AsyncIterator<WsEvent, undefined>
}
