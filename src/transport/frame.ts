import { SharedWsError } from '../errors/errors.ts'
import {
  FLAG_ASCII,
  FLAG_BLOCK,
  FLAG_EXACT_TIME,
  RECORD_LENGTH,
  RECORD_OFFSET,
  RECORD_SLOT,
  RECORD_TIME,
  type RecordMemory,
} from '../support/records.ts'
import { latin1Slice, utf8Slice } from '../support/slices.ts'

const RELEASED = -1

/**
 * A whole message, borrowed. One object per link is reused: it is valid until the callback it was given to returns, and
 * every accessor throws `ERR_FRAME_RELEASED` after that. What must outlive the call is taken with {@link text},
 * {@link json} or {@link copy}.
 */
export class WsFrame {
  readonly #memory: RecordMemory
  readonly #words: Uint32Array
  readonly #doubles: Float64Array
  /** Where the record begins. Accessors read it in place, so that moving from message to message costs one store. */
  #word = RELEASED

  /** @internal */
  constructor(memory: RecordMemory) {
    this.#memory = memory
    this.#words = memory.words
    this.#doubles = memory.doubles
  }

  /** @internal */
  moveTo(word: number): this {
    this.#word = word
    return this
  }

  /** @internal */
  release(): void {
    this.#word = RELEASED
  }

  /** Bytes of payload. */
  get byteLength(): number {
    const word = this.#word
    if (word < 0) throwReleased()
    return this.#words[word + RECORD_LENGTH] as number
  }

  /** The server sent text (RFC 6455 opcode 1), which has been checked to be UTF-8. */
  get isText(): boolean {
    const word = this.#word
    if (word < 0) throwReleased()
    return (((this.#words[word] as number) >>> 8) & 0xff) === 1
  }

  /** Every byte is below 0x80. Known for text; false for binary. */
  get ascii(): boolean {
    return (this.#flags() & FLAG_ASCII) !== 0
  }

  /** When the message was received, by the option `timestampSource` (default: when the read that completed it returned): Unix epoch µs. */
  get receivedAtUs(): number {
    return this.#time() + this.#memory.epochOffsetUs()
  }

  /** The same moment on the clock of `performance.now()`, in µs; for durations. */
  get receivedMonoUs(): number {
    return this.#time() + this.#memory.monoOffsetUs
  }

  /**
   * The message may have arrived before its receive time. False only with `timestampSource: 'kernel'`, for a message whose
   * last byte was the last of its read: then the receive time is the kernel's of exactly that byte.
   */
  get receivedAtIsUpperBound(): boolean {
    return (this.#flags() & FLAG_EXACT_TIME) === 0
  }

  /** The byte at `index`, without making a view. `RangeError` outside `0 … byteLength - 1`. */
  at(index: number): number {
    const length = this.byteLength
    if (!(index >= 0 && index < length)) throw new RangeError(`index ${index} is outside 0 … ${length - 1}`)
    return this.#backing()[(this.#words[this.#word + RECORD_OFFSET] as number) + index] as number
  }

  /** A view of the payload where it lies: no copy, and as short-lived as the frame. Never transfer its buffer. */
  bytes(): Uint8Array {
    const length = this.byteLength
    const backing = this.#backing()
    const offset = this.#words[this.#word + RECORD_OFFSET] as number
    return new Uint8Array(backing.buffer, backing.byteOffset + offset, length)
  }

  /** The payload in memory of its own. */
  copy(): Uint8Array {
    return this.bytes().slice()
  }

  /** The payload as a string, which the caller owns. Binary payloads are decoded as UTF-8, U+FFFD for what is not. */
  text(): string {
    const length = this.byteLength
    const offset = this.#words[this.#word + RECORD_OFFSET] as number
    const slice = this.ascii ? latin1Slice : utf8Slice
    return slice(this.#backing(), offset, offset + length)
  }

  /** `JSON.parse` of {@link text}. Integers above 2^53 lose digits, as in all of JavaScript. */
  json(): unknown {
    return JSON.parse(this.text())
  }

  #flags(): number {
    const word = this.#word
    if (word < 0) throwReleased()
    return (this.#words[word] as number) >>> 16
  }

  #time(): number {
    const word = this.#word
    if (word < 0) throwReleased()
    return this.#doubles[(word >>> 1) + RECORD_TIME] as number
  }

  #backing(): Buffer {
    if ((this.#flags() & FLAG_BLOCK) === 0) return this.#memory.slab
    return this.#memory.block(this.#words[this.#word + RECORD_SLOT] as number)
  }
}

/** @internal */
export function throwReleased(): never {
  throw new SharedWsError(
    'ERR_FRAME_RELEASED',
    'this frame was borrowed and its callback has returned; take text(), json() or copy() inside the callback',
  )
}

/** @internal Of a batch of `length` messages; 0 when it has been taken back. */
export function throwOutside(index: number, length: number): never {
  if (length === 0) throwReleased()
  throw new RangeError(`index ${index} is outside 0 … ${length - 1}`)
}
