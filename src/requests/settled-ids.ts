import type { RequestTrace } from './trace.ts'

/** The latest attempt of an id that nobody waits for any more. */
export interface SettledRequest {
  readonly trace: RequestTrace
  readonly fingerprint: string
  /** False: it was withdrawn, so that nothing of it is at the venue. */
  readonly begun: boolean
  /** The venue has given its verdict, in time or late. */
  answered: boolean
  readonly settledMonoUs: number
}

/** What is remembered of settled ids: the last `maxIds` of them, for `keepMs` each. */
export class SettledIds {
  readonly #maxIds: number
  readonly #keepUs: number
  /** In the order of their settling. */
  readonly #byId = new Map<string, SettledRequest>()

  constructor(maxIds: number, keepMs: number) {
    this.#maxIds = maxIds
    this.#keepUs = keepMs * 1000
  }

  get size(): number {
    return this.#byId.size
  }

  get(requestId: string, nowUs: number): SettledRequest | undefined {
    this.#forget(nowUs)
    return this.#byId.get(requestId)
  }

  remember(settled: SettledRequest): void {
    const { requestId } = settled.trace
    this.#byId.delete(requestId)
    this.#byId.set(requestId, settled)
    this.#forget(settled.settledMonoUs)
  }

  #forget(nowUs: number): void {
    for (const [requestId, { settledMonoUs }] of this.#byId) {
      if (this.#byId.size <= this.#maxIds && nowUs - settledMonoUs < this.#keepUs) return
      this.#byId.delete(requestId)
    }
  }
}
