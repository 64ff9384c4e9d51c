import type { PendingRequest } from '../requests/pending-request.ts'
import type { FramePacer } from '../session/pacing.ts'
import { OFFER_CLOSED, OFFER_FULL, type WsLink, type WsPayload } from '../transport/transport.ts'
import { Lane, NOTHING_MORE, offerOptions, type Waiting } from './lane.ts'
import { type BurstOptions, type OutboundMessage, written } from './outbound-message.ts'
import type { TimedSend } from './timed-send.ts'

export interface LaneOptions {
  readonly urgentBytes: number
  readonly normalBytes: number
  readonly keptBytes: number
}

/** A place in a lane for a frame whose turn has come but which is not decided yet. See {@link Lanes.reserve}. */
export type LanePlace = Waiting

export type LaneResult = 'taken' | 'queued' | 'full' | 'not-open'

/** Strategies try a ping that was not taken again after a tenth of a second. */
const KEEP_FOR_PING_US = 250_000

/**
 * Frames that the link has no room for, or the budget no frame: an urgent lane and a normal one, each in call order, the urgent
 * one first; and a lane of the library's own traffic behind both. They belong to one connection; {@link detach} forgets them.
 *
 * Where frames are not counted and the link has room, what is called inside a hook goes out in call order when that has returned: what
 * `onReady` asks comes behind the replay. As soon as anything has to wait, own traffic waits behind all else.
 */
export class Lanes {
  readonly #urgent: Lane
  readonly #normal: Lane
  readonly #ownTraffic: Lane
  /** In the order in which they are served. */
  readonly #all: readonly Lane[]
  readonly #pacer: FramePacer | undefined
  /** The link has taken a request’s frame. */
  readonly #onOffered: (request: PendingRequest, sequence: number) => void
  readonly #nowUs: () => number
  #link: WsLink | undefined
  #closed = false
  /** The link refused a frame: `onWritable` tells when it has room, and no budget does. */
  #linkIsFull = false
  /** Of those with which the link has answered pings. */
  #pongsCounted = 0
  /** Until then own traffic leaves the next frame of the budget to a control ping, which is tried again soon. */
  #keptForPingUs = 0
  /** The link takes nothing any more: the peer has begun to leave. */
  #linkClosed = false
  /** Called before the link may send anything of what it has; set while it has something that is sent in time or not at all. */
  beforeOffer: (() => void) | undefined

  constructor(
    options: LaneOptions,
    pacer: FramePacer | undefined,
    nowUs: () => number,
    onOffered: (request: PendingRequest, sequence: number) => void,
  ) {
    this.#urgent = new Lane(options.urgentBytes)
    this.#normal = new Lane(options.normalBytes)
    this.#ownTraffic = new Lane(options.normalBytes)
    this.#all = [this.#urgent, this.#normal, this.#ownTraffic]
    this.#pacer = pacer
    this.#nowUs = nowUs
    this.#onOffered = onOffered
  }

  attach(link: WsLink): void {
    this.#link = link
    this.#closed = false
    this.#linkIsFull = false
    this.#pongsCounted = 0
    this.#keptForPingUs = 0
    this.#linkClosed = false
  }

  /** The connection is over: nothing that waits is ever sent. */
  detach(): void {
    this.#link = undefined
    for (const lane of this.#all) lane.clear()
  }

  /** Takes nothing more; what waits still goes out, but for own traffic, which would be for nothing. */
  close(): void {
    this.#closed = true
    this.#ownTraffic.clear()
  }

  /** The link has refused a frame for good: its end follows. */
  get linkClosed(): boolean {
    return this.#linkClosed
  }

  get bytes(): number {
    return this.#all.reduce((sum, lane) => sum + lane.bytes, 0)
  }

  /** When the budget has a frame for what waits; Infinity if nothing waits for it. Monotonic µs. */
  nextDueUs(): number {
    if (this.#linkIsFull) return Infinity
    if (!this.isEmpty) return this.#budget?.nextUs(false) ?? Infinity
    if (this.#ownTraffic.waiting.length === 0) return Infinity
    return Math.max(this.#budget?.nextUs(true) ?? Infinity, this.#keptForPingUs)
  }

  /** A control ping of ours has left, or is leaving. */
  countPing(): void {
    this.#pacer?.count(this.#nowUs(), false)
  }

  /** The budget has a frame now. */
  get hasFrame(): boolean {
    const budget = this.#budget
    return budget === undefined || budget.nextUs(false) <= this.#nowUs()
  }

  /** For a control ping of the library's, which waits in no lane. False: the budget has no frame now, the next one is kept. */
  hasFrameForPing(): boolean {
    // What is urgent, an answer to the server's heartbeat among it, has waited for longer.
    const has = this.#pacer === undefined || (this.#urgent.waiting.length === 0 && this.hasFrame)
    this.#keptForPingUs = has ? 0 : this.#nowUs() + KEEP_FOR_PING_US
    return has
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
    const lane = this.#laneOf(message, hold)
    if (message.own !== true && message.mustWait !== true && this.#isBeyond(lane, lane.waiting.length)) return 'full'
    // A writer is user code, and may itself send: whether the budget has a frame is looked at behind it.
    if (this.#pacer !== undefined && typeof message.payload === 'function') return this.send(written(message), hold)
    if (!hold && this.#isNext(lane) && this.#mayGo(lane)) {
      if (this.beforeOffer !== undefined) this.beforeOffer()
      const { payload, binary, more } = message
      const sequence = link.offer(payload, offerOptions(binary, more))
      if (sequence === OFFER_CLOSED) {
        this.#linkClosed = true
        return 'not-open'
      }
      if (sequence !== OFFER_FULL) {
        this.#taken(message, sequence, lane)
        return 'taken'
      }
      this.#linkIsFull = true
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
      if (link !== undefined && !this.#closed && !hold && this.#pacer === undefined && this.#isNext(lane)) {
        if (this.beforeOffer !== undefined) this.beforeOffer()
        const burst = offerOptions(binary, true)
        const end = offerOptions(binary, false)
        for (; accepted <= last; accepted++) {
          const sequence = link.offer(payloads[accepted] as WsPayload, accepted < last ? burst : end)
          if (sequence === OFFER_FULL) break
          if (sequence === OFFER_CLOSED) {
            this.#linkClosed = true
            return accepted
          }
        }
      }
      for (; accepted <= last; accepted++) {
        const payload = payloads[accepted] as WsPayload
        const sent = this.send({ payload, binary, urgent, more: accepted < last }, hold)
        if (sent === 'full' || sent === 'not-open') return accepted
      }
    } finally {
      // Stopped early, by a full lane or a payload function that threw, or the rest waits for a frame of the budget: what was
      // taken must not be held back.
      if (accepted <= last || lane.waiting.length > 0) this.#link?.flush()
    }
    return accepted
  }

  /**
   * Keeps a place for a frame that is to be decided when the hook has returned, so that what is sent in between goes out
   * behind it. {@link fill} or {@link giveUp} must follow before the next {@link pump}.
   */
  reserve(urgent: boolean): LanePlace {
    const place: Waiting = {
      payload: '',
      options: NOTHING_MORE,
      cost: 0,
      request: undefined,
      onTaken: undefined,
      timed: undefined,
      own: false,
    }
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
    if (message.mustWait !== true && this.#isBeyond(lane, index)) return 'full'
    const entry = lane.independent(message, index === 0)
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
    if (this.beforeOffer !== undefined) this.beforeOffer()
    this.#linkIsFull = false
    for (const lane of this.#all) if (!this.#pumpLane(lane, link)) break
    if (this.#linkIsFull) this.#normal.moveOwn(this.#ownTraffic)
    link.flush()
  }

  /** What has waited for this connection to be ready, behind what waits here already, whatever room there is. */
  admit(timed: TimedSend): void {
    const { payload, binary, urgent, cost } = timed
    const options = offerOptions(binary, true)
    const lane = urgent ? this.#urgent : this.#normal
    lane.push({ payload, options, cost, request: undefined, onTaken: undefined, timed, own: false })
  }

  /** Sends what `more` held back. */
  flush(): void {
    this.#link?.flush()
  }

  /** Takes a request's frame out, if it waits here. */
  withdraw(request: PendingRequest): void {
    const lane = request.prepared.urgent ? this.#urgent : this.#normal
    const index = lane.waiting.findIndex((entry) => entry.request === request)
    if (index >= 0) lane.remove(index)
  }

  /** Takes out every send whose time is over. */
  withdrawOverdue(nowUs: number): void {
    this.#urgent.removeOverdue(nowUs)
    this.#normal.removeOverdue(nowUs)
  }

  /** No frame waits that goes out before a new one of this lane. */
  #isNext(lane: Lane): boolean {
    for (const before of this.#all) {
      if (before.waiting.length > 0) return false
      if (before === lane) return true
    }
    return true
  }

  /** The budget has no frame for what would be `index`-th in the lane, and shall rather refuse it. */
  #isBeyond(lane: Lane, index: number): boolean {
    if (this.#pacer?.whenOverBudget !== 'not-delivered') return false
    const ahead = index + (lane === this.#normal ? this.#urgent.waiting.length : 0)
    return this.#budget?.hasRoom(this.#nowUs(), ahead) === false
  }

  /** The budget has a frame for this lane. */
  #mayGo(lane: Lane): boolean {
    const budget = this.#budget
    if (budget === undefined) return true
    const nowUs = this.#nowUs()
    const isOwn = lane === this.#ownTraffic
    return budget.nextUs(isOwn) <= nowUs && !(isOwn && nowUs < this.#keptForPingUs)
  }

  /**
   * The budget, to decide by: with the pongs in it that have left by themselves. A link may have answered pings of which its
   * owner is yet to hear.
   */
  get #budget(): FramePacer | undefined {
    const pacer = this.#pacer
    if (pacer === undefined) return undefined
    const pongs = this.#link?.pongsSent ?? 0
    if (pongs !== this.#pongsCounted) pacer.countPongs(pongs - this.#pongsCounted, this.#nowUs())
    this.#pongsCounted = pongs
    return pacer
  }

  #laneOf({ urgent, own }: OutboundMessage, hold: boolean): Lane {
    if (urgent === true) return this.#urgent
    const isInOrder = hold && this.#pacer === undefined && !this.#linkIsFull
    return own === true && !isInOrder ? this.#ownTraffic : this.#normal
  }

  #taken(
    { request, onTaken, timed }: Pick<Waiting, 'request' | 'onTaken' | 'timed'> | OutboundMessage,
    sequence: number,
    lane: Lane,
  ): void {
    this.#pacer?.count(this.#nowUs(), lane === this.#ownTraffic)
    if (request !== undefined) this.#onOffered(request, sequence)
    onTaken?.(this.#nowUs())
    timed?.offered(sequence)
  }

  /** False: the link is full or closed, or the budget is spent. */
  #pumpLane(lane: Lane, link: WsLink): boolean {
    let index = 0
    for (let entry = lane.waiting[0]; entry !== undefined; entry = lane.waiting[index]) {
      if (!this.#mayGo(lane)) return false
      // Nobody wants it any more, and whoever asked is about to be told so.
      if ((entry.request ?? entry.timed)?.isWanted(this.#nowUs()) === false) {
        index++
        continue
      }
      const sequence = link.offer(entry.payload, entry.options)
      // Closed: the end of the link follows, and with it the end of what waits.
      this.#linkIsFull = sequence === OFFER_FULL || sequence === OFFER_CLOSED
      if (this.#linkIsFull) return false
      lane.remove(index)
      this.#taken(entry, sequence, lane)
    }
    return true
  }

  #keep(lane: Lane, message: OutboundMessage, hold: boolean): boolean {
    const entry = lane.independent(message, hold && lane.waiting.length === 0)
    if (entry === undefined) return false
    lane.push(entry)
    return true
  }
}
