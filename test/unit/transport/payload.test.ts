import { expect, test } from 'vitest'
import { payloadBytes, runWriter } from '../../../src/transport/payload.ts'

test('what it gives is memory of its own', () => {
  const bytes = Buffer.from('abc')
  const copy = payloadBytes(bytes)
  bytes.fill(0)
  expect(copy.toString()).toBe('abc')
  const write = (text: string) => (into: Uint8Array) => Buffer.from(into.buffer, into.byteOffset).write(text)
  const [first, second] = [payloadBytes(write('first')), payloadBytes(write('second'))]
  expect([first.toString(), second.toString()]).toEqual(['first', 'second'])
})

test('a writer inside a writer has memory of its own', () => {
  let inner: Buffer | undefined
  const outer = payloadBytes((into) => {
    into[0] = 1
    inner = payloadBytes((other) => {
      other[0] = 2
      return 1
    })
    return 1
  })
  expect([outer[0], inner?.[0]]).toEqual([1, 2])
})

test('a writer that throws does not keep the memory', () => {
  const fail = (): number => {
    throw new Error('of the writer')
  }
  expect(() => payloadBytes(fail)).toThrow('of the writer')
  expect(payloadBytes(() => 0).length).toBe(0)
})

test('a writer may ask for room once, and must then be content', () => {
  const sizes: number[] = []
  const writer = (into: Uint8Array): number => {
    sizes.push(into.byteLength)
    return into.byteLength < 100 ? -100 : 42
  }
  expect(runWriter(writer, new Uint8Array(10)).byteLength).toBe(42)
  expect(sizes).toEqual([10, 100])
  expect(() => runWriter((into) => -into.byteLength * 2, new Uint8Array(10))).toThrow('returned -40')
})

test.each([[-10], [11], [Number.NaN], [0.5], [-(2 ** 31)], ['1'], [undefined], [null], [1n]])(
  'a writer that returns %s is told so',
  (value) => {
    expect(() => runWriter((() => value) as () => number, new Uint8Array(10))).toThrow(
      expect.objectContaining({ code: 'ERR_PAYLOAD_WRITER' }),
    )
  },
)
