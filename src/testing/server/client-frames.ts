import type { CutFrame } from './listener.ts'

/** A longest header: 2 bytes, 8 of length, 4 of mask (RFC 6455 5.2). */
const MAX_HEADER = 14
/** Enough of a payload to tell which request a cut frame was. */
const KEPT_PAYLOAD = 512

/**
 * Follows a client's bytes frame by frame beside the real decoder, for the one thing that decoder does not tell: whether,
 * when the connection ends, a frame had begun to arrive. It trusts the client; what is no WebSocket frame is the real
 * decoder's business.
 */
export class ClientFrames {
  readonly #header = Buffer.alloc(MAX_HEADER)
  #headerBytes = 0
  /** Known once the header is whole. */
  #payloadLength = 0
  #payloadBytes = 0
  #isData = false
  #kept = Buffer.alloc(0)

  feed(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#headerBytes < this.#headerLength()) {
        this.#header[this.#headerBytes++] = chunk[at++] as number
        if (this.#headerBytes === this.#headerLength()) this.#beginPayload()
      } else {
        const taken = Math.min(chunk.length - at, this.#payloadLength - this.#payloadBytes)
        this.#keep(chunk.subarray(at, at + taken))
        this.#payloadBytes += taken
        at += taken
      }
      if (this.#headerBytes === this.#headerLength() && this.#payloadBytes === this.#payloadLength) this.#reset()
    }
  }

  /** The data frame whose bytes have arrived in part; undefined between frames and within control frames. */
  cut(): CutFrame | undefined {
    // Before the second byte nothing but the opcode is known, and that is enough.
    if (this.#headerBytes === 0 || ((this.#header[0] as number) & 0x0f) > 2) return undefined
    return { byteLength: this.#headerBytes + this.#payloadBytes, payload: this.#kept }
  }

  #headerLength(): number {
    if (this.#headerBytes < 2) return 2
    const second = this.#header[1] as number
    const length = second & 0x7f
    return 2 + (length === 127 ? 8 : length === 126 ? 2 : 0) + (second & 0x80 ? 4 : 0)
  }

  #beginPayload(): void {
    const length = (this.#header[1] as number) & 0x7f
    if (length === 126) this.#payloadLength = this.#header.readUInt16BE(2)
    else if (length === 127) this.#payloadLength = Number(this.#header.readBigUInt64BE(2))
    else this.#payloadLength = length
    this.#isData = ((this.#header[0] as number) & 0x0f) <= 2
  }

  #keep(bytes: Uint8Array): void {
    const room = KEPT_PAYLOAD - this.#kept.length
    if (!this.#isData || room <= 0 || this.#payloadLength <= this.#payloadBytes + bytes.length) return
    const masked = ((this.#header[1] as number) & 0x80) !== 0
    const mask = this.#headerBytes - 4
    const plain = Buffer.from(bytes.subarray(0, room))
    for (let i = 0; masked && i < plain.length; i++) {
      const offset = (this.#kept.length + i) & 3
      plain[i] = (plain[i] as number) ^ (this.#header[mask + offset] as number)
    }
    this.#kept = Buffer.concat([this.#kept, plain])
  }

  #reset(): void {
    this.#headerBytes = 0
    this.#payloadLength = 0
    this.#payloadBytes = 0
    this.#kept = Buffer.alloc(0)
  }
}
