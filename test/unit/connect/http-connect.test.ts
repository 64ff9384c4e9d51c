import { describe, expect, it } from 'vitest'
import { HttpConnect } from '../../../src/connect/http-connect.ts'
import type { ProxyStep } from '../../../src/connect/proxy-dialogue.ts'
import type { HeaderLines } from '../../../src/connect/request.ts'
import { MAX_HEAD_BYTES } from '../../../src/connect/response-head.ts'

const TO = { hostname: 'venue.example', port: 443 }
const AUTH: HeaderLines = [['Proxy-Authorization', 'Basic czNjcmV0']]

function feed(text: string, chunkSize: number, headers: HeaderLines = []): ProxyStep | undefined {
  const bytes = Buffer.from(text, 'latin1')
  const dialogue = new HttpConnect({ headers }, TO)
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const step = dialogue.feed(bytes.subarray(at, at + chunkSize))
    if (step?.kind === 'open') return { ...step, rest: Buffer.concat([step.rest, bytes.subarray(at + chunkSize)]) }
    if (step !== undefined) return step
  }
  return undefined
}

const summary = (step: ProxyStep | undefined): unknown => (step?.kind === 'failed' ? { ...step, message: '' } : step)

/** Every chunk size gives the same. */
function everyWay(text: string, headers?: HeaderLines): ProxyStep | undefined {
  const whole = feed(text, Math.max(1, text.length), headers)
  const sizes = text.length > 4096 ? [1, 1000, 4095] : Array.from({ length: text.length }, (_, i) => i + 1)
  for (const size of sizes) expect(summary(feed(text, size, headers)), `chunks of ${size}`).toEqual(summary(whole))
  return whole
}

describe('the request', () => {
  const opening = (headers: HeaderLines, to = TO) => Buffer.from(new HttpConnect({ headers }, to).opening).toString()

  it('is CONNECT with host and port, and Host the same', () => {
    expect(opening([])).toBe('CONNECT venue.example:443 HTTP/1.1\r\nHost: venue.example:443\r\n\r\n')
    expect(opening([], { hostname: '[::1]', port: 80 })).toContain('CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n')
  })

  it('has credentials and further headers', () => {
    expect(opening([...AUTH, ['User-Agent', 'x']])).toContain(
      'Proxy-Authorization: Basic czNjcmV0\r\nUser-Agent: x\r\n\r\n',
    )
    expect(opening([['host', 'other']])).toBe('CONNECT venue.example:443 HTTP/1.1\r\nhost: other\r\n\r\n')
  })
})

describe('an answer that opens the way', () => {
  it.each([
    'HTTP/1.1 200 Connection established\r\n\r\n',
    'HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n',
    'HTTP/1.1 200\r\n\r\n',
    'HTTP/1.1 204 x\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
  ])('%j', (text) => {
    expect(everyWay(text)).toEqual({ kind: 'open', rest: Buffer.alloc(0) })
  })

  it('hands on what comes behind it', () => {
    expect(everyWay('HTTP/1.1 200 OK\r\n\r\nabc')).toEqual({ kind: 'open', rest: Buffer.from('abc') })
  })
})

describe('a refusal', () => {
  it('keeps status, headers and body', () => {
    const step = everyWay('HTTP/1.1 403 Forbidden\r\nX: y\r\nContent-Length: 4\r\n\r\nrule')
    expect(step).toEqual({
      kind: 'failed',
      code: 'ERR_PROXY_REFUSED',
      message: 'the proxy refused with HTTP 403 Forbidden; its rules do not allow this host or port',
      http: {
        status: 403,
        statusText: 'Forbidden',
        headers: [
          ['X', 'y'],
          ['Content-Length', '4'],
        ],
        body: 'rule',
        bodyTruncated: false,
      },
    })
  })

  it.each([
    [101, 'ERR_PROXY_REFUSED', /whoever runs/],
    [302, 'ERR_PROXY_REFUSED', /whoever runs/],
    [400, 'ERR_PROXY_REFUSED', /web server and no proxy/],
    [405, 'ERR_PROXY_REFUSED', /does not speak CONNECT/],
    [501, 'ERR_PROXY_REFUSED', /does not speak CONNECT/],
    [503, 'ERR_PROXY_REFUSED', /cannot reach the server/],
    [
      407,
      'ERR_PROXY_AUTH_REQUIRED',
      /it wants credentials \(it asks for "Basic realm=\\"x\\""\); give them in its URL/,
    ],
  ])('%i is %s', (status, code, message) => {
    const head = `HTTP/1.1 ${status} x\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n`
    expect(everyWay(head)).toMatchObject({ code, message: expect.stringMatching(message), http: { status } })
  })

  it('of credentials that were sent says so, and does not repeat them', () => {
    const step = everyWay('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n', AUTH)
    expect(step).toMatchObject({
      code: 'ERR_PROXY_AUTH_REFUSED',
      message: expect.stringContaining('these credentials'),
    })
    expect(JSON.stringify(step)).not.toContain('czNjcmV0')
  })

  it('bounds the body, and says nothing of what is missing', () => {
    const step = everyWay(`HTTP/1.1 502 x\r\n\r\n${'b'.repeat(70_000)}`)
    expect(step).toMatchObject({ http: { body: 'b'.repeat(65_536), bodyTruncated: true } })
    const dialogue = new HttpConnect({ headers: [] }, TO)
    expect(dialogue.feed(Buffer.from('HTTP/1.1 502 x\r\nContent-Length: 9\r\n\r\nabc'))).toBeUndefined()
    expect(dialogue.finish(true)).toMatchObject({ http: { status: 502, body: 'abc', bodyTruncated: true } })
    expect(new HttpConnect({ headers: [] }, TO).finish(true)).toBeUndefined()
  })

  it('escapes what the proxy says', () => {
    expect(everyWay('HTTP/1.1 502 a\xe9"\r\nContent-Length: 0\r\n\r\n')).toMatchObject({
      message: expect.stringContaining('502 a\\xe9\\"'),
    })
  })
})

describe('an answer that is none', () => {
  it.each([
    ['ERR_PROXY_NOT_HTTP', '\x05\x00', /the proxy answered something that is not HTTP.*use socks5:\/\//],
    ['ERR_PROXY_NOT_HTTP', '\x15\x03\x01\x00\x02\x02\x16', /use https:\/\/ for the proxy/],
    ['ERR_PROXY_NOT_HTTP', 'SSH-2.0\r\n', /the proxy's host and port/],
    ['ERR_PROXY_RESPONSE_INVALID', 'HTTP/2 200\r\n', /the proxy answered in another version/],
    ['ERR_PROXY_RESPONSE_INVALID', 'HTTP/1.1 2000\r\n', /malformed status line/],
    ['ERR_PROXY_RESPONSE_INVALID', 'HTTP/1.1 200 x\n', /without CR/],
    ['ERR_PROXY_RESPONSE_INVALID', 'HTTP/1.1 200 x\r\nA: b\r\n c\r\n\r\n', /folded/],
    ['ERR_PROXY_HEAD_TOO_LARGE', `HTTP/1.1 200 x\r\nA: ${'y'.repeat(MAX_HEAD_BYTES)}`, /the proxy's response head/],
    ['ERR_PROXY_HEAD_TOO_LARGE', `HTTP/1.1 200 x\r\n${'A: y\r\n'.repeat(129)}`, /128 header lines/],
    ['ERR_PROXY_HEAD_TOO_LARGE', 'HTTP/1.1 100 x\r\n\r\n'.repeat(9), /the proxy sent more than 8 interim/],
  ])('%s: %j', (code, text, message) => {
    const step = everyWay(text)
    expect(step).toMatchObject({ kind: 'failed', code, message: expect.stringMatching(message) })
    expect(step).not.toHaveProperty('http')
  })
})
