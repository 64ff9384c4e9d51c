import { deflateRawSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { inflateMessage, MessageDeflater, MessageInflater } from '../../../src/transport/message-deflate.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const LIMIT = 1_000_000
const COMPRESS = { thresholdBytes: 0, level: 6, memLevel: 8 }

/** Texts that repeat each other at all distances, and noise. */
function messages(seed: number): Buffer[] {
  const random = seededRandom(seed)
  const noise = Buffer.from(Array.from({ length: 50_000 }, () => Math.floor(random() * 256)))
  return Array.from({ length: 60 }, () => {
    const at = Math.floor(random() * noise.length)
    const part = noise.subarray(at, at + Math.floor(random() ** 3 * 50_000))
    return random() < 0.5 ? part : Buffer.from(part.toString('hex'))
  })
}

describe.each([9, 10, 12, 15])('a window of %i', (maxWindowBits) => {
  test.each([false, true])('what is deflated is inflated again; contexts dropped: %s', (noContextTakeover) => {
    const context = { noContextTakeover, maxWindowBits }
    const deflater = new MessageDeflater(context, COMPRESS)
    const inflater = new MessageInflater(context, LIMIT)
    for (const [i, message] of messages(maxWindowBits).entries()) {
      const inflated = inflater.inflate(deflater.deflate(message))
      expect(typeof inflated !== 'string' && message.equals(inflated), `message ${i}`).toBe(true)
    }
  })
})

describe('an inflater', () => {
  const inflater = (limit = LIMIT): MessageInflater =>
    new MessageInflater({ noContextTakeover: false, maxWindowBits: 15 }, limit)
  const final = (text: string): Buffer => deflateRawSync(text)

  test('takes a message without a byte, and a final block without the octet behind it', () => {
    const one = inflater()
    expect(one.inflate(Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    expect(one.inflate(final('hello'))).toEqual(Buffer.from('hello'))
    expect(one.inflate(Buffer.concat([final('hello'), Buffer.of(0)]))).toEqual(Buffer.from('hello'))
    expect(one.inflate(Buffer.concat([final('a'), final('b'), Buffer.of(0)]))).toEqual(Buffer.from('ab'))
  })

  test('does not begin thousands of streams for one message', () => {
    expect(inflater().inflate(Buffer.concat(Array.from({ length: 64 }, () => final('a'))))).toEqual(
      Buffer.from('a'.repeat(64)),
    )
    const many = Buffer.concat(Array.from({ length: 5000 }, () => final('')))
    expect(inflater().inflate(many)).toBe('ERR_WS_DEFLATE_CORRUPT')
  })

  test('measures the blocks of a message together', () => {
    const three = Buffer.concat([final('aaaa'), final('bbbb'), final('cc'), Buffer.of(0)])
    expect(inflater(10).inflate(three)).toEqual(Buffer.from('aaaabbbbcc'))
    expect(inflater(9).inflate(three)).toBe('ERR_WS_MESSAGE_TOO_LARGE')
    expect(inflater(8).inflate(three)).toBe('ERR_WS_MESSAGE_TOO_LARGE')
  })
})

test('inflateBinary measures members together, and tells what is wrong', () => {
  const two = Buffer.concat([gzipSync('aaaa'), gzipSync('bb')])
  expect(inflateMessage('gzip', two, 6)).toEqual(Buffer.from('aaaabb'))
  expect(inflateMessage('gzip', two, 5)).toBe('ERR_WS_MESSAGE_TOO_LARGE')
  expect(inflateMessage('gzip', two.subarray(0, -1), 6)).toBe('ERR_WS_BINARY_TRUNCATED')
  expect(inflateMessage('deflate', two, 6)).toBe('ERR_WS_BINARY_CORRUPT')
})
