import { COUNTER_BYTES, type NativeAddon } from '../native/addon.ts'
import { systemClock } from '../support/clock.ts'
import { markAsLent } from '../support/lent-memory.ts'
import {
  RECORD_AUX,
  RECORD_HEAD,
  RECORD_LENGTH,
  RECORD_LINK,
  RECORD_OFFSET,
  RECORD_SLOT,
  RECORD_TIME,
  RECORD_WORDS,
  RecordKind,
  type RecordMemory,
} from '../support/records.ts'
import { utf8Slice } from '../support/slices.ts'
import { runWriter } from './payload.ts'
import type { WsPayloadWriter } from './transport.ts'

const SPARE_SCRATCH_BYTES = 4096
/** 16 MiB in messages of usual sizes: a peer that sends faster than it is heard must not have us read for ever. */
const MAX_BATCHES_PER_DRAIN = 64

/** What the loop delivers to: one per link. */
export interface NativeReceiver {
  /** `length` messages of this link, the record of the first beginning at `word`. */
  takeMessages(word: number, length: number): void
  takeRecord(index: number): void
}

/**
 * The JavaScript side of the addon's one loop in this environment: its memory, and the way from records to links.
 * Records are read where they lie; nothing is allocated per record.
 */
export class NativeLoop implements RecordMemory {
  readonly addon: NativeAddon
  readonly slab: Buffer
  readonly maxLinks: number
  /** Add to the addon's µs for `performance.now() * 1000`. Both are CLOCK_MONOTONIC: it never changes. */
  readonly monoOffsetUs: number
  /** Undefined while a writer is using it: a writer may itself send. */
  #scratch: Uint8Array | undefined
  readonly words: Uint32Array
  readonly doubles: Float64Array
  readonly #recordsWord: number
  readonly #countersDouble: number
  readonly #epochDouble: number
  readonly #blocks: ArrayBuffer[]
  readonly #links = new Map<number, NativeReceiver>()

  constructor(addon: NativeAddon) {
    this.addon = addon
    const memory = addon.init((count) => this.#deliver(count))
    // A user who transfers a view's buffer to a Worker would otherwise pull it from under C++.
    for (const buffer of [memory.slab, memory.control, memory.scratch]) markAsLent(buffer)
    this.slab = Buffer.from(memory.slab)
    this.#scratch = new Uint8Array(memory.scratch)
    this.maxLinks = memory.maxLinks
    this.words = new Uint32Array(memory.control)
    this.doubles = new Float64Array(memory.control)
    this.#recordsWord = memory.recordsOffset / 4
    this.#countersDouble = memory.countersOffset / 8
    this.#epochDouble = memory.epochOffset / 8
    this.#blocks = memory.blocks
    this.monoOffsetUs = offsetOf(addon)
  }

  add(id: number, receiver: NativeReceiver): void {
    this.#links.set(id, receiver)
  }

  /** Records of this link that are still in the batch are passed over. */
  remove(id: number): void {
    this.#links.delete(id)
  }

  /** Reads and delivers until there is nothing, bounded; see {@link NativeAddon.drain}. False while a batch is out. */
  drain(id: number): boolean {
    let count = this.addon.drain(id)
    if (count < 0) return false
    // The answer that somebody waits for may lie behind more than a batch holds, and behind what the peer could not send while
    // nobody read.
    for (let batches = 1; count > 0; batches++) {
      this.#deliver(count)
      count = batches < MAX_BATCHES_PER_DRAIN ? this.addon.drain(id) : 0
    }
    return true
  }

  /** Runs `writer` and hands its bytes, in the addon's scratch memory where they fit, to `use`. */
  withScratch(writer: WsPayloadWriter, use: (bytes: Uint8Array, inScratch: boolean) => number): number {
    const into = this.#scratch
    this.#scratch = undefined
    try {
      const bytes = runWriter(writer, into ?? new Uint8Array(SPARE_SCRATCH_BYTES))
      return use(bytes, into !== undefined && bytes.buffer === into.buffer)
    } finally {
      this.#scratch = into
    }
  }

  #deliver(count: number): void {
    const words = this.words
    let index = 0
    try {
      while (index < count) {
        const at = this.#recordsWord + index * RECORD_WORDS
        const id = words[at + RECORD_LINK] as number
        const first = index
        const isMessage = ((words[at + RECORD_HEAD] as number) & 0xff) === RecordKind.message
        index += isMessage ? (words[at + RECORD_AUX] as number) : 1
        const link = this.#links.get(id)
        if (link === undefined) continue
        try {
          if (isMessage) link.takeMessages(at, index - first)
          else link.takeRecord(first)
        } catch (error) {
          // The owner's defect must not cost other links their records. It surfaces as an uncaught exception.
          process.nextTick(() => {
            throw error
          })
        }
      }
    } finally {
      this.addon.release()
    }
  }

  kind(index: number): number {
    return (this.words[this.#recordsWord + index * RECORD_WORDS + RECORD_HEAD] as number) & 0xff
  }

  /** The frame's opcode, or the reason of an `end`. */
  opcode(index: number): number {
    return ((this.words[this.#recordsWord + index * RECORD_WORDS + RECORD_HEAD] as number) >>> 8) & 0xff
  }

  aux(index: number): number {
    return this.words[this.#recordsWord + index * RECORD_WORDS + RECORD_AUX] as number
  }

  /** The number of a `topic`. */
  slot(index: number): number {
    return this.words[this.#recordsWord + index * RECORD_WORDS + RECORD_SLOT] as number
  }

  /** On the clock of `performance.now()`, µs. */
  receivedMonoUs(index: number): number {
    return (this.doubles[(this.#recordsWord + index * RECORD_WORDS) / 2 + RECORD_TIME] as number) + this.monoOffsetUs
  }

  /** The payload of a record that is not a message, in memory of its own. */
  copyPayload(index: number): Uint8Array {
    const at = this.#recordsWord + index * RECORD_WORDS
    const offset = this.words[at + RECORD_OFFSET] as number
    return Uint8Array.prototype.slice.call(this.slab, offset, offset + (this.words[at + RECORD_LENGTH] as number))
  }

  /** The payload of a record that is not a message, as text. */
  textOf(index: number): string {
    const at = this.#recordsWord + index * RECORD_WORDS
    const offset = this.words[at + RECORD_OFFSET] as number
    return utf8Slice(this.slab, offset, offset + (this.words[at + RECORD_LENGTH] as number))
  }

  counter(id: number, field: number): number {
    const row = this.#countersDouble + (id % this.maxLinks) * (COUNTER_BYTES / 8)
    return this.doubles[row + field] as number
  }

  /** All of them, as they are now. */
  counters(id: number): Float64Array {
    const row = this.#countersDouble + (id % this.maxLinks) * (COUNTER_BYTES / 8)
    return this.doubles.slice(row, row + COUNTER_BYTES / 8)
  }

  epochOffsetUs(): number {
    return this.doubles[this.#epochDouble] as number
  }

  block(slot: number): Buffer {
    const block = this.#blocks[slot] as ArrayBuffer
    markAsLent(block)
    return Buffer.from(block)
  }
}

/** Of two clocks that cannot be read at once: the narrowest of some readings. At most too large, so that no answer seems older than its question. */
function offsetOf(addon: NativeAddon): number {
  let offsetUs = 0
  let narrowestUs = Infinity
  for (let reading = 0; reading < 8; reading++) {
    const beforeUs = systemClock.monoUs()
    const atUs = addon.monoUs()
    const afterUs = systemClock.monoUs()
    if (afterUs - beforeUs >= narrowestUs) continue
    narrowestUs = afterUs - beforeUs
    offsetUs = afterUs - atUs
  }
  return offsetUs
}
