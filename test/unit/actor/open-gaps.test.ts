import { describe, expect, it } from 'vitest'
import { authExpired } from '../../../src/actor/causes.ts'
import { OpenGaps, WHOLE } from '../../../src/actor/open-gaps.ts'

const cause = authExpired()
const byFeed = { feed: 'asked', user: false } as const
const byUser = { feed: 'none', user: true } as const

describe('OpenGaps', () => {
  it('tells a gap once, and counts what is missing of it until it has ended', () => {
    const gaps = new OpenGaps()
    expect(gaps.report('a', 5, cause, byFeed, 2)).toBe(true)
    expect(gaps.report('a', 9, cause, byFeed)).toBe(false)
    expect(gaps.report('a', 9, cause, byFeed, 3)).toBe(false)
    expect(gaps.list()).toEqual([{ key: 'a', fromUs: 5, cause, reports: 3, messages: 5 }])
    expect(gaps.fed('a')).toBe(true)
    expect([gaps.has('a'), gaps.size]).toEqual([false, 0])
    expect(gaps.report('a', 11, cause, byFeed)).toBe(true)
  })

  it('ends when everything has come that any of its reports wants', () => {
    const gaps = new OpenGaps()
    gaps.report('a', 0, cause, byFeed)
    gaps.report('a', 0, cause, byUser)
    expect([gaps.fed('a'), gaps.fed('a'), gaps.mended('a')]).toEqual([false, false, true])
    gaps.report('a', 0, cause, byUser)
    expect(gaps.fed('a')).toBe(false)
    gaps.report('a', 0, cause, byFeed)
    expect([gaps.mended('a'), gaps.mended('a'), gaps.fed('a')]).toEqual([false, false, true])
    expect([gaps.mended('a'), gaps.fed('a')]).toEqual([false, false])
  })

  it('takes nothing for the answer to what nobody has asked yet, nor for what another connection must bring', () => {
    const gaps = new OpenGaps()
    gaps.report('a', 0, cause, { feed: 'to-ask', user: false })
    gaps.report('a', 0, cause, byFeed)
    expect(gaps.fed('a')).toBe(false)
    gaps.asked('a')
    gaps.report('b', 0, cause, { feed: 'lost', user: false })
    gaps.asked('b')
    expect([gaps.fed('a'), gaps.fed('b'), gaps.feedOf('b')]).toEqual([true, false, 'lost'])
  })

  it('names no topic where the whole connection has the gap, and forgets what nobody minds', () => {
    const gaps = new OpenGaps()
    gaps.report(WHOLE, 1, cause, byUser)
    gaps.report('a', 2, cause, byUser)
    gaps.forget('a')
    expect(gaps.list()).toEqual([{ fromUs: 1, cause, reports: 1 }])
    gaps.clear()
    expect([gaps.size, gaps.mended(WHOLE)]).toEqual([0, false])
  })
})
