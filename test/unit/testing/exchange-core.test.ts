import { describe, expect, it } from 'vitest'
import { WsConfigError } from '../../../src/errors/errors.ts'
import { checkExchangeOptions, type ExchangeOptions } from '../../../src/testing/exchange/options.ts'
import { MemoryExchange } from '../../support/memory-exchange.ts'

const BOOK = 'book.BTC-PERPETUAL.100ms'
const TICKER = 'ticker.BTC-PERPETUAL.100ms'

type Level = readonly [string, number, number]
interface BookData {
  readonly type: string
  readonly change_id: number
  readonly prev_change_id?: number
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
}

function watch(options: ExchangeOptions): { exchange: MemoryExchange; books: () => BookData[] } {
  const exchange = new MemoryExchange(options)
  const client = exchange.connect()
  client.call('public/subscribe', { channels: [BOOK, TICKER] })
  return { exchange, books: () => client.data(BOOK) as unknown as BookData[] }
}

describe('the market', () => {
  it('is the same for the same seed, and another for another', () => {
    const run = (seed: number): BookData[] => {
      const { exchange, books } = watch({ rate: 500, seed })
      exchange.clock.advance(1000)
      return books()
    }
    expect(run(7)).toEqual(run(7))
    expect(run(7)).not.toEqual(run(8))
  })

  it('keeps its rate, whatever the timers do', () => {
    for (const rate of [1, 50, 3000, 100_000]) {
      const exchange = new MemoryExchange({ rate, instruments: ['BTC-PERPETUAL'] })
      const client = exchange.connect()
      client.call('public/subscribe', { channels: [BOOK, TICKER] })
      const before = client.received.length
      exchange.clock.advance(2000)
      expect(client.received.length - before).toBeGreaterThanOrEqual(rate * 2 - 1 - rate / 500)
      expect(client.received.length - before).toBeLessThanOrEqual(rate * 2)
    }
  })

  it('has books whose updates chain, and that never cross', () => {
    const { exchange, books } = watch({ rate: 2000 })
    exchange.clock.advance(5000)
    const [snapshot, ...updates] = books() as [BookData, ...BookData[]]
    expect(snapshot).toMatchObject({ type: 'snapshot' })
    expect(snapshot).not.toHaveProperty('prev_change_id')
    expect(updates.length).toBeGreaterThan(2000)
    const sides = { bids: new Map<number, number>(), asks: new Map<number, number>() }
    let last = 0
    for (const book of [snapshot, ...updates]) {
      if (last !== 0) expect(book.prev_change_id).toBe(last)
      expect(book.change_id).toBeGreaterThan(last)
      last = book.change_id
      for (const side of ['bids', 'asks'] as const) {
        for (const [action, price, amount] of book[side]) {
          // What is new was not there, and what changes or goes was.
          expect(sides[side].has(price)).toBe(action !== 'new')
          if (action === 'delete') sides[side].delete(price)
          else sides[side].set(price, amount)
        }
        expect(sides[side].size).toBe(10)
      }
      expect(Math.max(...sides.bids.keys())).toBeLessThan(Math.min(...sides.asks.keys()))
    }
  })

  it('leaves a hole in the sequence where notifications are skipped', () => {
    const { exchange, books } = watch({ rate: 1000 })
    exchange.clock.advance(100)
    exchange.skip(BOOK, 3)
    exchange.clock.advance(100)
    const [, ...updates] = books()
    const holes = updates.filter((book, i) => i > 0 && book.prev_change_id !== updates[i - 1]?.change_id)
    expect(holes).toHaveLength(1)
    expect(() => exchange.skip('book.X.raw')).toThrow(/nobody has subscribed/)
  })

  it('goes on while nobody listens', () => {
    const { exchange, books } = watch({ rate: 1000 })
    exchange.clock.advance(10)
    exchange.drop()
    const last = books().at(-1) as BookData
    exchange.clock.advance(1000)
    const client = exchange.connect()
    client.call('public/subscribe', { channels: [BOOK] })
    expect((client.data(BOOK)[0] as unknown as BookData).change_id).toBeGreaterThan(last.change_id)
  })

  it('makes up for a tenth of a second after a stall of its own, not for more', () => {
    const exchange = new MemoryExchange({ rate: 1000, instruments: ['BTC-PERPETUAL'] })
    const client = exchange.connect()
    client.call('public/subscribe', { channels: [BOOK, TICKER] })
    const before = client.received.length
    // The feed's timer is late by ten seconds.
    let nowUs = 10_000_000
    const { monoUs } = exchange.clock
    exchange.clock.monoUs = () => nowUs
    exchange.clock.advance(1)
    expect(client.received.length - before).toBe(100)
    nowUs += 5000
    exchange.clock.advance(1)
    expect(client.received.length - before).toBe(105)
    exchange.clock.monoUs = monoUs
  })
})

describe('faults', () => {
  it('drops a client that reads too slowly', () => {
    const exchange = new MemoryExchange({ rate: 1000, maxBufferedBytes: 2000 })
    const client = exchange.connect()
    client.call('public/subscribe', { channels: [BOOK] })
    client.bufferedBytes = 2000
    exchange.clock.advance(20)
    expect(client.ended).toBeUndefined()
    client.bufferedBytes = 2001
    exchange.clock.advance(20)
    expect(client.ended).toBe('rst')
    expect(exchange.log()).toContainEqual(expect.objectContaining({ kind: 'fault', fault: 'slow-consumer' }))
  })

  it('stalls, and goes on; or drops', () => {
    const exchange = new MemoryExchange()
    const [first, second] = [exchange.connect(), exchange.connect()]
    exchange.stall({ forMs: 100 })
    exchange.stall({ forMs: 200, what: 'reading', thenDrop: 'fin', connection: 2 })
    expect(first.held).toEqual({ reading: true, sending: true })
    expect(second.held).toEqual({ reading: true, sending: false })
    exchange.clock.advance(100)
    expect(first.held).toEqual({ reading: false, sending: false })
    expect(second.ended).toBeUndefined()
    exchange.clock.advance(100)
    expect(second.ended).toBe('fin')
    expect(exchange.clock.pendingTimers).toBe(0)
    expect(() => exchange.stall({ forMs: Number.NaN })).toThrow(/forMs must be/)
  })

  it('refuses as many connects as asked, and more than it has room for', () => {
    const exchange = new MemoryExchange({ maxConnections: 1 })
    const request = { path: '/', headers: {} }
    exchange.refuseConnects({ status: 429, retryAfterS: 2 })
    exchange.refuseConnects({ count: 2 })
    expect(exchange.onUpgrade(request)).toMatchObject({ status: 429, headers: { 'retry-after': '2' } })
    expect(exchange.onUpgrade(request)).toMatchObject({ status: 503, headers: {} })
    expect(exchange.onUpgrade(request)).toMatchObject({ status: 503 })
    expect(exchange.onUpgrade(request)).toBeUndefined()
    exchange.connect()
    expect(exchange.onUpgrade(request)).toMatchObject({ status: 429 })
    expect(exchange.log().filter((entry) => entry.kind === 'refused')).toHaveLength(4)
    expect(() => exchange.refuseConnects({ status: 200 })).toThrow(/status must be from 400/)
  })

  it('has no effect of what arrives after it has dropped the client, and still logs it', () => {
    const exchange = new MemoryExchange()
    const client = exchange.connectAuthenticated()
    exchange.drop()
    client.call('private/buy', { instrument_name: 'BTC-PERPETUAL', amount: 1, type: 'market', label: 'a' }, 'o')
    expect(exchange.orders.labelled('a')).toEqual([])
    expect(exchange.log().at(-1)).toMatchObject({ kind: 'frame', id: 'o', label: 'a', whole: true })
  })

  it('by chance: every kind sooner or later, the same for the same seed, none after calm()', () => {
    const run = (seed: number): string[] => {
      const exchange = new MemoryExchange({ chaos: { faultEveryMs: 100 }, seed })
      for (let i = 0; i < 2000; i++) {
        if (exchange.stats().connections === 0) exchange.connect()
        exchange.clock.advance(10)
      }
      const faults = exchange.log().flatMap((entry) => (entry.kind === 'fault' ? [entry.fault as string] : []))
      exchange.calm()
      const { logEntries } = exchange.stats()
      exchange.clock.advance(10_000)
      expect(exchange.stats().logEntries).toBe(logEntries)
      expect(exchange.clock.pendingTimers).toBe(0)
      return faults
    }
    expect(run(3)).toEqual(run(3))
    expect(run(3)).not.toEqual(run(4))
    expect([...new Set(run(3))].sort()).toEqual(['close', 'cut', 'fin', 'garbage', 'rst', 'stall', 'stall-and-drop'])
  })

  it('by chance: fates of orders depend on seed and label alone', () => {
    const exchange = new MemoryExchange({ chaos: true, seed: 5 })
    const labels = Array.from({ length: 500 }, (_, i) => `q-${i}`)
    const fates = labels.map((label) => exchange.fates.of(label))
    expect([...labels].reverse().map((label) => exchange.fates.of(label))).toEqual([...fates].reverse())
    expect(new Set(fates).size).toBe(8)
    expect(fates.filter((fate) => fate === 'natural').length).toBeGreaterThan(200)
    exchange.calm()
    expect(new Set(labels.map((label) => exchange.fates.of(label)))).toEqual(new Set(['natural']))
  })
})

describe('the log', () => {
  it('keeps its beginning and counts the rest', () => {
    const exchange = new MemoryExchange({ maxLogEntries: 3 })
    const client = exchange.connect()
    client.call('public/test', {}, 1)
    client.call('public/test', {}, 2)
    expect(exchange.log().map(({ seq, kind }) => [seq, kind])).toEqual([
      [1, 'opened'],
      [2, 'frame'],
      [3, 'reply'],
    ])
    expect(exchange.stats()).toMatchObject({ logEntries: 3, logDropped: 2 })
    expect(exchange.log(1, 1)).toMatchObject([{ seq: 2 }])
  })

  it('times entries by the clock', () => {
    const exchange = new MemoryExchange()
    exchange.clock.advance(1500)
    exchange.connect()
    expect(exchange.log()[0]?.atUs).toBe(1_577_836_800_000_000 + 1_500_000)
  })
})

describe('options', () => {
  it.each([
    ['rate', { rate: -1 }],
    ['port', { port: 70_000 }],
    ['seed', { seed: 1.5 }],
    ['host', { host: '' }],
    ['server', { server: 'http' }],
    ['instruments', { instruments: [] }],
    ['instruments', { instruments: ['A', 'A'] }],
    ['instruments', { instruments: ['A.B'] }],
    ['credentials', { credentials: { clientId: 'x' } }],
    ['tokenSeconds', { tokenSeconds: 0 }],
    ['whenTokenExpires', { whenTokenExpires: 'never' }],
    ['maxLogEntries', { maxLogEntries: Number.NaN }],
    ['chaos', { chaos: 3 }],
    ['chaos', { chaos: true, server: 'uws' }],
    ['perMessageDeflate', { perMessageDeflate: 'yes' }],
    ['perMessageDeflate', { perMessageDeflate: true, server: 'uws' }],
    ['chaos.faultEveryMs', { chaos: { faultEveryMs: 0 } }],
    ['chaos.faults.fire', { chaos: { faults: { fire: 1, rst: 1 } } }],
    ['chaos.fates', { chaos: { fates: {} } }],
    ['chaos.fates.late', { chaos: { fates: { late: -1, open: 1 } } }],
  ])('%s is named when it is wrong: %o', (field, options) => {
    const check = (): unknown => checkExchangeOptions(options as ExchangeOptions)
    expect(check).toThrow(WsConfigError)
    try {
      check()
    } catch (error) {
      expect((error as WsConfigError).problems.map((problem) => problem.field)).toEqual([field])
    }
  })

  it('undefined means the default', () => {
    expect(checkExchangeOptions({ rate: undefined } as never)).toEqual(checkExchangeOptions({}))
  })
})
