import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import type { WsFrame } from '../transport/frame.ts'

/**
 * What becomes of a frame.
 *
 * - `ignore`: nobody else sees it. It has counted as activity already.
 * - `emit`: the events given to the sink go to the user; the handler does not see the frame.
 * - `forward`: the handler parses it. Events given to the sink go to the user first.
 * - `reconnect`: this connection is given up for another one, after pending asks have had time to finish.
 * - `shutdown`: the actor stops.
 */
export type WsIngressVerdict = 'ignore' | 'emit' | 'forward' | 'reconnect' | 'shutdown'

/** Takes events to the user, at once and in order. */
export interface WsIngressSink<E> {
  /** Any number of times per frame. The event must own its data: the frame is gone when `onFrame` has returned. */
  emit(event: E): void
  /**
   * The frame shows a hole in a sequence. The `gap` is told now: before what is emitted next, and before the handler and the iterator of
   * `connect()` get the message. Throws `ERR_CONFIG`, and `ERR_NO_SUBSCRIPTIONS` for `resubscribe` where nothing knows how.
   */
  reportGap(gap: WsGapReport): WsGapReported
  /** What you mend yourself (`remedy: 'continue'`) is mended: `resumed` is told. False: no gap of that key waits for it. */
  reportResumed(key?: string): boolean
}

/**
 * The first look at every data frame that is no reply, heartbeat or subscription answer (those are matched before). It
 * decides without parsing more than it must; a verdict is a constant string, so that an ignored frame costs no
 * allocation.
 *
 * One ingress lives as long as its actor: what it has learned survives reconnects. `onOpen` and `onGap` tell it where
 * connections begin and end, so that it can throw away what only holds within one (sequence numbers, books).
 *
 * An exception is reported and the frame is ignored; a verdict that is none of the five is told as an error that names
 * `ingress.onFrame`. Both act by `whenHookThrows`.
 */
export interface WsIngress<E = never> {
  /** `frame` is borrowed until this returns. Runs for every frame: no promises, no waiting. */
  onFrame(frame: WsFrame, sink: WsIngressSink<E>): WsIngressVerdict
  /** A connection has opened; its first frame comes later. */
  onOpen?(connection: number): void
  /** The connection has ended; nothing of it comes any more. */
  onGap?(connection: number, cause: WsDisconnectCause): void
}
