import { prepareRequest } from '../../../src/requests/delegated-request.ts'
import type { WsOutcome } from '../../../src/requests/outcome.ts'
import type { PendingRequest, RequestCarrier, Waiter } from '../../../src/requests/pending-request.ts'
import { PendingRequests } from '../../../src/requests/pending-requests.ts'
import type { WsVerdict } from '../../../src/requests/reply-match.ts'
import type { WsDelivery } from '../../../src/transport/transport.ts'

/** A frame from the ask that made it, in a world where bytes are counted. */
export interface Frame {
  readonly request: PendingRequest
  readonly line: Line
  taken: number
  takenAllUs: number
  claimed: boolean
  withdrawn: boolean
}

export interface WorldCall {
  readonly id: string
  readonly order: string
  readonly mode: 'sent' | 'confirmed'
  readonly deadlineUs: number
  readonly hasSendBy: boolean
  /** Undefined when the call was turned away, or was done at once. */
  frame: Frame | undefined
  waiter: Waiter | undefined
  readonly outcomes: WsOutcome[]
}

export const FRAME_BYTES = 3
const LANE_FRAMES = 6

/** Lane, link and kernel of one connection: frames go from left to right and are forgotten nowhere. */
class Line implements RequestCarrier {
  readonly connection: number
  readonly lane: Frame[] = []
  /** Offered, in order: the first ones with the kernel, whole or in part. */
  readonly link: Frame[] = []
  readonly bySequence = new Map<number, Frame>()
  #last = 0
  alive = true

  constructor(connection: number) {
    this.connection = connection
  }

  withdraw(request: PendingRequest): boolean {
    const inLane = this.lane.findIndex((frame) => frame.request === request)
    if (inLane !== -1) {
      const [frame] = this.lane.splice(inLane, 1) as [Frame]
      frame.withdrawn = true
      return true
    }
    const frame = this.link.find((offered) => offered.request === request)
    if (frame === undefined || !this.alive || frame.claimed || frame.taken > 0) return false
    this.link.splice(this.link.indexOf(frame), 1)
    frame.withdrawn = true
    return true
  }

  delivery(sequence: number): WsDelivery {
    const { taken } = this.bySequence.get(sequence) as Frame
    return taken === 0 ? 'none' : taken < FRAME_BYTES ? 'part' : 'all'
  }

  offer(frame: Frame): number {
    this.link.push(frame)
    this.bySequence.set(++this.#last, frame)
    return this.#last
  }
}

/** A table and everything around it, moved by one random step after another. */
export class World {
  nowUs = 1_000_000
  line = new Line(1)
  ready = true
  readonly max = 12
  readonly calls: WorldCall[] = []
  /** One per `send`: what may ever reach the venue. */
  readonly frames: Frame[] = []
  readonly late: WsOutcome[] = []
  readonly table = new PendingRequests({ maxPending: this.max, settledIdsMs: 86_400_000 }, (outcome) => {
    this.late.push(outcome)
    this.onOutcome(outcome, undefined)
  })
  /** Runs inside `settle` and `onLateReply`. */
  onOutcome: (outcome: WsOutcome, call: WorldCall | undefined) => void = () => {}
  /** Every reply given to the table: id, verdict, receive time, connection. */
  readonly replies = new Set<string>()
  readonly #random: () => number
  #nextId = 1

  constructor(random: () => number) {
    this.#random = random
  }

  int(n: number): number {
    return Math.floor(this.#random() * n)
  }

  chance(probability: number): boolean {
    return this.#random() < probability
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.int(items.length)]
  }

  get waiting(): WorldCall[] {
    return this.calls.filter(({ outcomes }) => outcomes.length === 0)
  }

  ask(): WorldCall {
    const id = this.chance(0.7) ? `pool-${this.int(6)}` : `own-${this.#nextId++}`
    const order = this.chance(0.8) ? 'buy' : 'sell'
    const mode = this.chance(0.3) ? 'sent' : 'confirmed'
    const timeoutMs = 1 + this.int(30)
    const sendWithinMs = this.chance(0.3) ? this.int(10) : undefined
    const request = { frame: order, requestId: id, confirmMode: mode, timeoutMs } as const
    const signal = this.chance(0.03) ? { signal: AbortSignal.abort() } : {}
    const prepared = prepareRequest(
      { ...request, ...signal, ...(sendWithinMs === undefined ? {} : { sendWithinMs }) },
      { next: () => '' },
    )
    const deadlineUs = this.nowUs + timeoutMs * 1000
    const call: WorldCall = {
      id,
      order,
      mode,
      deadlineUs,
      hasSendBy: sendWithinMs !== undefined,
      frame: undefined,
      waiter: undefined,
      outcomes: [],
    }
    this.calls.push(call)
    const { connection } = this.line
    const carrier = this.ready ? this.line : undefined
    const context = { carrier, connection, nowUs: this.nowUs, epochUs: this.nowUs + 7 }
    const told: WsOutcome[] = []
    const result = this.table.ask(prepared, context, (outcome) => {
      call.outcomes.push(outcome)
      if (call.frame === undefined) told.push(outcome)
      else this.onOutcome(outcome, call)
    })
    if (result.kind !== 'settled') {
      call.waiter = result.waiter
      call.frame = this.frames.find(({ request }) => request === result.waiter.request)
    }
    if (result.kind === 'send') {
      const frame = { request: result.waiter.request, line: this.line, taken: 0, takenAllUs: Infinity }
      call.frame = { ...frame, claimed: false, withdrawn: false }
      this.frames.push(call.frame)
      if (this.line.lane.length >= LANE_FRAMES) {
        call.frame.withdrawn = true
        this.table.refused(call.frame.request, 'queue-full', this.nowUs)
      } else this.line.lane.push(call.frame)
    }
    for (const outcome of told) this.onOutcome(outcome, call)
    return call
  }

  /** The link takes the next frame of the lane. */
  offer(): void {
    const frame = this.line.lane.shift()
    if (frame === undefined) return
    const sequence = this.line.offer(frame)
    // Sent from inside `offer`, perhaps.
    if (this.chance(0.5)) this.kernelTakes(1 + this.int(2 * FRAME_BYTES))
    this.table.offered(frame.request, sequence, this.nowUs)
  }

  /** Bytes go to the kernel in the order of the link; the table is not told. */
  kernelTakes(bytes: number): void {
    let rest = bytes
    for (const frame of this.line.link) {
      const taken = Math.min(rest, FRAME_BYTES - frame.taken)
      if (taken > 0 && frame.withdrawn) throw new Error('a withdrawn frame was begun')
      frame.taken += taken
      rest -= taken
      if (frame.taken === FRAME_BYTES && taken > 0) frame.takenAllUs = this.nowUs
    }
  }

  /** The I/O thread claims the next frame that it has not begun. */
  claim(): void {
    const next = this.line.link.find(({ taken }) => taken === 0)
    if (next !== undefined) next.claimed = true
  }

  reply(id: string, verdict: WsVerdict, atUs: number, connection: number): string {
    this.replies.add(`${id} ${verdict} ${atUs} ${connection}`)
    const source = { receivedMonoUs: atUs, text: () => `{"id":"${id}","at":${atUs}}` }
    const details = verdict === 'rejected' ? { message: 'no' } : {}
    return this.table.reply(connection, { requestId: id, verdict, ...details }, source, this.nowUs)
  }

  reconnect(): void {
    const old = this.line
    old.alive = false
    this.table.disconnected(old.connection, this.nowUs)
    if (old.lane.length > 0) throw new Error('a frame was left in a lane')
    this.line = new Line(old.connection + 1)
  }
}
