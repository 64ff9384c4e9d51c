import { WsConfigError } from '../errors/errors.ts'
import { Checker, describe, MAX_TIMER_MS } from '../support/check.ts'
import type { Clock } from '../support/clock.ts'

/** So many connects in any interval of so many ms. */
export interface ConnectLimit {
  /** 1 to 1000. */
  readonly connects: number
  readonly perMs: number
}

export interface ConnectBudgetOptions {
  /** All of them hold, for each host. Default: {@link DEFAULT_CONNECT_LIMITS}. */
  readonly limits?: readonly ConnectLimit[]
  /** Hosts that are told apart; more than that share places. Default 64, at most 4096. */
  readonly maxHosts?: number
}

/**
 * At most half of the strictest limits that large venues publish for one address (3 connects a second, 30 a minute, 150 in
 * ten minutes), so that another process behind the same address has its half.
 */
export const DEFAULT_CONNECT_LIMITS: readonly ConnectLimit[] = [
  { connects: 3, perMs: 2000 },
  { connects: 15, perMs: 60_000 },
  { connects: 75, perMs: 600_000 },
]

/** What a Worker needs to use the budget of another thread: {@link ConnectBudget.from}. Survives `postMessage`. */
export interface SharedConnectBudget {
  readonly memory: SharedArrayBuffer
  readonly limits: readonly ConnectLimit[]
}

export interface ConnectClaim {
  /** 0: go, and it has been counted. Otherwise ms after which to ask again; nothing was counted. */
  readonly waitMs: number
  /** What there is to wait for. `cool-down`: the host has refused somebody. */
  readonly why: 'connect-budget' | 'cool-down'
}

const GO: ConnectClaim = { waitMs: 0, why: 'connect-budget' }

const MAX_CONNECTS = 1000
const MAX_LIMITS = 8
const MAX_HOSTS = 4096
/** Words hold times with so much added: 0 is one in which none has been remembered. */
const BASE = 1n
/** Words in front of a place's ring of times. */
const HOST = 0
const COOL_UNTIL = 1
const RING = 2

/**
 * Connects per host, and hosts that want to be left alone for a while. One object for all actors that reach a venue from one
 * address: venues count by address, and answer too many connects with a ban. Several threads may use one: {@link shared}.
 *
 * An interval never sees more connects than its limit, wherever it begins: times are remembered, there is no bucket whose
 * burst could add to its refill. Times are µs of the monotonic clock that threads have in common, whatever becomes of the wall
 * clock: `Number(process.hrtime.bigint()) / 1000`.
 */
export class ConnectBudget {
  readonly #limits: readonly ConnectLimit[]
  readonly #words: BigInt64Array
  readonly #ring: number
  readonly #places: number

  /** Throws `WsConfigError`. The second argument is {@link from}'s. */
  constructor(options: ConnectBudgetOptions = {}, memory?: SharedArrayBuffer) {
    const check = new Checker()
    const given = check.object('ConnectBudget', options, ['limits', 'maxHosts']) ?? {}
    this.#limits = limitsOf(check, given.limits)
    this.#places = check.integer('ConnectBudget.maxHosts', given.maxHosts, 1, MAX_HOSTS, 64)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
    this.#ring = ringOf(this.#limits)
    this.#words = new BigInt64Array(memory ?? new SharedArrayBuffer(8 * this.#places * (RING + this.#ring)))
  }

  /** The same budget in another thread. Throws `WsConfigError` for what {@link shared} did not give. */
  static from(shared: SharedConnectBudget): ConnectBudget {
    const check = new Checker()
    const given = check.object('ConnectBudget.from', shared, ['memory', 'limits']) ?? {}
    const limits = limitsOf(check, given.limits)
    const { memory } = given
    const bytes = 8 * (RING + ringOf(limits))
    if (!(memory instanceof SharedArrayBuffer) || memory.byteLength === 0 || memory.byteLength % bytes !== 0) {
      check.add(
        'ConnectBudget.memory',
        `must be what .shared of a budget gave, with its limits, is ${describe(memory)}`,
      )
    }
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
    const own = memory as SharedArrayBuffer
    return new ConnectBudget({ limits, maxHosts: own.byteLength / bytes }, own)
  }

  /** For `postMessage` or `workerData`. */
  get shared(): SharedConnectBudget {
    return { memory: this.#words.buffer as SharedArrayBuffer, limits: this.#limits }
  }

  /** Asks for one connect to `host` (a name without port: venues count by address) at `nowUs`. */
  claim(host: string, nowUs: number): ConnectClaim {
    // Judged by the beginning of this µs and remembered by its end: an interval must not lose a part of it at either end.
    const now = BASE + BigInt(Math.floor(nowUs))
    const remembered = BASE + BigInt(Math.ceil(nowUs))
    const place = this.#placeOf(host)
    for (;;) {
      // Before the times are read: whoever claims meanwhile takes the oldest time's place too, and so one of us fails and looks
      // again. The other way round, a claim between the two looks would be neither counted nor in our way.
      const { index, raw } = oldestOf(this.#words, place + RING, this.#ring)
      const answer = this.#ask(place, now)
      if (answer.waitMs > 0) return answer
      if (Atomics.compareExchange(this.#words, index, raw, remembered) === raw) return GO
    }
  }

  /** What {@link claim} would say, and nothing is counted. */
  ask(host: string, nowUs: number): ConnectClaim {
    return this.#ask(this.#placeOf(host), BASE + BigInt(Math.floor(nowUs)))
  }

  /** Nobody connects to `host` before `untilUs`. An earlier time than one that was told already is ignored. */
  coolDown(host: string, untilUs: number): void {
    const index = this.#placeOf(host) + COOL_UNTIL
    const until = BASE + BigInt(Math.ceil(Math.min(untilUs, Number.MAX_SAFE_INTEGER)))
    for (let seen = Atomics.load(this.#words, index); seen < until; ) {
      const found = Atomics.compareExchange(this.#words, index, seen, until)
      if (found === seen) return
      seen = found
    }
  }

  /** Until when `host` wants to be left alone; 0 when it never said so. */
  coolingUntilUs(host: string): number {
    const until = Atomics.load(this.#words, this.#placeOf(host) + COOL_UNTIL)
    return until === 0n ? 0 : Number(until - BASE)
  }

  #ask(place: number, now: bigint): ConnectClaim {
    const coolMs = Number(Atomics.load(this.#words, place + COOL_UNTIL) - now) / 1000
    if (coolMs > 0) return { waitMs: coolMs, why: 'cool-down' }
    const waitMs = this.#waitMs(this.#timesOf(place, now), now)
    return waitMs > 0 ? { waitMs, why: 'connect-budget' } : GO
  }

  /** First word of the host's place. Hosts beyond `maxHosts` share one with another host: too careful, never too bold. */
  #placeOf(host: string): number {
    const key = hashOf(host)
    const size = RING + this.#ring
    const first = Number(BigInt.asUintN(32, key)) % this.#places
    for (let step = 0; step < this.#places; step++) {
      const place = ((first + step) % this.#places) * size
      const found = Atomics.compareExchange(this.#words, place + HOST, 0n, key)
      if (found === 0n || found === key) return place
    }
    return first * size
  }

  /** Times of the connects that are remembered, µs, newest first. Another thread may have looked at the clock after us. */
  #timesOf(place: number, now: bigint): Float64Array {
    const times = new Float64Array(this.#ring)
    for (let i = 0; i < this.#ring; i++) {
      const time = Atomics.load(this.#words, place + RING + i)
      times[i] = time === 0n ? -Infinity : Number(time > now ? now : time)
    }
    return times.sort().reverse()
  }

  #waitMs(times: Float64Array, now: bigint): number {
    let waitMs = 0
    for (const { connects, perMs } of this.#limits) {
      const last = times[connects - 1] as number
      waitMs = Math.max(waitMs, perMs - (Number(now) - last) / 1000)
    }
    return waitMs
  }
}

const defaults = new WeakMap<Clock, ConnectBudget>()

/** The budget of actors that were given none: one per thread, since a thread has one clock. */
export function defaultConnectBudget(clock: Clock): ConnectBudget {
  let budget = defaults.get(clock)
  if (budget === undefined) {
    budget = new ConnectBudget()
    defaults.set(clock, budget)
  }
  return budget
}

function ringOf(limits: readonly ConnectLimit[]): number {
  return Math.max(...limits.map(({ connects }) => connects))
}

function oldestOf(words: BigInt64Array, from: number, count: number): { index: number; raw: bigint } {
  let index = from
  let raw = Atomics.load(words, from)
  for (let i = from + 1; i < from + count; i++) {
    const time = Atomics.load(words, i)
    if (time < raw) {
      index = i
      raw = time
    }
  }
  return { index, raw }
}

/** FNV-1a, 64 bits: two hosts that share a hash by chance share a budget. Never 0, which is a free place. */
function hashOf(host: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(host)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return BigInt.asIntN(64, hash === 0n ? 1n : hash)
}

function limitsOf(check: Checker, value: unknown): readonly ConnectLimit[] {
  if (value === undefined) return DEFAULT_CONNECT_LIMITS
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_LIMITS) {
    check.add(
      'ConnectBudget.limits',
      `must be a list of 1 to ${MAX_LIMITS} limits { connects, perMs }, is ${describe(value)}`,
    )
    return DEFAULT_CONNECT_LIMITS
  }
  return value.map((entry, i) => {
    const field = `ConnectBudget.limits[${i}]`
    const given = check.object(field, entry ?? null, ['connects', 'perMs']) ?? {}
    for (const name of ['connects', 'perMs'] as const) {
      if (given[name] === undefined) check.add(`${field}.${name}`, 'is missing: a limit is { connects, perMs }')
    }
    return {
      connects: check.integer(`${field}.connects`, given.connects, 1, MAX_CONNECTS, 1),
      perMs: check.integer(`${field}.perMs`, given.perMs, 1, MAX_TIMER_MS, 1),
    }
  })
}
