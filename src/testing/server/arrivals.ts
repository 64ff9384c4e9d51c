import { SharedWsError } from '../../errors/errors.ts'
import type { Clock, ClockTimer } from '../../support/clock.ts'

/** Limits of one wait. */
export interface WaitOptions {
  /** Default 5000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const DEFAULT_TIMEOUT_MS = 5000

interface Waiter<T> {
  readonly take: (item: T) => void
  readonly fail: (error: unknown) => void
}

/** Things that come one by one, for whoever waits for them, in order. */
export class Arrivals<T> {
  readonly #what: string
  readonly #clock: Clock
  readonly #items: T[] = []
  readonly #waiters = new Set<Waiter<T>>()
  #ended: string | undefined

  /** `what`: for messages. */
  constructor(what: string, clock: Clock) {
    this.#what = what
    this.#clock = clock
  }

  /** How many have come and have not been taken. */
  get waiting(): number {
    return this.#items.length
  }

  add(item: T): void {
    const [first] = this.#waiters
    if (first === undefined) this.#items.push(item)
    else first.take(item)
  }

  /** Nothing more comes; what has come can still be taken. */
  end(why: string): void {
    this.#ended = why
    for (const waiter of [...this.#waiters]) waiter.fail(this.#error(why))
  }

  next({ timeoutMs = DEFAULT_TIMEOUT_MS, signal }: WaitOptions = {}): Promise<T> {
    if (!(timeoutMs >= 0)) return Promise.reject(this.#error(`timeoutMs must be a number of ms, not ${timeoutMs}`))
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T)
    if (this.#ended !== undefined) return Promise.reject(this.#error(this.#ended))
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise<T>((resolve, reject) => {
      let timer: ClockTimer
      const settle = (): void => {
        this.#waiters.delete(waiter)
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter<T> = {
        take(item) {
          settle()
          resolve(item)
        },
        fail(error) {
          settle()
          reject(error)
        },
      }
      const onAbort = (): void => waiter.fail(signal?.reason)
      timer = this.#clock.setTimer(timeoutMs, () => waiter.fail(this.#error(`none came within ${timeoutMs} ms`)))
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.add(waiter)
    })
  }

  #error(why: string): SharedWsError {
    return new SharedWsError('ERR_MOCK_SERVER', `waiting for ${this.#what}: ${why}`)
  }
}
