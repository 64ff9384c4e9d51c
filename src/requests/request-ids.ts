import { SharedWsError } from '../errors/errors.ts'
import { describe } from '../support/check.ts'
import { disown } from '../support/promised.ts'
import type { RandomSource } from '../support/random.ts'

/** Where request ids come from. Share one object between actors whose ids must not meet. */
export interface WsRequestIds {
  /** An id that this object has not given before. */
  next(): string
}

/** Ids of the user's own making, as text or not at all: one that is a number would never be found again. */
export function checkedIds(ids: WsRequestIds): WsRequestIds {
  return {
    next() {
      const id: unknown = ids.next()
      if (typeof id === 'string' && id.length >= 1 && id.length <= MAX_ID_CHARS) return id
      disown(id)
      const given = typeof id === 'string' && id !== '' ? `a string of ${id.length}` : describe(id)
      const want = `requestIds.next must return a string of 1 to ${MAX_ID_CHARS} characters`
      throw new SharedWsError('ERR_HOOK_RETURN', `${want}; it returned ${given}`)
    },
  }
}

export const MAX_ID_CHARS = 256
const FIRST_MIN = 1e15
const FIRST_RANGE = 4e15

/**
 * Decimal ids of 16 digits, counted up from a random start, so that those of other actors and processes do not meet
 * them. They are exact as a JSON number too (below 2^53), for venues that want integers: `Number(id)`.
 */
export class SequentialRequestIds implements WsRequestIds {
  #next: number

  constructor(random: RandomSource) {
    this.#next = FIRST_MIN + Math.floor(random.float() * FIRST_RANGE)
  }

  next(): string {
    return String(this.#next++)
  }
}
