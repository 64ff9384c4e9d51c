import { describe, expect, it } from 'vitest'
import { messageOf } from './support.ts'

describe('OwnedMessage', () => {
  it('keeps what it says after the frame has been released and its memory overwritten', () => {
    for (const payload of ['', 'plain', 'grüße €', new Uint8Array([0, 255, 128]), new Uint8Array(0)]) {
      const message = messageOf(payload, 5, 3)
      expect(message.connection).toBe(3)
      expect(message.isText).toBe(typeof payload === 'string')
      expect(message.byteLength).toBe(Buffer.byteLength(payload))
      expect(message.receivedMonoUs).toBe(5)
      expect(message.receivedAtUs).toBe(1005)
      expect(Buffer.from(message.bytes())).toEqual(Buffer.from(payload as Uint8Array))
    }
  })

  it('gives bytes of a text message that are the exact bytes received, a byte order mark included', () => {
    const payload = '\ufeff{"a":"\u00e9\u{1f600}"}'
    expect(Buffer.from(messageOf(payload).bytes())).toEqual(Buffer.from(payload))
    expect(messageOf(payload).text()).toBe(payload)
  })

  it('gives bytes that the caller may change, and that are backed by no shared pool', () => {
    const message = messageOf('abc')
    const bytes = message.bytes()
    expect(bytes.buffer.byteLength).toBe(3)
    bytes.fill(0)
    expect(message.text()).toBe('abc')
    expect(messageOf(new Uint8Array([1, 2])).bytes().buffer.byteLength).toBe(2)
  })

  it('decodes binary as UTF-8 with replacement characters, and parses either as JSON', () => {
    expect(messageOf(new Uint8Array([0x61, 0xff, 0x62])).text()).toBe('a\ufffdb')
    expect(messageOf(new Uint8Array(0)).text()).toBe('')
    expect(messageOf('{"x":[1]}').json()).toEqual({ x: [1] })
    expect(messageOf(Buffer.from('{"x":2}')).json()).toEqual({ x: 2 })
    expect(() => messageOf('{').json()).toThrow(SyntaxError)
  })
})
