import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { WsConfigError } from '../errors/errors.ts'
import { Checker, MAX_TIMER_MS } from '../support/check.ts'
import type { RandomSource } from '../support/random.ts'
import type { WsReconnectStrategy } from './strategy.ts'

export interface ExponentialBackoffOptions {
  /** Upper bound of the first delay. Default 500. */
  readonly baseMs?: number
  /** Upper bound of every delay. Default 30 000. */
  readonly maxMs?: number
  /** The first attempt after a connection that had proven healthy comes at once; the delays begin behind it. Default false. */
  readonly immediateFirst?: boolean
  /** Attempts that may fail in a row before it gives up. Default: no bound. */
  readonly maxAttempts?: number
}

/**
 * Full jitter: a delay drawn evenly from 0 to `baseMs`, twice that, four times, … up to `maxMs`. Clients that lost one
 * server together do not come back together.
 */
export class ExponentialBackoff implements WsReconnectStrategy {
  readonly #baseMs: number
  readonly #maxMs: number
  readonly #maxAttempts: number
  readonly #immediateFirst: boolean

  /** Throws `WsConfigError`. */
  constructor(options: ExponentialBackoffOptions = {}) {
    const check = new Checker()
    const given =
      check.object('ExponentialBackoff', options, ['baseMs', 'maxMs', 'maxAttempts', 'immediateFirst']) ?? {}
    this.#baseMs = check.integer('ExponentialBackoff.baseMs', given.baseMs, 1, MAX_TIMER_MS, 500)
    this.#maxMs = check.integer('ExponentialBackoff.maxMs', given.maxMs, 1, MAX_TIMER_MS, 30_000)
    const most = Number.MAX_SAFE_INTEGER
    this.#maxAttempts = check.integer('ExponentialBackoff.maxAttempts', given.maxAttempts, 1, most, most)
    this.#immediateFirst = check.boolean('ExponentialBackoff.immediateFirst', given.immediateFirst, false)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
  }

  nextDelayMs(attempt: number, _cause: WsDisconnectCause, random: RandomSource): number | undefined {
    if (attempt >= this.#maxAttempts) return undefined
    const step = attempt - 1 - Number(this.#immediateFirst)
    if (step < 0) return 0
    // 2^31 attempts do not happen, but 2^1024 would be Infinity and `Infinity * 0` no number.
    const ceilingMs = Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(step, 40))
    return random.float() * ceilingMs
  }

  // The attempt number is all the state there is, and the actor keeps it.
  reset(): void {}
}

/** One attempt, one connection: for tests, and for users who reconnect by themselves. */
export const NoReconnect: WsReconnectStrategy = {
  nextDelayMs: () => undefined,
  reset() {},
}
