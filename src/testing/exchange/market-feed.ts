import type { Clock, ClockTimer } from '../../support/clock.ts'
import type { Instrument } from './market.ts'

const INTERVALS = ['raw', '100ms', 'agg2'] as const
/** Timers closer together than this are not worth their cost: what is due goes out together. */
const MIN_DELAY_MS = 1
/** After a stall of our own, so much of the market is made up for; the rest never happened. */
const MAX_CATCH_UP_MS = 100

/** Whom the market tells. */
export interface MarketAudience {
  readonly wanted: (channel: string) => boolean
  publish(channel: string, data: object): void
}

/** Moves the market on at its rate, ticker and book of one instrument after the other, whether anybody listens or not. */
export class MarketFeed {
  readonly #clock: Clock
  readonly #perUs: number
  readonly #instruments: readonly Instrument[]
  readonly #audience: MarketAudience
  #steps = 0
  /** Clock time at which step 0 was due; moved forward over stalls. */
  #originUs = 0
  #timer: ClockTimer | undefined

  constructor(clock: Clock, rate: number, instruments: readonly Instrument[], audience: MarketAudience) {
    this.#clock = clock
    this.#perUs = rate / 1e6
    this.#instruments = instruments
    this.#audience = audience
  }

  start(): void {
    if (this.#perUs === 0) return
    this.#originUs = this.#clock.monoUs()
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #arm(): void {
    const nextUs = this.#originUs + (this.#steps + 1) / this.#perUs
    const delayMs = Math.max(MIN_DELAY_MS, (nextUs - this.#clock.monoUs()) / 1000)
    this.#timer = this.#clock.setTimer(delayMs, () => this.#run())
  }

  #run(): void {
    const nowUs = this.#clock.monoUs()
    let due = Math.floor((nowUs - this.#originUs) * this.#perUs) - this.#steps
    const most = Math.max(1, Math.floor(MAX_CATCH_UP_MS * 1000 * this.#perUs))
    if (due > most) {
      this.#originUs += (due - most) / this.#perUs
      due = most
    }
    for (let i = 0; i < due; i++) this.#step()
    this.#arm()
  }

  /** One notification: the book moves at every second one, the ticker tells where it is. */
  #step(): void {
    const n = this.#steps++
    const instrument = this.#instruments[(n >> 1) % this.#instruments.length] as Instrument
    const nowMs = Math.round(this.#clock.epochUs() / 1000)
    const isBook = (n & 1) === 0
    const data = isBook ? instrument.bookData(instrument.step(), nowMs) : undefined
    for (const interval of INTERVALS) {
      const channel = `${isBook ? 'book' : 'ticker'}.${instrument.name}.${interval}`
      if (this.#audience.wanted(channel)) this.#audience.publish(channel, data ?? instrument.tickerData(nowMs))
    }
  }
}
