import { createHash } from 'node:crypto'
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
    let sent = 0
    for (const [i, message] of messages(maxWindowBits).entries()) {
      const deflated = deflater.deflate(message)
      if (deflated === undefined) continue
      sent++
      const inflated = inflater.inflate(deflated)
      expect(typeof inflated !== 'string' && message.equals(inflated), `message ${i}`).toBe(true)
    }
    expect(sent).toBeGreaterThan(20)
  })
})

test('a deflater leaves alone what is empty, short or does not get smaller, and its context then', () => {
  const context = { noContextTakeover: false, maxWindowBits: 15 }
  const deflater = new MessageDeflater(context, { ...COMPRESS, thresholdBytes: 10 })
  const [noise] = messages(1).filter((message) => message.length > 1000) as [Buffer]
  const text = Buffer.from('{"price":60000.5,"size":1.25}'.repeat(4))
  expect(deflater.deflate(Buffer.alloc(0))).toBeUndefined()
  expect(deflater.deflate(text.subarray(0, 9))).toBeUndefined()
  const inflater = new MessageInflater(context, LIMIT)
  for (let i = 0; i < 3; i++) {
    expect(inflater.inflate(deflater.deflate(text) as Buffer)).toEqual(text)
    expect(deflater.deflate(Buffer.from(randomLike(noise, i)))).toBeUndefined()
  }
})

/** Bytes that nothing before them helps to compress. */
function randomLike(seed: Buffer, i: number): Buffer {
  return Buffer.concat([0, 1, 2].map((part) => createHash('sha512').update(seed).update(`${i} ${part}`).digest()))
}

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
