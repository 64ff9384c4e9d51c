import { describe, expect, it } from 'vitest'
import type { WsConnection } from '../../../src/front/connection.ts'
import type { WsEvent } from '../../../src/front/events.ts'
import type { ConnectOptions } from '../../../src/front/options.ts'
import { openConnection, turn, word } from './support.ts'

async function take(connection: AsyncIterator<WsEvent>, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const words: string[] = []
  while (words.length < count) {
    const { done, value } = await connection.next()
    if (done) return [...words, 'done']
    words.push(word(value))
  }
  return words
}

const iterate = (connection: WsConnection): AsyncIterator<WsEvent> => connection[Symbol.asyncIterator]()

describe('the iterator', () => {
  it('yields what happened, in order, until the end', async () => {
    const { connection, server, clock, pass } = await openConnection()
    server.sendText('a')
    server.sendPing()
    server.sendBinary(Buffer.from('b'))
    server.close(1000, 'done')
    await pass()
    const events: WsEvent[] = []
    for await (const event of connection) events.push(event)
    expect(events.map(word)).toEqual(['connected', 'a', 'b', 'disconnected'])
    expect(events.every((event) => event.connection === 1)).toBe(true)
    expect(events[0]).toMatchObject({ atUs: clock.epochUs(), info: { subprotocol: '' } })
    expect(events[3]).toMatchObject({ cause: (await connection.closed()).cause })
  })

  it('is one: a second is an error, and it iterates itself', async () => {
    const { connection } = await openConnection()
    const iterator = connection[Symbol.asyncIterator]() as AsyncIterableIterator<WsEvent>
    expect(iterator[Symbol.asyncIterator]()).toBe(iterator)
    expect(() => connection[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'ERR_ITERATOR_TAKEN' }))
  })

  it('left early closes the connection; nothing more is kept, and the loop goes on when the socket is gone', async () => {
    const { connection, server, pass } = await openConnection()
    server.sendText('a')
    server.sendText('b')
    await pass()
    const seen: string[] = []
    const loop = (async () => {
      for await (const event of connection) {
        seen.push(word(event))
        if (event.kind === 'message') break
      }
      return connection.state
    })()
    await turn()
    expect(connection.state).toBe('closing')
    server.sendText('c')
    await pass()
    expect(await loop).toBe('closed')
    expect(seen).toEqual(['connected', 'a'])
    expect(connection.stats().queuedMessages).toBe(0)
    expect((await connection.closed()).cause.kind).toBe('local-stop')
  })

  it('left early by an exception of the loop closes the connection too', async () => {
    const { connection, pass } = await openConnection()
    const error = new Error('in the loop')
    const loop = (async () => {
      for await (const _ of connection) throw error
    })()
    loop.catch(() => {})
    await pass()
    await expect(loop).rejects.toBe(error)
    expect(connection.state).toBe('closed')
  })
})

describe('a full queue', () => {
  const queue = (whenFull: 'pause' | 'drop-oldest' | 'close'): ConnectOptions => ({
    queue: { maxMessages: 4, whenFull },
  })

  it('pause: the socket is not read until half is free, events say so, and nothing is lost', async () => {
    const { connection, server, heard, pass } = await openConnection(queue('pause'))
    const iterator = iterate(connection)
    server.chop(3)
    for (let i = 0; i < 20; i++) server.sendText(`${i % 10}`)
    for (let i = 0; i < 100; i++) await pass()
    expect(connection.stats()).toMatchObject({ queuedMessages: 4, messagesReceived: 4 })
    expect(heard.map(word)).toEqual(['connected', 'paused'])
    expect(await take(iterator, 3)).toEqual(['connected', '0', '1'])
    expect(heard.map(word)).toEqual(['connected', 'paused', 'resumed'])
    server.end()
    const rest = take(iterator)
    for (let i = 0; i < 100; i++) await pass()
    const words = await rest
    expect(words.filter((w) => w.length === 1)).toEqual([...'23456789', ...'0123456789'])
    expect(words.slice(-2)).toEqual(['disconnected', 'done'])
    const lifecycle = words.filter((w) => w === 'paused' || w === 'resumed')
    expect(lifecycle.length).toBeGreaterThan(1)
    expect(lifecycle.every((w, i) => w === (i % 2 === 0 ? 'paused' : 'resumed'))).toBe(true)
  })

  it('pause: close() does not wait for a reader that does not read', async () => {
    const { connection, server, pass } = await openConnection(queue('pause'))
    for (let i = 0; i < 4; i++) server.sendText(`${i}`)
    await pass()
    for (let i = 4; i < 7; i++) server.sendText(`${i}`)
    await pass()
    expect(connection.stats().messagesReceived).toBe(4)
    const closing = connection.close()
    await pass()
    expect(await closing).toMatchObject({ closeCode: 1000, cause: { kind: 'local-stop' } })
    expect(await take(iterate(connection))).toEqual([
      'connected',
      '0',
      '1',
      '2',
      '3',
      'paused',
      'resumed',
      'gap3',
      'disconnected',
      'done',
    ])
    expect(connection.stats().droppedMessages).toBe(3)
  })

  it('drop-oldest: a gap stands where the loss was, and onEvent hears of it once per read', async () => {
    const { connection, server, heard, clock, pass } = await openConnection(queue('drop-oldest'))
    const openedUs = clock.epochUs()
    for (let i = 0; i < 6; i++) server.sendText(`${i}`)
    await pass(10)
    for (let i = 6; i < 8; i++) server.sendText(`${i}`)
    await pass(10)
    expect(heard.map(word)).toEqual(['connected', 'gap2', 'gap2'])
    expect(connection.stats()).toMatchObject({ droppedMessages: 4, queuedMessages: 4, messagesReceived: 8 })
    const iterator = iterate(connection)
    expect(await take(iterator, 1)).toEqual(['connected'])
    const { value: gap } = await iterator.next()
    expect(gap).toEqual({
      kind: 'gap',
      connection: 1,
      scope: 'connection',
      fromUs: openedUs,
      toUs: openedUs,
      messages: 4,
      cause: { code: 'ERR_QUEUE_FULL', message: expect.stringContaining('take messages faster') },
    })
    expect(await take(iterator, 4)).toEqual(['4', '5', '6', '7'])
  })

  it('close: the connection ends with ERR_QUEUE_FULL, and what was queued is still yielded', async () => {
    const { connection, server, pass } = await openConnection(queue('close'))
    for (let i = 0; i < 9; i++) server.sendText(`${i}`)
    await pass()
    const { cause } = await connection.closed()
    expect(cause).toMatchObject({ kind: 'local-stop', code: 'ERR_QUEUE_FULL', closeCode: 1006 })
    expect(await take(iterate(connection))).toEqual(['connected', '0', '1', '2', '3', 'disconnected', 'done'])
    expect(connection.stats()).toMatchObject({ messagesReceived: 9, droppedMessages: 5 })
  })
})

describe('callbacks', () => {
  it('onMessage gets owned messages, and the iterator none', async () => {
    const seen: string[] = []
    const { connection, server, pass } = await openConnection({
      onMessage: (message) => seen.push(`${message.connection}:${message.text()}`),
      queue: { maxMessages: 1 },
    })
    for (let i = 0; i < 5; i++) server.sendText(`${i}`)
    server.end()
    await pass()
    expect(seen).toEqual(['1:0', '1:1', '1:2', '1:3', '1:4'])
    expect(await take(iterate(connection))).toEqual(['connected', 'disconnected', 'done'])
  })

  it('onBatch gets what was read at once, borrowed; with onMessage beside it, before it', async () => {
    const seen: string[] = []
    const { server, pass } = await openConnection({
      onBatch: (batch, connection) => {
        seen.push(`batch of ${batch.length} on ${connection}: ${batch.at(0).text()}…`)
      },
      onMessage: (message) => seen.push(message.text()),
    })
    for (const text of ['a', 'b']) server.sendText(text)
    await pass()
    server.sendText('c')
    await pass()
    expect(seen).toEqual(['batch of 2 on 1: a…', 'a', 'b', 'batch of 1 on 1: c…', 'c'])
  })

  it('onPing and onPong get payloads that they may keep', async () => {
    const kept: Uint8Array[] = []
    const { server, pass } = await openConnection({
      onPing: (payload) => kept.push(payload),
      onPong: (payload) => kept.push(payload),
    })
    server.sendPing(Buffer.from('one'))
    await pass()
    server.sendPong(Buffer.from('two'))
    await pass()
    expect(kept.map((payload) => Buffer.from(payload).toString())).toEqual(['one', 'two'])
  })

  it('one that throws under policy close ends the connection there', async () => {
    const seen: string[] = []
    const reported: string[] = []
    const { connection, server, pass } = await openConnection({
      whenCallbackThrows: 'close',
      onCallbackError: (error, callback) => reported.push(`${callback}: ${(error as Error).message}`),
      onMessage: (message) => {
        seen.push(message.text())
        if (message.text() === 'b') throw new Error('boom')
      },
    })
    for (const text of ['a', 'b', 'c']) server.sendText(text)
    await pass()
    expect(await connection.closed()).toMatchObject({
      closeCode: 1006,
      cause: { kind: 'internal-error', code: 'ERR_CALLBACK_THREW', context: 'onMessage' },
    })
    expect(seen).toEqual(['a', 'b'])
    expect(reported).toEqual(['onMessage: boom'])
    expect(connection.stats().callbackErrors).toBe(1)
  })
})
