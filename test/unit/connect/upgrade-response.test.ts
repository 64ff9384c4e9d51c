import { describe, expect, it } from 'vitest'
import { MAX_HEAD_BYTES } from '../../../src/connect/response-head.ts'
import { acceptFor } from '../../../src/connect/upgrade-request.ts'
import { UpgradeResponse } from '../../../src/connect/upgrade-response.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { ACCEPT, everyWay, feed, KEY, OFFER, OK, summary } from './upgrade-support.ts'

describe('an answer that is accepted', () => {
  it('knows the example of RFC 6455 1.3', () => {
    expect(acceptFor(KEY)).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  })

  it.each([
    ['plain', `${OK}${ACCEPT}\r\n`],
    ['without a reason phrase', `HTTP/1.1 101\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${ACCEPT}\r\n`],
    [
      'in other case and order',
      `HTTP/1.1 101 ok\r\n${ACCEPT}CONNECTION: keep-alive , UPGRADE\r\nupgrade:WebSocket\t\r\n\r\n`,
    ],
    ['with Connection in two lines', `${OK}Connection: x\r\n${ACCEPT}\r\n`],
    ['with an empty list of extensions', `${OK}${ACCEPT}Sec-WebSocket-Extensions:\r\n\r\n`],
    [
      'behind interim responses',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${OK}${ACCEPT}\r\n`,
    ],
  ])('%s', (_, text) => {
    expect(everyWay(text)).toMatchObject({ kind: 'accepted', subprotocol: '' })
  })

  it('tells subprotocol, headers in order, and the bytes behind', () => {
    const headers = `X-A: 1\r\nx-a: two words \r\nX-Latin: \xe9\r\nX-Empty:\r\nSec-WebSocket-Protocol: v2.json\r\n`
    const result = everyWay(`${OK}${ACCEPT}${headers}\r\n\x81\x02\r\n\x82\x00`)
    expect(result).toMatchObject({
      kind: 'accepted',
      subprotocol: 'v2.json',
      headers: [
        ['Upgrade', 'websocket'],
        ['Connection', 'Upgrade'],
        ['Sec-WebSocket-Accept', acceptFor(KEY)],
        ['X-A', '1'],
        ['x-a', 'two words'],
        ['X-Latin', '\xe9'],
        ['X-Empty', ''],
        ['Sec-WebSocket-Protocol', 'v2.json'],
      ],
    })
    expect(result?.kind === 'accepted' && Buffer.from(result.glued).toString('latin1')).toBe('\x81\x02\r\n\x82\x00')
  })

  it('does not take the headers of an interim response for its own', () => {
    const result = everyWay(`HTTP/1.1 103 Early Hints\r\nLink: x\r\nUpgrade: h2c\r\n\r\n${OK}${ACCEPT}\r\n`)
    expect(result?.kind === 'accepted' && result.headers.map(([name]) => name)).toEqual([
      'Upgrade',
      'Connection',
      'Sec-WebSocket-Accept',
    ])
  })

  it('has a head of exactly the limit, with bytes behind', () => {
    const rest = MAX_HEAD_BYTES - OK.length - ACCEPT.length - 'X: \r\n\r\n'.length
    const text = `${OK}${ACCEPT}X: ${'y'.repeat(rest)}\r\n\r\n`
    expect(text).toHaveLength(MAX_HEAD_BYTES)
    const result = everyWay(`${text}abc`)
    expect(result?.kind === 'accepted' && Buffer.from(result.glued).toString()).toBe('abc')
  })
})

describe('an answer that is not HTTP/1.1, or not strictly so', () => {
  it.each([
    ['ERR_UPGRADE_NOT_HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['ERR_UPGRADE_NOT_HTTP', '\x15\x03\x01\x00\x02\x02\x16'],
    ['ERR_UPGRADE_NOT_HTTP', '\r\nHTTP/1.1 101 x\r\n'],
    ['ERR_UPGRADE_NOT_HTTP', 'http/1.1 101 x\r\n'],
    ['ERR_UPGRADE_NOT_HTTP', '\x00\x00\x12\x04\x00\x00\x00\x00\x00'],
    ['ERR_UPGRADE_HTTP_VERSION', 'HTTP/0.9 400 Bad Request\r\n'],
    ['ERR_UPGRADE_STATUS_LINE', 'HTTP/1.0\t400 Bad Request\r\n'],
    ['ERR_UPGRADE_HTTP_VERSION', 'HTTP/2 403\r\n'],
    ['ERR_UPGRADE_HTTP_VERSION', 'HTTP/1.10 200 x\r\n'.replace('1.10', '1.2')],
    ['ERR_UPGRADE_STATUS_LINE', 'HTTP/1.10 200 x\r\n'],
    ['ERR_UPGRADE_STATUS_LINE', 'HTTP/1.1  101 x\r\n'],
    ['ERR_UPGRADE_STATUS_LINE', 'HTTP/1.1 1010\r\n'],
    ['ERR_UPGRADE_STATUS_LINE', 'HTTP/1.1 099 x\r\n'],
    ['ERR_UPGRADE_STATUS_LINE', 'HTTP/1.1 101 a\x00b\r\n'],
    ['ERR_UPGRADE_STATUS_LINE', 'HTTP/1.1 \r\n'],
    ['ERR_UPGRADE_BARE_LF', 'HTTP/1.1 101 x\n'],
    ['ERR_UPGRADE_BARE_LF', `${OK}X: y\nZ: a\r\n\r\n`],
    ['ERR_UPGRADE_BARE_LF', `${OK}${ACCEPT}\n`],
    ['ERR_UPGRADE_OBS_FOLD', `${OK}X: y\r\n z\r\n\r\n`],
    ['ERR_UPGRADE_OBS_FOLD', `HTTP/1.1 101 x\r\n\tUpgrade: websocket\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_NAME', `${OK}Bad Name: y\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_NAME', `${OK}Upgrade : y\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_NAME', `${OK}: y\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_NAME', `${OK}no colon\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_NAME', `${OK}N\xe9: y\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_VALUE', `${OK}X: a\x00b\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_VALUE', `${OK}X: a\rb\r\n\r\n`],
    ['ERR_UPGRADE_HEADER_VALUE', `${OK}X: a\x7f\r\n\r\n`],
    ['ERR_UPGRADE_TOO_MANY_HEADERS', `${OK}${'X: y\r\n'.repeat(127)}\r\n`],
    ['ERR_UPGRADE_TOO_MANY_INTERIM', 'HTTP/1.1 100 x\r\n\r\n'.repeat(9)],
    ['ERR_UPGRADE_HEAD_TOO_LARGE', `${OK}X: ${'y'.repeat(MAX_HEAD_BYTES)}`],
    ['ERR_UPGRADE_HEAD_TOO_LARGE', `HTTP/1.1 200 ${'y'.repeat(MAX_HEAD_BYTES)}`],
  ])('%s: %j', (code, text) => {
    const result = everyWay(text)
    expect(result).toMatchObject({ kind: 'failed', code })
    expect(result?.kind === 'failed' && result.message.length).toBeLessThan(400)
    expect(result?.kind === 'failed' && result.message).toMatch(/^[\x20-\x7e…]+$/)
  })

  it('is told at the first byte that is wrong: such a server may never send a line end', () => {
    expect(new UpgradeResponse(OFFER).feed(Buffer.from('S'))).toMatchObject({ code: 'ERR_UPGRADE_NOT_HTTP' })
    const response = new UpgradeResponse(OFFER)
    expect(response.feed(Buffer.from('HTTP/'))).toBeUndefined()
    expect(response.feed(Buffer.from('2'))).toMatchObject({ code: 'ERR_UPGRADE_HTTP_VERSION' })
  })

  it('recognises TLS', () => {
    const result = feed('\x15\x03\x01\x00\x02\x02\x16', 99)
    expect(result).toMatchObject({ message: expect.stringContaining('use wss://') })
  })

  it('takes 128 header lines and 8 interim responses', () => {
    const text = `${'HTTP/1.1 100 x\r\n\r\n'.repeat(8)}${OK}${ACCEPT}${'X: y\r\n'.repeat(125)}\r\n`
    expect(everyWay(text)).toMatchObject({ kind: 'accepted' })
  })
})

describe('a 101 that does not answer the request (RFC 6455 4.1)', () => {
  const connection = 'Connection: Upgrade\r\n'
  const upgrade = 'Upgrade: websocket\r\n'
  it.each([
    ['ERR_UPGRADE_UPGRADE_HEADER', `${connection}${ACCEPT}`, /there is none/],
    ['ERR_UPGRADE_UPGRADE_HEADER', `Upgrade: h2c\r\n${connection}${ACCEPT}`, /it is "h2c"/],
    ['ERR_UPGRADE_UPGRADE_HEADER', `${upgrade}${upgrade}${connection}${ACCEPT}`, /"websocket, websocket"/],
    ['ERR_UPGRADE_CONNECTION_HEADER', `${upgrade}${ACCEPT}`, /there is none/],
    ['ERR_UPGRADE_CONNECTION_HEADER', `${upgrade}Connection: upgraded, close\r\n${ACCEPT}`, /it is "upgraded, close"/],
    ['ERR_UPGRADE_ACCEPT_MISSING', `${upgrade}${connection}`, /without/],
    ['ERR_UPGRADE_ACCEPT_DUPLICATE', `${upgrade}${connection}${ACCEPT}${ACCEPT}`, /more than one/],
    ['ERR_UPGRADE_ACCEPT_WRONG', `${upgrade}${connection}${ACCEPT.toLowerCase()}`, /does not answer our key/],
    ['ERR_UPGRADE_ACCEPT_WRONG', `${upgrade}${connection}Sec-WebSocket-Accept:\r\n`, /""/],
    [
      'ERR_UPGRADE_EXTENSION',
      `${upgrade}${connection}${ACCEPT}Sec-WebSocket-Extensions: permessage-deflate\r\n`,
      /permessage-deflate/,
    ],
    [
      'ERR_UPGRADE_SUBPROTOCOL',
      `${upgrade}${connection}${ACCEPT}Sec-WebSocket-Protocol: v3.json\r\n`,
      /only "v1.json, v2.json"/,
    ],
    ['ERR_UPGRADE_SUBPROTOCOL', `${upgrade}${connection}${ACCEPT}Sec-WebSocket-Protocol: V1.JSON\r\n`, /"V1.JSON"/],
    ['ERR_UPGRADE_SUBPROTOCOL', `${upgrade}${connection}${ACCEPT}Sec-WebSocket-Protocol:\r\n`, /""/],
    [
      'ERR_UPGRADE_SUBPROTOCOL_DUPLICATE',
      `${upgrade}${connection}${ACCEPT}Sec-WebSocket-Protocol: v1.json\r\nSec-WebSocket-Protocol: v1.json\r\n`,
      /several/,
    ],
  ])('%s: %j', (code, headers, message) => {
    const result = everyWay(`HTTP/1.1 101 Fine\r\n${headers}\r\n`)
    expect(result).toMatchObject({
      kind: 'failed',
      code,
      message: expect.stringMatching(message),
      http: { status: 101, statusText: 'Fine', body: '', bodyTruncated: false },
    })
  })

  it('says that no subprotocol was offered', () => {
    const text = `${OK}${ACCEPT}Sec-WebSocket-Protocol: v1.json\r\n\r\n`
    expect(feed(text, 9, { key: KEY, subprotocols: [] })).toMatchObject({
      message: expect.stringContaining('none was'),
    })
  })
})

it('is not accepted in HTTP/1.0', () => {
  expect(everyWay(`${OK.replace('1.1', '1.0')}${ACCEPT}\r\n`)).toMatchObject({
    kind: 'failed',
    code: 'ERR_UPGRADE_HTTP_VERSION',
    http: { status: 101 },
  })
})

describe('any input', () => {
  const seeds = [
    'HTTP/1.1 101 Switching Protocols\r\n',
    'HTTP/1.1 429 x\r\n',
    'HTTP/1.1 100 x\r\n\r\n',
    OK,
    ACCEPT,
    '\r\n',
  ]
  const pieces = [
    ...seeds,
    'Content-Length: 4\r\n',
    'Transfer-Encoding: chunked\r\n',
    '4\r\nabcd\r\n',
    ' ',
    ':',
    '\n',
    '\0',
    '\xff',
    'X',
  ]

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'never makes it throw, hoard, or change its mind (seed %i)',
    (seed) => {
      const random = seededRandom(seed)
      const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
      for (let round = 0; round < 200; round++) {
        let text = pick(seeds)
        for (let i = random() * 12; i > 0; i--) text += random() < 0.05 ? pick(pieces).repeat(20_000) : pick(pieces)
        const size = 1 + Math.floor(random() * 5000)
        const result = feed(text, size)
        expect(summary(result)).toEqual(summary(feed(text, text.length)))
        if (result === undefined) expect(text.length).toBeLessThan(MAX_HEAD_BYTES * 8)
        else if (result.kind === 'failed') expect(result.code).toMatch(/^ERR_UPGRADE_[A-Z_]+$/)
        else if (result.kind === 'refused') expect(result.http.body.length).toBeLessThanOrEqual(65_536)
      }
    },
  )
})
