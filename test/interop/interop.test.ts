import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ConnectOptions } from '../../src/index.ts'
import { type InteropServer, type RunningServer, SERVERS } from './catalogue.ts'
import { InteropClient } from './client.ts'

const MIB = 1024 * 1024
const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, MIB, 16 * MIB]
const TRANSPORTS = ['native', 'ws'] as const
const all = process.env['INTEROP_ALL'] === '1'
/** On a developer's machine a server that is not installed is skipped, and its name says why; CI has them all. */
const mustRun = process.env['CI'] === 'true'

const chosen = SERVERS.filter(({ ci }) => ci || all)

for (const server of chosen) {
  const missing = server.missing()
  if (missing === undefined) describe(server.name, () => suite(server))
  else if (mustRun) test(server.name, () => expect.unreachable(missing))
  else {
    console.warn(`skipped ${server.name}: ${missing}`)
    test.skip(`${server.name}: ${missing}`)
  }
}

function suite(server: InteropServer): void {
  const { traits } = server
  let running: RunningServer
  const clients: InteropClient[] = []

  beforeAll(async () => {
    running = await server.start(false)
  })
  afterAll(() => running?.stop())
  afterEach(async () => {
    for (const { connection } of clients.splice(0)) await connection.close()
  })

  describe.each(TRANSPORTS)('over %s', (transport) => {
    const open = (options: ConnectOptions = {}): Promise<InteropClient> => {
      const client = new InteropClient(running, { transport, ...options })
      clients.push(client)
      return client.opened()
    }

    const sizes = SIZES.filter((size) => size <= (traits.maxSentBytes ?? Number.POSITIVE_INFINITY))
    test.each(sizes)('text and binary of %i bytes come back as they were', async (size) => {
      const client = await open()
      for (const payload of [textOf(size), bytesOf(size)]) {
        expect(client.connection.send(payload)).toBe('taken')
        const echo = await client.next()
        expect(echo.isText).toBe(typeof payload === 'string')
        expect(echo.byteLength).toBe(size)
        expect(digest(echo.bytes())).toBe(digest(payload))
      }
    })

    test('many messages come back in order', async () => {
      const client = await open()
      const count = 1000
      for (let i = 0; i < count; i++) expect(client.connection.send(`message ${i}`)).not.toBe('full')
      for (let i = 0; i < count; i++) expect((await client.next()).text()).toBe(`message ${i}`)
    })

    if (traits.fragments) {
      test('a message in fragments is one message', async () => {
        // A frame larger than that is refused: what arrives has been fragmented.
        const client = await open({ limits: { maxFrameBytes: 8192 } })
        client.connection.send('!fragments 4000 100001')
        const message = await client.next()
        expect(message.isText).toBe(false)
        expect(digest(message.bytes())).toBe(digest(Uint8Array.from({ length: 100_001 }, (_, i) => i % 251)))
      })
    }

    test('a ping of ours is answered', async () => {
      const client = await open()
      expect(await client.connection.ping()).toBeGreaterThan(0)
      if (traits.tellsPings)
        expect(await client.told('ping')).toMatchObject({ payload: expect.stringMatching(/^([0-9a-f]{2})+$/) })
    })

    test('a ping of theirs is answered with its payload', async () => {
      const client = await open()
      client.connection.send('!ping are you there')
      expect(await client.told('pong')).toMatchObject({ payload: Buffer.from('are you there').toString('hex') })
      await client.until('the ping', () => client.pings.length > 0)
      expect(client.pings).toEqual(['are you there'])
    })

    test('our close reaches them with code and reason', async () => {
      const client = await open()
      const closed = await client.connection.close({ code: 4001, reason: 'that was it ✓' })
      expect(closed.cause).toMatchObject({ kind: 'local-stop', closeCode: traits.answersCloseWith ?? 4001 })
      expect(await client.told('close')).toEqual({ event: 'close', code: 4001, reason: 'that was it ✓' })
    })

    test('their close reaches us with code and reason', async () => {
      const client = await open()
      client.connection.send('!close 4002 no more today ✓')
      const { cause, closeCode } = await client.closed()
      expect(cause).toMatchObject({
        kind: 'remote-closed',
        code: 'REMOTE_CLOSE',
        closeCode: 4002,
        closeReason: 'no more today ✓',
        clean: true,
      })
      expect(closeCode).toBe(4002)
    })

    test('TCP that ends without a close is told as that', async () => {
      const client = await open()
      client.connection.send('!abort')
      const { cause, closeCode } = await client.closed()
      expect(['read-failure', 'remote-closed']).toContain(cause.kind)
      if (cause.kind === 'remote-closed') expect(cause.clean).toBe(false)
      expect(closeCode).toBe(1006)
    })

    test('what we break off is told to them as that', async () => {
      const client = await open()
      expect((await client.breakOff()).cause.kind).toBe('internal-error')
      expect(await client.told('close')).toMatchObject({ code: 1006 })
    })

    if (traits.tls) {
      test('TLS is the proxy’s, and its certificate is checked', async () => {
        const client = await open()
        expect((await client.connection.ready()).tls).toMatchObject({ authorized: true })
        const distrusting = new InteropClient(running, { transport, tls: {} })
        clients.push(distrusting)
        expect((await distrusting.closed()).cause).toMatchObject({ kind: 'handshake-failed', stage: 'tls' })
      })
    }

    test('a subprotocol is agreed on, or none', async () => {
      const client = await open({ subprotocols: ['interop.v1', 'interop.v2'] })
      expect((await client.connection.ready()).subprotocol).toBe('interop.v2')
      expect(await client.told('open')).toMatchObject({ subprotocol: 'interop.v2' })
      const without = await open()
      expect((await without.connection.ready()).subprotocol).toBe('')
      expect(await without.told('open')).toMatchObject({ subprotocol: '' })
    })
  })
}

/** Text of exactly `size` bytes in UTF-8, with characters of every length where there is room. */
function textOf(size: number): string {
  const unit = 'aé€😀'
  const unitBytes = 10
  return unit.repeat(Math.floor(size / unitBytes)) + 'z'.repeat(size % unitBytes)
}

/** Neither constant nor random: what a book or a bitmap is to a compressor. */
function bytesOf(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * i) >>> 7
  return bytes
}

const digest = (payload: string | Uint8Array): string => createHash('sha256').update(payload).digest('hex')
