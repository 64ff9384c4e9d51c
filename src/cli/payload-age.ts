import { type SampleSummary, Samples } from './samples.ts'

/** Names under which exchanges send the time of an event, best first: event time before trade time. */
const FIELDS = ['E', 'ts', 'timestamp', 'time_ms', 'time', 'T', 't'] as const

/** Where in a message the field is looked for: far enough for an envelope, and cheap for a 700 KB snapshot. */
const MAX_SCANNED_CHARS = 2048
/** A number further than this from our own clock is no time of the event (or a replay of an old one). */
const MAX_AGE_US = 60_000_000
/** Messages without any such field before the search is given up. */
const MAX_TRIES = 1000

/** 13, 16 or 19 digits are epoch ms, µs or ns from 2001 to 2286; nothing else is taken for a time. */
const US_PER_UNIT = { ms: 1000, us: 1, ns: 0.001 } as const
export type EpochUnit = keyof typeof US_PER_UNIT
const UNIT_OF_DIGITS: Readonly<Record<number, EpochUnit>> = { 13: 'ms', 16: 'us', 19: 'ns' }

/** How old payloads are when they come, by our clock and that of the exchange; their difference is part of it. */
export interface PayloadAge extends SampleSummary {
  readonly field: string
  readonly unit: EpochUnit
}

/**
 * Measures the age of JSON messages by a timestamp in them. The first field recognised is used from then on, so that
 * the figure means one thing.
 */
export class PayloadAgeMeter {
  #field: string | undefined
  #unit: EpochUnit | undefined
  #pattern: RegExp | undefined
  #tries = 0
  readonly #samples = new Samples()

  /** `text` of a message, received at `receivedAtUs` (Unix epoch µs). */
  observe(text: string, receivedAtUs: number): void {
    if (this.#field === undefined && this.#tries++ >= MAX_TRIES) return
    const head = text.slice(0, MAX_SCANNED_CHARS)
    if (this.#field === undefined) this.#search(head, receivedAtUs)
    const age = this.#pattern === undefined ? undefined : ageIn(head, this.#pattern, receivedAtUs)
    if (age !== undefined && age.unit === this.#unit) this.#samples.add(age.us)
  }

  /** In µs. Undefined when no field was recognised. */
  summary(): PayloadAge | undefined {
    const summary = this.#samples.summary()
    if (summary === undefined) return undefined
    return { field: this.#field as string, unit: this.#unit as EpochUnit, ...summary }
  }

  #search(head: string, receivedAtUs: number): void {
    for (const field of FIELDS) {
      const pattern = new RegExp(`"${field}"\\s*:\\s*"?(\\d{13}(?:\\d{3}){0,2})(?![\\d.])`)
      const age = ageIn(head, pattern, receivedAtUs)
      if (age === undefined) continue
      this.#field = field
      this.#unit = age.unit
      this.#pattern = pattern
      return
    }
  }
}

function ageIn(head: string, pattern: RegExp, receivedAtUs: number): { us: number; unit: EpochUnit } | undefined {
  const digits = pattern.exec(head)?.[1]
  const unit = digits === undefined ? undefined : UNIT_OF_DIGITS[digits.length]
  if (unit === undefined) return undefined
  const us = receivedAtUs - Number(digits) * US_PER_UNIT[unit]
  return Math.abs(us) <= MAX_AGE_US ? { us, unit } : undefined
}
