import { gunzipSync } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { pieceSizes } from '../../src/cli/chop.ts'
import { type ReplayOptions, startReplayServer } from '../../src/cli/replay.ts'
import { connect } from '../../src/front/connect.ts'
import type { WsConnection } from '../../src/front/connection.ts'
import type { ConnectOptions } from '../../src/front/options.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { MockTransport } from '../../src/transport/mock.ts'
import { captureRows, loadCapture, NO_CAPTURES } from '../support/captures.ts'
import { MessageHash } from '../support/message-hash.ts'

/** Real sessions of exchanges, 13 of them, the 709 KB frame and the gzip of Huobi included. */
const ROWS = captureRows()
const END = { kind: 'remote-closed', closeCode: 1000, closeReason: 'end of capture', clean: true }
const NAMES = ROWS.map(({ name }) => name)

describe.skipIf(NO_CAPTURES !== undefined)(NO_CAPTURES ?? 'captures', () => {
  test('there are 13', () => {
    expect(NAMES).toHaveLength(13)
  })

  test.each(ROWS)('$name holds what its README says', async ({ name, ...row }) => {
    const { messages } = await loadCapture(name)
    const sizes = messages.map(({ bytes }) => bytes.length).sort((a, b) => a - b)
    // Sizes count bytes. Huobi's are those of its gzip members.
    expect({
      messagesIn: sizes.length,
      medianBytes: sizes[Math.floor(sizes.length / 2)],
      percentile99Bytes: sizes[Math.floor(sizes.length * 0.99)],
      largestBytes: sizes.at(-1),
    }).toEqual(row)
  })

  describe.each(['native', 'ws'] as const)('through %s', (transport) => {
    test.each(NAMES)('%s, messages by the iterator', async (name) => {
      await replayed(name, {}, async (url, hash) => {
        const feed = connect(url, { reconnect: false, transport, native: 'require' })
        for await (const event of feed) {
          expect(event.kind).not.toBe('gap')
          if (event.kind === 'message') hash.add(event.isText, event.bytes())
        }
        return feed
      })
    })

    test.each(NAMES)('%s, borrowed frames, TCP stream chopped', async (name) => {
      for (const chopSeed of [1, 2, 3]) {
        await replayed(name, { chopSeed }, async (url, hash) => {
          const onBatch: ConnectOptions['onBatch'] = (batch) => {
            for (let i = 0; i < batch.length; i++) {
              const frame = batch.at(i)
              hash.add(frame.isText, frame.bytes())
            }
          }
          const feed = connect(url, { reconnect: false, transport, native: 'require', onBatch })
          await feed.closed()
          return feed
        })
      }
    })

    test('huobi, whose gzip inflateBinary turns into text', async () => {
      const { capture, messages } = await loadCapture('huobi')
      const texts = messages.map(({ bytes }) => gunzipSync(bytes).toString())
      expect(texts.length).toBeGreaterThan(300)
      for (const chop of [{}, { chopSeed: 1 }]) {
        const server = await startReplayServer(() => capture.messages(), { speed: 'max', ...chop })
        try {
          const inflateBinary = 'gzip'
          const feed = connect(server.url, { reconnect: false, transport, native: 'require', inflateBinary })
          const received: string[] = []
          for await (const event of feed) {
            if (event.kind !== 'message') continue
            expect(event.isText).toBe(true)
            expect(event.byteLength).toBe(Buffer.byteLength(event.text()))
            expect(event.json()).toBeTypeOf('object')
            received.push(event.text())
          }
          expect(received).toEqual(texts)
          expect((await feed.closed()).cause).toMatchObject(END)
        } finally {
          await server.close()
        }
      }
    })

    test('bybit and bitfinex, compressed by another', async () => {
      for (const name of ['bybit', 'bitfinex']) {
        await replayed(name, { perMessageDeflate: true, chopSeed: 4 }, async (url, hash) => {
          const perMessageDeflate = { required: true }
          const feed = connect(url, { reconnect: false, transport, native: 'require', perMessageDeflate })
          for await (const event of feed) if (event.kind === 'message') hash.add(event.isText, event.bytes())
          return feed
        })
      }
    })

    test('bitmex, by an iterator that is slower than the server', async () => {
      // Every pause lets the queue run into its bound, so that reading stops and goes on again and again.
      let pauses = 0
      await replayed('bitmex', {}, async (url, hash) => {
        const feed = connect(url, { reconnect: false, transport, native: 'require', queue: { maxMessages: 50 } })
        for await (const event of feed) {
          if (event.kind === 'backpressure' && event.paused) pauses++
          if (event.kind !== 'message') continue
          hash.add(event.isText, event.bytes())
          if (hash.messages % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
          // As slow as it takes for the queue to be full once.
          if (hash.messages === 1)
            await vi.waitFor(() => expect(feed.stats().queuedMessages).toBeGreaterThanOrEqual(50))
        }
        return feed
      })
      expect(pauses).toBeGreaterThan(0)
    })
  })

  describe('through mock', () => {
    test.each(NAMES)('%s, whole and chopped', async (name) => {
      const { messages, digest } = await loadCapture(name)
      for (const chop of [undefined, pieceSizes(1), pieceSizes(2)]) {
        const transport = new MockTransport({
          onConnect(server) {
            server.chop(chop)
            server.accept()
            for (const { isText, bytes } of messages) server.sendFrame(isText ? 1 : 2, bytes)
            server.close(1000, 'end of capture')
          },
        })
        const clock = new VirtualClock()
        const feed = connect('ws://venue.example/', { reconnect: false, transport, clock })
        const hash = new MessageHash()
        let over = false
        const received = (async () => {
          for await (const event of feed) if (event.kind === 'message') hash.add(event.isText, event.bytes())
        })().finally(() => {
          over = true
        })
        // A turn of the event loop lets the iterator take what the clock let arrive.
        for (; !over; await new Promise((resolve) => setImmediate(resolve))) clock.advance(0)
        await received
        expect((await feed.closed()).cause).toMatchObject(END)
        expect(hash.messages).toBe(messages.length)
        expect(hash.digest()).toBe(digest)
      }
    })
  })
})

/** Serves a capture at full speed to what `receive` does, and compares what came out with what went in. */
async function replayed(
  name: string,
  options: ReplayOptions,
  receive: (url: string, hash: MessageHash) => Promise<WsConnection>,
): Promise<void> {
  const { capture, messages, digest } = await loadCapture(name)
  const server = await startReplayServer(() => capture.messages(), { speed: 'max', ...options })
  try {
    const hash = new MessageHash()
    const feed = await receive(server.url, hash)
    const { cause } = await feed.closed()
    expect(cause).toMatchObject(END)
    expect(hash.messages).toBe(messages.length)
    expect(hash.digest()).toBe(digest)
    expect(feed.stats()).toMatchObject({ messagesReceived: messages.length, droppedMessages: 0 })
  } finally {
    await server.close()
  }
}
