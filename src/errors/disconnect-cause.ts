import { SharedWsError } from './errors.ts'

/**
 * How far connecting had come when it failed, in order. `prepare` is the user's own url, header or credential function;
 * `proxy` is everything that is said to a proxy, TLS to it included.
 */
export type WsConnectStage = 'prepare' | 'dns' | 'tcp' | 'proxy' | 'tls' | 'upgrade'

/** What a connection that is open was doing to become ready. */
export type WsSessionStage = 'authenticate' | 'subscribe' | 'on-ready'

/** What a server said instead of switching protocols, or a proxy instead of opening the way to it. */
export interface WsHttpRefusal {
  readonly status: number
  readonly statusText: string
  /** As received: order and case kept, one entry per header line. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The first 64 KiB of the body, decoded as UTF-8. */
  readonly body: string
  readonly bodyTruncated: boolean
}

interface CauseBase {
  /** Stable, for programs: `LOCAL_CLOSE`, `REMOTE_CLOSE`, `ERR_…` of this library, or the system's own such as `ECONNREFUSED`. */
  readonly code: string
  /** One sentence for people: what happened, and where there is one, what to do. */
  readonly message: string
}

/**
 * Why a connection ended or never came about. Exactly one per connection. Discriminated by `kind`.
 */
export type WsDisconnectCause =
  /** No connection came about. */
  | (CauseBase & {
      readonly kind: 'handshake-failed'
      readonly stage: WsConnectStage
      /** Present when the server answered with HTTP and did not switch protocols; in stage `proxy`, the proxy's answer. */
      readonly http?: WsHttpRefusal
      readonly error?: Error
    })
  /** The peer ended it. `clean`: with a close handshake; otherwise `closeCode` is 1006 (RFC 6455 7.1.5). */
  | (CauseBase & {
      readonly kind: 'remote-closed'
      readonly closeCode: number
      readonly closeReason: string
      readonly clean: boolean
    })
  /** The socket failed: reset, timed out, TLS record broken. */
  | (CauseBase & { readonly kind: 'read-failure' })
  /** The peer broke the protocol or a size limit; we answered with `closeCode`. */
  | (CauseBase & { readonly kind: 'protocol-violation'; readonly closeCode: number; readonly rfc: string })
  /** We ended it: `close()`, an AbortSignal, a full queue with policy `close`. */
  | (CauseBase & { readonly kind: 'local-stop'; readonly closeCode: number; readonly closeReason: string })
  /** Nothing came for too long: no pong, no application data, no byte at all. We gave the connection up. */
  | (CauseBase & { readonly kind: 'went-silent'; readonly silentForMs: number })
  /** A topic stayed silent though it was asked for anew; others may have flowed. We gave the connection up. */
  | (CauseBase & { readonly kind: 'topic-silent'; readonly topic: string; readonly silentForMs: number })
  /**
   * A hole in a sequence of the venue's, as somebody reported it (`reportGap`): that was to cost the connection, or the topic had
   * holes again and again though it was subscribed anew. Absent `key`: the sequence of the whole connection. `expected` and
   * `received` as reported, as text.
   */
  | (CauseBase & {
      readonly kind: 'sequence-gap'
      readonly key?: string
      readonly expected?: string
      readonly received?: string
    })
  /** Round trips became too slow for the latency policy; we wanted a better connection. */
  | (CauseBase & {
      readonly kind: 'high-latency'
      readonly percentile: number
      readonly rttUs: number
      readonly limitUs: number
    })
  /** The connection opened and could not be made ready: authentication, subscriptions, `onReady`. */
  | (CauseBase & { readonly kind: 'session-failed'; readonly stage: WsSessionStage; readonly error?: Error })
  /**
   * The venue complained, and `handler.handleServerError` said `reconnect`, or `fatal`. What the venue said is in `serverCode`
   * (as text, if it gave one) and `serverMessage`.
   */
  | (CauseBase & { readonly kind: 'server-error'; readonly serverCode?: string; readonly serverMessage: string })
  /** Somebody on our side wanted another connection. */
  | (CauseBase & { readonly kind: 'reconnect-requested'; readonly by: 'user' | 'ingress' | 'handler' })
  /** A defect of this library or an exception of user code that the policy does not forgive. */
  | (CauseBase & { readonly kind: 'internal-error'; readonly context: string; readonly error?: Error })

/** What a promise such as `ready()` rejects with when no connection came about. */
export class WsConnectError extends SharedWsError {
  readonly disconnectCause: WsDisconnectCause

  constructor(disconnectCause: WsDisconnectCause) {
    const error = 'error' in disconnectCause ? disconnectCause.error : undefined
    super(disconnectCause.code, disconnectCause.message, error === undefined ? undefined : { cause: error })
    this.disconnectCause = disconnectCause
  }
}
