import { describe, expect, test } from 'vitest'
import { FrameGuard } from '../../../src/transport/frame-guard.ts'
import { FrameWalker } from '../../../src/transport/frame-walker.ts'
import { MessageDecoder } from '../../../src/transport/message-decoder.ts'
import { encodeServerClose, encodeServerFrame } from '../../support/raw-frames.ts'

const LIMITS = { maxFrameBytes: 70_000, maxMessageBytes: 100_000 }

const STREAM = Buffer.concat([
  encodeServerFrame(1, 'one'),
  encodeServerFrame(2, Buffer.alloc(300, 7), { fin: false }),
  encodeServerFrame(9, 'ping'),
  encodeServerFrame(0, Buffer.alloc(65_536, 8)),
  encodeServerFrame(1, ''),
  encodeServerFrame(10, ''),
  encodeServerFrame(1, 'zwölf'),
  encodeServerClose(1000, 'fin'),
])

/** What a decoder tells of the stream when it comes in pieces of `size` bytes. */
function decoded(size: number): string[] {
  const log: string[] = []
  const decoder = new MessageDecoder(LIMITS, {
    onMessage: (payload, binary) => log.push(`${binary ? 'binary' : payload.toString()} ${payload.length}`),
    onPing: (payload) => log.push(`ping ${payload}`),
    onPong: (payload) => log.push(`pong ${payload}`),
    onClose: (code, reason) => log.push(`close ${code} ${reason}`),
  })
  for (let at = 0; at < STREAM.length; at += size) decoder.feed(STREAM.subarray(at, at + size))
  return log
}

test('the pieces a stream comes in make no difference', () => {
  const whole = decoded(STREAM.length)
  expect(whole).toEqual(['one 3', 'ping ping', 'binary 65836', ' 0', 'pong ', 'zwölf 6', 'close 1000 fin'])
  for (const size of [1, 2, 3, 5, 7, 13, 64, 1000, 65_535, 65_536]) expect(decoded(size)).toEqual(whole)
})

describe('the walker stops in front of the frame that breaks a rule', () => {
  const good = encodeServerFrame(1, 'good')
  const bad = encodeServerFrame(1, 'bad', { rsv: 4 })
  const sink = { onHeader: () => {}, onPayload: () => {}, onFrameEnd: () => {} }

  test('in one chunk', () => {
    const walker = new FrameWalker(LIMITS, sink)
    expect(walker.walk(Buffer.concat([good, good, bad, good]))).toBe(2 * good.length)
    expect(walker.violation?.code).toBe('ERR_WS_RESERVED_BITS')
    expect(walker.walk(good)).toBe(0)
  })

  test('whose header began in an earlier one', () => {
    const walker = new FrameWalker(LIMITS, sink)
    expect(walker.walk(Buffer.concat([good, bad.subarray(0, 1)]))).toBe(good.length + 1)
    expect(walker.walk(bad.subarray(1))).toBe(0)
    expect(walker.violation?.code).toBe('ERR_WS_RESERVED_BITS')
  })

  test('a client has to mask', () => {
    const walker = new FrameWalker(LIMITS, sink, 'client')
    walker.walk(encodeServerFrame(1, 'x', { maskKey: Buffer.of(1, 2, 3, 4) }))
    expect(walker.violation).toBeUndefined()
    walker.walk(encodeServerFrame(1, 'x'))
    expect(walker.violation?.code).toBe('ERR_WS_MASKED_FRAME')
  })
})

describe('a message may have only so many parts', () => {
  const sink = { onHeader: () => {}, onPayload: () => {}, onFrameEnd: () => {} }
  const walkerOf = (maxMessageParts: number) => new FrameWalker({ ...LIMITS, maxMessageParts }, sink)
  const first = encodeServerFrame(1, '', { fin: false })
  const more = encodeServerFrame(0, '', { fin: false })
  const last = encodeServerFrame(0, '')
  const ping = encodeServerFrame(9, 'ping')

  test('frames, counted anew in each message, and control frames not', () => {
    const walker = walkerOf(3)
    const message = Buffer.concat([first, ping, more, ping, ping, last, ping])
    for (let i = 0; i < 3; i++) expect(walker.walk(message)).toBe(message.length)
    expect(walker.walk(Buffer.concat([first, more, more, last]))).toBe(3 * first.length)
    expect(walker.violation).toMatchObject({ code: 'ERR_WS_MESSAGE_TOO_LARGE', closeCode: 1009 })
  })

  test('and pieces in which one frame comes, but not those of a control frame', () => {
    const text = encodeServerFrame(1, 'abc')
    const bytewise = (walker: FrameWalker, bytes: Buffer): number[] =>
      [...bytes].map((byte) => walker.walk(Buffer.of(byte)))
    const walker = walkerOf(4)
    for (let i = 0; i < 3; i++) expect(bytewise(walker, Buffer.concat([ping, text]))).not.toContain(0)
    expect(bytewise(walkerOf(3), text)).toEqual([1, 1, 1, 1, 0])
  })
})

describe('the guard', () => {
  test('tells where a CLOSE begins, and admits what follows without judging it', () => {
    const guard = new FrameGuard(LIMITS)
    const text = encodeServerFrame(1, 'x')
    const close = encodeServerClose(1000, 'bye')
    const nonsense = Buffer.of(0xff, 0xff)
    const chunk = Buffer.concat([text, close, nonsense])
    expect(guard.admit(chunk)).toEqual({ end: chunk.length, closeAt: text.length })
    expect(guard.closeSeen).toBe(true)
    expect(guard.violation).toBeUndefined()
    expect(guard.admit(nonsense)).toEqual({ end: 0, closeAt: undefined })
  })

  test('tells invalid text from an invalid CLOSE reason, and knows no other errors', () => {
    const utf8 = Object.assign(new Error('x'), { code: 'WS_ERR_INVALID_UTF8' })
    const guard = new FrameGuard(LIMITS)
    guard.admit(encodeServerClose(1000, 'fine'))
    expect(guard.statusOf(utf8)?.code).toBe('ERR_WS_TEXT_NOT_UTF8')
    const other = new FrameGuard(LIMITS)
    for (const byte of encodeServerClose(1000, Buffer.of(0xe9))) other.admit(Buffer.of(byte))
    expect(other.statusOf(utf8)?.code).toBe('ERR_WS_CLOSE_REASON_NOT_UTF8')
    expect(other.statusOf(new Error('without a code'))).toBeUndefined()
    expect(other.statusOf(Object.assign(new Error('x'), { code: 'toString' }))).toBeUndefined()
  })
})
