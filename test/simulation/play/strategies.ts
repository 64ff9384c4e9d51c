import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import { WsLatencyPolicy, type WsLatencyVerdict } from '../../../src/health/latency-policy.ts'
import type {
  WsHeartbeat,
  WsPingPongLink,
  WsPingPongStrategy,
  WsPingPongVerdict,
} from '../../../src/health/ping-pong.ts'
import { ExponentialBackoff } from '../../../src/reconnect/exponential-backoff.ts'
import type { WsReconnectStrategy } from '../../../src/reconnect/strategy.ts'
import type { RandomSource } from '../../../src/support/random.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'
import { judgesLatency } from '../invariants/latency.ts'
import type { Life } from '../life.ts'
import type { LatencySetup } from './setup.ts'

/** Short delays, and at times an exception or no number at all. */
export class SimReconnect implements WsReconnectStrategy {
  readonly #life: Life
  readonly #backoff = new ExponentialBackoff({ baseMs: 30, maxMs: 1500 })

  constructor(life: Life) {
    this.#life = life
  }

  nextDelayMs(attempt: number, cause: WsDisconnectCause, random: RandomSource): number | undefined {
    this.#life.clumsy.touch('reconnect.nextDelayMs')
    if (this.#life.clumsy.nonsense('reconnect.nextDelayMs')) return Number.NaN
    return this.#backoff.nextDelayMs(attempt, cause, random)
  }

  reset(): void {
    this.#life.clumsy.touch('reconnect.reset')
  }
}

/** A strategy of the library's, in clumsy hands: what it has come to know is not lost when it throws. */
export class SimPingPong implements WsPingPongStrategy {
  readonly timeoutMs: number | undefined
  readonly #life: Life
  readonly #real: WsPingPongStrategy

  constructor(life: Life, real: WsPingPongStrategy) {
    this.#life = life
    this.#real = real
    this.timeoutMs = real.timeoutMs
  }

  opened(nowUs: number, link: WsPingPongLink): void {
    this.#real.opened(nowUs, link)
    this.#life.clumsy.touch('pingPong.opened')
  }

  nextDueUs(): number | undefined {
    const { clumsy, evidence, sim } = this.#life
    const { doubtedUs } = evidence
    evidence.doubtedUs = sim.time.nowUs
    clumsy.touch('pingPong.nextDueUs')
    if (clumsy.nonsense('pingPong.nextDueUs')) return Number.NaN
    evidence.doubtedUs = doubtedUs
    return this.#real.nextDueUs()
  }

  tick(nowUs: number, link: WsPingPongLink): WsPingPongVerdict {
    const { clumsy, clock, evidence } = this.#life
    clumsy.touch('pingPong.tick')
    if (clumsy.nonsense('pingPong.tick')) return undefined as never
    const { pings } = evidence
    const verdict = this.#real.tick(nowUs, link)
    if (evidence.pings !== pings) evidence.lastPingUs = clock.monoUs()
    return verdict
  }

  onPong(payload: Uint8Array, receivedMonoUs: number): number | undefined {
    const rttUs = this.#real.onPong?.(payload, receivedMonoUs)
    this.#life.clumsy.touch('pingPong.onPong')
    return rttUs
  }

  onFrame(frame: WsFrame, link: WsPingPongLink): WsHeartbeat | undefined {
    const heartbeat = this.#real.onFrame?.(frame, link)
    if (heartbeat !== undefined) this.#life.clumsy.touch('pingPong.onFrame')
    return heartbeat
  }

  restart(nowUs: number): void {
    this.#real.restart(nowUs)
    this.#life.clumsy.touch('pingPong.restart')
  }
}

/** The library's policy, whose verdicts are held against those of another one that is as simple as can be. */
export class SimLatency extends WsLatencyPolicy {
  readonly #life: Life

  constructor(life: Life, setup: LatencySetup) {
    super(setup)
    this.#life = life
  }

  override opened(): void {
    super.opened()
    this.#life.evidence.latency?.opened()
    this.#life.clumsy.touch('latencyPolicy.opened')
  }

  override sample(rttUs: number, nowUs: number): WsLatencyVerdict | undefined {
    const verdict = super.sample(rttUs, nowUs)
    judgesLatency(this.#life, rttUs, nowUs, verdict)
    this.#life.clumsy.touch('latencyPolicy.sample')
    return verdict
  }
}

/** Topics as the endpoint's notifications name them; those of the user's orders are quiet by nature. */
export function topicsOf(life: Life, silentAfterMs: number): Pick<WebSocketActorOptions, 'topics' | 'plan'> {
  const { clumsy, evidence, sim } = life
  const watched = {
    silentAfterMs: (topic: string) => {
      // Whose limit is not known is not watched, on this connection.
      evidence.unwatched.add(topic)
      clumsy.touch('topics.silentAfterMs')
      if (topic.startsWith('user.')) return undefined
      evidence.unwatched.delete(topic)
      return silentAfterMs
    },
    resubscribeEveryMs: sim.setup.resubscribeEveryMs,
  }
  if (sim.setup.topicsBy === 'plan') {
    return { topics: watched, plan: { topic: { key: '{params.channel}', when: [{ path: 'params.data' }] } } }
  }
  const topicOf = (frame: WsFrame): string | undefined => {
    clumsy.touch('topics.topicOf')
    return evidence.topicData(frame)
  }
  return { topics: { ...watched, topicOf } }
}
