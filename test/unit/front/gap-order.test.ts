import { describe, expect, it } from 'vitest'
import type { ConnectOptions } from '../../../src/front/options.ts'
import type { WsIngress } from '../../../src/ingress/ingress.ts'
import { healing, taker } from './healing-support.ts'
import { word } from './support.ts'

/** Messages are numbers that count up by one on each connection. */
function counting(remedy: 'continue' | 'reconnect' = 'continue'): WsIngress<unknown> {
  let last: number | undefined
  return {
    onOpen() {
      last = undefined
    },
    onFrame(frame, sink) {
      const n = Number(frame.text())
      const expected = (last ?? n - 1) + 1
      last = n
      if (n !== expected) sink.reportGap({ expected, received: n, messages: n - expected, remedy })
      return 'ignore'
    },
  }
}

const send = (server: { sendText(text: string): void }, ...numbers: number[]): void => {
  for (const n of numbers) server.sendText(String(n))
}

describe('a gap that an ingress reports', () => {
  it('stands in the iterator before the message that showed it, and behind the one before', async () => {
    const { connection, server, pass, closed } = await healing({ ingress: counting() })
    const iterator = connection[Symbol.asyncIterator]()
    const take = taker(iterator)
    expect(await take()).toEqual(['connected/1'])
    // One of them is handed to a reader who waits for it already, the others lie in the queue.
    send(server(), 1, 2, 5, 6)
    await pass()
    expect(await take()).toEqual(['1/1', '2/1', 'gap2/1', '5/1', '6/1'])
    send(server(), 9, 10)
    await pass()
    expect(await take()).toEqual(['9/1', '10/1'])
    expect(connection.openGaps()).toMatchObject([{ reports: 2, messages: 4 }])
    expect(connection.stats()).toMatchObject({ gaps: 1, sequenceGaps: 2, openGaps: 1, messagesReceived: 6 })
    expect(connection.reportResumed()).toBe(true)
    send(server(), 20)
    await pass()
    expect(await take()).toEqual(['resumed/1', 'gap9/1', '20/1'])
    await closed()
  })

  it('comes before the message to a reader who has waited for it', async () => {
    const { connection, server, pass, closed } = await healing({ ingress: counting() })
    const take = taker(connection[Symbol.asyncIterator]())
    send(server(), 1)
    await pass()
    expect(await take()).toEqual(['connected/1', '1/1'])
    send(server(), 3)
    await pass()
    expect(await take()).toEqual(['gap1/1', '3/1'])
    await closed()
  })

  it('comes before the message to onMessage, and is of a connection that goes on, or of one that ends for it', async () => {
    const seen: string[] = []
    const options: ConnectOptions = {
      ingress: counting('reconnect'),
      onMessage: (message) => seen.push(message.text()),
      onEvent: (event) => {
        if (event.kind === 'gap') seen.push(`gap of the ${event.scope}: ${event.cause.code}`)
        if (event.kind === 'disconnected') seen.push(`disconnected: ${event.cause.code}`)
      },
    }
    const { server, pass, closed, transport } = await healing(options)
    send(server(), 7, 9)
    await pass()
    await pass()
    expect(seen).toEqual([
      '7',
      'gap of the connection: ERR_SEQUENCE_GAP',
      '9',
      'disconnected: ERR_SEQUENCE_GAP',
      'gap of the connection: ERR_SEQUENCE_GAP',
    ])
    expect(transport.servers).toHaveLength(2)
    await closed()
  })
})

describe('a gap that the reader of messages reports', () => {
  it('stands where the iterator is by then; of messages of connections that have ended there is none', async () => {
    const { connection, server, pass, closed, reconnected } = await healing()
    const iterator = connection[Symbol.asyncIterator]()
    send(server(), 1, 3)
    await pass()
    const words: string[] = []
    for (let i = 0; i < 3; i++) {
      const { value } = await iterator.next()
      words.push(word(value as never))
      if (value?.kind !== 'message' || value.text() !== '3') continue
      const report = { key: 'a', connection: value.connection, toUs: value.receivedAtUs }
      expect([connection.reportGap(report), connection.reportGap(report)]).toEqual(['told', 'merged'])
    }
    const { value } = await iterator.next()
    expect([words, word(value as never)]).toEqual([['connected', '1', '3'], 'gap'])
    expect(value).toMatchObject({ scope: 'topic', key: 'a', connection: 1, cause: { kind: 'sequence-gap' } })
    connection.reconnect()
    await reconnected()
    expect(connection.reportGap({ key: 'a', connection: 1 })).toBe('not-open')
    expect(connection.reportGap({ key: 'a', connection: 2 })).toBe('told')
    await closed()
    expect(connection.reportGap({ key: 'a' })).toBe('not-open')
  })

  it('from inside onBatch and onMessage is told at once', async () => {
    const seen: string[] = []
    const { connection, server, pass, closed } = await healing({
      onMessage: (message) => {
        if (message.text() === '2') connection.reportGap({ key: 'a' })
        seen.push(message.text())
      },
      onEvent: ({ kind }) => {
        if (kind === 'gap') seen.push(kind)
      },
    })
    send(server(), 1, 2, 3)
    await pass()
    expect(seen).toEqual(['1', 'gap', '2', '3'])
    await closed()
  })
})
