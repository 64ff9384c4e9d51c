import { type PreparedRequest, prepareRequest, type WsDelegatedRequest } from '../requests/delegated-request.ts'
import type { WsOutcome } from '../requests/outcome.ts'
import type { Waiter } from '../requests/pending-request.ts'
import { PendingRequests, type PendingRequestsOptions } from '../requests/pending-requests.ts'
import type { WsRequestIds } from '../requests/request-ids.ts'
import type { FramePacer } from '../session/pacing.ts'
import { listenForAbort } from '../support/abort.ts'
import type { Clock } from '../support/clock.ts'
import { type LaneOptions, type LanePlace, Lanes } from './lanes.ts'
import type { LiveConnection } from './live-connection.ts'

export interface AsksOptions {
  readonly requests: PendingRequestsOptions
  readonly lanes: LaneOptions
  readonly pacer: FramePacer | undefined
  readonly clock: Clock
  readonly ids: WsRequestIds
  /** Where frames must have their ids; undefined: nobody knows. */
  readonly requestIdPath: string | undefined
}

/** When an ask was called, and what held for it when its turn came, which inside a hook is later. */
interface Turn {
  readonly askedUs: number
  readonly askedEpochUs: number
  readonly carrier: LiveConnection | undefined
  readonly connection: number
  readonly place: LanePlace | undefined
  readonly mustWait: boolean
}

/**
 * The promises of `ask`, between the request table, which knows no promise, and the lanes, which know no outcome. `enter` runs
 * what comes from outside (a signal) in the actor's order.
 */
export class Asks {
  readonly table: PendingRequests
  readonly lanes: Lanes
  readonly #clock: Clock
  readonly #ids: WsRequestIds
  readonly #requestIdPath: string | undefined
  readonly #enter: (run: () => void) => void
  readonly #isInside: () => boolean

  constructor(
    options: AsksOptions,
    onLateReply: (outcome: WsOutcome) => void,
    enter: (run: () => void) => void,
    isInside: () => boolean,
  ) {
    this.#isInside = isInside
    this.#clock = options.clock
    this.#ids = options.ids
    this.#requestIdPath = options.requestIdPath
    this.#enter = enter
    this.table = new PendingRequests(options.requests, onLateReply)
    const nowUs = (): number => this.#clock.monoUs()
    this.lanes = new Lanes(options.lanes, options.pacer, nowUs, (request, sequence) => {
      this.table.offered(request, sequence, nowUs())
    })
  }

  /**
   * Checks and makes the frame now; the rest is in order. `carrier` is asked then: undefined if the connection takes no
   * asks. Rejects for the programmer's mistakes.
   */
  ask(
    request: WsDelegatedRequest,
    carrier: () => LiveConnection | undefined,
    connection: () => number,
    mustWait = false,
  ): Promise<WsOutcome> {
    // Not `async`, which would take microtasks more: the outcome must be heard before the end that brought it about.
    return new Promise((resolve) => {
      const prepared = prepareRequest(request, this.#ids, this.#requestIdPath)
      const asked = { askedUs: this.#clock.monoUs(), askedEpochUs: this.#clock.epochUs() }
      // From inside a hook it is decided afterwards, but wire order is call order (within a lane).
      const place = this.#isInside() ? this.lanes.reserve(prepared.urgent === true) : undefined
      this.#enter(() => {
        try {
          this.#admit(prepared, { ...asked, carrier: carrier(), connection: connection(), place, mustWait }, resolve)
        } finally {
          if (place !== undefined) this.lanes.giveUp(place)
        }
      })
    })
  }

  #admit(prepared: PreparedRequest, turn: Turn, resolve: (outcome: WsOutcome) => void): void {
    const { carrier, connection } = turn
    const { signal } = prepared
    let waiter: Waiter | undefined
    let settled = false
    const onAbort = (): void => {
      this.#enter(() => {
        if (waiter !== undefined) this.table.abort(waiter, this.#clock.monoUs())
      })
    }
    const settle = (outcome: WsOutcome): void => {
      settled = true
      signal?.removeEventListener('abort', onAbort)
      resolve(outcome)
    }
    const context = { carrier, connection, nowUs: turn.askedUs, epochUs: turn.askedEpochUs }
    const result = this.table.ask(prepared, context, settle)
    if (result.kind === 'settled' || settled) return
    waiter = result.waiter
    // Before anything is sent: an abort that came first sends nothing.
    const nowUs = this.#clock.monoUs()
    if (signal?.aborted === true) this.table.abort(waiter, nowUs)
    else if (signal !== undefined) listenForAbort(signal, onAbort)
    if (result.kind === 'send' && !settled) this.#send(prepared, waiter, turn, nowUs)
  }

  #send(prepared: PreparedRequest, waiter: Waiter, { place, mustWait }: Turn, nowUs: number): void {
    const { request, dueUs, deadlineUs } = waiter
    const { payload, binary, urgent } = prepared
    // The hook that asked took longer than the request was given.
    if (place !== undefined && dueUs <= nowUs) {
      this.table.refused(request, deadlineUs <= nowUs ? 'deadline' : 'expired-unsent', nowUs)
      return
    }
    const message = { payload, binary, urgent, request, mustWait }
    const sent = place === undefined ? this.lanes.send(message, false) : this.lanes.fill(place, message)
    if (sent === 'full') this.table.refused(request, 'queue-full', this.#clock.monoUs())
    if (sent === 'not-open') this.table.refused(request, 'not-ready', this.#clock.monoUs())
  }
}
