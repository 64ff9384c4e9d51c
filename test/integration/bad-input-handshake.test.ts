import { afterEach, describe, expect, it, vi } from 'vitest'
import { connect, WsConfigError } from '../../src/index.ts'
import {
  acceptHead,
  RawServer,
  type RawServerOptions,
  responseHead,
  tlsFixture,
  tlsFixtureCa,
  upgrade,
} from '../support/raw-server.ts'
import { handshakeFailure, socketsHeld, TRANSPORTS } from './front-support.ts'

const servers: RawServer[] = []

async function serve(options: RawServerOptions): Promise<RawServer> {
  const server = await RawServer.listen(options)
  servers.push(server)
  return server
}

afterEach(async () => {
  for (const server of servers.splice(0)) {
    // Whatever went wrong, the client has let go of its socket by itself.
    await vi.waitFor(() => expect(socketsHeld(server.port)).toBe(0))
    await server.close()
  }
})

describe.each(TRANSPORTS)('no connection comes about, over %s', (transport) => {
  describe('the URL', () => {
    it.each([
      ['', /is empty: give a URL such as/],
      ['example.com/ws', /must begin with ws:\/\/ or wss:\/\//],
      ['https://example.com/ws', /did you mean "wss:\/\/example.com\/ws"/],
      ['ws://', /has no host/],
      ['ws://example.com:99999/', /bad port/],
      ['ws://example.com/#x', /must not have a fragment/],
    ])('%j is refused by connect() itself', (url, message) => {
      const attempt = () => connect(url, { transport })
      expect(attempt).toThrow(WsConfigError)
      expect(attempt).toThrow(message)
    })

    it('refused when a function returns it', async () => {
      const cause = await handshakeFailure(async () => 'https://example.com/ws', { transport })
      expect(cause).toMatchObject({ stage: 'prepare', code: 'ERR_CONFIG' })
      expect(cause.message).toContain('did you mean "wss://example.com/ws"')
    })

    it('a name that nobody knows', async () => {
      const lookup = () => Promise.reject(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }))
      const cause = await handshakeFailure('ws://nowhere.invalid/', { transport, lookup })
      expect(cause).toMatchObject({ stage: 'dns', code: 'ENOTFOUND' })
      expect(cause.message).toContain('check the spelling of the host name')
    })

    it('a lookup that throws, and one that returns nonsense', async () => {
      const throwing = () => {
        throw new Error('resolver is broken')
      }
      const thrown = await handshakeFailure('ws://host.invalid/', { transport, lookup: throwing })
      expect(thrown).toMatchObject({ stage: 'dns' })
      expect(thrown.message).toContain('resolver is broken')
      const lookup = (async () => ['127.0.0.1']) as never
      const nonsense = await handshakeFailure('ws://host.invalid/', { transport, lookup })
      expect(nonsense).toMatchObject({ stage: 'dns', code: 'ERR_DNS_LOOKUP_INVALID' })
    })
  })

  it('a port where nothing listens', async () => {
    const server = await serve({})
    const { url, port } = server
    await server.close()
    servers.length = 0
    const cause = await handshakeFailure(url, { transport })
    expect(cause).toMatchObject({ stage: 'tcp', code: 'ECONNREFUSED' })
    expect(cause.message).toContain(`127.0.0.1:${port}`)
    expect(cause.message).toContain('nothing listens there')
  })

  describe('TLS', () => {
    const ca = tlsFixtureCa()

    it.each([
      ['signed by itself', 'self-signed', undefined, /^(DEPTH_ZERO_SELF_SIGNED_CERT)$/, 'tls.ca'],
      [
        'of an issuer that is not trusted',
        'localhost',
        undefined,
        /^UNABLE_TO_(GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)$/,
        'tls.ca',
      ],
      ['for another host', 'wrong-host', ca, /^ERR_TLS_CERT_ALTNAME_INVALID$/, 'tls.serverName'],
      ['that has expired', 'expired', ca, /^CERT_HAS_EXPIRED$/, 'clock'],
    ] as const)('a certificate %s', async (_, name, trusted, code, hint) => {
      const server = await serve({ tls: tlsFixture(name) })
      const tls = trusted === undefined ? {} : { ca: trusted }
      const cause = await handshakeFailure(server.url, { transport, tls })
      expect(cause.stage).toBe('tls')
      expect(cause.code).toMatch(code)
      expect(cause.message).toContain(hint)
      expect(cause.message).toContain(`localhost:${server.port}`)
    })

    it('a server that does not speak it', async () => {
      const server = await serve({ script: (peer) => peer.write('220 mail ready\r\n') })
      const cause = await handshakeFailure(`wss://127.0.0.1:${server.port}/`, { transport })
      expect(cause).toMatchObject({ stage: 'tls', code: 'ERR_SSL_WRONG_VERSION_NUMBER' })
      expect(cause.message).toContain('TLS failed: wrong version number')
      expect(cause.message).toContain('does not speak TLS')
    })

    it('a server that accepts TCP and says nothing', async () => {
      const server = await serve({ script: upgrade.silent() })
      const url = `wss://127.0.0.1:${server.port}/`
      const cause = await handshakeFailure(url, { transport, timeouts: { tlsMs: 100 } })
      expect(cause).toMatchObject({ stage: 'tls', code: 'ERR_TLS_TIMEOUT' })
      expect(cause.message).toContain('within 100 ms (timeouts.tlsMs)')
    })

    it('mistakes in the options, with the same words from connect()', () => {
      const attempt = () => connect('wss://127.0.0.1:1/', { transport, tls: { ca: 'ca.pem', cert: ca } })
      expect(attempt).toThrow(WsConfigError)
      expect(attempt).toThrow(/tls\.ca: looks like a file name[\s\S]*tls\.key: is missing/)
    })
  })

  describe('the answer to the upgrade', () => {
    it.each([
      ['401 Unauthorized', '{"error":"bad key"}', [], /check the credentials/],
      ['403 Forbidden', 'region blocked', [], /IP address or region is blocked/],
      ['429 Too Many Requests', 'slow down', [['Retry-After', '30']], /Retry-After: "30"/],
      ['503 Service Unavailable', '<html>maintenance</html>', [], /overloaded or under maintenance/],
    ] as const)('HTTP %s, with its headers and body', async (status, body, headers, hint) => {
      const all = [['Content-Length', `${body.length}`], ['X-Request-Id', 'abc'], ...headers] as const
      const server = await serve({ script: upgrade.refuse(status, body, all) })
      const cause = await handshakeFailure(server.url, { transport })
      const [, code, text] = /^(\d+) (.*)$/.exec(status) as RegExpExecArray
      expect(cause).toMatchObject({
        stage: 'upgrade',
        code: 'ERR_UPGRADE_REFUSED',
        http: { status: Number(code), statusText: text, headers: all, body, bodyTruncated: false },
      })
      expect(cause.message).toMatch(hint)
      expect(cause.message).toContain(`HTTP ${status}`)
    })

    it('a body that never ends is cut, not waited for', async () => {
      const server = await serve({
        script: async (peer) => {
          await peer.request()
          await peer.write(responseHead('403 Forbidden', []))
          while (!peer.socket.destroyed) await peer.write('x'.repeat(10_000))
        },
      })
      const cause = await handshakeFailure(server.url, { transport })
      expect(cause.http).toMatchObject({ status: 403, bodyTruncated: true })
      expect(cause.http?.body).toMatch(/^x{1000,65536}$/)
    })

    it('a wrong Sec-WebSocket-Accept', async () => {
      const server = await serve({ script: upgrade.accept({ acceptValue: 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=' }) })
      const cause = await handshakeFailure(server.url, { transport })
      expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_ACCEPT_WRONG' })
    })

    it('a subprotocol that was not offered, and an extension', async () => {
      const other = await serve({ script: upgrade.accept({ subprotocol: 'v2' }) })
      const subprotocol = await handshakeFailure(other.url, { transport, subprotocols: ['v1'] })
      expect(subprotocol).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_SUBPROTOCOL' })
      const deflating = await serve({
        script: upgrade.accept({ headers: [['Sec-WebSocket-Extensions', 'permessage-deflate']] }),
      })
      const extension = await handshakeFailure(deflating.url, { transport })
      expect(extension).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_EXTENSION' })
    })

    it.each([
      ['text that is no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
      ['binary', Buffer.from([0x15, 3, 1, 0, 2, 2, 0x46, 13, 10, 13, 10])],
      ['a frame without a head', Buffer.from([0x81, 2, 0x68, 0x69, 13, 10, 13, 10])],
    ])('garbage instead of HTTP: %s', async (_, bytes) => {
      const server = await serve({ script: upgrade.answer(bytes) })
      const cause = await handshakeFailure(server.url, { transport })
      expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_NOT_HTTP' })
    })

    it('a head that never ends', async () => {
      const server = await serve({ script: upgrade.endlessHead() })
      const cause = await handshakeFailure(server.url, { transport })
      expect(cause.stage).toBe('upgrade')
      expect(cause.code).toMatch(/^ERR_UPGRADE_(HEAD_TOO_LARGE|TOO_MANY_HEADERS)$/)
    })

    it('none: the server accepts and says nothing', async () => {
      const server = await serve({ script: upgrade.silent() })
      const cause = await handshakeFailure(server.url, { transport, timeouts: { upgradeMs: 100 } })
      expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_TIMEOUT' })
      expect(cause.message).toContain('within 100 ms (timeouts.upgradeMs)')
    })

    it('a byte now and then, which only the deadline over all stages ends', async () => {
      const server = await serve({
        script: async (peer) => {
          const head = acceptHead(await peer.request())
          for (const char of head) {
            if (peer.socket.destroyed) return
            await peer.write(char)
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        },
      })
      const cause = await handshakeFailure(server.url, { transport, timeouts: { totalMs: 200 } })
      expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_CONNECT_TIMEOUT' })
      expect(cause.message).toContain('not connected within 200 ms (timeouts.totalMs)')
    })

    it.each([
      ['closes TCP', upgrade.hangUp(), /^ERR_SOCKET_ENDED$/],
      ['resets TCP', upgrade.reset(), /^ECONNRESET$/],
    ] as const)('the server %s', async (_, script, code) => {
      const server = await serve({ script })
      const cause = await handshakeFailure(server.url, { transport })
      expect(cause.stage).toBe('upgrade')
      expect(cause.code).toMatch(code)
      expect(cause.message).toContain('the server hung up instead of answering')
    })
  })
})
