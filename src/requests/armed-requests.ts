import type { PreparedRequest } from './delegated-request.ts'
import { DueHeap } from './due-heap.ts'
import type { WsOutcome, WsOutcomeVerdict, WsReason } from './outcome.ts'
import type { PastRequests } from './past-requests.ts'
import { type PendingRequest, Waiter } from './pending-request.ts'
import { type OutcomeDetails, outcomeOf } from './trace.ts'

/**
 * The requests that somebody waits for, and the ways in which they end. An id is armed from before its frame leaves until
 * its last waiter has ended, whom `settle` has then removed: a request without waiters does not stay.
 */
export class ArmedRequests {
  readonly #byId = new Map<string, PendingRequest>()
  /** Every waiter of every armed request, by when it must be looked at. */
  readonly #due = new DueHeap<Waiter>()
  /** Offered, and not yet seen to be with the kernel whole. */
  readonly #untaken = new Set<PendingRequest>()
  readonly #past: PastRequests
  /** Outcomes on their way out, so that nobody is called while the table is between two states. */
  #telling: { readonly to: (outcome: WsOutcome) => void; readonly outcome: WsOutcome }[] = []

  constructor(past: PastRequests) {
    this.#past = past
  }

  get waiting(): number {
    return this.#due.size
  }

  get awaitsKernel(): boolean {
    return this.#untaken.size > 0
  }

  get(requestId: string): PendingRequest | undefined {
    return this.#byId.get(requestId)
  }

  has(request: PendingRequest): boolean {
    return this.#byId.get(request.requestId) === request
  }

  values(): Iterable<PendingRequest> {
    return this.#byId.values()
  }

  firstDue(): Waiter | undefined {
    return this.#due.peek()
  }

  add(request: PendingRequest): void {
    this.#byId.set(request.requestId, request)
  }

  wait(request: PendingRequest, call: PreparedRequest, nowUs: number, settle: (outcome: WsOutcome) => void): Waiter {
    const waiter = new Waiter(request, call, nowUs, settle)
    request.waiters.add(waiter)
    this.#due.push(waiter)
    return waiter
  }

  offered(request: PendingRequest, sequence: number, nowUs: number): void {
    request.sequence = sequence
    this.#untaken.add(request)
    this.look(request, nowUs)
  }

  lookAtAll(nowUs: number): void {
    for (const request of this.#untaken) this.look(request, nowUs)
  }

  /** `sendWithinMs` of one call has passed. */
  sendByPassed(waiter: Waiter, nowUs: number): void {
    this.#due.remove(waiter)
    waiter.dueUs = waiter.deadlineUs
    this.#due.push(waiter)
    this.#expireUnsent(waiter.request, nowUs)
  }

  /** Asks the carrier how far the frame is. Settles who waits for `sent`, which may end the request. */
  look(request: PendingRequest, nowUs: number): void {
    if (request.sequence === undefined || request.delivery === 'all') return
    request.delivery = request.carrier.delivery(request.sequence)
    if (request.delivery === 'all') this.taken(request, nowUs, nowUs)
  }

  /** The kernel has all of the frame, since `sentMonoUs` at the latest. */
  taken(request: PendingRequest, sentMonoUs: number, nowUs: number): void {
    request.delivery = 'all'
    request.sentMonoUs = sentMonoUs
    this.#untaken.delete(request)
    for (const waiter of request.waiters) {
      if (waiter.confirmMode === 'sent') this.settle(waiter, { kind: 'sent' }, { late: nowUs > waiter.deadlineUs })
    }
    if (request.waiters.size === 0) this.retire(request, { begun: true, answered: false }, nowUs)
  }

  /** True: nothing of the frame has left, and nothing will. False: all of it may have; the request may have ended by it. */
  #withdraw(request: PendingRequest, nowUs: number): boolean {
    this.look(request, nowUs)
    if (request.delivery === 'all') return false
    if (request.carrier.withdraw(request)) {
      request.delivery = 'none'
      return true
    }
    this.look(request, nowUs)
    return false
  }

  /**
   * One call, or at a deadline all calls that are due, wait no longer. The frame is withdrawn if nobody is left who would
   * still have it sent, before anybody is told anything.
   */
  giveUp(waiter: Waiter, reason: 'deadline' | 'aborted', nowUs: number): void {
    const { request } = waiter
    const { waiters } = request
    if (!waiters.has(waiter)) return
    this.look(request, nowUs)
    const isLeaving = (each: Waiter): boolean => (reason === 'deadline' ? each.deadlineUs <= nowUs : each === waiter)
    const isWanted = [...waiters].some((each) => !isLeaving(each) && each.sendByUs > nowUs)
    const isWithdrawn = !isWanted && this.#withdraw(request, nowUs)
    const leaving = [...waiters].filter(isLeaving)
    if (isWithdrawn) {
      for (const each of leaving) this.settle(each, notDelivered(reason))
      this.endUnsent(request, 'expired-unsent', nowUs)
    } else if (leaving.length === waiters.size) {
      this.endUnconfirmed(request, reason, nowUs)
    } else if (leaving.length > 0) {
      this.unconfirm(request, reason)
      for (const each of leaving) this.settle(each, { kind: 'unconfirmed', reason })
    }
  }

  /** Withdraws a frame that is too late for everybody who waits. One that has been handed over goes on being waited for. */
  #expireUnsent(request: PendingRequest, nowUs: number): void {
    for (const { sendByUs } of request.waiters) if (sendByUs > nowUs) return
    if (this.#withdraw(request, nowUs)) this.endUnsent(request, 'expired-unsent', nowUs)
  }

  /** Everybody who waits has given up. */
  end(request: PendingRequest, reason: WsReason, nowUs: number): void {
    if (this.#withdraw(request, nowUs)) this.endUnsent(request, reason, nowUs)
    else this.endUnconfirmed(request, reason, nowUs)
  }

  /** The connection has ended, so that what has not begun never will, taken back or not. */
  cutOff(request: PendingRequest, nowUs: number): void {
    if (this.#withdraw(request, nowUs) || request.delivery === 'none') this.endUnsent(request, 'disconnected', nowUs)
    else this.endUnconfirmed(request, 'disconnected', nowUs)
  }

  endUnsent(request: PendingRequest, reason: WsReason, nowUs: number): void {
    for (const waiter of request.waiters) this.settle(waiter, notDelivered(reason))
    // Whoever left while others waited was told `unconfirmed`; now it is known that nothing was sent.
    this.#past.resolve(request)
    this.retire(request, { begun: false, answered: false }, nowUs)
  }

  endUnconfirmed(request: PendingRequest, reason: WsReason, nowUs: number): void {
    if (!this.has(request)) return
    this.unconfirm(request, reason)
    for (const waiter of request.waiters) this.settle(waiter, { kind: 'unconfirmed', reason })
    this.retire(request, { begun: true, answered: false }, nowUs)
  }

  /** The request is listed as unresolved from the first time that somebody is told so. */
  unconfirm(request: PendingRequest, reason: WsReason): void {
    if (request.toldUnconfirmed) return
    request.toldUnconfirmed = true
    this.#past.addUnresolved(request, reason)
  }

  retire(request: PendingRequest, ended: { begun: boolean; answered: boolean }, nowUs: number): void {
    this.#byId.delete(request.requestId)
    this.#untaken.delete(request)
    this.#past.retire(request, request.prepared.fingerprint, ended, nowUs)
  }

  settle(waiter: Waiter, verdict: WsOutcomeVerdict, details: OutcomeDetails = {}): void {
    waiter.request.waiters.delete(waiter)
    this.#due.remove(waiter)
    const outcome = outcomeOf(waiter.request, verdict, { askedMonoUs: waiter.askedMonoUs, ...details })
    this.say(waiter.settle, outcome)
  }

  tell(): void {
    const telling = this.#telling
    if (telling.length === 0) return
    this.#telling = []
    for (const { to, outcome } of telling) to(outcome)
  }

  /** Outcomes leave at the end of the table's method, in the order in which they came about. */
  say(to: (outcome: WsOutcome) => void, outcome: WsOutcome): void {
    this.#telling.push({ to, outcome })
  }
}

export const notDelivered = (reason: WsReason): WsOutcomeVerdict => ({ kind: 'not-delivered', reason })
