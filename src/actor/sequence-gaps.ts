import { WsConfigError } from '../errors/errors.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import { DEFAULT_RECONNECT_AFTER } from '../health/resubscribe-limit.ts'
import { Checker, describe } from '../support/check.ts'
import { sequenceGap } from './causes.ts'
import type { Interpreter } from './interpreter.ts'
import type { LiveConnection } from './live-connection.ts'
import { type GapDebts, WHOLE, type WsOpenGap } from './open-gaps.ts'
import { takesFrames } from './state.ts'
import type { Topics } from './topics.ts'

/** Open gaps of keys that nobody desires, at most so many and so long: keys are what user code makes of what a venue sends. */
const MAX_STRAYS = 1024
const MAX_STRAY_CHARS = 256

/** How often a topic was asked for anew because of holes, and when the last of its gaps ended. */
interface Rounds {
  inVain: number
  askedAtUs: number
  endedUs: number
  endedAtUs: number
}

/**
 * Holes in the sequence numbers of venues, which user code finds and reports: told as gaps, and mended by asking for the topics anew, by
 * another connection, or by the user. It keeps to the limit that it shares with the watch of topics.
 */
export class SequenceGaps {
  readonly #actor: Interpreter
  readonly #topics: Topics
  readonly #reconnectAfter: number
  /** Of desired topics, and of the whole connection. */
  readonly #rounds = new Map<string, Rounds>()
  #asksSoon = false
  #paused = false
  /** Of the whole connection: data that had come when every subscription had its answer anew. */
  #settledAtData: number | undefined

  constructor(actor: Interpreter, topics: Topics) {
    this.#actor = actor
    this.#topics = topics
    this.#reconnectAfter = actor.options.topics?.reconnectAfter ?? DEFAULT_RECONNECT_AFTER
  }

  /** A connection has begun or ended. */
  clear(): void {
    this.#rounds.clear()
    this.#asksSoon = false
    this.#paused = false
    this.#settledAtData = undefined
  }

  /** `of`: the connection that it is about, if the reporter knows one alone. Throws `ERR_CONFIG` and `ERR_NO_SUBSCRIPTIONS`. */
  report(given: unknown, of?: LiveConnection): WsGapReported {
    const report = checkReport(given)
    const { session } = this.#actor
    if (report.remedy === 'resubscribe') session.requireManager()
    const live = this.#current(report.connection, of)
    if (live === undefined) return 'not-open'
    this.#actor.health.count.sequenceGaps++
    let key = report.key ?? WHOLE
    const debts = this.#debtsOf(key, report, live)
    if (this.#isStrayTooMany(key)) key = WHOLE
    return this.#inOrder(() => this.#report(key, report, debts, live))
  }

  /** What the user has mended himself. False: no gap waits for that. */
  mended(key: unknown, of?: LiveConnection): boolean {
    if (key !== undefined && typeof key !== 'string') {
      throw new WsConfigError([{ field: 'reportResumed.key', message: `must be a string, is ${describe(key)}` }])
    }
    const { gaps } = this.#topics
    const at = key ?? WHOLE
    if (this.#current(undefined, of) === undefined || !gaps.owesUser(at)) return false
    this.#inOrder(() => {
      if (gaps.mended(at)) this.#topics.gapEnded(at)
    })
    return true
  }

  /** A topic is desired now that was not: its gap ends as those of others do. */
  wanted(key: string): void {
    const { gaps } = this.#topics
    if (gaps.owesUser(key) && gaps.feedOf(key) === 'none') gaps.leaveToFeed(key)
  }

  unwanted(key: string): void {
    this.#rounds.delete(key)
  }

  ended(key: string): void {
    if (key !== WHOLE && this.#actor.session.stageOf(key) === undefined) return
    const rounds = this.#roundsOf(key)
    rounds.endedUs = this.#nowUs
    // By the clock of frames, or not at all: what was read before it and is looked at later must not be taken for a loss of later.
    rounds.endedAtUs = this.#actor.live?.frame?.receivedAtUs ?? -Infinity
    if (key === WHOLE) this.#settledAtData = undefined
  }

  setPaused(paused: boolean): void {
    this.#paused = paused
  }

  /** Of a connection that takes what might be asked of it, and whose answers are read. */
  nextDueUs(): number {
    return this.#due().length > 0 ? this.#topics.limit.dueUs : Infinity
  }

  /** The limit allows it. */
  askAnew(nowUs: number): void {
    const { gaps, limit } = this.#topics
    const { session } = this.#actor
    const due = this.#due()
    if (due.length === 0) return
    limit.used(nowUs)
    const hopeless = due.find((key) => (this.#rounds.get(key)?.inVain ?? 0) >= this.#reconnectAfter)
    if (hopeless !== undefined) {
      this.#actor.leave((gaps.of(hopeless) as WsOpenGap).cause, 'reconnect', true)
      return
    }
    const askedAtUs = this.#actor.options.clock.epochUs()
    for (const key of due) {
      const rounds = this.#roundsOf(key)
      rounds.inVain++
      rounds.askedAtUs = askedAtUs
    }
    const items = due.includes(WHOLE) ? session.acked() : due.filter((key) => session.stageOf(key) === 'acked')
    if (due.includes(WHOLE)) this.#takeIn(items)
    for (const key of due) {
      // Where venues do not answer, all may be over before the call returns.
      gaps.asked(key)
      // Acknowledged in the meantime, without having been asked by us, it may be awaited already.
      this.#topics.forgotten(key)
    }
    if (!session.resubscribe(items)) for (const key of [...due, ...items]) gaps.notAsked(key)
  }

  /** The whole connection has no gap any more when every subscription has its answer anew, and data has come after that. */
  look(live: LiveConnection): void {
    const { gaps } = this.#topics
    if (gaps.feedOf(WHOLE) !== 'asked' || !this.#actor.session.allSettled) return
    if (this.#settledAtData === undefined) {
      this.#settledAtData = live.dataReads
      gaps.acked(WHOLE)
    }
    if (live.dataReads === this.#settledAtData) return
    this.#actor.enter(() => {
      if (gaps.fed(WHOLE)) this.#topics.gapEnded(WHOLE)
    })
  }

  #report(key: string, report: WsGapReport, debts: GapDebts, live: LiveConnection): WsGapReported {
    const { gaps } = this.#topics
    const rounds = this.#rounds.get(key)
    const { fromUs, toUs } = this.#timesOf(key, report, live)
    // Before the end of the gap that was told.
    if (!gaps.has(key) && this.#isOlder(report, live, rounds?.endedAtUs)) return 'merged'
    const cause = sequenceGap(report)
    const messages = isCount(report.messages) ? report.messages : undefined
    const isNew = gaps.report(key, fromUs, cause, debts, messages)
    if (isNew && rounds !== undefined && this.#nowUs - rounds.endedUs >= this.#topics.limit.everyUs) rounds.inVain = 0
    // Until it is acknowledged anew, what comes of it proves nothing, and its silence neither.
    if (debts.feed !== 'none') this.#topics.forgotten(key)
    if (key === WHOLE && debts.feed !== 'none') this.#settledAtData = undefined
    if (isNew) {
      const about = { fromUs, toUs, ...(messages === undefined ? {} : { messages }), cause }
      this.#topics.tellGap(key === WHOLE ? about : { key, ...about })
    }
    if (debts.feed === 'lost') this.#actor.leave(cause, 'reconnect', true)
    if (debts.feed === 'to-ask') this.#askSoon()
    return isNew ? 'told' : 'merged'
  }

  #debtsOf(key: string, report: WsGapReport, live: LiveConnection): GapDebts {
    const { remedy } = report
    const { session } = this.#actor
    const stage = session.stageOf(key)
    const canAsk = key === WHOLE ? session.desired > 0 : stage !== undefined
    if (remedy === 'reconnect') return { feed: 'lost', user: false, isOurs: true }
    if (remedy === 'continue' || !canAsk) return { feed: 'none', user: true, isOurs: true }
    return { feed: this.#isAsked(key, report, live) ? 'asked' : 'to-ask', user: false, isOurs: true }
  }

  /** What may be asked for now. What is being asked for already is when that has its answer: its data may come before that. */
  #due(): string[] {
    const { gaps } = this.#topics
    if (!gaps.anyToAsk || !this.#mayAsk) return []
    const { session } = this.#actor
    return gaps.toAsk().filter((key) => (key === WHOLE ? session.allSettled : session.stageOf(key) !== 'requested'))
  }

  /** It has been asked for because of this gap, or will be whatever we do: the answer to that is the one that counts. */
  #isAsked(key: string, report: WsGapReport, live: LiveConnection): boolean {
    const isOnItsWay = this.#topics.gaps.isOnItsWay(key)
    const stage = this.#actor.session.stageOf(key)
    if (key !== WHOLE) return isOnItsWay || (stage !== 'acked' && stage !== 'requested')
    // Topics may have come back by now, and have lost something again.
    return isOnItsWay && this.#isOlder(report, live, this.#rounds.get(key)?.askedAtUs)
  }

  /** The message was waiting to be looked at. */
  #isOlder({ toUs }: WsGapReport, live: LiveConnection, atUs = -Infinity): boolean {
    return live.frame === undefined && toUs !== undefined && toUs < atUs
  }

  #timesOf(key: string, report: WsGapReport, live: LiveConnection): { fromUs: number; toUs: number } {
    const { clock } = this.#actor.options
    const given = (us: number | undefined): number | undefined => (Number.isFinite(us) ? us : undefined)
    const toUs = given(report.toUs) ?? live.frame?.receivedAtUs ?? clock.epochUs()
    const lastUs =
      key === WHOLE ? (this.#actor.lastDataUs ?? live.openedUs) : this.#topics.beforeUs(key, live.frame?.receivedMonoUs)
    const beforeUs = lastUs === undefined ? toUs : lastUs + clock.epochUs() - clock.monoUs()
    return { fromUs: Math.min(given(report.fromUs) ?? beforeUs, toUs), toUs }
  }

  /** All topics of this turn together, and behind what is going on: managers are user code. */
  #askSoon(): void {
    if (this.#asksSoon) return
    this.#asksSoon = true
    this.#actor.enter(() => {
      this.#asksSoon = false
      const nowUs = this.#nowUs
      if (this.#topics.limit.allows(nowUs)) this.askAnew(nowUs)
    })
  }

  #roundsOf(key: string): Rounds {
    let rounds = this.#rounds.get(key)
    if (rounds === undefined) {
      rounds = { inVain: 0, askedAtUs: -Infinity, endedUs: -Infinity, endedAtUs: -Infinity }
      this.#rounds.set(key, rounds)
    }
    return rounds
  }

  /** Every topic belongs to the gap of the whole, and ends for itself. */
  #takeIn(items: readonly string[]): void {
    const { gaps } = this.#topics
    const { fromUs, cause } = gaps.of(WHOLE) as WsOpenGap
    for (const item of items) {
      gaps.report(item, fromUs, cause, { feed: 'asked', user: false, isOurs: true })
      gaps.asked(item)
      this.#topics.forgotten(item)
    }
  }

  /** Of what has ended, nothing more is told; nor of what is yet to be told to be open. */
  #current(connection: number | undefined, of: LiveConnection | undefined): LiveConnection | undefined {
    const { live, state, session } = this.#actor
    if (live === undefined || !session.isUnderWay || !takesFrames(state)) return undefined
    if (of !== undefined && of !== live) return undefined
    return connection === undefined || connection === live.connection ? live : undefined
  }

  #isStrayTooMany(key: string): boolean {
    const { gaps } = this.#topics
    const { session } = this.#actor
    if (key === WHOLE || session.stageOf(key) !== undefined || gaps.has(key)) return false
    return key.length > MAX_STRAY_CHARS || gaps.size >= MAX_STRAYS + session.desired
  }

  get #mayAsk(): boolean {
    const { session, takesSessionSends } = this.#actor
    return takesSessionSends && session.canReplay && !this.#paused
  }

  get #nowUs(): number {
    return this.#actor.options.clock.monoUs()
  }

  /** At once, from inside a hook as well: the gap belongs before what the hook does next. */
  #inOrder<T>(run: () => T): T {
    if (this.#actor.isInside) return run()
    let result: T | undefined
    this.#actor.enter(() => {
      result = run()
    })
    return result as T
  }
}

const isCount = (value: number | undefined): value is number => Number.isSafeInteger(value) && (value as number) > 0

const REPORT = ['key', 'expected', 'received', 'messages', 'fromUs', 'toUs', 'connection', 'remedy'] as const

function checkReport(value: unknown): WsGapReport {
  const check = new Checker()
  if (value === undefined) check.add('reportGap', 'must be given { key?, expected?, received?, … }, is undefined')
  const given = check.object('reportGap', value, REPORT) ?? {}
  const { key } = given
  if (key !== undefined && (typeof key !== 'string' || key === '')) {
    check.add('reportGap.key', `must be a string that is not empty, or absent, is ${describe(key)}`)
  }
  for (const name of ['expected', 'received'] as const) {
    if (!['undefined', 'string', 'number', 'bigint'].includes(typeof given[name])) {
      check.add(`reportGap.${name}`, `must be text, a number or a bigint, is ${describe(given[name])}`)
    }
  }
  for (const name of ['messages', 'fromUs', 'toUs', 'connection'] as const) {
    if (!['undefined', 'number'].includes(typeof given[name])) {
      check.add(`reportGap.${name}`, `must be a number, is ${describe(given[name])}`)
    }
  }
  check.oneOf('reportGap.remedy', given.remedy, ['resubscribe', 'reconnect', 'continue'], 'continue')
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  return given as WsGapReport
}
