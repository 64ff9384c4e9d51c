export interface LivenessOptions {
  readonly staleAfterMs: number | undefined
  readonly silentAfterMs: number | undefined
}

/** Which of the two clocks has run out, and for how long nothing has come. */
export interface LivenessVerdict {
  readonly kind: 'stale-data' | 'silent'
  readonly silentForMs: number
}

/**
 * The two clocks of a connection: any byte, and application data. It has no timer; its owner reports what has come, asks
 * when to look, and looks. All times are monotonic µs.
 *
 * While we ourselves do not read, neither clock runs.
 */
export class Liveness {
  readonly #options: LivenessOptions
  #lastByteUs: number | undefined
  #lastDataUs: number | undefined
  #paused = false

  constructor(options: LivenessOptions) {
    this.#options = options
  }

  /** The shortest silence that it judges by; Infinity without any. */
  get shortestMs(): number {
    const { staleAfterMs, silentAfterMs } = this.#options
    return Math.min(staleAfterMs ?? Infinity, silentAfterMs ?? Infinity)
  }

  /** A connection has opened: bytes are awaited. */
  opened(nowUs: number): void {
    this.#lastByteUs = nowUs
    this.#lastDataUs = undefined
    this.#paused = false
  }

  /** The connection is ready: data is awaited. */
  ready(nowUs: number): void {
    this.#lastDataUs ??= nowUs
  }

  /** The connection has ended: nothing is awaited. */
  ended(): void {
    this.#lastByteUs = undefined
    this.#lastDataUs = undefined
  }

  bytes(atUs: number): void {
    if (this.#lastByteUs !== undefined && atUs > this.#lastByteUs) this.#lastByteUs = atUs
  }

  data(atUs: number): void {
    if (this.#lastDataUs !== undefined && atUs > this.#lastDataUs) this.#lastDataUs = atUs
  }

  setPaused(paused: boolean, nowUs: number): void {
    this.#paused = paused
    this.restart(nowUs)
  }

  /** Silence until now proves nothing. */
  restart(nowUs: number): void {
    this.bytes(nowUs)
    this.data(nowUs)
  }

  nextDueUs(): number | undefined {
    if (this.#paused) return undefined
    const { staleAfterMs, silentAfterMs } = this.#options
    const due = Math.min(dueUs(this.#lastDataUs, staleAfterMs), dueUs(this.#lastByteUs, silentAfterMs))
    return due === Infinity ? undefined : due
  }

  verdict(nowUs: number): LivenessVerdict | undefined {
    if (this.#paused) return undefined
    const { staleAfterMs, silentAfterMs } = this.#options
    // A silent connection is stale as well; silence says more about what is wrong.
    if (nowUs >= dueUs(this.#lastByteUs, silentAfterMs)) return silence('silent', this.#lastByteUs, nowUs)
    if (nowUs >= dueUs(this.#lastDataUs, staleAfterMs)) return silence('stale-data', this.#lastDataUs, nowUs)
    return undefined
  }
}

function dueUs(sinceUs: number | undefined, afterMs: number | undefined): number {
  return sinceUs === undefined || afterMs === undefined ? Infinity : sinceUs + afterMs * 1000
}

function silence(kind: LivenessVerdict['kind'], sinceUs: number | undefined, nowUs: number): LivenessVerdict {
  return { kind, silentForMs: (nowUs - (sinceUs as number)) / 1000 }
}
