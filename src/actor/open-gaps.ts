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
  /** It is we who mend it: a connection on which that does not come to an end is not a healthy one. */
  readonly isOurs?: boolean
}

interface Open {
  readonly fromUs: number
  readonly cause: WsDisconnectCause
  feed: FeedDebt
  user: boolean
  isOurs: boolean
  isAcked: boolean
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
      const { feed, user, isOurs = false } = debts
      this.#open.set(key, { fromUs, cause, feed, user, isOurs, isAcked: false, reports: 1, messages })
      return true
    }
    open.reports++
    if (messages !== undefined) open.messages = (open.messages ?? 0) + messages
    if (WEIGHT[debts.feed] > WEIGHT[open.feed]) {
      open.feed = debts.feed
      open.isAcked = false
    }
    open.user ||= debts.user
    open.isOurs ||= debts.isOurs === true
    return false
  }

  get anyToAsk(): boolean {
    return this.#any(({ feed }) => feed === 'to-ask')
  }

  /** Something is to be mended by us, and is not even acknowledged yet. */
  get anyOurs(): boolean {
    return this.#any(({ feed, isOurs, isAcked }) => isOurs && !isAcked && feed !== 'none')
  }

  /** Its topic has been asked for anew by us, because of a hole, and data is yet to come. */
  isOnItsWay(key: string): boolean {
    const open = this.#open.get(key)
    return open?.feed === 'asked' && open.isOurs
  }

  acked(key: string): void {
    const open = this.#open.get(key)
    if (open?.feed === 'asked') open.isAcked = true
  }

  toAsk(): string[] {
    return [...this.#open.keys()].filter((key) => this.feedOf(key) === 'to-ask')
  }

  owesUser(key: string): boolean {
    return this.#open.get(key)?.user === true
  }

  of(key: string): WsOpenGap | undefined {
    const open = this.#open.get(key)
    return open === undefined ? undefined : describe(key, open)
  }

  /** Its topic has been asked for anew: what comes after the acknowledgement counts. */
  asked(key: string): void {
    const open = this.#open.get(key)
    if (open?.feed !== 'to-ask') return
    open.feed = 'asked'
    open.isAcked = false
  }

  /** That could not be done. */
  notAsked(key: string): void {
    const open = this.#open.get(key)
    if (open?.feed === 'asked') open.feed = 'to-ask'
  }

  /** What the user was to mend, the feed will: its topic is being asked for. */
  leaveToFeed(key: string): void {
    const open = this.#open.get(key)
    if (open?.user !== true) return
    open.user = false
    if (open.feed === 'none') open.feed = 'asked'
  }

  /** The venue refuses its topic, which will not mend it. */
  leaveToUser(key: string): void {
    const open = this.#open.get(key)
    if (open?.feed !== 'asked') return
    open.feed = 'none'
    open.user = true
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
    return Array.from(this.#open, ([key, open]) => describe(key, open))
  }

  #any(is: (open: Open) => boolean): boolean {
    if (this.#open.size === 0) return false
    for (const open of this.#open.values()) if (is(open)) return true
    return false
  }

  #endIfDone(key: string, { feed, user }: Open): boolean {
    return feed === 'none' && !user && this.#open.delete(key)
  }
}

function describe(key: string, { fromUs, cause, reports, messages }: Open): WsOpenGap {
  return {
    ...(key === WHOLE ? {} : { key }),
    fromUs,
    cause,
    reports,
    ...(messages === undefined ? {} : { messages }),
  }
}
