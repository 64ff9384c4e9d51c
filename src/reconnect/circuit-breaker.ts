import { WsConfigError } from '../errors/errors.ts'
import { Checker, MAX_TIMER_MS } from '../support/check.ts'

export interface WsCircuitBreakerOptions {
  /** Failures within `windowMs` that open it. Default 10. */
  readonly failures?: number
  /** Default 60 s. */
  readonly windowMs?: number
  /** How long it stays open before one attempt is let through. Default 60 s. */
  readonly openMs?: number
}

/**
 * Stops attempts that are bound to fail. `closed`: all may try. After `failures` within `windowMs`: `open`, nobody may. After
 * `openMs`: `half-open`, one may, and what becomes of that attempt decides for all: a connection that proves healthy closes the
 * circuit, another failure opens it again.
 *
 * Give one object to all actors of a venue: backoff is each actor's own, a circuit is theirs together. Times are monotonic µs;
 * actors that share a breaker share a clock.
 */
export class WsCircuitBreaker {
  readonly #failures: number
  readonly #windowUs: number
  readonly #openUs: number
  /** When the newest failures happened, oldest first; at most `failures`. */
  readonly #times: number[] = []
  #openedUs: number | undefined
  /** An attempt is under way that was let through half-open, since when. */
  #probeSinceUs: number | undefined

  /** Throws `WsConfigError`. */
  constructor(options: WsCircuitBreakerOptions = {}) {
    const check = new Checker()
    const given = check.object('WsCircuitBreaker', options, ['failures', 'windowMs', 'openMs']) ?? {}
    this.#failures = check.integer('WsCircuitBreaker.failures', given.failures, 1, 1000, 10)
    this.#windowUs = check.integer('WsCircuitBreaker.windowMs', given.windowMs, 1, MAX_TIMER_MS, 60_000) * 1000
    this.#openUs = check.integer('WsCircuitBreaker.openMs', given.openMs, 1, MAX_TIMER_MS, 60_000) * 1000
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
  }

  state(nowUs: number): 'closed' | 'open' | 'half-open' {
    if (this.#openedUs === undefined) return 'closed'
    return nowUs < this.#openedUs + this.#openUs ? 'open' : 'half-open'
  }

  /** ms until an attempt may begin; 0: now. Changes nothing: {@link begun} follows if it does. */
  waitMs(nowUs: number): number {
    if (this.#openedUs === undefined) return 0
    // A probe of which nothing was heard for so long is lost: its actor has stopped.
    const heldSinceUs = this.#probeSinceUs ?? this.#openedUs
    return Math.max(0, heldSinceUs + this.#openUs - nowUs) / 1000
  }

  /** An attempt begins: the probe, if the circuit is not closed. */
  begun(nowUs: number): void {
    if (this.#openedUs !== undefined) this.#probeSinceUs = nowUs
  }

  /** An attempt failed, or a connection ended before it had proven healthy. */
  failed(nowUs: number): void {
    this.#times.push(nowUs)
    if (this.#times.length > this.#failures) this.#times.shift()
    const [oldestUs] = this.#times
    const often = this.#times.length === this.#failures && nowUs - (oldestUs as number) <= this.#windowUs
    if (this.#probeSinceUs === undefined && !(often && this.#openedUs === undefined)) return
    this.#probeSinceUs = undefined
    this.#openedUs = nowUs
  }

  /** A connection has proven healthy. */
  succeeded(): void {
    this.#times.length = 0
    this.#openedUs = undefined
    this.#probeSinceUs = undefined
  }
}
