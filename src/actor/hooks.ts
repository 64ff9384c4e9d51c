import { SharedWsError } from '../errors/errors.ts'
import { describe } from '../support/check.ts'
import { isPromised } from '../support/promised.ts'
import type { WsHookError, WsHookErrorPolicy } from './status.ts'

/** Hooks that have failed without anybody to hear of it, so that there is one warning each in the life of the process. */
const warned = new Set<string>()

export interface HooksOptions {
  readonly onHookError: ((error: WsHookError) => void) | undefined
  readonly whenHookThrows: WsHookErrorPolicy
  /** Hears of each, before anybody else. */
  readonly onError: (hook: string, error: unknown) => void
}

/** What `Hooks.call` returns when the hook threw. */
export const THREW = Symbol('threw')

/**
 * Runs user code, so that nothing it throws reaches the transport or the process. Everything it throws, and every value it
 * returns that makes no sense, is counted and reported; then the policy acts.
 */
export class Hooks {
  readonly #options: HooksOptions
  readonly #connection: () => number
  readonly #act: (policy: 'reconnect' | 'stop', hook: string, error: unknown) => void
  readonly #counts = new Map<string, number>()
  #errors = 0

  constructor(
    options: HooksOptions,
    connection: () => number,
    act: (policy: 'reconnect' | 'stop', hook: string, error: unknown) => void,
  ) {
    this.#options = options
    this.#connection = connection
    this.#act = act
  }

  get errors(): number {
    return this.#errors
  }

  /** Calls `run`, which is the user's `hook`. What it returned, or {@link THREW}. */
  call<T>(hook: string, run: () => T): T | typeof THREW {
    try {
      return run()
    } catch (error) {
      this.failed(hook, error)
      return THREW
    }
  }

  /** Calls a callback whose result nobody needs; where it is `async`, its rejection is caught as well. */
  notify<A extends unknown[]>(hook: string, callback: ((...args: A) => unknown) | undefined, ...args: A): void {
    if (callback === undefined) return
    try {
      const result = callback(...args)
      if (result !== undefined) this.watch(hook, result)
    } catch (error) {
      this.failed(hook, error)
    }
  }

  /** `result` of a hook that should have returned nothing may be a promise. */
  watch(hook: string, result: unknown): void {
    if (isPromised(result)) Promise.resolve(result).catch((error: unknown) => this.failed(hook, error))
  }

  /** The hook returned what makes no sense; `want` says what would. */
  nonsense(hook: string, returned: unknown, want: string): void {
    this.#watchNonsense(hook, returned)
    const given = typeof returned === 'string' ? JSON.stringify(returned.slice(0, 64)) : describe(returned)
    this.failed(hook, new SharedWsError('ERR_HOOK_RETURN', `${hook} must return ${want}; it returned ${given}`))
  }

  /** It may be anything, an object whose `then` throws among it. */
  #watchNonsense(hook: string, returned: unknown): void {
    try {
      this.watch(hook, returned)
    } catch (error) {
      this.failed(hook, error)
    }
  }

  /** Counts, reports, and acts unless `quietly`: the caller then acts itself. */
  failed(hook: string, error: unknown, quietly = false): void {
    this.#errors++
    const count = (this.#counts.get(hook) ?? 0) + 1
    this.#counts.set(hook, count)
    this.#options.onError(hook, error)
    this.#report({ hook, error, connection: this.#connection(), count })
    const { whenHookThrows } = this.#options
    if (!quietly && whenHookThrows !== 'continue') this.#act(whenHookThrows, hook, error)
  }

  #report(report: WsHookError): void {
    const { onHookError } = this.#options
    if (onHookError === undefined) {
      warnOnce(report.hook, report.error)
      return
    }
    try {
      const result: unknown = onHookError(report)
      // Its own failures end here: reporting them to itself would never end.
      Promise.resolve(result).catch((error: unknown) => this.#reporterFailed(error))
    } catch (error) {
      this.#reporterFailed(error)
    }
  }

  #reporterFailed(error: unknown): void {
    this.#errors++
    warnOnce('onHookError', error)
  }
}

function warnOnce(hook: string, error: unknown): void {
  if (warned.has(hook)) return
  warned.add(hook)
  process.emitWarning(`${hook} of a shared-ws actor failed; give onHookError to hear of it each time`, {
    type: 'SharedWsWarning',
    code: 'SHARED_WS_HOOK_FAILED',
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
