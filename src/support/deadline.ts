import { listenForAbort } from './abort.ts'
import type { Clock } from './clock.ts'

/** Ends one wait: what it rejects with when time is up. */
export interface Deadline {
  readonly clock: Clock
  readonly ms: number
  readonly expired: () => Error
  /** What it rejects with when the signal aborts. Default: the signal's reason. */
  readonly aborted?: (reason: unknown) => Error
}

/**
 * Settles as `work` does, unless `signal` aborts or the deadline expires first: then it rejects at once with the
 * signal's reason or the deadline's error, and `work`'s own signal fires. What `work` still brings forth after that is
 * handed to `discard`, and a late rejection is dropped, so that nothing leaks. No timer and no listener is left behind.
 *
 * When the timer fires, one more turn of the event loop is granted before the verdict: libuv runs due timers before it
 * reads sockets, so after a stall of this thread the answer may be there already.
 */
export function withDeadline<T>(
  deadline: Deadline,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  discard?: (late: T) => void,
): Promise<T> {
  const reason = (): unknown => (deadline.aborted === undefined ? signal.reason : deadline.aborted(signal.reason))
  if (signal.aborted) return Promise.reject(reason())
  return new Promise<T>((resolve, reject) => {
    const own = new AbortController()
    let settled = false
    const settle = (): boolean => {
      if (settled) return false
      settled = true
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
      return true
    }
    const giveUp = (error: unknown): void => {
      if (!settle()) return
      // The caller hears first: listeners on `own` may make `work` reject with something less telling.
      reject(error)
      own.abort(error)
    }
    const onAbort = (): void => giveUp(reason())
    let timer = deadline.clock.setTimer(deadline.ms, () => {
      timer = deadline.clock.setTimer(0, () => giveUp(deadline.expired()))
    })
    listenForAbort(signal, onAbort)
    run(work, own.signal).then(
      (value) => {
        if (settle()) resolve(value)
        else discard?.(value)
      },
      (error) => {
        if (settle()) reject(error)
      },
    )
  })
}

/** A synchronous throw of `work` (a user's function, perhaps) becomes a rejection. */
async function run<T>(work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  return work(signal)
}
