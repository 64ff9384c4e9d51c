import { ArmedRequests, notDelivered } from './armed-requests.ts'
import type { PreparedRequest } from './delegated-request.ts'
import type { PendingRequestsOptions } from './options.ts'
import type { WsOutcome, WsOutcomeVerdict, WsReason } from './outcome.ts'
import { OwnIds } from './own-ids.ts'
import { PastRequests } from './past-requests.ts'
import { type AskContext, type AskResult, PendingRequest, type Waiter } from './pending-request.ts'
import type { ReplyEffect, WsReplyMatch, WsReplySource } from './reply-match.ts'
import { type OutcomeDetails, outcomeOf, turnedAway, type WsUnresolved } from './trace.ts'
import { verdictOf } from './verdict.ts'

export type { AskContext, AskResult, PendingRequestsOptions, ReplyEffect, WsUnresolved }

/** How many replies had each {@link ReplyEffect}, and how many unresolved attempts were forgotten at the bound. */
export type PendingRequestsCounters = Readonly<Record<ReplyEffect, number>> & { readonly unresolvedForgotten: number }

/**
 * Every call of `ask` from the moment at which its frame exists to its one outcome: joins, deadlines, what a disconnect
 * leaves behind, late replies.
 *
 * Deterministic: it has no clock, timer or promise; methods take `nowUs` on the clock of `performance.now()`. The caller
 * arms one timer for {@link nextDeadlineUs}, drains the link when it fires, and only then calls {@link deadline}.
 * `settle` functions and `onLateReply` run at the end of the method that brings them about; they may call the table, and
 * must not throw.
 */
export class PendingRequests {
  readonly #maxPending: number
  readonly #onLateReply: (outcome: WsOutcome) => void
  readonly #past: PastRequests
  readonly #armed: ArmedRequests
  readonly #own: OwnIds
  readonly #effects = { settled: 0, late: 0, neither: 0, 'other-connection': 0, 'too-early': 0, unknown: 0 }
  #stopped = false

  /** `onLateReply` hears what came of requests after they had settled, and what `unconfirmed` callers missed. */
  constructor(options: PendingRequestsOptions, onLateReply: (outcome: WsOutcome) => void) {
    this.#maxPending = options.maxPending ?? 1024
    this.#past = new PastRequests(options)
    this.#armed = new ArmedRequests(this.#past)
    this.#own = new OwnIds(options.maxSettledIds ?? 4096, options.settledIdsMs ?? 300_000)
    this.#onLateReply = onLateReply
  }

  /** Calls that wait. */
  get size(): number {
    return this.#armed.waiting
  }

  /** Some frame was offered and is not yet seen to be with the kernel: call {@link progress} when it may be. */
  get awaitsKernel(): boolean {
    return this.#armed.awaitsKernel
  }

  get counters(): PendingRequestsCounters {
    return { ...this.#effects, unresolvedForgotten: this.#past.unresolvedForgotten }
  }

  /** A reply with this id is waited for. */
  isArmed(requestId: string): boolean {
    return this.#armed.get(requestId) !== undefined
  }

  /** The library sends a request of its own with this id: until it is forgotten, no `ask` may have it. */
  reserve(requestId: string, nowUs: number): void {
    this.#own.add(requestId, nowUs)
  }

  /** When {@link deadline} must be called next; undefined while nothing waits. It changes with every call of a method. */
  nextDeadlineUs(): number | undefined {
    return this.#armed.firstDue()?.dueUs
  }

  /** Takes a call in. `settle` is called exactly once, from inside this or a later method. */
  ask(prepared: PreparedRequest, context: AskContext, settle: (outcome: WsOutcome) => void): AskResult {
    const result = this.#ask(prepared, context, settle)
    this.#armed.tell()
    return result
  }

  /** The link took the frame under this sequence. `nowUs`: after it did. */
  offered(request: PendingRequest, sequence: number, nowUs: number): void {
    if (!this.#armed.has(request)) return
    this.#armed.offered(request, sequence, nowUs)
    this.#armed.tell()
  }

  /** There was no room for the frame, or no link: it is in no lane, nothing of it was sent, and nothing will be. */
  refused(request: PendingRequest, reason: WsReason, nowUs: number): void {
    if (!this.#armed.has(request)) return
    this.#armed.endUnsent(request, reason, nowUs)
    this.#armed.tell()
  }

  /** Looks at what the kernel has taken since. */
  progress(nowUs: number): void {
    this.#armed.lookAtAll(nowUs)
    this.#armed.tell()
  }

  /**
   * A frame was recognised as a reply on this connection. Where its receive time is only an upper bound (the read that
   * found it may have come late), it is in time as long as no deadline has been declared.
   */
  reply(
    connection: number,
    match: WsReplyMatch,
    source: WsReplySource,
    nowUs: number,
    receiveTime: 'exact' | 'upper-bound' = 'exact',
  ): ReplyEffect {
    const effect = this.#reply(connection, match, source, nowUs, receiveTime === 'exact')
    this.#effects[effect]++
    this.#armed.tell()
    return effect
  }

  /** Settles what is due. Only after the link was drained: a reply that has arrived in time must have been read by now. */
  deadline(nowUs: number): void {
    for (let waiter = this.#armed.firstDue(); waiter !== undefined; waiter = this.#armed.firstDue()) {
      if (!(waiter.dueUs <= nowUs)) break
      if (waiter.dueUs < waiter.deadlineUs) this.#armed.sendByPassed(waiter, nowUs)
      else this.#armed.giveUp(waiter, 'deadline', nowUs)
    }
    this.#armed.tell()
  }

  /** The call's signal fired. Calls that have ended are left alone. */
  abort(waiter: Waiter, nowUs: number): void {
    this.#armed.giveUp(waiter, 'aborted', nowUs)
    this.#armed.tell()
  }

  /** The connection has ended, its last message has been read, and its lanes are never sent: settles all that it carried. */
  disconnected(connection: number, nowUs: number): void {
    for (const request of this.#armed.values()) {
      if (request.connection === connection) this.#armed.cutOff(request, nowUs)
    }
    this.#armed.tell()
  }

  /** Settles everything; every later `ask` ends `not-delivered`/`stopped`. */
  stop(nowUs: number): void {
    this.#stopped = true
    for (const request of this.#armed.values()) this.#armed.end(request, 'stopped', nowUs)
    this.#armed.tell()
  }

  /** Attempts of which a caller was told `unconfirmed`, until a reply or {@link settle}; oldest id first. */
  unresolved(): readonly WsUnresolved[] {
    return this.#past.unresolved()
  }

  /**
   * The user has found out what became of the id. Its attempts are listed no more, not even if more of their callers are
   * told `unconfirmed`. False: none of them was listed.
   */
  settle(requestId: string): boolean {
    return this.#past.settle(requestId)
  }

  #ask(prepared: PreparedRequest, context: AskContext, settle: (outcome: WsOutcome) => void): AskResult {
    const { carrier, nowUs } = context
    const { requestId } = prepared
    const armed = this.#armed.get(requestId)
    if (armed !== undefined) return this.#join(armed, prepared, context, settle)
    const ownUs = this.#own.sinceUs(requestId, nowUs)
    if (ownUs !== undefined) return this.#mismatch(requestId, nowUs - ownUs, context, settle)
    const past = this.#past.latest(requestId, nowUs)
    const isRetry = past !== undefined && past.fingerprint === prepared.fingerprint
    if (past?.begun && !isRetry) {
      const inFlightForUs = (past.answeredMonoUs ?? nowUs) - past.trace.askedMonoUs
      return this.#mismatch(requestId, inFlightForUs, context, settle)
    }
    const attempt = isRetry ? past.trace.attempt + 1 : 1
    if (this.#stopped) return this.#turnAway(requestId, attempt, notDelivered('stopped'), context, settle)
    if (carrier === undefined) return this.#turnAway(requestId, attempt, notDelivered('not-ready'), context, settle)
    if (prepared.signal?.aborted) return this.#turnAway(requestId, attempt, notDelivered('aborted'), context, settle)
    if (this.#isFull) return this.#turnAway(requestId, attempt, this.#tooMany, context, settle)
    const request = new PendingRequest(prepared, carrier, attempt, nowUs, context.epochUs - nowUs)
    this.#armed.add(request)
    return { kind: 'send', waiter: this.#armed.wait(request, prepared, nowUs, settle) }
  }

  #join(
    request: PendingRequest,
    prepared: PreparedRequest,
    context: AskContext,
    settle: (outcome: WsOutcome) => void,
  ): AskResult {
    const { requestId } = prepared
    const { nowUs } = context
    if (request.prepared.fingerprint !== prepared.fingerprint) {
      return this.#mismatch(requestId, nowUs - request.askedMonoUs, context, settle)
    }
    this.#armed.look(request, nowUs)
    if (!this.#armed.has(request)) return this.#ask(prepared, context, settle)
    if (prepared.confirmMode === 'sent' && request.delivery === 'all') {
      this.#armed.say(settle, outcomeOf(request, { kind: 'sent' }, { askedMonoUs: nowUs }))
      return { kind: 'settled' }
    }
    if (this.#isFull) return this.#turnAway(requestId, request.attempt, this.#tooMany, context, settle)
    const waiter = this.#armed.wait(request, prepared, nowUs, settle)
    if (!prepared.signal?.aborted) return { kind: 'joined', waiter }
    this.#armed.giveUp(waiter, 'aborted', nowUs)
    return { kind: 'settled' }
  }

  /** A call that sends nothing and joins nothing. */
  #turnAway(
    requestId: string,
    attempt: number,
    verdict: WsOutcomeVerdict,
    context: AskContext,
    settle: (outcome: WsOutcome) => void,
  ): AskResult {
    this.#armed.say(settle, turnedAway(requestId, attempt, verdict, context))
    return { kind: 'settled' }
  }

  #mismatch(
    requestId: string,
    inFlightForUs: number,
    context: AskContext,
    settle: (outcome: WsOutcome) => void,
  ): AskResult {
    const verdict = { kind: 'payload-mismatch', inFlightForMs: inFlightForUs / 1000 } as const
    return this.#turnAway(requestId, 1, verdict, context, settle)
  }

  /** No ask that is remembered had this id last. */
  #isNobodys(requestId: string, nowUs: number): boolean {
    return this.#own.sinceUs(requestId, nowUs) !== undefined || !this.#past.has(requestId, nowUs)
  }

  get #isFull(): boolean {
    return this.#armed.waiting >= this.#maxPending
  }

  get #tooMany(): WsOutcomeVerdict {
    return { kind: 'too-many-pending', max: this.#maxPending }
  }

  #reply(connection: number, match: WsReplyMatch, source: WsReplySource, nowUs: number, isExact: boolean): ReplyEffect {
    const requestId = String(match.requestId)
    const request = this.#armed.get(requestId)
    if (request === undefined && this.#isNobodys(requestId, nowUs)) return 'unknown'
    const verdict = verdictOf(match, source)
    if (verdict === undefined) return 'neither'
    const { rateLimitFeedback } = match
    const details = { repliedMonoUs: source.receivedMonoUs, rateLimitFeedback }
    const obstacle = request === undefined ? undefined : this.#obstacle(request, connection, source, nowUs)
    if (request !== undefined && obstacle === undefined && this.#armed.has(request)) {
      return this.#answer(request, verdict, details, nowUs, isExact)
    }
    const late = this.#past.lateOutcome(requestId, this.#armed.get(requestId), verdict, details, nowUs)
    if (late === undefined) return obstacle ?? 'unknown'
    this.#armed.say(this.#onLateReply, late)
    return 'late'
  }

  /** Why this cannot be the reply to `request`, which must have left before it was received. Settles who waits for `sent`. */
  #obstacle(
    request: PendingRequest,
    connection: number,
    { receivedMonoUs }: WsReplySource,
    nowUs: number,
  ): ReplyEffect | undefined {
    if (request.connection !== connection) return 'other-connection'
    this.#armed.look(request, nowUs)
    if (request.delivery === 'none' || request.delivery === 'part') return 'too-early'
    if (receivedMonoUs < request.askedMonoUs) return 'too-early'
    // The venue has it, so the kernel had: a transport that cannot know has been told.
    if (request.delivery === 'unknown') this.#armed.taken(request, receivedMonoUs, nowUs)
    // Seen only now, by a transport that tells late; no frame leaves behind its answer.
    request.sentMonoUs = Math.min(request.sentMonoUs ?? receivedMonoUs, receivedMonoUs)
    return undefined
  }

  #answer(
    request: PendingRequest,
    verdict: WsOutcomeVerdict,
    details: OutcomeDetails & { readonly repliedMonoUs: number },
    nowUs: number,
    isExact: boolean,
  ): ReplyEffect {
    let effect: ReplyEffect = 'late'
    for (const waiter of request.waiters) {
      // Of a read that came late it is not known whether the reply did; nobody is condemned on a guess.
      if (isExact && details.repliedMonoUs > waiter.deadlineUs) {
        this.#armed.unconfirm(request, 'deadline')
        this.#armed.settle(waiter, { kind: 'unconfirmed', reason: 'deadline' })
      } else {
        this.#armed.settle(waiter, verdict, { ...details, late: nowUs > waiter.deadlineUs })
        effect = 'settled'
      }
    }
    const answered = verdict.kind !== 'unconfirmed'
    if (request.toldUnconfirmed || effect === 'late') {
      // Somebody was told less than is known now.
      this.#armed.say(this.#onLateReply, outcomeOf(request, verdict, { ...details, late: true }))
    }
    if (answered) this.#past.resolve(request)
    else this.#armed.unconfirm(request, 'status-unknown')
    this.#armed.retire(request, { begun: true, answered }, nowUs)
    return effect
  }
}
