import { closePayload, type EncodeOptions, encodeFrame } from '../../transport/frame-encoder.ts'
import type { ContractFrame } from './environment.ts'

/** A server's frames, as bytes. */

export const text = (payload: string, options?: EncodeOptions): Buffer => encodeFrame(1, Buffer.from(payload), options)
export const binary = (payload: Uint8Array, options?: EncodeOptions): Buffer => encodeFrame(2, payload, options)
export const continuation = (payload: string | Uint8Array, options?: EncodeOptions): Buffer =>
  encodeFrame(0, Buffer.from(payload as Uint8Array), options)
export const ping = (payload: string): Buffer => encodeFrame(9, Buffer.from(payload))
export const pong = (payload: string): Buffer => encodeFrame(10, Buffer.from(payload))
/** Code 0: empty. */
export const close = (code: number, reason = ''): Buffer => encodeFrame(8, closePayload(code, reason))

/** Code and reason of a client's CLOSE; 1005 for an empty one. */
export function closeOf({ payload }: ContractFrame): { code: number; reason: string } {
  const bytes = Buffer.from(payload)
  return { code: bytes.length === 0 ? 1005 : bytes.readUInt16BE(0), reason: bytes.toString('utf8', 2) }
}

export function textOf({ payload }: ContractFrame): string {
  return Buffer.from(payload).toString()
}

/** Bytes that differ from each other and from one seed to the next. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + seed * 101) & 0xff
  return bytes
}

/** Lengths around the borders of the three length fields, and a large one. */
export const LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 1024 * 1024]
