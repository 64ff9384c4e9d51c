import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ConnectOptions, connect } from '../../src/index.ts'
import { FloodServer } from '../support/flood-server.ts'
import { type RawPeer, RawServer, tlsFixture, tlsFixtureCa } from '../support/raw-server.ts'
import { CountingClock, TRANSPORTS } from './front-support.ts'

const servers: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function open(options: ConnectOptions, serve: Parameters<typeof RawServer.listen>[0] = {}) {
  const server = await RawServer.listen(serve)
  servers.push(server)
  const clock = new CountingClock()
  const connection = connect(server.url, { reconnect: false, clock, ...options })
  await connection.ready()
  return { connection, clock, peer: await server.connection() }
}

/** Answers the client's CLOSE, and checks that the connection then ends as it should. */
async function closeWith(peer: RawPeer, { connection, clock }: Awaited<ReturnType<typeof open>>): Promise<void> {
  const closing = connection.close()
  while ((await peer.nextFrame()).opcode !== 8);
  await peer.close(1000)
  peer.halfClose()
  expect((await closing).cause.kind).toBe('local-stop')
  expect(clock.armed).toBe(0)
}

const digest = (payloads: Iterable<Uint8Array>): string => {
  const hash = createHash('sha256')
  for (const payload of payloads) hash.update(payload)
  return hash.digest('hex')
}

const openFiles = (): number => readdirSync('/proc/self/fd').length

describe.each(TRANSPORTS)('traffic over %s', (transport) => {
  it('what each side sends, text and binary, small and large, arrives byte for byte, over TLS too', async () => {
    for (const serve of [{}, { tls: tlsFixture('localhost') }]) {
      const setup = await open({ transport, tls: { ca: tlsFixtureCa() } }, serve)
      const { connection, peer } = setup
      const payloads = [0, 1, 125, 126, 65_535, 65_536, 1_000_000].map((size) => Buffer.alloc(size, `${size}·`))
      const received: Uint8Array[] = []
      const loop = (async () => {
        for await (const event of connection) if (event.kind === 'message') received.push(event.bytes())
      })()
      for (const payload of payloads) {
        await peer.binary(payload)
        while (connection.send(payload) === 'full') await new Promise((resolve) => setImmediate(resolve))
      }
      for (const payload of payloads) expect((await peer.expectFrame(2)).payload.equals(payload)).toBe(true)
      await vi.waitFor(() => expect(received).toHaveLength(payloads.length))
      expect(digest(received)).toBe(digest(payloads))
      await closeWith(peer, setup)
      await loop
    }
  })

  it('a reader that is slower than the server loses nothing, and holds no more than its bound', async () => {
    const queue = { maxMessages: 50 }
    const setup = await open({ transport, queue })
    const { connection, peer } = setup
    const count = 20_000
    const text = (i: number): string => `${i}:${'x'.repeat(500)}`
    const writing = (async () => {
      for (let i = 0; i < count; i += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, j) => peer.text(text(i + j))))
      }
    })()
    let next = 0
    let paused = 0
    let most = 0
    for await (const event of connection) {
      if (event.kind === 'backpressure' && event.paused) paused++
      if (event.kind !== 'message') continue
      if (event.text() !== text(next)) throw new Error(`expected message ${next}, got ${event.text().slice(0, 20)}`)
      next++
      most = Math.max(most, connection.stats().queuedMessages)
      // Slow: a turn of the loop for every tenth message.
      if (next % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
      if (next === count) break
      // Until reading has stopped, which is at 50, and has not gone on, which is at 25: ten times for certain.
      if (next % 1000 === 1 && next < 10_000) {
        await vi.waitFor(() => expect(connection.stats().queuedMessages).toBeGreaterThan(25))
      }
    }
    await writing
    expect(paused).toBeGreaterThan(5)
    // One read of 256 KiB holds about 500 of these.
    expect(most).toBeLessThan(50 + 600)
    expect(connection.stats().droppedMessages).toBe(0)
  })

  it('a server that takes nothing: send() queues to its bound, says full, and goes on in order', async () => {
    const setup = await open({ transport, lanes: { normalBytes: 100_000 } })
    const { connection, peer } = setup
    peer.stall()
    const payload = (i: number): Buffer => Buffer.concat([Buffer.from(`${i}:`), Buffer.alloc(10_000)])
    let sent = 0
    let result = connection.send(payload(sent))
    while (result !== 'full') {
      sent++
      result = connection.send(payload(sent))
    }
    expect(connection.stats().queuedBytes).toBeGreaterThan(80_000)
    expect(connection.stats().queuedBytes).toBeLessThan(100_000 + 65_536 + 20_000)
    peer.resume()
    for (let i = 0; i < sent; i++) expect((await peer.expectFrame(2)).payload.equals(payload(i))).toBe(true)
    await vi.waitFor(() => expect(connection.stats().queuedBytes).toBe(0))
    expect(connection.send('again')).toBe('taken')
    expect((await peer.expectFrame(1)).payload.toString()).toBe('again')
    await closeWith(peer, setup)
  })

  it('ping() measures a round trip', async () => {
    const setup = await open({ transport })
    const ping = setup.connection.ping()
    const { payload } = await setup.peer.expectFrame(9)
    await setup.peer.frame(10, payload)
    expect(await ping).toBeGreaterThan(0)
    expect(setup.connection.stats().rttUs).toBe(await ping)
    await closeWith(setup.peer, setup)
  })

  it('an abort in full traffic closes politely, from inside a callback too', async () => {
    const server = await FloodServer.listen()
    servers.push(server)
    const abort = new AbortController()
    const clock = new CountingClock()
    let messages = 0
    const connection = connect(server.url, {
      transport,
      clock,
      signal: abort.signal,
      onBatch: (batch) => {
        messages += batch.length
        if (messages > 500) abort.abort(new Error('enough'))
      },
    })
    expect(await connection.closed()).toMatchObject({
      closeCode: 1001,
      cause: { code: 'ERR_ABORTED', closeCode: 1001 },
    })
    expect(clock.armed).toBe(0)
  })

  it('a thousand connections, opened and closed in every way, leave no file open', async () => {
    const server = await FloodServer.listen()
    servers.push(server)
    const ways = [
      async () => {
        const connection = connect(server.url, { transport, onMessage: () => {} })
        await connection.ready()
        await connection.close()
      },
      async () => {
        for await (const event of connect(server.url, { transport })) if (event.kind === 'message') break
      },
      async () => {
        await connect(server.url, { transport }).close()
      },
      async () => {
        const connection = connect(server.url, { transport, onMessage: () => {} })
        await connection.ready()
        await connection.close({ timeoutMs: 0 })
      },
      async () => {
        await connect(server.url, { transport, signal: AbortSignal.abort() }).closed()
      },
    ]
    const round = () => Promise.all(ways.flatMap((way) => [way(), way(), way(), way()]))
    await round()
    await vi.waitFor(() => expect(server.clients).toBe(0))
    const before = openFiles()
    for (let i = 0; i < 50; i++) await round()
    await vi.waitFor(() => expect(server.clients).toBe(0))
    await vi.waitFor(() => expect(openFiles()).toBeLessThanOrEqual(before))
  })
})
