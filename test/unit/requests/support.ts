import { expect } from 'vitest'
import { prepareRequest, type WsDelegatedRequest } from '../../../src/requests/delegated-request.ts'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { PendingRequest, RequestCarrier, Waiter } from '../../../src/requests/pending-request.ts'
import { type AskResult, PendingRequests, type PendingRequestsOptions } from '../../../src/requests/pending-requests.ts'
import type { ReplyEffect, WsReplyMatch } from '../../../src/requests/reply-match.ts'
import type { WsDelivery } from '../../../src/transport/transport.ts'

export const EPOCH_OFFSET_US = 1_700_000_000_000_000

/** Lanes and link of one connection, as the test says they are. */
export class FakeCarrier implements RequestCarrier {
  readonly connection: number
  /** By sequence. */
  readonly deliveries = new Map<number, WsDelivery>()
  /** The I/O thread has claimed these, though no byte has left. */
  readonly claimed = new Set<number>()
  readonly withdrawn: PendingRequest[] = []
  withdrawals = 0
  lastSequence = 0

  constructor(connection: number) {
    this.connection = connection
  }

  withdraw(request: PendingRequest): boolean {
    this.withdrawals++
    const { sequence } = request
    if (sequence !== undefined && (this.claimed.has(sequence) || this.delivery(sequence) !== 'none')) return false
    this.withdrawn.push(request)
    return true
  }

  delivery(sequence: number): WsDelivery {
    return this.deliveries.get(sequence) ?? 'none'
  }
}

export interface Call {
  readonly result: AskResult
  /** One, in the end. */
  readonly outcomes: WsOutcome[]
}

/** A table, a clock and a connection, to try sentences on. */
export class Desk {
  readonly late: WsOutcome[] = []
  readonly table: PendingRequests
  carrier: FakeCarrier | undefined = new FakeCarrier(1)
  nowUs = 10_000_000
  #nextId = 1

  constructor(options: PendingRequestsOptions = {}) {
    this.table = new PendingRequests(options, (outcome) => this.late.push(outcome))
  }

  passMs(ms: number): this {
    this.nowUs += ms * 1000
    return this
  }

  /** Confirmed mode, 100 ms, frame `order`, an id of its own: unless said otherwise. */
  ask(request: Partial<WsDelegatedRequest> = {}): Call {
    const full = { frame: 'order', confirmMode: 'confirmed', timeoutMs: 100, ...request } as const
    const prepared = prepareRequest(full, { next: () => `id-${this.#nextId++}` })
    const outcomes: WsOutcome[] = []
    const connection = this.carrier?.connection ?? 0
    const context = { carrier: this.carrier, connection, nowUs: this.nowUs, epochUs: this.nowUs + EPOCH_OFFSET_US }
    return { result: this.table.ask(prepared, context, (outcome) => outcomes.push(outcome)), outcomes }
  }

  /** An ask whose frame went straight to the kernel, or as far as `delivery` says. */
  askSent(request: Partial<WsDelegatedRequest> = {}, delivery: WsDelivery = 'all'): Call {
    const call = this.ask(request)
    this.offer(call, delivery)
    return call
  }

  offer(call: Call, delivery: WsDelivery): void {
    const { request } = waiterOf(call)
    const carrier = request.carrier as FakeCarrier
    const sequence = ++carrier.lastSequence
    carrier.deliveries.set(sequence, delivery)
    this.table.offered(request, sequence, this.nowUs)
  }

  /** The kernel took more. */
  deliver(call: Call, delivery: WsDelivery): void {
    const { request } = waiterOf(call)
    ;(request.carrier as FakeCarrier).deliveries.set(request.sequence as number, delivery)
    this.table.progress(this.nowUs)
  }

  reply(
    requestId: string,
    match: Partial<WsReplyMatch> = {},
    at: { receivedMonoUs?: number; connection?: number; text?: string } = {},
  ): ReplyEffect {
    const source = { receivedMonoUs: at.receivedMonoUs ?? this.nowUs, text: () => at.text ?? `{"id":"${requestId}"}` }
    const connection = at.connection ?? (this.carrier as FakeCarrier).connection
    return this.table.reply(connection, { requestId, verdict: 'confirmed', ...match }, source, this.nowUs)
  }

  deadline(): void {
    this.table.deadline(this.nowUs)
  }

  abort(call: Call): void {
    this.table.abort(waiterOf(call), this.nowUs)
  }

  /** The connection ends, and the next one opens. */
  reconnect(): void {
    const { connection } = this.carrier as FakeCarrier
    this.table.disconnected(connection, this.nowUs)
    this.carrier = new FakeCarrier(connection + 1)
  }
}

export function waiterOf({ result }: Call): Waiter {
  if (result.kind === 'settled') throw new Error('this call has settled at once')
  return result.waiter
}

/** The one outcome of a call that has ended. */
export function outcomeOf({ outcomes }: Call): WsOutcome {
  expect(outcomes).toHaveLength(1)
  return outcomes[0] as WsOutcome
}

export function expectWaiting({ outcomes }: Call): void {
  expect(outcomes).toEqual([])
}
