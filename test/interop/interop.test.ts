import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ConnectOptions, ProtocolPingPong } from '../../src/index.ts'
import type { InteropServer, RunningServer } from './catalogue.ts'
import { forEachServer, TRANSPORTS } from './chosen.ts'
import { InteropClient } from './client.ts'
import { expectEchoes, expectFragmented, expectOrder, SIZES } from './echoes.ts'
import { PATIENCE_MS } from './server-program.ts'

forEachServer(suite)

function suite(server: InteropServer): void {
  const { traits } = server
  let running: RunningServer
  const clients: InteropClient[] = []

  beforeAll(async () => {
    running = await server.start({})
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
      await expectEchoes(await open(), size)
    })

    test('many messages come back in order', async () => {
      await expectOrder(
        await open(),
        Array.from({ length: 1000 }, (_, i) => `message ${i}`),
      )
    })

    if (traits.fragments) {
      test('a message in fragments is one message', async () => {
        await expectFragmented(await open({ limits: { maxFrameBytes: 8192 } }))
      })
    }

    test('a ping of ours is answered', async () => {
      const client = await open()
      expect(await client.connection.ping({ timeoutMs: PATIENCE_MS })).toBeGreaterThan(0)
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

    if (traits.tls) {
      test('the proxy cuts what is silent, with TCP alone, and spares what pings', async () => {
        // Long enough for a busy machine to ping in time, and short enough to wait for.
        const impatient = await server.start({ silenceS: 5 })
        try {
          const silent = new InteropClient(impatient, { transport })
          const pongs: Uint8Array[] = []
          const pinging = new InteropClient(impatient, {
            transport,
            pingPong: new ProtocolPingPong({ intervalMs: 100, timeoutMs: PATIENCE_MS }),
            onPong: (payload) => pongs.push(payload),
          })
          clients.push(silent, pinging)
          await pinging.opened()
          expect((await silent.closed()).cause).toMatchObject({ kind: 'remote-closed', closeCode: 1006, clean: false })
          await expectEchoes(pinging, 100)
          expect(pongs.length).toBeGreaterThan(1)
        } finally {
          await impatient.stop()
        }
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
