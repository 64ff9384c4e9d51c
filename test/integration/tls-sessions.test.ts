// What a TLS server sees of a client that comes back, over both transports and both versions.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import {
  type ConnectOptions,
  connect,
  type WsConnectError,
  type WsDisconnectCause,
  type WsTlsConfig,
  type WsTlsInfo,
} from '../../src/index.ts'
import { tlsFixture, tlsFixtureCa } from '../support/raw-server.ts'

const lookup: NonNullable<ConnectOptions['lookup']> = async () => [{ address: '127.0.0.1', family: 4 }]
const cleanups: (() => void)[] = []

afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

/** A server that greets and notes what became of each handshake. */
class Venue {
  readonly handshakes: { reused: boolean; alpn: string | false | null; client: unknown }[] = []
  readonly sockets: WebSocketServer
  readonly url: string
  readonly https: Server

  static async listen(options: ServerOptions = {}): Promise<Venue> {
    const https = createServer({ ...tlsFixture('localhost'), ...options })
    await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve))
    const venue = new Venue(https)
    cleanups.push(() => venue.close())
    return venue
  }

  private constructor(https: Server) {
    this.https = https
    this.url = `wss://localhost:${(https.address() as AddressInfo).port}/`
    this.sockets = new WebSocketServer({ server: https })
    const clients = new WeakMap<TLSSocket, unknown>()
    https.on('secureConnection', (socket: TLSSocket) => {
      clients.set(socket, socket.getPeerCertificate().subject?.CN)
    })
    this.sockets.on('connection', (socket, request) => {
      const tls = request.socket as TLSSocket
      this.handshakes.push({ reused: tls.isSessionReused(), alpn: tls.alpnProtocol, client: clients.get(tls) })
      // Behind the tickets: who has it has them.
      socket.send('welcome')
    })
  }

  get reused(): boolean[] {
    return this.handshakes.map(({ reused }) => reused)
  }

  /** As after a restart: no ticket from before can be read. */
  forget(): void {
    this.https.setTicketKeys(Buffer.alloc(48, this.handshakes.length + 1))
  }

  close(): void {
    for (const socket of this.sockets.clients) socket.terminate()
    this.https.close()
    this.https.closeAllConnections()
  }
}

/** Connects, waits for the greeting, leaves. What the client says of the handshake. */
async function visit(venue: Venue, transport: 'native' | 'ws', tls: WsTlsConfig = {}): Promise<WsTlsInfo | undefined> {
  let info: WsTlsInfo | undefined
  const connection = connect(venue.url, {
    transport,
    native: 'require',
    reconnect: false,
    lookup,
    tls: { ca: tlsFixtureCa(), ...tls },
    onOpen: (opened) => {
      info = opened.tls
    },
  })
  for await (const event of connection) if (event.kind === 'message') break
  await connection.close()
  return info
}

async function failedVisit(venue: Venue, transport: 'native' | 'ws', tls: WsTlsConfig): Promise<WsDisconnectCause> {
  const connection = connect(venue.url, { transport, reconnect: false, lookup, tls })
  const error: unknown = await connection.ready().catch((reason: unknown) => reason)
  return (error as WsConnectError).disconnectCause
}

const cases = (['native', 'ws'] as const).flatMap((transport) =>
  (['TLSv1.2', 'TLSv1.3'] as const).map((version) => ({ transport, version })),
)

describe.each(cases)('$transport, $version', ({ transport, version }) => {
  const listen = (options: ServerOptions = {}): Promise<Venue> => Venue.listen({ maxVersion: version, ...options })

  test('a connection that heals resumes its session', async () => {
    const venue = await listen()
    const seen: (WsTlsInfo | undefined)[] = []
    const connection = connect(venue.url, {
      transport,
      lookup,
      tls: { ca: tlsFixtureCa() },
      onOpen: (info) => seen.push(info.tls),
    })
    for await (const event of connection) {
      if (event.kind !== 'message') continue
      if (seen.length === 2) break
      for (const socket of venue.sockets.clients) socket.terminate()
    }
    await connection.close()
    expect(venue.reused).toEqual([false, true])
    expect(seen).toMatchObject([
      { protocol: version, authorized: true, sessionReused: false },
      { protocol: version, authorized: true, sessionReused: true },
    ])
  })

  test('the protocol is named', async () => {
    const venue = await listen()
    expect((await visit(venue, transport))?.alpn).toBe('http/1.1')
    expect(venue.handshakes[0]?.alpn).toBe('http/1.1')
  })

  test('a ticket that the server cannot read costs a full handshake, and brings a new one', async () => {
    const venue = await listen()
    await visit(venue, transport)
    venue.forget()
    expect(await visit(venue, transport)).toMatchObject({ authorized: true, sessionReused: false })
    await visit(venue, transport)
    expect(venue.reused).toEqual([false, false, true])
  })

  test('sessions are not resumed under other options', async () => {
    const venue = await listen()
    const { cert, key } = tlsFixture('client')
    const others: WsTlsConfig[] = [
      { validateCerts: false },
      { extraCa: tlsFixture('self-signed').cert },
      { cert, key },
      { serverName: '127.0.0.1' },
      { keyLog: () => {} },
    ]
    await visit(venue, transport)
    for (const tls of others) expect((await visit(venue, transport, tls))?.sessionReused).toBe(false)
    expect((await visit(venue, transport))?.sessionReused).toBe(true)
  })

  test('nor when nobody wants it', async () => {
    const venue = await listen()
    for (let i = 0; i < 3; i++) await visit(venue, transport, { sessionResumption: false })
    expect(venue.reused).toEqual([false, false, false])
  })

  test('a resumed connection is as unverified as the first was, and no other becomes so', async () => {
    const venue = await listen(tlsFixture('self-signed'))
    const careless = { ca: tlsFixtureCa(), validateCerts: false }
    expect(await visit(venue, transport, careless)).toMatchObject({ authorized: false, sessionReused: false })
    expect(await visit(venue, transport, careless)).toMatchObject({ authorized: false, sessionReused: true })
    const cause = await failedVisit(venue, transport, { ca: tlsFixtureCa() })
    expect(cause).toMatchObject({ stage: 'tls', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })

  test('a certificate for another host is not authorized, however often it is seen', async () => {
    const venue = await listen()
    const careless = { ca: tlsFixtureCa(), validateCerts: false, serverName: 'other.example' }
    for (let i = 0; i < 3; i++) expect(await visit(venue, transport, careless)).toMatchObject({ authorized: false })
    const cause = await failedVisit(venue, transport, { ca: tlsFixtureCa(), serverName: 'other.example' })
    expect(cause).toMatchObject({ stage: 'tls', code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  test('the client keeps its identity, and another has its own', async () => {
    const venue = await listen({ ca: tlsFixtureCa(), requestCert: true, rejectUnauthorized: true })
    const { cert, key } = tlsFixture('client')
    await visit(venue, transport, { cert, key })
    expect(await visit(venue, transport, { cert, key })).toMatchObject({ sessionReused: true })
    // Who shows no certificate does not get in on the session of somebody who did.
    const refused = await failedVisit(venue, transport, { ca: tlsFixtureCa() })
    expect(refused.kind).toBe('handshake-failed')
    expect(venue.handshakes).toMatchObject([{ reused: false, client: 'shared-ws test client' }, { reused: true }])
  })

  test('the key log goes to the function', async () => {
    const venue = await listen()
    const lines: string[] = []
    await visit(venue, transport, { keyLog: (line) => lines.push(line) })
    const labels = lines.map((line) => /^([A-Z0-9_]+) [0-9a-f]{64} [0-9a-f]{64,}$/i.exec(line)?.[1])
    expect(labels).toContain(version === 'TLSv1.2' ? 'CLIENT_RANDOM' : 'CLIENT_TRAFFIC_SECRET_0')
    expect(labels).not.toContain(undefined)
  })

  test('or is appended to a file that only its owner reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'shared-ws-keys-'))
    cleanups.push(() => rmSync(folder, { recursive: true }))
    const venue = await listen()
    const keyLog = join(folder, 'keys.log')
    await visit(venue, transport, { keyLog })
    const once = readFileSync(keyLog, 'utf8')
    await visit(venue, transport, { keyLog })
    expect(readFileSync(keyLog, 'utf8').startsWith(once)).toBe(true)
    expect(once).toMatch(/^([A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]+\n)+$/i)
    expect(statSync(keyLog).mode & 0o777).toBe(0o600)
  })

  test.each([
    [
      'a function that throws',
      () => {
        throw new Error('full')
      },
      /^full$/,
    ],
    ['a file that cannot be written', '/nowhere/keys.log', /ENOENT/],
  ] as const)('%s as a key log is reported, and the connection goes on', async (_what, keyLog, message) => {
    const venue = await listen()
    const errors: [unknown, string][] = []
    const connection = connect(venue.url, {
      transport,
      reconnect: false,
      lookup,
      tls: { ca: tlsFixtureCa(), keyLog },
      onCallbackError: (error, callback) => errors.push([error, callback]),
    })
    for await (const event of connection) if (event.kind === 'message') break
    await connection.close()
    expect(errors.length).toBeGreaterThan(0)
    expect(errors[0]).toEqual([expect.objectContaining({ message: expect.stringMatching(message) }), 'tls.keyLog'])
  })
})

test('a session of one transport is not spent on the other', async () => {
  const venue = await Venue.listen()
  for (const transport of ['ws', 'native', 'ws', 'native'] as const) await visit(venue, transport)
  expect(venue.reused).toEqual([false, false, true, true])
})

test('roots besides the default ones are trusted', async () => {
  const venue = await Venue.listen()
  const connection = connect(venue.url, { reconnect: false, lookup, tls: { extraCa: tlsFixtureCa() } })
  await connection.ready()
  await connection.close()
  expect(venue.handshakes).toHaveLength(1)
})
