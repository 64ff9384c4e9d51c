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

/** Node's own time. Timers keep the process alive, as the sockets they guard do. */
export const systemClock: Clock = {
  monoUs: () => performance.now() * 1000,
  epochUs: () => (performance.timeOrigin + performance.now()) * 1000,
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
