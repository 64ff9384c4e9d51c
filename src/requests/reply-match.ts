import type { WsOutcomeItem, WsRateLimitFeedback } from './outcome.ts'

/**
 * What a reply says about the request:
 * - `status-unknown`: the venue says that it does not know; the request ends `unconfirmed`.
 * - `neither`: the id is that of a request, but the frame meets neither the success nor the failure test (an interim
 *   acknowledgement, say); it settles nothing and is counted.
 */
export type WsVerdict = 'confirmed' | 'partial' | 'rejected' | 'status-unknown' | 'neither'

/** A frame recognised as the reply to a request. */
export interface WsReplyMatch {
  /** As text, digit for digit as in the frame: never through a double. */
  readonly requestId: string
  readonly verdict: WsVerdict
  /** Of `rejected`. Text, also where the venue sends a number. */
  readonly code?: string
  /** Of `rejected`. Default ''. */
  readonly message?: string
  /** Of `partial`. Default none. */
  readonly items?: readonly WsOutcomeItem[]
  /** Counts with every verdict. */
  readonly rateLimitFeedback?: WsRateLimitFeedback
}

/** The frame that a {@link WsReplyMatch} was found in; a borrowed `WsFrame` is one. `text()` is called at most once. */
export interface WsReplySource {
  readonly receivedMonoUs: number
  text(): string
}

/**
 * What a reply did.
 * - `settled`: some call has its verdict by it.
 * - `late`: whoever asked has been told before; `onLateReply` was called.
 * - `neither`: it gives no verdict; `other-connection`: its request was sent on another connection; `too-early`: its
 *   request has not left whole, so that it answers something else; `unknown`: no such id. These settle nothing.
 */
export type ReplyEffect = 'settled' | 'late' | 'neither' | 'other-connection' | 'too-early' | 'unknown'
