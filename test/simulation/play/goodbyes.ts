import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import type { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { DrainRecord, HowToEnd } from '../ends.ts'
import { checkClosed, checkDrained } from '../invariants/ends.ts'
import type { Life } from '../life.ts'

const CODES: Readonly<Record<HowToEnd, string>> = {
  stop: 'LOCAL_CLOSE',
  abort: 'ERR_ABORTED',
  shutdown: 'ERR_SHUTDOWN_REQUESTED',
  fatal: 'ERR_SERVER_ERROR',
  abandon: 'ERR_ABANDONED',
}

/** How a user ends an actor: in each of the ways there are, in any order, more than once, and from anywhere. */
export class Goodbyes {
  readonly #random: SeededRandom
  /** The number of the user's last call of `ask` or `send`. */
  readonly #calls: () => number
  #wishes = 0

  constructor(random: SeededRandom, calls: () => number) {
    this.#random = random
    this.#calls = calls
  }

  /** The end has been, or is just being, asked for. */
  wants(life: Life, how: HowToEnd, withinMs: number, from: string, about: { code?: string; message?: string } = {}) {
    const { ends, sim } = life
    if (life.isOver) return
    const { code = CODES[how], message = '' } = about
    // It changes nothing of an end that is under way, unless it is to be at once.
    const limitMs = ends.isAsked && how !== 'abandon' ? Infinity : withinMs
    ends.asked.push({ how, code, message, turn: sim.loop.turns, askedUs: sim.time.nowUs, withinMs: limitMs })
    // What is called inside a hook takes effect behind what had been called there before.
    if (from === 'outside') ends.endedAtCall = Math.min(ends.endedAtCall, this.#calls())
  }

  stop(life: Life, from: string): void {
    const random = this.#random
    const timeoutMs = random.below(2) === 0 ? undefined : random.below(1500)
    const isBare = timeoutMs === undefined && random.below(2) === 0
    this.wants(life, 'stop', timeoutMs ?? life.sim.setup.closeTimeoutMs, from)
    const options = {
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(random.below(3) === 0 ? { code: 4000 + random.below(10), reason: 'enough' } : {}),
    }
    this.#hears(life, isBare ? life.actor.stop() : life.actor.stop(options))
  }

  abandon(life: Life, from: string): void {
    const message = `wish ${++this.#wishes}`
    const cause: WsDisconnectCause =
      this.#random.below(2) === 0
        ? { kind: 'internal-error', code: CODES.abandon, message, context: 'user', error: new Error(message) }
        : { kind: 'local-stop', code: CODES.abandon, message, closeCode: 1006, closeReason: '' }
    this.wants(life, 'abandon', 0, from, { message })
    life.actor.abandon(cause)
  }

  abort(life: Life, from: string): void {
    const message = `wish ${++this.#wishes}`
    if (life.aborter.signal.aborted) return
    this.wants(life, 'abort', life.sim.setup.closeTimeoutMs, from, { message })
    life.aborter.abort(new Error(message))
  }

  drain(life: Life): void {
    const { sim, ends, evidence, actor } = life
    const random = this.#random
    const timeoutMs = random.below(3) === 0 ? undefined : random.below(random.below(2) === 0 ? 100 : 3000)
    const link = evidence.links.at(-1)
    const drain: DrainRecord = {
      calledUs: sim.time.nowUs,
      calledMonoUs: sim.clock.monoUs(),
      timeoutMs: timeoutMs ?? 5000,
      disconnects: evidence.disconnects,
      // Not the one whose frame is being made just now.
      asks: sim.ledger.openOf(life).filter(({ deadlineUs }) => deadlineUs < Infinity),
      wasConnected: link !== undefined && !link.told && link.tcp !== undefined,
      doneSinceUs: Infinity,
    }
    ends.drains.add(drain)
    ends.drainedAtCall = Math.min(ends.drainedAtCall, this.#calls())
    const promise = timeoutMs === undefined ? actor.drain() : actor.drain({ timeoutMs })
    promise.then(
      (all) => {
        sim.trace.add(`drain() of actor ${life.n}: ${all}`)
        checkDrained(life, drain, all)
      },
      (error: unknown) => sim.violated('drain-is-told', `drain() rejects: ${String(error)}`),
    )
    // The only way on is the end.
    void sim.pause(random.below(4000)).then(() => {
      if (sim.isChaotic && !ends.isAsked) this.#ends(life)
    })
  }

  closed(life: Life): void {
    this.#hears(life, life.actor.closed())
  }

  #ends(life: Life): void {
    const how = this.#random.pick({ stop: 3, abandon: 1, abort: 1 })
    life.sim.trace.add(`user: ${how} of actor ${life.n}, which drains`)
    this[how](life, 'outside')
  }

  #hears(life: Life, promise: ReturnType<Life['actor']['closed']>): void {
    const { ends, sim } = life
    ends.closedCalls++
    promise.then(
      (stopped) => {
        ends.closedTold++
        checkClosed(life, stopped)
      },
      (error: unknown) => sim.violated('closed-is-told', `it rejects: ${String(error)}`),
    )
  }
}
