import type { Clock, ClockTimer } from '../../support/clock.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { ChosenFate } from './fates.ts'

/** Faults that chance may choose. */
export type ChaosFault =
  /** TCP ends by a reset, or by a FIN without a CLOSE. */
  | 'rst'
  | 'fin'
  /** CLOSE 1001, as before a restart. */
  | 'close'
  /** Half a second to one and a half in which the exchange neither reads nor sends. */
  | 'stall'
  /** The same, and then a reset. */
  | 'stall-and-drop'
  /** A reset, and the next one or two connects are refused with 503, or 429 and Retry-After. */
  | 'refuse'
  /** TCP ends in the middle of a frame. */
  | 'cut'
  /** Malformed JSON, or an answer to an id that nobody used. */
  | 'garbage'

/** What the log may call a fault: those of chance, and those that a client brought about. */
export type ExchangeFault = ChaosFault | 'skip' | 'slow-consumer' | 'heartbeat-unanswered'

export interface ExchangeChaos {
  /** Mean time between two faults, ms. Default 2500. */
  readonly faultEveryMs: number
  /** Weights. A fault that is not named does not happen. */
  readonly faults: Readonly<Partial<Record<ChaosFault, number>>>
  /** Weights of the fates of orders that name none. */
  readonly fates: Readonly<Partial<Record<ChosenFate, number>>>
}

/** Nothing by chance. */
export const CALM: ExchangeChaos = { faultEveryMs: Infinity, faults: {}, fates: { natural: 1 } }

export const MILD_CHAOS: ExchangeChaos = {
  faultEveryMs: 2500,
  faults: { rst: 3, fin: 2, close: 2, stall: 2, 'stall-and-drop': 1, refuse: 2, cut: 2, garbage: 2 },
  fates: {
    natural: 60,
    rejected: 8,
    'rate-limited': 6,
    'answered-twice': 6,
    late: 6,
    never: 6,
    ignored: 4,
    dropped: 4,
  },
}

/** Lets faults happen by chance until it is stopped. */
export class ChaosDriver {
  readonly #clock: Clock
  readonly #chaos: ExchangeChaos
  readonly #random: SeededRandom
  readonly #strike: (fault: ChaosFault, random: SeededRandom) => void
  #timer: ClockTimer | undefined

  constructor(
    clock: Clock,
    chaos: ExchangeChaos,
    random: SeededRandom,
    strike: (fault: ChaosFault, random: SeededRandom) => void,
  ) {
    this.#clock = clock
    this.#chaos = chaos
    this.#random = random
    this.#strike = strike
  }

  start(): void {
    if (this.#chaos.faultEveryMs === Infinity) return
    const delayMs = this.#chaos.faultEveryMs * (0.5 + this.#random.float())
    this.#timer = this.#clock.setTimer(delayMs, () => {
      this.start()
      this.#strike(this.#random.pick(this.#chaos.faults as Record<ChaosFault, number>), this.#random)
    })
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
