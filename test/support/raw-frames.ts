/**
 * The server's half of RFC 6455 framing, written apart from src/ so that a mistake there is not repeated here: encodes
 * what a server sends (correctly, or deliberately not) and decodes what a client sends, asserting that it is correct.
 */

export interface ServerFrameOptions {
  /** Default true. */
  readonly fin?: boolean
  /** RSV1–3 as the number 4, 2, 1. Default 0. */
  readonly rsv?: number
  /** Masks the frame, which a server must not do. */
  readonly maskKey?: Uint8Array
  /** Bytes of the length field: 7, 16 or 64 bits. Default: the shortest. */
  readonly lengthBits?: 7 | 16 | 64
  /** The length to announce, where it is not the payload's. */
  readonly announce?: bigint
}

export function encodeServerFrame(
  opcode: number,
  payload: string | Uint8Array,
  options: ServerFrameOptions = {},
): Buffer {
  const body = Buffer.from(payload as Uint8Array)
  const length = options.announce ?? BigInt(body.length)
  const bits = options.lengthBits ?? (length > 65535n ? 64 : length > 125n ? 16 : 7)
  const mask = options.maskKey
  const header = Buffer.alloc(2 + (bits === 64 ? 8 : bits === 16 ? 2 : 0))
  header[0] = ((options.fin ?? true) ? 0x80 : 0) | ((options.rsv ?? 0) << 4) | opcode
  header[1] = (mask ? 0x80 : 0) | (bits === 64 ? 127 : bits === 16 ? 126 : Number(length))
  if (bits === 16) header.writeUInt16BE(Number(length), 2)
  if (bits === 64) header.writeBigUInt64BE(length, 2)
  if (mask === undefined) return Buffer.concat([header, body])
  for (let i = 0; i < body.length; i++) body[i] = (body[i] as number) ^ (mask[i & 3] as number)
  return Buffer.concat([header, mask, body])
}

export function encodeServerClose(code?: number, reason: string | Uint8Array = ''): Buffer {
  if (code === undefined) return encodeServerFrame(8, '')
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason as Uint8Array)])
  payload.writeUInt16BE(code)
  return encodeServerFrame(8, payload)
}

export interface ClientFrame {
  readonly opcode: number
  readonly fin: boolean
  /** RSV1 is set. */
  readonly compressed: boolean
  readonly payload: Buffer
  readonly maskKey: Buffer
  /** Bytes on the wire, header and mask included. */
  readonly wireLength: number
}

/** Code and reason of a CLOSE frame; 1005 when it carries none. */
export function closeOf(frame: ClientFrame): { code: number; reason: string } {
  if (frame.opcode !== 8) throw new Error(`expected a CLOSE frame, got opcode ${frame.opcode}`)
  if (frame.payload.length === 0) return { code: 1005, reason: '' }
  return { code: frame.payload.readUInt16BE(0), reason: frame.payload.toString('utf8', 2) }
}

/** Frames out of a client's bytes. Throws on whatever a conforming client never sends. */
export class ClientFrameParser {
  /** permessage-deflate was agreed upon: data frames may have RSV1. */
  admitsCompressed = false
  #pending: Buffer = Buffer.alloc(0)
  /** What came behind `pending`: joined only when it can complete the next frame, so that large frames cost no more. */
  #later: Buffer[] = []
  #laterBytes = 0
  #neededBytes = 2

  push(bytes: Uint8Array): ClientFrame[] {
    this.#later.push(Buffer.from(bytes))
    this.#laterBytes += bytes.length
    if (this.pendingBytes < this.#neededBytes) return []
    this.#pending = Buffer.concat([this.#pending, ...this.#later])
    this.#later = []
    this.#laterBytes = 0
    const frames: ClientFrame[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  /** Bytes of an unfinished frame. */
  get pendingBytes(): number {
    return this.#pending.length + this.#laterBytes
  }

  #next(): ClientFrame | undefined {
    const bytes = this.#pending
    this.#neededBytes = 2
    if (bytes.length < 2) return undefined
    const first = bytes[0] as number
    const second = bytes[1] as number
    const opcode = first & 15
    const admitted = this.admitsCompressed && (opcode === 1 || opcode === 2) ? 0x40 : 0
    check((first & 0x70 & ~admitted) === 0, 'a client frame has reserved bits set')
    check([0, 1, 2, 8, 9, 10].includes(opcode), `a client frame has the reserved opcode ${opcode}`)
    check((second & 0x80) !== 0, 'a client frame is not masked (RFC 6455 5.3)')
    const short = second & 127
    const headBytes = 2 + (short === 127 ? 8 : short === 126 ? 2 : 0) + 4
    this.#neededBytes = headBytes
    if (bytes.length < headBytes) return undefined
    const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
    check(
      short < 126 || length > (short === 126 ? 125 : 65535),
      'a client frame has a longer length field than it needs',
    )
    check(opcode < 8 || (length <= 125 && first >= 0x80), 'a client control frame is fragmented or too long')
    this.#neededBytes = headBytes + length
    if (bytes.length < headBytes + length) return undefined
    const maskKey = Buffer.from(bytes.subarray(headBytes - 4, headBytes))
    const payload = Buffer.from(bytes.subarray(headBytes, headBytes + length))
    for (let i = 0; i < length; i++) payload[i] = (payload[i] as number) ^ (maskKey[i & 3] as number)
    this.#pending = bytes.subarray(headBytes + length)
    const compressed = (first & 0x40) !== 0
    return { opcode, fin: first >= 0x80, compressed, payload, maskKey, wireLength: headBytes + length }
  }
}

function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(message)
}
