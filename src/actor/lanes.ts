import type { PendingRequest } from '../requests/pending-request.ts'
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
}

/** What all messages of a burst have in common. */
export type BurstOptions = Pick<OutboundMessage, 'binary' | 'urgent'>

/** A frame that waits no longer depends on the caller: bytes are copied, writers have been run. */
interface Waiting {
  readonly payload: string | Uint8Array
  readonly options: WsOfferOptions
  readonly cost: number
  readonly request: PendingRequest | undefined
}

/** A place in a lane for a frame whose turn has come but which is not decided yet. See {@link Lanes.reserve}. */
export type LanePlace = Waiting

export type LaneResult = 'taken' | 'queued' | 'full' | 'not-open'

/** So that frames without payload have a bound too. */
const FRAME_COST = 16

class Lane {
  readonly waiting: Waiting[] = []
  readonly maxBytes: number
  bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }
}

/**
 * Frames that the link has no room for: an urgent lane and a normal one, each in call order, the urgent one first. They
 * belong to one connection; {@link detach} forgets them.
 */
export class Lanes {
  readonly #urgent: Lane
  readonly #normal: Lane
  /** The link has taken a request’s frame. */
  readonly #onOffered: (request: PendingRequest, sequence: number) => void
  #link: WsLink | undefined
  #closed = false

  constructor(options: LaneOptions, onOffered: (request: PendingRequest, sequence: number) => void) {
    this.#urgent = new Lane(options.urgentBytes)
    this.#normal = new Lane(options.normalBytes)
    this.#onOffered = onOffered
  }

  attach(link: WsLink): void {
    this.#link = link
    this.#closed = false
  }

  /** The connection is over: nothing that waits is ever sent. */
  detach(): void {
    this.#link = undefined
    for (const lane of [this.#urgent, this.#normal]) {
      lane.waiting.length = 0
      lane.bytes = 0
    }
  }

  /** Takes nothing more; what waits still goes out. */
  close(): void {
    this.#closed = true
  }

  get bytes(): number {
    return this.#urgent.bytes + this.#normal.bytes
  }

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
    const lane = message.urgent === true ? this.#urgent : this.#normal
    if (!hold && this.#isNext(lane)) {
      const { payload, binary, more, request } = message
      const sequence = link.offer(payload, offerOptions(binary, more))
      if (sequence === OFFER_CLOSED) return 'not-open'
      if (sequence !== OFFER_FULL) {
        if (request !== undefined) this.#onOffered(request, sequence)
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
      if (link !== undefined && !this.#closed && !hold && this.#isNext(lane)) {
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
    const place: Waiting = { payload: '', options: NOTHING_MORE, cost: 0, request: undefined }
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
    const entry = this.#own(lane, message, index === 0)
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
    if (link === undefined || this.isEmpty) return
    for (const lane of [this.#urgent, this.#normal]) if (!this.#pumpLane(lane, link)) break
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
    return lane.waiting.length === 0 && (lane === this.#urgent || this.#urgent.waiting.length === 0)
  }

  /** False: the link is full or closed. */
  #pumpLane(lane: Lane, link: WsLink): boolean {
    for (let entry = lane.waiting[0]; entry !== undefined; entry = lane.waiting[0]) {
      const sequence = link.offer(entry.payload, entry.options)
      // Closed: the end of the link follows, and with it the end of what waits.
      if (sequence === OFFER_FULL || sequence === OFFER_CLOSED) return false
      lane.waiting.shift()
      lane.bytes -= entry.cost
      if (entry.request !== undefined) this.#onOffered(entry.request, sequence)
    }
    return true
  }

  #keep(lane: Lane, message: OutboundMessage, hold: boolean): boolean {
    const entry = this.#own(lane, message, hold && lane.waiting.length === 0)
    if (entry === undefined) return false
    lane.waiting.push(entry)
    lane.bytes += entry.cost
    return true
  }

  /**
   * The message, independent of its caller; undefined when the lane has no room for it. `anySize`: nothing but a hook
   * that has not returned keeps it from the link, and an empty link takes one frame of any size.
   */
  #own(lane: Lane, message: OutboundMessage, anySize = false): Waiting | undefined {
    const { payload, binary, request } = message
    const room = anySize ? Number.POSITIVE_INFINITY : lane.maxBytes - lane.bytes - FRAME_COST
    // A UTF-16 unit is at least one byte of UTF-8: what is plainly too long need not be measured or copied.
    if (room < 0 || (typeof payload !== 'function' && payload.length > room)) return undefined
    const owned = typeof payload === 'string' ? payload : payloadBytes(payload)
    const cost = FRAME_COST + (typeof owned === 'string' ? Buffer.byteLength(owned) : owned.byteLength)
    if (cost - FRAME_COST > room) return undefined
    // A writer's bytes are text unless the call says otherwise; as a Uint8Array they would be taken for binary.
    const asBinary = binary ?? (typeof payload === 'function' ? false : undefined)
    return { payload: owned, options: offerOptions(asBinary, true), cost, request }
  }
}

const MORE: WsOfferOptions = { more: true }
const NOTHING_MORE: WsOfferOptions = {}

function offerOptions(binary: boolean | undefined, more: boolean | undefined): WsOfferOptions {
  if (binary === undefined) return more === true ? MORE : NOTHING_MORE
  return { binary, more: more === true }
}
