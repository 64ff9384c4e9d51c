import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import type { WsLatencyVerdict } from '../../../src/health/latency-policy.ts'
import type { Life } from '../life.ts'
import type { LatencySetup } from '../play/setup.ts'

/** The rule of docs/latency-policy.md, word by word and without a thought for speed. */
export class LatencyReference {
  readonly #setup: LatencySetup
  #samples: { readonly rttUs: number; readonly atUs: number }[] = []
  #tooHigh = 0
  /** What must be the cause of the next disconnect of our own choosing for being slow. */
  verdict: WsLatencyVerdict | undefined

  constructor(setup: LatencySetup) {
    this.#setup = setup
  }

  opened(): void {
    this.#samples = []
    this.#tooHigh = 0
    this.verdict = undefined
  }

  /** The value of the percentile that is too high for too long. */
  sample(rttUs: number, atUs: number): number | undefined {
    const { maxRttMs, percentile, windowMs, minSamples, streak } = this.#setup
    this.#samples.push({ rttUs, atUs })
    const within = this.#samples.filter((sample) => atUs - sample.atUs <= windowMs * 1000)
    if (within.length < minSamples) return undefined
    const slower = (us: number): number => within.filter((sample) => sample.rttUs > us).length
    // The least value that so many percent do not exceed.
    const allowed = within.length - Math.ceil((percentile / 100) * within.length)
    const value = Math.min(...within.map((sample) => sample.rttUs).filter((us) => slower(us) <= allowed))
    this.#tooHigh = value > maxRttMs * 1000 ? this.#tooHigh + 1 : 0
    return this.#tooHigh >= streak ? value : undefined
  }
}

/** A round trip is no shorter than the way, and the policy says of it what its documentation says. */
export function judgesLatency(life: Life, rttUs: number, nowUs: number, verdict: WsLatencyVerdict | undefined): void {
  const { sim, evidence } = life
  takesItsTime(life, rttUs)
  const slowUs = evidence.latency?.sample(rttUs, nowUs)
  if (slowUs !== verdict?.rttUs) {
    sim.violated('latency-judged', `the policy says ${verdict?.rttUs} µs, by the book it is ${slowUs}`)
  }
  if (verdict !== undefined && evidence.latency !== undefined) evidence.latency.verdict = verdict
}

/** Nothing is faster than the network. */
export function takesItsTime({ sim }: Life, rttUs: number): void {
  const leastUs = 2 * sim.setup.latencyMs * 1000
  if (rttUs < leastUs - 1) sim.violated('latency-judged', `a round trip of ${rttUs} µs, on a way of ${leastUs}`)
}

/** Only the policy's verdict makes a connection too slow. */
export function wasTooSlow({ sim, evidence }: Life, cause: WsDisconnectCause): void {
  if (cause.kind !== 'high-latency') return
  const verdict = evidence.latency?.verdict
  if (verdict?.rttUs !== cause.rttUs || verdict.percentile !== cause.percentile || verdict.limitUs !== cause.limitUs) {
    sim.violated('latency-judged', `left for ${cause.message}, and the policy said ${JSON.stringify(verdict)}`)
  }
}
