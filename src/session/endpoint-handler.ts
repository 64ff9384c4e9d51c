import type { WsDisconnectAction } from '../errors/disconnect-action.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { SharedWsError } from '../errors/errors.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import type { WsDelegatedRequest } from '../requests/delegated-request.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { WsReplyMatch } from '../requests/reply-match.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsPayload } from '../transport/transport.ts'

/** What a frame meant. `undefined` from `parse` means: nothing for this handler. */
export type WsParsed<M> =
  | { readonly kind: 'message'; readonly message: M }
  /** The venue complains. Goes to `handleServerError`. */
  | { readonly kind: 'server-error'; readonly error: WsServerError }

export interface WsServerError {
  /** The venue's code, as text. */
  readonly code?: string
  readonly message: string
}

/**
 * What a server's complaint leads to. `reconnect` and `fatal` let pending asks finish first; `reauthenticate` is
 * {@link WsSession.authExpired}.
 */
export type WsErrorAction = 'continue' | 'reconnect' | 'reauthenticate' | 'fatal'

/** How long an authentication lasts, for {@link WsEndpointHandler.refreshAuth} to come in time. */
export interface WsAuthLifetime {
  readonly expiresInMs: number
}

/** What became of a `send`; as of `WsConnection.send`. */
export type WsSessionSend = 'taken' | 'queued' | 'full' | 'not-open'

/**
 * One connection, as its handler sees it. Of a connection that has ended, `send` returns `not-open` and `ask` settles as
 * `not-delivered`/`disconnected`, so a handler that holds on to an old session can do no harm.
 */
export interface WsSession {
  /** 1, 2, …: which connection of this actor. */
  readonly connection: number
  /** Fires when the connection ends. */
  readonly signal: AbortSignal
  /**
   * Behind what was sent before. Passes the gate: it works before the connection is ready. What is urgent waits for the budget of
   * frames (`pacing`) even where `whenOverBudget` says `not-delivered`: the answer to a heartbeat must get through.
   */
  send(payload: WsPayload, options?: { readonly binary?: boolean; readonly urgent?: boolean }): WsSessionSend
  /** Passes the gate, and waits for the budget of frames as what is urgent does: for authentication and reconciliation. */
  ask(request: WsDelegatedRequest): Promise<WsOutcome>
  /** The next id of the actor's one id space. */
  nextRequestId(): string
  /**
   * The venue says that our authentication has expired. Asks and sends of users are refused (`not-ready`) until it has been done
   * anew on this connection, by `refreshAuth` or else `authenticate`, within `authTimeoutMs`; then what needs authentication is
   * subscribed again. If it fails, the connection is replaced. Nothing before the connection is ready.
   */
  authExpired(): void
  /**
   * Leaves this connection for another one, behind pending asks: the venue has announced that it will end it, say. Cause
   * `reconnect-requested`, by `handler`.
   */
  reconnect(reason?: string): void
  /**
   * The venue has taken subscriptions back that it had acknowledged. They are told as `revoked` and asked for again after 5 s, up to
   * three times on a connection.
   */
  revoked(items: readonly string[], why?: { readonly code?: string; readonly message?: string }): void
  /**
   * A message of this connection shows a hole in a sequence: its `gap` is told now, and its `remedy` follows. Throws
   * `ERR_CONFIG`, and `ERR_NO_SUBSCRIPTIONS` for `resubscribe` where nothing knows how.
   */
  reportGap(gap: WsGapReport): WsGapReported
  /** What you mend yourself (`remedy: 'continue'`) is mended: `resumed` is told. False: no gap of that key waits for it. */
  reportResumed(key?: string): boolean
}

/**
 * What an endpoint's protocol means. One handler lives as long as its actor; {@link resetState} tells where a new
 * connection begins. Everything is optional but `parse` and `handleMessage`.
 *
 * Methods that get a frame borrow it until they return. Exceptions are caught, counted, reported to `onHookError` and
 * act by `whenHookThrows`; return values that make no sense are told as errors that name the method.
 *
 * The order on each connection: `resetState`, `onOpen`, subscriptions that need no authentication, `authenticate`,
 * replay of the desired subscriptions, `onReady`, and then asks of everybody.
 */
export interface WsEndpointHandler<M = unknown> {
  /** Of a frame that the ingress forwards (or of each, without an ingress). */
  parse(frame: WsFrame): WsParsed<M> | undefined
  handleMessage(message: M, session: WsSession): void
  /** Default: `continue`. */
  handleServerError?(error: WsServerError, session: WsSession): WsErrorAction
  /**
   * The error says that our authentication has expired (Deribit's 13009, Binance's 401). Asked of what refuses an ask or a
   * subscription, and of server errors that {@link handleServerError} lets pass. True is {@link WsSession.authExpired}; a refused
   * subscription is asked for once more after it. Default: none does.
   */
  isAuthExpired?(error: WsServerError): boolean
  /** What follows a disconnect; `undefined` leaves it to the defaults (see `classifyDisconnect`). */
  classifyDisconnect?(cause: WsDisconnectCause, attempt: number): WsDisconnectAction | undefined
  /** A new connection: forget what held for the last one. */
  resetState?(): void
  /** Initial sends. They precede everything else on the connection. */
  onOpen?(session: WsSession): void
  /**
   * Resolves when authenticated. It has `authTimeoutMs`; a rejection ends the connection, and one with
   * {@link WsAuthRefusedError} says that the credentials are refused: tried once more, then the actor stops.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: an async function without a return is what most users write
  authenticate?(session: WsSession): Promise<WsAuthLifetime | void>
  /**
   * Renews an authentication when four fifths of the `expiresInMs` are over that `authenticate` (or this) resolved with, and after
   * {@link WsSession.authExpired}. Everything goes on meanwhile. Default: `authenticate` again. A renewal that fails is tried once
   * more before the old one expires; then the connection is replaced.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: as above
  refreshAuth?(session: WsSession): Promise<WsAuthLifetime | void>
  /** Runs before ordinary asks are accepted (to reconcile open orders, say); it has `onReadyTimeoutMs`. */
  onReady?(session: WsSession): Promise<void> | void
  /**
   * Where a request carries the id that {@link matchReply} will find in its answer: keys and array indices, such as `id` or
   * `params.reqId`. With it an `ask` whose JSON frame has another id there, or none, rejects with `ERR_REQUEST_ID_NOT_IN_FRAME`
   * before anything is sent; without it such a request is sent, and its answer never found. Costs a scan of each frame.
   */
  readonly requestIdPath?: string
  /** Of every data frame while asks are pending or remembered. `undefined`: no reply. Must be cheap. */
  matchReply?(frame: WsFrame): WsReplyMatch | undefined
  /**
   * The venue's own time in the payload, Unix epoch µs, of every `payloadLagEvery`-th frame, ignored ones included.
   * `undefined`: it has none.
   */
  samplePayloadTimestampsUs?(frame: WsFrame): number | undefined
}

/** To be thrown by {@link WsEndpointHandler.authenticate}: the venue refuses the credentials, trying again is no use. */
export class WsAuthRefusedError extends SharedWsError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_AUTH_REFUSED', message, options)
  }
}
