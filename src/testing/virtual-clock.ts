import type { Clock, ClockTimer } from '../support/clock.ts'

interface VirtualTimer {
  readonly dueUs: number
  readonly callback: () => void
}

/** More timers than this within one `advance` are taken for a loop that arms itself for ever. */
const MAX_FIRED_PER_ADVANCE = 1_000_000

/**
 * A {@link Clock} that stands still until it is told to move, for tests of anything that waits:
 *
 * ```ts
 * const clock = new VirtualClock()
 * const connection = connect(url, { clock, transport })
 * clock.advance(5_000)
 * ```
 *
 * Timers fire in the order of their due times, those of one moment in the order in which they were armed. Nothing here
 * is asynchronous: work that hangs on promises needs a turn of the event loop before the clock is moved on.
 */
export class VirtualClock implements Clock {
  #nowUs: number
  readonly #epochOffsetUs: number
  /** In the order in which they will fire. */
  readonly #timers: VirtualTimer[] = []

  /** `epochUs`: Unix time at the start, default 2020-01-01T00:00:00Z; monotonic time starts at 0. */
  constructor(options: { readonly epochUs?: number } = {}) {
    this.#nowUs = 0
    this.#epochOffsetUs = options.epochUs ?? 1_577_836_800_000_000
  }

  monoUs(): number {
    return this.#nowUs
  }

  epochUs(): number {
    return this.#epochOffsetUs + this.#nowUs
  }

  /** Timers that are armed: 0 is what a test of leaks wants to see. */
  get pendingTimers(): number {
    return this.#timers.length
  }

  setTimer(delayMs: number, callback: () => void): ClockTimer {
    if (Number.isNaN(delayMs)) throw new RangeError('delayMs must be a number')
    const timer: VirtualTimer = { dueUs: this.#nowUs + Math.max(0, delayMs) * 1000, callback }
    const later = this.#timers.findIndex((other) => other.dueUs > timer.dueUs)
    this.#timers.splice(later === -1 ? this.#timers.length : later, 0, timer)
    return { cancel: () => this.#remove(timer) }
  }

  /**
   * Moves time by `ms` (0 fires what is due already). Each timer runs at its own moment, timers that others arm on the
   * way included. An exception of a callback ends the call with time at that moment.
   */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`time moves forward only, not by ${ms} ms`)
    const untilUs = this.#nowUs + ms * 1000
    for (let fired = 0; ; fired++) {
      const next = this.#timers[0]
      if (next === undefined || next.dueUs > untilUs) break
      if (fired === MAX_FIRED_PER_ADVANCE) throw new Error('timers arm themselves for ever: time cannot move on')
      this.#timers.shift()
      this.#nowUs = next.dueUs
      next.callback()
    }
    this.#nowUs = untilUs
  }

  #remove(timer: VirtualTimer): void {
    const index = this.#timers.indexOf(timer)
    if (index !== -1) this.#timers.splice(index, 1)
  }
}
