import { describe, expect, it } from 'vitest'
import {
  abortedCause,
  connectTarget,
  handshakeFailed,
  refusalCause,
  totalTimeout,
} from '../../../src/connect/causes.ts'

const target = connectTarget(new URL('wss://u:SECRET@example.com/ws?key=SECRET'))

it('names URL, host and port, and no secrets', () => {
  expect(target).toEqual({ url: 'wss://example.com/ws', hostPort: 'example.com:443' })
  expect(connectTarget(new URL('ws://[::1]:9/'))).toEqual({ url: 'ws://[::1]:9/', hostPort: '[::1]:9' })
})

describe('handshakeFailed', () => {
  it('adds what to do, and leaves out what there is not', () => {
    expect(handshakeFailed('tcp', 'ECONNREFUSED', 'no', { target })).toEqual({
      kind: 'handshake-failed',
      stage: 'tcp',
      code: 'ECONNREFUSED',
      message:
        'cannot connect to wss://example.com/ws (example.com:443): no; nothing listens there: check host and port, and that the server runs',
    })
    expect(handshakeFailed('prepare', 'ERR_X', 'no').message).toBe('no')
    // Not an inherited property of the table.
    expect(handshakeFailed('tcp', 'constructor', 'no').message).toBe('no')
  })
})

describe('refusalCause', () => {
  const message = (status: number, ...headers: [string, string][]): string =>
    refusalCause({ status, statusText: '', headers, body: '', bodyTruncated: false }, target).message

  it.each([
    [200, /plain HTTP, not a WebSocket/],
    [301, /redirects are not followed/],
    [400, /check path, query and headers/],
    [401, /check the credentials/],
    [403, /IP address or region/],
    [404, /check the path/],
    [407, /proxy/],
    [418, /too many requests/],
    [426, /another protocol/],
    [429, /too many requests/],
    [451, /legal/],
    [500, /the server failed/],
    [502, /cannot reach it/],
    [503, /maintenance/],
  ])('%i says what to do', (status, hint) => {
    expect(message(status)).toMatch(hint)
    expect(message(status)).toContain(`HTTP ${status};`)
  })

  it('quotes what the server said, made harmless', () => {
    expect(message(429, ['retry-after', '5\x1b[2J'])).toContain('(Retry-After: "5\\x1b[2J")')
    expect(message(503, ['Retry-After', 'x'.repeat(999)])).toContain(`${'x'.repeat(64)}"…`)
    expect(message(426, ['Sec-WebSocket-Version', '8, 7'])).toContain('(Sec-WebSocket-Version: "8, 7")')
    const redirect = message(302, ['Location', 'https://user:SECRET@other.example/login?key=SECRET'])
    expect(redirect).toContain('connect to "https://other.example/login" instead')
    expect(redirect).not.toContain('SECRET')
  })
})

it('says what a deadline over all stages interrupted', () => {
  expect(totalTimeout('tls', 700, target)).toMatchObject({
    stage: 'tls',
    code: 'ERR_CONNECT_TIMEOUT',
    message: expect.stringContaining(
      'within 700 ms (timeouts.totalMs); in stage tls, the TLS handshake did not finish',
    ),
  })
})

it('says why an attempt was aborted, where the signal tells', () => {
  expect(abortedCause(target, 'shutting down')).toMatchObject({
    closeCode: 1006,
    message: expect.stringMatching(/: shutting down$/),
  })
  expect(abortedCause(target, { odd: true }).message).toMatch(/was aborted$/)
})
