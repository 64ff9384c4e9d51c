import { SharedWsError } from '../errors/errors.ts'
import { latin1Slice, utf8Slice } from '../support/slices.ts'

const EMPTY = Buffer.alloc(0)

/**
 * A whole message, borrowed. One object per link is reused: it is valid until the callback it was given to returns, and
 * every accessor throws `ERR_FRAME_RELEASED` after that. What must outlive the call is taken with {@link text},
 * {@link json} or {@link copy}.
 */
export class WsFrame {
  /** @internal Backing memory of the payload; `offset` and `length` say where in it. */
  backing: Buffer = EMPTY
  /** @internal */ offset = 0
  /** @internal */ length = 0
  /** @internal */ op = 0
  /** @internal */ isAscii = false
  /** @internal */ monoUs = 0
  /** @internal Add to `monoUs` for Unix epoch µs. */
  epochOffsetUs = 0
  /** @internal 0 when released. */
  live = 0

  /** Bytes of payload. */
  get byteLength(): number {
    if (this.live === 0) throwReleased()
    return this.length
  }

  /** The server sent text (RFC 6455 opcode 1), which has been checked to be UTF-8. */
  get isText(): boolean {
    if (this.live === 0) throwReleased()
    return this.op === 1
  }

  /** Every byte is below 0x80. Known for text; false for binary. */
  get ascii(): boolean {
    if (this.live === 0) throwReleased()
    return this.isAscii
  }

  /** When the read that completed the message returned: Unix epoch µs. */
  get receivedAtUs(): number {
    if (this.live === 0) throwReleased()
    return this.monoUs + this.epochOffsetUs
  }

  /** The same moment on the clock of `performance.now()`, in µs; for durations. */
  get receivedMonoUs(): number {
    if (this.live === 0) throwReleased()
    return this.monoUs
  }

  /** The byte at `index`, without making a view. `RangeError` outside `0 … byteLength - 1`. */
  at(index: number): number {
    if (this.live === 0) throwReleased()
    if (!(index >= 0 && index < this.length)) throw new RangeError(`index ${index} is outside 0 … ${this.length - 1}`)
    return this.backing[this.offset + index] as number
  }

  /** A view of the payload where it lies: no copy, and as short-lived as the frame. Never transfer its buffer. */
  bytes(): Uint8Array {
    if (this.live === 0) throwReleased()
    return new Uint8Array(this.backing.buffer, this.backing.byteOffset + this.offset, this.length)
  }

  /** The payload in memory of its own. */
  copy(): Uint8Array {
    return this.bytes().slice()
  }

  /** The payload as a string, which the caller owns. Binary payloads are decoded as UTF-8, U+FFFD for what is not. */
  text(): string {
    if (this.live === 0) throwReleased()
    const { backing, offset, length } = this
    return this.isAscii ? latin1Slice(backing, offset, offset + length) : utf8Slice(backing, offset, offset + length)
  }

  /** `JSON.parse` of {@link text}. Integers above 2^53 lose digits, as in all of JavaScript. */
  json(): unknown {
    return JSON.parse(this.text())
  }
}

/** @internal */
export function throwReleased(): never {
  throw new SharedWsError(
    'ERR_FRAME_RELEASED',
    'this frame was borrowed and its callback has returned; take text(), json() or copy() inside the callback',
  )
}
