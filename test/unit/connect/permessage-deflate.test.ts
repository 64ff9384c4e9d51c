import { describe, expect, it } from 'vitest'
import {
  checkPerMessageDeflate,
  judgeExtensions,
  offerHeader,
  type WsDeflateOffer,
  type WsNegotiatedDeflate,
} from '../../../src/connect/permessage-deflate.ts'
import { buildUpgradeRequest } from '../../../src/connect/upgrade-request.ts'
import { Checker } from '../../../src/support/check.ts'

function offer(option: unknown = true): WsDeflateOffer {
  const check = new Checker()
  const made = checkPerMessageDeflate(check, option)
  expect(check.problems).toEqual([])
  return made as WsDeflateOffer
}

function problems(option: unknown): Record<string, string> {
  const check = new Checker()
  checkPerMessageDeflate(check, option)
  return Object.fromEntries(check.problems.map(({ field, message }) => [field, message]))
}

/** What an answer comes to: the parameters, or the code of the failure. */
function judged(lines: string | string[], option: unknown = true): WsNegotiatedDeflate | string | undefined {
  const outcome = judgeExtensions([lines].flat(), option === false ? undefined : offer(option))
  if ('negotiated' in outcome) return outcome.negotiated
  const [code, message] = outcome.problem
  expect(message).toMatch(/^[\x20-\x7e…]{20,300}$/)
  return code
}

const PLAIN: WsNegotiatedDeflate = {
  serverNoContextTakeover: false,
  serverMaxWindowBits: 15,
  clientNoContextTakeover: false,
  clientMaxWindowBits: 15,
  compress: undefined,
}

describe('the option', () => {
  it('is off unless it is asked for', () => {
    expect(checkPerMessageDeflate(new Checker(), undefined)).toBeUndefined()
    expect(checkPerMessageDeflate(new Checker(), false)).toBeUndefined()
  })

  it('compresses what we send only when asked to', () => {
    expect(offer(true).compress).toBeUndefined()
    expect(offer({ compress: false }).compress).toBeUndefined()
    expect(offer({ compress: true }).compress).toEqual({ thresholdBytes: 1024, level: 1, memLevel: 8 })
    expect(offer({ compress: { thresholdBytes: 0, level: 9 } }).compress).toEqual({
      thresholdBytes: 0,
      level: 9,
      memLevel: 8,
    })
  })

  it('reports every mistake with its field', () => {
    expect(problems('yes')).toEqual({ perMessageDeflate: 'must be true, false or an object, is a string' })
    expect(problems(null)).toEqual({ perMessageDeflate: 'must be true, false or an object, is null' })
    expect(problems([])).toEqual({ perMessageDeflate: 'must be an object, is an array' })
    expect(
      problems({
        serverNoContextTakeover: 1,
        clientNoContextTakeover: 'no',
        serverMaxWindowBits: 7,
        clientMaxWindowBits: 16,
        required: 0,
        treshold: 5,
        compress: { thresholdBytes: -1, level: 0, memLevel: 10, strategy: 1 },
      }),
    ).toEqual({
      'perMessageDeflate.serverNoContextTakeover': 'must be true or false, is 1',
      'perMessageDeflate.clientNoContextTakeover': 'must be true or false, is a string',
      'perMessageDeflate.serverMaxWindowBits': 'must be an integer from 8 to 15, is 7',
      'perMessageDeflate.clientMaxWindowBits': 'must be an integer from 8 to 15, is 16',
      'perMessageDeflate.required': 'must be true or false, is 0',
      'perMessageDeflate.treshold': expect.stringContaining('unknown option'),
      'perMessageDeflate.compress.thresholdBytes': 'must be an integer from 0 to 2147483647, is -1',
      'perMessageDeflate.compress.level': 'must be an integer from 1 to 9, is 0',
      'perMessageDeflate.compress.memLevel': 'must be an integer from 1 to 9, is 10',
      'perMessageDeflate.compress.strategy': expect.stringContaining('unknown option'),
    })
    expect(problems({ compress: 'fast' })).toEqual({
      'perMessageDeflate.compress': 'must be true, false or an object, is a string',
    })
  })

  it('does not compress with a window that zlib has not', () => {
    expect(problems({ clientMaxWindowBits: 8, compress: true })).toEqual({
      'perMessageDeflate.clientMaxWindowBits': 'must be 9 or more to compress: zlib has no window of 8 for that',
    })
    expect(problems({ clientMaxWindowBits: 8 })).toEqual({})
  })
})

describe('the offer', () => {
  it.each([
    [true, 'permessage-deflate; client_max_window_bits'],
    [{}, 'permessage-deflate; client_max_window_bits'],
    [{ clientMaxWindowBits: false }, 'permessage-deflate'],
    [{ clientMaxWindowBits: 10 }, 'permessage-deflate; client_max_window_bits=10'],
    [{ compress: true, required: true }, 'permessage-deflate; client_max_window_bits'],
    [
      { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9 },
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits',
    ],
  ])('%j: %s', (option, header) => {
    expect(offerHeader(offer(option))).toBe(header)
  })

  it('is a header line in front of those of the user, and is not there unless asked for', () => {
    const request = { url: new URL('ws://x.example/'), headers: [['X-A', '1']] as const, subprotocols: ['v1'] }
    const lines = (perMessageDeflate?: WsDeflateOffer): string[] =>
      Buffer.from(buildUpgradeRequest({ ...request, perMessageDeflate }, 'KEY=='))
        .toString()
        .split('\r\n')
        .slice(6, 9)
    expect(lines(offer())).toEqual([
      'Sec-WebSocket-Protocol: v1',
      'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
      'X-A: 1',
    ])
    expect(lines()).toEqual(['Sec-WebSocket-Protocol: v1', 'X-A: 1', ''])
  })
})

describe('an answer that takes the offer', () => {
  it.each<[string | string[], unknown, Partial<WsNegotiatedDeflate>]>([
    ['permessage-deflate', true, {}],
    ['  permessage-deflate\t', true, {}],
    [',, permessage-deflate ,', true, {}],
    [['', 'permessage-deflate', ''], true, {}],
    // A server may drop its own context, and tell us to drop ours, without being asked (RFC 7692 7.1.1).
    ['permessage-deflate;server_no_context_takeover', true, { serverNoContextTakeover: true }],
    ['permessage-deflate ; client_no_context_takeover', true, { clientNoContextTakeover: true }],
    ['permessage-deflate; server_max_window_bits=8', true, { serverMaxWindowBits: 8 }],
    ['permessage-deflate; server_max_window_bits = "15"', true, { serverMaxWindowBits: 15 }],
    ['permessage-deflate; client_max_window_bits=10', true, { clientMaxWindowBits: 10 }],
    ['permessage-deflate; client_max_window_bits="1\\0"', true, { clientMaxWindowBits: 10 }],
    ['permessage-deflate; server_max_window_bits=10', { serverMaxWindowBits: 10 }, { serverMaxWindowBits: 10 }],
    ['permessage-deflate; server_max_window_bits=9', { serverMaxWindowBits: 10 }, { serverMaxWindowBits: 9 }],
    // What we offered about ourselves is a promise, whatever the server makes of it (RFC 7692 7.1.2.2).
    ['permessage-deflate', { clientMaxWindowBits: 9 }, { clientMaxWindowBits: 9 }],
    ['permessage-deflate; client_max_window_bits=15', { clientMaxWindowBits: 9 }, { clientMaxWindowBits: 9 }],
    ['permessage-deflate; client_max_window_bits=9', { clientMaxWindowBits: 12 }, { clientMaxWindowBits: 9 }],
    ['permessage-deflate', { clientNoContextTakeover: true }, { clientNoContextTakeover: true }],
    ['permessage-deflate', { required: true }, {}],
  ])('%j of %j', (answer, option, expected) => {
    expect(judged(answer, option)).toEqual({ ...PLAIN, ...expected })
  })

  it('keeps us from compressing with a window of 8', () => {
    const compress = { thresholdBytes: 1024, level: 1, memLevel: 8 }
    const answer = 'permessage-deflate; client_max_window_bits='
    expect(judged(`${answer}9`, { compress: true })).toEqual({ ...PLAIN, clientMaxWindowBits: 9, compress })
    expect(judged(`${answer}8`, { compress: true })).toEqual({ ...PLAIN, clientMaxWindowBits: 8, compress: undefined })
  })

  it('may decline, and then nothing is used', () => {
    for (const lines of [[], [''], [' , ']]) expect(judged(lines)).toBeUndefined()
    expect(judged([], false)).toBeUndefined()
    expect(judged([], { required: true })).toBe('ERR_UPGRADE_DEFLATE_DECLINED')
  })
})

describe('an answer that is refused', () => {
  it.each([
    ['ERR_UPGRADE_EXTENSION', 'x-webkit-deflate-frame'],
    ['ERR_UPGRADE_EXTENSION', 'permessage-deflate, permessage-bzip2'],
    ['ERR_UPGRADE_EXTENSION', 'PerMessage-Deflate'],
    ['ERR_UPGRADE_EXTENSION_DUPLICATE', 'permessage-deflate, permessage-deflate'],
    ['ERR_UPGRADE_DEFLATE_PARAMETER', 'permessage-deflate; server_window'],
    ['ERR_UPGRADE_DEFLATE_PARAMETER', 'permessage-deflate; Server_No_Context_Takeover'],
    ['ERR_UPGRADE_DEFLATE_PARAMETER', `permessage-deflate; ${'x'.repeat(10_000)}=1`],
    ['ERR_UPGRADE_DEFLATE_DUPLICATE', 'permessage-deflate; server_no_context_takeover; server_no_context_takeover'],
    ['ERR_UPGRADE_DEFLATE_DUPLICATE', 'permessage-deflate; server_max_window_bits=9; server_max_window_bits=9'],
    ['ERR_UPGRADE_DEFLATE_VALUE', 'permessage-deflate; server_no_context_takeover=true'],
    ['ERR_UPGRADE_DEFLATE_VALUE', 'permessage-deflate; client_no_context_takeover=""'.replace('""', '"1"')],
    ['ERR_UPGRADE_DEFLATE_VALUE', 'permessage-deflate; server_max_window_bits'],
    ['ERR_UPGRADE_DEFLATE_VALUE', 'permessage-deflate; client_max_window_bits'],
    ...['0', '7', '16', '08', '015', '1e1', '0x9', '9.0', '+9', '-9', '10a', '99999999999999999999'].flatMap((bits) => [
      ['ERR_UPGRADE_DEFLATE_VALUE', `permessage-deflate; server_max_window_bits=${bits}`],
      ['ERR_UPGRADE_DEFLATE_VALUE', `permessage-deflate; client_max_window_bits="${bits}"`],
    ]),
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate;'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate; ; server_no_context_takeover'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', '; permessage-deflate'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate server_no_context_takeover'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate; server_max_window_bits='],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate; server_max_window_bits=""'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate; server_max_window_bits=" 9"'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate; server_max_window_bits="9'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate; server_max_window_bits=9"9"'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate; server_max_window_bits=\xe9'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', '"permessage-deflate"'],
    ['ERR_UPGRADE_EXTENSION_SYNTAX', 'permessage-deflate\0'],
  ])('%s: %s', (code, answer) => {
    expect(judged(answer as string)).toBe(code)
  })

  it('in several header lines, as in one', () => {
    expect(judged(['permessage-deflate', 'permessage-deflate'])).toBe('ERR_UPGRADE_EXTENSION_DUPLICATE')
    expect(judged(['permessage-deflate', 'foo'])).toBe('ERR_UPGRADE_EXTENSION')
    // A line ends an element: parameters do not go on in the next.
    expect(judged(['permessage-deflate;', 'server_no_context_takeover'])).toBe('ERR_UPGRADE_EXTENSION_SYNTAX')
  })

  it('when nothing was offered', () => {
    expect(judged('permessage-deflate', false)).toBe('ERR_UPGRADE_EXTENSION')
    expect(judged('a b', false)).toBe('ERR_UPGRADE_EXTENSION_SYNTAX')
  })

  it('when it limits what was not offered, or does not keep what was asked for', () => {
    const off = { clientMaxWindowBits: false }
    expect(judged('permessage-deflate; client_max_window_bits=15', off)).toBe('ERR_UPGRADE_DEFLATE_NOT_OFFERED')
    const window = { serverMaxWindowBits: 10 }
    expect(judged('permessage-deflate; server_max_window_bits=11', window)).toBe('ERR_UPGRADE_DEFLATE_IGNORED')
    expect(judged('permessage-deflate', window)).toBe('ERR_UPGRADE_DEFLATE_IGNORED')
    const context = { serverNoContextTakeover: true }
    expect(judged('permessage-deflate', context)).toBe('ERR_UPGRADE_DEFLATE_IGNORED')
    expect(judged('permessage-deflate; client_no_context_takeover', context)).toBe('ERR_UPGRADE_DEFLATE_IGNORED')
  })
})
