import { describe, expect, it } from 'vitest'
import {
  formatNumber,
  median,
  overlap,
  percentile,
  ratioOf,
  summarize,
  verdictOf,
  verdictText,
} from '../../../bench/lib/stats.mjs'

const summary = (median: number, min: number, max: number) => ({ median, min, max, n: 3 })

describe('median', () => {
  it('is the middle value, or the mean of the middle two', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([10, 9, 1, 2])).toBe(5.5)
    expect(median([7])).toBe(7)
  })

  it('leaves the values where they are', () => {
    const values = [3, 1, 2]
    median(values)
    expect(values).toEqual([3, 1, 2])
  })

  it('sorts as numbers, not as text', () => expect(median([100, 9, 20])).toBe(20))
  it('of nothing is a mistake', () => expect(() => median([])).toThrow(RangeError))
})

it('a percentile never leaves the samples', () => {
  const samples = Float64Array.from({ length: 100 }, (_, i) => i)
  expect(percentile(samples, 0.5)).toBe(50)
  expect(percentile(samples, 0.99)).toBe(99)
  expect(percentile(samples, 1)).toBe(99)
  expect(percentile([4], 0.99)).toBe(4)
})

it('a summary counts rounds and refuses what is not a number', () => {
  expect(summarize([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5, n: 3 })
  expect(() => summarize([1, Number.NaN])).toThrow('NaN')
  expect(() => summarize([1, Number.POSITIVE_INFINITY])).toThrow('Infinity')
})

describe('ratios', () => {
  it('are above 1 when ours costs less', () => {
    expect(ratioOf('cpu-ns/msg', summary(50, 50, 50), summary(500, 500, 500))).toBe(10)
    expect(ratioOf('p50-us', summary(20, 20, 20), summary(10, 10, 10))).toBe(0.5)
  })

  it('are above 1 when ours does more', () => {
    expect(ratioOf('msg/s', summary(300, 300, 300), summary(100, 100, 100))).toBe(3)
    expect(ratioOf('GB/s', summary(1, 1, 1), summary(4, 4, 4))).toBe(0.25)
  })
})

describe('verdicts', () => {
  it('are withheld where the ranges overlap, even at one point', () => {
    expect(overlap(summary(5, 4, 6), summary(7, 6, 8))).toBe(true)
    expect(overlap(summary(7, 6, 8), summary(5, 4, 5.9))).toBe(false)
    const verdict = verdictOf('cpu-ns/msg', summary(5, 4, 6), summary(7, 6, 8))
    expect(verdict).toEqual({ kind: 'no difference', ratio: 1.4 })
    expect(verdictText(verdict)).toBe('no difference')
  })

  it('hold when one range contains the other', () => {
    expect(verdictOf('cpu-ns/msg', summary(5, 1, 9), summary(6, 5, 7)).kind).toBe('no difference')
  })

  it('say how many times better or worse', () => {
    expect(verdictText(verdictOf('cpu-ns/msg', summary(50, 49, 51), summary(500, 490, 510)))).toBe('10.0× better')
    expect(verdictText(verdictOf('cpu-ns/msg', summary(50, 49, 51), summary(25, 24, 26)))).toBe('2.00× worse')
    expect(verdictText(verdictOf('msg/s', summary(50, 49, 51), summary(25, 24, 26)))).toBe('2.00× better')
    expect(verdictText(verdictOf('ns/frame', summary(1, 1, 1), summary(250, 250, 250)))).toBe('250× better')
  })
})

it('numbers for people have about three digits', () => {
  expect([0.1234, 4.567, 45.67, 456.7, 4567.8, 1_234_567].map(formatNumber)).toEqual([
    '0.12',
    '4.57',
    '45.7',
    '457',
    '4 568',
    '1 234 567',
  ])
})
