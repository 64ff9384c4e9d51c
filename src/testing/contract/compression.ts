import assert from 'node:assert/strict'
import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
  type ZlibOptions,
} from 'node:zlib'
import type { EncodeOptions } from '../../transport/frame-encoder.ts'
import { encodeFrame } from '../../transport/frame-encoder.ts'
import type { ContractFrame } from './environment.ts'

const TAIL = Buffer.of(0, 0, 0xff, 0xff)
const RSV1 = 4

/** Opcode and payload of a message. */
export type Message = string | Uint8Array

/**
 * A peer's side of permessage-deflate on zlib's streams, which the transports do not use, so that a mistake of theirs is
 * not repeated here. Close it in the end.
 */
export class PeerDeflate {
  readonly #deflate: DeflateRaw
  readonly #inflate: InflateRaw
  readonly #takeover: boolean
  readonly #out: Buffer[] = []
  readonly #in: Buffer[] = []

  constructor({ takeover = true, windowBits = 15, ...options }: ZlibOptions & { readonly takeover?: boolean } = {}) {
    this.#takeover = takeover
    // zlib compresses with no window of 8.
    this.#deflate = createDeflateRaw({ ...options, windowBits: Math.max(9, windowBits) })
    this.#deflate.on('data', (chunk: Buffer) => this.#out.push(chunk))
    this.#inflate = createInflateRaw({ windowBits })
    this.#inflate.on('data', (chunk: Buffer) => this.#in.push(chunk))
  }

  /** The compressed payload of a message (RFC 7692 7.2.1). */
  async compress(message: Message, flush = constants.Z_SYNC_FLUSH): Promise<Buffer> {
    this.#deflate.write(message)
    await new Promise<void>((resolve) => this.#deflate.flush(flush, resolve))
    const payload = Buffer.concat(this.#out.splice(0))
    if (!this.#takeover) this.#deflate.reset()
    assert.deepEqual(payload.subarray(-4), TAIL)
    return payload.subarray(0, -4)
  }

  /** The message as one compressed frame. */
  async frame(message: Message, options: EncodeOptions = {}): Promise<Buffer> {
    return compressed(opcodeOf(message), await this.compress(message), options)
  }

  /** The payload of a client's frame that came compressed. */
  async decompress({ compressed, payload }: ContractFrame): Promise<Buffer> {
    assert.ok(compressed, 'the frame is compressed')
    this.#inflate.write(payload)
    this.#inflate.write(TAIL)
    await new Promise<void>((resolve) => this.#inflate.flush(resolve))
    if (!this.#takeover) this.#inflate.reset()
    return Buffer.concat(this.#in.splice(0))
  }

  close(): void {
    this.#deflate.close()
    this.#inflate.close()
  }
}

export const opcodeOf = (message: Message): number => (typeof message === 'string' ? 1 : 2)

/** A frame with RSV1 set. */
export function compressed(opcode: number, payload: Uint8Array, options: EncodeOptions = {}): Buffer {
  return encodeFrame(opcode, payload, { ...options, rsv: RSV1 })
}

/** A compressed payload in frames of `size` bytes, RSV1 on the first only; `between` goes in front of each but the first. */
export function fragmented(opcode: number, payload: Buffer, size: number, between?: Uint8Array): Buffer {
  const frames: Uint8Array[] = []
  for (let at = 0; at === 0 || at < payload.length; at += size) {
    const fin = at + size >= payload.length
    const piece = payload.subarray(at, at + size)
    if (at === 0) frames.push(compressed(opcode, piece, { fin }))
    else frames.push(between ?? new Uint8Array(0), encodeFrame(0, piece, { fin }))
  }
  return Buffer.concat(frames)
}

/** A ticker whose figures change, as exchanges send them. */
export function ticker(i: number): string {
  const price = (60_000 + Math.sin(i) * 100).toFixed(2)
  const quantity = ((i * 7919) % 1000) / 1000
  return `{"e":"bookTicker","u":${400_900_217 + i * 3},"s":"BTCUSDT","b":"${price}","B":"${quantity}","T":${1_700_000_000_000 + i * 17}}`
}
