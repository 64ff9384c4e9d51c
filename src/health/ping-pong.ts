import type { RandomSource } from '../support/random.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsPayload } from '../transport/transport.ts'

/** What a strategy may do with the connection. Valid during the call it is given to. */
export interface WsPingPongLink {
  /** A control ping of at most 125 bytes. False: not taken (no room, or closing); try at the next tick. */
  ping(payload: Uint8Array): boolean
  /**
   * A data frame in the urgent lane. Strings and writers as text. False: not taken. `onTaken` hears when it leaves the lane
   * (monotonic µs): at once, unless it has to wait for its turn in the budget of frames, or for room.
   */
  send(payload: WsPayload, onTaken?: (atUs: number) => void): boolean
  /** Bytes that the kernel has taken from us since the connection opened. */
  readonly bytesSent: number
  /** Bytes that have left the lanes and that the kernel has not taken yet. */
  readonly queuedBytes: number
  /** Bytes received since the connection opened. */
  readonly bytesReceived: number
  readonly random: RandomSource
  /** The next id of the connection's one id space, for a ping that carries one: no `ask` will have it. Needs no `this`. */
  readonly nextRequestId: () => string
}

/**
 * What a strategy says at a tick. `timed-out` gives the connection up: the actor has read what lay in the socket before
 * it asked, so it is no verdict on old news. `silentForMs`: how long the answer has been missing.
 */
export type WsPingPongVerdict = { readonly kind: 'ok' } | { readonly kind: 'timed-out'; readonly silentForMs: number }

/** A frame that belongs to the heartbeat. Neither ingress nor handler see it, and it is no application data. */
export type WsHeartbeat = { readonly kind: 'heartbeat'; readonly rttUs?: number }

/**
 * Keeps a connection alive and finds out when it is dead. A strategy has no clock and no timer: the actor calls `tick`
 * when the moment that `nextDueUs` names has come (all times are monotonic µs). It belongs to one actor; `opened` begins
 * a new connection.
 */
export interface WsPingPongStrategy {
  /** A connection has opened: forget the last one. */
  opened(nowUs: number, link: WsPingPongLink): void
  /** When `tick` wants to be called. `undefined`: not until something else happens. */
  nextDueUs(): number | undefined
  /** Sends what is due, and judges. */
  tick(nowUs: number, link: WsPingPongLink): WsPingPongVerdict
  /** A control pong; its round trip in µs if it answers our ping, `undefined` if it answers nothing of ours. */
  onPong?(payload: Uint8Array, receivedMonoUs: number): number | undefined
  /**
   * Every data frame, first of all, borrowed. Answers it if it asks for an answer. `undefined`: no heartbeat. Must be
   * cheap: it runs for each frame.
   */
  onFrame?(frame: WsFrame, link: WsPingPongLink): WsHeartbeat | undefined
  /** Silence until now was our own fault (a stall of our loop, a pause in reading): deadlines begin anew. */
  restart(nowUs: number): void
  /** The shortest silence, in ms, that this strategy judges by; `undefined` if by none. */
  readonly timeoutMs: number | undefined
}

/** Strategies may be the user's own. */
export function isTimedOut(
  verdict: WsPingPongVerdict | undefined,
): verdict is Extract<WsPingPongVerdict, { kind: 'timed-out' }> {
  return verdict?.kind === 'timed-out' && typeof verdict.silentForMs === 'number'
}
