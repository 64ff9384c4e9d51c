import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ConnectOptions, connect, ExponentialBackoff, type WsEvent } from '../../src/index.ts'
import { type RawPeer, RawServer } from '../support/raw-server.ts'
import { CountingClock, socketsHeld, TRANSPORTS } from './front-support.ts'

let server: RawServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

const soon = new ExponentialBackoff({ baseMs: 5, maxMs: 20 })

async function open(options: ConnectOptions) {
  server = await RawServer.listen()
  const clock = new CountingClock()
  const heard: WsEvent[] = []
  const connection = connect(server.url, {
    clock,
    reconnect: soon,
    onEvent: (event) => heard.push(event),
    subscriptions: { items: ['a'], encode: (items) => ({ subscribe: items }) },
    ...options,
  })
  await connection.ready()
  return { server, connection, clock, heard, peer: await server.connection() }
}

const subscribed = async (peer: RawPeer): Promise<string> => (await peer.expectFrame(1)).payload.toString()

describe.each(TRANSPORTS)('a connection heals over %s', (transport) => {
  it.each([
    ['a FIN', (peer: RawPeer) => peer.halfClose()],
    ['a reset', (peer: RawPeer) => peer.reset()],
  ])('after %s: subscriptions are replayed, and the iterator goes on behind a gap', async (_, drop) => {
    const { server, connection, clock, peer } = await open({ transport })
    const seen: string[] = []
    const loop = (async () => {
      for await (const event of connection) {
        seen.push(`${event.connection} ${event.kind === 'message' ? event.text() : event.kind}`)
      }
    })()
    expect(await subscribed(peer)).toBe('{"subscribe":["a"]}')
    await peer.text('first')
    await vi.waitFor(() => expect(seen).toContain('1 first'))
    connection.subscribe(['b'])
    expect(await subscribed(peer)).toBe('{"subscribe":["b"]}')
    drop(peer)
    const next = await server.connection()
    expect(await subscribed(next)).toBe('{"subscribe":["a","b"]}')
    await next.text('second')
    await vi.waitFor(() => expect(seen).toContain('2 resumed'))
    const closing = connection.close()
    await next.expectFrame(8)
    await next.close(1000)
    next.halfClose()
    await closing
    await loop
    expect(seen).toEqual([
      '1 connected',
      '1 first',
      '1 disconnected',
      '1 gap',
      '2 connected',
      '2 second',
      '2 resumed',
      '2 disconnected',
    ])
    expect(clock.armed).toBe(0)
    await vi.waitFor(() => expect(socketsHeld(server.port)).toBe(0))
  })

  it('while nobody listens any more it tries on, and close() ends that', async () => {
    const { server, connection, clock, heard, peer } = await open({ transport })
    const { port } = server
    peer.reset()
    await server.close()
    const refused = () =>
      heard.filter((event) => event.kind === 'disconnected' && event.cause.code === 'ECONNREFUSED').length
    await vi.waitFor(() => expect(refused()).toBeGreaterThan(2))
    expect(heard.filter(({ kind }) => kind === 'gap')).toHaveLength(1)
    expect((await connection.close()).cause.code).toBe('LOCAL_CLOSE')
    expect(clock.armed).toBe(0)
    await vi.waitFor(() => expect(socketsHeld(port)).toBe(0))
  })

  it('when no data comes', async () => {
    const { server, connection, clock, heard, peer } = await open({ transport, staleAfterMs: 30 })
    await peer.text('a')
    const next = await server.connection()
    expect(await subscribed(next)).toBe('{"subscribe":["a"]}')
    // A machine that is busy for longer than 30 ms is told of as a stall, and may be.
    const kinds = heard.map(({ kind }) => kind).filter((kind) => kind !== 'stall')
    expect(kinds.slice(0, 4)).toEqual(['connected', 'stale', 'disconnected', 'gap'])
    await connection.close({ timeoutMs: 0 })
    expect(clock.armed).toBe(0)
  })
})
