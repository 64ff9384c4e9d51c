import { type Checker, MAX_TIMER_MS } from '../support/check.ts'

export interface WsPacingOptions {
  /** At most so many frames of ours in any `perMs`: messages, pings, and pongs. 1 to 10 000. */
  readonly frames: number
  readonly perMs: number
  /**
   * How many of them are kept free for pongs, which leave at once, whatever went before them: as many as the server pings in
   * `perMs`. Pongs beyond that are counted, and what else is to be sent waits for them to have gone by; where the server alone
   * uses up the budget, nothing else goes out. Default 1 (0 where `frames` is 1); less than `frames`.
   */
  readonly pongFrames?: number
  /**
   * How many of them the library's own traffic (replays, subscriptions) may use, so that it never delays what you send.
   * Heartbeats and pongs are not among them, since a connection without them is closed: they count as what you send does.
   * Default: half, at least 1. At most what `pongFrames` leaves.
   */
  readonly ownFrames?: number
  /**
   * What happens to a `send` or `ask` beyond the budget. `queue` (default): it waits its turn in its lane. `not-delivered`: `send`
   * says `full`, and `ask` settles at once as `not-delivered`/`queue-full`, so that you decide.
   */
  readonly whenOverBudget?: 'queue' | 'not-delivered'
}

/** The option, with its defaults; mistakes go to `check`. */
export function checkPacing(check: Checker, value: unknown): Required<WsPacingOptions> | undefined {
  const given = check.object('pacing', value, ['frames', 'perMs', 'pongFrames', 'ownFrames', 'whenOverBudget'])
  if (given === undefined) return undefined
  if (given.frames === undefined) check.add('pacing.frames', 'is missing: how many frames may leave in perMs?')
  if (given.perMs === undefined) check.add('pacing.perMs', 'is missing: in how many ms may so many frames leave?')
  const frames = check.integer('pacing.frames', given.frames, 1, 10_000, 1)
  const pongFrames = check.integer('pacing.pongFrames', given.pongFrames, 0, frames - 1, Math.min(1, frames - 1))
  return {
    frames,
    pongFrames,
    perMs: check.integer('pacing.perMs', given.perMs, 1, MAX_TIMER_MS, 1000),
    ownFrames: check.integer(
      'pacing.ownFrames',
      given.ownFrames,
      1,
      frames - pongFrames,
      Math.max(1, Math.min(Math.floor(frames / 2), frames - pongFrames)),
    ),
    whenOverBudget: check.oneOf('pacing.whenOverBudget', given.whenOverBudget, ['queue', 'not-delivered'], 'queue'),
  }
}

/** How much slower a connection goes whose predecessor was closed with 1008, until one has proven healthy. */
const SLOW_FACTOR = 2

/**
 * What a venue lets one connection send. Frames are counted in a sliding window, so no interval sees more than the budget: a
 * bucket of 5 with a refill of 5 a second lets 9 through in one second, and venues close the connection for that (code 1008).
 * No clock: all times are monotonic µs.
 */
export class FramePacer {
  readonly whenOverBudget: 'queue' | 'not-delivered'
  readonly #all: Window
  /** All but pongs. */
  readonly #meant: Window
  readonly #own: Window
  readonly #perUs: number
  #factor = 1

  constructor(options: Required<WsPacingOptions>) {
    this.whenOverBudget = options.whenOverBudget
    this.#all = new Window(options.frames)
    this.#meant = new Window(options.frames - options.pongFrames)
    this.#own = new Window(options.ownFrames)
    this.#perUs = options.perMs * 1000
  }

  /** A new connection has sent nothing. */
  reset(): void {
    this.#all.clear()
    this.#meant.clear()
    this.#own.clear()
  }

  /** When the next frame may go; not later than now, if it may go now. `own`: of the library's own traffic. */
  nextUs(own: boolean): number {
    const oldestUs = this.#oldestUs(0)
    return (own ? Math.max(oldestUs, this.#own.oldestUs(0)) : oldestUs) + this.#perUs * this.#factor
  }

  /** A frame may go now, although `ahead` others go first. */
  hasRoom(nowUs: number, ahead: number): boolean {
    return this.#oldestUs(ahead) + this.#perUs * this.#factor <= nowUs
  }

  count(atUs: number, own: boolean): void {
    this.#all.add(atUs)
    this.#meant.add(atUs)
    if (own) this.#own.add(atUs)
  }

  /** They have left already. */
  countPongs(count: number, atUs: number): void {
    for (let i = Math.min(count, this.#all.size); i > 0; i--) this.#all.add(atUs)
  }

  /** Of the frames that a new one must be far enough behind. */
  #oldestUs(ahead: number): number {
    return Math.max(this.#all.oldestUs(ahead), this.#meant.oldestUs(ahead))
  }

  /** The venue found us too quick. */
  slowDown(): void {
    this.#factor = SLOW_FACTOR
  }

  /** A connection has proven healthy. */
  recover(): void {
    this.#factor = 1
  }
}

/** The moments of the newest `size` frames. */
class Window {
  readonly #times: Float64Array
  #next = 0

  constructor(size: number) {
    this.#times = new Float64Array(size).fill(-Infinity)
  }

  get size(): number {
    return this.#times.length
  }

  /** Of the frame that is `size` back once `ahead` more have gone; the one behind them must be far enough behind it. */
  oldestUs(ahead: number): number {
    const { length } = this.#times
    return ahead < length ? (this.#times[(this.#next + ahead) % length] as number) : Infinity
  }

  add(atUs: number): void {
    this.#times[this.#next] = atUs
    this.#next = (this.#next + 1) % this.#times.length
  }

  clear(): void {
    this.#times.fill(-Infinity)
    this.#next = 0
  }
}
