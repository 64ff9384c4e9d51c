import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type ConnectOptions,
  connect,
  ExponentialBackoff,
  SequenceCheck,
  type WsEvent,
  type WsIngress,
} from '../../src/index.ts'
import { encodeServerFrame } from '../support/raw-frames.ts'
import type { RawPeer } from '../support/raw-peer.ts'
import { RawServer } from '../support/raw-server.ts'
import { CountingClock, TRANSPORTS } from './front-support.ts'

let server: RawServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

/** The ingress of docs/subscriptions-and-auth.md, word by word. */
function numbered(): WsIngress<unknown> {
  const sequences = new SequenceCheck()
  return {
    onOpen: () => sequences.clear(),
    onFrame(frame, sink) {
      const { topic, data } = frame.json() as { topic?: string; data: { U: number; u: number } }
      const seen = topic === undefined ? 'next' : sequences.range(topic, data.U, data.u, frame.receivedAtUs)
      if (typeof seen === 'object') sink.reportGap(seen)
      return seen === 'old' ? 'ignore' : 'forward'
    },
  }
}

const book = (topic: string, n: number): string => JSON.stringify({ topic, data: { U: n, u: n } })

/** In one write, so that one read brings them all. */
function together(peer: RawPeer, ...payloads: string[]): Promise<void> {
  return peer.write(Buffer.concat(payloads.map((payload) => encodeServerFrame(1, payload))))
}

async function open(options: ConnectOptions) {
  server = await RawServer.listen()
  const clock = new CountingClock()
  const connection = connect(server.url, {
    clock,
    reconnect: new ExponentialBackoff({ baseMs: 5, maxMs: 20 }),
    ingress: numbered(),
    subscriptions: {
      items: ['a', 'b'],
      encode: (items, id) => ({ id, subscribe: items }),
      encodeUnsubscribe: (items, id) => ({ id, unsubscribe: items }),
      decode(frame) {
        const { ack, accepted } = frame.json() as { ack?: string; accepted?: string[] }
        return ack === undefined ? undefined : { requestId: ack, accepted: accepted ?? [] }
      },
    },
    ...options,
  })
  const events: WsEvent[] = []
  const loop = (async () => {
    for await (const event of connection) events.push(event)
  })()
  const peer = await server.connection()
  /** The next subscription message, answered. */
  const ack = async (from: RawPeer): Promise<Record<string, unknown>> => {
    const asked = JSON.parse((await from.expectFrame(1)).payload.toString())
    await from.text(JSON.stringify({ ack: asked.id, accepted: [...(asked.subscribe ?? asked.unsubscribe)] }))
    return asked
  }
  const closed = async (from: RawPeer): Promise<void> => {
    const closing = connection.close()
    await from.expectFrame(8)
    await from.close(1000)
    from.halfClose()
    await closing
    await loop
    expect(clock.armed).toBe(0)
  }
  /** What came after the first acknowledgement. */
  const words = (): string[] =>
    events.flatMap((event) => {
      if (event.kind === 'message') {
        const { topic, data } = event.json() as { topic?: string; data?: { u: number } }
        return topic === undefined ? [] : [`${topic}${data?.u}`]
      }
      if (event.kind === 'gap' || event.kind === 'resumed') return [`${event.kind} ${event.key ?? 'connection'}`]
      return event.kind === 'disconnected' ? [event.kind] : []
    })
  return { server, connection, peer, ack, closed, words, events }
}

describe.each(TRANSPORTS)('holes in sequence numbers over %s', (transport) => {
  it('stand in the iterator before the message that showed them, among those of one read; the topic is mended', async () => {
    const { connection, peer, ack, closed, words } = await open({ transport })
    expect(await ack(peer)).toMatchObject({ subscribe: ['a', 'b'] })
    await together(
      peer,
      book('a', 1),
      book('b', 1),
      book('a', 2),
      book('a', 5),
      book('b', 2),
      book('a', 6),
      book('a', 9),
    )
    expect(await ack(peer)).toMatchObject({ unsubscribe: ['a'] })
    expect(connection.openGaps()).toMatchObject([{ key: 'a', reports: 2, messages: 4 }])
    expect(await ack(peer)).toMatchObject({ subscribe: ['a'] })
    await vi.waitFor(() => expect(words().at(-1)).toBe('resumed a'))
    await together(peer, book('a', 10), book('b', 3))
    await vi.waitFor(() => expect(words().at(-1)).toBe('b3'))
    expect(words()).toEqual(['a1', 'b1', 'a2', 'gap a', 'a5', 'b2', 'a6', 'a9', 'resumed a', 'a10', 'b3'])
    expect(connection.stats()).toMatchObject({ gaps: 1, sequenceGaps: 2, openGaps: 0 })
    await closed(peer)
  })

  it('may cost the connection, and numbers begin anew on the next one', async () => {
    const sequences = new SequenceCheck()
    const ingress: WsIngress<unknown> = {
      onOpen: () => sequences.clear(),
      onFrame(frame, sink) {
        const { data } = frame.json() as { data: { u: number } }
        const seen = sequences.range(undefined, data.u)
        if (typeof seen === 'object') sink.reportGap({ ...seen, remedy: 'reconnect' })
        return 'ignore'
      },
    }
    const { server, peer, ack, closed, words, events } = await open({ transport, ingress })
    await ack(peer)
    await together(peer, book('a', 7), book('b', 9))
    const next = await server.connection()
    expect(await ack(next)).toMatchObject({ subscribe: ['a', 'b'] })
    await together(next, book('a', 1), book('b', 2))
    await vi.waitFor(() => expect(words()).toContain('resumed connection'))
    expect(words().slice(0, 5)).toEqual(['a7', 'gap connection', 'b9', 'disconnected', 'gap connection'])
    const gaps = events.filter((event) => event.kind === 'gap')
    expect(gaps.map(({ connection }) => connection)).toEqual([1, 1])
    expect(gaps.map(({ cause }) => cause.code)).toEqual(['ERR_SEQUENCE_GAP', 'ERR_SEQUENCE_GAP'])
    expect(gaps.every(({ fromUs, toUs }) => fromUs <= toUs)).toBe(true)
    await closed(next)
  })
})
