import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ConnectOptions, connect, WsConfigError, type WsProxyInit } from '../../src/index.ts'
import { hostile, httpProxy, type ProxyScript, socksProxy, TestProxy } from '../support/proxies.ts'
import { RawServer, tlsFixture, tlsFixtureCa, upgrade } from '../support/raw-server.ts'
import { handshakeFailure, socketsHeld, TRANSPORTS } from './front-support.ts'

const closing: { close(): Promise<void> }[] = []
const ports: number[] = []

afterEach(async () => {
  // Whatever went wrong, the client has let go of its sockets by itself.
  await vi.waitFor(() => expect(ports.map(socketsHeld)).toEqual(ports.map(() => 0)))
  ports.length = 0
  for (const one of closing.splice(0).reverse()) await one.close()
})

const ca = tlsFixtureCa()
const CREDENTIALS = { user: 'me', password: 's3cret@:/' }
const USERINFO = `me:${encodeURIComponent(CREDENTIALS.password)}@`

async function proxying(script: ProxyScript, isSecure = false): Promise<TestProxy> {
  const proxy = await TestProxy.listen({ script, ...(isSecure ? { tls: tlsFixture('localhost') } : {}) })
  closing.push(proxy)
  ports.push(proxy.port)
  return proxy
}

async function serving(isSecure: boolean): Promise<RawServer> {
  const server = await RawServer.listen(isSecure ? { tls: tlsFixture('localhost') } : {})
  closing.push(server)
  return server
}

type Kind = 'http' | 'https' | 'socks5' | 'socks5h'

function proxyUrl(kind: Kind, { port }: TestProxy, userinfo = ''): WsProxyInit {
  const url = `${kind}://${userinfo}${kind === 'https' ? 'localhost' : '127.0.0.1'}:${port}`
  return kind === 'https' ? { url, tls: { ca } } : url
}

const scriptOf = (kind: Kind) => (kind.startsWith('http') ? httpProxy : socksProxy)
// The name of the certificate, for the server's TLS; what a proxy is asked for is the name in the URL.
const options: ConnectOptions = { tls: { ca, serverName: 'localhost' }, closeTimeoutMs: 1, reconnect: false }
const lookup = async (name: string) => [
  { address: name === 'venue.test' || name === 'localhost' ? '127.0.0.1' : '127.0.0.9', family: 4 as const },
]

describe.each(TRANSPORTS)('through a proxy, over %s', (transport) => {
  describe.each(['http', 'https', 'socks5', 'socks5h'] as const)('%s', (kind) => {
    it.each([
      ['ws', false, false],
      ['wss', true, false],
      ['ws with credentials', false, true],
      ['wss with credentials', true, true],
    ])('%s', async (_, isSecure, hasCredentials) => {
      const server = await serving(isSecure)
      const proxy = await proxying(scriptOf(kind)(hasCredentials ? { credentials: CREDENTIALS } : {}), kind === 'https')
      const url = `${isSecure ? 'wss' : 'ws'}://venue.test:${server.port}/`
      const seen: string[] = []
      const feed = connect(url, {
        ...options,
        transport,
        lookup,
        proxy: proxyUrl(kind, proxy, hasCredentials ? USERINFO : ''),
        onMessage: (message) => seen.push(message.text()),
      })
      await feed.ready()
      const peer = await server.connection()
      await peer.text('down')
      feed.send('up')
      expect((await peer.expectFrame(1)).payload.toString()).toBe('up')
      await vi.waitFor(() => expect(seen).toEqual(['down']))
      // More than one record and one read, both ways.
      const large = 'x'.repeat(300_000)
      await peer.text(large)
      feed.send(large)
      expect((await peer.expectFrame(1)).payload.length).toBe(large.length)
      await vi.waitFor(() => expect(seen.length).toBe(2))
      expect(seen[1] === large).toBe(true)
      const asked = kind === 'socks5' ? `127.0.0.1:${server.port}` : `venue.test:${server.port}`
      expect(proxy.asked).toEqual([asked])
      await feed.close()
    })

    it('credentials that are missing or wrong', async () => {
      const proxy = await proxying(scriptOf(kind)({ credentials: CREDENTIALS }), kind === 'https')
      const run = (userinfo: string) =>
        handshakeFailure('wss://venue.test/', { transport, lookup, proxy: proxyUrl(kind, proxy, userinfo) })
      const missing = await run('')
      expect(missing).toMatchObject({ stage: 'proxy', code: 'ERR_PROXY_AUTH_REQUIRED' })
      const wrong = await run('me:wr0ng@')
      expect(wrong).toMatchObject({ stage: 'proxy', code: 'ERR_PROXY_AUTH_REFUSED' })
      if (kind.startsWith('http')) expect(wrong.http).toMatchObject({ status: 407, body: 'denied' })
      expect(JSON.stringify(wrong)).not.toContain('wr0ng')
      expect(proxy.asked).toEqual([])
    })

    it('a server that the proxy cannot reach', async () => {
      const proxy = await proxying(scriptOf(kind)(), kind === 'https')
      const cause = await handshakeFailure('ws://127.0.0.1:1/', { transport, proxy: proxyUrl(kind, proxy) })
      const code = kind.startsWith('http') ? 'ERR_PROXY_REFUSED' : 'ERR_SOCKS_CONNECTION_REFUSED'
      expect(cause).toMatchObject({ stage: 'proxy', code })
      expect(proxy.asked).toEqual(['127.0.0.1:1'])
    })

    it('a proxy that is not there', async () => {
      const proxy = await TestProxy.listen({ script: () => {} })
      await proxy.close()
      const server = await serving(false)
      const cause = await handshakeFailure(server.url, { transport, proxy: proxyUrl(kind, proxy) })
      expect(cause).toMatchObject({ stage: 'tcp', code: 'ECONNREFUSED' })
      expect(server.openConnections).toBe(0)
    })

    it('the server refuses the upgrade, hangs up, or shows a bad certificate', async () => {
      const proxy = await proxying(scriptOf(kind)(), kind === 'https')
      const behind = async (script: Parameters<typeof RawServer.listen>[0]) => {
        const server = await RawServer.listen(script)
        closing.push(server)
        return handshakeFailure(server.url, { transport, proxy: proxyUrl(kind, proxy), tls: { ca } })
      }
      const refused = await behind({ script: upgrade.refuse('403 Forbidden', 'region', []) })
      expect(refused).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_REFUSED', http: { body: 'region' } })
      const hungUp = await behind({ script: upgrade.hangUp() })
      expect(hungUp).toMatchObject({ stage: 'upgrade', code: 'ERR_SOCKET_ENDED' })
      const wrong = await behind({ tls: tlsFixture('expired') })
      expect(wrong).toMatchObject({ stage: 'tls', code: 'CERT_HAS_EXPIRED' })
    })
  })

  it('addresses of every kind', async () => {
    const server = await serving(false)
    for (const kind of ['http', 'socks5'] as const) {
      const proxy = await proxying(scriptOf(kind)())
      await handshakeFailure('ws://[::1]:1/', { transport, proxy: proxyUrl(kind, proxy) })
      const feed = connect(server.url, { ...options, transport, proxy: proxyUrl(kind, proxy) })
      await feed.ready()
      await feed.close()
      expect(proxy.asked).toEqual(['[::1]:1', `127.0.0.1:${server.port}`])
    }
  })

  it('TLS to the proxy is checked', async () => {
    const proxy = await proxying(httpProxy(), true)
    const untrusted = { url: `https://localhost:${proxy.port}` }
    // The connection's own roots are not the proxy's.
    const cause = await handshakeFailure('wss://venue.test/', { transport, tls: { ca }, proxy: untrusted })
    expect(cause.stage).toBe('proxy')
    expect(cause.code).toMatch(/^UNABLE_TO_(GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)$/)
    expect(cause.message).toContain('proxy.tls.ca')
    const named = { url: `https://127.0.0.1:${proxy.port}`, tls: { ca, serverName: 'other.example' } }
    const name = await handshakeFailure('wss://venue.test/', { transport, proxy: named })
    expect(name).toMatchObject({ stage: 'proxy', code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
    const plain = await proxying(hostile.says('HTTP/1.1 400 Bad Request\r\n\r\n'))
    const noTls = await handshakeFailure('wss://venue.test/', { transport, proxy: `https://127.0.0.1:${plain.port}` })
    expect(noTls).toMatchObject({ stage: 'proxy', code: 'ERR_SSL_WRONG_VERSION_NUMBER' })
  })

  it('a function is asked before each attempt, and what it fails at is no direct connection', async () => {
    const server = await serving(false)
    const proxy = await proxying(httpProxy())
    let attempts = 0
    const feed = connect(server.url, {
      ...options,
      transport,
      reconnect: { nextDelayMs: () => 0, reset: () => {} },
      async proxy({ attempt }) {
        attempts++
        if (attempt === 1) return undefined as never
        if (attempt === 2) return 'ftp://nowhere'
        if (attempt === 3) throw new Error('no vault')
        return `http://127.0.0.1:${proxy.port}`
      },
    })
    const causes: string[] = []
    for await (const event of feed) {
      if (event.kind === 'disconnected') causes.push(event.cause.message)
      if (event.kind === 'connected') break
    }
    expect(causes).toEqual([
      expect.stringContaining('proxy must be a URL'),
      expect.stringContaining('proxy must begin with'),
      expect.stringContaining('the function given as proxy failed: no vault'),
    ])
    expect(attempts).toBe(4)
    expect(proxy.asked).toEqual([`127.0.0.1:${server.port}`])
    await feed.close()
  })

  it('null is a direct connection', async () => {
    const server = await serving(false)
    for (const proxy of [null, () => null]) {
      const feed = connect(server.url, { ...options, transport, proxy })
      await feed.ready()
      await feed.close()
    }
  })

  it.each(['ftp://h:1', '', 'host:3128', 'http://h/path', { url: 'http://h', tls: {} }, 17])(
    '%j is refused by connect() itself',
    (proxy) => {
      expect(() => connect('ws://127.0.0.1:1/', { transport, proxy: proxy as string })).toThrow(WsConfigError)
    },
  )
})

describe.each(TRANSPORTS)('hostile proxies, over %s', (transport) => {
  const run = async (kind: 'http' | 'socks5h', script: ProxyScript, change: ConnectOptions = {}) => {
    const proxy = await proxying(script)
    const timeouts = { proxyMs: 200 }
    return handshakeFailure('wss://venue.test/', { transport, proxy: proxyUrl(kind, proxy), timeouts, ...change })
  }

  it.each([
    ['http', 'ERR_PROXY_TIMEOUT', hostile.silent()],
    ['socks5h', 'ERR_PROXY_TIMEOUT', hostile.silent()],
    ['http', 'ERR_PROXY_TIMEOUT', hostile.drips('HTTP/1.1 100 x\r\nX: yyyyyyyyyyyyyyyyyyyyyyy\r\n\r\n')],
    ['http', 'ERR_PROXY_NOT_HTTP', hostile.says(Uint8Array.of(0, 1, 2, 3))],
    ['http', 'ERR_PROXY_NOT_HTTP', hostile.drips('\x05')],
    ['http', 'ERR_PROXY_RESPONSE_INVALID', hostile.says('HTTP/1.1 20 OK\r\n\r\n')],
    ['http', 'ERR_PROXY_HEAD_TOO_LARGE', hostile.endlessHead()],
    ['http', 'ERR_SOCKET_ENDED', hostile.says('HTTP/1.1 200 OK\r\nX:', 'ends')],
    ['http', 'ECONNRESET', hostile.says('', 'resets')],
    ['http', 'ERR_PROXY_REFUSED', hostile.says('HTTP/1.1 502 No\r\n\r\nhalf a st', 'ends')],
    ['http', 'ERR_PROXY_UNEXPECTED_DATA', hostile.speaksForServer('HTTP/1.1 101 Switching Protocols\r\n')],
    ['socks5h', 'ERR_SOCKS_PROTOCOL', hostile.says('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['socks5h', 'ERR_SOCKS_PROTOCOL', hostile.drips('\x04')],
    ['socks5h', 'ERR_SOCKET_ENDED', hostile.says('\x05', 'ends')],
    ['socks5h', 'ERR_PROXY_TIMEOUT', hostile.says(Uint8Array.of(5, 0))],
  ] as const)('%s: %s', async (kind, code, script) => {
    const cause = await run(kind, script)
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'proxy', code })
    expect(cause.message.length).toBeLessThan(700)
  })

  it('a body without end is cut', async () => {
    const cause = await run('http', async (client) => {
      client.write('HTTP/1.1 503 Busy\r\n\r\n')
      while (!client.destroyed) await new Promise((resolve) => client.write('b'.repeat(10_000), resolve))
    })
    expect(cause).toMatchObject({ code: 'ERR_PROXY_REFUSED', http: { status: 503, bodyTruncated: true } })
    expect(cause.http?.body).toMatch(/^b{1000,65536}$/)
  })

  it('close() in the middle leaves nothing', async () => {
    const proxy = await proxying(hostile.silent())
    const feed = connect('wss://venue.test/', { ...options, transport, proxy: `http://127.0.0.1:${proxy.port}` })
    const failed = expect(feed.ready()).rejects.toMatchObject({ code: 'LOCAL_CLOSE' })
    await vi.waitFor(() => expect(socketsHeld(proxy.port)).toBe(1))
    await feed.close()
    await failed
  })
})
