import { describe, expect, it } from 'vitest'
import { SendQueue } from '../../../src/front/send-queue.ts'
import {
  OFFER_CLOSED,
  OFFER_FULL,
  type WsLink,
  type WsOfferOptions,
  type WsPayload,
} from '../../../src/transport/transport.ts'

/** A link that takes as many frames as it is told to, and remembers what they were at that moment. */
class StubLink {
  room = 0
  closed = false
  taken: { text: string; binary: boolean | undefined; more: boolean | undefined }[] = []
  flushes = 0

  offer(payload: WsPayload, options: WsOfferOptions = {}): number {
    if (this.closed) return OFFER_CLOSED
    if (this.room === 0) return OFFER_FULL
    this.room--
    const into = new Uint8Array(64)
    const bytes = typeof payload === 'function' ? into.subarray(0, payload(into)) : Buffer.from(payload as string)
    const binary = options.binary ?? payload instanceof Uint8Array
    return this.taken.push({ text: Buffer.from(bytes).toString(), binary, more: options.more })
  }

  flush(): void {
    this.flushes++
  }

  get texts(): string[] {
    return this.taken.map(({ text }) => text)
  }
}

function setup(maxBytes = 100) {
  const stub = new StubLink()
  const link = stub as unknown as WsLink
  const queue = new SendQueue(maxBytes)
  return { stub, link, queue, send: (payload: WsPayload, binary?: boolean) => queue.send(link, payload, binary, false) }
}

describe('SendQueue', () => {
  it('hands over while the link takes, then queues, and keeps the order even when there is room again', () => {
    const { stub, link, queue, send } = setup()
    stub.room = 1
    expect(send('a')).toBe('taken')
    expect(send('b')).toBe('queued')
    stub.room = 1
    expect(send('c')).toBe('queued')
    expect(stub.texts).toEqual(['a'])
    expect(queue.drain(link)).toBe(true)
    expect(stub.texts).toEqual(['a', 'b'])
    expect(queue.isEmpty).toBe(false)
    stub.room = 9
    expect(queue.drain(link)).toBe(true)
    expect(stub.texts).toEqual(['a', 'b', 'c'])
    expect(queue.bytes).toBe(0)
    expect(send('d')).toBe('taken')
  })

  it('says full past its bound in bytes of UTF-8, and keeps nothing of what it refused', () => {
    const { stub, link, queue, send } = setup(10)
    expect(send('€€€')).toBe('queued')
    expect(queue.bytes).toBe(9)
    expect(send('€')).toBe('full')
    expect(send('ab')).toBe('full')
    expect(send(new Uint8Array(2))).toBe('full')
    expect(send('a')).toBe('queued')
    expect(send('')).toBe('queued')
    stub.room = 9
    queue.drain(link)
    expect(stub.texts).toEqual(['€€€', 'a', ''])
  })

  it('with a bound of 0 queues nothing', () => {
    const { send } = setup(0)
    expect(send('a')).toBe('full')
  })

  it('copies bytes, of Buffers too, and runs writers when it queues', () => {
    const { stub, link, queue, send } = setup()
    const array = new Uint8Array([0x61])
    const buffer = Buffer.from('b')
    let byte = 0x63
    send(array)
    send(buffer)
    send((into) => {
      into[0] = byte
      return 1
    })
    array[0] = buffer[0] = byte = 0x7a
    stub.room = 9
    queue.drain(link)
    expect(stub.taken.map(({ text, binary }) => [text, binary])).toEqual([
      ['a', true],
      ['b', true],
      ['c', false],
    ])
  })

  it('asks a writer again with the room it wants, and throws for one that breaks the rule', () => {
    const { queue, send } = setup(100_000)
    const sizes: number[] = []
    send((into) => {
      sizes.push(into.length)
      return into.length < 50_000 ? -50_000 : 50_000
    })
    expect(sizes.at(-1)).toBe(50_000)
    expect(queue.bytes).toBe(50_000)
    for (const length of [Number.NaN, 1.5, 1e9, 'x' as unknown as number]) {
      expect(() => send(() => length)).toThrow(expect.objectContaining({ code: 'ERR_PAYLOAD_WRITER' }))
    }
    expect(queue.bytes).toBe(50_000)
  })

  it('keeps what binary said', () => {
    const { stub, link, queue, send } = setup()
    send('t', true)
    send(new Uint8Array([0x62]), false)
    send(() => 0, true)
    stub.room = 9
    queue.drain(link)
    expect(stub.taken.map(({ binary }) => binary)).toEqual([true, false, true])
  })

  it('drains in as few system calls as it can: all but the last frame announce more, and a full link is flushed', () => {
    const { stub, link, queue, send } = setup()
    for (const text of ['a', 'b', 'c']) send(text)
    stub.room = 2
    queue.drain(link)
    expect(stub.taken.map(({ more }) => more)).toEqual([true, true])
    expect(stub.flushes).toBe(1)
    stub.room = 1
    queue.drain(link)
    expect(stub.taken.at(-1)?.more).toBe(false)
    expect(stub.flushes).toBe(1)
  })

  it('tells when the link takes no more frames', () => {
    const { stub, link, queue, send } = setup()
    send('a')
    stub.closed = true
    expect(queue.drain(link)).toBe(false)
    queue.clear()
    expect(queue.bytes).toBe(0)
    expect(send('b')).toBe('not-open')
  })
})
