import { isUtf8 } from 'node:buffer'
import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib'

/** What a compressed message inflates to at most, before it is shown as bytes instead. */
const MAX_INFLATED_BYTES = 16 * 1024 * 1024
const MAX_HEX_BYTES = 256

export type PayloadEncoding = 'gzip' | 'zlib' | 'deflate'

export interface InflatedPayload {
  readonly encoding: PayloadEncoding
  readonly text: string
}

/**
 * The text in a binary message, where it is compressed text, as several exchanges send it (Huobi gzip, OKX v3 bare
 * deflate). Undefined for anything else. gzip and zlib carry a checksum; bare deflate has no mark of its own, so it
 * must also hold JSON.
 */
export function inflatePayload(bytes: Uint8Array): InflatedPayload | undefined {
  const [first, second] = bytes
  if (first === undefined || second === undefined) return undefined
  if (first === 0x1f && second === 0x8b) return inflated('gzip', gunzipSync, bytes)
  // RFC 1950 2.2: method 8 and a header that is a multiple of 31.
  if ((first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0) return inflated('zlib', inflateSync, bytes)
  const bare = inflated('deflate', inflateRawSync, bytes)
  return bare !== undefined && isJson(bare.text) ? bare : undefined
}

function inflated(
  encoding: PayloadEncoding,
  inflate: (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer,
  bytes: Uint8Array,
): InflatedPayload | undefined {
  try {
    const out = inflate(bytes, { maxOutputLength: MAX_INFLATED_BYTES })
    return isUtf8(out) ? { encoding, text: out.toString() } : undefined
  } catch {
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Hexadecimal, cut behind 256 bytes with a remark of how many are missing. */
export function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEX_BYTES)).toString('hex')
  return bytes.length > MAX_HEX_BYTES ? `${shown}… (${bytes.length - MAX_HEX_BYTES} more bytes)` : shown
}

/**
 * Text as it is, but on one line and without control characters, which it could use to take over the terminal: they
 * become `\n`, `\x1b` and the like. Tabs stay.
 */
export function oneLine(text: string): string {
  return text.replace(/[^\P{Cc}\t]/gu, (char) => {
    if (char === '\n') return '\\n'
    if (char === '\r') return '\\r'
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
