import { Fifo } from '../support/fifo.ts'
import type { WsEvent, WsGapEvent, WsMessage } from './events.ts'
import type { WsQueuePolicy } from './options.ts'

/** Everything but messages: not counted against the bounds, and kept unless {@link MAX_EVENTS} of them wait. */
export type LifecycleEvent = Exclude<WsEvent, WsMessage>

/** A connection that heals for months, and whose events nobody takes, must not remember them all. */
export const MAX_EVENTS = 4096

/** Of events that are no gaps, so many of the newest are kept in any case. */
const NEWEST_KEPT = MAX_EVENTS / 2

/** Old events are forgotten so many together: to find and close each gap of one alone would cost more than to tell of it. */
const FORGOTTEN_TOGETHER = 512

export interface EventQueueOptions {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly whenFull: WsQueuePolicy
}

/** What the queue asks of its connection. Called from within `pushMessage`, `next` and `stopPausing`. */
export interface EventQueueOwner {
  /** Policy `pause`: stop reading, or go on. */
  setPaused(paused: boolean): void
  /** Policy `close`: a message did not fit. Called once. */
  overflowed(): void
}

interface Placed<E extends LifecycleEvent> {
  /** Messages queued before it: its place in the order. */
  readonly position: number
  event: E
}

type Result = IteratorResult<WsEvent, undefined>
const DONE: Result = { done: true, value: undefined }

/**
 * The bounded queue between a connection and its iterator.
 *
 * Messages lie in one queue, lifecycle events in a short list; each of those remembers how many messages came before
 * it. So dropping the oldest message never has to look past an event, and a `gap` can stand where the loss was.
 */
export class EventQueue {
  readonly #options: EventQueueOptions
  readonly #owner: EventQueueOwner
  readonly #messages = new Fifo<WsMessage>()
  readonly #events: Placed<LifecycleEvent>[] = []
  /** Pending `next()` calls. Not empty only while nothing is queued. */
  readonly #waiting: ((result: Result) => void)[] = []
  #policy: WsQueuePolicy | 'drop-newest'
  #bytes = 0
  /** Messages ever queued; the oldest one held has the number `#pushed - #messages.length`. */
  #pushed = 0
  #paused = false
  #overflowed = false
  #ended = false
  /** The gap that the next loss extends: it has not been yielded, and no message that was kept lies behind it. */
  #openGap: Placed<WsGapEvent> | undefined
  #unreported: WsGapEvent | undefined
  #dropped = 0

  constructor(options: EventQueueOptions, owner: EventQueueOwner) {
    this.#options = options
    this.#owner = owner
    this.#policy = options.whenFull
  }

  /** Takes nothing any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** Messages held. */
  get length(): number {
    return this.#messages.length
  }

  /** Messages lost because they did not fit. */
  get dropped(): number {
    return this.#dropped
  }

  pushMessage(message: WsMessage): void {
    if (this.#ended) return
    if (this.#overflowed) {
      // A smaller one might fit, but nothing may come after a loss that no gap marks.
      this.#dropped++
      return
    }
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) waiter({ done: false, value: message })
    else if (this.#fits(message)) this.#enqueue(message)
    else if (this.#policy === 'close') this.#overflow()
    else if (this.#policy === 'drop-newest') this.#loseNewest(message)
    else this.#enqueue(message)
  }

  pushEvent(event: LifecycleEvent): void {
    if (this.#ended) return
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) waiter({ done: false, value: event })
    else {
      this.#events.push({ position: this.#pushed, event })
      if (this.#events.length >= MAX_EVENTS + FORGOTTEN_TOGETHER) this.#forgetOldEvents()
    }
  }

  /** Nothing more will be pushed; what is queued is still yielded. */
  end(): void {
    this.#ended = true
    // A socket that is gone is neither paused nor resumed: `disconnected` stays the last event.
    this.#paused = false
    for (const waiter of this.#waiting.splice(0)) waiter(DONE)
  }

  /** The reader has left: forgets what is queued and what comes. */
  discard(): void {
    this.stopPausing()
    this.end()
    this.#messages.clear()
    this.#events.length = 0
    this.#openGap = undefined
    this.#bytes = 0
  }

  /**
   * For a connection that we are closing: never holds the socket back any more, because the peer's CLOSE must be read
   * even while nobody takes messages. What arrives and does not fit is lost, and a gap says so.
   */
  stopPausing(): void {
    if (this.#policy === 'pause') this.#policy = 'drop-newest'
    if (this.#paused) this.#setPaused(false)
  }

  /** The losses since the last call, as one event. */
  takeUnreportedGap(): WsGapEvent | undefined {
    const gap = this.#unreported
    this.#unreported = undefined
    return gap
  }

  next(): Promise<Result> {
    const value = this.#take()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#ended) return Promise.resolve(DONE)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #take(): WsEvent | undefined {
    if (this.#events.length > MAX_EVENTS) this.#forgetOldEvents()
    const first = this.#events[0]
    if (first !== undefined && first.position <= this.#pushed - this.#messages.length) {
      this.#events.shift()
      if (first === this.#openGap) this.#openGap = undefined
      return first.event
    }
    const message = this.#messages.shift()
    if (message === undefined) return undefined
    this.#bytes -= message.byteLength
    if (this.#paused && this.#isHalfEmpty()) this.#setPaused(false)
    return message
  }

  #enqueue(message: WsMessage): void {
    this.#messages.push(message)
    this.#pushed++
    this.#bytes += message.byteLength
    if (this.#policy === 'drop-oldest') this.#loseOldest()
    else if (this.#policy === 'pause' && !this.#paused && this.#isFull()) this.#setPaused(true)
  }

  #fits(message: WsMessage): boolean {
    const { maxMessages, maxBytes } = this.#options
    return this.#messages.length < maxMessages && this.#bytes + message.byteLength <= maxBytes
  }

  #isFull(): boolean {
    return this.#messages.length >= this.#options.maxMessages || this.#bytes >= this.#options.maxBytes
  }

  #isHalfEmpty(): boolean {
    return this.#messages.length * 2 <= this.#options.maxMessages && this.#bytes * 2 <= this.#options.maxBytes
  }

  #setPaused(paused: boolean): void {
    this.#paused = paused
    this.#owner.setPaused(paused)
  }

  #overflow(): void {
    this.#dropped++
    this.#overflowed = true
    this.#owner.overflowed()
  }

  /** A message larger than the whole bound is kept when it is the newest: some data is better than none. */
  #loseOldest(): void {
    const { maxMessages, maxBytes } = this.#options
    while (this.#messages.length > 1 && (this.#messages.length > maxMessages || this.#bytes > maxBytes)) {
      const position = this.#pushed - this.#messages.length
      const lost = this.#messages.shift() as WsMessage
      this.#bytes -= lost.byteLength
      this.#lose(lost, position)
    }
  }

  #loseNewest(lost: WsMessage): void {
    if (this.#openGap?.position !== this.#pushed) this.#openGap = undefined
    this.#lose(lost, this.#pushed)
  }

  /**
   * Gaps are kept, and older events of other kinds go, as long as there are more than {@link NEWEST_KEPT} of those: how things
   * stand must not be forgotten for what was missing in between. Beyond that, the oldest gaps become one.
   */
  #forgetOldEvents(): void {
    const events = this.#events
    const excess = events.length - MAX_EVENTS
    const others = events.reduce((count, { event }) => count + Number(event.kind !== 'gap'), 0)
    let forgotten = Math.min(excess, Math.max(0, others - NEWEST_KEPT))
    let joined = excess - forgotten
    let before: WsGapEvent | undefined
    let kept = 0
    for (const placed of events) {
      if (placed.event.kind !== 'gap') {
        if (forgotten-- <= 0) events[kept++] = placed
        continue
      }
      if (before !== undefined) {
        placed.event = joinGaps(before, placed.event)
        // What it lacks from now on is not known: the next loss has a gap of its own.
        if (placed === this.#openGap) this.#openGap = undefined
      }
      before = joined-- > 0 ? placed.event : undefined
      if (before === undefined) events[kept++] = placed
      else if (placed === this.#openGap) this.#openGap = undefined
    }
    events.length = kept
  }

  #lose(lost: WsMessage, position: number): void {
    this.#dropped++
    this.#unreported = extendGap(this.#unreported, lost)
    const behind = this.#events.findIndex((placed) => placed.position > position)
    const place = behind === -1 ? this.#events.length : behind
    // What happened in between (the end of a connection, above all) stays in between.
    if (this.#openGap !== undefined && this.#events[place - 1] === this.#openGap) {
      this.#openGap.event = extendGap(this.#openGap.event, lost)
      return
    }
    this.#openGap = { position, event: extendGap(undefined, lost) }
    this.#events.splice(place, 0, this.#openGap)
  }
}

/** One in the place of the later one. Of two topics, or of one and of all: what is missing is no longer of one alone. */
function joinGaps(one: WsGapEvent, other: WsGapEvent): WsGapEvent {
  const { messages: _, key, ...rest } = other
  const fromUs = Math.min(one.fromUs, other.fromUs)
  const toUs = Math.max(one.toUs, other.toUs)
  const isOfOne = key !== undefined && key === one.key
  return isOfOne ? { ...rest, key, fromUs, toUs } : { ...rest, scope: 'connection', fromUs, toUs }
}

function extendGap(gap: WsGapEvent | undefined, lost: WsMessage): WsGapEvent {
  return {
    kind: 'gap',
    connection: lost.connection,
    scope: 'connection',
    fromUs: gap?.fromUs ?? lost.receivedAtUs,
    toUs: lost.receivedAtUs,
    messages: (gap?.messages ?? 0) + 1,
    cause: LOSS,
  }
}

const LOSS = {
  code: 'ERR_QUEUE_FULL',
  message: 'the queue of the iterator was full; take messages faster, raise `queue`, or use onBatch',
}
