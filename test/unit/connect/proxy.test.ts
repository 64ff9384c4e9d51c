import { describe, expect, it } from 'vitest'
import { parseProxy, proxyName } from '../../../src/connect/proxy.ts'

const BASIC = ['Proxy-Authorization', `Basic ${Buffer.from('me:s3cret').toString('base64')}`]

function parse(input: unknown) {
  const result = parseProxy(input)
  if (!result.ok) throw new Error(JSON.stringify(result.problems))
  return result.value
}

function problemsOf(input: unknown): Record<string, string> {
  const result = parseProxy(input)
  if (result.ok) throw new Error('accepted')
  const shown = JSON.stringify(result.problems)
  expect(shown).not.toContain('s3cret')
  return Object.fromEntries(result.problems.map(({ field, message }) => [field, message]))
}

describe('a proxy that can be used', () => {
  const http = { kind: 'http', tls: undefined, resolvesNames: true, credentials: undefined, headers: [] }
  const socks = { kind: 'socks5', tls: undefined, resolvesNames: false, credentials: undefined, headers: [] }
  it.each([
    ['http://proxy.example:3128', { ...http, hostname: 'proxy.example', port: 3128 }],
    ['HTTP://Proxy.Example', { ...http, hostname: 'proxy.example', port: 80 }],
    ['http://[::1]:8080/', { ...http, hostname: '[::1]', port: 8080 }],
    ['https://proxy.example', { ...http, tls: {}, hostname: 'proxy.example', port: 443 }],
    ['https://proxy.example:8443', { ...http, tls: {}, hostname: 'proxy.example', port: 8443 }],
    ['socks5://Proxy.Example', { ...socks, hostname: 'proxy.example', port: 1080 }],
    ['socks5://10.0.0.1:80', { ...socks, hostname: '10.0.0.1', port: 80 }],
    ['socks5h://[::1]:9', { ...socks, resolvesNames: true, hostname: '[::1]', port: 9 }],
    ['socks5h://bücher.example:9', { ...socks, resolvesNames: true, hostname: 'xn--bcher-kva.example', port: 9 }],
  ])('%s', (url, expected) => {
    expect(parse(url)).toEqual(expected)
    expect(parse(new URL(url))).toEqual(expected)
    expect(parse({ url })).toEqual(expected)
  })

  it('has credentials, percent-decoded', () => {
    expect(parse('http://me:s3cret@h:1')).toMatchObject({ headers: [BASIC] })
    expect(parse('http://m%C3%A9:p%40%3A%2F@h:1')).toMatchObject({ credentials: { user: 'mé', password: 'p@:/' } })
    expect(parse('http://token@h:1')).toMatchObject({ credentials: { user: 'token', password: '' } })
    expect(parse('socks5://me:s3cret@h')).toMatchObject({
      credentials: { user: 'me', password: 's3cret' },
      headers: [],
    })
  })

  it('has TLS options and headers of its own', () => {
    const url = 'https://me:s3cret@h'
    expect(parse({ url, tls: { validateCerts: false }, headers: { 'User-Agent': 'x' } })).toMatchObject({
      tls: { validateCerts: false },
      headers: [BASIC, ['User-Agent', 'x']],
    })
    expect(parse({ url: 'http://h', headers: { 'Proxy-Authorization': 'Bearer abc' } })).toMatchObject({
      credentials: undefined,
      headers: [['Proxy-Authorization', 'Bearer abc']],
    })
  })

  it('is none when it is null', () => {
    expect(parse(null)).toBeUndefined()
  })

  it.each(['http://me:s3cret@h:1', 'https://me:s3cret@h:1', 'socks5://me:s3cret@h:1', 'socks5h://me:s3cret@h:1'])(
    '%s is named without its credentials',
    (url) => {
      expect(proxyName(parse(url) as NonNullable<ReturnType<typeof parse>>)).toBe(url.replace('me:s3cret@', ''))
    },
  )
})

describe('a proxy that cannot be used is refused, and says what would be right', () => {
  it.each([
    ['', /is empty/],
    ['  ', /is empty/],
    ['proxy.example:3128', /did you mean "http:\/\/proxy\.example:3128"/],
    ['me:s3cret@proxy.example:3128', /did you mean "http:\/\/proxy\.example:3128"/],
    ['socks://h:1', /must begin with .*, not socks:\/\//],
    ['socks4://me:s3cret@h:1', /must begin with .*, not socks4:\/\//],
    ['ws://h:1', /must begin with .*, not ws:\/\//],
    ['file:///etc/passwd', /must begin with/],
    ['http://', /is not a URL/],
    ['http://h:99999', /is not a URL: its host or port is malformed/],
    ['http://me:s3cret@h:x', /is not a URL/],
    ['http://me:pa#s3cret@h:1', /^"http:\/\/…" is not a URL: .*percent-encoded$/],
    ['http://me:s3cret#pa@h:1', /^"http:\/\/…" is not a URL: .*percent-encoded$/],
    ['http://me:s3/cret@h:1', /^"http:\/\/h:1" is not a URL: .*percent-encoded$/],
    ['http:/me:s3cret@h:1', /^must begin with [^?]*$/],
    ['http/me:s3cret@h', /^must begin with [^?]*$/],
    ['me:s3#cret@h:1', /^must begin with [^?]*$/],
    ['me:12#cret@h:1', /^must begin with [^?]*$/],
    ['socks5://', /no host/],
    ['socks5://a b', /no host|is not a URL/],
    ['http://h:0', /port 0/],
    ['http://h:1/path', /must end behind host and port/],
    ['http://h:1/?token=s3cret', /must end behind host and port/],
    ['socks5://h:1#x', /must end behind host and port/],
    ['http://a%3Ab:s3cret@h', /must not contain ":"/],
    ['http://a%E9:s3cret@h', /not percent-encoded UTF-8/],
    ['socks5://:s3cret@h', /no user name/],
    [`socks5://${'u'.repeat(256)}:p@h`, /at most 255 bytes/],
    [17, /must be a URL such as .*, not number/],
    [['http://h'], /not an array/],
    [undefined, /or null for none, not undefined/],
    [false, /not boolean/],
  ])('%j', (input, message) => {
    expect(problemsOf(input)).toEqual({ proxy: expect.stringMatching(message) })
  })

  it('every mistake of an object at once', () => {
    const given = { url: 'https://a%3Ab:s3cret@h', tls: { ca: [] }, headers: { Upgrade: 'x' }, agent: 1 }
    expect(problemsOf(given)).toEqual({
      'proxy.agent': expect.stringContaining('known are url, tls, headers'),
      'proxy.url': expect.stringContaining('must not contain ":"'),
      'proxy.tls.ca': expect.stringContaining('is empty'),
      'proxy.headers.Upgrade': expect.stringContaining('must not be set'),
    })
    expect(problemsOf({})).toEqual({ 'proxy.url': expect.stringContaining('must be a URL') })
  })

  it('what would have no effect', () => {
    expect(problemsOf({ url: 'http://h', tls: {} })).toEqual({ 'proxy.tls': expect.stringContaining('of no use') })
    expect(problemsOf({ url: 'socks5://h', headers: {} })).toEqual({
      'proxy.headers': expect.stringContaining('of no use'),
    })
  })

  it('credentials that are given twice', () => {
    const given = { url: 'http://me:s3cret@h', headers: { 'proxy-authorization': 'Bearer s3cret' } }
    expect(problemsOf(given)).toEqual({ 'proxy.headers.proxy-authorization': expect.stringContaining('given twice') })
  })
})
