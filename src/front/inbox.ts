import { SharedWsError } from '../errors/errors.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsBatch } from '../transport/transport.ts'
import type { CallbackGuard } from './callbacks.ts'
import { EventQueue, type EventQueueOwner, type LifecycleEvent } from './event-queue.ts'
import type { WsEvent } from './events.ts'
import { OwnedMessage } from './message.ts'
import type { ResolvedOptions } from './resolve.ts'

/**
 * Where what arrives goes: to `onBatch` and `onMessage` when there are any, else to the iterator; lifecycle events to
 * the iterator and to `onEvent`. Where a handler or an ingress takes the messages, the iterator gets them only from the
 * moment at which there is one: else a connection that nobody iterates would stop reading for good.
 */
export class Inbox {
  readonly #callbacks: ResolvedOptions['callbacks']
  readonly #guard: CallbackGuard
  readonly #queue: EventQueue
  readonly #takenElsewhere: boolean
  #iterated = false
  #messages = 0

  constructor(
    options: Pick<ResolvedOptions, 'callbacks' | 'queue' | 'takesMessages'>,
    guard: CallbackGuard,
    owner: EventQueueOwner,
  ) {
    this.#callbacks = options.callbacks
    this.#guard = guard
    this.#queue = new EventQueue(options.queue, owner)
    this.#takenElsewhere = options.takesMessages
  }

  get messagesReceived(): number {
    return this.#messages
  }

  get messagesQueued(): number {
    return this.#queue.length
  }

  get messagesDropped(): number {
    return this.#queue.dropped
  }

  /** `wanted` turns false when the connection is given up in the middle: callbacks hear nothing of what is left of the batch. */
  deliver(batch: WsBatch, connection: number, wanted: () => boolean): void {
    const { onBatch } = this.#callbacks
    this.#messages += batch.length
    if (onBatch !== undefined) this.#guard.run('onBatch', onBatch, batch, connection)
    if (this.#takenElsewhere || !this.wantsEach) return
    for (let i = 0; i < batch.length; i++) this.take(batch.at(i), connection, wanted)
    this.taken()
  }

  /**
   * Single messages are wanted. Where a handler or an ingress takes them, {@link take} gets them after it, so that what it tells of
   * a message (a gap before it, above all) comes before that.
   */
  get wantsEach(): boolean {
    const { onBatch, onMessage } = this.#callbacks
    if (onMessage !== undefined) return true
    return onBatch === undefined && (this.#iterated || !this.#takenElsewhere)
  }

  take(frame: WsFrame, connection: number, wanted: () => boolean): void {
    const { onMessage } = this.#callbacks
    if (onMessage === undefined) {
      if (!this.#queue.ended) this.#queue.pushMessage(new OwnedMessage(frame, connection))
      return
    }
    if (!wanted()) return
    // Not through `guard.run`, which costs as much again as a short message.
    try {
      const result: unknown = onMessage(new OwnedMessage(frame, connection))
      if (result !== undefined) this.#guard.watch('onMessage', onMessage, result)
    } catch (error) {
      this.#guard.failed('onMessage', onMessage, error)
    }
  }

  /** All messages of a read have been taken. */
  taken(): void {
    const gap = this.#queue.takeUnreportedGap()
    if (gap !== undefined) this.#guard.run('onEvent', this.#callbacks.onEvent, gap)
  }

  event(event: LifecycleEvent): void {
    this.#queue.pushEvent(event)
    this.#guard.run('onEvent', this.#callbacks.onEvent, event)
  }

  /** Call when the connection closes: from now on the queue does not hold the socket back. */
  stopPausing(): void {
    this.#queue.stopPausing()
  }

  /** After the last event. */
  end(): void {
    this.#queue.end()
  }

  /** `onLeave` ends the connection of a reader that leaves early, and resolves when it has ended. */
  iterate(onLeave: () => Promise<unknown>): AsyncIterableIterator<WsEvent, undefined> {
    if (this.#iterated) {
      const message = 'the events of a connection can be iterated once; share the loop, or use onMessage and onEvent'
      throw new SharedWsError('ERR_ITERATOR_TAKEN', message)
    }
    this.#iterated = true
    const queue = this.#queue
    return {
      next: () => queue.next(),
      async return() {
        queue.discard()
        await onLeave()
        return { done: true, value: undefined }
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }
}
