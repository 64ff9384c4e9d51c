import type { WsDelivery } from '../transport/transport.ts'
import type { PreparedRequest } from './delegated-request.ts'
import type { WsOutcome } from './outcome.ts'
import type { RequestTrace } from './trace.ts'

/**
 * What the table asks of whoever carries its frames: the lanes and the link of one connection. Both methods are called
 * from inside methods of the table and must not call it back.
 */
export interface RequestCarrier {
  /** 1, 2, …: which connection of the actor. */
  readonly connection: number
  /**
   * Takes the frame out of its lane, or, once the request has a `sequence`, back from the link. True: no byte of it has
   * left, and none ever will.
   */
  withdraw(request: PendingRequest): boolean
  /** Bytes that the kernel took of a frame that was offered; answerable after the link's end. */
  delivery(sequence: number): WsDelivery
}

/** One frame on its way, and the calls that wait for what becomes of it. Written to by the table alone. */
export class PendingRequest implements RequestTrace {
  readonly prepared: PreparedRequest
  readonly carrier: RequestCarrier
  readonly attempt: number
  readonly askedMonoUs: number
  readonly epochOffsetUs: number
  readonly waiters = new Set<Waiter>()
  /** Of the frame on its link; undefined while it waits in a lane. */
  sequence: number | undefined
  /** As last seen; `all` is final. */
  delivery: WsDelivery = 'none'
  sentMonoUs: number | undefined
  /** A waiter was told `unconfirmed`; should an answer come, it is told late as well. */
  toldUnconfirmed = false

  constructor(
    prepared: PreparedRequest,
    carrier: RequestCarrier,
    attempt: number,
    askedMonoUs: number,
    epochOffsetUs: number,
  ) {
    this.prepared = prepared
    this.carrier = carrier
    this.attempt = attempt
    this.askedMonoUs = askedMonoUs
    this.epochOffsetUs = epochOffsetUs
  }

  get requestId(): string {
    return this.prepared.requestId
  }

  get connection(): number {
    return this.carrier.connection
  }

  /** Somebody would still have the frame sent. */
  isWanted(nowUs: number): boolean {
    for (const { sendByUs, deadlineUs } of this.waiters) if (sendByUs > nowUs && deadlineUs > nowUs) return true
    return false
  }
}

/** One call of `ask` that waits. The actor hands it to `abort`; the rest of it is the table's. */
export class Waiter {
  readonly request: PendingRequest
  readonly confirmMode: 'sent' | 'confirmed'
  readonly askedMonoUs: number
  readonly deadlineUs: number
  /** `Infinity` without `sendWithinMs`. */
  readonly sendByUs: number
  readonly settle: (outcome: WsOutcome) => void
  /** When it must be looked at next: `sendByUs` first, then `deadlineUs`. */
  dueUs: number
  /** Where it is in the heap; -1 outside. */
  heapIndex = -1

  constructor(
    request: PendingRequest,
    call: PreparedRequest,
    askedMonoUs: number,
    settle: (outcome: WsOutcome) => void,
  ) {
    this.request = request
    this.confirmMode = call.confirmMode
    this.askedMonoUs = askedMonoUs
    this.deadlineUs = askedMonoUs + call.timeoutMs * 1000
    this.sendByUs = call.sendWithinMs === undefined ? Infinity : askedMonoUs + call.sendWithinMs * 1000
    this.settle = settle
    this.dueUs = Math.min(this.sendByUs, this.deadlineUs)
  }
}

/** Where an ask is to go, and when it was made. */
export interface AskContext {
  /** Undefined: asks are not accepted now, and a call that cannot join ends `not-delivered`/`not-ready`. */
  readonly carrier: RequestCarrier | undefined
  /** The current connection, or the last one; 0 before the first. */
  readonly connection: number
  readonly nowUs: number
  /** The same moment, Unix epoch µs. */
  readonly epochUs: number
}

export type AskResult =
  /** The id is armed: put `waiter.request` into its lane, then say `offered` or `refused`. */
  | { readonly kind: 'send'; readonly waiter: Waiter }
  /** Send nothing. */
  | { readonly kind: 'joined'; readonly waiter: Waiter }
  /** `settle` has been called already. */
  | { readonly kind: 'settled' }
