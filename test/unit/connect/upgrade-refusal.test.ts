import { describe, expect, it } from 'vitest'
import { UpgradeResponse } from '../../../src/connect/upgrade-response.ts'
import { everyWay, OFFER } from './upgrade-support.ts'

describe('a refusal', () => {
  const body = (text: string): unknown => {
    const result = everyWay(text)
    return result?.kind === 'refused' ? [result.http.body, result.http.bodyTruncated] : result
  }

  it.each([
    ['counted', 'Content-Length: 5\r\n\r\nhello', 'hello'],
    ['counted twice alike', 'Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    ['counted, with bytes behind', 'Content-Length: 5\r\n\r\nhelloHTTP/1.1', 'hello'],
    ['empty', 'Content-Length: 0\r\n\r\n', ''],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n', 'hello'],
    [
      'chunked over a wrong length',
      'Content-Length: 1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      'hello',
    ],
    ['UTF-8', 'Content-Length: 3\r\n\r\n\xe2\x82\xac', '€'],
  ])('with a body that is %s', (_, rest, expected) => {
    expect(body(`HTTP/1.1 401 No\r\n${rest}`)).toEqual([expected, false])
  })

  it('in HTTP/1.0, as load balancers write it', () => {
    const result = everyWay('HTTP/1.0 503 Service Unavailable\r\nX: y\r\nContent-Length: 4\r\n\r\nbusy')
    expect(result).toMatchObject({
      kind: 'refused',
      http: {
        status: 503,
        statusText: 'Service Unavailable',
        headers: [
          ['X', 'y'],
          ['Content-Length', '4'],
        ],
        body: 'busy',
      },
    })
  })

  it.each([100, 102, 103, 199])('behind an interim %i, whose headers are not its own', (interim) => {
    const text = `HTTP/1.1 ${interim} x\r\nContent-Length: 99\r\nLink: a\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno`
    expect(everyWay(text)).toMatchObject({
      kind: 'refused',
      http: { status: 403, headers: [['Content-Length', '2']], body: 'no', bodyTruncated: false },
    })
  })

  it('that redirects is a refusal, with where to', () => {
    const text = 'HTTP/1.1 301 Moved\r\nLocation: wss://b.example/?token=x\r\nContent-Length: 0\r\n\r\n'
    expect(everyWay(text)).toMatchObject({
      kind: 'refused',
      http: {
        status: 301,
        headers: [
          ['Location', 'wss://b.example/?token=x'],
          ['Content-Length', '0'],
        ],
      },
    })
  })

  it('has a compressed body left as it is: for people, marked by its header', () => {
    const gzip = '\x1f\x8b\x08\x00abc'
    const text = `HTTP/1.1 403 No\r\nContent-Encoding: gzip\r\nContent-Length: ${gzip.length}\r\n\r\n${gzip}`
    expect(everyWay(text)).toMatchObject({
      kind: 'refused',
      http: {
        body: '\x1f\ufffd\x08\x00abc',
        headers: [
          ['Content-Encoding', 'gzip'],
          ['Content-Length', '7'],
        ],
      },
    })
  })

  it('keeps the trailers of a chunked body out of it', () => {
    expect(body('HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n')).toEqual([
      'ab',
      false,
    ])
  })

  it.each([204, 304])('%i has no body', (status) => {
    expect(body(`HTTP/1.1 ${status} x\r\nContent-Length: 7\r\n\r\n`)).toEqual(['', false])
  })

  it.each([
    ['a size that is none', 'xyz\r\n'],
    ['a chunk longer than it said', '3\r\nhello\r\n'],
    ['an endless size line', `5;${'x'.repeat(300)}`],
  ])('is truncated by %s', (_, rest) => {
    const result = everyWay(`HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n${rest}`)
    expect(result).toMatchObject({ kind: 'refused', http: { bodyTruncated: true, body: expect.stringMatching(/^ab/) } })
  })

  it.each(['', 'Content-Length: 999999999999\r\n', 'Transfer-Encoding: chunked\r\n'])(
    'keeps 64 KiB of a body (%j)',
    (header) => {
      const frame = header.startsWith('T') ? '20000\r\n' : ''
      const text = `HTTP/1.1 500 x\r\n${header}\r\n${frame}${'b'.repeat(70_000)}`
      expect(body(text)).toEqual(['b'.repeat(65_536), true])
    },
  )

  it('keeps exactly 64 KiB as a whole', () => {
    const text = `HTTP/1.1 500 x\r\nContent-Length: 65536\r\n\r\n${'b'.repeat(65_536)}`
    expect(body(text)).toEqual(['b'.repeat(65_536), false])
  })

  it('leaves out a character that was cut in two', () => {
    const text = `HTTP/1.1 500 x\r\n\r\n${'b'.repeat(65_535)}\xe2\x82\xac`
    expect(body(text)).toEqual(['b'.repeat(65_535), true])
  })

  describe('whose body has not ended', () => {
    const finish = (text: string, peerEnded: boolean): unknown => {
      const response = new UpgradeResponse(OFFER)
      expect(response.feed(Buffer.from(text))).toBeUndefined()
      return response.finish(peerEnded)
    }

    it.each([
      ['until close, and it closes', 'HTTP/1.1 401 No\r\n\r\nabc', true, 'abc', false],
      ['until close, and we stop waiting', 'HTTP/1.1 401 No\r\n\r\nabc', false, 'abc', true],
      ['of a bad length, and it closes', 'HTTP/1.1 401 No\r\nContent-Length: -1\r\n\r\nabc', true, 'abc', false],
      [
        'of two lengths, and it closes',
        'HTTP/1.1 401 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc',
        true,
        'abc',
        false,
      ],
      ['of another encoding', 'HTTP/1.1 401 No\r\nTransfer-Encoding: gzip\r\n\r\nabc', true, 'abc', false],
      ['counted, and it closes', 'HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nabc', true, 'abc', true],
      ['chunked, and it closes', 'HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc', true, 'abc', true],
    ])('%s', (_, text, peerEnded, expected, truncated) => {
      expect(finish(text, peerEnded)).toMatchObject({
        status: 401,
        statusText: 'No',
        body: expected,
        bodyTruncated: truncated,
      })
    })

    it('is nothing before the head is complete', () => {
      expect(finish('HTTP/1.1 401 No\r\nX: y\r\n', true)).toBeUndefined()
    })
  })
})
