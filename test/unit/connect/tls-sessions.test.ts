import { beforeEach, describe, expect, it } from 'vitest'
import { prepareTls } from '../../../src/connect/tls.ts'
import { type TlsSession, TlsSessionCache, tlsSessionKey } from '../../../src/connect/tls-sessions.ts'
import { tlsFixture, tlsFixtureCa } from '../../support/raw-server.ts'

const DAY_MS = 24 * 3600 * 1000

/** A ticket for one use whose handle tells it from others. */
const ticket = (name: number, change: Partial<TlsSession> = {}): TlsSession => ({
  handle: name,
  byteLength: 10,
  expiresAtMs: 1000,
  singleUse: true,
  ...change,
})
const nameOf = (session: TlsSession | undefined): number | undefined => session?.handle as number | undefined

let cache: TlsSessionCache

beforeEach(() => {
  cache = new TlsSessionCache({ maxSessions: 4, maxBytes: 100, maxPerKey: 3 })
})

describe('sessions for one use', () => {
  it('are given once, the newest first', () => {
    for (const name of [1, 2, 3]) cache.put('a', ticket(name), 0)
    expect([1, 2, 3, 4].map(() => nameOf(cache.take('a', 0)))).toEqual([3, 2, 1, undefined])
    expect([cache.size, cache.bytes]).toEqual([0, 0])
  })

  it('are of their own key', () => {
    cache.put('a', ticket(1), 0)
    expect(cache.take('b', 0)).toBeUndefined()
    expect(nameOf(cache.take('a', 0))).toBe(1)
  })
})

describe('sessions for long', () => {
  it('are given again and again, the newest only', () => {
    cache.put('a', ticket(1, { singleUse: false }), 0)
    cache.put('a', ticket(2, { singleUse: false }), 0)
    expect([1, 2, 3].map(() => nameOf(cache.take('a', 0)))).toEqual([2, 2, 2])
    expect(cache.size).toBe(1)
  })

  it('give way to those of another version, and the other way round', () => {
    cache.put('a', ticket(1, { singleUse: false }), 0)
    cache.put('a', ticket(2), 0)
    expect([nameOf(cache.take('a', 0)), nameOf(cache.take('a', 0))]).toEqual([2, undefined])
    cache.put('a', ticket(3), 0)
    cache.put('a', ticket(4, { singleUse: false }), 0)
    expect([nameOf(cache.take('a', 0)), cache.size]).toEqual([4, 1])
  })
})

describe('sessions end', () => {
  it('when their time has come, and are no longer held', () => {
    cache.put('a', ticket(1, { expiresAtMs: 50 }), 0)
    cache.put('a', ticket(2, { expiresAtMs: 40 }), 0)
    expect(nameOf(cache.take('a', 45))).toBe(1)
    cache.put('a', ticket(3, { expiresAtMs: 60, singleUse: false }), 45)
    expect(cache.take('a', 60)).toBeUndefined()
    expect([cache.size, cache.bytes]).toEqual([0, 0])
  })

  it('before they are put', () => {
    cache.put('a', ticket(1, { expiresAtMs: 50 }), 50)
    cache.put('a', ticket(2, { expiresAtMs: Number.NaN }), 50)
    expect(cache.size).toBe(0)
  })

  it('after seven days at most, whatever the server says', () => {
    cache.put('a', ticket(1, { expiresAtMs: Number.POSITIVE_INFINITY, singleUse: false }), 0)
    expect(nameOf(cache.take('a', 7 * DAY_MS - 1))).toBe(1)
    expect(cache.take('a', 7 * DAY_MS)).toBeUndefined()
  })

  it('all of a key together, when one of them has failed', () => {
    for (const name of [1, 2, 3]) cache.put('a', ticket(name), 0)
    cache.put('b', ticket(4), 0)
    cache.drop('a')
    cache.drop('nothing')
    expect(cache.take('a', 0)).toBeUndefined()
    expect([cache.size, cache.bytes]).toEqual([1, 10])
  })
})

describe('what is held is bounded', () => {
  it('by number per key: the oldest goes', () => {
    for (const name of [1, 2, 3, 4]) cache.put('a', ticket(name), 0)
    expect([1, 2, 3, 4].map(() => nameOf(cache.take('a', 0)))).toEqual([4, 3, 2, undefined])
  })

  it('by number in all: those of the key that was used longest ago go', () => {
    cache.put('a', ticket(1), 0)
    cache.put('a', ticket(2), 0)
    cache.put('b', ticket(3), 0)
    cache.take('a', 0)
    cache.put('a', ticket(4), 0)
    cache.put('c', ticket(5), 0)
    expect(cache.size).toBe(4)
    cache.put('d', ticket(6), 0)
    expect(cache.take('b', 0)).toBeUndefined()
    expect(nameOf(cache.take('a', 0))).toBe(4)
  })

  it('by bytes', () => {
    cache.put('a', ticket(1, { byteLength: 101 }), 0)
    expect(cache.size).toBe(0)
    cache.put('a', ticket(1, { byteLength: 60 }), 0)
    cache.put('b', ticket(2, { byteLength: 41 }), 0)
    expect([cache.size, cache.bytes]).toEqual([1, 41])
    expect(nameOf(cache.take('b', 0))).toBe(2)
  })
})

describe('the key tells apart', () => {
  const ca = tlsFixtureCa()
  const client = tlsFixture('client')
  const base = tlsSessionKey(prepareTls({ ca }, 'example.com'), 'node', 'example.com:443')

  it.each([
    ['port', { ca }, 'example.com', 'example.com:8443'],
    ['host', { ca }, 'example.org', 'example.org:443'],
    ['host of the same name', { ca, serverName: 'example.com' }, 'example.org', 'example.org:443'],
    ['server name', { ca, serverName: 'other.example' }, 'example.com', 'example.com:443'],
    ['verification', { ca, validateCerts: false }, 'example.com', 'example.com:443'],
    ['roots', { ca: tlsFixture('self-signed').cert }, 'example.com', 'example.com:443'],
    ['more roots', { ca, extraCa: tlsFixture('self-signed').cert }, 'example.com', 'example.com:443'],
    ['client', { ca, cert: client.cert, key: client.key }, 'example.com', 'example.com:443'],
    ['versions', { ca, minVersion: 'TLSv1.3' }, 'example.com', 'example.com:443'],
    ['ciphers', { ca, ciphers: 'TLS_AES_256_GCM_SHA384' }, 'example.com', 'example.com:443'],
  ] as const)('%s', (_what, config, host, hostPort) => {
    expect(tlsSessionKey(prepareTls(config, host), 'node', hostPort)).not.toBe(base)
  })

  it('TLS implementations', () => {
    expect(tlsSessionKey(prepareTls({ ca }, 'example.com'), 'native', 'example.com:443')).not.toBe(base)
  })

  it('and nothing else, and holds no secret', () => {
    const config = { ca, cert: client.cert, key: client.key }
    const key = tlsSessionKey(
      prepareTls({ ...config, sessionResumption: true }, 'example.com.'),
      'node',
      'example.com:443',
    )
    expect(key).toBe(tlsSessionKey(prepareTls(config, 'example.com'), 'node', 'example.com:443'))
    expect(key).not.toContain('PRIVATE KEY')
    expect(key.length).toBeLessThan(200)
  })
})
