import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ConnectOptions, connect, type WsBatch, type WsConnection, type WsFrame } from '../../src/index.ts'
import { encodeServerFrame, type RawPeer, RawServer } from '../support/raw-server.ts'
import { CountingClock, eventsOf, TRANSPORTS } from './front-support.ts'

let server: RawServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function open(
  options: ConnectOptions,
): Promise<{ connection: WsConnection; peer: RawPeer; clock: CountingClock }> {
  server ??= await RawServer.listen()
  const clock = new CountingClock()
  const connection = connect(server.url, { reconnect: false, clock, ...options })
  await connection.ready()
  return { connection, peer: await server.connection(), clock }
}

/** Several messages in one segment, so that they come in one batch. */
const together = (...texts: string[]): Buffer => Buffer.concat(texts.map((text) => encodeServerFrame(1, text)))

describe.each(TRANSPORTS)('callbacks that throw, over %s', (transport) => {
  it('every one of them: reported and counted, and the connection goes on', async () => {
    const reported: string[] = []
    const fail = (name: string) => () => {
      throw new Error(name)
    }
    const { connection, peer } = await open({
      transport,
      onOpen: fail('onOpen'),
      onBatch: fail('onBatch'),
      onMessage: fail('onMessage'),
      onPing: fail('onPing'),
      onPong: fail('onPong'),
      onEvent: fail('onEvent'),
      onCallbackError: (error, callback) => {
        expect((error as Error).message).toBe(callback)
        reported.push(callback)
      },
    })
    await peer.text('m')
    await peer.frame(9, 'ping')
    await peer.expectFrame(10)
    const pinged = connection.ping()
    const { payload } = await peer.expectFrame(9)
    await peer.frame(10, payload)
    await pinged
    expect(connection.send('still here')).toBe('taken')
    expect((await peer.expectFrame(1)).payload.toString()).toBe('still here')
    const closing = connection.close()
    await peer.expectFrame(8)
    await peer.close(1000)
    peer.halfClose()
    expect((await closing).cause.kind).toBe('local-stop')
    expect(reported).toEqual(['onEvent', 'onOpen', 'onBatch', 'onMessage', 'onPing', 'onPong', 'onEvent'])
    expect(connection.stats().callbackErrors).toBe(7)
  })

  it('policy close: the connection ends, with the callback named and its error kept, and nothing more is delivered', async () => {
    const error = new Error('cannot parse')
    const seen: string[] = []
    const { connection, peer, clock } = await open({
      transport,
      whenCallbackThrows: 'close',
      onCallbackError: () => {},
      onMessage: (message) => {
        seen.push(message.text())
        if (message.text() === 'bad') throw error
      },
    })
    const events = eventsOf(connection)
    await peer.write(together('good', 'bad', 'never', 'never'))
    const { cause } = await connection.closed()
    expect(cause).toMatchObject({ kind: 'internal-error', code: 'ERR_CALLBACK_THREW', context: 'onMessage', error })
    expect(cause.message).toContain('cannot parse')
    expect(seen).toEqual(['good', 'bad'])
    expect((await events).map(({ kind }) => kind)).toEqual(['connected', 'disconnected'])
    expect(clock.armed).toBe(0)
  })

  it('policy close, and an async callback that rejects', async () => {
    const { connection, peer } = await open({
      transport,
      whenCallbackThrows: 'close',
      onCallbackError: () => {},
      onMessage: (async () => {
        await turn()
        throw new Error('late')
      }) as () => void,
    })
    await peer.text('m')
    expect((await connection.closed()).cause).toMatchObject({ kind: 'internal-error', context: 'onMessage' })
  })

  it('callbacks may send, close and connect', async () => {
    server = await RawServer.listen()
    const { url } = server
    let second: WsConnection | undefined
    const { connection, peer } = await open({
      transport,
      onMessage: (message) => {
        second ??= connect(url, { transport })
        expect(connection.send(`re: ${message.text()}`)).toBe(message.text() === 'a' ? 'queued' : 'not-open')
        void connection.close()
      },
    })
    await peer.write(together('a', 'b'))
    expect((await peer.expectFrame(1)).payload.toString()).toBe('re: a')
    await peer.expectFrame(8)
    await peer.close(1000)
    peer.halfClose()
    expect((await connection.closed()).cause.kind).toBe('local-stop')
    await second?.ready()
    const other = await server.connection()
    const closing = second?.close()
    await other.expectFrame(8)
    await other.close(1000)
    other.halfClose()
    await closing
    expect(connection.stats().callbackErrors).toBe(0)
  })
})

describe.each(TRANSPORTS)('borrowed memory, over %s', (transport) => {
  it('a frame that outlives its callback throws, and owned copies live on', async () => {
    const kept: { frame: WsFrame; batch: WsBatch; text: string; copy: Uint8Array }[] = []
    const { connection, peer } = await open({
      transport,
      onBatch: (batch) => {
        const frame = batch.at(0)
        kept.push({ frame, batch, text: frame.text(), copy: frame.copy() })
      },
    })
    await peer.text('first')
    await vi.waitFor(() => expect(kept).toHaveLength(1))
    const first = kept[0] as (typeof kept)[number]
    for (const use of [() => first.frame.text(), () => first.frame.byteLength, () => first.batch.at(0)]) {
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_FRAME_RELEASED' }))
    }
    await peer.text('second')
    await vi.waitFor(() => expect(kept).toHaveLength(2))
    expect(first.text).toBe('first')
    expect(Buffer.from(first.copy).toString()).toBe('first')
    expect(kept[1]?.text).toBe('second')
    void connection.close({ timeoutMs: 0 })
    await connection.closed()
  })

  it.each(['small', 'larger than any slab'])('transferring the buffer of a frame (%s) harms nothing', async (size) => {
    const text = size === 'small' ? 'a' : 'a'.repeat(3 << 20)
    const outcomes: string[] = []
    const seen: string[] = []
    const { connection, peer } = await open({
      transport,
      onBatch: (batch) => {
        for (let i = 0; i < batch.length; i++) {
          const bytes = batch.at(i).bytes()
          try {
            structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })
            // Node 20 copies what must not be transferred, later ones throw.
            outcomes.push(bytes.byteLength === 0 ? 'detached' : 'refused')
          } catch (error) {
            outcomes.push((error as DOMException).name === 'DataCloneError' ? 'refused' : 'broken')
          }
          const buffer = bytes.buffer as ArrayBuffer & {
            transfer?(): ArrayBuffer
            transferToFixedLength?(): ArrayBuffer
          }
          // Not there before Node 21; before Node 24 the mark against transfer does not stop it.
          if (buffer.transfer === undefined) continue
          expect(() => buffer.transfer?.()).toThrow('lent by shared-ws')
          expect(() => buffer.transferToFixedLength?.()).toThrow('lent by shared-ws')
        }
        for (let i = 0; i < batch.length; i++) seen.push(batch.at(i).text())
      },
    })
    for (let round = 0; round < 3; round++) {
      await peer.write(together(text, 'b', 'c'))
      await vi.waitFor(() => expect(seen).toHaveLength(3 * (round + 1)))
    }
    expect(outcomes).toEqual(Array(9).fill('refused'))
    expect(seen).toEqual([text, 'b', 'c', text, 'b', 'c', text, 'b', 'c'])
    expect(connection.state).toBe('open')
    void connection.close({ timeoutMs: 0 })
    await connection.closed()
  })

  it('messages of onMessage and of the iterator may be transferred: they are the user’s', async () => {
    const { connection, peer } = await open({ transport })
    await peer.binary(new Uint8Array([1, 2, 3]))
    await peer.binary(new Uint8Array([4]))
    const taken: number[][] = []
    for await (const event of connection) {
      if (event.kind !== 'message') continue
      const bytes = event.bytes()
      taken.push([...structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] })])
      if (taken.length === 2) {
        void connection.close({ timeoutMs: 0 })
        break
      }
    }
    expect(taken).toEqual([[1, 2, 3], [4]])
  })
})
