import type { WsDelivery } from '../transport/transport.ts'
import type { WsReply } from './reply.ts'

export type { WsReply }

/** Why a request ended without the venue's verdict. */
export type WsReason =
  /** No answer within `timeoutMs`. */
  | 'deadline'
  /** Not handed to the kernel within `sendWithinMs`, and withdrawn. */
  | 'expired-unsent'
  | 'disconnected'
  /** The call's `signal` aborted. */
  | 'aborted'
  /** The outbound queue is at its bound. */
  | 'queue-full'
  /** The actor was not ready for requests when it was asked. */
  | 'not-ready'
  | 'stopped'
  /** The venue itself answered that it does not know. */
  | 'status-unknown'

/** Clock times of one call, Unix epoch µs; their differences are those of the monotonic clock. */
export interface WsOutcomeTiming {
  readonly askedAtUs: number
  /** When it was first seen that the kernel had all of the frame: an upper bound. */
  readonly sentAtUs?: number
  /** When the reply was received, by the option `timestampSource`; by default, when the read that completed it returned. */
  readonly repliedAtUs?: number
}

/** What a reply says about the venue's limits, on success too. */
export interface WsRateLimitFeedback {
  readonly retryAfterMs?: number
  readonly hint?: string
}

/** One part of a request that was answered in parts, in the order of the reply. */
export interface WsOutcomeItem {
  readonly ok: boolean
  readonly code?: string
  readonly message?: string
}

/** What every outcome says. */
export interface WsOutcomeBase {
  /** Ids are compared as text: a venue that answers `"7"` to `7` is understood. */
  readonly requestId: string
  /** Which connection of this actor: 1, 2, …; 0 before the first. */
  readonly connection: number
  /** 2 and up: the id was asked again, with the same fingerprint, after it had settled. */
  readonly attempt: number
  /** Read after the deadline, though the answer had arrived before it or has come since. */
  readonly late: boolean
  /** Bytes of the frame that the kernel took. For a call that sent nothing of its own and joined nothing: `none`. */
  readonly delivery: WsDelivery
  readonly timing: WsOutcomeTiming
  readonly rateLimitFeedback?: WsRateLimitFeedback
}

/** What became of it, discriminated by `kind`. */
export type WsOutcomeVerdict =
  /** Mode `sent`: the kernel took every byte. */
  | { readonly kind: 'sent' }
  | { readonly kind: 'confirmed'; readonly reply: WsReply }
  | { readonly kind: 'partial'; readonly reply: WsReply; readonly items: readonly WsOutcomeItem[] }
  | { readonly kind: 'rejected'; readonly reply: WsReply; readonly code?: string; readonly message: string }
  /** Not sent and never will be: safe to resend. */
  | { readonly kind: 'not-delivered'; readonly reason: WsReason }
  /** It may be live: probe, do not resend. */
  | { readonly kind: 'unconfirmed'; readonly reason: WsReason }
  /** This call sent nothing, but an earlier request with this id was sent and may take effect, or has. */
  | { readonly kind: 'payload-mismatch'; readonly inFlightForMs: number }
  /** This call sent nothing. */
  | { readonly kind: 'too-many-pending'; readonly max: number }

/** How one `ask` ended. Each call has exactly one. */
export type WsOutcome = WsOutcomeBase & WsOutcomeVerdict
