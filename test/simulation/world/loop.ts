import type { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { ClientClock, WorldTime } from './time.ts'

/** What the loop polls: a socket with something to say. */
export interface Pollable {
  /** Runs client code. Called in the poll phase, once for any number of reasons. */
  onReady(): void
}

/** Promises that can settle have, afterwards: a whole turn, which is exact and cheaper than counting microtasks. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * The client's event loop as libuv runs one: timers and polling in turns, in either order, each callback followed by its
 * microtasks. While client code blocks, network and exchange go on: bytes pile up unread and timers become late.
 */
export class ClientLoop {
  readonly #time: WorldTime
  readonly #clock: ClientClock
  readonly #random: SeededRandom
  /** After every callback, when its microtasks have run. */
  readonly #afterCallback: () => void
  readonly #ready = new Set<Pollable>()
  readonly #tasks: (() => void)[] = []
  #readySinceUs = Infinity
  #pollsNext = false
  /** When the callback that runs now, or ran last, was called. */
  turnStartUs = 0
  /** When sockets were last polled: what came later, nobody can have read who waits for that. */
  polledUs = 0
  /** How many callbacks there have been. */
  turns = 0
  /** What has been due by then, on the client's monotonic clock, has had its timer. */
  timersUs = -Infinity
  /** The latest moment until which client code blocked, or to which its clock jumped. */
  lastStallUs = 0
  /** How long it was away for then by its own clock, and since when in the world's time. */
  lastStall = { fromUs: 0, ms: 0 }

  constructor(time: WorldTime, clock: ClientClock, random: SeededRandom, afterCallback: () => void) {
    this.#time = time
    this.#clock = clock
    this.#random = random
    this.#afterCallback = afterCallback
  }

  /** How often the client's clocks were set: what was stamped by them before says nothing. */
  get clockSettings(): number {
    return this.#clock.settings
  }

  /** A moment of the world on the client's monotonic clock, if that was not set since. */
  monoUsAt(worldUs: number): number {
    return this.#clock.monoUs() - (this.#time.nowUs - worldUs)
  }

  worldUsAt(monoUs: number): number {
    return this.#time.nowUs - (this.#clock.monoUs() - monoUs)
  }

  /** Something can be read or written. Called by the network. */
  ready(pollable: Pollable): void {
    this.#ready.add(pollable)
    this.#readySinceUs = Math.min(this.#readySinceUs, this.#time.nowUs + this.#random.below(120))
  }

  /** As of a close callback, or `process.nextTick` of a stream: in the next poll phase. */
  later(task: () => void): void {
    this.#tasks.push(task)
    this.#readySinceUs = Math.min(this.#readySinceUs, this.#time.nowUs)
  }

  forget(pollable: Pollable): void {
    this.#ready.delete(pollable)
  }

  /** When it next has something to do, in the world's time. */
  nextUs(): number {
    const polls = this.#ready.size > 0 || this.#tasks.length > 0
    return Math.max(this.#time.nowUs, Math.min(this.#clock.nextDueUs(), polls ? this.#readySinceUs : Infinity))
  }

  /** Client code does not return for so long. */
  block(ms: number): void {
    const fromUs = this.#time.nowUs
    const untilUs = fromUs + ms * 1000
    while (this.#time.nextUs() <= untilUs) this.#time.runNext()
    this.#time.nowUs = untilUs
    this.lastStallUs = untilUs
    this.lastStall = { fromUs, ms }
  }

  /** The clock was put forward: for whoever looks at it, the client was away. */
  jumped(ms: number): void {
    this.#clock.jumpMono(ms * 1000)
    this.lastStallUs = this.#time.nowUs
    this.lastStall = { fromUs: this.#time.nowUs, ms }
  }

  /** The next phase: between two of one kind there is always one of the other. */
  async iterate(): Promise<void> {
    this.#pollsNext = !this.#pollsNext
    if (this.#pollsNext) await this.#timers()
    else await this.#poll()
  }

  /** Client code called from outside of timers and sockets: a user's call, say. */
  async run(callback: () => void): Promise<void> {
    this.turnStartUs = this.#time.nowUs
    this.turns++
    callback()
    await turn()
    this.#afterCallback()
  }

  async #timers(): Promise<void> {
    const untilUs = this.#clock.monoUs()
    for (let due = this.#clock.takeDue(untilUs); due !== undefined; due = this.#clock.takeDue(untilUs)) {
      await this.run(due)
    }
    this.timersUs = untilUs
  }

  async #poll(): Promise<void> {
    this.polledUs = this.#time.nowUs
    const ready = [...this.#ready]
    const tasks = this.#tasks.splice(0)
    this.#ready.clear()
    this.#readySinceUs = Infinity
    for (const task of tasks) await this.run(task)
    for (const pollable of ready) await this.run(() => pollable.onReady())
  }
}
