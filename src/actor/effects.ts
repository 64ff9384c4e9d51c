import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { DisconnectHistory } from '../reconnect/classify.ts'
import type { WsOpenInfo } from '../transport/transport.ts'
import type { OpeningPhase } from './state.ts'

/** What a transition wants done, in order. There are no timers among them: the state says when it is due. */
export type ActorEffect =
  | {
      readonly kind: 'connect'
      readonly generation: number
      readonly connection: number
      readonly attempt: number
    }
  /** A session begins: handler, ingress and tables learn of the new connection; initial sends. */
  | { readonly kind: 'begin-session'; readonly info: WsOpenInfo }
  /** Runs the handler's part, if there is one; `phase-done` or a `leave` follows. */
  | { readonly kind: 'run-phase'; readonly phase: OpeningPhase }
  | { readonly kind: 'announce-authenticated' }
  | { readonly kind: 'replay' }
  | { readonly kind: 'announce-ready' }
  | { readonly kind: 'announce-healthy' }
  /** `asks-settled` follows when none is pending. */
  | { readonly kind: 'await-asks'; readonly cause: WsDisconnectCause }
  /** Pending asks end now, for `stop`. */
  | { readonly kind: 'settle-asks' }
  | { readonly kind: 'terminate-link'; readonly cause: WsDisconnectCause }
  | { readonly kind: 'close-link'; readonly code: number; readonly reason: string; readonly timeoutMs: number }
  /**
   * The link is gone. Of one that was open, asks are settled by what the kernel took and the gap is announced.
   * `cause` is what users hear; nothing of the connection is delivered from here on.
   */
  | {
      readonly kind: 'end-link'
      readonly cause: WsDisconnectCause
      readonly opened: boolean
      readonly attempt: number
    }
  /** Ask handler, defaults and strategy; `decided` follows. */
  | {
      readonly kind: 'decide'
      readonly generation: number
      readonly cause: WsDisconnectCause
      /** At least 1. */
      readonly attempt: number
      readonly history: DisconnectHistory
      readonly immediateAllowed: boolean
    }
  | { readonly kind: 'announce-backoff'; readonly attempt: number; readonly delayMs: number }
  | { readonly kind: 'finish'; readonly cause: WsDisconnectCause; readonly reason: string }
