import type { ExchangeFault } from './chaos.ts'

interface EntryBase {
  /** 1, 2, … over the whole log. */
  readonly seq: number
  /** Unix epoch µs, on the exchange's clock. */
  readonly atUs: number
}

/** What an entry says. `connection`: 1, 2, … in the order in which the exchange accepted them. */
export type ExchangeLogRecord =
  /** A connection was accepted; ended, and by whom; or an upgrade was refused. */
  | { readonly kind: 'opened'; readonly connection: number }
  | { readonly kind: 'closed'; readonly connection: number; readonly code: number; readonly reason: string }
  | { readonly kind: 'refused'; readonly status: number }
  /** A frame of a client: whole, or cut off by the end of its connection. Ids are text. */
  | {
      readonly kind: 'frame'
      readonly connection: number
      readonly byteLength: number
      readonly whole: boolean
      readonly id?: string
      readonly method?: string
      readonly label?: string
    }
  /** An answer was sent, as far as the exchange can send: `code` is that of the error, undefined for a result. */
  | { readonly kind: 'reply'; readonly connection: number; readonly id: string; readonly code?: string }
  | { readonly kind: 'auth'; readonly connection: number; readonly state: 'granted' | 'refused' | 'expired' }
  /** `channels`: all that the connection has from now on. */
  | { readonly kind: 'subscribed'; readonly connection: number; readonly channels: readonly string[] }
  | {
      readonly kind: 'order'
      readonly connection: number
      readonly id: string
      readonly orderId: string
      readonly label: string
      readonly state: 'open' | 'filled' | 'cancelled'
    }
  /** Something that the exchange did on purpose. */
  | { readonly kind: 'fault'; readonly fault: ExchangeFault; readonly connection?: number }

export type ExchangeLogEntry = EntryBase & ExchangeLogRecord

/** Append-only and bounded. It keeps the beginning: a check of a log whose beginning is gone could not be trusted. */
export class ExchangeLog {
  readonly #entries: ExchangeLogEntry[] = []
  readonly #max: number
  #dropped = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Entries that were not kept because the log was full. Not 0: the log proves nothing. */
  get dropped(): number {
    return this.#dropped
  }

  get length(): number {
    return this.#entries.length
  }

  add(atUs: number, record: ExchangeLogRecord): void {
    if (this.#entries.length === this.#max) this.#dropped++
    else this.#entries.push({ seq: this.#entries.length + 1, atUs, ...record })
  }

  /** At most `count` entries behind the first `skip`. */
  read(skip = 0, count = Infinity): readonly ExchangeLogEntry[] {
    return this.#entries.slice(skip, skip + count)
  }
}
