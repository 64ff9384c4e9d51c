import { isPromised } from '../support/promised.ts'
import type { WsCallbackErrorPolicy } from './options.ts'

/** Callbacks that have thrown, so that the default report warns once for each in the life of the process. */
const warned = new WeakSet<object>()

export interface CallbackGuardOptions {
  readonly onCallbackError: ((error: unknown, callback: string) => void) | undefined
  readonly whenCallbackThrows: WsCallbackErrorPolicy
  /** Hears of each, before anybody else. */
  readonly onError?: (callback: string, error: unknown) => void
}

/**
 * Runs the user's callbacks so that nothing they throw reaches the transport or the process: it is counted, reported,
 * and acts as the policy says. Promises that they return (an `async` callback) are watched too.
 */
export class CallbackGuard {
  readonly #options: CallbackGuardOptions
  readonly #act: (policy: 'reconnect' | 'close', error: unknown, callback: string) => void
  #errors = 0

  /** `act` is called for each exception, unless the policy is to continue. */
  constructor(
    options: CallbackGuardOptions,
    act: (policy: 'reconnect' | 'close', error: unknown, callback: string) => void,
  ) {
    this.#options = options
    this.#act = act
  }

  get errors(): number {
    return this.#errors
  }

  /** Calls `callback`, which the options name `name`. */
  run<A extends unknown[]>(name: string, callback: ((...args: A) => unknown) | undefined, ...args: A): void {
    if (callback === undefined) return
    try {
      const result = callback(...args)
      if (result !== undefined) this.watch(name, callback, result)
    } catch (error) {
      this.failed(name, callback, error)
    }
  }

  /** For hot paths that catch by themselves. */
  failed(name: string, callback: object, error: unknown): void {
    this.#errors++
    this.#options.onError?.(name, error)
    this.#report(name, callback, error)
    const { whenCallbackThrows } = this.#options
    if (whenCallbackThrows !== 'continue') this.#act(whenCallbackThrows, error, name)
  }

  /** For hot paths: `result` is what a callback returned, and may be a promise. */
  watch(name: string, callback: object, result: unknown): void {
    if (!isPromised(result)) return
    Promise.resolve(result).catch((error: unknown) => this.failed(name, callback, error))
  }

  #report(name: string, callback: object, error: unknown): void {
    const { onCallbackError } = this.#options
    if (onCallbackError === undefined) {
      warnOnce(name, callback, error)
      return
    }
    try {
      const result: unknown = onCallbackError(error, name)
      // Its own failures end here: reporting them to itself would never end.
      Promise.resolve(result).catch((reason: unknown) => this.#reporterFailed(onCallbackError, reason))
    } catch (reason) {
      this.#reporterFailed(onCallbackError, reason)
    }
  }

  #reporterFailed(reporter: object, reason: unknown): void {
    this.#errors++
    warnOnce('onCallbackError', reporter, reason)
  }
}

function warnOnce(name: string, callback: object, error: unknown): void {
  if (warned.has(callback)) return
  warned.add(callback)
  process.emitWarning(`${name} of a shared-ws connection threw; further exceptions of it are only counted`, {
    type: 'SharedWsWarning',
    code: 'SHARED_WS_CALLBACK_THREW',
    detail: printable(error),
  })
}

/** `error` is anything: even turning it into a string may throw. */
function printable(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  } catch {
    return 'a value that cannot be printed'
  }
}
