import type { WsReason } from './outcome.ts'
import { type RequestTrace, unresolvedOf, type WsUnresolved } from './trace.ts'

interface Unresolved {
  readonly trace: RequestTrace
  readonly reason: WsReason
}

/** Numbers alone do not tell: those of an id begin anew once it has been forgotten. */
function isSameAttempt(a: RequestTrace, b: RequestTrace): boolean {
  return a.attempt === b.attempt && a.connection === b.connection && a.askedMonoUs === b.askedMonoUs
}

/** Attempts of which a caller was told `unconfirmed`, until something is learned. At its bound the oldest is forgotten. */
export class UnresolvedRequests {
  readonly #max: number
  /** The attempts of each id, oldest first. No list is empty. */
  readonly #byId = new Map<string, Unresolved[]>()
  #size = 0
  /** How many were forgotten at the bound. */
  forgotten = 0

  constructor(max: number) {
    this.#max = max
  }

  list(): WsUnresolved[] {
    return [...this.#byId.values()].flat().map(({ trace, reason }) => unresolvedOf(trace, reason))
  }

  /** `trace` must not change any more. */
  add(trace: RequestTrace, reason: WsReason): void {
    const attempts = this.#byId.get(trace.requestId)
    if (attempts === undefined) this.#byId.set(trace.requestId, [{ trace, reason }])
    else attempts.push({ trace, reason })
    if (++this.#size > this.#max) this.#forgetOldest()
  }

  has(requestId: string): boolean {
    return this.#byId.has(requestId)
  }

  /** The attempt that has waited longest, apart from one that is pending still. */
  oldest(requestId: string, pending: RequestTrace | undefined): RequestTrace | undefined {
    const found = this.#byId
      .get(requestId)
      ?.find(({ trace }) => pending === undefined || !isSameAttempt(trace, pending))
    return found?.trace
  }

  take(wanted: RequestTrace): void {
    const { requestId } = wanted
    const attempts = this.#byId.get(requestId)
    const index = attempts?.findIndex(({ trace }) => isSameAttempt(trace, wanted)) ?? -1
    if (attempts === undefined || index === -1) return
    attempts.splice(index, 1)
    this.#size--
    if (attempts.length === 0) this.#byId.delete(requestId)
  }

  /** All attempts of the id. False: there was none. */
  settle(requestId: string): boolean {
    this.#size -= this.#byId.get(requestId)?.length ?? 0
    return this.#byId.delete(requestId)
  }

  #forgetOldest(): void {
    for (const attempts of this.#byId.values()) {
      this.take((attempts[0] as Unresolved).trace)
      this.forgotten++
      return
    }
  }
}
