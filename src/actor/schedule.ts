import { MAX_TIMER_MS } from '../support/check.ts'
import type { Clock, ClockTimer } from '../support/clock.ts'

/** While something is awaited that no event tells of (bytes that the kernel takes), it is looked at so often. */
export const POLL_US = 2000

/**
 * The one timer of an actor. It may fire early (what it was armed for has moved on: then it is armed anew), but never
 * late by our doing, so that moving a deadline back, as every batch does, costs nothing.
 */
export class Schedule {
  readonly #clock: Clock
  readonly #fired: (lateUs: number, sleptUs: number) => void
  #timer: ClockTimer | undefined
  #armedUs = Infinity
  #sleepsUs = 0
  #withinUs = Infinity

  /** `fired` hears how late the timer was, and for how long it was to sleep before that. */
  constructor(clock: Clock, fired: (lateUs: number, sleptUs: number) => void) {
    this.#clock = clock
    this.#fired = fired
  }

  /** Infinity: nothing is due. The timer fires `withinUs` in any case: who stood still while it slept was not late for it. */
  arm(dueUs: number, withinUs = Infinity): void {
    if (dueUs === Infinity) {
      this.#timer?.cancel()
      this.#timer = undefined
      this.#armedUs = Infinity
    } else if (dueUs < this.#armedUs || withinUs < this.#withinUs) {
      this.#timer?.cancel()
      const nowUs = this.#clock.monoUs()
      this.#withinUs = withinUs
      // What is due already fires at once; that it was not armed before is no stall.
      this.#sleepsUs = Math.min(Math.max(0, dueUs - nowUs), withinUs)
      this.#armedUs = nowUs + this.#sleepsUs
      // Early, where it is further off than timers go.
      this.#timer = this.#clock.setTimer(Math.min(MAX_TIMER_MS, this.#sleepsUs / 1000), () => this.#fire())
    }
  }

  /** Once more, after the event loop has had a turn. */
  armNextTurn(): void {
    this.#timer?.cancel()
    this.#armedUs = -Infinity
    this.#timer = this.#clock.setTimer(0, () => this.#fire())
  }

  #fire(): void {
    const nextTurn = this.#armedUs === -Infinity
    const lateUs = nextTurn ? 0 : this.#clock.monoUs() - this.#armedUs
    this.#timer = undefined
    this.#armedUs = Infinity
    this.#fired(lateUs, this.#sleepsUs)
  }
}
