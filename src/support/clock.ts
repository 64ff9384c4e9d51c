import { performance } from 'node:perf_hooks'

/** Handle of an armed timer. */
export interface ClockTimer {
  /** Idempotent; after it the callback never runs. */
  cancel(): void
}

/**
 * The one seam through which time comes in. Nothing else in the library reads a clock or arms a timer, so that a
 * simulation can own both.
 */
export interface Clock {
  /** Monotonic µs, on the scale of `performance.now() * 1000`. For durations and deadlines. */
  monoUs(): number
  /** Unix epoch µs. For people and logs; it may jump. */
  epochUs(): number
  /** Monotonic µs on a scale that all threads of the process have in common, for what they share. Default: {@link monoUs}. */
  sharedUs?(): number
  /** Runs `callback` once, `delayMs` from now (fractions and negative values are allowed and mean "as soon as due"). */
  setTimer(delayMs: number, callback: () => void): ClockTimer
}

/** `Date.now()` is cut to whole ms, and may be read a little later. What differs by more is a clock that was set. */
const SAME_CLOCK_MS = 5

/**
 * Unix time with the resolution of the monotonic clock. `performance.timeOrigin` knows the wall clock as it was when this thread
 * began; once that has been set, or the machine has slept, it would be wrong for good.
 */
export class WallClock {
  #offsetMs = performance.timeOrigin

  nowMs(): number {
    const nowMs = this.#offsetMs + performance.now()
    return Math.abs(Date.now() - nowMs) <= SAME_CLOCK_MS ? nowMs : this.#lookAgain()
  }

  /** It has been set, or this thread was away between two looks: the quickest of three decides. */
  #lookAgain(): number {
    let gapMs = Infinity
    let offsetMs = this.#offsetMs
    for (let looks = 0; looks < 3; looks++) {
      const before = performance.now()
      const wallMs = Date.now()
      const took = performance.now() - before
      if (took >= gapMs) continue
      gapMs = took
      offsetMs = wallMs + 0.5 - before
    }
    if (Math.abs(offsetMs - this.#offsetMs) > SAME_CLOCK_MS + gapMs) this.#offsetMs = offsetMs
    return this.#offsetMs + performance.now()
  }
}

const wallClock = new WallClock()

/** Node's own time. Timers keep the process alive, as the sockets they guard do. */
export const systemClock: Clock = {
  monoUs: () => performance.now() * 1000,
  epochUs: () => wallClock.nowMs() * 1000,
  // `performance.now()` begins anew in each Worker.
  sharedUs: () => Number(process.hrtime.bigint()) / 1000,
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, Math.max(0, Math.ceil(delayMs)))
    return { cancel: () => clearTimeout(timer) }
  },
}

/** What threads agree upon by `clock`. */
export function sharedUs(clock: Clock): number {
  return clock.sharedUs?.() ?? clock.monoUs()
}
