import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { RandomSource } from '../support/random.ts'

/**
 * How long to wait before the next attempt. A strategy reads no clock and makes no chance of its own, so that a
 * simulation can replay it. It may keep state; one strategy belongs to one actor.
 */
export interface WsReconnectStrategy {
  /**
   * ms until the next attempt, from now. `undefined` gives up: the actor stops with the last cause. `attempt` counts the
   * attempts that have been made since a connection last proved healthy: 1 after the first. 0 means at once, of which there is
   * one until a connection proves healthy; else it is 1 ms. Anything that is neither a
   * number >= 0 nor `undefined` is told as an error naming `reconnect.nextDelayMs`, and taken for 1 s.
   */
  nextDelayMs(attempt: number, cause: WsDisconnectCause, random: RandomSource): number | undefined
  /** A connection has proven healthy for `stableMs`: begin again from the shortest delay. */
  reset(): void
}
