import { SeededRandom } from '../seeded-random.ts'
import type { ExchangeChaos } from './chaos.ts'

/** What becomes of one `private/buy` or `private/sell`, where it is not left to the market. */
export const ORDER_FATES = [
  /** Taken and filled. */
  'filled',
  /** Taken, and open until cancelled. */
  'open',
  /** Refused with error 10009 `not_enough_funds`. */
  'rejected',
  /** Refused with error 10028 `too_many_requests`, `data.wait` in seconds. */
  'rate-limited',
  /** Taken, and answered twice. */
  'answered-twice',
  /** Taken at once, answered `lateMs` later. */
  'late',
  /** Taken, and never answered. */
  'never',
  /** Neither taken nor answered. */
  'ignored',
  /** Taken; the connection is reset instead of an answer. */
  'dropped',
] as const

export type OrderFate = (typeof ORDER_FATES)[number]

/** `natural`: filled when it is a market order or its price crosses, otherwise open. */
export type ChosenFate = OrderFate | 'natural'

const MAX_CHOSEN = 10_000

/**
 * Decides fates by label, so that they do not depend on timing: one that was set, else the label's own prefix
 * (`late-17` is late), else chance by seed and label.
 */
export class Fates {
  readonly #set = new Map<string, OrderFate>()
  readonly #seed: number
  #weights: ExchangeChaos['fates']

  constructor(seed: number, weights: ExchangeChaos['fates']) {
    this.#seed = seed
    this.#weights = weights
  }

  /** Only the latest 10 000 are kept. */
  set(label: string, fate: OrderFate): void {
    this.#set.delete(label)
    this.#set.set(label, fate)
    if (this.#set.size > MAX_CHOSEN) this.#set.delete(this.#set.keys().next().value as string)
  }

  /** No more chance: what is neither set nor in the label is `natural`. */
  calm(): void {
    this.#weights = { natural: 1 }
  }

  of(label: string): ChosenFate {
    const set = this.#set.get(label)
    if (set !== undefined) return set
    const prefix = ORDER_FATES.find((fate) => label.startsWith(`${fate}-`))
    return prefix ?? SeededRandom.named(this.#seed, `fate ${label}`).pick(this.#weights as Record<ChosenFate, number>)
  }
}
