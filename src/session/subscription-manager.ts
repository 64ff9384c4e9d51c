import type { WsFrame } from '../transport/frame.ts'
import type { WsPayload } from '../transport/transport.ts'

/** One message that changes subscriptions. */
export interface WsSubscriptionRequest {
  /** As the answer will carry it. From `nextId`, unless the venue's answers carry something else. */
  readonly requestId: string
  readonly payload: WsPayload
  /** Items that this message subscribes, and unsubscribes. */
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
}

/** What a subscription message was answered with. */
export type WsSubscriptionResponse =
  /** Items of the request that neither list names are not settled by this answer. Already subscribed is accepted. */
  | {
      readonly requestId: string
      readonly accepted: readonly string[]
      readonly rejected?: readonly { readonly item: string; readonly code?: string; readonly message?: string }[]
    }
  /**
   * The whole request was refused, and the venue does not say for which item: it is cut in halves and asked again, until
   * the guilty ones stand alone.
   */
  | { readonly requestId: string; readonly refused: { readonly code?: string; readonly message?: string } }

/** Where ids come from: one space for everything that is sent with an id. */
export type WsNextId = () => string

/**
 * Speaks a venue's subscription dialect. Which items are wanted, requested, acknowledged or rejected is kept by the
 * library; a manager only encodes and decodes, and has no state that a reconnect would spoil. Items are strings: a topic,
 * or whatever text names a stream.
 */
export interface WsSubscriptionManager {
  /**
   * Messages that subscribe everything `desired` on a fresh connection, in the order in which they are to be sent; cut to
   * the venue's size here. Called once per connection, for the items of {@link requiresAuth} after authentication.
   */
  initial(desired: readonly string[], nextId: WsNextId): readonly WsSubscriptionRequest[]
  /** Messages that change what is subscribed. */
  update(
    change: { readonly add: readonly string[]; readonly remove: readonly string[] },
    nextId: WsNextId,
  ): readonly WsSubscriptionRequest[]
  /**
   * A cheap test on the borrowed frame: may it be an answer to a subscription message? Only called while one is
   * unanswered. Without it, a message counts as acknowledged when it has been sent.
   */
  maybeSubscriptionResponse?(frame: WsFrame): boolean
  /** What the frame answers. `undefined`: it is none after all, and goes the way of other frames. */
  response?(frame: WsFrame): WsSubscriptionResponse | undefined
  /** Default true. Items that need no authentication are subscribed before it. */
  requiresAuth?(item: string): boolean
}

/** For endpoints that have nothing to subscribe to. */
export const NoSubscriptions: WsSubscriptionManager = {
  initial: () => [],
  update: () => [],
}
