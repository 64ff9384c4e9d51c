import type { Due } from '../requests/due-heap.ts'
import type { Clock } from '../support/clock.ts'
import { payloadBytes } from '../transport/payload.ts'
import type { WsPayload } from '../transport/transport.ts'
import { costOf } from './frame-cost.ts'
import type { TimedSendOptions } from './send-options.ts'

/** `begun`: bytes of it have left, or nobody can know that none has. */
export type TimedPlace = 'kept' | 'lane' | 'link' | 'begun'

/** One message with a time-to-live, whose end is not known yet. Written to by `TimedSends` alone. */
export class TimedSend implements Due {
  /** Empty once it is not needed any more. */
  payload: string | Uint8Array
  readonly binary: boolean | undefined
  readonly urgent: boolean
  readonly acrossReconnect: boolean
  readonly dueUs: number
  /** Of its payload. */
  readonly bytes: number
  readonly cost: number
  place: TimedPlace = 'kept'
  /** On its link. */
  sequence = 0
  heapIndex = -1
  readonly #offered: (send: TimedSend) => void

  /** Runs a writer, once. Its time begins when that has returned. */
  constructor(
    payload: WsPayload,
    { binary, urgent, acrossReconnect, ttlMs }: TimedSendOptions,
    clock: Clock,
    offered: (send: TimedSend) => void,
  ) {
    this.payload = typeof payload === 'string' ? payload : payloadBytes(payload)
    this.binary = binary ?? (typeof payload === 'function' ? false : undefined)
    this.urgent = urgent === true
    this.acrossReconnect = acrossReconnect === true
    this.dueUs = clock.monoUs() + ttlMs * 1000
    this.bytes = Buffer.byteLength(this.payload)
    this.cost = costOf(this.payload)
    this.#offered = offered
  }

  /** It may still be sent. */
  isWanted(nowUs: number): boolean {
    return nowUs < this.dueUs
  }

  /** The link has taken it. */
  offered(sequence: number): void {
    this.sequence = sequence
    this.#offered(this)
  }
}
