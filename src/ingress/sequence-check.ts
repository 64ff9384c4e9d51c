import { WsConfigError } from '../errors/errors.ts'
import type { WsGapReport } from '../errors/gap-report.ts'
import { Checker, describe } from '../support/check.ts'

/** A sequence number: digits as text, a bigint, or an integer that a double can hold. */
export type WsSequenceNumber = string | number | bigint

/**
 * `next`: in order, or the first. `old`: it, or what it says, has been seen: a duplicate, or one that was overtaken. Else it shows a
 * hole, to be given to `reportGap` as it is, or with a `remedy`.
 */
export type WsSequenceVerdict = 'next' | 'old' | WsGapReport

/** What goes back so many times in a row is no late duplicate any more: the numbering has begun anew. */
const MAX_OLD = 100

/** More digits are not a number that anybody counts by, and turning them into one would take long. */
const DIGITS = /^-?\d{1,40}$/
/** So many digits fit into a double. */
const SAFE_DIGITS = 15

interface Position {
  last: number | bigint
  /** Unix epoch µs; undefined: not told. */
  atUs: number | undefined
  /** In a row. */
  old: number
}

/**
 * Finds holes in sequence numbers, of any number of topics, exactly for numbers of any length. It knows the two rules by which venues
 * number their messages; which one holds is the venue's documentation to say:
 *
 * - {@link range}: numbers without a hole. One each (Bybit's `u`, Coinbase's `sequence_num`), or from `first` to `last` (`U` and `u` of
 *   Binance spot, `sequenceStart` and `sequenceEnd` of KuCoin, Gate's `U` and `u`).
 * - {@link chain}: each message names the one before it (`pu` of Binance futures, `prevSeqId` of OKX, `prev_change_id` of Deribit,
 *   `prevSeqNum` of HTX, `pseq` of Bitget), whatever the steps.
 *
 * After a hole it goes on from where the venue is: each is found once. One object per connection, or {@link clear} it when one
 * opens. It is no ingress: call it from one, or from a handler.
 */
export class SequenceCheck {
  readonly #maxKeys: number
  readonly #positions = new Map<string, Position>()

  /** `maxKeys`: of how many topics it remembers the last number (default 10 000); beyond that the one that came first is forgotten. */
  constructor(options: { readonly maxKeys?: number } = {}) {
    const check = new Checker()
    const given = check.object('options', options, ['maxKeys']) ?? {}
    this.#maxKeys = check.integer('maxKeys', given.maxKeys, 1, 2 ** 24, 10_000)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
  }

  /**
   * A message that has the numbers from `first` to `last` (default: one number). `key`: the topic; undefined: of the whole connection.
   * `atUs`: when it was received (`frame.receivedAtUs`), for the times of a gap. A message that goes on where another ended, though it
   * has parts of it, is `next`. Throws `ERR_CONFIG` for numbers that are none by type, or that have been rounded already.
   */
  range(
    key: string | undefined,
    first: WsSequenceNumber,
    last: WsSequenceNumber = first,
    atUs?: number,
  ): WsSequenceVerdict {
    const from = numberOf('first', first)
    const to = numberOf('last', last)
    const position = this.#positions.get(key ?? '')
    if (from === undefined || to === undefined || from > to) return this.#lost(key, position, first, atUs)
    if (position === undefined) return this.#begin(key, to, atUs)
    const next = after(position.last)
    if (to > position.last) {
      const hole =
        from > next ? report(key, next, from, position, atUs, Number(BigInt(from) - BigInt(next))) : undefined
      return moved(position, to, atUs, hole)
    }
    return this.#isOld(position) ? 'old' : moved(position, to, atUs, report(key, next, from, position, atUs))
  }

  /**
   * A message `last` that comes after `previous`. What repeats the last one (keep-alives of OKX have `previous` equal to `last`) is no
   * hole, nor is a number that is smaller than the one before, as long as `previous` fits (OKX after maintenance). A negative `previous`
   * stands for none: a snapshot (OKX: -1). Otherwise as {@link range}.
   */
  chain(key: string | undefined, previous: WsSequenceNumber, last: WsSequenceNumber, atUs?: number): WsSequenceVerdict {
    const before = numberOf('previous', previous)
    const to = numberOf('last', last)
    const position = this.#positions.get(key ?? '')
    if (before === undefined || to === undefined) return this.#lost(key, position, previous, atUs)
    if (position === undefined || before < 0) return this.#begin(key, to, atUs)
    const known = position.last
    if (before === known) return moved(position, to, atUs, undefined)
    const isOld = to === known || (before < known && to < known && before <= to)
    if (isOld && this.#isOld(position)) return 'old'
    return moved(position, to, atUs, report(key, known, before, position, atUs))
  }

  /** A snapshot: the topic goes on from `last`; without it, from whatever comes next. `atUs`: as of {@link range}. */
  restart(key: string | undefined, last?: WsSequenceNumber, atUs?: number): void {
    const to = last === undefined ? undefined : numberOf('last', last)
    if (to === undefined) this.#positions.delete(key ?? '')
    else this.#begin(key, to, atUs)
  }

  /** A new connection: nothing has come of it. */
  clear(): void {
    this.#positions.clear()
  }

  #begin(key: string | undefined, last: number | bigint, atUs: number | undefined): 'next' {
    const name = key ?? ''
    const position = this.#positions.get(name)
    if (position !== undefined) moved(position, last, atUs, undefined)
    else {
      if (this.#positions.size >= this.#maxKeys) {
        const [eldest] = this.#positions.keys()
        this.#positions.delete(eldest as string)
      }
      this.#positions.set(name, { last, atUs, old: 0 })
    }
    return 'next'
  }

  /** What came is no number: where the sequence is, nobody knows. */
  #lost(
    key: string | undefined,
    position: Position | undefined,
    received: WsSequenceNumber,
    atUs: number | undefined,
  ): WsGapReport {
    this.#positions.delete(key ?? '')
    return report(key, position === undefined ? undefined : after(position.last), received, position, atUs)
  }

  #isOld(position: Position): boolean {
    position.old++
    return position.old < MAX_OLD
  }
}

function moved(
  position: Position,
  last: number | bigint,
  atUs: number | undefined,
  hole: WsGapReport | undefined,
): 'next' | WsGapReport {
  position.last = last
  position.atUs = atUs
  position.old = 0
  return hole ?? 'next'
}

function report(
  key: string | undefined,
  expected: WsSequenceNumber | undefined,
  received: WsSequenceNumber,
  position: Position | undefined,
  atUs: number | undefined,
  messages?: number,
): WsGapReport {
  const fromUs = position?.atUs
  return {
    ...(key === undefined ? {} : { key }),
    ...(expected === undefined ? {} : { expected }),
    received,
    ...(messages === undefined ? {} : { messages }),
    ...(fromUs === undefined ? {} : { fromUs }),
    ...(atUs === undefined ? {} : { toUs: atUs }),
  }
}

function after(number: number | bigint): number | bigint {
  return typeof number === 'number' && number < Number.MAX_SAFE_INTEGER ? number + 1 : small(BigInt(number) + 1n)
}

/** What a double can hold is one: equal numbers are of one type. */
const small = (number: bigint): number | bigint =>
  number >= Number.MIN_SAFE_INTEGER && number <= Number.MAX_SAFE_INTEGER ? Number(number) : number

/** `undefined`: text that is no number. */
function numberOf(field: string, value: unknown): number | bigint | undefined {
  if (Number.isSafeInteger(value)) return value as number
  if (typeof value === 'bigint') return small(value)
  if (typeof value === 'string') {
    if (!DIGITS.test(value)) return undefined
    return value.length <= SAFE_DIGITS ? Number(value) : small(BigInt(value))
  }
  const fix = typeof value === 'number' ? '; take the digits as they are in the message, as text or a bigint' : ''
  const message = `must be digits as text, a bigint or a safe integer, is ${describe(value)}${fix}`
  throw new WsConfigError([{ field: `sequence.${field}`, message }])
}
