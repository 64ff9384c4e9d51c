import type { RequestTrace } from './trace.ts'

/** The latest attempt of an id that nobody waits for any more. */
export interface SettledRequest {
  readonly trace: RequestTrace
  readonly fingerprint: string
  /** False: it was withdrawn, so that nothing of it is at the venue. */
  readonly begun: boolean
  /** When the venue's verdict was read, in time or late. */
  answeredMonoUs: number | undefined
  readonly settledMonoUs: number
}

interface Entry {
  readonly settled: SettledRequest
  older: Entry | undefined
  newer: Entry | undefined
}

/**
 * What is remembered of settled ids: the last `maxIds` of them, for `keepMs` each. A list keeps them in the order of their
 * settling; a Map's own order would do, but finding the first key of one that loses its first keys all the time is slow.
 */
export class SettledIds {
  readonly #maxIds: number
  readonly #keepUs: number
  readonly #byId = new Map<string, Entry>()
  #oldest: Entry | undefined
  #newest: Entry | undefined

  constructor(maxIds: number, keepMs: number) {
    this.#maxIds = maxIds
    this.#keepUs = keepMs * 1000
  }

  get(requestId: string, nowUs: number): SettledRequest | undefined {
    this.#forget(nowUs)
    return this.#byId.get(requestId)?.settled
  }

  remember(settled: SettledRequest): void {
    const { requestId } = settled.trace
    const known = this.#byId.get(requestId)
    if (known !== undefined) this.#unlink(known)
    const entry: Entry = { settled, older: this.#newest, newer: undefined }
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
    this.#byId.set(requestId, entry)
    this.#forget(settled.settledMonoUs)
  }

  #forget(nowUs: number): void {
    for (let entry = this.#oldest; entry !== undefined; entry = this.#oldest) {
      const { settledMonoUs, trace } = entry.settled
      if (this.#byId.size <= this.#maxIds && nowUs - settledMonoUs < this.#keepUs) return
      this.#unlink(entry)
      this.#byId.delete(trace.requestId)
    }
  }

  #unlink({ older, newer }: Entry): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}
