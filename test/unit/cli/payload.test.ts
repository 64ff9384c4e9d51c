import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { hex, inflatePayload, oneLine } from '../../../src/cli/payload.ts'

const JSON_TEXT = '{"ch":"market.btcusdt.depth","ts":1618678069699,"name":"é"}'

describe('inflatePayload', () => {
  test.each([
    ['gzip', gzipSync(JSON_TEXT)],
    ['zlib', deflateSync(JSON_TEXT)],
    ['zlib', deflateSync(JSON_TEXT, { level: 1 })],
    ['deflate', deflateRawSync(JSON_TEXT)],
  ])('%s', (encoding, bytes) => {
    expect(inflatePayload(bytes)).toEqual({ encoding, text: JSON_TEXT })
  })

  test('text that is no JSON: by checksum only', () => {
    expect(inflatePayload(gzipSync('Ping'))).toEqual({ encoding: 'gzip', text: 'Ping' })
    expect(inflatePayload(deflateRawSync('Ping'))).toBeUndefined()
  })

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from([0x1f])],
    ['plain JSON', Buffer.from(JSON_TEXT)],
    ['protobuf', Buffer.from([0x0a, 0x03, 0x61, 0x62, 0x63])],
    ['gzip cut short', gzipSync(JSON_TEXT).subarray(0, 30)],
    ['gzip of bytes that are no text', gzipSync(Buffer.from([0xff, 0xfe]))],
    ['a bomb', gzipSync(Buffer.alloc(17 * 1024 * 1024))],
  ])('leaves %s alone', (_name, bytes) => {
    expect(inflatePayload(bytes)).toBeUndefined()
  })
})

test('hex shows 256 bytes and says how many it does not', () => {
  expect(hex(Uint8Array.of(0, 171, 255))).toBe('00abff')
  expect(hex(new Uint8Array(256))).toBe('00'.repeat(256))
  expect(hex(new Uint8Array(1000))).toBe(`${'00'.repeat(256)}… (744 more bytes)`)
  expect(hex(new Uint8Array([1, 2, 3]).subarray(1))).toBe('0203')
})

test('oneLine keeps text as it is but for control characters', () => {
  const plain = '{"a":"é 漢 😀\tb\\n"}'
  expect(oneLine(plain)).toBe(plain)
  expect(oneLine('a\nb\r\u001b[2J\u007f\u0085\u0000')).toBe('a\\nb\\r\\x1b[2J\\x7f\\x85\\x00')
})
