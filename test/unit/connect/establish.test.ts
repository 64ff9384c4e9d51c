import { describe, expect, it } from 'vitest'
import { RawLinkError } from '../../../src/connect/raw-link.ts'
import type { WsConnectRequest } from '../../../src/connect/request.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import { address, causeOf, lookupOf, network, pass, run, stop, withNetwork } from './establish-support.ts'
import { refuse, settle, switching, TLS_INFO } from './scripted-link.ts'

withNetwork()

describe('a connection that comes about', () => {
  it('goes through lookup, TCP and upgrade on ws:', async () => {
    network.setUp = (link) => {
      link.onRequest = () => {
        link.push(switching(link.key, 'Sec-WebSocket-Protocol: b\r\nX-Node: 7\r\n'))
      }
    }
    const asked: string[] = []
    const lookup = (name: string) => {
      asked.push(name)
      return Promise.resolve([address('10.0.0.1')])
    }
    const done = await run(network.request('ws://example.com:8080/x', { lookup, subprotocols: ['a', 'b'] }))
    expect(asked).toEqual(['example.com'])
    expect(network.asked).toEqual(['10.0.0.1:8080'])
    expect(done.subprotocol).toBe('b')
    expect(done.responseHeaders).toContainEqual(['X-Node', '7'])
    expect(done.tls).toBeUndefined()
    expect(done.glued).toHaveLength(0)
    expect(done.link.destroyed).toBe(false)
    expect(done.link.startTlsWith).toBeUndefined()
  })

  it('does TLS before the upgrade on wss:, port 443', async () => {
    const done = await run(network.request('wss://example.com/', { lookup: lookupOf('10.0.0.1') }))
    expect(network.asked).toEqual(['10.0.0.1:443'])
    expect(done.tls).toEqual(TLS_INFO)
    expect(done.link.startTlsWith).toMatchObject({ serverName: 'example.com', verify: true })
  })

  it('hands over the bytes behind the response head', async () => {
    network.setUp = (link) => {
      link.onRequest = () => link.push(Buffer.concat([Buffer.from(switching(link.key)), Buffer.from([0x81, 1, 0x61])]))
    }
    const { glued } = await run(network.request('ws://127.0.0.1/'))
    expect([...glued]).toEqual([0x81, 1, 0x61])
  })

  it.each(['ws://127.0.0.1:9/', 'ws://[::1]:9/'])('asks no lookup for %s', async (url) => {
    const lookup = (): never => {
      throw new Error('must not be asked')
    }
    await run(network.request(url, { lookup }))
    expect(network.asked).toEqual([url.includes('::1') ? '::1:9' : '127.0.0.1:9'])
  })

  it('tries the next address when one refuses or stays silent, and destroys what comes late', async () => {
    let late: (() => void) | undefined
    network.byAddress.set('10.0.0.1', refuse('ECONNREFUSED'))
    network.byAddress.set('10.0.0.2', (link) => new Promise((resolve) => (late = () => resolve(link))))
    const lookup = lookupOf('10.0.0.1', '10.0.0.2', '10.0.0.3')
    const promise = run(network.request('ws://example.com/', { lookup }))
    await pass(2000)
    const { link } = await promise
    expect(network.asked).toEqual(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80'])
    expect(network.links).toEqual([link])
    late?.()
    await settle()
    expect(network.links).toHaveLength(2)
    expect(network.openLinks).toBe(1)
    expect(link.destroyed).toBe(false)
  })

  it('keeps a connection whose signal aborts later', async () => {
    const { link } = await run(network.request('ws://127.0.0.1/'))
    stop.abort()
    expect(link.destroyed).toBe(false)
  })
})

describe('lookups that fail', () => {
  const dns = (lookup: unknown) =>
    causeOf(run(network.request('ws://user.example/?token=1', { lookup: lookup as WsConnectRequest['lookup'] })))
  const coded = Object.assign(new Error('getaddrinfo ENOTFOUND user.example'), { code: 'ENOTFOUND' })

  it.each([
    ['rejects with a system error', () => Promise.reject(coded), 'ENOTFOUND', /spelling/],
    [
      'throws',
      () => {
        throw new TypeError('oops')
      },
      'ERR_DNS_FAILED',
      /oops/,
    ],
    ['rejects with no Error', () => Promise.reject('text'), 'ERR_DNS_FAILED', /no Error: string/],
    ['rejects with a page', () => Promise.reject(new Error('page '.repeat(9999))), 'ERR_DNS_FAILED', /^.{400,700}$/],
    ['is no function', 17, 'ERR_DNS_FAILED', /not a function/],
    ['resolves to nothing', () => Promise.resolve([]), 'ERR_DNS_NO_ADDRESS', /gave no address/],
    ['resolves to no array', () => Promise.resolve('1.2.3.4'), 'ERR_DNS_LOOKUP_INVALID', /array of .* not string/],
    [
      'resolves to names',
      () => Promise.resolve([{ address: 'foo', family: 4 }]),
      'ERR_DNS_LOOKUP_INVALID',
      /\[0\]\.address/,
    ],
    ['resolves to a null', () => Promise.resolve([null]), 'ERR_DNS_LOOKUP_INVALID', /\[0\]\.address/],
    [
      'resolves to a wrong family',
      () => Promise.resolve([address('1.2.3.4'), { address: '::1', family: 4 }]),
      'ERR_DNS_LOOKUP_INVALID',
      /\[1\]\.family is not 6/,
    ],
  ])('%s', async (_, lookup, code, message) => {
    const cause = await dns(lookup)
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'dns', code })
    expect(cause.message).toMatch(message)
    expect(cause.message).toContain('ws://user.example/ (user.example:80)')
    expect(cause.message).not.toContain('token')
    expect(network.asked).toEqual([])
  })

  it('keeps the error that was thrown', async () => {
    expect((await dns(() => Promise.reject(coded))).error).toBe(coded)
  })
})

describe('TCP that fails', () => {
  it('names each address and its error; the code is that of the last', async () => {
    network.byAddress.set('10.0.0.1', refuse('EHOSTUNREACH'))
    network.byAddress.set('::9', refuse('ECONNREFUSED'))
    const cause = await causeOf(run(network.request('ws://example.com/', { lookup: lookupOf('10.0.0.1', '::9') })))
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'tcp', code: 'ECONNREFUSED' })
    expect(cause.message).toContain('10.0.0.1:80: connect EHOSTUNREACH')
    expect(cause.message).toContain('[::9]:80: connect ECONNREFUSED')
    expect(cause.message).toContain('nothing listens there')
    expect(cause.error).toBeInstanceOf(RawLinkError)
  })

  it('bounds the list', async () => {
    const many = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`)
    for (const one of many) network.byAddress.set(one, refuse('ECONNREFUSED'))
    const cause = await causeOf(run(network.request('ws://example.com/', { lookup: lookupOf(...many) })))
    expect(network.asked).toHaveLength(100)
    expect(cause.message).toContain('and 92 more')
    expect(cause.message.length).toBeLessThan(1000)
  })

  it('gives an opener that throws something else a code of its own', async () => {
    network.byAddress.set('127.0.0.1', () => Promise.reject(new RangeError('too many links')))
    const cause = await causeOf(run(network.request('ws://127.0.0.1/')))
    expect(cause).toMatchObject({ stage: 'tcp', code: 'ERR_TCP_FAILED' })
    expect(cause.message).toContain('too many links')
  })
})

describe('TLS that fails', () => {
  it('for a mistake in the options fails before a socket is opened', async () => {
    const request = network.request('wss://example.com/', { lookup: lookupOf('10.0.0.1'), tls: { ca: [] } })
    const cause = await causeOf(run(request))
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'prepare', code: 'ERR_CONFIG' })
    expect(cause.message).toContain('tls.ca: is empty')
    expect(network.asked).toEqual([])
  })

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /tls\.ca.*validateCerts: false is for tests only/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /tls\.serverName/],
    ['CERT_HAS_EXPIRED', /clock/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/],
    ['ERR_SOCKET_ENDED', /hung up during the TLS handshake/],
  ])('%s says what to do, and no other address is tried', async (code, hint) => {
    network.setUp = (link) => {
      link.tls = () => Promise.reject(new RawLinkError(code, 'words of\nOpenSSL\n'))
    }
    const lookup = lookupOf('10.0.0.1', '10.0.0.2')
    const cause = await causeOf(run(network.request('wss://example.com/', { lookup })))
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'tls', code })
    expect(cause.message).toContain(`words of OpenSSL (${code})`)
    expect(cause.message).toMatch(hint)
    expect(network.asked).toEqual(['10.0.0.1:443'])
  })
})

describe('an upgrade that fails', () => {
  const answering = (...answer: (string | [code: string])[]): Promise<WsDisconnectCause & Record<string, unknown>> => {
    network.setUp = (link) => {
      link.onRequest = () => {
        for (const part of answer) typeof part === 'string' ? link.push(part) : link.fail(part[0])
      }
    }
    return causeOf(run(network.request('ws://127.0.0.1:81/x?secret=1')))
  }

  it('reports a refusal with status, headers and body', async () => {
    const cause = await answering('HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nwait')
    expect(cause).toMatchObject({
      kind: 'handshake-failed',
      stage: 'upgrade',
      code: 'ERR_UPGRADE_REFUSED',
      http: {
        status: 429,
        statusText: 'Slow',
        headers: [
          ['Retry-After', '17'],
          ['Content-Length', '4'],
        ],
        body: 'wait',
        bodyTruncated: false,
      },
    })
    expect(cause.message).toContain('ws://127.0.0.1:81/x (127.0.0.1:81)')
    expect(cause.message).toContain('HTTP 429 Slow')
    expect(cause.message).toContain('Retry-After: "17"')
    expect(cause.message).not.toContain('secret')
  })

  it('reports a body that ends with the connection as whole', async () => {
    const cause = await answering('HTTP/1.1 503 Down\r\n\r\nback at ', 'noon', ['ERR_SOCKET_ENDED'])
    expect(cause.http).toMatchObject({ status: 503, body: 'back at noon', bodyTruncated: false })
  })

  it.each([
    ['Content-Length: 100\r\n', 'ERR_SOCKET_ENDED'],
    ['Content-Length: 100\r\n', 'ECONNRESET'],
    ['', 'ECONNRESET'],
  ])('reports a body (%j) cut short by %s as truncated', async (header, code) => {
    const cause = await answering(`HTTP/1.1 403 No\r\n${header}\r\nbecause`, [code])
    expect(cause).toMatchObject({
      code: 'ERR_UPGRADE_REFUSED',
      http: { status: 403, body: 'because', bodyTruncated: true },
    })
  })

  it('keeps the head of a 101 that does not fit', async () => {
    const cause = await answering('HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX: y\r\n\r\n')
    expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_ACCEPT_MISSING', http: { status: 101 } })
  })

  it('says that garbage is garbage, and nothing about HTTP', async () => {
    const cause = await answering('SSH-2.0-OpenSSH_9.6\r\n')
    expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_UPGRADE_NOT_HTTP' })
    expect(cause.http).toBeUndefined()
    expect(cause.message).toContain('"SSH-2.0-OpenSSH_9.6\\r\\n"')
  })

  it('says that the server hung up', async () => {
    const cause = await answering('HTTP/1.1 101 Sw', ['ERR_SOCKET_ENDED'])
    expect(cause).toMatchObject({ stage: 'upgrade', code: 'ERR_SOCKET_ENDED' })
    expect(cause.message).toContain('hung up')
  })
})
