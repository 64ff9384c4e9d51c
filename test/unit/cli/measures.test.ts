import { describe, expect, test } from 'vitest'
import { PayloadAgeMeter } from '../../../src/cli/payload-age.ts'
import { Samples } from '../../../src/cli/samples.ts'

describe('Samples', () => {
  test('nothing measured is no summary', () => {
    expect(new Samples().summary()).toBeUndefined()
  })

  test('the lower median of an even count, extremes, count', () => {
    const samples = new Samples()
    for (const value of [9, 1, 5, 3]) samples.add(value)
    expect(samples.summary()).toEqual({ median: 3, min: 1, max: 9, n: 4 })
  })

  test('extremes are remembered for ever, the median moves with the last ones', () => {
    const samples = new Samples()
    for (let i = 0; i < 10; i++) samples.add(-1000)
    for (let i = 0; i < Samples.KEPT; i++) samples.add(7)
    expect(samples.summary()).toEqual({ median: 7, min: -1000, max: 7, n: Samples.KEPT + 10 })
  })
})

describe('PayloadAgeMeter', () => {
  const NOW_US = 1_700_000_000_123_456
  const ageOf = (...texts: string[]) => {
    const meter = new PayloadAgeMeter()
    for (const text of texts) meter.observe(text, NOW_US)
    return meter.summary()
  }

  test.each([
    ['{"e":"trade","E":1700000000100,"T":1700000000090}', 'E', 'ms', 23_456],
    ['{"T":1700000000090,"E":1700000000100}', 'E', 'ms', 23_456],
    ['{"data":[{"ts":"1700000000100"}]}', 'ts', 'ms', 23_456],
    ['{"ts" : 1700000000123000}', 'ts', 'us', 456],
    ['{"time":1700000000124456000}', 'time', 'ns', -1000],
    ['{"time":1700000000,"time_ms":1700000000100}', 'time_ms', 'ms', 23_456],
  ])('%s', (text, field, unit, us) => {
    const age = ageOf(text)
    expect(age).toMatchObject({ field, unit, n: 1 })
    // Epoch ns do not fit a double to the ns.
    expect(age?.median).toBeCloseTo(us, -1)
  })

  test.each([
    ['another field', '{"id":1700000000100}'],
    ['seconds', '{"ts":1700000000}'],
    ['too many digits', '{"ts":17000000001001}'],
    ['a fraction', '{"ts":1700000000100.5}'],
    ['long ago, as in a replay', '{"ts":1600000000100}'],
    ['no JSON', 'pong'],
    ['behind 2048 characters', `{"x":"${'x'.repeat(2048)}","ts":1700000000100}`],
  ])('not %s', (_name, text) => {
    expect(ageOf(text)).toBeUndefined()
  })

  test('the first field found is the one measured from then on', () => {
    expect(ageOf('{"T":1700000000100}', '{"E":1700000000000}', '{"T":1700000000120}')).toMatchObject({
      field: 'T',
      n: 2,
      min: 3456,
      max: 23_456,
    })
  })

  test('gives up after 1000 messages without one', () => {
    expect(ageOf(...Array<string>(1000).fill('{}'), '{"ts":1700000000100}')).toBeUndefined()
    expect(ageOf(...Array<string>(999).fill('{}'), '{"ts":1700000000100}')).toMatchObject({ n: 1 })
  })
})
