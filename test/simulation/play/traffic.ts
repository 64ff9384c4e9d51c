import type { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { AskRecord } from '../ledger.ts'
import type { Life } from '../life.ts'
import type { Simulation } from '../simulation.ts'
import { ClumsyError } from './clumsiness.ts'

const METHODS = { 'private/buy': 5, 'private/get_order_state_by_label': 2, 'public/test': 3 } as const

/** Messages of one `sendBatch`. */
export const MOST_CALLS_AT_ONCE = 4

interface Message {
  /** Which call of the user's it is; of a writer, since when it has been written. */
  call: number
  readonly payload: string | ((into: Uint8Array) => number)
}

/** Options of a send with a time-to-live. */
interface Timed {
  readonly ttlMs: number
  readonly acrossReconnect: boolean
}

/** There is a connection, or there will be one. */
const MAY_WAIT: ReadonlySet<string> = new Set(['connecting', 'opening', 'ready', 'backoff'])

/** What a user asks and sends, and the records by which it is found again wherever it turns up. */
export class Traffic {
  readonly #sim: Simulation
  readonly #random: SeededRandom
  readonly #aborts: AbortController[]
  #sends = 0
  /** Calls in order, over asks and sends, to compare with the order on the wire. */
  calls = 0

  /** `aborts`: where the controllers of its signals are left for the user to find. */
  constructor(sim: Simulation, random: SeededRandom, aborts: AbortController[]) {
    this.#sim = sim
    this.#random = random
    this.#aborts = aborts
  }

  ask(from: string, life: Life): void {
    const { clock, ledger, setup } = this.#sim
    const { actor, evidence } = life
    const random = this.#random
    const method = random.pick(METHODS)
    const n = ledger.asks.length
    const mark = `a${n}`
    const sharesId = setup.sharedIds && random.below(5) === 0
    const abort = random.below(4) === 0 ? new AbortController() : undefined
    if (abort !== undefined) this.#aborts.push(abort)
    if (this.#aborts.length > 50) this.#aborts.shift()
    const timeoutMs = 1 + random.below(random.below(3) === 0 ? 3000 : 300)
    const sendWithinMs = random.below(4) === 0 ? random.below(100) : undefined
    const urgent = random.below(5) === 0
    const mustBeRefused = this.#isRefused(life)
    const pad = 'x'.repeat(random.below(random.below(20) === 0 ? 3000 : 200))
    const params = {
      mark,
      call: 0,
      lane: urgent ? 'urgent' : 'normal',
      label: mark,
      currency: 'BTC',
      instrument_name: 'BTC-PERPETUAL',
      amount: 10,
      type: 'market',
      pad,
    }
    const record: AskRecord = {
      n,
      life,
      call: this.calls + 1,
      mark,
      method,
      urgent,
      bytes: JSON.stringify(params).length + 80,
      sharesId,
      confirmMode: random.below(4) === 0 ? 'sent' : 'confirmed',
      deadlineUs: Infinity,
      sendByUs: Infinity,
      signal: abort?.signal,
      mayBeNotReady: mustBeRefused || actor.status !== 'ready' || evidence.authExpired || from !== 'outside',
      fromInside: from !== 'outside',
      mustBeRefused,
      outcomes: [],
      rejected: undefined,
      beganUs: undefined,
      takenUs: undefined,
      arrivals: [],
    }
    ledger.addAsk(record)
    if (life.isOver) life.ends.afterwards.add(record)
    this.#sim.trace.add(`user: ask ${mark} ${method} ${record.confirmMode} ${timeoutMs} ms (from ${from})`)
    const promise = actor.ask({
      frame: (id: string) => {
        life.clumsy.stumble('frame')
        // Now it is asked; what was called meanwhile goes ahead of it.
        record.call = params.call = ++this.calls
        record.mayBeNotReady ||= actor.status !== 'ready' || this.#isRefused(life)
        record.deadlineUs = clock.monoUs() + timeoutMs * 1000
        if (sendWithinMs !== undefined) record.sendByUs = clock.monoUs() + sendWithinMs * 1000
        return JSON.stringify({ jsonrpc: '2.0', id, method, params })
      },
      confirmMode: record.confirmMode,
      timeoutMs,
      urgent,
      ...(sharesId ? { requestId: `r${random.below(5)}`, fingerprint: `f${random.below(2)}` } : {}),
      ...(sendWithinMs === undefined ? {} : { sendWithinMs }),
      ...(abort === undefined ? {} : { signal: abort.signal }),
      ...(random.below(10) === 0 ? { sensitive: true } : {}),
    })
    promise.then(
      (outcome) => evidence.outcome(record, outcome),
      (error: unknown) => {
        record.rejected = error
        ledger.open.delete(record)
        // What its own frame function threw, or its generator of ids; nothing was sent then.
        if (error instanceof ClumsyError && record.beganUs === undefined) return
        this.#sim.violated('asks-resolve', `ask ${mark} rejected: ${String(error)}`)
      },
    )
  }

  send(from: string, life: Life): void {
    const isRefused = this.#isRefused(life)
    const urgent = this.#random.below(5) === 0
    const timed = this.#timed(2)
    const lane = urgent ? 'urgent' : 'normal'
    const message = this.#message(life, this.#random.below(3) === 0, lane, timed)
    const before = life.actor.status
    this.unlessClumsy('send', () => {
      const sent = life.actor.send(message.payload, { urgent, ...timed })
      if (sent === 'taken' || sent === 'queued') this.#accepted(from, life, message.call, isRefused, timed)
      else life.timed.wasRefused(message.call)
      if (timed?.acrossReconnect !== true || sent !== 'not-open' || this.#isRefused(life)) return
      if (MAY_WAIT.has(before) && MAY_WAIT.has(life.actor.status)) {
        this.#sim.violated('kept-until-ready', `call ${message.call} is refused while ${before}`)
      }
    })
  }

  batch(from: string, life: Life): void {
    const isRefused = this.#isRefused(life)
    const areWritten = this.#random.below(3) === 0
    const burst = { isBroken: false }
    const timed = this.#timed(3)
    const messages = Array.from({ length: 1 + this.#random.below(MOST_CALLS_AT_ONCE) }, () =>
      this.#message(life, areWritten, 'normal', timed, burst),
    )
    const payloads = messages.map(({ payload }) => payload)
    // What was written before a writer that throws, is sent.
    let accepted = 0
    this.unlessClumsy('sendBatch', () => {
      try {
        accepted = timed === undefined ? life.actor.sendBatch(payloads) : life.actor.sendBatch(payloads, timed)
      } catch (error) {
        if (timed !== undefined) accepted = messages.filter(({ call }) => call > 0).length
        throw error
      } finally {
        for (const { call } of messages.slice(0, accepted)) this.#accepted(from, life, call, isRefused, timed)
        for (const { call } of messages.slice(accepted)) life.timed.wasRefused(call)
      }
    })
  }

  /** Once in `n` times a message is worth sending for some time only, which may outlive its connection. */
  #timed(n: number): Timed | undefined {
    const random = this.#random
    if (random.below(n) > 0) return undefined
    const ttlMs = 1 + random.below(random.below(3) === 0 ? 5000 : 300)
    return { ttlMs, acrossReconnect: random.below(3) > 0 }
  }

  /** Text, or a function that writes it, which may be any user's code. */
  #message(
    life: Life,
    isWritten: boolean,
    lane: 'urgent' | 'normal',
    timed: Timed | undefined,
    burst = { isBroken: false },
  ): Message {
    const pad = 'y'.repeat(this.#random.below(150))
    const textOf = (call: number, lane: string): string => {
      const params = { call, lane, pad }
      const text = JSON.stringify({ jsonrpc: '2.0', id: `s${++this.#sends}`, method: 'public/test', params })
      if (timed !== undefined) life.timed.planned(call, text.length, timed.ttlMs, timed.acrossReconnect)
      return text
    }
    if (!isWritten) {
      const call = ++this.calls
      return { call, payload: textOf(call, lane) }
    }
    const message: Message = {
      call: 0,
      payload: (into) => {
        const before = this.calls
        life.clumsy.stumble('payload writer')
        // Of two calls of which one is made within the other, neither is the first.
        if (this.calls !== before) burst.isBroken = true
        message.call = ++this.calls
        const text = textOf(message.call, burst.isBroken ? 'any' : lane)
        return Buffer.from(into.buffer, into.byteOffset, into.byteLength).write(text)
      },
    }
    return message
  }

  /** `send` has said that the message will leave, if the connection lives. */
  #accepted(from: string, life: Life, call: number, isRefused: boolean, timed: Timed | undefined): void {
    if (isRefused) {
      const what = life.ends.drainedAtCall < Infinity ? 'drain-refuses' : 'stop-refuses'
      this.#sim.violated(what, `call ${call} (from ${from}) is accepted`)
    }
    life.timed.wasAccepted(call)
    const { ledger } = this.#sim
    if (timed === undefined && !ledger.takenCalls.has(call))
      ledger.unsent.set(call, { life, connection: life.actor.connection })
  }

  /** `drain()` has been called, or the end been asked for from outside: nothing new is taken. */
  #isRefused({ ends, isOver }: Life): boolean {
    return isOver || ends.drainedAtCall < Infinity || ends.endedAtCall < Infinity
  }

  /** What its own function throws comes back to who sends, and nothing else does. */
  unlessClumsy(what: string, run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof ClumsyError)) this.#sim.violated('sends-do-not-throw', `${what}: ${String(error)}`)
    }
  }
}
