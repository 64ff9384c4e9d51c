import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { WsPerMessageDeflateOptions } from '../../src/connect/permessage-deflate.ts'
import { connect } from '../../src/front/connect.ts'
import { MockConnection, MockServer, type MockServerOptions } from '../../src/testing/mock-server.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { MemoryClient } from '../support/memory-exchange.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function listen(options?: MockServerOptions): Promise<MockServer> {
  const server = await MockServer.listen(options)
  cleanups.push(() => server.stop())
  return server
}

const opened = (ws: WebSocket): Promise<void> => new Promise((resolve) => ws.once('open', () => resolve()))

function client(server: MockServer): WebSocket {
  const ws = new WebSocket(`${server.url}/path?q=1`, { headers: { 'x-test': 'yes' } })
  ws.on('error', () => {})
  cleanups.push(() => ws.terminate())
  return ws
}

describe('MockServer', () => {
  it('plays the server of a connection', async () => {
    const server = await listen()
    const connection = connect(server.url, { transport: 'ws' })
    const peer = await server.connection()
    await connection.ready()
    connection.send('text')
    connection.send(Uint8Array.of(1, 2))
    expect(await peer.receive()).toMatchObject({ isText: true })
    const second = await peer.receive()
    expect(second).toMatchObject({ isText: false, bytes: Buffer.from([1, 2]) })
    peer.sendJson({ a: 1 })
    peer.send(Uint8Array.of(3))
    const got: unknown[] = []
    for await (const event of connection) {
      if (event.kind === 'message') got.push(event.isText ? event.json() : [...event.bytes()])
      if (got.length === 2) break
    }
    expect(got).toEqual([{ a: 1 }, [3]])
    expect(await peer.closed()).toMatchObject({ code: 1000 })
  })

  it.each([
    ['kept contexts', {}],
    ['no contexts', { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    ['small windows', { serverMaxWindowBits: 9, clientMaxWindowBits: 9 }],
    ['a window in which zlib does not compress', { serverMaxWindowBits: 8 }],
  ])('takes an offer of permessage-deflate, with %s', async (_, parameters) => {
    for (const transport of ['ws', 'native'] as const) await exchangeDeflated(transport, parameters)
  })

  async function exchangeDeflated(transport: 'ws' | 'native', parameters: WsPerMessageDeflateOptions): Promise<void> {
    const server = await listen({ perMessageDeflate: true })
    const perMessageDeflate = { ...parameters, required: true, compress: { thresholdBytes: 0 } }
    const connection = connect(server.url, { transport, perMessageDeflate, reconnect: false })
    const peer = await server.connection()
    const { perMessageDeflate: agreed } = await connection.ready()
    expect(agreed).toMatchObject({ compress: { thresholdBytes: 0 }, ...parameters })
    const texts = Array.from({ length: 50 }, (_, i) => JSON.stringify({ price: 60_000 + i, text: 'x'.repeat(i * 50) }))
    for (const text of texts) connection.send(text)
    for (const text of texts) peer.send((await peer.receive()).text() === text ? text : 'wrong')
    peer.send(Uint8Array.of(1, 2, 3))
    peer.drop('fin')
    const got: string[] = []
    for await (const event of connection) {
      if (event.kind === 'message') got.push(event.isText ? event.text() : [...event.bytes()].join())
    }
    expect(got).toEqual([...texts, '1,2,3'])
    const { bytesReceived } = connection.stats()
    const plain = texts.join('').length
    if (parameters.serverMaxWindowBits === 8) {
      expect(bytesReceived).toBeGreaterThan(plain)
    } else expect(bytesReceived).toBeLessThan(plain / 4)
  }

  it('declines permessage-deflate unless told to take it', async () => {
    const server = await listen()
    const connection = connect(server.url, { transport: 'ws', perMessageDeflate: true })
    cleanups.push(() => connection.close())
    const peer = await server.connection()
    expect(peer.request.headers['sec-websocket-extensions']).toBe('permessage-deflate; client_max_window_bits')
    expect((await connection.ready()).perMessageDeflate).toBeUndefined()
  })

  it('shows the request, and hands out connections in order', async () => {
    const server = await listen()
    const first = client(server)
    const firstOpen = opened(first)
    const one = await server.connection()
    const second = client(server)
    const secondOpen = opened(second)
    const two = await server.connection()
    expect(one.request).toMatchObject({ path: '/path?q=1', headers: { 'x-test': 'yes' } })
    await Promise.all([firstOpen, secondOpen])
    second.send('"2"')
    first.send('"1"')
    expect([(await one.receive()).json(), (await two.receive()).json()]).toEqual(['1', '2'])
  })

  it('closes and drops', async () => {
    const server = await listen()
    for (const [end, code] of [
      ['close', 4001],
      ['rst', 1006],
      ['fin', 1006],
    ] as const) {
      const ws = client(server)
      const closed = new Promise((resolve) => ws.once('close', resolve))
      const peer = await server.connection()
      if (end === 'close') expect(await peer.close(4001, 'x')).toEqual({ code: 4001, reason: 'x' })
      else peer.drop(end)
      expect(await closed).toBe(code)
      expect((await peer.closed()).code).toBe(code)
      expect((await peer.closed()).code).toBe(code)
    }
  })

  it('gives what came before the end, then says that it has ended', async () => {
    const server = await listen()
    const ws = client(server)
    await opened(ws)
    const peer = await server.connection()
    ws.send('last words')
    ws.close(1001, 'bye')
    await peer.closed()
    expect((await peer.receive()).text()).toBe('last words')
    await expect(peer.receive()).rejects.toMatchObject({ code: 'ERR_MOCK_SERVER', message: /ended \(1001 "bye"\)/ })
  })

  it('refuses as many as it was told to', async () => {
    const server = await listen()
    server.refuseNext({ status: 503, headers: { 'retry-after': '1' }, body: 'later' })
    const connection = connect(server.url, { transport: 'ws', reconnect: false })
    await expect(connection.ready()).rejects.toMatchObject({
      disconnectCause: {
        http: { status: 503, body: 'later', headers: expect.arrayContaining([['retry-after', '1']]) },
      },
    })
    client(server)
    await server.connection()
    expect(() => server.refuseNext({ status: 101 })).toThrow(/status must be from 400/)
  })

  it('waits no longer than it is told, and not past its end', async () => {
    const server = await listen()
    await expect(server.connection({ timeoutMs: 1 })).rejects.toThrow('waiting for a connection: none came within 1 ms')
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(server.connection({ signal })).rejects.toThrow('enough')
    await expect(server.connection({ timeoutMs: Number.NaN })).rejects.toThrow(/timeoutMs must be/)
    const waiting = server.connection()
    const stopped = server.stop()
    await expect(waiting).rejects.toThrow('waiting for a connection: the server has stopped')
    await stopped
  })

  it('loses nothing when far more comes than is received at first', async () => {
    const server = await listen()
    const ws = client(server)
    await opened(ws)
    const peer = await server.connection()
    const total = 25_000
    for (let i = 0; i < total; i++) ws.send(String(i))
    for (let i = 0; i < total; i++) expect((await peer.receive()).text()).toBe(String(i))
  })
})

it('a connection whose messages nobody receives is not read any more', async () => {
  const socket = new MemoryClient()
  const peer = new MockConnection(socket, new VirtualClock())
  for (let i = 0; i < 9_999; i++) peer.onMessage(Buffer.from('x'), true)
  expect(socket.held.reading).toBe(false)
  peer.onMessage(Buffer.from('x'), true)
  expect(socket.held.reading).toBe(true)
  await peer.receive()
  expect(socket.held.reading).toBe(false)
})
