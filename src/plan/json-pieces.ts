import { utf8Slice } from '../support/slices.ts'

/**
 * Pieces of JSON in bytes, as a structural scan sees them: where strings, scalars and containers end, and what a string says. It
 * validates nothing; `native/core/json_scan.h` says the same in C++.
 */

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_ARRAY = 0x5b
export const BACKSLASH = 0x5c
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d

const LETTER_U = 0x75
/** What the letter behind a backslash stands for, but for `u`. */
const ESCAPES = new Map(Array.from('"\\/bfnrt', (letter, i) => [letter.charCodeAt(0), '"\\/\b\f\n\r\t'[i] as string]))

/** Of what a scan looks for there is none: the bytes end before it does. */
export const NOWHERE = -1

export function behindSpace(bytes: Uint8Array, from: number): number {
  for (let at = from; ; at++) {
    const byte = bytes[at]
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
  }
}

/** A value cannot begin with it, and a scalar ends before it. */
export function endsScalar(byte: number | undefined): boolean {
  return byte === undefined || byte <= 0x20 || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT
}

/** `from`: behind the opening quote. A backslash takes the byte behind it with it, whatever that is. Behind the closing quote. */
export function behindString(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) return at + 1
    if (byte === BACKSLASH) at++
  }
  return NOWHERE
}

/** The byte that ends it, which must come: a scalar at the end of the bytes may have been cut. */
export function endOfScalar(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) if (endsScalar(bytes[at])) return at
  return NOWHERE
}

/**
 * `from`: inside. Behind the bracket that balances all outside strings; of which kind brackets are is not looked at. A backslash takes the
 * byte behind it with it, outside strings as well.
 */
export function behindContainer(bytes: Uint8Array, from: number): number {
  let depth = 1
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      const end = behindString(bytes, at + 1)
      if (end === NOWHERE) return NOWHERE
      at = end - 1
    } else if (byte === BACKSLASH) {
      at++
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth--
      if (depth === 0) return at + 1
    }
  }
  return NOWHERE
}

/** What the bytes between two quotes say. Undefined: an escape that there is not, or half of a surrogate pair. */
export function unescaped(bytes: Buffer, from: number, end: number): string | undefined {
  let text = ''
  let plainFrom = from
  for (let at = from; at < end; at = plainFrom) {
    while (at < end && bytes[at] !== BACKSLASH) at++
    text += utf8Slice(bytes, plainFrom, at)
    if (at === end) return text
    const letter = at + 1 < end ? bytes[at + 1] : undefined
    if (letter !== LETTER_U) {
      const meant = letter === undefined ? undefined : ESCAPES.get(letter)
      if (meant === undefined) return undefined
      text += meant
      plainFrom = at + 2
      continue
    }
    const unit = hex4(bytes, at + 2, end)
    if (unit === undefined || isLowSurrogate(unit)) return undefined
    plainFrom = at + 6
    text += String.fromCharCode(unit)
    if (!isHighSurrogate(unit)) continue
    const isEscape = plainFrom + 1 < end && bytes[plainFrom] === BACKSLASH && bytes[plainFrom + 1] === LETTER_U
    const low = isEscape ? hex4(bytes, plainFrom + 2, end) : undefined
    if (low === undefined || !isLowSurrogate(low)) return undefined
    text += String.fromCharCode(low)
    plainFrom += 6
  }
  return text
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

function hex4(bytes: Uint8Array, from: number, end: number): number | undefined {
  if (from + 4 > end) return undefined
  let value = 0
  for (let at = from; at < from + 4; at++) {
    const digit = hexDigit(bytes[at] as number)
    if (digit === -1) return undefined
    value = value * 16 + digit
  }
  return value
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}
