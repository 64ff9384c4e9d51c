import type { PendingRequestsOptions } from './options.ts'
import type { WsOutcome, WsOutcomeVerdict, WsReason } from './outcome.ts'
import { SettledIds, type SettledRequest } from './settled-ids.ts'
import { type OutcomeDetails, outcomeOf, type RequestTrace, snapshotOf, type WsUnresolved } from './trace.ts'
import { UnresolvedRequests } from './unresolved.ts'

/** What is known of requests that nobody waits for any more: settled ids for a while, unresolved ones until they are not. */
export class PastRequests {
  readonly #settled: SettledIds
  readonly #unresolved: UnresolvedRequests

  constructor(options: PendingRequestsOptions) {
    this.#settled = new SettledIds(options.maxSettledIds ?? 4096, options.settledIdsMs ?? 300_000)
    this.#unresolved = new UnresolvedRequests(options.maxUnresolved ?? 4096)
  }

  get unresolvedForgotten(): number {
    return this.#unresolved.forgotten
  }

  /** The latest settled attempt of the id. */
  latest(requestId: string, nowUs: number): SettledRequest | undefined {
    return this.#settled.get(requestId, nowUs)
  }

  has(requestId: string, nowUs: number): boolean {
    return this.latest(requestId, nowUs) !== undefined || this.#unresolved.has(requestId)
  }

  /** `begun`: some of it may have left; that an earlier attempt of the id did is not forgotten. */
  retire(trace: RequestTrace, fingerprint: string, ended: { begun: boolean; answered: boolean }, nowUs: number): void {
    const begun = ended.begun || this.latest(trace.requestId, nowUs)?.begun === true
    const answeredMonoUs = ended.answered ? nowUs : undefined
    this.#settled.remember({ trace: snapshotOf(trace), fingerprint, begun, answeredMonoUs, settledMonoUs: nowUs })
  }

  addUnresolved(trace: RequestTrace, reason: WsReason): void {
    this.#unresolved.add(snapshotOf(trace), reason)
  }

  /** This very attempt is known about now. */
  resolve(trace: RequestTrace): void {
    this.#unresolved.take(trace)
  }

  /**
   * What a reply says about a settled id. It names no attempt: it is taken for that of the oldest unresolved one, else of
   * the latest, but never of the one that is `pending`. Undefined: nothing is known of the id.
   */
  lateOutcome(
    requestId: string,
    pending: RequestTrace | undefined,
    verdict: WsOutcomeVerdict,
    details: OutcomeDetails,
    nowUs: number,
  ): WsOutcome | undefined {
    const latest = this.latest(requestId, nowUs)
    const trace = this.#unresolved.oldest(requestId, pending) ?? latest?.trace
    if (trace === undefined) return undefined
    if (verdict.kind !== 'unconfirmed') {
      this.resolve(trace)
      if (latest !== undefined) latest.answeredMonoUs ??= nowUs
    }
    // Nobody has looked at the frame since; it may have gone on.
    const delivery = trace.delivery === 'all' ? 'all' : 'unknown'
    return outcomeOf({ ...trace, delivery }, verdict, { ...details, late: true })
  }

  unresolved(): WsUnresolved[] {
    return this.#unresolved.list()
  }

  settle(requestId: string): boolean {
    return this.#unresolved.settle(requestId)
  }
}
