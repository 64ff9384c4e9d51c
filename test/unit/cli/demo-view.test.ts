import { describe, expect, it } from 'vitest'
import { type DemoSnapshot, DemoView, findingsTable, outcomeText, statusText } from '../../../src/cli/demo-view.ts'
import { TestIo } from '../../support/cli-io.ts'

const SNAPSHOT: DemoSnapshot = {
  elapsedS: 2.25,
  status: 'ready',
  connection: 3,
  messagesPerSecond: 1234.4,
  bytesPerSecond: 99_999.9,
  rttUs: { p50: 312, p99: 2345 },
  pending: 4,
  reconnects: 2,
  gaps: 1,
  outcomes: new Map([
    ['rejected', 2],
    ['confirmed', 10],
  ]),
}

class TerminalIo extends TestIo {
  readonly interactive = true
}

describe('DemoView', () => {
  it('writes plain lines where there is no terminal', () => {
    const io = new TestIo()
    const view = new DemoView(io)
    view.event(0.5, 'something happened')
    view.snapshot(SNAPSHOT)
    expect(io.out.lines).toEqual([
      '   0.5 s  something happened',
      '   2.3 s  ready: 1,234 msg/s, 100,000 B/s, rtt p50 312 µs p99 2.3 ms, 4 pending, 2 reconnects, 1 gaps',
    ])
    expect(view.intervalMs).toBe(1000)
  })

  it('draws over what it drew on a terminal, with the latest events above', () => {
    const io = new TerminalIo()
    const view = new DemoView(io)
    for (let i = 1; i <= 9; i++) view.event(i, `event ${i}`)
    expect(io.out.text).toBe('')
    view.snapshot(SNAPSHOT)
    const first = io.out.text
    expect(first.startsWith('\x1b[J')).toBe(true)
    expect(first).not.toContain('event 1\n')
    expect(first.indexOf('\x1b[?7l')).toBeLessThan(first.indexOf('event 2\n'))
    expect(first.endsWith('\n\x1b[?7h')).toBe(true)
    expect(first).toContain('event 9\n')
    expect(first).toContain('  round trip   p50 312 µs  p99 2.3 ms\n')
    expect(first).toContain('  requests     confirmed 10, rejected 2\n')
    const drawn = first.split('\n').length - 1
    view.snapshot({ ...SNAPSHOT, rttUs: undefined })
    expect(io.out.text.slice(first.length).startsWith(`\x1b[${drawn}A\x1b[J`)).toBe(true)
    expect(io.out.text.slice(first.length)).toContain('  round trip   -\n')
    view.finish()
    const before = io.out.text.length
    view.snapshot(SNAPSHOT)
    expect(io.out.text.slice(before).startsWith('\x1b[J')).toBe(true)
  })
})

it('leaves snapshots out while nobody reads, and never events', async () => {
  const io = new TestIo()
  const view = new DemoView(io)
  io.out.hold()
  for (let i = 0; i < 100; i++) view.snapshot(SNAPSHOT)
  view.event(1, 'seen')
  io.out.release()
  await io.line(/seen/)
  const before = io.out.lines.length
  // The sink holds about a dozen lines before it says that it is full.
  expect(before).toBeLessThan(20)
  await new Promise((resolve) => setImmediate(resolve))
  view.snapshot(SNAPSHOT)
  expect(io.out.lines.length).toBe(before + 1)
})

describe('texts', () => {
  it('the table says what held and what broke, and names some of the problems', () => {
    const problems = Array.from({ length: 7 }, (_, i) => `problem ${i}`)
    const table = findingsTable([
      { promise: 'short', checked: 12, problems: [] },
      { promise: 'a longer promise', checked: 7, problems },
    ])
    expect(table.split('\n')).toEqual([
      'what was expected  checked  what happened',
      'short                   12  held',
      'a longer promise         7  BROKEN 7 times',
      '',
      'what broke:',
      ...problems.slice(0, 5).map((problem) => `  ${problem}`),
      '  … and 2 more',
    ])
  })

  it('events are told for people, and acknowledgements not at all', () => {
    const base = { atUs: 0, connection: 2 }
    const cause = { kind: 'read-failure', code: 'ECONNRESET', message: 'read ECONNRESET' } as const
    expect(statusText({ ...base, kind: 'disconnected', attempt: 1, cause })).toBe('connection 2 ended: read ECONNRESET')
    expect(statusText({ ...base, kind: 'backoff', attempt: 1, delayMs: 12.6 })).toBe('next attempt in 13 ms')
    expect(statusText({ ...base, kind: 'subscription', item: 'x', state: 'acked' })).toBeUndefined()
    expect(statusText({ ...base, kind: 'subscription', item: 'x', state: 'rejected' })).toBe('x: rejected')
    expect(outcomeText(new Map())).toBe('none yet')
  })
})
