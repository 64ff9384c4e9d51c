import { describe, expect, it } from 'vitest'
import { SequenceCheck, type WsSequenceNumber } from '../../../src/ingress/sequence-check.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const HUGE = 1304314508780744705n

describe('range', () => {
  it('takes numbers that follow each other, one each or from first to last', () => {
    const check = new SequenceCheck()
    expect([157, 158, 159].map((n) => check.range('bybit', n))).toEqual(['next', 'next', 'next'])
    // Binance spot: U and u; KuCoin may overlap (sequenceStart <= last + 1, sequenceEnd > last).
    expect(check.range('spot', 157, 160)).toBe('next')
    expect(check.range('spot', 161, 161)).toBe('next')
    expect(check.range('spot', 160, 170)).toBe('next')
    expect(check.range('spot', 171, 180)).toBe('next')
  })

  it('finds each hole once, with the numbers, how many are missing, and the times around it', () => {
    const check = new SequenceCheck()
    check.range('a', 1, 4, 1000)
    expect(check.range('a', 9, 12, 2500)).toEqual({
      key: 'a',
      expected: 5,
      received: 9,
      messages: 4,
      fromUs: 1000,
      toUs: 2500,
    })
    expect(check.range('a', 13)).toBe('next')
    check.range(undefined, 0)
    expect(check.range(undefined, 2)).toEqual({ expected: 1, received: 2, messages: 1 })
  })

  it('takes what has been seen for old, and changes nothing by it', () => {
    const check = new SequenceCheck()
    check.range('a', 10, 20)
    expect([check.range('a', 10, 20), check.range('a', 20), check.range('a', 3, 9)]).toEqual(['old', 'old', 'old'])
    expect(check.range('a', 21)).toBe('next')
  })

  it('takes it for a new numbering when nothing else comes any more', () => {
    const check = new SequenceCheck()
    check.range('a', 1_000_000)
    for (let n = 1; n < 100; n++) expect(check.range('a', n)).toBe('old')
    expect(check.range('a', 100)).toEqual({ key: 'a', expected: 1_000_001, received: 100 })
    expect(check.range('a', 101)).toBe('next')
  })

  it('is exact where doubles are not, whatever the type', () => {
    const check = new SequenceCheck()
    check.range('a', HUGE)
    expect(check.range('a', String(HUGE + 1n))).toBe('next')
    expect(check.range('a', HUGE + 3n)).toMatchObject({ expected: HUGE + 2n, received: HUGE + 3n, messages: 1 })
    check.range('b', Number.MAX_SAFE_INTEGER)
    expect(check.range('b', '9007199254740992')).toBe('next')
    expect(check.range('b', 9007199254740993n)).toBe('next')
    check.range('c', '7')
    expect([check.range('c', 8n), check.range('c', 9), check.range('c', '000000000000000010')]).toEqual([
      'next',
      'next',
      'next',
    ])
  })

  it('agrees with counting, for any loss, duplicate and form of number', () => {
    const next = seededRandom(7)
    for (let round = 0; round < 50; round++) {
      const check = new SequenceCheck()
      const form = (n: bigint): WsSequenceNumber => {
        const way = Math.floor(next() * 3)
        if (way === 0) return n
        return way === 1 || n > Number.MAX_SAFE_INTEGER ? String(n) : Number(n)
      }
      let n = round % 2 === 0 ? 5n : BigInt(Number.MAX_SAFE_INTEGER) - 10n
      check.range('a', form(n))
      for (let i = 0; i < 60; i++) {
        const chance = next()
        if (chance < 0.2) {
          expect(check.range('a', form(n))).toBe('old')
          continue
        }
        const lost = chance < 0.4 ? BigInt(1 + Math.floor(next() * 5)) : 0n
        const from = n + 1n + lost
        n = from + BigInt(Math.floor(next() * 3))
        const verdict = check.range('a', form(from), form(n))
        if (lost === 0n) expect(verdict).toBe('next')
        else expect(verdict).toMatchObject({ messages: Number(lost) })
      }
    }
  })
})

describe('chain', () => {
  it('takes what names the last one, whatever the steps', () => {
    const check = new SequenceCheck()
    // Binance futures: pu and u.
    expect([check.chain('a', 149, 160), check.chain('a', 160, 165), check.chain('a', 165, 400)]).toEqual([
      'next',
      'next',
      'next',
    ])
    expect(check.chain('a', 410, 420, 77)).toEqual({ key: 'a', expected: 400, received: 410, toUs: 77 })
    expect(check.chain('a', 420, 421)).toBe('next')
  })

  // The examples of OKX's documentation of prevSeqId and seqId.
  it('takes a snapshot, a keep-alive and the smaller number after maintenance for what they are on OKX', () => {
    const check = new SequenceCheck()
    const all = [
      [-1, 10],
      [10, 15],
      [15, 15],
      [15, 3],
      [3, 5],
    ] as const
    expect(all.map(([previous, last]) => check.chain('books', previous, last))).toEqual(all.map(() => 'next'))
    expect(check.chain('books', -1, 100)).toBe('next')
    expect(check.chain('books', 100, 101)).toBe('next')
  })

  it('knows duplicates and what was overtaken from holes', () => {
    const check = new SequenceCheck()
    check.chain('a', 10, 15)
    check.chain('a', 15, 20)
    expect([check.chain('a', 15, 20), check.chain('a', 10, 15)]).toEqual(['old', 'old'])
    expect(check.chain('a', 20, 25)).toBe('next')
    // The message before the reset was lost.
    expect(check.chain('a', 30, 3)).toMatchObject({ expected: 25, received: 30 })
    expect(check.chain('a', 3, 5)).toBe('next')
  })

  it('takes it for a new numbering when nothing else comes any more', () => {
    const check = new SequenceCheck()
    check.chain('a', 999, 1000)
    for (let n = 1; n < 100; n++) expect(check.chain('a', n - 1, n)).toBe('old')
    expect(check.chain('a', 99, 100)).toMatchObject({ expected: 1000, received: 99 })
    expect(check.chain('a', 100, 101)).toBe('next')
  })
})

describe('SequenceCheck', () => {
  it('goes on from a snapshot, and begins anew when it is cleared', () => {
    const check = new SequenceCheck()
    check.range('a', 5)
    check.restart('a', 100, 9)
    expect(check.range('a', 102, 102, 12)).toMatchObject({ expected: 101, received: 102, fromUs: 9, toUs: 12 })
    check.restart('a')
    expect(check.range('a', 7)).toBe('next')
    check.restart(undefined, '50')
    expect(check.range(undefined, 51)).toBe('next')
    check.clear()
    expect([check.range('a', 90), check.chain(undefined, 90, 91)]).toEqual(['next', 'next'])
  })

  it('takes text that is no number for a hole after which nobody knows where the sequence is', () => {
    const check = new SequenceCheck()
    check.range('a', 5)
    for (const nonsense of ['', 'abc', '1.5', '1e9', ' 7', '9'.repeat(41)]) {
      expect(check.range('a', nonsense)).toMatchObject({ key: 'a', received: nonsense })
    }
    expect(check.range('a', 8, 6)).toMatchObject({ received: 8 })
    expect(check.range('a', 3)).toBe('next')
    expect(check.chain('a', 'abc', 9)).toMatchObject({ expected: 4, received: 'abc' })
    check.restart('a', 'abc')
    expect(check.chain('a', 1, 2)).toBe('next')
  })

  it('refuses what has been rounded, and what is no number by type', () => {
    const check = new SequenceCheck()
    // What JSON.parse has made of 1304314508780744705.
    expect(() => check.range('a', 1304314508780744700)).toThrow(/sequence\.first: .*take the digits as they are/)
    expect(() => check.chain('a', 1, undefined as never)).toThrow(/sequence\.last: must be digits as text/)
    expect(() => check.range('a', 1.5)).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
    expect(() => new SequenceCheck({ maxKeys: 0 })).toThrow(/maxKeys/)
  })

  it('forgets the topic that came first when there are too many', () => {
    const check = new SequenceCheck({ maxKeys: 2 })
    for (const key of ['a', 'b', 'c']) check.range(key, 1)
    expect(check.range('c', 3)).toMatchObject({ expected: 2 })
    expect(check.range('b', 3)).toMatchObject({ expected: 2 })
    expect(check.range('a', 3)).toBe('next')
  })
})
