import { describe, expect, it } from 'vitest'
import { checkDemo, type DemoEvidence, type DemoOutcome } from '../../../src/cli/demo-check.ts'
import type { ExchangeLogEntry, ExchangeLogRecord } from '../../../src/testing/exchange/log.ts'

const TICKER = 'ticker.BTC-PERPETUAL.100ms'
const ORDERS = 'user.orders.BTC-PERPETUAL.raw'

const opened = (connection: number): ExchangeLogRecord => ({ kind: 'opened', connection })
const closed = (connection: number): ExchangeLogRecord => ({ kind: 'closed', connection, code: 1006, reason: '' })
const frame = (id: string, connection: number, whole = true, method = 'private/buy'): ExchangeLogRecord => ({
  kind: 'frame',
  connection,
  byteLength: 100,
  whole,
  id,
  method,
})
const reply = (id: string, connection: number, code?: string): ExchangeLogRecord =>
  code === undefined ? { kind: 'reply', connection, id } : { kind: 'reply', connection, id, code }
const order = (id: string, connection: number): ExchangeLogRecord => ({
  kind: 'order',
  connection,
  id,
  orderId: `BTC-${id}`,
  label: `label-${id}`,
  state: 'open',
})
const subscribed = (connection: number, ...channels: string[]): ExchangeLogRecord => ({
  kind: 'subscribed',
  connection,
  channels,
})

const logOf = (records: readonly ExchangeLogRecord[]): ExchangeLogEntry[] =>
  records.map((record, i) => ({ seq: i + 1, atUs: i, ...record }))

/** What happened, as the exchange saw it. */
const RECORDS: readonly ExchangeLogRecord[] = [
  opened(1),
  subscribed(1, TICKER),
  frame('yes', 1),
  order('yes', 1),
  reply('yes', 1),
  frame('no', 1),
  reply('no', 1, '10009'),
  frame('late', 1),
  order('late', 1),
  frame('lost', 1),
  order('lost', 1),
  reply('late', 1),
  frame('torn', 1, false),
  closed(1),
  opened(2),
  subscribed(2, TICKER, ORDERS),
  frame('probe', 2, true, 'private/get_order_state_by_label'),
  reply('probe', 2),
]

const said = (requestId: string, outcome: Partial<DemoOutcome>, method = 'private/buy') => ({
  requestId,
  method,
  outcomes: [{ kind: 'confirmed', delivery: 'all', ...outcome } satisfies DemoOutcome],
})

/** What an honest gateway says about it. */
const HONEST: DemoEvidence = {
  requests: [
    said('yes', {}),
    said('no', { kind: 'rejected', code: '10009' }),
    said('late', { kind: 'unconfirmed', reason: 'deadline' }),
    said('lost', { kind: 'unconfirmed', reason: 'disconnected' }),
    said('torn', { kind: 'unconfirmed', reason: 'disconnected', delivery: 'part' }),
    said('gone', { kind: 'unconfirmed', reason: 'disconnected' }),
    said('unsent', { kind: 'not-delivered', reason: 'not-ready', delivery: 'none' }),
    said('probe', {}, 'private/get_order_state_by_label'),
  ],
  lateReplies: [{ requestId: 'late', kind: 'confirmed' }],
  probes: [{ requestId: 'probe', label: 'label-lost', found: true }],
  ended: [1],
  gaps: [1],
  holes: [{ channel: 'book.X.raw', from: 1, to: 2 }],
  desired: [TICKER, ORDERS],
  acked: [TICKER, ORDERS],
  heard: [TICKER],
  log: logOf(RECORDS),
  logDropped: 0,
}

const problemsOf = (evidence: DemoEvidence): string[] => checkDemo(evidence).flatMap(({ problems }) => problems)
const without = (match: (record: ExchangeLogRecord) => boolean): ExchangeLogEntry[] =>
  logOf(RECORDS.filter((record) => !match(record)))
const saying = (requestId: string, outcome: Partial<DemoOutcome>): DemoEvidence => ({
  ...HONEST,
  requests: HONEST.requests.map((request) =>
    request.requestId === requestId ? said(requestId, outcome, request.method) : request,
  ),
})

describe('checkDemo', () => {
  it('finds nothing where the gateway is honest, and looks at everything', () => {
    const findings = checkDemo(HONEST)
    expect(findings.flatMap(({ problems }) => problems)).toEqual([])
    expect(findings.map(({ checked }) => checked)).toEqual([8, 2, 1, 1, 4, 4, 1, 1, 5, 1, 1, 2, 2, 1])
  })

  it.each<[what: string, evidence: DemoEvidence, problem: RegExp]>([
    [
      'a request without an outcome',
      { ...HONEST, requests: [...HONEST.requests, { requestId: 'x', method: 'm', outcomes: [] }] },
      /^x has 0 outcomes$/,
    ],
    [
      'a request with two outcomes',
      {
        ...HONEST,
        requests: HONEST.requests.map((r) =>
          r.requestId === 'yes' ? { ...r, outcomes: [...r.outcomes, ...r.outcomes] } : r,
        ),
      },
      /^yes has 2 outcomes$/,
    ],
    [
      'a confirmation of what never arrived',
      saying('gone', {}),
      /^gone was said to be confirmed, but the exchange never received it$/,
    ],
    [
      'a confirmation of what arrived in part',
      saying('torn', {}),
      /^torn was said to be confirmed, but the exchange never received it$/,
    ],
    [
      'a confirmation of what was not answered',
      saying('lost', {}),
      /^lost was said to be confirmed, which the exchange never answered$/,
    ],
    [
      'a confirmation of what was refused',
      saying('no', {}),
      /^no was said to be confirmed, which the exchange never answered$/,
    ],
    [
      'a confirmation without an order',
      { ...HONEST, log: without((r) => r.kind === 'order' && r.id === 'yes') },
      /^yes was said to be confirmed, but the exchange took no order$/,
    ],
    [
      'a rejection of what was accepted',
      saying('yes', { kind: 'rejected', code: '1' }),
      /^yes was said to be rejected with 1, which/,
    ],
    [
      'a rejection of an order that was taken',
      saying('yes', { kind: 'rejected', code: '1' }),
      /^yes was said to be rejected, but the exchange took/,
    ],
    [
      'a rejection with another code',
      saying('no', { kind: 'rejected', code: '10028' }),
      /^no was said to be rejected with 10028, which/,
    ],
    ['a rejection without a code', saying('no', { kind: 'rejected' }), /^no was said to be rejected with undefined/],
    [
      'a rejection of what never arrived',
      saying('gone', { kind: 'rejected', code: '1' }),
      /^gone was said to be rejected, but the exchange never/,
    ],
    [
      'not delivered, yet it arrived',
      saying('lost', { kind: 'not-delivered', reason: 'disconnected', delivery: 'none' }),
      /^lost was said to be not-delivered, but the exchange received it$/,
    ],
    [
      'not delivered, yet some of it arrived',
      saying('torn', { kind: 'not-delivered', reason: 'disconnected', delivery: 'none' }),
      /^torn was said to be not-delivered, but the exchange received the beginning of it$/,
    ],
    [
      'too many pending, yet it arrived',
      saying('lost', { kind: 'too-many-pending', delivery: 'none' }),
      /^lost was said to be too-many-pending, but/,
    ],
    [
      'a mismatch, yet it arrived',
      saying('lost', { kind: 'payload-mismatch', delivery: 'none' }),
      /^lost was said to be payload-mismatch, but/,
    ],
    [
      'no byte sent, yet some arrived',
      saying('torn', { kind: 'unconfirmed', delivery: 'none' }),
      /^torn was said to have sent no byte/,
    ],
    [
      'a part sent, yet all arrived',
      saying('lost', { kind: 'unconfirmed', delivery: 'part' }),
      /^lost was said to have left in part/,
    ],
    [
      'disconnected, while the connection went on',
      { ...HONEST, log: without((r) => r.kind === 'closed') },
      /^lost was said to have been disconnected, but the exchange's connection never ended$/,
    ],
    [
      'an answer that was never told',
      {
        ...HONEST,
        lateReplies: [],
        log: logOf(RECORDS).map((e) => (e.kind === 'closed' ? { ...e, atUs: 3_000_000 } : e)),
      },
      /^late was answered by the exchange, and the gateway never said so$/,
    ],
    [
      'an answer that was never told, on a connection that goes on',
      { ...HONEST, lateReplies: [], log: without((r) => r.kind === 'closed') },
      /^late was answered by the exchange, and the gateway never said so$/,
    ],
    [
      'a late confirmation of nothing',
      { ...HONEST, lateReplies: [{ requestId: 'lost', kind: 'confirmed' }] },
      /^lost was told to be confirmed late/,
    ],
    [
      'a late rejection of what was confirmed',
      { ...HONEST, lateReplies: [{ requestId: 'late', kind: 'rejected' }] },
      /^late was told to be rejected late/,
    ],
    [
      'a live order said not to exist',
      { ...HONEST, probes: [{ requestId: 'probe', label: 'label-lost', found: false }] },
      /^label-lost was said not to exist, but does$/,
    ],
    [
      'an order that is not there, said to be live',
      { ...HONEST, probes: [{ requestId: 'probe', label: 'label-gone', found: true }] },
      /^label-gone was said to be live, but is not$/,
    ],
    [
      'a probe that was never received',
      { ...HONEST, probes: [{ requestId: 'p2', label: 'label-lost', found: true }] },
      /^the probe p2 for label-lost/,
    ],
    [
      'an order sent twice',
      { ...HONEST, log: logOf([...RECORDS, frame('yes', 2)]) },
      /^yes reached the exchange twice$/,
    ],
    [
      'an order that nobody asked for',
      { ...HONEST, log: logOf([...RECORDS, frame('ghost', 2)]) },
      /^the exchange received ghost, which nobody asked for$/,
    ],
    ['an end without a gap', { ...HONEST, gaps: [], holes: [] }, /^connection 1 ended with 0 gaps$/],
    ['an end with two gaps', { ...HONEST, gaps: [1, 1] }, /^connection 1 ended with 2 gaps$/],
    [
      'a hole without a gap',
      { ...HONEST, holes: [{ channel: 'book.X.raw', from: 2, to: 3 }] },
      /^book.X.raw has a hole between connections 2 and 3/,
    ],
    [
      'a hole within a connection',
      { ...HONEST, holes: [{ channel: 'book.X.raw', from: 1, to: 1 }] },
      /^book.X.raw has a hole between connections 1 and 1/,
    ],
    [
      'a subscription that was not replayed',
      { ...HONEST, log: logOf([...RECORDS, subscribed(2, ORDERS)]) },
      /^ticker.BTC-PERPETUAL.100ms is not subscribed at the exchange$/,
    ],
    [
      'subscriptions of a connection that is gone',
      { ...HONEST, log: logOf([...RECORDS, opened(3)]) },
      /is not subscribed at the exchange$/,
    ],
    ['an ack that never came', { ...HONEST, acked: [ORDERS] }, /^ticker.BTC-PERPETUAL.100ms was not acknowledged$/],
    ['a subscription that is silent', { ...HONEST, heard: [] }, /^ticker.BTC-PERPETUAL.100ms brought nothing$/],
    [
      'a subscription that was given up and stays',
      { ...HONEST, desired: [TICKER] },
      /^user.orders.BTC-PERPETUAL.raw is still subscribed/,
    ],
    ['a log with holes', { ...HONEST, logDropped: 3 }, /^3 entries did not fit$/],
  ])('catches %s', (_what, evidence, problem) => {
    expect(problemsOf(evidence)).toContainEqual(expect.stringMatching(problem))
  })

  it('does not blame a probe for an order that the exchange took after it', () => {
    const [late] = [frame('slow', 1), order('slow', 1)]
    const log = logOf([...RECORDS, late as ExchangeLogRecord, order('slow', 1)])
    const evidence = { ...saying('gone', { kind: 'unconfirmed', reason: 'deadline' }), log }
    const requests = [...evidence.requests, said('slow', { kind: 'unconfirmed', reason: 'deadline' })]
    const probes = [{ requestId: 'probe', label: 'label-slow', found: false }]
    expect(problemsOf({ ...evidence, requests, probes })).toEqual([])
  })

  it('does not blame the gateway for an answer that was lost with its connection', () => {
    expect(problemsOf({ ...HONEST, lateReplies: [] })).toEqual([])
  })

  it('takes no subscription of an older connection for one of the newest', () => {
    const evidence = { ...HONEST, log: logOf([...RECORDS, subscribed(1, 'old')]) }
    expect(problemsOf(evidence)).toEqual([])
  })
})
