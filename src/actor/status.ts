import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsOpenInfo } from '../transport/transport.ts'

/**
 * Where an actor is. `opening`: the server has switched protocols, authentication, replay and `onReady` are under way.
 * `draining`: another connection is wanted, pending asks may finish first. `closing`: nothing more is sent, the end of
 * the socket is awaited. `stopped` is final.
 */
export type WsConnectionStatus =
  | 'idle'
  | 'connecting'
  | 'opening'
  | 'ready'
  | 'draining'
  | 'closing'
  | 'backoff'
  | 'stopped'

export interface WsStatusBase {
  /** Unix epoch µs. */
  readonly atUs: number
  /** 1, 2, …: which connection of this actor, or which it was to become. 0 before the first attempt. */
  readonly connection: number
}

/** What happens to an actor, in order, as `onStatus` hears it. `stopped` is the last one, but for a `settled` of yours. */
export type WsStatusEvent =
  /** `attempt`: 1, 2, … since a connection last proved healthy. */
  | (WsStatusBase & { readonly kind: 'connecting'; readonly attempt: number })
  /**
   * The attempt may not begin yet: the connect budget of the host is spent (`connect-budget`), the host has refused our address
   * (`cool-down`), or the circuit breaker is open (`circuit-open`). It is asked again in `delayMs`, which may be more than once.
   */
  | (WsStatusBase & {
      readonly kind: 'held'
      readonly why: 'connect-budget' | 'cool-down' | 'circuit-open'
      readonly host: string
      readonly delayMs: number
    })
  | (WsStatusBase & { readonly kind: 'open'; readonly info: WsOpenInfo })
  /** `authenticate` of the handler is done, or `refreshAuth`. Not told where there is none. */
  | (WsStatusBase & { readonly kind: 'authenticated' })
  /** The venue says that the authentication has expired: asks are refused until `authenticated`. */
  | (WsStatusBase & { readonly kind: 'auth-expired' })
  /** Authenticated, subscriptions replayed, `onReady` done: asks are accepted. */
  | (WsStatusBase & { readonly kind: 'ready' })
  /** We want to leave this connection; asks are refused, pending ones have until `disconnectDrainMs`. */
  | (WsStatusBase & { readonly kind: 'draining'; readonly cause: WsDisconnectCause })
  /** We end the connection or the attempt, for good or for another one: nothing more is sent but CLOSE, if we are polite. */
  | (WsStatusBase & { readonly kind: 'closing'; readonly cause: WsDisconnectCause })
  /** A connection or an attempt has ended. Nothing of `connection` comes after the `gap` that follows if it was open. */
  | (WsStatusBase & { readonly kind: 'disconnected'; readonly attempt: number; readonly cause: WsDisconnectCause })
  /**
   * Data may be missing. `fromUs`: the last byte that was received of the connection; `toUs`: its end. What the server
   * sent from there until the next `ready` is missing as well.
   */
  | (WsStatusBase & {
      readonly kind: 'gap'
      /**
       * `topic`: of that one alone, on a connection that goes on: it is silent, or has lost messages (`ERR_SEQUENCE_GAP`), or the
       * venue took it back, or the authentication that it needs has expired. `fromUs` is when its last data came, if topics are
       * watched, else when the venue said so. A hole in the sequence of a whole connection has scope `connection`, and that goes on.
       */
      readonly scope: 'connection' | 'topic'
      /** The topic. */
      readonly key?: string
      readonly fromUs: number
      readonly toUs: number
      /** How many messages are missing; only of a hole in a sequence, where its reporter said so. */
      readonly messages?: number
      readonly cause: WsDisconnectCause
    })
  /**
   * After a gap: every subscription has been answered, and data flows again; once per connection, and for each hole in the sequence
   * of the whole of it. With `key`: data of that topic flows again (where `topics` are not watched: it is acknowledged again). What
   * you mend yourself has resumed when you say so (`reportResumed`).
   */
  | (WsStatusBase & { readonly kind: 'resumed'; readonly key?: string })
  /** Nothing of a topic for too long, while the connection lives. Its `gap` follows, and `resumed` when data comes again. */
  | (WsStatusBase & { readonly kind: 'topic-silent'; readonly topic: string; readonly silentForMs: number })
  /**
   * The host has refused our address (HTTP 403, 451, 429, 418, or what the handler classifies as `hostWide`): for so long, nobody
   * who shares the connect budget connects to it. The others are told by `held`, with `cool-down`.
   */
  | (WsStatusBase & { readonly kind: 'cooling-down'; readonly host: string; readonly forMs: number })
  /**
   * It goes on by itself (else it would have `stopped`), but somebody should look: what ended the connection will do so again (we are blocked; our heartbeat or
   * our pace is wrong for the venue). As `classifyDisconnect` says.
   */
  | (WsStatusBase & { readonly kind: 'alarm'; readonly cause: WsDisconnectCause })
  /** The next attempt comes in `delayMs`. */
  | (WsStatusBase & { readonly kind: 'backoff'; readonly attempt: number; readonly delayMs: number })
  /** The connection has been healthy for `stableMs`; attempts count from 1 again. */
  | (WsStatusBase & { readonly kind: 'healthy' })
  /** This thread (or the clock) stood still for so long, or a little longer, that silence proves nothing: silence timers begin anew. */
  | (WsStatusBase & { readonly kind: 'stall'; readonly stalledForMs: number })
  /** We stopped, or went on, reading the socket. While paused, no silence counts. */
  | (WsStatusBase & { readonly kind: 'backpressure'; readonly paused: boolean })
  | (WsStatusBase & {
      readonly kind: 'subscription'
      readonly item: string
      /** `unanswered`: the venue did not answer within `subscriptionTimeoutMs`; the connection is given up. */
      readonly state: 'acked' | 'rejected' | 'unsubscribed' | 'unanswered' | 'revoked'
      readonly code?: string
      readonly message?: string
    })
  /**
   * Messages sent with `ttlMs` that are over without all of them having left, told together. `delivery`: `none` was never
   * sent, and never will be; `part` broke off in the middle, so that the venue cannot have read it; of `unknown` (over `ws`) nobody knows.
   * `reason`: their time ran out; their connection ended; there will be no other one. Payload bytes.
   */
  | (WsStatusBase & {
      readonly kind: 'sends-given-up'
      readonly reason: 'expired-unsent' | 'disconnected' | 'stopped'
      readonly delivery: 'none' | 'part' | 'unknown'
      readonly messages: number
      readonly bytes: number
    })
  /**
   * A frame has the id of an ask that waits, and settles nothing: it gives no verdict (`neither`: an interim acknowledgement, say),
   * the ask was sent on another connection, or has not left whole yet (`too-early`). It went on to the handler as any other.
   */
  | (WsStatusBase & {
      readonly kind: 'reply-ignored'
      readonly requestId: string
      readonly why: 'neither' | 'other-connection' | 'too-early'
    })
  /** The user found out what became of an unresolved ask, by `settle`. */
  | (WsStatusBase & { readonly kind: 'settled'; readonly requestId: string; readonly evidence: unknown })
  /** Nothing has come for so long that the connection is given up; `disconnected` with the same cause follows. */
  | (WsStatusBase & { readonly kind: 'stale'; readonly silentForMs: number; readonly cause: WsDisconnectCause })
  /** So many events did not fit into the queue of this iterator (`statusEvents`), and are lost. Callbacks miss none. */
  | (WsStatusBase & { readonly kind: 'missed'; readonly events: number })
  | (WsStatusBase & { readonly kind: 'stopped'; readonly cause: WsDisconnectCause })

/** How an actor ended. */
export interface WsStopped {
  /** `cause.message`, for people. */
  readonly reason: string
  readonly cause: WsDisconnectCause
}

/** An exception of user code, or a return value that makes no sense. */
export interface WsHookError {
  /** Such as `handler.parse`, `ingress.onFrame`, `reconnect.nextDelayMs`, `onStatus`. */
  readonly hook: string
  readonly error: unknown
  readonly connection: number
  /** How many errors this hook has made so far, this one included. */
  readonly count: number
}

/** What an exception of user code does, besides being counted and reported. */
export type WsHookErrorPolicy = 'continue' | 'reconnect' | 'stop'
