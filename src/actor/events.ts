import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsOpenInfo } from '../transport/transport.ts'
import type { Next, OpeningPhase } from './state.ts'

/** What can happen to an actor. Those with a `generation` are about one attempt, and nothing once it is over. */
export type ActorEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'link-open'; readonly generation: number; readonly info: WsOpenInfo }
  /** The link has ended, or never came about: exactly once per generation. */
  | { readonly kind: 'link-ended'; readonly generation: number; readonly cause: WsDisconnectCause }
  | { readonly kind: 'phase-done'; readonly generation: number; readonly phase: OpeningPhase }
  /** Everything that was sent has reached the link, and CLOSE behind it; it ends by itself within `timeoutMs`. */
  | { readonly kind: 'close-sent'; readonly generation: number; readonly timeoutMs: number }
  /** Pending asks have all been settled. */
  | { readonly kind: 'asks-settled'; readonly generation: number }
  /** The connection does what it is for. */
  | { readonly kind: 'proven'; readonly generation: number }
  /** Not yet healthy, and after all it does not. */
  | { readonly kind: 'doubted'; readonly generation: number }
  /**
   * This connection shall end. `politely`: pending asks may finish first; otherwise it is dead or useless. While backing
   * off, a polite wish for another connection means now.
   */
  | { readonly kind: 'leave'; readonly cause: WsDisconnectCause; readonly next: Next; readonly politely: boolean }
  | {
      readonly kind: 'stop'
      readonly cause: WsDisconnectCause
      readonly code: number
      readonly reason: string
      readonly timeoutMs: number
    }
  /** What the handler, the defaults and the strategy made of a disconnect. */
  | { readonly kind: 'decided'; readonly generation: number; readonly decision: Decision }
  /** Time has passed. What had arrived by `readUs` (default: now) has been read, so that is the time to judge by. */
  | { readonly kind: 'tick'; readonly readUs?: number }

export type Decision =
  | { readonly kind: 'retry'; readonly delayMs: number; readonly immediate: boolean }
  | { readonly kind: 'stop'; readonly reason: string }
