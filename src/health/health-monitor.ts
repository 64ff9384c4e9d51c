import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Carried } from './carried.ts'
import type { WsDistribution, WsHealthSnapshot } from './metrics.ts'

/** Counters of {@link WsHealthSnapshot} that somebody counts up. */
export type WsHealthCounter = Exclude<
  { [K in keyof WsHealthSnapshot]: WsHealthSnapshot[K] extends number ? K : never }[keyof WsHealthSnapshot],
  keyof Carried | undefined
>

const NO_COUNTS: Readonly<Record<WsHealthCounter, number>> = {
  messagesReceived: 0,
  framesIgnored: 0,
  framesForwarded: 0,
  eventsEmitted: 0,
  heartbeats: 0,
  attempts: 0,
  connectionsOpened: 0,
  attemptsFailed: 0,
  disconnects: 0,
  gaps: 0,
  sequenceGaps: 0,
  openGaps: 0,
  stalls: 0,
  lateReplies: 0,
  unmatchedReplies: 0,
  hookErrors: 0,
  sendsGivenUp: 0,
}

/** What takes longer is recorded as this: a histogram's memory grows with its range. */
const MAX_RTT_US = 60_000_000
const MAX_LAG_US = 3_600_000_000

/**
 * Counts what happens to an actor and keeps the distributions of its current connection. Counters are plain numbers that
 * the hot path adds to; histograms are Node's own (`perf_hooks`), which keep three digits in bounded memory.
 */
export class WsHealthMonitor {
  readonly count: Record<WsHealthCounter, number> = { ...NO_COUNTS }
  readonly #rtt = new Distribution(MAX_RTT_US)
  readonly #payloadLag = new Distribution(MAX_LAG_US)
  #lastRttUs: number | undefined

  /** A connection has opened: its distributions begin empty. */
  connectionOpened(): void {
    this.count.connectionsOpened++
    this.#rtt.reset()
    this.#payloadLag.reset()
    this.#lastRttUs = undefined
  }

  recordRttUs(rttUs: number): void {
    this.#lastRttUs = rttUs
    this.#rtt.record(rttUs)
  }

  recordPayloadLagUs(lagUs: number): void {
    this.#payloadLag.record(lagUs)
  }

  snapshot(carried: Carried): WsHealthSnapshot {
    const lastRttUs = this.#lastRttUs
    return {
      ...this.count,
      ...carried,
      rtt: this.#rtt.summary(),
      ...(lastRttUs === undefined ? {} : { lastRttUs }),
      payloadLag: this.#payloadLag.summary(),
    }
  }
}

const NOTHING: WsDistribution = { count: 0, minUs: 0, meanUs: 0, p50Us: 0, p99Us: 0, maxUs: 0 }

/** Made at the first value: a histogram takes some 350 KB and, with clearing it, more time than connecting does. */
class Distribution {
  readonly #highestUs: number
  #histogram: RecordableHistogram | undefined

  constructor(highestUs: number) {
    this.#highestUs = highestUs
  }

  /** The histogram takes integers from 1 on; 0 and what clocks that disagree make negative count as 1. */
  record(us: number): void {
    this.#histogram ??= createHistogram({ lowest: 1, highest: this.#highestUs, figures: 3 })
    this.#histogram.record(Math.min(this.#highestUs, Math.max(1, Math.round(us))))
  }

  reset(): void {
    this.#histogram?.reset()
  }

  summary(): WsDistribution {
    const histogram = this.#histogram
    if (histogram === undefined || histogram.count === 0) return NOTHING
    return {
      count: histogram.count,
      minUs: histogram.min,
      meanUs: histogram.mean,
      p50Us: histogram.percentile(50),
      p99Us: histogram.percentile(99),
      maxUs: histogram.max,
    }
  }
}
