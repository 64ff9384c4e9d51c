import { EventEmitter, getMaxListeners, setMaxListeners } from 'node:events'

/**
 * Calls `listener` once when the user's `signal` aborts; take it away with `removeEventListener`. One signal may serve hundreds of
 * connections and asks, of which Node would warn as of a leak from the eleventh on: that is lifted, unless somebody has set a
 * limit of their own.
 */
export function listenForAbort(signal: AbortSignal, listener: () => void): void {
  if (limitOf(signal) === EventEmitter.defaultMaxListeners) setMaxListeners(Infinity, signal)
  signal.addEventListener('abort', listener, { once: true })
}

/** Undefined where there is none: signals of polyfills, and, because Node 20 finds none, 0. */
function limitOf(signal: AbortSignal): number | undefined {
  try {
    return getMaxListeners(signal)
  } catch {
    return undefined
  }
}
