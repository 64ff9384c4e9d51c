import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'

/** What went wrong lately, for `stats()`: the end of a connection or attempt, or an error of user code. */
export interface WsRecentError {
  /** Unix epoch µs. */
  readonly atUs: number
  readonly connection: number
  /** Kind of the disconnect cause, or `hook-failed`. */
  readonly kind: WsDisconnectCause['kind'] | 'hook-failed'
  readonly code: string
  readonly message: string
}

export const MAX_RECENT_ERRORS = 16

/** The newest {@link MAX_RECENT_ERRORS}, oldest first. */
export class RecentErrors {
  readonly #errors: WsRecentError[] = []
  /** How many there have been, forgotten ones included. */
  count = 0

  add(error: WsRecentError): void {
    this.count++
    this.#errors.push(error)
    if (this.#errors.length > MAX_RECENT_ERRORS) this.#errors.shift()
  }

  list(): readonly WsRecentError[] {
    return [...this.#errors]
  }
}
