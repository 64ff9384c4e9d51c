import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HttpConnect } from '../../../src/connect/http-connect.ts'
import { judgeExtensions, type WsDeflateOffer } from '../../../src/connect/permessage-deflate.ts'
import { MAX_HEAD_BYTES, MAX_HEADER_LINES, ResponseHeadParser } from '../../../src/connect/response-head.ts'
import { Socks5 } from '../../../src/connect/socks5.ts'
import { acceptFor } from '../../../src/connect/upgrade-request.ts'
import { UpgradeResponse } from '../../../src/connect/upgrade-response.ts'
import { checkProperty, chopped, chunkSizes } from '../../support/property.ts'

/** What servers and proxies answer while a connection is made: any bytes, in any chunks, come to a verdict of ours. */

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/)
const value = fc.stringMatching(/^([\x21-\x7e\x80-\xff]([\t \x21-\x7e\x80-\xff]{0,20}[\x21-\x7e\x80-\xff])?)?$/)
const headerLine = fc.tuple(token, value)

/** Heads that are right, and some that became wrong: a byte replaced, put in or taken out. */
const soundHead = fc
  .tuple(fc.integer({ min: 200, max: 599 }), value, fc.array(headerLine, { maxLength: 8 }))
  .map(([status, statusText, headers]) => ({ status, statusText, headers }))
const textOf = ({ status, statusText, headers }: { status: number; statusText: string; headers: string[][] }): string =>
  `HTTP/1.1 ${status} ${statusText}\r\n${headers.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`
const upgrade = fc
  .array(
    fc.constantFrom(
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${acceptFor(KEY)}`,
      'Sec-WebSocket-Accept: wrong',
      'Sec-WebSocket-Protocol: chat',
      'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover',
      'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99',
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
    ),
    { maxLength: 7 },
  )
  .map((lines) => `HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
const damaged = fc
  .tuple(
    fc.oneof(soundHead.map(textOf), upgrade).map((text) => Buffer.from(text, 'latin1')),
    fc.array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'insert', 'remove'), fc.integer({ min: 0, max: 255 })), {
      maxLength: 3,
    }),
  )
  .map(([head, changes]) =>
    changes.reduce((bytes, [place, how, byte]) => {
      const at = place % (bytes.length + 1)
      const middle = how === 'remove' ? [] : [byte]
      return Buffer.from([...bytes.subarray(0, at), ...middle, ...bytes.subarray(how === 'insert' ? at : at + 1)])
    }, head),
  )
const anyAnswer = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(damaged, fc.uint8Array({ maxLength: 40 })).map((parts) => Buffer.concat(parts)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
)

/** Feeds chunks until the first result, and joins what came behind it with the chunks that were not fed. */
function feedUntil<R>(
  chunks: readonly Uint8Array[],
  feed: (chunk: Uint8Array) => R | undefined,
): [R | undefined, Uint8Array[]] {
  for (const [i, chunk] of chunks.entries()) {
    const result = feed(chunk)
    if (result !== undefined) return [result, chunks.slice(i + 1)]
  }
  return [undefined, []]
}

describe('a response head', () => {
  test('that is sound is read as it was written, and nothing behind it is lost', () => {
    const cases = fc.tuple(soundHead, fc.uint8Array({ maxLength: 30 }), chunkSizes)
    checkProperty(1500, cases, ([head, behind, sizes]) => {
      const bytes = Buffer.concat([Buffer.from(textOf(head), 'latin1'), behind])
      const parser = new ResponseHeadParser()
      const [progress, unfed] = feedUntil(chopped(bytes, sizes), (chunk) => parser.feed(chunk))
      if (progress?.kind !== 'head') throw new Error(`not read: ${JSON.stringify(progress)}`)
      expect(progress.head).toEqual(head)
      expect(Buffer.concat([progress.rest, ...unfed])).toEqual(Buffer.from(behind))
    })
  })

  test('gets the same verdict in all chunks, whatever it is', () => {
    checkProperty(3000, fc.tuple(anyAnswer, chunkSizes), ([bytes, sizes]) => {
      const verdict = (chunks: readonly Uint8Array[]): unknown => {
        const parser = new ResponseHeadParser()
        const [progress, unfed] = feedUntil(chunks, (chunk) => parser.feed(chunk))
        // The message quotes what has come.
        if (progress?.kind !== 'head') return progress?.code
        return { head: progress.head, rest: Buffer.concat([progress.rest, ...unfed]).toString('latin1') }
      }
      expect(verdict(chopped(bytes, sizes))).toEqual(verdict([bytes]))
    })
  })

  test('without an end costs no more than its limit', () => {
    const endless = fc.tuple(fc.constantFrom('x', 'x: y\r\n', 'x: y\n', ' '), fc.integer({ min: 1, max: 5000 }))
    checkProperty(20, endless, ([line, size]) => {
      const parser = new ResponseHeadParser()
      const chunk = Buffer.from(line.repeat(size).slice(0, size))
      let fed = 0
      let progress = parser.feed(Buffer.from('HTTP/1.1 200 OK\r\n'))
      for (; progress === undefined && fed <= 2 * MAX_HEAD_BYTES; fed += chunk.length) progress = parser.feed(chunk)
      expect(progress?.kind).toBe('failed')
      expect(fed).toBeLessThanOrEqual(MAX_HEAD_BYTES + chunk.length)
      if (line === 'x: y\r\n' && size === 6) expect(fed).toBeLessThanOrEqual(6 * (MAX_HEADER_LINES + 1))
    })
  })
})

describe('the answer to an upgrade', () => {
  const offer: WsDeflateOffer = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: true,
    compress: undefined,
    required: false,
  }

  test('is accepted, refused or failed with a code of ours, the same in all chunks', () => {
    checkProperty(3000, fc.tuple(anyAnswer, chunkSizes), ([bytes, sizes]) => {
      const verdict = (chunks: readonly Uint8Array[]): unknown => {
        const response = new UpgradeResponse({ key: KEY, subprotocols: ['chat'], perMessageDeflate: offer })
        const [result] = feedUntil(chunks, (chunk) => response.feed(chunk))
        if (result === undefined) return response.finish(true)
        if (result.kind === 'accepted') return { ...result, glued: undefined }
        if (result.kind === 'refused') return result
        expect(result.code).toMatch(/^ERR_UPGRADE_[A-Z_]+$/)
        expect(result.message).not.toBe('')
        return result.code
      }
      expect(verdict(chopped(bytes, sizes))).toEqual(verdict([bytes]))
    })
  })

  test('accepts permessage-deflate only in what was offered', () => {
    const parameter = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom(
          'server_no_context_takeover',
          'client_no_context_takeover',
          'client_max_window_bits=12',
          'server_max_window_bits=10',
          'server_max_window_bits="9"',
        ),
      },
      {
        weight: 1,
        arbitrary: fc
          .tuple(fc.constantFrom('server', 'client'), fc.integer({ min: 0, max: 20 }))
          .map(([side, bits]) => `${side}_max_window_bits=${bits}`),
      },
      { weight: 1, arbitrary: fc.oneof(fc.constant('client_max_window_bits'), fc.string({ maxLength: 12 })) },
    )
    const answer = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.array(parameter, { maxLength: 3 }).map((parts) => ['permessage-deflate', ...parts].join('; ')),
      },
      { weight: 1, arbitrary: fc.string({ maxLength: 60 }) },
    )
    const bits = fc.option(fc.integer({ min: 8, max: 15 }), { nil: undefined })
    const offers = fc.record({
      serverNoContextTakeover: fc.boolean(),
      clientNoContextTakeover: fc.boolean(),
      serverMaxWindowBits: bits,
      clientMaxWindowBits: fc.oneof(fc.boolean(), fc.integer({ min: 8, max: 15 })),
      compress: fc.constant(undefined),
      required: fc.boolean(),
    })
    let agreed = 0
    checkProperty(5000, fc.tuple(fc.array(answer, { maxLength: 2 }), offers), ([lines, asked]) => {
      const outcome = judgeExtensions(lines, asked)
      if ('problem' in outcome) {
        expect(outcome.problem[0]).toMatch(/^ERR_UPGRADE_(?:EXTENSION|DEFLATE)(?:_[A-Z]+)*$/)
        return
      }
      const { negotiated } = outcome
      if (negotiated === undefined) {
        expect(asked.required).toBe(false)
        return
      }
      agreed++
      expect(negotiated.serverMaxWindowBits).toBeGreaterThanOrEqual(8)
      expect(negotiated.serverMaxWindowBits).toBeLessThanOrEqual(asked.serverMaxWindowBits ?? 15)
      expect(negotiated.clientMaxWindowBits).toBeGreaterThanOrEqual(8)
      const most = typeof asked.clientMaxWindowBits === 'number' ? asked.clientMaxWindowBits : 15
      expect(negotiated.clientMaxWindowBits).toBeLessThanOrEqual(most)
      if (asked.serverNoContextTakeover) expect(negotiated.serverNoContextTakeover).toBe(true)
      if (asked.clientNoContextTakeover) expect(negotiated.clientNoContextTakeover).toBe(true)
      if (asked.clientMaxWindowBits === false) expect(lines.join()).not.toContain('client_max_window_bits')
    })
    expect(agreed).toBeGreaterThan(100)
  })
})

describe('a proxy', () => {
  const destination = { hostname: 'feed.example', port: 443 }

  test('that speaks HTTP opens the way or fails with a code of ours, the same in all chunks', () => {
    checkProperty(3000, fc.tuple(anyAnswer, chunkSizes), ([bytes, sizes]) => {
      const verdict = (chunks: readonly Uint8Array[]): unknown => {
        const dialogue = new HttpConnect({ headers: [] }, destination)
        const [fed, unfed] = feedUntil(chunks, (chunk) => dialogue.feed(chunk))
        const step = fed ?? dialogue.finish(true)
        if (step?.kind === 'open') return Buffer.concat([step.rest, ...unfed]).toString('latin1')
        if (step === undefined) return undefined
        if (step.kind !== 'failed') throw new Error('HTTP CONNECT has nothing more to say')
        expect(step.code).toMatch(/^ERR_PROXY_[A-Z_]+$/)
        return [step.code, step.http]
      }
      expect(verdict(chopped(bytes, sizes))).toEqual(verdict([bytes]))
    })
  })

  test('that speaks SOCKS 5, or something like it, comes to a verdict of ours, and hears the password only when it asks', () => {
    // Each answer comes when it has been asked for, cut anywhere.
    const method = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom([5, 0], [5, 2], [5, 255]) },
      fc.array(fc.nat(255), { maxLength: 4 }),
    )
    const auth = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom([1, 0], [1, 1]) },
      fc.array(fc.nat(255), { maxLength: 4 }),
    )
    const reply = fc.oneof(
      fc.constantFrom(
        [5, 0, 0, 1, 10, 0, 0, 1, 1, 187],
        [5, 0, 0, 3, 2, 104, 105, 0, 80],
        [5, 0, 0, 4, ...Array(18).fill(7)],
        [5, 5],
      ),
      fc.array(fc.nat(255), { maxLength: 30 }),
    )
    const credentials = fc.option(fc.constant({ user: 'me', password: 'secret' }), { nil: undefined })
    const seen = { open: 0, failed: 0 }
    checkProperty(
      4000,
      fc.tuple(method, auth, reply, credentials, chunkSizes),
      ([first, second, third, login, sizes]) => {
        const dialogue = new Socks5({ credentials: login }, destination)
        const answers = [first, second, third].map((bytes) => Buffer.from(bytes))
        for (const answer of first[1] === 2 ? answers : [answers[0] as Buffer, answers[2] as Buffer]) {
          const [step] = feedUntil(chopped(answer, sizes), (chunk) => dialogue.feed(chunk))
          if (step?.kind === 'send') {
            // Said once, to one who asked: never to a proxy that chose to know nothing.
            if (Buffer.from(step.bytes).includes('secret')) expect(first).toEqual([5, 2])
            continue
          }
          if (step?.kind === 'failed') {
            expect(step.code).toMatch(/^ERR_(?:SOCKS|PROXY)_[A-Z_]+$/)
            expect(step.message).not.toContain('secret')
          }
          if (step?.kind === 'open') expect([...third.slice(0, 2)]).toEqual([5, 0])
          if (step !== undefined) seen[step.kind]++
          return
        }
      },
    )
    expect(seen.open).toBeGreaterThan(100)
    expect(seen.failed).toBeGreaterThan(100)
  })
})
