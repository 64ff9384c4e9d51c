import type { Clock, ClockTimer } from '../../../src/support/clock.ts'

interface Entry {
  readonly atUs: number
  readonly order: number
  run: (() => void) | undefined
}

/** Entries by time, those of one moment in the order in which they were added. Cancelled ones are passed over. */
export class EventHeap {
  readonly #heap: Entry[] = []
  #order = 0

  add(atUs: number, run: () => void): ClockTimer {
    const entry: Entry = { atUs, order: this.#order++, run }
    this.#push(entry)
    return {
      cancel: () => {
        entry.run = undefined
      },
    }
  }

  /** When the first one is due; Infinity without any. */
  nextUs(): number {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined) return Infinity
      if (top.run !== undefined) return top.atUs
      this.#pop()
    }
  }

  /** Takes the first one out; call {@link nextUs} before. */
  take(): () => void {
    const { run } = this.#pop() as Entry & { run: () => void }
    return run
  }

  #before(a: Entry, b: Entry): boolean {
    return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order)
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(entry, heap[parent] as Entry)) break
      heap[at] = heap[parent] as Entry
      at = parent
    }
    heap[at] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (heap.length === 0 || last === undefined) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#before(heap[child + 1] as Entry, heap[child] as Entry)) child++
      if (!this.#before(heap[child] as Entry, last)) break
      heap[at] = heap[child] as Entry
      at = child
    }
    heap[at] = last
    return top
  }
}

/** 2020-01-01T00:00:00Z. */
const EPOCH_US = 1_577_836_800_000_000

/** The world's time, and everything in it that is not the client: network and exchange. They are never late. */
export class WorldTime implements Clock {
  nowUs = 0
  readonly #events = new EventHeap()

  at(atUs: number, run: () => void): ClockTimer {
    return this.#events.add(Math.max(atUs, this.nowUs), run)
  }

  nextUs(): number {
    return this.#events.nextUs()
  }

  runNext(): void {
    this.nowUs = Math.max(this.nowUs, this.#events.nextUs())
    this.#events.take()()
  }

  // — Clock, for the exchange —

  monoUs(): number {
    return this.nowUs
  }

  epochUs(): number {
    return EPOCH_US + this.nowUs
  }

  setTimer(delayMs: number, callback: () => void): ClockTimer {
    return this.at(this.nowUs + Math.max(0, delayMs) * 1000, callback)
  }
}

/** What the client takes for time: it may jump, and its timers fire when its loop comes round to them, as Node's do. */
export class ClientClock implements Clock {
  readonly #time: WorldTime
  readonly #timers = new EventHeap()
  #monoJumpUs = 0
  #epochJumpUs = 0
  /** How often either of its clocks was set. */
  settings = 0

  constructor(time: WorldTime) {
    this.#time = time
  }

  monoUs(): number {
    return this.#time.nowUs + this.#monoJumpUs
  }

  epochUs(): number {
    return EPOCH_US + this.#time.nowUs + this.#epochJumpUs
  }

  /** Node's granularity: whole ms, at least one. */
  setTimer(delayMs: number, callback: () => void): ClockTimer {
    if (Number.isNaN(delayMs)) throw new RangeError('delayMs must be a number')
    return this.#timers.add(this.monoUs() + Math.max(1, Math.ceil(delayMs)) * 1000, callback)
  }

  /** When the first timer is due, in the world's time. */
  nextDueUs(): number {
    return this.#timers.nextUs() - this.#monoJumpUs
  }

  /** The next timer that was due at `monoUs`. */
  takeDue(monoUs: number): (() => void) | undefined {
    return this.#timers.nextUs() <= monoUs ? this.#timers.take() : undefined
  }

  /** The machine was suspended, or virtual: time that the network did not see. */
  jumpMono(us: number): void {
    this.#monoJumpUs += us
    this.settings++
  }

  /** Somebody set the clock. */
  jumpEpoch(us: number): void {
    this.#epochJumpUs += us
    this.settings++
  }
}

/** The client's clock as one actor gets it, which knows what timers of it are armed. */
export class CountedClock implements Clock {
  readonly #clock: ClientClock
  armed = 0

  constructor(clock: ClientClock) {
    this.#clock = clock
  }

  monoUs(): number {
    return this.#clock.monoUs()
  }

  epochUs(): number {
    return this.#clock.epochUs()
  }

  setTimer(delayMs: number, callback: () => void): ClockTimer {
    let isArmed = true
    const disarm = (): void => {
      if (isArmed) this.armed--
      isArmed = false
    }
    const timer = this.#clock.setTimer(delayMs, () => {
      disarm()
      callback()
    })
    this.armed++
    return {
      cancel: () => {
        disarm()
        timer.cancel()
      },
    }
  }
}
