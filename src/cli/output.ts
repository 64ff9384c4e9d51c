import type { Writable } from 'node:stream'
import { type Clock, type ClockTimer, systemClock } from '../support/clock.ts'

/**
 * A stream of the process that a command writes to: it tells when to wait, and turns "the reader has gone" (EPIPE, as
 * under `| head`) from an exception into a state.
 */
export class Output {
  readonly #stream: Writable
  readonly #clock: Clock
  readonly #waiting: (() => void)[] = []
  readonly #onBroken: ((error: Error) => void)[] = []
  #failure: Error | undefined
  #limitMs: number | undefined
  #stallTimer: ClockTimer | undefined
  #stalled = false

  constructor(stream: Writable, clock: Clock = systemClock) {
    this.#stream = stream
    this.#clock = clock
    stream.on('drain', () => this.#wake())
    stream.on('error', (error) => this.#break(error))
    stream.on('close', () => this.#break(Object.assign(new Error('the stream was closed'), { code: 'EPIPE' })))
  }

  /** Nothing written from here on will be read: what is written is dropped. */
  get broken(): boolean {
    return this.#failure !== undefined
  }

  /** Why it broke, unless the reader has merely gone. */
  get failure(): Error | undefined {
    const { code } = (this.#failure ?? {}) as NodeJS.ErrnoException
    return code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' ? undefined : this.#failure
  }

  /** The reader was given up, see {@link limitWaits}: what the stream still holds keeps the process alive. */
  get stalled(): boolean {
    return this.#stalled
  }

  /**
   * Writes, and returns undefined when more may be written at once, otherwise a promise that resolves (and never
   * rejects) when the reader has caught up or has gone.
   */
  write(text: string): Promise<void> | undefined {
    if (this.broken || this.#stream.write(text)) return undefined
    if (this.#limitMs !== undefined) this.#armStallTimer(this.#limitMs)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** From now on a reader that leaves a write waiting for `ms` is given up: the output counts as broken. */
  limitWaits(ms: number): void {
    this.#limitMs = ms
    if (this.#waiting.length > 0) this.#armStallTimer(ms)
  }

  onBroken(listener: (error: Error) => void): void {
    this.#onBroken.push(listener)
  }

  #armStallTimer(ms: number): void {
    this.#stallTimer ??= this.#clock.setTimer(ms, () => {
      this.#stalled = true
      this.#break(new Error(`its reader took nothing for ${ms} ms`))
    })
  }

  #break(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#wake()
    for (const listener of this.#onBroken) listener(error)
  }

  #wake(): void {
    this.#stallTimer?.cancel()
    this.#stallTimer = undefined
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
