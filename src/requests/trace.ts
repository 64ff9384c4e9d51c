import type { WsDelivery } from '../transport/transport.ts'
import type { WsOutcome, WsOutcomeTiming, WsOutcomeVerdict, WsRateLimitFeedback, WsReason } from './outcome.ts'

/** What is known of one attempt, apart from its frame: enough to speak about it when the frame is forgotten. */
export interface RequestTrace {
  readonly requestId: string
  readonly connection: number
  readonly attempt: number
  readonly askedMonoUs: number
  /** When the kernel was first seen to have all of the frame. */
  readonly sentMonoUs: number | undefined
  readonly delivery: WsDelivery
  /** Add to a monotonic time for Unix epoch µs, as it was at the ask. */
  readonly epochOffsetUs: number
}

/** What one answer, or its absence, adds. */
export interface OutcomeDetails {
  readonly late?: boolean
  /** Of the call, where it is not the one that made the attempt. */
  readonly askedMonoUs?: number
  readonly repliedMonoUs?: number
  readonly rateLimitFeedback?: WsRateLimitFeedback | undefined
}

/** An attempt that ended `unconfirmed` and of which nothing has been learned since. */
export interface WsUnresolved {
  readonly requestId: string
  readonly connection: number
  readonly attempt: number
  readonly reason: WsReason
  /** As last seen; never `none`. */
  readonly delivery: WsDelivery
  readonly timing: WsOutcomeTiming
}

export function outcomeOf(trace: RequestTrace, verdict: WsOutcomeVerdict, details: OutcomeDetails = {}): WsOutcome {
  const { rateLimitFeedback } = details
  return {
    requestId: trace.requestId,
    connection: trace.connection,
    attempt: trace.attempt,
    late: details.late ?? false,
    delivery: verdict.kind === 'unconfirmed' ? possibleDelivery(trace) : trace.delivery,
    timing: timingOf(trace, details.askedMonoUs, details.repliedMonoUs),
    ...(rateLimitFeedback === undefined ? {} : { rateLimitFeedback }),
    ...verdict,
  }
}

/** Of a call that sent nothing of its own and joined nothing. */
export function turnedAway(
  requestId: string,
  attempt: number,
  verdict: WsOutcomeVerdict,
  { connection, epochUs }: { readonly connection: number; readonly epochUs: number },
): WsOutcome {
  return {
    requestId,
    connection,
    attempt,
    late: false,
    delivery: 'none',
    timing: { askedAtUs: epochUs },
    ...verdict,
  }
}

export function unresolvedOf(trace: RequestTrace, reason: WsReason): WsUnresolved {
  return {
    requestId: trace.requestId,
    connection: trace.connection,
    attempt: trace.attempt,
    reason,
    delivery: possibleDelivery(trace),
    timing: timingOf(trace, undefined, undefined),
  }
}

/** A frame that may yet leave, or that the I/O thread has just claimed, must not look as if none of it had left. */
function possibleDelivery({ delivery }: RequestTrace): WsDelivery {
  return delivery === 'none' ? 'unknown' : delivery
}

function timingOf(trace: RequestTrace, asked: number | undefined, replied: number | undefined): WsOutcomeTiming {
  const offset = trace.epochOffsetUs
  return {
    askedAtUs: (asked ?? trace.askedMonoUs) + offset,
    ...(trace.sentMonoUs === undefined ? {} : { sentAtUs: trace.sentMonoUs + offset }),
    ...(replied === undefined ? {} : { repliedAtUs: replied + offset }),
  }
}

/** As it is now, without the frame and its carrier. */
export function snapshotOf(trace: RequestTrace): RequestTrace {
  const { requestId, connection, attempt, askedMonoUs, sentMonoUs, delivery, epochOffsetUs } = trace
  return { requestId, connection, attempt, askedMonoUs, sentMonoUs, delivery, epochOffsetUs }
}
