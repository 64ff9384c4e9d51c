import type { Clock, ClockTimer } from '../support/clock.ts'

/** What can travel: bytes, or the end of them. */
export type PipeItem = Uint8Array | 'fin' | 'reset'

interface Underway {
  readonly dueUs: number
  readonly item: PipeItem
}

/**
 * One direction of a wire: what is written arrives in order, each piece `delayMs` later, on the clock. Arrival means
 * that it can be read: {@link onArrival} says so, and {@link take} reads. Pieces that were written apart are still apart.
 */
export class MockPipe {
  readonly #clock: Clock
  readonly #underway: Underway[] = []
  #timer: ClockTimer | undefined
  #cut = false
  #arrivedUs = 0
  /** Applies to what is written from now on; nothing overtakes. */
  delayMs = 0
  /** Sizes of the pieces that writes are cut into; undefined leaves them whole. */
  chop: (() => number) | undefined
  /** Set by the reading end. */
  onArrival: () => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  write(item: PipeItem): void {
    if (this.#cut) return
    if (typeof item === 'string' || this.chop === undefined) {
      this.#push(item)
      return
    }
    for (let at = 0; at < item.length; ) {
      const size = Math.max(1, Math.floor(this.chop()))
      this.#push(item.subarray(at, at + size))
      at += size
    }
  }

  /** The next piece that has arrived, or undefined. */
  take(): PipeItem | undefined {
    const next = this.#underway[0]
    if (next === undefined || next.dueUs > this.#clock.monoUs()) return undefined
    this.#underway.shift()
    this.#arrivedUs = next.dueUs
    if (this.#underway.length === 0) this.#disarm()
    return next.item
  }

  /** When the piece arrived that {@link take} gave last. */
  get arrivedUs(): number {
    return this.#arrivedUs
  }

  /** Arms the timer for what comes next. Needed after taking less than everything. */
  arm(): void {
    const next = this.#underway[0]
    if (next === undefined || this.#timer !== undefined) return
    this.#timer = this.#clock.setTimer((next.dueUs - this.#clock.monoUs()) / 1000, () => {
      this.#timer = undefined
      this.onArrival()
    })
  }

  /** For good: everything underway is lost, and whatever is written. */
  cut(): void {
    this.#cut = true
    this.#underway.length = 0
    this.#disarm()
  }

  #push(item: PipeItem): void {
    const dueUs = Math.max(this.#clock.monoUs() + this.delayMs * 1000, this.#underway.at(-1)?.dueUs ?? 0)
    this.#underway.push({ dueUs, item })
    this.arm()
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
