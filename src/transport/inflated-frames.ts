import type { ProtocolStatus } from '../errors/statuses.ts'
import { protocolStatus } from './end-causes.ts'
import { encodeFrame } from './frame-encoder.ts'
import { type FrameHeader, type FrameSink, FrameWalker } from './frame-walker.ts'
import type { MessageInflater } from './message-deflate.ts'

const NO_LIMITS = { maxFrameBytes: Number.MAX_SAFE_INTEGER, maxMessageBytes: Number.MAX_SAFE_INTEGER }
const FIRST_CONTROL_OPCODE = 8

/**
 * Rewrites a server's frames for `ws`, which then needs no permessage-deflate: each compressed message becomes one
 * uncompressed frame, inflated at once, everything else stays as it is and where it is. Expects frames that a
 * {@link file://./frame-guard.ts FrameGuard} has admitted.
 */
export class InflatedFrames implements FrameSink {
  readonly #inflater: MessageInflater
  readonly #walker = new FrameWalker(NO_LIMITS, this)
  #out: Buffer[] = []
  #header: FrameHeader | undefined
  #pieces: Uint8Array[] = []
  /** Of the compressed message under way. */
  #opcode: number | undefined
  #fragments: Uint8Array[] = []
  #violation: ProtocolStatus | undefined

  constructor(inflater: MessageInflater) {
    this.#inflater = inflater
    this.#walker.admitCompressed()
  }

  /** Latched: nothing more is given. */
  get violation(): ProtocolStatus | undefined {
    return this.#violation
  }

  /** What `ws` shall read next. */
  rewrite(chunk: Uint8Array): readonly Buffer[] {
    this.#walker.walk(chunk)
    const out = this.#out
    this.#out = []
    return out
  }

  onHeader(header: FrameHeader): void {
    this.#header = header
    this.#pieces = []
    if (header.compressed) this.#opcode = header.opcode
  }

  onPayload(chunk: Uint8Array, start: number, end: number): void {
    this.#pieces.push(chunk.subarray(start, end))
  }

  onFrameEnd(): void {
    if (this.#violation !== undefined) return
    const { opcode, fin } = this.#header as FrameHeader
    if (opcode >= FIRST_CONTROL_OPCODE || this.#opcode === undefined) {
      this.#out.push(encodeFrame(opcode, Buffer.concat(this.#pieces), { fin }))
      return
    }
    for (const piece of this.#pieces) this.#fragments.push(piece)
    if (fin) this.#inflate(this.#opcode)
  }

  #inflate(opcode: number): void {
    const message = this.#inflater.inflate(Buffer.concat(this.#fragments))
    this.#fragments = []
    this.#opcode = undefined
    if (typeof message === 'string') this.#violation = protocolStatus(message)
    else this.#out.push(encodeFrame(opcode, message))
  }
}
