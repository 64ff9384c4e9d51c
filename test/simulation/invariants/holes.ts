import type { WsStatusEvent } from '../../../src/actor/status.ts'
import type { WsGapRemedy, WsGapReport, WsGapReported } from '../../../src/errors/gap-report.ts'
import { SequenceCheck } from '../../../src/ingress/sequence-check.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { Life } from '../life.ts'

type Remedy = WsGapRemedy | 'default'
const REMEDIES: Readonly<Record<Remedy, number>> = { default: 80, resubscribe: 5, continue: 12, reconnect: 3 }

/** As the library has it where `topics` do not say. */
const DEFAULT_EVERY_MS = 10_000
/** Rounds of asking anew that are looked at together: hooks that block bring single ones closer. */
const ROUNDS = 5

/** The key of the gap of a whole connection. */
const WHOLE = ''

/** A gap that was told on the connection that is, and has not ended. */
interface OpenGap {
  /** A hole is part of it, for which its topic is to be asked for anew. */
  byFeed: boolean
  byUser: boolean
  /** It is to cost the connection. */
  isLost: boolean
  ackedSince: boolean
  dataSince: boolean
}

/** Who reads numbers, and reports. */
interface Reporter {
  reportGap(gap: WsGapReport): WsGapReported
}

/**
 * The user who reads sequence numbers, and what he may rely on: each hole that he sees is a gap before he goes on, told once until it
 * has ended, ended only by what it wants, and no reason for a storm of subscriptions.
 */
export class Holes {
  readonly #life: Life
  readonly #random: SeededRandom
  readonly #check = new SequenceCheck()
  readonly #open = new Map<string, OpenGap>()
  /** Topics that somebody took off: when the actor hears of that, is not known out here. */
  readonly #loose = new Set<string>()
  readonly #rounds: number[] = []

  constructor(life: Life) {
    this.#life = life
    this.#random = SeededRandom.named(life.sim.setup.seed, `holes ${life.n}`)
  }

  /** A connection has begun or ended. */
  clear(): void {
    this.#check.clear()
    this.#open.clear()
    this.#loose.clear()
    this.#rounds.length = 0
  }

  /** A message, as who reads numbers sees it. */
  seen(text: string, reporter: Reporter): void {
    const found = /"channel":"([^"]+)","data":\{"n":(\d+)/.exec(text)
    if (found === null) return
    const verdict = this.#check.range(found[1], found[2] as string)
    if (typeof verdict !== 'string') this.report(verdict, reporter, true)
  }

  /** Now and then he is wrong, or has read a message some time ago, and reports what is not so. */
  now(topics: readonly string[]): void {
    if (this.#random.below(150) > 0) return
    const key = topics[this.#random.below(topics.length + 1)]
    this.report(key === undefined ? {} : { key }, this.#life.actor, false)
  }

  /** Reports something that may be of the user's own making, with whatever remedy comes to his mind. */
  report(gap: WsGapReport, reporter: Reporter, isSure: boolean): void {
    const { sim } = this.#life
    const remedy = this.#random.pick(REMEDIES)
    const key = gap.key ?? WHOLE
    // Of what nobody desires, or soon will not, little can be said.
    if (key !== WHOLE && !this.#life.desired.list().includes(key)) this.#loose.add(key)
    if (key === WHOLE) for (const item of this.#life.desired.list()) this.#loose.add(item)
    const said = reporter.reportGap(remedy === 'default' ? gap : { ...gap, remedy })
    sim.trace.add(`user: reports a gap of ${key || 'the connection'} (${remedy}): ${said}`)
    if (said === 'not-open') {
      if (isSure) sim.violated('holes-are-gaps', `${key}: the connection that brought the message is not there`)
      return
    }
    const open = this.#open.get(key)
    if (open === undefined) {
      if (!this.#loose.has(key)) sim.violated('holes-are-gaps', `a hole of ${key} is ${said}, and no gap is told`)
      return
    }
    if (remedy === 'continue') this.#mendLater(key, open)
    else if (remedy === 'reconnect') open.isLost = true
    else open.byFeed = true
  }

  gap({ key = WHOLE, fromUs, toUs }: Extract<WsStatusEvent, { kind: 'gap' }>): void {
    const { sim } = this.#life
    if (fromUs > toUs) sim.violated('gaps-marked', `a gap from ${fromUs} to ${toUs}`)
    if (this.#open.has(key) && !this.#loose.has(key)) sim.violated('gap-told-once', `${key} has a gap in its gap`)
    this.#open.set(key, { byFeed: false, byUser: false, isLost: false, ackedSince: false, dataSince: false })
  }

  acked(item: string): void {
    const open = this.#open.get(item)
    if (open === undefined) return
    open.ackedSince = true
    open.dataSince = false
  }

  /** Data that the actor is told of. */
  data(topic: string): void {
    const open = this.#open.get(topic)
    if (open?.ackedSince === true) open.dataSince = true
  }

  resumed(key = WHOLE): void {
    const open = this.#open.get(key)
    this.#open.delete(key)
    if (open === undefined || key === WHOLE || this.#loose.has(key)) return
    const { sim, evidence } = this.#life
    const wrong = (why: string): void => sim.violated('resumed-when-mended', `${key} is said to have resumed: ${why}`)
    if (open.byUser) wrong('the user has yet to mend it')
    if (open.isLost) wrong('only another connection was to help')
    if (!open.byFeed) return
    if (!open.ackedSince) wrong('it has not been acknowledged since')
    const isTold = sim.setup.topicSilentMs !== undefined && sim.setup.topicsBy === 'topicOf'
    if (isTold && !evidence.unwatched.has(key) && !open.dataSince) wrong('no data has come since')
  }

  /** The user does not want them any more. */
  loosen(items: readonly string[]): void {
    for (const item of items) this.#loose.add(item)
  }

  /** A message takes these off. Those that are desired are asked for anew: not too often. */
  takenOff(items: readonly string[]): void {
    const { sim, desired } = this.#life
    const anew = items.filter((item) => desired.list().includes(item) && !this.#loose.has(item))
    const nowUs = sim.clock.monoUs()
    if (anew.length === 0 || this.#rounds.at(-1) === nowUs) return
    this.#rounds.push(nowUs)
    const before = this.#rounds[this.#rounds.length - ROUNDS]
    if (before === undefined) return
    const everyMs = sim.setup.topicSilentMs === undefined ? DEFAULT_EVERY_MS : sim.setup.resubscribeEveryMs
    const withinMs = (nowUs - before) / 1000
    if (withinMs < 2 * everyMs)
      sim.violated('no-subscription-storm', `${ROUNDS} rounds of asking anew in ${withinMs} ms`)
  }

  /** Everything that the user said he would mend. */
  mendAll(): void {
    for (const { key } of this.#life.actor.openGaps()) this.#mend(key ?? WHOLE)
  }

  #mendLater(key: string, open: OpenGap): void {
    const { sim } = this.#life
    open.byUser = true
    sim.time.setTimer(this.#random.below(3000), () =>
      sim.later(() => {
        // Another connection, or another gap.
        if (this.#open.get(key) !== open || !open.byUser) return
        const isCertain = this.#life.actor.status === 'ready' && !this.#loose.has(key)
        if (!this.#mend(key) && isCertain) sim.violated('resumed-when-mended', `${key} could not be mended`)
      }),
    )
  }

  #mend(key: string): boolean {
    const open = this.#open.get(key)
    if (open !== undefined) open.byUser = false
    const isMended = key === WHOLE ? this.#life.actor.reportResumed() : this.#life.actor.reportResumed(key)
    this.#life.sim.trace.add(`user: mends ${key || 'the connection'}: ${isMended}`)
    return isMended
  }
}

/**
 * When nothing has gone wrong for a while: no gap is open, but of topics of which nobody can tell, that are refused, or that nobody
 * desires: what was under way of those is the user's to mend.
 */
export function nothingIsMissing({ sim, actor, evidence, desired }: Life): void {
  const wanted = desired.list()
  const open = actor.openGaps().filter(({ key }) => {
    return key === undefined || (wanted.includes(key) && !evidence.unwatched.has(key) && !evidence.rejected.has(key))
  })
  const list = open.map(({ key, cause }) => `${key ?? 'the connection'} (${cause.code})`)
  if (list.length > 0) sim.violated('gaps-end', `${list.join(', ')} has a gap still, though nothing is wrong any more`)
  if (actor.stats().openGaps !== actor.openGaps().length) sim.violated('stats-tell-the-truth', 'openGaps counts wrong')
}
