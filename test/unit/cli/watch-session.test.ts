import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failureText, humanFormat, jsonFormat } from '../../../src/cli/watch-format.ts'
import { WatchSession, type WatchSettings } from '../../../src/cli/watch-session.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { TestIo } from '../../support/cli-io.ts'
import { FakeFeed, message, SERVER_CLOSED } from '../../support/fake-feed.ts'

/** The bytes zlib makes are its own business. */
const ZIPPED = gzipSync('{"g":1}')
const URL = 'wss://user:pass@venue.example/ws?token=secret'

let clock: VirtualClock
let io: TestIo
let feed: FakeFeed
beforeEach(() => {
  clock = new VirtualClock()
  io = new TestIo(clock)
  feed = new FakeFeed()
})
afterEach(() => {
  expect(clock.pendingTimers).toBe(0)
  expect(io.signalListeners).toBe(0)
})

function run(settings: Partial<WatchSettings> = {}, format = humanFormat): Promise<number> {
  const defaults = { url: URL, sends: [], seconds: undefined, maxMessages: undefined, quiet: false }
  return new WatchSession(feed, { ...defaults, ...settings }, format, io).run()
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const objects = () => io.out.lines.map((line) => JSON.parse(line) as Record<string, unknown>)

describe('human output', () => {
  test('messages one per line with their time, then a summary; remarks on stderr', async () => {
    const done = run()
    feed.open()
    feed.push(message('{"a":1}'), message('two\nlines'), message(Uint8Array.of(0, 255)), message(ZIPPED))
    feed.end(SERVER_CLOSED)
    expect(await done).toBe(0)
    expect(io.out.lines).toEqual([
      '22:13:20.123456 {"a":1}',
      '22:13:20.123456 two\\nlines',
      '22:13:20.123456 <binary 2 bytes> 00ff',
      `22:13:20.123456 <binary ${ZIPPED.length} bytes, gzip> {"g":1}`,
      '--- wss://venue.example/ws by fake: closed by the server, 1000 "end of capture"',
      `4 messages (2 text, 2 binary), ${18 + ZIPPED.length} bytes, largest ${ZIPPED.length}`,
      `2.000 s open: 2 messages/s, ${(18 + ZIPPED.length) / 2} bytes/s`,
      'round trip: median 0.250 ms (0.250 to 0.250, pings answered: 1)',
    ])
    expect(io.err.lines).toEqual(['connected to wss://venue.example/ws at 192.0.2.1:443 by fake'])
  })

  test('payload age names its field', async () => {
    const done = run()
    feed.open()
    feed.push(message('{"E":1700000000100}'), message('{"E":1700000000120}'), message(gzipSync('{"E":1700000000123}')))
    feed.end(SERVER_CLOSED)
    await done
    expect(io.out.lines.at(-1)).toBe(
      'payload age: median 3.456 ms (0.456 to 23.456, messages: 3), by "E" in ms, clock difference included',
    )
  })

  test('gaps and pauses are remarks, and gaps are summed up', async () => {
    const done = run()
    feed.open()
    const cause = { code: 'ERR_QUEUE_FULL', message: 'the queue was full' }
    feed.push({ kind: 'gap', connection: 1, scope: 'connection', fromUs: 1, toUs: 2, messages: 7, cause })
    feed.push({ kind: 'backpressure', connection: 1, paused: true, atUs: 3 })
    feed.push({ kind: 'backpressure', connection: 1, paused: false, atUs: 4 })
    feed.end(SERVER_CLOSED)
    await done
    expect(io.err.lines.slice(1)).toEqual([
      'gap, messages lost: 7: the queue was full (ERR_QUEUE_FULL)',
      'reading pauses: the output is slower than the server',
      'reading goes on',
    ])
    expect(io.out.lines).toContain('gaps: 1, messages known lost: 7')
  })

  test('quiet prints the summary only, and still counts', async () => {
    const done = run({ quiet: true })
    feed.open()
    feed.push(message('a'), message('b'))
    feed.end(SERVER_CLOSED)
    await done
    expect(io.out.lines[0]).toMatch(/^---/)
    expect(io.out.lines[1]).toMatch(/^2 messages/)
  })
})

describe('JSON output', () => {
  test('one object per event, the summary last, nothing secret, nothing on stderr', async () => {
    const done = run({ sends: ['{"op":"subscribe"}'] }, jsonFormat)
    feed.open()
    feed.push(message('{"a":1}'), message(Uint8Array.of(0, 255)), message(ZIPPED))
    feed.end(SERVER_CLOSED)
    expect(await done).toBe(0)
    const all = objects()
    expect(all.map(({ kind }) => kind)).toEqual([
      'connected',
      'sent',
      'message',
      'message',
      'message',
      'disconnected',
      'summary',
    ])
    expect(all[0]).toMatchObject({ url: 'wss://venue.example/ws', transport: 'fake', remotePort: 443, connection: 1 })
    expect(all[1]).toEqual({ kind: 'sent', text: '{"op":"subscribe"}', result: 'taken' })
    expect(all[2]).toEqual({
      kind: 'message',
      connection: 1,
      receivedAtUs: 1_700_000_000_123_456,
      isText: true,
      byteLength: 7,
      text: '{"a":1}',
    })
    expect(all[3]).toMatchObject({ isText: false, byteLength: 2, base64: 'AP8=' })
    expect(all[3]).not.toHaveProperty('inflated')
    expect(all[4]).toMatchObject({ isText: false, encoding: 'gzip', inflated: '{"g":1}' })
    expect(all[5]).toMatchObject({ cause: { kind: 'remote-closed', closeCode: 1000, closeReason: 'end of capture' } })
    expect(all[6]).toMatchObject({
      url: 'wss://venue.example/ws',
      messages: 3,
      text: 1,
      binary: 2,
      durationMs: 2000,
      messagesPerSecond: 1.5,
      gaps: 0,
      lostMessages: 0,
      cause: { kind: 'remote-closed' },
      rttUs: { median: 250, n: 1 },
    })
    expect(io.out.text).not.toMatch(/secret|pass/)
    expect(io.err.text).toBe('')
  })

  test('a failure is an object too, without the Error, and is explained on stderr', async () => {
    const done = run({}, jsonFormat)
    feed.end({
      kind: 'handshake-failed',
      stage: 'upgrade',
      code: 'ERR_HTTP_STATUS',
      message: 'cannot connect to wss://venue.example/ws: the server answered 403',
      http: { status: 403, statusText: 'Forbidden', headers: [], body: 'blo\u001bcked\n', bodyTruncated: true },
      error: new Error('inner'),
    })
    expect(await done).toBe(1)
    const all = objects()
    expect(all.map(({ kind }) => kind)).toEqual(['disconnected', 'summary'])
    expect(all[0]?.['cause']).toMatchObject({ stage: 'upgrade', http: { status: 403 } })
    expect(all[0]?.['cause']).not.toHaveProperty('error')
    expect(all[1]).toMatchObject({ messages: 0, durationMs: 0, messagesPerSecond: 0 })
    expect(io.err.lines).toEqual([
      'shared-ws watch: cannot connect to wss://venue.example/ws: the server answered 403 (ERR_HTTP_STATUS)',
      '  HTTP 403 Forbidden',
      '  body: blo\\x1bcked\\n…',
    ])
  })
})

describe('a failed TLS handshake', () => {
  const failed = (code: string) =>
    failureText({ kind: 'handshake-failed', stage: 'tls', code, message: 'no TLS', error: new Error(code) }, 'wss://x/')

  test.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'X509_V_ERR_99'])(
    '%s: the certificate was refused, and the options that accept it are named',
    (code) => expect(failed(code)).toMatch(/--ca FILE.*--insecure/),
  )

  test.each(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_TLS_TIMEOUT', 'ECONNRESET', 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'])(
    '%s: they would not help',
    (code) => expect(failed(code)).not.toContain('--insecure'),
  )
})

describe('what ends it, and the exit code', () => {
  test.each([
    ['a reset', { kind: 'read-failure', code: 'ECONNRESET', message: 'reset' }, 1],
    ['an end without a handshake', { ...SERVER_CLOSED, closeCode: 1006, clean: false }, 1],
    ['a violation', { kind: 'protocol-violation', code: 'ERR_X', message: 'bad', closeCode: 1002, rfc: '5.2' }, 1],
    ['a close with any code', { ...SERVER_CLOSED, closeCode: 1008 }, 0],
  ] as const)('%s', async (_name, cause, code) => {
    const done = run()
    feed.open()
    feed.end(cause)
    expect(await done).toBe(code)
    expect(io.out.lines[0]).toMatch(/^--- /)
    expect(io.err.text.includes('lost the connection to wss://venue.example/ws')).toBe(code === 1)
  })

  test('--seconds counts from opening', async () => {
    const done = run({ seconds: 2 })
    clock.advance(10_000)
    feed.open()
    await turn()
    clock.advance(1999)
    expect(feed.closes).toBe(0)
    clock.advance(1)
    expect(feed.closes).toBe(1)
    expect(await done).toBe(0)
  })

  test('--max-messages closes and counts no more', async () => {
    const done = run({ maxMessages: 2 })
    feed.open()
    feed.push(message('a'), message('b'), message('c'))
    expect(await done).toBe(0)
    expect(io.out.lines.filter((line) => /^\d\d:/.test(line))).toHaveLength(2)
    expect(io.out.lines).toContainEqual(expect.stringMatching(/^2 messages \(2 text/))
    expect(feed.closes).toBe(1)
  })

  test.each(['SIGINT', 'SIGTERM'] as const)('%s closes; what came before is printed', async (signal) => {
    const done = run()
    feed.open()
    await turn()
    feed.push(message('a'))
    io.signal(signal)
    expect(feed.closes).toBe(1)
    expect(await done).toBe(0)
    expect(io.out.lines[0]).toMatch(/ a$/)
    expect(io.out.lines[1]).toMatch(/closed by us$/)
    expect(io.exits).toEqual([])
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('a second %s ends at once with %d', async (signal, code) => {
    const done = run()
    feed.open()
    await turn()
    // Stalled, so that stopping takes its time.
    io.out.hold()
    feed.push(message('x'.repeat(5000)))
    await turn()
    io.signal('SIGINT')
    clock.advance(200)
    // The same key press, once from the terminal and once from npx.
    io.signal(signal)
    expect(io.exits).toEqual([])
    clock.advance(1)
    io.signal(signal)
    expect(io.exits).toEqual([code])
    io.out.release()
    await done
  })

  test('a signal before it is open gives up without a summary', async () => {
    const done = run({ sends: ['a'] })
    io.signal('SIGINT')
    expect(await done).toBe(0)
    expect(io.out.text).toBe('')
    expect(feed.sent).toEqual([])
  })
})

describe('sending', () => {
  test('in order, once open', async () => {
    const done = run({ sends: ['1', '2', '3'] })
    await turn()
    expect(feed.sent).toEqual([])
    feed.open()
    await expect.poll(() => feed.sent).toEqual(['1', '2', '3'])
    feed.end(SERVER_CLOSED)
    expect(await done).toBe(0)
    expect(io.err.lines.slice(1)).toEqual(['sent 1', 'sent 2', 'sent 3'])
  })

  test('what could not be sent is said, and is a failure', async () => {
    feed.sendResult = 'full'
    const done = run({ sends: ['1'] })
    feed.open()
    feed.end(SERVER_CLOSED)
    expect(await done).toBe(1)
    expect(io.err.lines[1]).toBe('NOT sent (full) 1')
  })
})

describe('round trips', () => {
  test('one ping at once and one every 5 s; unanswered ones are no sample', async () => {
    const done = run()
    feed.open()
    await turn()
    expect(feed.pings).toBe(1)
    feed.rttUs = undefined
    clock.advance(5000)
    await turn()
    expect(feed.pings).toBe(2)
    feed.rttUs = 750
    clock.advance(5000)
    await turn()
    feed.end(SERVER_CLOSED)
    await done
    expect(io.out.lines.at(-1)).toBe('round trip: median 0.250 ms (0.250 to 0.750, pings answered: 2)')
  })
})

describe('a slow reader of stdout', () => {
  const big = 'x'.repeat(5000)

  test('holds the iterator up, and gets everything', async () => {
    const done = run()
    io.out.hold()
    feed.open()
    feed.push(...Array.from({ length: 10 }, () => message(big)))
    feed.end(SERVER_CLOSED)
    await turn()
    expect(feed.waitingEvents).toBeGreaterThanOrEqual(9)
    io.out.release()
    expect(await done).toBe(0)
    expect(io.out.lines.filter((line) => line.endsWith('x'))).toHaveLength(10)
  })

  test('that has gone ends it quietly', async () => {
    const done = run()
    feed.open()
    feed.push(message('a'))
    await turn()
    io.out.breakPipe()
    expect(await done).toBe(0)
    expect(feed.closes).toBe(1)
    expect(io.err.lines).toHaveLength(1)
  })

  test('that cannot write is a failure', async () => {
    const done = run()
    feed.open()
    await turn()
    io.out.breakPipe('ENOSPC')
    expect(await done).toBe(1)
    expect(io.err.lines.at(-1)).toBe('shared-ws watch: stdout failed: write ENOSPC')
  })

  test('that has stalled does not keep us 3 s after a stop', async () => {
    const done = run()
    io.out.hold()
    feed.open()
    feed.push(message(big), message(big))
    await turn()
    io.signal('SIGTERM')
    clock.advance(3000)
    expect(await done).toBe(1)
    expect(io.stdout.stalled).toBe(true)
    expect(io.err.lines.at(-1)).toBe('shared-ws watch: stdout failed: its reader took nothing for 3000 ms')
  })
})
