import { Fifo } from '../support/fifo.ts'
import type { WsStatusEvent } from './status.ts'

/** An iterator that nobody advances must not remember the life of an actor. */
export const MAX_STATUS_EVENTS = 1024

type Result = IteratorResult<WsStatusEvent, undefined>
const DONE: Result = { done: true, value: undefined }

/**
 * Status events for whoever iterates: each iterator has its own queue of the {@link MAX_STATUS_EVENTS} newest events; what did
 * not fit is told by one `missed` event in its place. `stopped` is the last event; an iterator that is made later yields just
 * that.
 */
export class StatusFeed {
  readonly #readers = new Set<StatusReader>()
  #last: WsStatusEvent | undefined

  /** Nobody listens, so that nothing need be made for them. */
  get isEmpty(): boolean {
    return this.#readers.size === 0
  }

  push(event: WsStatusEvent): void {
    if (event.kind === 'stopped') this.#last = event
    for (const reader of this.#readers) reader.push(event)
  }

  iterate(): AsyncIterableIterator<WsStatusEvent, undefined> {
    const reader = new StatusReader(() => void this.#readers.delete(reader))
    if (this.#last === undefined) this.#readers.add(reader)
    else reader.push(this.#last)
    return reader
  }
}

class StatusReader implements AsyncIterableIterator<WsStatusEvent, undefined> {
  readonly #left: () => void
  readonly #queue = new Fifo<WsStatusEvent>()
  /** Pending `next()` calls. Not empty only while nothing is queued. */
  readonly #waiting: ((result: Result) => void)[] = []
  #missed = 0
  #ended = false

  constructor(left: () => void) {
    this.#left = left
  }

  push(event: WsStatusEvent): void {
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) waiter({ done: false, value: event })
    else {
      this.#queue.push(event)
      if (this.#queue.length > MAX_STATUS_EVENTS) {
        this.#queue.shift()
        this.#missed++
      }
    }
    if (event.kind === 'stopped') this.#end()
  }

  next(): Promise<Result> {
    const value = this.#take()
    if (value !== undefined) return Promise.resolve({ done: false, value })
    if (this.#ended) return Promise.resolve(DONE)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The loop was left: what is queued is forgotten. */
  return(): Promise<Result> {
    this.#queue.clear()
    this.#missed = 0
    this.#end()
    return Promise.resolve(DONE)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(): WsStatusEvent | undefined {
    if (this.#missed === 0) return this.#queue.shift()
    const events = this.#missed
    this.#missed = 0
    const { atUs, connection } = this.#queue.peek() as WsStatusEvent
    return { kind: 'missed', atUs, connection, events }
  }

  #end(): void {
    this.#ended = true
    this.#left()
    for (const waiter of this.#waiting.splice(0)) waiter(DONE)
  }
}
