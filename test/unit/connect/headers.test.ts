import { describe, expect, it } from 'vitest'
import { normalizeHeaders, normalizeSubprotocols } from '../../../src/connect/headers.ts'

const SECRET = 'hunter2'
const problems = (result: ReturnType<typeof normalizeHeaders | typeof normalizeSubprotocols>): [string, string][] =>
  result.ok ? [] : result.problems.map(({ field, message }) => [field, message])

describe('normalizeHeaders', () => {
  it.each([
    ['undefined', undefined, []],
    [
      'an object',
      { 'X-B': 'two', 'x-a': ['1', '2'] },
      [
        ['X-B', 'two'],
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    ],
    [
      'pairs',
      [
        ['b', ''],
        ['A', '\té'],
      ],
      [
        ['b', ''],
        ['A', '\té'],
      ],
    ],
    ['a Headers', new Headers({ Origin: 'https://x' }), [['origin', 'https://x']]],
    [
      'Host and Authorization, once each',
      { Host: 'x', Authorization: 'y' },
      [
        ['Host', 'x'],
        ['Authorization', 'y'],
      ],
    ],
  ])('takes %s', (_, init, lines) => {
    expect(normalizeHeaders(init)).toEqual({ ok: true, value: lines })
  })

  it('puts the credentials of the URL first, and refuses two sorts of them', () => {
    const fromUrl = [['Authorization', 'Basic eA==']] as const
    expect(normalizeHeaders({ a: 'b' }, fromUrl)).toEqual({ ok: true, value: [...fromUrl, ['a', 'b']] })
    expect(problems(normalizeHeaders({ authorization: SECRET }, fromUrl))).toEqual([
      ['headers.authorization', expect.stringMatching(/given twice.*URL/)],
    ])
  })

  it.each([
    'Upgrade',
    'CONNECTION',
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Version',
    'Sec-WebSocket-Accept',
    'Content-Length',
    'Transfer-Encoding',
  ])('refuses %s, which the handshake owns', (name) => {
    expect(problems(normalizeHeaders({ [name]: 'x' }))).toEqual([
      [`headers.${name}`, expect.stringMatching(/must not be set: .*leave it out/)],
    ])
  })

  it('names the options for subprotocols and for compression', () => {
    expect(problems(normalizeHeaders({ 'Sec-WebSocket-Extensions': 'permessage-deflate' }))).toEqual([
      ['headers.Sec-WebSocket-Extensions', expect.stringContaining('option perMessageDeflate')],
    ])
    expect(problems(normalizeHeaders([['sec-websocket-protocol', 'x']]))).toEqual([
      ['headers[0]', expect.stringContaining('option subprotocols')],
    ])
  })

  it.each([
    [{ 'X-A': `${SECRET}\r\nX-Forged: 1` }, 'headers.X-A', /CR, LF or NUL/],
    [{ 'X-A': `${SECRET}\n` }, 'headers.X-A', /CR, LF or NUL/],
    [{ 'X-A': `${SECRET}\0` }, 'headers.X-A', /CR, LF or NUL/],
    [{ 'X-A': `${SECRET}\x07` }, 'headers.X-A', /control characters/],
    [{ 'X-A': `${SECRET}\x7f` }, 'headers.X-A', /control characters/],
    [{ 'X-A': `${SECRET}€` }, 'headers.X-A', /Latin-1/],
    [{ 'X-A': 17 }, 'headers.X-A', /must be a string, not number/],
    [{ 'X-A': undefined }, 'headers.X-A', /must be a string, not undefined/],
    [{ 'X-A': ['ok', null] }, 'headers.X-A[1]', /must be a string, not null/],
    [{ 'X A': SECRET }, 'headers["X A"]', /header names must not have/],
    [{ '': SECRET }, 'headers[""]', /header names must not have/],
    [{ 'X\r\nA': SECRET }, 'headers["X\\r\\nA"]', /header names must not have/],
    [[['X-A', 'b', 'c']], 'headers[0]', /pair \[name, value\]/],
    [[['X-A', 'b'], 'X-B: c'], 'headers[1]', /pair \[name, value\]/],
    [[[1, 'b']], 'headers[0]', /name must be a string, not number/],
    [{ Host: 'a', host: 'b' }, 'headers.host', /given twice/],
    ['X-A: b', 'headers', /not string/],
    [null, 'headers', /not null/],
    [{ 'X-A': 'x'.repeat(65_536) }, 'headers', /65536 bytes/],
  ])('refuses %j', (init, field, message) => {
    const found = problems(normalizeHeaders(init))
    expect(found).toEqual([[field, expect.stringMatching(message)]])
    expect(found[0]?.[1]).not.toContain(SECRET)
  })

  it('tells all mistakes at once', () => {
    const init = { Upgrade: 'x', 'bad name': 'x', good: 'x', 'X-A': '\n' }
    expect(problems(normalizeHeaders(init, [], 'options.headers')).map(([field]) => field)).toEqual([
      'options.headers.Upgrade',
      'options.headers["bad name"]',
      'options.headers.X-A',
    ])
  })
})

describe('normalizeSubprotocols', () => {
  it('takes none, and tokens in their order', () => {
    expect(normalizeSubprotocols(undefined)).toEqual({ ok: true, value: [] })
    expect(normalizeSubprotocols(['v2.json', 'V2.json', 'a+b'])).toEqual({
      ok: true,
      value: ['v2.json', 'V2.json', 'a+b'],
    })
  })

  it('tells all mistakes at once', () => {
    expect(problems(normalizeSubprotocols(['ok', 'a,b', '', 'ok', 7]))).toEqual([
      ['subprotocols[1]', expect.stringContaining('"a,b" is not a token')],
      ['subprotocols[2]', expect.stringContaining('"" is not a token')],
      ['subprotocols[3]', expect.stringContaining('"ok" is offered twice')],
      ['subprotocols[4]', 'must be a string, not number'],
    ])
    expect(problems(normalizeSubprotocols('graphql-ws'))).toEqual([
      ['subprotocols', expect.stringMatching(/array.*not string/)],
    ])
  })
})
