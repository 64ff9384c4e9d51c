import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { type DisconnectHistory, NO_HISTORY } from '../reconnect/classify.ts'
import type { WsConnectionStatus } from './status.ts'

/** What every state but the last knows about the way so far. */
export interface Course {
  /** Raised for each attempt: what an older one still has to say is not heard. */
  readonly generation: number
  /** Which connection this is, or is to become; failed attempts use no number up. 0 before the first. */
  readonly connection: number
  /** Attempts since a connection last proved healthy, this one included; 0 for one that has. */
  readonly attempt: number
  readonly history: DisconnectHistory
  /** The one immediate reconnect that there is until a connection proves healthy has been taken. */
  readonly immediateTaken: boolean
}

export const NO_COURSE: Course = {
  generation: 0,
  connection: 0,
  attempt: 0,
  history: NO_HISTORY,
  immediateTaken: false,
}

/** What the session is waiting for before it is ready. */
export type OpeningPhase = 'authenticate' | 'on-ready'

/** What follows when the connection has ended. */
export type Next = 'reconnect' | 'stop'

/** Why there will be no other connection, by the first who wanted that; undefined: there will be one. */
export type Stopping = WsDisconnectCause | undefined

/** Times are monotonic µs. A `dueUs` is when a `tick` moves the state on. */
export type ActorState =
  | { readonly kind: 'idle'; readonly course: Course }
  | { readonly kind: 'connecting'; readonly course: Course }
  | { readonly kind: 'opening'; readonly course: Course; readonly phase: OpeningPhase; readonly dueUs: number }
  | {
      readonly kind: 'ready'
      readonly course: Course
      /** When it counts as healthy; undefined while there is no proof, and when it does. */
      readonly dueUs: number | undefined
      readonly proven: boolean
    }
  | {
      readonly kind: 'draining'
      readonly course: Course
      readonly cause: WsDisconnectCause
      readonly stopping: Stopping
      readonly dueUs: number
    }
  | {
      readonly kind: 'closing'
      readonly course: Course
      /** Whether the server had switched protocols. */
      readonly opened: boolean
      readonly cause: WsDisconnectCause
      readonly stopping: Stopping
      /** Of a polite close, whose CLOSE may be stuck behind what was sent; undefined once the link is terminated. */
      readonly dueUs: number | undefined
    }
  /** The connection is gone and its cause is being classified: user code, so not for `transition` to do. */
  | { readonly kind: 'deciding'; readonly course: Course; readonly cause: WsDisconnectCause }
  | {
      readonly kind: 'backoff'
      readonly course: Course
      readonly cause: WsDisconnectCause
      readonly dueUs: number
    }
  | { readonly kind: 'stopped'; readonly course: Course; readonly cause: WsDisconnectCause }

/** What the link brings is delivered. */
export function takesFrames(state: ActorState): boolean {
  if (state.kind === 'closing') return state.dueUs !== undefined
  return state.kind === 'opening' || state.kind === 'ready' || state.kind === 'draining'
}

/** How long the states last; ms. */
export interface Rules {
  readonly authTimeoutMs: number
  readonly onReadyTimeoutMs: number
  readonly disconnectDrainMs: number
  readonly stableMs: number
}

export const IDLE: ActorState = { kind: 'idle', course: NO_COURSE }

/** What users are told. */
export function statusOf(state: ActorState): WsConnectionStatus {
  return state.kind === 'deciding' ? 'backoff' : state.kind
}

/** When the state wants a `tick`; Infinity for never. */
export function dueUsOf(state: ActorState): number {
  return ('dueUs' in state ? state.dueUs : undefined) ?? Infinity
}

/** As things stand there is a connection, or there will be one. */
export function mayConnect(state: ActorState): boolean {
  if (state.kind === 'idle' || state.kind === 'stopped') return false
  return !('stopping' in state) || state.stopping === undefined
}

/** The server has switched protocols and the link has not ended. */
export function isOpen(state: ActorState): boolean {
  const { kind } = state
  return kind === 'opening' || kind === 'ready' || kind === 'draining' || (kind === 'closing' && state.opened)
}
