import { WsConfigError } from '../errors/errors.ts'
import { Checker, MAX_TIMER_MS } from '../support/check.ts'

export interface WsLatencyPolicyOptions {
  /** Required. */
  readonly maxRttMs: number
  /** Which percentile of the round trips must not exceed it. Default 90. */
  readonly percentile?: number
  /** Of the last so many ms. Default 60 s. */
  readonly windowMs?: number
  /** Round trips that are needed before anything is judged. Default 3. */
  readonly minSamples?: number
  /** Round trips in a row at which the percentile was too high. Default 3. */
  readonly streak?: number
}

/** Too slow: what the percentile was, and what it may be. */
export interface WsLatencyVerdict {
  readonly percentile: number
  readonly rttUs: number
  readonly limitUs: number
}

/** More round trips than this within a window are judged by the newest. */
const MAX_SAMPLES = 1024

/**
 * Gives up a connection whose round trips have become too slow: another one may reach a better gateway. It judges the pings and
 * heartbeats of one connection over the last `windowMs`, so it needs a ping-pong strategy that pings. What is slow now and then
 * does not count: the percentile must be too high `streak` times in a row. Everything begins anew with each connection.
 */
export class WsLatencyPolicy {
  readonly #limitUs: number
  readonly #percentile: number
  readonly #windowUs: number
  readonly #minSamples: number
  readonly #streak: number
  /** Oldest first. */
  readonly #samples: { readonly atUs: number; readonly rttUs: number }[] = []
  #slow = 0

  /** Throws `WsConfigError`. */
  constructor(options: WsLatencyPolicyOptions) {
    const check = new Checker()
    const name = (field: string): string => `WsLatencyPolicy.${field}`
    const known = ['maxRttMs', 'percentile', 'windowMs', 'minSamples', 'streak'] as const
    const given = check.object('WsLatencyPolicy', options, known) ?? {}
    if (given.maxRttMs === undefined) check.add(name('maxRttMs'), 'is missing: how slow is too slow?')
    this.#limitUs = check.integer(name('maxRttMs'), given.maxRttMs, 1, MAX_TIMER_MS, 1) * 1000
    this.#percentile = check.integer(name('percentile'), given.percentile, 1, 100, 90)
    this.#windowUs = check.integer(name('windowMs'), given.windowMs, 1, MAX_TIMER_MS, 60_000) * 1000
    this.#minSamples = check.integer(name('minSamples'), given.minSamples, 1, MAX_SAMPLES, 3)
    this.#streak = check.integer(name('streak'), given.streak, 1, 1000, 3)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
  }

  /** A connection has opened: the last one's round trips are forgotten. */
  opened(): void {
    this.#samples.length = 0
    this.#slow = 0
  }

  /** A round trip that ended at `nowUs`, monotonic µs. What it makes of them all; undefined: fast enough. */
  sample(rttUs: number, nowUs: number): WsLatencyVerdict | undefined {
    this.#samples.push({ atUs: nowUs, rttUs })
    while (this.#samples.length > MAX_SAMPLES || nowUs - (this.#samples[0]?.atUs ?? nowUs) > this.#windowUs) {
      this.#samples.shift()
    }
    if (this.#samples.length < this.#minSamples) return undefined
    const sorted = this.#samples.map((sample) => sample.rttUs).sort((a, b) => a - b)
    // Nearest rank.
    const worst = sorted[Math.ceil((this.#percentile / 100) * sorted.length) - 1] as number
    this.#slow = worst > this.#limitUs ? this.#slow + 1 : 0
    if (this.#slow < this.#streak) return undefined
    return { percentile: this.#percentile, rttUs: worst, limitUs: this.#limitUs }
  }
}

/** Policies may be the user's own. */
export function isLatencyVerdict(verdict: unknown): verdict is WsLatencyVerdict {
  const { percentile, rttUs, limitUs } = Object(verdict) as Partial<WsLatencyVerdict>
  return [percentile, rttUs, limitUs].every(Number.isFinite)
}
