import { SeededRandom } from '../seeded-random.ts'

const LEVELS = 10
const TICK = 0.5

/** A change of one level, as Deribit writes it. */
export type BookChange = readonly ['new' | 'change' | 'delete', price: number, amount: number]

export interface BookUpdate {
  readonly changeId: number
  readonly prevChangeId: number
  readonly bids: readonly BookChange[]
  readonly asks: readonly BookChange[]
}

/**
 * One instrument: a price that walks at random and a book of ten levels a side around it. Each step of equal seeds is
 * equal. Prices are counted in ticks, so that nothing is lost to floating point.
 */
export class Instrument {
  readonly name: string
  readonly #random: SeededRandom
  readonly #bids = new Map<number, number>()
  readonly #asks = new Map<number, number>()
  #bestBid: number
  #lastPrice: number
  #changeId: number

  constructor(name: string, seed: number) {
    this.name = name
    this.#random = SeededRandom.named(seed, `market ${name}`)
    this.#bestBid = 20_000 + this.#random.below(100_000)
    this.#lastPrice = this.#bestBid
    this.#changeId = 1_000_000 + this.#random.below(1_000_000)
    for (let i = 0; i < LEVELS; i++) {
      this.#bids.set(this.#bestBid - i, this.#amount())
      this.#asks.set(this.#bestBid + 1 + i, this.#amount())
    }
  }

  get changeId(): number {
    return this.#changeId
  }

  get bestBid(): number {
    return this.#bestBid * TICK
  }

  get bestAsk(): number {
    return (this.#bestBid + 1) * TICK
  }

  /** Moves the book on: the price by at most one tick, and an amount. */
  step(): BookUpdate {
    const bids: BookChange[] = []
    const asks: BookChange[] = []
    const move = this.#random.below(3) - 1
    if (move > 0) {
      this.#replace(this.#asks, asks, this.#bestBid + 1, this.#bestBid + 1 + LEVELS)
      this.#replace(this.#bids, bids, this.#bestBid - LEVELS + 1, this.#bestBid + 1)
    } else if (move < 0) {
      this.#replace(this.#bids, bids, this.#bestBid, this.#bestBid - LEVELS)
      this.#replace(this.#asks, asks, this.#bestBid + LEVELS, this.#bestBid)
    }
    this.#bestBid += move
    const [side, changes] = this.#random.below(2) === 0 ? ([this.#bids, bids] as const) : ([this.#asks, asks] as const)
    const level = this.#random.below(LEVELS)
    const price = side === this.#bids ? this.#bestBid - level : this.#bestBid + 1 + level
    const amount = this.#amount()
    // A level that is new in this very update keeps the amount that it was announced with.
    if (!changes.some(([, changed]) => changed === price * TICK)) {
      side.set(price, amount)
      changes.push(['change', price * TICK, amount])
    }
    this.#lastPrice = this.#bestBid + this.#random.below(2)
    const prevChangeId = this.#changeId
    this.#changeId += 1 + this.#random.below(3)
    return { changeId: this.#changeId, prevChangeId, bids, asks }
  }

  bookData(update: BookUpdate, timestampMs: number): object {
    const { changeId, prevChangeId, bids, asks } = update
    return {
      type: 'change',
      timestamp: timestampMs,
      instrument_name: this.name,
      change_id: changeId,
      prev_change_id: prevChangeId,
      bids,
      asks,
    }
  }

  /** The whole book, as the first notification of a subscription carries it: without `prev_change_id`. */
  snapshotData(timestampMs: number): object {
    const levels = (side: Map<number, number>, down: boolean): BookChange[] =>
      [...side]
        .sort(([a], [b]) => (down ? b - a : a - b))
        .map(([price, amount]) => ['new', price * TICK, amount] as const)
    return {
      type: 'snapshot',
      timestamp: timestampMs,
      instrument_name: this.name,
      change_id: this.#changeId,
      bids: levels(this.#bids, true),
      asks: levels(this.#asks, false),
    }
  }

  tickerData(timestampMs: number): object {
    return {
      timestamp: timestampMs,
      instrument_name: this.name,
      state: 'open',
      last_price: this.#lastPrice * TICK,
      mark_price: (this.#bestBid + 0.5) * TICK,
      best_bid_price: this.bestBid,
      best_bid_amount: this.#bids.get(this.#bestBid),
      best_ask_price: this.bestAsk,
      best_ask_amount: this.#asks.get(this.#bestBid + 1),
    }
  }

  #replace(side: Map<number, number>, changes: BookChange[], gone: number, added: number): void {
    const amount = this.#amount()
    side.delete(gone)
    side.set(added, amount)
    changes.push(['delete', gone * TICK, 0], ['new', added * TICK, amount])
  }

  #amount(): number {
    return 10 * (1 + this.#random.below(1000))
  }
}
