import { isAscii } from 'node:buffer'
import type { WsTimestampSource } from '../connect/request.ts'
import { DEFAULT_TIMESTAMP_SOURCE } from '../connect/timestamp-source.ts'
import { type Clock, systemClock } from '../support/clock.ts'
import { markAsLent } from '../support/lent-memory.ts'
import {
  FLAG_ASCII,
  FLAG_BLOCK,
  FLAG_EXACT_TIME,
  RECORD_HEAD,
  RECORD_LENGTH,
  RECORD_SLOT,
  RECORD_TIME,
  RECORD_WORDS,
  RecordKind,
  type RecordMemory,
} from '../support/records.ts'
import { throwOutside, WsFrame } from './frame.ts'
import type { WsBatch } from './transport.ts'

const NO_SLAB = Buffer.alloc(0)
const FIRST_CAPACITY = 16

/**
 * A batch whose messages lie in Buffers of their own, each a block of its record; one per link, refilled for each
 * delivery, with the link's one frame.
 */
export class MessageBatch implements WsBatch, RecordMemory {
  words = new Uint32Array(FIRST_CAPACITY * RECORD_WORDS)
  doubles = new Float64Array(this.words.buffer)
  readonly slab = NO_SLAB
  readonly monoOffsetUs = 0
  readonly #clock: Clock
  readonly #isStampedWhenLent: boolean
  #epochOffsetUs = 0
  #payloads: Buffer[] = []
  #frame = new WsFrame(this)

  constructor(clock: Clock = systemClock, timestampSource: WsTimestampSource = DEFAULT_TIMESTAMP_SOURCE) {
    this.#clock = clock
    this.#isStampedWhenLent = timestampSource === 'callback'
  }

  get length(): number {
    return this.#payloads.length
  }

  at(index: number): WsFrame {
    if (index >>> 0 !== index || index >= this.#payloads.length) throwOutside(index, this.#payloads.length)
    return this.#frame.moveTo(index * RECORD_WORDS)
  }

  block(slot: number): Buffer {
    return this.#payloads[slot] as Buffer
  }

  epochOffsetUs(): number {
    return this.#epochOffsetUs
  }

  add(payload: Buffer, binary: boolean, monoUs: number): void {
    // A transfer in user code would take the memory from under the other messages of one read, and from `ws`. Node 20
    // then copies, later ones throw a DataCloneError.
    if (payload.buffer !== this.#payloads.at(-1)?.buffer) markAsLent(payload.buffer)
    const slot = this.#payloads.push(payload) - 1
    const word = slot * RECORD_WORDS
    if (word === this.words.length) this.#grow()
    const flags = FLAG_BLOCK | (!binary && isAscii(payload) ? FLAG_ASCII : 0)
    this.words[word + RECORD_HEAD] = RecordKind.message | ((binary ? 2 : 1) << 8) | (flags << 16)
    this.words[word + RECORD_LENGTH] = payload.length
    this.words[word + RECORD_SLOT] = slot
    this.doubles[word / 2 + RECORD_TIME] = monoUs
  }

  /** The message added last came exactly when it was said to have come. */
  markNewestExact(): void {
    const head = (this.#payloads.length - 1) * RECORD_WORDS + RECORD_HEAD
    this.words[head] = (this.words[head] as number) | (FLAG_EXACT_TIME << 16)
  }

  /** The receive time of what is not lent but told now, and came at `monoUs`. */
  toldAtOnceUs(monoUs: number): number {
    return this.#isStampedWhenLent ? this.#clock.monoUs() : monoUs
  }

  /** Lends what was added to `deliver`, then takes everything back, also when it throws. */
  lend(deliver: (batch: WsBatch) => void): void {
    const nowUs = this.#clock.monoUs()
    this.#epochOffsetUs = this.#clock.epochUs() - nowUs
    if (this.#isStampedWhenLent) this.#stamp(nowUs)
    try {
      deliver(this)
    } finally {
      this.#payloads = []
      this.#frame.release()
    }
  }

  #stamp(monoUs: number): void {
    for (let slot = 0; slot < this.#payloads.length; slot++) {
      this.doubles[(slot * RECORD_WORDS) / 2 + RECORD_TIME] = monoUs
    }
  }

  // Between deliveries nobody holds the frame, so it can be another one.
  #grow(): void {
    const grown = new Uint32Array(this.words.length * 2)
    grown.set(this.words)
    this.words = grown
    this.doubles = new Float64Array(grown.buffer)
    this.#frame = new WsFrame(this)
  }
}
