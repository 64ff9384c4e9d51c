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
  /** When the timer fires. */
  #armedUs = Infinity
  #sleepsUs = 0
  #withinUs = Infinity
  /** When it would have fired, had nothing kept us from {@link awake} until it was armed. */
  #expectedUs = Infinity
  /** The loop was last known to run then. */
  #awakeUs = Infinity

  /** `fired` hears how late the timer was, and for how long it was to sleep before that. */
  constructor(clock: Clock, fired: (lateUs: number, sleptUs: number) => void) {
    this.#clock = clock
    this.#fired = fired
  }

  /** Time is watched from now on: what keeps us before the timer is armed counts as lateness. */
  awake(nowUs: number): void {
    this.#awakeUs = nowUs
  }

  /** Infinity: nothing is due. The timer fires `withinUs` in any case: who stood still while it slept was not late for it. */
  arm(dueUs: number, withinUs = Infinity): void {
    if (dueUs === Infinity) {
      this.#timer?.cancel()
      this.#timer = undefined
      this.#armedUs = Infinity
    } else if (dueUs < this.#armedUs || withinUs < this.#withinUs) {
      this.#withinUs = withinUs
      this.#set(dueUs)
    }
    this.#awakeUs = Infinity
  }

  /** Once more, after the event loop has had a turn. */
  armNextTurn(): void {
    this.#set(-Infinity)
    this.#awakeUs = Infinity
  }

  #set(dueUs: number): void {
    const nowUs = this.#clock.monoUs()
    // It should have fired, and will as soon as we return: how late it is by then must not be forgotten.
    if (this.#armedUs <= nowUs) return
    this.#timer?.cancel()
    const keptUs = Math.max(0, nowUs - this.#awakeUs)
    // What is due already fires at once; that it was not armed before is no stall.
    this.#sleepsUs = Math.min(Math.max(0, dueUs - nowUs), Math.max(0, this.#withinUs - keptUs))
    this.#armedUs = nowUs + this.#sleepsUs
    this.#expectedUs = this.#armedUs - keptUs
    // Early, where it is further off than timers go.
    this.#timer = this.#clock.setTimer(Math.min(MAX_TIMER_MS, this.#sleepsUs / 1000), () => this.#fire())
  }

  #fire(): void {
    const nowUs = this.#clock.monoUs()
    this.#timer = undefined
    this.#armedUs = Infinity
    this.#awakeUs = nowUs
    this.#fired(nowUs - this.#expectedUs, this.#sleepsUs)
  }
}
