import { createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { connect, ExponentialBackoff, type WsLookup } from '../../src/index.ts'
import { DeafListener } from '../support/deaf-listener.ts'
import { RawServer } from '../support/raw-server.ts'
import { CountingClock, handshakeFailure, socketsHeld, TRANSPORTS } from './front-support.ts'

const toClose: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of toClose.splice(0).reverse()) await one.close()
})

const lookupOf =
  (...addresses: string[]): WsLookup =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

async function serve(): Promise<RawServer> {
  const server = await RawServer.listen()
  toClose.push(server)
  return server
}

async function deaf(host: string, port: number): Promise<void> {
  toClose.push(await DeafListener.listen(host, port))
}

describe.each(TRANSPORTS)('several addresses, over %s', (transport) => {
  it('one that refuses is passed over', async () => {
    const { port } = await serve()
    const lookup = lookupOf('127.0.0.2', '127.0.0.3', '127.0.0.1')
    const feed = connect(`ws://venue.test:${port}/`, { transport, lookup, closeTimeoutMs: 1 })
    await feed.ready()
    await feed.close()
  })

  it('one that says nothing costs the delay and not its deadline, and is let go of', async () => {
    const { port } = await serve()
    await deaf('127.0.0.2', port)
    const before = socketsHeld(port)
    const clock = new CountingClock()
    const lookup = lookupOf('127.0.0.2', '127.0.0.1')
    // A tcpMs that would end the test: only the race can win.
    const timeouts = { tcpMs: 100_000, totalMs: 100_000, attemptDelayMs: 20 }
    const feed = connect(`ws://venue.test:${port}/`, { transport, lookup, timeouts, clock, closeTimeoutMs: 1 })
    await feed.ready()
    await vi.waitFor(() => expect(socketsHeld(port)).toBe(before + 1))
    await feed.close()
    await vi.waitFor(() => expect(socketsHeld(port)).toBe(before))
    expect(clock.armed).toBe(0)
  })

  it('one that connects and then refuses is not the only one that is ever tried', async () => {
    const { port } = await serve()
    const broken = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n'))
    })
    await new Promise<void>((resolve) => broken.listen(port, '127.0.0.2', resolve))
    toClose.push({ close: () => new Promise((resolve) => broken.close(() => resolve())) })
    const lookup = lookupOf('127.0.0.2', '127.0.0.1')
    const reconnect = new ExponentialBackoff({ baseMs: 1, maxMs: 1 })
    const feed = connect(`ws://venue.test:${port}/`, {
      transport,
      lookup,
      reconnect,
      closeTimeoutMs: 1,
      connectBudget: false,
    })
    expect((await feed.ready()).remoteAddress).toBe('127.0.0.1')
    expect(feed.stats()).toMatchObject({ attempts: 2, recentErrors: [{ code: 'ERR_UPGRADE_REFUSED' }] })
    await feed.close()
  })

  it('all of them silent or refusing are named', async () => {
    const { port } = await serve()
    await deaf('127.0.0.2', port)
    const lookup = lookupOf('127.0.0.2', '127.0.0.3')
    const timeouts = { tcpMs: 50, attemptDelayMs: 10 }
    const cause = await handshakeFailure(`ws://venue.test:${port}/`, { transport, lookup, timeouts })
    expect(cause).toMatchObject({ stage: 'tcp', code: 'ECONNREFUSED' })
    expect(cause.message).toContain(`127.0.0.2:${port}: no answer within 50 ms (timeouts.tcpMs)`)
    expect(cause.message).toMatch(/127\.0\.0\.3:\d+: connect.*ECONNREFUSED/)
  })

  it('close() in the middle of the race leaves nothing', async () => {
    const { port } = await serve()
    for (const host of ['127.0.0.2', '127.0.0.3']) await deaf(host, port)
    const before = socketsHeld(port)
    const clock = new CountingClock()
    const lookup = lookupOf('127.0.0.2', '127.0.0.3')
    const options = { transport, lookup, clock, timeouts: { attemptDelayMs: 10 } }
    const feed = connect(`ws://venue.test:${port}/`, options)
    const failed = expect(feed.ready()).rejects.toMatchObject({ code: 'LOCAL_CLOSE' })
    await vi.waitFor(() => expect(socketsHeld(port)).toBe(before + 2))
    await feed.close()
    await failed
    await vi.waitFor(() => expect(socketsHeld(port)).toBe(before))
    expect(clock.armed).toBe(0)
  })

  it('family leaves the others out', async () => {
    const { port } = await serve()
    const lookup = lookupOf('::1', '127.0.0.1')
    const feed = connect(`ws://venue.test:${port}/`, { transport, lookup, family: 4, closeTimeoutMs: 1 })
    await feed.ready()
    await feed.close()
    const cause = await handshakeFailure(`ws://127.0.0.1:${port}/`, { transport, family: 6 })
    expect(cause).toMatchObject({ stage: 'dns', code: 'ERR_DNS_NO_ADDRESS' })
  })
})
