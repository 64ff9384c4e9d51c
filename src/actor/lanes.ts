import type { PendingRequest } from '../requests/pending-request.ts'
import type { FramePacer } from '../session/pacing.ts'
import { payloadBytes } from '../transport/payload.ts'
import { OFFER_CLOSED, OFFER_FULL, type WsLink, type WsOfferOptions, type WsPayload } from '../transport/transport.ts'

export interface LaneOptions {
  readonly urgentBytes: number
  readonly normalBytes: number
}

export interface OutboundMessage {
  readonly payload: WsPayload
  readonly binary?: boolean | undefined
  readonly urgent?: boolean | undefined
  /** Whose frame it is; told of its sequence number when the link takes it. */
  readonly request?: PendingRequest | undefined
  /** More follows at once: let the link hold the bytes back. */
  readonly more?: boolean | undefined
  /** The library's own traffic, which waits for the user's where frames are counted. */
  readonly own?: boolean | undefined
  /** The link has taken it. */
  readonly onTaken?: (() => void) | undefined
}

/** What all messages of a burst have in common. */
export type BurstOptions = Pick<OutboundMessage, 'binary' | 'urgent'>

/** A frame that waits no longer depends on the caller: bytes are copied, writers have been run. */
interface Waiting {
  readonly payload: string | Uint8Array
  readonly options: WsOfferOptions
  readonly cost: number
  readonly request: PendingRequest | undefined
  readonly onTaken: (() => void) | undefined
}

/** A place in a lane for a frame whose turn has come but which is not decided yet. See {@link Lanes.reserve}. */
export type LanePlace = Waiting

export type LaneResult = 'taken' | 'queued' | 'full' | 'not-open'

/** So that frames without payload have a bound too. */
const FRAME_COST = 16

function clear(lane: Lane): void {
  lane.waiting.length = 0
  lane.bytes = 0
}

class Lane {
  readonly waiting: Waiting[] = []
  readonly maxBytes: number
  bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }
}

/** The budget of frames, and the time that it needs to be told. */
export interface LanePacing {
  readonly pacer: FramePacer
  readonly nowUs: () => number
}

/**
 * Frames that the link has no room for, or the budget no frame: an urgent lane and a normal one, each in call order, the urgent
 * one first; and, only where frames are counted, a lane of the library's own traffic behind both. They belong to one connection;
 * {@link detach} forgets them.
 */
export class Lanes {
  readonly #urgent: Lane
  readonly #normal: Lane
  readonly #ownTraffic: Lane
  /** In the order in which they are served. */
  readonly #all: readonly Lane[]
  readonly #pacing: LanePacing | undefined
  /** The link has taken a request’s frame. */
  readonly #onOffered: (request: PendingRequest, sequence: number) => void
  #link: WsLink | undefined
  #closed = false

  constructor(
    options: LaneOptions,
    pacing: LanePacing | undefined,
    onOffered: (request: PendingRequest, sequence: number) => void,
  ) {
    this.#urgent = new Lane(options.urgentBytes)
    this.#normal = new Lane(options.normalBytes)
    // Uncounted, own traffic is in call order with the rest.
    this.#ownTraffic = pacing === undefined ? this.#normal : new Lane(options.normalBytes)
    this.#all = pacing === undefined ? [this.#urgent, this.#normal] : [this.#urgent, this.#normal, this.#ownTraffic]
    this.#pacing = pacing
    this.#onOffered = onOffered
  }

  attach(link: WsLink): void {
    this.#link = link
    this.#closed = false
  }

  /** The connection is over: nothing that waits is ever sent. */
  detach(): void {
    this.#link = undefined
    for (const lane of this.#all) clear(lane)
  }

  /** Takes nothing more; what waits still goes out, but for own traffic, which would be for nothing. */
  close(): void {
    this.#closed = true
    if (this.#ownTraffic !== this.#normal) clear(this.#ownTraffic)
  }

  get bytes(): number {
    return this.#all.reduce((sum, lane) => sum + lane.bytes, 0)
  }

  /** When the budget has a frame for what waits; Infinity if nothing waits for it. Monotonic µs. */
  nextDueUs(): number {
    if (this.#pacing === undefined) return Infinity
    const own = this.isEmpty
    if (own && this.#ownTraffic.waiting.length === 0) return Infinity
    const { pacer, nowUs } = this.#pacing
    const dueUs = pacer.nextUs(own)
    // What the budget would let go waits for the link, which tells when it has room.
    return dueUs > nowUs() ? dueUs : Infinity
  }

  /** A frame that did not come through here has left, or is leaving: a pong, a ping. */
  countFrame(own: boolean): void {
    this.#pacing?.pacer.count(this.#pacing.nowUs(), own)
  }

  /** The budget has a frame now. */
  hasFrame(own: boolean): boolean {
    return this.#pacing === undefined || this.#pacing.pacer.nextUs(own) <= this.#pacing.nowUs()
  }

  /** The lanes of the user are at most half full. */
  get isHalfEmpty(): boolean {
    return [this.#urgent, this.#normal].every((lane) => lane.bytes * 2 <= lane.maxBytes)
  }

  /** Nothing that users have sent waits. */
  get isEmpty(): boolean {
    return this.#urgent.waiting.length === 0 && this.#normal.waiting.length === 0
  }

  /**
   * Hands the message to the link, or keeps it. `hold`: keep it in any case (until {@link pump}), because we are inside a
   * hook. Throws what a writer throws, and `ERR_PAYLOAD_…`; then nothing was kept.
   */
  send(message: OutboundMessage, hold: boolean): LaneResult {
    const link = this.#link
    if (link === undefined || this.#closed) return 'not-open'
    const lane = this.#laneOf(message)
    const { own } = message
    if (!this.hasFrame(own === true)) {
      if (own !== true && this.#refusesBeyond) return 'full'
    } else if (!hold && this.#isNext(lane)) {
      const { payload, binary, more } = message
      const sequence = link.offer(payload, offerOptions(binary, more))
      if (sequence === OFFER_CLOSED) return 'not-open'
      if (sequence !== OFFER_FULL) {
        this.#taken(message, sequence, own === true)
        return 'taken'
      }
    }
    return this.#keep(lane, message, hold) ? 'queued' : 'full'
  }

  /**
   * As {@link send} of each in order, as one burst: the link is told of all but the last that more follows. Returns how many
   * were taken or kept; it stops at the first that is not. What a writer throws is thrown when the burst before it is out.
   */
  sendAll(payloads: readonly WsPayload[], about: BurstOptions, hold: boolean): number {
    const { binary, urgent } = about
    const lane = urgent === true ? this.#urgent : this.#normal
    const last = payloads.length - 1
    let accepted = 0
    try {
      // While nothing waits, which is nearly always, the link takes them one after the other: no object is made for any.
      const link = this.#link
      if (link !== undefined && !this.#closed && !hold && this.#pacing === undefined && this.#isNext(lane)) {
        const burst = offerOptions(binary, true)
        const end = offerOptions(binary, false)
        for (; accepted <= last; accepted++) {
          const sequence = link.offer(payloads[accepted] as WsPayload, accepted < last ? burst : end)
          if (sequence === OFFER_FULL) break
          if (sequence === OFFER_CLOSED) return accepted
        }
      }
      for (; accepted <= last; accepted++) {
        const payload = payloads[accepted] as WsPayload
        const sent = this.send({ payload, binary, urgent, more: accepted < last }, hold)
        if (sent === 'full' || sent === 'not-open') return accepted
      }
    } finally {
      // Stopped early, by a full lane or a payload function that threw: what was taken must not be held back.
      if (accepted <= last) this.#link?.flush()
    }
    return accepted
  }

  /**
   * Keeps a place for a frame that is to be decided when the hook has returned, so that what is sent in between goes out
   * behind it. {@link fill} or {@link giveUp} must follow before the next {@link pump}.
   */
  reserve(urgent: boolean): LanePlace {
    const place: Waiting = { payload: '', options: NOTHING_MORE, cost: 0, request: undefined, onTaken: undefined }
    const lane = urgent ? this.#urgent : this.#normal
    lane.waiting.push(place)
    return place
  }

  /** As {@link send}, at the place kept for it. */
  fill(place: LanePlace, message: OutboundMessage): LaneResult {
    const lane = message.urgent === true ? this.#urgent : this.#normal
    const index = lane.waiting.indexOf(place)
    this.giveUp(place)
    if (index < 0 || this.#link === undefined || this.#closed) return 'not-open'
    const entry = this.#independent(lane, message, index === 0)
    if (entry === undefined) return 'full'
    lane.waiting.splice(index, 0, entry)
    lane.bytes += entry.cost
    return 'queued'
  }

  giveUp(place: LanePlace): void {
    for (const lane of [this.#urgent, this.#normal]) {
      const index = lane.waiting.indexOf(place)
      if (index >= 0) lane.waiting.splice(index, 1)
    }
  }

  /** Gives the link what it has room for. */
  pump(): void {
    const link = this.#link
    if (link === undefined || this.#all.every((lane) => lane.waiting.length === 0)) return
    for (const lane of this.#all) if (!this.#pumpLane(lane, link)) break
    link.flush()
  }

  /** Takes a request's frame out. False: it does not wait here. */
  withdraw(request: PendingRequest): boolean {
    const lane = request.prepared.urgent ? this.#urgent : this.#normal
    const index = lane.waiting.findIndex((entry) => entry.request === request)
    if (index < 0) return false
    const [entry] = lane.waiting.splice(index, 1)
    lane.bytes -= (entry as Waiting).cost
    return true
  }

  /** No frame waits that goes out before a new one of this lane. */
  #isNext(lane: Lane): boolean {
    for (const before of this.#all) {
      if (before.waiting.length > 0) return false
      if (before === lane) return true
    }
    return true
  }

  get #refusesBeyond(): boolean {
    return this.#pacing?.pacer.whenOverBudget === 'not-delivered'
  }

  #laneOf({ urgent, own }: OutboundMessage): Lane {
    if (own === true && this.#ownTraffic !== this.#normal) return this.#ownTraffic
    return urgent === true ? this.#urgent : this.#normal
  }

  #taken(
    { request, onTaken }: Pick<Waiting, 'request' | 'onTaken'> | OutboundMessage,
    sequence: number,
    own: boolean,
  ): void {
    this.countFrame(own)
    if (request !== undefined) this.#onOffered(request, sequence)
    onTaken?.()
  }

  /** False: the link is full or closed, or the budget is spent. */
  #pumpLane(lane: Lane, link: WsLink): boolean {
    const own = lane === this.#ownTraffic && lane !== this.#normal
    for (let entry = lane.waiting[0]; entry !== undefined; entry = lane.waiting[0]) {
      if (!this.hasFrame(own)) return false
      const sequence = link.offer(entry.payload, entry.options)
      // Closed: the end of the link follows, and with it the end of what waits.
      if (sequence === OFFER_FULL || sequence === OFFER_CLOSED) return false
      lane.waiting.shift()
      lane.bytes -= entry.cost
      this.#taken(entry, sequence, own)
    }
    return true
  }

  #keep(lane: Lane, message: OutboundMessage, hold: boolean): boolean {
    const entry = this.#independent(lane, message, hold && lane.waiting.length === 0)
    if (entry === undefined) return false
    lane.waiting.push(entry)
    lane.bytes += entry.cost
    return true
  }

  /**
   * The message, independent of its caller; undefined when the lane has no room for it. `anySize`: nothing but a hook
   * that has not returned keeps it from the link, and an empty link takes one frame of any size.
   */
  #independent(lane: Lane, message: OutboundMessage, anySize = false): Waiting | undefined {
    const { payload, binary, request, onTaken } = message
    const room = anySize ? Number.POSITIVE_INFINITY : lane.maxBytes - lane.bytes - FRAME_COST
    // A UTF-16 unit is at least one byte of UTF-8: what is plainly too long need not be measured or copied.
    if (room < 0 || (typeof payload !== 'function' && payload.length > room)) return undefined
    const owned = typeof payload === 'string' ? payload : payloadBytes(payload)
    const cost = FRAME_COST + (typeof owned === 'string' ? Buffer.byteLength(owned) : owned.byteLength)
    if (cost - FRAME_COST > room) return undefined
    // A writer's bytes are text unless the call says otherwise; as a Uint8Array they would be taken for binary.
    const asBinary = binary ?? (typeof payload === 'function' ? false : undefined)
    return { payload: owned, options: offerOptions(asBinary, true), cost, request, onTaken }
  }
}

const MORE: WsOfferOptions = { more: true }
const NOTHING_MORE: WsOfferOptions = {}

function offerOptions(binary: boolean | undefined, more: boolean | undefined): WsOfferOptions {
  if (binary === undefined) return more === true ? MORE : NOTHING_MORE
  return { binary, more: more === true }
}
