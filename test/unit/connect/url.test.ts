import { describe, expect, it } from 'vitest'
import { parseUrl } from '../../../src/connect/url.ts'

const problems = (input: unknown): string[] => {
  const result = parseUrl(input)
  return result.ok ? [] : result.problems.map(({ field, message }) => `${field} ${message}`)
}

describe('parseUrl', () => {
  it.each([
    ['ws://example.com', 'ws://example.com/'],
    ['wss://example.com:443/a/b?c=d', 'wss://example.com/a/b?c=d'],
    ['WSS://EXAMPLE.com:8443/', 'wss://example.com:8443/'],
    ['ws://[::1]:9001/', 'ws://[::1]:9001/'],
    ['wss://bücher.example/', 'wss://xn--bcher-kva.example/'],
    ['ws://h/%23', 'ws://h/%23'],
  ])('takes %s', (input, href) => {
    for (const given of [input, new URL(input)]) {
      const result = parseUrl(given)
      expect(result.ok && [result.value.url.href, result.value.headers]).toEqual([href, []])
    }
  })

  it('makes a header of credentials, and takes them out of a URL of its own', () => {
    const given = new URL('wss://us%C3%A9r:p%3Aw%40@example.com/x')
    const result = parseUrl(given)
    const expected = `Basic ${Buffer.from('usér:p:w@').toString('base64')}`
    expect(result.ok && [result.value.url.href, result.value.headers]).toEqual([
      'wss://example.com/x',
      [['Authorization', expected]],
    ])
    expect(given.username).toBe('us%C3%A9r')
  })

  it('takes a user without a password, and a password without a user', () => {
    const header = (url: string) => {
      const result = parseUrl(url)
      return result.ok ? Buffer.from(result.value.headers[0]?.[1].slice(6) ?? '', 'base64').toString() : undefined
    }
    expect(header('wss://token@example.com/')).toBe('token:')
    expect(header('wss://:pw@example.com/')).toBe(':pw')
  })

  it.each([
    [undefined, /^url must be a string or a URL.*not undefined/],
    [{ href: 'ws://h' }, /not object/],
    ['', /is empty/],
    ['  ', /is empty/],
    ['http://example.com/ws?key=SECRET', /ws:\/\/ or wss:\/\/.*did you mean "ws:\/\/example.com\/ws"\?/],
    ['https://example.com:8443', /did you mean "wss:\/\/example.com:8443\/"\?/],
    ['ftp://example.com', /not ftp:\/\//],
    ['example.com/ws', /"example.com\/ws" is not a URL/],
    ['localhost:8080/ws?key=SECRET', /did you mean "wss:\/\/localhost:8080\/ws"\?/],
    ['wss://', /has no host/],
    ['wss://:443/', /has no host/],
    ['wss://user:SECRET@:443/', /has no host/],
    ['wss://example.com:0/', /port 0/],
    ['wss://example.com:65536/?key=SECRET', /bad port/],
    ['wss://example.com:x/', /bad port/],
    ['wss://user:SECRET@exa mple.com/', /host is malformed/],
    ['wss://[::1/', /host is malformed/],
    ['wss://example.com/#', /fragment/],
    ['wss://example.com/x#SECRET', /RFC 6455 section 3/],
    ['wss://us%3Aer:SECRET@example.com/', /must not contain ":"/],
    ['wss://user:SECRET%zz@example.com/', /percent-encoded/],
  ])('refuses %j', (input, message) => {
    const found = problems(input)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(message)
    expect(found[0]).not.toContain('SECRET')
  })

  it('tells several mistakes at once, under the name of the field', () => {
    const result = parseUrl('wss://us%3Aer@example.com:0/#x', 'urls[2]')
    expect(result.ok ? [] : result.problems.map(({ field }) => field)).toEqual(['urls[2]', 'urls[2]', 'urls[2]'])
  })
})
