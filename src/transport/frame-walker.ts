import type { ProtocolStatus, ProtocolStatusCode } from '../errors/statuses.ts'
import { protocolStatus } from './end-causes.ts'

/** A frame's header (RFC 6455 5.2), and where its payload will go. */
export interface FrameHeader {
  readonly fin: boolean
  /** 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong. */
  readonly opcode: number
  /** RSV1 on a data message's first frame: it and its continuations are compressed (RFC 7692 6). */
  readonly compressed: boolean
  readonly length: number
  /** Present on a client's frames. */
  readonly maskKey: Uint8Array | undefined
}

/** What a {@link FrameWalker} tells about the stream, in order. */
export interface FrameSink {
  onHeader(header: FrameHeader): void
  /** Payload bytes `start … end - 1` of the chunk, as sent: masked where the header has a key. */
  onPayload(chunk: Uint8Array, start: number, end: number): void
  onFrameEnd(): void
}

export interface FrameLimits {
  readonly maxFrameBytes: number
  /** A compressed message may be a little longer: what deflate cannot compress grows by its block headers. */
  readonly maxMessageBytes: number
  /**
   * Of one message: its frames, and the pieces in which their payloads come. For whoever keeps an object for each. Default: any
   * number.
   */
  readonly maxMessageParts?: number
}

const MAX_HEADER_BYTES = 14
const FIRST_CONTROL_OPCODE = 8
const RSV1 = 0x40

/**
 * Follows a stream of frames from header to header, and judges headers, not payloads. Holds no payload; no socket, no
 * clock. The first violation is latched: nothing after it is looked at.
 */
export class FrameWalker {
  readonly #limits: FrameLimits
  readonly #sink: FrameSink
  readonly #fromClient: boolean
  /** RSV1, once an extension has defined it. */
  #compressedBit = 0
  readonly #head = new Uint8Array(MAX_HEADER_BYTES)
  readonly #headView = new DataView(this.#head.buffer)
  #headBytes = 0
  #payloadLeft = 0
  #inPayload = false
  #isData = false
  #fragmented = false
  #messageBytes = 0
  #maxMessageBytes = 0
  readonly #maxMessageParts: number
  #messageParts = 0
  #violation: ProtocolStatus | undefined
  /** Where in the current chunk the current frame begins; 0 when it began in an earlier one. */
  #frameStart = 0

  constructor(limits: FrameLimits, sink: FrameSink, from: 'server' | 'client' = 'server') {
    this.#limits = limits
    this.#maxMessageParts = limits.maxMessageParts ?? Number.POSITIVE_INFINITY
    this.#sink = sink
    this.#fromClient = from === 'client'
  }

  /** permessage-deflate has been negotiated: data messages may have RSV1 on their first frame. */
  admitCompressed(): void {
    this.#compressedBit = RSV1
  }

  get violation(): ProtocolStatus | undefined {
    return this.#violation
  }

  /** For the sink: where in the chunk being walked the current frame begins; 0 when it began in an earlier one. */
  get frameStart(): number {
    return this.#frameStart
  }

  /** The bytes so far end within a frame's header. */
  get isInHeader(): boolean {
    return this.#headBytes > 0
  }

  /**
   * Walks over the next bytes of the stream. Returns how many of them come before the frame that broke a rule: all of
   * them when none did. (That frame's first header bytes may have been in an earlier chunk.) A payload that comes in too many
   * pieces breaks one too: then those before the last piece.
   */
  walk(chunk: Uint8Array): number {
    let at = 0
    this.#frameStart = 0
    while (at < chunk.length && this.#violation === undefined) {
      if (this.#inPayload) {
        const end = Math.min(chunk.length, at + this.#payloadLeft)
        if (this.#isData && ++this.#messageParts > this.#maxMessageParts) {
          this.#violation = protocolStatus('ERR_WS_MESSAGE_TOO_LARGE')
          return at
        }
        this.#sink.onPayload(chunk, at, end)
        this.#payloadLeft -= end - at
        at = end
        if (this.#payloadLeft === 0) this.#endFrame()
        continue
      }
      if (this.#headBytes === 0) this.#frameStart = at
      this.#head[this.#headBytes++] = chunk[at++] as number
      const code = this.#headerByteCame()
      if (code !== undefined) {
        this.#violation = protocolStatus(code)
        return this.#frameStart
      }
    }
    return this.#violation === undefined ? chunk.length : 0
  }

  /** Judges as soon as there is something to judge; begins the frame when its header is complete. */
  #headerByteCame(): ProtocolStatusCode | undefined {
    if (this.#headBytes < 2) return undefined
    const first = this.#head[0] as number
    const second = this.#head[1] as number
    if (this.#headBytes === 2) {
      const code = this.#judgeFirstBytes(first, second)
      if (code !== undefined) return code
    }
    const short = second & 0x7f
    const size = 2 + (short === 127 ? 8 : short === 126 ? 2 : 0) + (this.#fromClient ? 4 : 0)
    return this.#headBytes < size ? undefined : this.#beginFrame(first, short)
  }

  #judgeFirstBytes(first: number, second: number): ProtocolStatusCode | undefined {
    const opcode = first & 0x0f
    const length = second & 0x7f
    const admitted = opcode === 1 || opcode === 2 ? this.#compressedBit : 0
    if ((first & 0x70 & ~admitted) !== 0) return 'ERR_WS_RESERVED_BITS'
    if ((opcode > 2 && opcode < FIRST_CONTROL_OPCODE) || opcode > 10) return 'ERR_WS_RESERVED_OPCODE'
    // The table speaks of servers; a client's frame without a mask breaks the same section.
    if (second >= 0x80 !== this.#fromClient) return 'ERR_WS_MASKED_FRAME'
    if (opcode >= FIRST_CONTROL_OPCODE) {
      if (first < 0x80) return 'ERR_WS_CONTROL_FRAGMENTED'
      if (length > 125) return 'ERR_WS_CONTROL_TOO_LONG'
      if (opcode === 8 && length === 1) return 'ERR_WS_CLOSE_TOO_SHORT'
      return undefined
    }
    if (opcode === 0 && !this.#fragmented) return 'ERR_WS_UNEXPECTED_CONTINUATION'
    if (opcode !== 0 && this.#fragmented) return 'ERR_WS_EXPECTED_CONTINUATION'
    return undefined
  }

  #beginFrame(first: number, short: number): ProtocolStatusCode | undefined {
    const view = this.#headView
    const fin = first >= 0x80
    const opcode = first & 0x0f
    let length = short
    if (short === 126) {
      length = view.getUint16(2)
      if (length < 126) return 'ERR_WS_NON_MINIMAL_LENGTH'
    } else if (short === 127) {
      if (view.getUint8(2) >= 0x80) return 'ERR_WS_LENGTH_TOP_BIT'
      length = Number(view.getBigUint64(2))
      if (length < 65536) return 'ERR_WS_NON_MINIMAL_LENGTH'
    }
    if (opcode < FIRST_CONTROL_OPCODE) {
      if (length > this.#limits.maxFrameBytes) return 'ERR_WS_FRAME_TOO_LARGE'
      if (opcode !== 0) this.#maxMessageBytes = this.#maxBytesOf((first & RSV1) !== 0)
      if (this.#messageBytes + length > this.#maxMessageBytes) return 'ERR_WS_MESSAGE_TOO_LARGE'
      this.#messageBytes = fin ? 0 : this.#messageBytes + length
      if (opcode !== 0) this.#messageParts = 0
      if (++this.#messageParts > this.#maxMessageParts) return 'ERR_WS_MESSAGE_TOO_LARGE'
      this.#fragmented = !fin
    }

    const maskKey = this.#fromClient ? this.#head.slice(this.#headBytes - 4, this.#headBytes) : undefined
    this.#headBytes = 0
    this.#payloadLeft = length
    this.#inPayload = true
    this.#isData = opcode < FIRST_CONTROL_OPCODE
    this.#sink.onHeader({ fin, opcode, compressed: (first & RSV1) !== 0, length, maskKey })
    if (length === 0) this.#endFrame()
    return undefined
  }

  /** Of a message as it is sent. 5 bytes for each block of 16 KiB or more, and an end (zlib's `deflateBound`). */
  #maxBytesOf(compressed: boolean): number {
    const { maxMessageBytes } = this.#limits
    return compressed ? maxMessageBytes + Math.floor(maxMessageBytes / 1024) + 1024 : maxMessageBytes
  }

  #endFrame(): void {
    this.#inPayload = false
    this.#sink.onFrameEnd()
  }
}
