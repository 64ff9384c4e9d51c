import type { RandomSource } from '../support/random.ts'

/** Where request ids come from. Share one object between actors whose ids must not meet. */
export interface WsRequestIds {
  /** An id that this object has not given before. */
  next(): string
}

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
