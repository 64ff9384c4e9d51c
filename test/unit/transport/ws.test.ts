import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { WsConnectRequest, WsTlsConfig } from '../../../src/connect/request.ts'
import { systemClock } from '../../../src/support/clock.ts'
import { LinkLog } from '../../../src/testing/contract/link-log.ts'
import { plainRequest } from '../../../src/testing/contract/scene.ts'
import type { WsLink } from '../../../src/transport/transport.ts'
import { wsTransport } from '../../../src/transport/ws.ts'
import {
  encodeServerFrame,
  RawServer,
  type RawServerOptions,
  tlsFixture,
  tlsFixtureCa,
  tlsFixtureEncryptedKey,
} from '../../support/raw-server.ts'

// What is particular to the ws transport; the contract is tested in test/integration/transport-contract.test.ts.

let cleanups: (() => Promise<void> | void)[] = []
let socketsBefore = 0
const openSockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => /TCPSocketWrap|TLSWrap/.test(name)).length

beforeEach(() => {
  socketsBefore = openSockets()
})
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
  cleanups = []
})

async function serve(options: RawServerOptions = {}): Promise<RawServer> {
  const server = await RawServer.listen(options)
  cleanups.push(() => server.close())
  return server
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function until(condition: () => boolean): Promise<void> {
  // A condition that never holds runs into the test's timeout, with this line in its trace.
  while (!condition()) await nextTurn()
}

function connect(url: string, overrides: Partial<WsConnectRequest> = {}): { link: WsLink; log: LinkLog } {
  const log = new LinkLog()
  const link = wsTransport.connect(
    { ...plainRequest(url, systemClock), tls: { ca: tlsFixtureCa() }, ...overrides },
    log,
  )
  cleanups.push(async () => {
    link.terminate({ kind: 'local-stop', code: 'ERR_TEST', message: 'over', closeCode: 1006, closeReason: '' })
    await until(() => log.cause !== undefined)
  })
  return { link, log }
}

async function open(server: RawServer, overrides?: Partial<WsConnectRequest>) {
  const connected = connect(server.url, overrides)
  const peer = await server.connection()
  await until(() => connected.log.opened !== undefined)
  return { ...connected, peer }
}

describe('over TLS', () => {
  test('messages both ways, and what was negotiated', async () => {
    const server = await serve({ tls: tlsFixture('localhost') })
    const { link, log, peer } = await open(server)
    expect(log.opened?.tls).toMatchObject({ protocol: 'TLSv1.3', authorized: true })
    expect(log.opened?.tls?.cipher).toMatch(/^TLS_/)
    link.offer('x'.repeat(300_000))
    expect((await peer.nextFrame()).payload.length).toBe(300_000)
    await until(() => link.delivery(1) === 'all')
    await peer.text('y'.repeat(300_000))
    await until(() => log.messages.length === 1)
    expect(log.texts[0]).toBe('y'.repeat(300_000))
  })

  test('an untrusted server is accepted when told so, and said to be unauthorized', async () => {
    const server = await serve({ tls: tlsFixture('self-signed') })
    const { log } = await open(server, { tls: { validateCerts: false } })
    expect(log.opened?.tls?.authorized).toBe(false)
  })

  test('a client certificate with an encrypted key', async () => {
    const server = await serve({
      tls: { ...tlsFixture('localhost'), ca: tlsFixtureCa(), requestCert: true, rejectUnauthorized: true },
    })
    const { cert } = tlsFixture('client')
    const tls = { ca: tlsFixtureCa(), cert, key: tlsFixtureEncryptedKey(), passphrase: 'secret' }
    const { log } = await open(server, { tls })
    expect(log.opened?.tls?.authorized).toBe(true)
  })

  test.each<[string, 'wrong-host' | 'expired' | 'self-signed', WsTlsConfig, string]>([
    ['another host', 'wrong-host', {}, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['another name than asked for', 'wrong-host', { serverName: 'other.example' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['an expired certificate', 'expired', {}, 'CERT_HAS_EXPIRED'],
    ['a self-signed certificate', 'self-signed', {}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ])('%s', async (_what, fixture, tls, code) => {
    const server = await serve({ tls: tlsFixture(fixture) })
    const { log } = connect(server.url, { tls: { ca: tlsFixtureCa(), ...tls } })
    await until(() => log.cause !== undefined)
    expect(log.cause).toMatchObject({ kind: 'handshake-failed', stage: 'tls', code })
  })

  test('serverName is what the certificate is checked against', async () => {
    const server = await serve({ tls: tlsFixture('wrong-host') })
    const { log } = await open(server, { tls: { ca: tlsFixtureCa(), serverName: 'wrong.example' } })
    expect(log.opened?.tls?.authorized).toBe(true)
  })

  test('no socket stays behind, whoever leaves first', async () => {
    const server = await serve({ tls: tlsFixture('localhost') })
    for (const leave of ['close', 'terminate', 'peer'] as const) {
      const { link, log, peer } = await open(server)
      if (leave === 'close') link.close(1000, '', 5_000)
      if (leave === 'terminate') {
        link.terminate({ kind: 'local-stop', code: 'X', message: '', closeCode: 1006, closeReason: '' })
      } else peer.halfClose()
      await until(() => log.cause !== undefined)
      peer.destroy()
    }
    await until(() => server.openConnections === 0 && openSockets() <= socketsBefore)
  })
})

test('a message in more fragments than ws allows by default', async () => {
  const { log, peer } = await open(await serve())
  const fragments = 40_000
  const piece = (i: number): Buffer =>
    encodeServerFrame(i === 0 ? 2 : 0, Buffer.of(i & 255), { fin: i === fragments - 1 })
  await peer.write(Buffer.concat(Array.from({ length: fragments }, (_, i) => piece(i))))
  await until(() => log.messages.length === 1)
  expect(log.messages[0]?.bytes.length).toBe(fragments)
})

test('limits beyond 32 bits are limits, not their absence', async () => {
  const limits = { maxFrameBytes: 2 ** 40, maxMessageBytes: 2 ** 40, maxLinkBytes: 65_536 }
  const { log, peer } = await open(await serve(), { limits })
  await peer.write(Buffer.of(0x82, 127, 0, 0, 0, 0, 0x90, 0, 0, 0))
  await until(() => log.cause !== undefined)
  expect(log.cause).toMatchObject({ kind: 'protocol-violation', closeCode: 1009 })
})

test('a frame that waits behind a busy ws can be taken back, one that ws has cannot', async () => {
  const { link, peer } = await open(await serve(), {
    limits: { maxFrameBytes: 1 << 24, maxMessageBytes: 1 << 24, maxLinkBytes: 1 << 26 },
  })
  peer.stall()
  expect(link.offer(Buffer.alloc(32 * 1024 * 1024))).toBe(1)
  expect(link.offer('behind it')).toBe(2)
  expect([link.delivery(1), link.delivery(2)]).toEqual(['unknown', 'none'])
  expect(link.withdraw(1)).toBe(false)
  expect(link.withdraw(2)).toBe(true)
  expect(link.offer('instead')).toBe(3)
  peer.resume()
  expect((await peer.nextFrame()).payload.length).toBe(32 * 1024 * 1024)
  expect((await peer.nextFrame()).payload.toString()).toBe('instead')
})

test('a burst of small frames goes to the kernel at once, each known to be there', async () => {
  const { link, peer } = await open(await serve())
  for (let i = 1; i <= 1000; i++) expect(link.offer('x'.repeat(200))).toBe(i)
  expect(link.queuedBytes).toBe(0)
  await until(() => link.delivery(1000) === 'all')
  await until(() => peer.frames.length === 1000)
})
