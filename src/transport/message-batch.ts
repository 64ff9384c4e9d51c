import { isAscii } from 'node:buffer'
import { markAsUntransferable } from 'node:worker_threads'
import { throwReleased, WsFrame } from './frame.ts'
import type { WsBatch } from './transport.ts'

const NONE = Buffer.alloc(0)

/**
 * A batch whose messages lie in Buffers of their own; one per link, refilled for each delivery, with the link's one
 * frame.
 */
export class MessageBatch implements WsBatch {
  readonly #frame = new WsFrame()
  #payloads: Buffer[] = []
  #binary: boolean[] = []
  #monoUs: number[] = []

  get length(): number {
    return this.#payloads.length
  }

  at(index: number): WsFrame {
    const payload = this.#payloads[index]
    if (payload === undefined) {
      if (this.length === 0) throwReleased()
      throw new RangeError(`index ${index} is outside 0 … ${this.length - 1}`)
    }
    const frame = this.#frame
    frame.backing = payload
    frame.offset = 0
    frame.length = payload.length
    frame.op = this.#binary[index] ? 2 : 1
    frame.isAscii = !this.#binary[index] && isAscii(payload)
    frame.monoUs = this.#monoUs[index] as number
    frame.live = 1
    return frame
  }

  add(payload: Buffer, binary: boolean, monoUs: number): void {
    // A transfer in user code would take the memory from under the other messages of one read, and from `ws`. Node 20
    // then copies, later ones throw a DataCloneError.
    if (payload.buffer !== this.#payloads.at(-1)?.buffer) markAsUntransferable(payload.buffer)
    this.#payloads.push(payload)
    this.#binary.push(binary)
    this.#monoUs.push(monoUs)
  }

  /** Lends what was added to `deliver`, then takes everything back, also when it throws. */
  lend(epochOffsetUs: number, deliver: (batch: WsBatch) => void): void {
    this.#frame.epochOffsetUs = epochOffsetUs
    try {
      deliver(this)
    } finally {
      this.#payloads = []
      this.#binary = []
      this.#monoUs = []
      this.#frame.live = 0
      this.#frame.backing = NONE
    }
  }
}
