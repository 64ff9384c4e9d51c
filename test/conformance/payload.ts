import { crc32 } from 'node:zlib'
import type { Tokens } from './tokens.ts'

/** Bytes that are made when they are needed: some vectors have 16 MiB of them, and most of the time nobody looks. */
export interface Payload {
  readonly byteLength: number
  bytes(): Buffer
}

export const EMPTY: Payload = { byteLength: 0, bytes: () => Buffer.alloc(0) }

export function payloadOf(bytes: Uint8Array): Payload {
  const copy = Buffer.from(bytes)
  return { byteLength: copy.length, bytes: () => copy }
}

export function concatenated(parts: readonly Payload[]): Payload {
  if (parts.length === 1) return parts[0] as Payload
  const byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0)
  return { byteLength, bytes: () => Buffer.concat(parts.map((part) => part.bytes())) }
}

/** `part + part …`, each `"text"` or `hex:00ff`, as it is, `×n` times, or `to n B`: repeated and cut. */
export function readPayload(tokens: Tokens): Payload {
  const parts = [readPart(tokens)]
  while (tokens.take('+')) parts.push(readPart(tokens))
  return concatenated(parts)
}

function readPart(tokens: Tokens): Payload {
  const unit = tokens.takeText() ?? tokens.takeHex()
  if (unit === undefined) throw tokens.error('a payload: "text" or hex:00ff')
  if (tokens.take('×')) return cycled(unit, unit.length * tokens.number())
  if (tokens.take('to')) {
    const size = tokens.number()
    tokens.expect('B')
    return cycled(unit, size)
  }
  return payloadOf(unit)
}

function cycled(unit: Buffer, byteLength: number): Payload {
  return { byteLength, bytes: () => Buffer.alloc(byteLength, unit) }
}

/** Short payloads as they are, long ones by length and checksum: for comparing, and for reading when it fails. */
export function shown(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length > 200) return `${buffer.length} B, CRC-32 ${crc32(buffer).toString(16)}`
  return /^[\x20-\x7e]*$/.test(buffer.toString('latin1'))
    ? JSON.stringify(buffer.toString())
    : `hex:${buffer.toString('hex')}`
}
