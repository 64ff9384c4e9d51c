import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { closeOf, RawServer, tlsFixture, tlsFixtureCa, upgrade } from '../../support/raw-server.ts'

// The raw server is checked against `ws`, which is nobody's work here: what it cannot do right, no test may rest on.
const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serve(options: Parameters<typeof RawServer.listen>[0]): Promise<RawServer> {
  const server = await RawServer.listen(options)
  cleanups.push(() => server.close())
  return server
}

function client(url: string, options: ConstructorParameters<typeof WebSocket>[2] = {}): WebSocket {
  const ws = new WebSocket(url, [], options)
  ws.on('error', () => {})
  cleanups.push(() => ws.terminate())
  return ws
}

test('upgrades, exchanges frames, closes', async () => {
  const server = await serve({})
  const ws = client(server.url)
  const got = new Promise((resolve) => ws.on('message', (data) => resolve(data.toString())))
  const peer = await server.connection()
  await peer.text('hello')
  expect(await got).toBe('hello')
  ws.send('x'.repeat(70_000))
  const frame = await peer.expectFrame(1)
  expect(frame.payload.toString()).toBe('x'.repeat(70_000))
  expect(frame.wireLength).toBe(70_014)
  await peer.close(1001, 'bye')
  expect(closeOf(await peer.nextFrame())).toEqual({ code: 1001, reason: 'bye' })
  expect(await peer.ended()).toEqual({ how: 'fin' })
})

test('chops every write, the response head included', async () => {
  const server = await serve({ chop: { seed: 7, maxPieceBytes: 5 } })
  const ws = client(server.url)
  const got = new Promise<Buffer>((resolve) => ws.on('message', (data) => resolve(data as Buffer)))
  const peer = await server.connection()
  const sent = Buffer.from(Array.from({ length: 999 }, (_, i) => i & 255))
  await peer.binary(sent)
  expect((await got).equals(sent)).toBe(true)
})

test('serves TLS with the fixtures', async () => {
  const server = await serve({ tls: tlsFixture('localhost') })
  const ws = client(server.url, {
    ca: tlsFixtureCa(),
    lookup: (_host, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
  })
  await server.connection()
  await new Promise((resolve) => (ws.readyState === ws.OPEN ? resolve(0) : ws.on('open', resolve)))
  expect(server.openConnections).toBe(1)
})

test('refuses with a status and a body', async () => {
  const server = await serve({ script: upgrade.refuse('403 Forbidden', '{"no":1}') })
  const ws = client(server.url)
  const status = await new Promise((resolve) =>
    ws.on('unexpected-response', (_, response) => resolve(response.statusCode)),
  )
  expect(status).toBe(403)
})

test('resets', async () => {
  const server = await serve({})
  const ws = client(server.url)
  const closed = new Promise((resolve) => ws.on('close', resolve))
  const peer = await server.connection()
  peer.reset()
  expect(await closed).toBe(1006)
})
