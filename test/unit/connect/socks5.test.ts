import { describe, expect, it } from 'vitest'
import type { ProxyStep } from '../../../src/connect/proxy-dialogue.ts'
import { Socks5 } from '../../../src/connect/socks5.ts'

const CREDENTIALS = { user: 'me', password: 's3cret' }
const REPLY = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80]

interface Play {
  readonly credentials?: { readonly user: string; readonly password: string }
  readonly hostname?: string
  readonly port?: number
}

/** Feeds each answer whole, in pieces of one byte, and of two; gives what was sent and the last step. */
function play(answers: readonly (readonly number[])[], given: Play = {}) {
  const { credentials, hostname = 'venue.example', port = 443 } = given
  const runs = [99, 1, 2].map((size) => {
    const dialogue = new Socks5({ credentials }, { hostname, port })
    const sent = [[...dialogue.opening]]
    let last: ProxyStep | undefined
    for (const answer of answers) {
      for (let at = 0; at < answer.length && last?.kind !== 'failed'; at += size) {
        last = dialogue.feed(Uint8Array.from(answer.slice(at, at + size)))
        if (last?.kind === 'send') sent.push([...last.bytes])
      }
    }
    return { sent, last: last?.kind === 'failed' ? { ...last, message: last.message.replace(/".*"/, '…') } : last }
  })
  return runs
}

/** The same whatever the pieces. */
function same(answers: readonly (readonly number[])[], given?: Play) {
  const [whole, ...others] = play(answers, given)
  for (const other of others) expect(other).toEqual(whole)
  return whole as NonNullable<typeof whole>
}

describe('the way to a connection', () => {
  it('without credentials', () => {
    const { sent, last } = same([[5, 0], REPLY])
    expect(sent).toEqual([
      [5, 1, 0],
      [5, 1, 0, 3, 13, ...Buffer.from('venue.example'), 1, 187],
    ])
    expect(last).toEqual({ kind: 'open', rest: Buffer.alloc(0) })
  })

  it('with credentials that are wanted (RFC 1929)', () => {
    const { sent, last } = same([[5, 2], [1, 0], REPLY], { credentials: CREDENTIALS })
    expect(sent.slice(0, 2)).toEqual([
      [5, 2, 0, 2],
      [1, 2, ...Buffer.from('me'), 6, ...Buffer.from('s3cret')],
    ])
    expect(last?.kind).toBe('open')
  })

  it('with credentials that are not wanted', () => {
    const { sent } = same([[5, 0], REPLY], { credentials: CREDENTIALS })
    expect(sent).toHaveLength(2)
    expect(Buffer.from(sent.flat()).includes('s3cret')).toBe(false)
  })

  it('with credentials in UTF-8, counted in bytes', () => {
    const { sent } = same(
      [
        [5, 2],
        [1, 0],
      ],
      { credentials: { user: 'é', password: '' } },
    )
    expect(sent[1]).toEqual([1, 2, 0xc3, 0xa9, 0])
  })

  it.each([
    ['10.1.2.3', [1, 10, 1, 2, 3]],
    ['[::1]', [4, ...Array(15).fill(0), 1]],
    ['2001:db8::ff00:42:8329', [4, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29]],
    ['::ffff:10.1.2.3', [4, ...Array(10).fill(0), 0xff, 0xff, 10, 1, 2, 3]],
    ['fe80::1%eth0', [4, 0xfe, 0x80, ...Array(13).fill(0), 1]],
    ['1:2:3:4:5:6:7:8', [4, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ])('asks for %s by its kind', (hostname, address) => {
    expect(same([[5, 0]], { hostname, port: 9 }).sent[1]).toEqual([5, 1, 0, ...address, 0, 9])
  })

  it.each([
    ['IPv4', REPLY],
    ['IPv6', [5, 0, 0, 4, ...Array(16).fill(7), 0, 80]],
    ['a name', [5, 0, 0, 3, 4, 104, 111, 115, 116, 0, 80]],
    ['an empty name', [5, 0, 0, 3, 0, 0, 80]],
  ])('is told with %s, and hands on what comes behind', (_, reply) => {
    expect(same([[5, 0], reply]).last?.kind).toBe('open')
    const dialogue = new Socks5({ credentials: undefined }, { hostname: 'h', port: 1 })
    dialogue.feed(Uint8Array.of(5, 0))
    expect(dialogue.feed(Uint8Array.from([...reply, 97, 98]))).toEqual({ kind: 'open', rest: Buffer.from('ab') })
  })
})

describe('failures', () => {
  it.each([
    [1, 'ERR_SOCKS_GENERAL_FAILURE'],
    [2, 'ERR_SOCKS_NOT_ALLOWED'],
    [3, 'ERR_SOCKS_NETWORK_UNREACHABLE'],
    [4, 'ERR_SOCKS_HOST_UNREACHABLE'],
    [5, 'ERR_SOCKS_CONNECTION_REFUSED'],
    [6, 'ERR_SOCKS_TTL_EXPIRED'],
    [7, 'ERR_SOCKS_COMMAND_NOT_SUPPORTED'],
    [8, 'ERR_SOCKS_ADDRESS_TYPE_NOT_SUPPORTED'],
    [9, 'ERR_SOCKS_REPLY_UNKNOWN'],
    [255, 'ERR_SOCKS_REPLY_UNKNOWN'],
  ])('reply %i is %s, from its second byte on', (reply, code) => {
    expect(
      same([
        [5, 0],
        [5, reply],
      ]).last,
    ).toMatchObject({
      kind: 'failed',
      code,
      message: expect.stringContaining(`SOCKS reply ${reply}`),
    })
  })

  it.each([
    ['a proxy that wants credentials, and there are none', [[5, 255]], undefined, 'ERR_PROXY_AUTH_REQUIRED'],
    ['a proxy that wants something else', [[5, 255]], CREDENTIALS, 'ERR_SOCKS_NO_METHOD'],
    [
      'credentials that are refused',
      [
        [5, 2],
        [1, 1],
      ],
      CREDENTIALS,
      'ERR_PROXY_AUTH_REFUSED',
    ],
    ['a method that was not offered', [[5, 1]], CREDENTIALS, 'ERR_SOCKS_PROTOCOL'],
    ['user and password, which were not offered', [[5, 2]], undefined, 'ERR_SOCKS_PROTOCOL'],
    ['another version', [[4, 90]], undefined, 'ERR_SOCKS_PROTOCOL'],
    [
      'another version of the reply',
      [
        [5, 0],
        [0, 90],
      ],
      undefined,
      'ERR_SOCKS_PROTOCOL',
    ],
    [
      'another version of the authentication',
      [
        [5, 2],
        [5, 0],
      ],
      CREDENTIALS,
      'ERR_SOCKS_PROTOCOL',
    ],
    [
      'an address type that is none',
      [
        [5, 0],
        [5, 0, 0, 2, 1],
      ],
      undefined,
      'ERR_SOCKS_PROTOCOL',
    ],
    ['HTTP', [[...Buffer.from('HTTP/1.1 400 Bad Request\r\n')]], undefined, 'ERR_SOCKS_PROTOCOL'],
  ])('%s', (_, answers, credentials, code) => {
    const { last } = same(answers, credentials === undefined ? {} : { credentials })
    expect(last).toMatchObject({ kind: 'failed', code })
    expect(JSON.stringify(last)).not.toContain('s3cret')
  })

  it('quotes what is not SOCKS and guesses what it is', () => {
    const http = new Socks5({ credentials: undefined }, { hostname: 'h', port: 1 })
    expect(http.feed(Buffer.from('HTTP/1.1 400'))).toMatchObject({
      message: expect.stringMatching(/"HTTP.*use http:\/\//),
    })
  })

  it.each([
    ['the method', [], [5, 0, 9]],
    ['the authentication', [[5, 2]], [1, 0, 9]],
  ])('refuses bytes behind %s, which were not asked for', (_, before, answer) => {
    const dialogue = new Socks5({ credentials: CREDENTIALS }, { hostname: 'h', port: 1 })
    for (const bytes of before) dialogue.feed(Uint8Array.from(bytes))
    expect(dialogue.feed(Uint8Array.from(answer))).toMatchObject({ code: 'ERR_SOCKS_PROTOCOL' })
  })

  it('refuses a name that SOCKS cannot say', () => {
    const { last } = same([[5, 0]], { hostname: 'x'.repeat(256) })
    expect(last).toMatchObject({ code: 'ERR_SOCKS_PROTOCOL', message: expect.stringContaining('255 bytes') })
  })

  it('has nothing to report in between', () => {
    expect(new Socks5({ credentials: undefined }, { hostname: 'h', port: 1 }).finish()).toBeUndefined()
  })
})
