import type { WsStatusEvent } from '../actor/status.ts'
import type { WsOpenInfo } from '../transport/transport.ts'
import type { LifecycleEvent } from './event-queue.ts'

type Status<K extends WsStatusEvent['kind']> = Extract<WsStatusEvent, { kind: K }>

export interface LifecycleListener {
  event(event: LifecycleEvent): void
  /** Behind its `connected`. */
  opened(info: WsOpenInfo): void
}

/**
 * What an actor tells of itself, as the events of a connection. The end of a connection is told when it is known what
 * follows: with the next attempt, and its gap behind it, or as the last event of all.
 */
export class Lifecycle {
  /** The handler has something to do before the connection is ready. */
  readonly #gated: boolean
  readonly #listener: LifecycleListener
  #opened: Status<'open'> | undefined
  #ended: Status<'disconnected'> | undefined
  #gap: Status<'gap'> | undefined
  /** Of the end that is yet to be told; where it is the last event, nothing comes behind it. */
  readonly #behindEnd: LifecycleEvent[] = []

  constructor(gated: boolean, listener: LifecycleListener) {
    this.#gated = gated
    this.#listener = listener
  }

  status(status: WsStatusEvent): void {
    const { atUs, connection } = status
    switch (status.kind) {
      case 'open':
        this.#opened = status
        if (this.#gated) this.#tellOpened()
        break
      case 'ready':
        // Without a gate the two come together, and what is told of `connected` may send.
        if (this.#gated) this.#listener.event({ kind: 'ready', connection, atUs })
        else this.#tellOpened()
        break
      case 'disconnected':
        this.#ended = status
        break
      case 'gap':
        // Of a connection that has ended it is told with what follows.
        if (this.#ended === undefined) this.#listener.event(status)
        else this.#gap = status
        break
      case 'backoff':
        this.#tellEnded({ attempt: status.attempt, delayMs: status.delayMs })
        break
      case 'connecting':
        this.#tellEnded({ attempt: status.attempt, delayMs: 0 })
        break
      case 'stopped':
        this.#tellLast(status)
        break
      case 'stall':
        this.#listener.event({ kind: 'stall', connection, atUs, stalledForMs: status.stalledForMs })
        break
      case 'backpressure':
        this.#listener.event({ kind: 'backpressure', connection, paused: status.paused, atUs })
        break
      case 'held':
      case 'resumed':
      case 'topic-silent':
      case 'subscription':
      case 'settled':
      case 'sends-given-up':
        this.#listener.event(status)
        break
      case 'alarm':
      case 'cooling-down':
        this.#behindEnd.push(status)
        break
      // `stale` is told with the end; nobody misses an event here.
      case 'authenticated':
      case 'auth-expired':
      case 'stale':
      case 'missed':
      case 'draining':
      case 'closing':
      case 'healthy':
      case 'reply-ignored':
        break
    }
  }

  #tellOpened(): void {
    const { connection, atUs, info } = this.#opened as Status<'open'>
    this.#listener.event({ kind: 'connected', connection, atUs, info })
    this.#listener.opened(info)
  }

  /** Nothing has ended when the first attempt begins, or one that a backoff has announced. */
  #tellEnded(next: { readonly attempt: number; readonly delayMs: number }): void {
    const ended = this.#ended
    const gap = this.#gap
    if (ended === undefined) return
    this.#ended = undefined
    this.#gap = undefined
    const { connection, atUs, cause } = ended
    this.#tellStale(ended)
    this.#listener.event({ kind: 'disconnected', connection, atUs, cause, next })
    for (const event of this.#behindEnd.splice(0)) this.#listener.event(event)
    if (gap === undefined) return
    const { fromUs, toUs } = gap
    this.#listener.event({ kind: 'gap', connection, scope: 'connection', fromUs, toUs, cause })
  }

  /** No gap: nothing comes that data could be missing before. */
  #tellLast({ connection, atUs, cause }: Status<'stopped'>): void {
    const ended = this.#ended
    if (ended !== undefined) this.#tellStale(ended)
    const last = { connection: ended?.connection ?? Math.max(1, connection), atUs: ended?.atUs ?? atUs }
    this.#listener.event({ kind: 'disconnected', ...last, cause })
  }

  #tellStale({ connection, atUs, cause }: Status<'disconnected'>): void {
    if (cause.kind !== 'went-silent') return
    this.#listener.event({ kind: 'stale', connection, atUs, silentForMs: cause.silentForMs, cause })
  }
}
