import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { defaultRoots } from '../../../src/connect/default-roots.ts'
import type { WsTlsConfig } from '../../../src/connect/request.ts'
import { prepareTls } from '../../../src/connect/tls.ts'
import { checkTls } from '../../../src/connect/tls-check.ts'
import { WsConfigError } from '../../../src/errors/errors.ts'

const fixture = (name: string): string => readFileSync(new URL(`../../fixtures/tls/${name}`, import.meta.url), 'utf8')
const ca = fixture('ca.pem')
const cert = fixture('client.pem')
const key = fixture('client.key')
const encrypted = fixture('client-encrypted.key')
const otherCert = fixture('localhost.pem')
const der = Buffer.from(ca.replace(/-----.*-----|\s/g, ''), 'base64')
const damaged = ca.replace(/\n.{20}/, `\n${'A'.repeat(20)}`)

describe('prepareTls', () => {
  it('fills in the defaults', () => {
    expect(prepareTls({}, 'example.com')).toEqual({
      contextKey: expect.stringMatching(/^[0-9a-f]{64}$/),
      ca: defaultRoots().pem,
      cert: undefined,
      key: undefined,
      passphrase: undefined,
      minVersion: 'TLSv1.2',
      maxVersion: undefined,
      ciphers: undefined,
      verify: true,
      keyLog: false,
      serverName: 'example.com',
      verifyHost: 'example.com',
    })
  })

  it('takes what is given, bytes as text', () => {
    const bytes = new TextEncoder().encode(`comment\n${cert}`)
    const config: WsTlsConfig = {
      ca: [ca, bytes],
      cert,
      key: Buffer.from(encrypted),
      passphrase: 'secret',
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256',
      validateCerts: false,
    }
    expect(prepareTls(config, 'example.com')).toMatchObject({
      ca: [ca, `comment\n${cert}`],
      cert,
      key: encrypted,
      passphrase: 'secret',
      maxVersion: 'TLSv1.3',
      ciphers: config.ciphers,
      verify: false,
      serverName: 'example.com',
      verifyHost: 'example.com',
    })
    expect(prepareTls({ ca }, 'example.com').ca).toEqual([ca])
    expect(prepareTls({ ca, extraCa: [otherCert] }, 'example.com').ca).toEqual([ca, otherCert])
    expect(prepareTls({ extraCa: ca }, 'example.com').ca).toEqual([...defaultRoots().pem, ca])
  })

  it.each([
    ['example.com.', undefined, 'example.com', 'example.com'],
    ['127.0.0.1', undefined, undefined, '127.0.0.1'],
    ['[::1]', undefined, undefined, '::1'],
    ['127.0.0.1', 'example.com', 'example.com', 'example.com'],
    ['example.com', '10.0.0.1', undefined, '10.0.0.1'],
  ])('on %s with serverName %s sends SNI %s and checks %s', (host, given, serverName, verifyHost) => {
    expect(prepareTls(given === undefined ? {} : { serverName: given }, host)).toMatchObject({ serverName, verifyHost })
  })

  it('has one context key for what can share a context, and another for all else', () => {
    const keyOf = (config: WsTlsConfig, host = 'a'): string => prepareTls(config, host).contextKey
    const same = [
      keyOf({}),
      keyOf({}, 'b'),
      keyOf({ serverName: 'c' }),
      keyOf({ validateCerts: true, minVersion: 'TLSv1.2' }),
    ]
    expect(new Set(same).size).toBe(1)
    const different: WsTlsConfig[] = [
      {},
      { validateCerts: false },
      { ca },
      { ca: cert },
      { ca: [ca, cert] },
      { cert, key },
      { cert, key: encrypted, passphrase: 'secret' },
      { minVersion: 'TLSv1.3' },
      { maxVersion: 'TLSv1.2' },
      { maxVersion: 'TLSv1.3' },
      { extraCa: otherCert },
      { keyLog: () => {} },
      { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
    ]
    expect(new Set(different.map((config) => keyOf(config))).size).toBe(different.length)
    expect(keyOf({ ca })).toBe(keyOf({ ca: [Buffer.from(ca)] }))
  })

  it('looks at an object once, for any host', () => {
    let looks = 0
    const config: WsTlsConfig = {
      get ca() {
        looks++
        return ca
      },
    }
    const first = prepareTls(config, 'a.example')
    const before = looks
    expect(before).toBeGreaterThan(0)
    expect(prepareTls(config, 'b.example')).toEqual({ ...first, serverName: 'b.example', verifyHost: 'b.example' })
    expect(looks).toBe(before)
    expect(prepareTls({ ...config, ca: otherCert }, 'a.example').contextKey).not.toBe(first.contextKey)
  })

  it('throws with every mistake', () => {
    const mistaken = { ca: 'x', minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' } as const
    expect(() => prepareTls(mistaken, 'a')).toThrow(WsConfigError)
    expect(() => prepareTls(mistaken, 'a')).toThrow(/tls\.ca: .*\n.*tls\.minVersion: /)
  })
})

describe('checkTls', () => {
  it.each([
    ['nothing', {}],
    [
      'everything',
      { ca: [ca, otherCert], cert, key, serverName: 'x.example', minVersion: 'TLSv1.3', validateCerts: false },
    ],
    ['a chain', { ca: `# roots\n${ca}\n# more\n${otherCert}`, cert: `${cert}${ca}`, key }],
    ['roots besides', { extraCa: [] }],
    ['roots besides roots', { ca, extraCa: otherCert, sessionResumption: false, keyLog: () => {} }],
    ['a key log in a file', { keyLog: './keys.log' }],
    ['what is undefined', { ca: undefined, cert: undefined, key: undefined, ciphers: undefined }],
  ])('finds nothing wrong with %s', (_, config) => {
    expect(checkTls(config)).toEqual([])
  })

  it.each([
    [17, 'tls', /must be an object, not number/],
    [null, 'tls', /not null/],
    [[], 'tls', /not an array/],
    [{ rejectUnauthorized: false }, 'tls.rejectUnauthorized', /called validateCerts/],
    [{ servername: 'x' }, 'tls.servername', /called serverName/],
    [{ constructor: 'x' }, 'tls.constructor', /no such option/],
    [{ validateCerts: 'no' }, 'tls.validateCerts', /true or false, not string/],
    [{ sessionResumption: 1 }, 'tls.sessionResumption', /true or false, not number/],
    [{ session: 'x' }, 'tls.session', /called sessionResumption/],
    [{ keyLog: '' }, 'tls.keyLog', /a function or the path of a file, not empty/],
    [{ keyLog: true }, 'tls.keyLog', /not boolean/],
    [{ extraCa: 'x' }, 'tls.extraCa', /holds no "-----BEGIN CERTIFICATE-----"/],
    [{ extraCa: [ca, 7] }, 'tls.extraCa[1]', /not number/],
    [{ ca: [] }, 'tls.ca', /is empty/],
    [{ ca: 17 }, 'tls.ca', /PEM in a string or a Uint8Array, not number/],
    [{ ca: [ca, undefined] }, 'tls.ca[1]', /not undefined/],
    [{ ca: [ca, ''] }, 'tls.ca[1]', /holds no "-----BEGIN CERTIFICATE-----"/],
    [{ ca: key }, 'tls.ca', /holds no "-----BEGIN CERTIFICATE-----"/],
    [{ ca: der }, 'tls.ca', /is DER: convert it to PEM/],
    [{ ca: './certs/ca.pem' }, 'tls.ca', /looks like a file name/],
    [{ ca: `${otherCert}${damaged}` }, 'tls.ca', /certificate 2 of 2 is damaged/],
    [{ cert }, 'tls.key', /is missing/],
    [{ key }, 'tls.cert', /is missing/],
    [{ cert, key: cert }, 'tls.key', /holds no "-----BEGIN PRIVATE KEY-----"/],
    [{ cert, key: encrypted }, 'tls.key', /missing or wrong tls\.passphrase/],
    [{ cert, key: encrypted, passphrase: 'wrong' }, 'tls.key', /missing or wrong tls\.passphrase/],
    [{ cert: otherCert, key }, 'tls.key', /is not the key of the first certificate/],
    [{ passphrase: 'x' }, 'tls.passphrase', /of no use without tls\.key/],
    [{ cert, key, passphrase: 7 }, 'tls.passphrase', /must be a string, not number/],
    [{ serverName: '' }, 'tls.serverName', /not empty/],
    [{ serverName: 7 }, 'tls.serverName', /not number/],
    [{ serverName: 'bücher.example' }, 'tls.serverName', /ASCII/],
    [{ serverName: 'a b' }, 'tls.serverName', /host name/],
    [{ minVersion: 'TLSv1.1' }, 'tls.minVersion', /"TLSv1.2" or "TLSv1.3"/],
    [{ maxVersion: 1.3 }, 'tls.maxVersion', /not number/],
    [{ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }, 'tls.minVersion', /above tls\.maxVersion/],
    [{ ciphers: '' }, 'tls.ciphers', /not empty/],
    [{ ciphers: 'NO-SUCH-CIPHER' }, 'tls.ciphers', /refused by OpenSSL/],
  ])('finds the one mistake in %j', (config, field, message) => {
    expect(checkTls(config)).toEqual([{ field, message: expect.stringMatching(message) }])
  })

  it('finds all mistakes, and shows nothing of a key', () => {
    const found = checkTls({ pfx: 'x', ca: ['x'], cert: damaged, key: encrypted, ciphers: 7 }, 'options.tls')
    expect(found.map(({ field }) => field)).toEqual([
      'options.tls.pfx',
      'options.tls.ca[0]',
      'options.tls.cert',
      'options.tls.key',
      'options.tls.ciphers',
    ])
    expect(JSON.stringify(found)).not.toContain(encrypted.split('\n')[1])
  })
})
