import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'

/** A gap that was told on the connection that is, and that has not ended by `resumed`. */
export interface WsOpenGap {
  /** The topic; absent: the whole connection. */
  readonly key?: string
  /** Unix epoch µs, as in its `gap`. */
  readonly fromUs: number
  readonly cause: WsDisconnectCause
  /** How often it was reported: more than once where further losses came before it had ended. */
  readonly reports: number
  /** Messages that are missing, as far as reports said. */
  readonly messages?: number
}

/**
 * What the feed must do yet. `asked`: be acknowledged (anew) and bring data. `to-ask`: the same, and nobody has asked yet, so that
 * what comes meanwhile proves nothing. `lost`: only another connection helps.
 */
export type FeedDebt = 'none' | 'asked' | 'to-ask' | 'lost'

/** What must come before a gap has ended. */
export interface GapDebts {
  readonly feed: FeedDebt
  /** The user mends it, and says when he has. */
  readonly user: boolean
}

interface Open {
  readonly fromUs: number
  readonly cause: WsDisconnectCause
  feed: FeedDebt
  user: boolean
  reports: number
  messages: number | undefined
}

/** The key of the gap of a whole connection that goes on: no topic has that name. */
export const WHOLE = ''

const WEIGHT: Readonly<Record<FeedDebt, number>> = { none: 0, asked: 1, 'to-ask': 2, lost: 3 }

/**
 * The gaps of a connection that goes on, by topic. While one is open, what else is missing of its topic belongs to it: it is counted,
 * and adds to what must come before the gap has ended.
 */
export class OpenGaps {
  readonly #open = new Map<string, Open>()

  get size(): number {
    return this.#open.size
  }

  has(key: string): boolean {
    return this.#open.has(key)
  }

  feedOf(key: string): FeedDebt | undefined {
    return this.#open.get(key)?.feed
  }

  /** True: it is new, and to be told. */
  report(key: string, fromUs: number, cause: WsDisconnectCause, debts: GapDebts, messages?: number): boolean {
    const open = this.#open.get(key)
    if (open === undefined) {
      this.#open.set(key, { fromUs, cause, ...debts, reports: 1, messages })
      return true
    }
    open.reports++
    if (messages !== undefined) open.messages = (open.messages ?? 0) + messages
    if (WEIGHT[debts.feed] > WEIGHT[open.feed]) open.feed = debts.feed
    open.user ||= debts.user
    return false
  }

  /** Its topic has been asked for anew: what comes after the acknowledgement counts. */
  asked(key: string): void {
    const open = this.#open.get(key)
    if (open !== undefined && open.feed !== 'lost') open.feed = 'asked'
  }

  /** The feed has brought what was asked of it. True: with that the gap has ended. */
  fed(key: string): boolean {
    const open = this.#open.get(key)
    if (open?.feed !== 'asked') return false
    open.feed = 'none'
    return this.#endIfDone(key, open)
  }

  /** The user has mended it. True: with that the gap has ended. */
  mended(key: string): boolean {
    const open = this.#open.get(key)
    if (open?.user !== true) return false
    open.user = false
    return this.#endIfDone(key, open)
  }

  /** Nobody minds any more. */
  forget(key: string): void {
    this.#open.delete(key)
  }

  clear(): void {
    this.#open.clear()
  }

  list(): WsOpenGap[] {
    return Array.from(this.#open, ([key, { fromUs, cause, reports, messages }]) => ({
      ...(key === WHOLE ? {} : { key }),
      fromUs,
      cause,
      reports,
      ...(messages === undefined ? {} : { messages }),
    }))
  }

  #endIfDone(key: string, { feed, user }: Open): boolean {
    return feed === 'none' && !user && this.#open.delete(key)
  }
}
