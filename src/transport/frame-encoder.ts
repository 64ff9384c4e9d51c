export interface EncodeOptions {
  /** Default true. */
  readonly fin?: boolean
  /** RSV1–3 as 4, 2, 1. Default 0. */
  readonly rsv?: number
  /** Makes it a client's frame. The payload is XORed with it (RFC 6455 5.3). */
  readonly maskKey?: Uint8Array
}

/** One frame's bytes (RFC 6455 5.2), for the mock and for tests of transports: nothing is checked. */
export function encodeFrame(opcode: number, payload: Uint8Array, options: EncodeOptions = {}): Buffer {
  const { fin = true, rsv = 0, maskKey } = options
  const length = payload.length
  const lengthBytes = length < 126 ? 0 : length < 65536 ? 2 : 8
  const payloadAt = 2 + lengthBytes + (maskKey === undefined ? 0 : 4)
  const frame = Buffer.allocUnsafe(payloadAt + length)
  frame[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  frame[1] = (maskKey === undefined ? 0 : 0x80) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2)
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(payload, payloadAt)
  if (maskKey !== undefined) {
    frame.set(maskKey, payloadAt - 4)
    unmask(frame.subarray(payloadAt), maskKey)
  }
  return frame
}

/** The payload of a CLOSE frame. Code 0 or 1005: empty. */
export function closePayload(code: number, reason: string): Buffer {
  if (code === 0 || code === 1005) return Buffer.alloc(0)
  const payload = Buffer.concat([Buffer.alloc(2), Buffer.from(reason)])
  payload.writeUInt16BE(code)
  return payload
}

/** XORs in place; masking and unmasking are one. */
export function unmask(payload: Uint8Array, maskKey: Uint8Array): void {
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] as number) ^ (maskKey[i & 3] as number)
}
