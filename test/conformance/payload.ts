import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { SAMPLE_NAMES, sampleAt } from './samples.ts'
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
  return {
    get byteLength() {
      return parts.reduce((sum, part) => sum + part.byteLength, 0)
    },
    bytes: () => Buffer.concat(parts.map((part) => part.bytes())),
  }
}

const PACKERS = { gzip: gzipSync, zlib: deflateSync, raw: deflateRawSync } as const

/**
 * `part + part …`, each `"text"` or `hex:00ff`, as it is, `×n` times, or `to n B`: repeated and cut; `sample json 16`: the
 * next 16 units of a sample; `gzip(…)`, `zlib(…)`, `raw(…)`: compressed.
 */
export function readPayload(tokens: Tokens): Payload {
  const parts = [readPart(tokens)]
  while (tokens.take('+')) parts.push(readPart(tokens))
  return concatenated(parts)
}

function readPart(tokens: Tokens): Payload {
  if (tokens.take('sample')) return readSample(tokens)
  for (const name of Object.keys(PACKERS) as (keyof typeof PACKERS)[]) {
    if (!tokens.take(name)) continue
    tokens.expect('(')
    const inside = readPayload(tokens)
    tokens.expect(')')
    return onceMade(() => PACKERS[name](inside.bytes()))
  }
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

function readSample(tokens: Tokens): Payload {
  const name = SAMPLE_NAMES.find((known) => tokens.take(known))
  if (name === undefined) throw tokens.error(`one of ${SAMPLE_NAMES.join(', ')}`)
  const units = tokens.number()
  const at = tokens.samples.get(name) ?? 0
  tokens.samples.set(name, at + units)
  return sampleAt(name, at, units)
}

/** Kept, for what takes long to make and is small then. */
function onceMade(make: () => Buffer): Payload {
  let made: Buffer | undefined
  const bytes = (): Buffer => {
    made ??= make()
    return made
  }
  return {
    get byteLength() {
      return bytes().length
    },
    bytes,
  }
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
