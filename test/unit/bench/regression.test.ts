import { describe, expect, it } from 'vitest'
import { compareText, isRegression, MARGINS } from '../../../bench/lib/regression.mjs'

const summary = (median: number, spread = 0) => ({ median, min: median - spread, max: median + spread, n: 9 })
const compared = (unit: string, base: number, head: number, spread = 0) => ({
  name: 'bulk',
  unit,
  base: summary(base, spread),
  head: summary(head, spread),
})

describe('a regression', () => {
  it('is slower by more than the margin, with ranges apart', () => {
    const one = compared('cpu-ns/msg', 100, 110, 2)
    expect(isRegression(one)).toBe(true)
    expect(compareText(one)).toBe('REGRESSION +10.0 %')
  })

  it('is not what noise can explain', () => {
    expect(isRegression(compared('cpu-ns/msg', 100, 110, 6))).toBe(false)
    expect(compareText(compared('cpu-ns/msg', 100, 110, 6))).toBe('no difference (+10.0 %)')
    expect(isRegression(compared('cpu-ns/msg', 100, 104, 1))).toBe(false)
    expect(compareText(compared('cpu-ns/msg', 100, 104, 1))).toBe('within noise (+4.0 %)')
  })

  it('is not an improvement', () => {
    expect(isRegression(compared('cpu-ns/msg', 110, 100, 1))).toBe(false)
    expect(compareText(compared('cpu-ns/msg', 110, 100, 1))).toBe('better (-9.1 %)')
  })

  it('knows units of which more is better', () => {
    expect(isRegression(compared('msg/s', 100, 80, 1))).toBe(true)
    expect(isRegression(compared('msg/s', 100, 120, 1))).toBe(false)
  })

  it('of counted instructions is more than one in a hundred', () => {
    expect(isRegression(compared('instructions/frame', 131, 132))).toBe(false)
    expect(isRegression(compared('instructions/frame', 131, 133))).toBe(true)
  })

  it('needs a base', () => {
    const one = { name: 'bulk', unit: 'cpu-ns/msg', base: undefined, head: summary(100) }
    expect(isRegression(one)).toBe(false)
    expect(compareText(one)).toBe('new')
  })

  it('asks for more in a quick run, which proves less', () => {
    const timed = compared('cpu-ns/msg', 100, 110, 1)
    expect(isRegression(timed, MARGINS.quick)).toBe(false)
    expect(compareText(timed, MARGINS.quick)).toBe('within noise (+10.0 %)')
    expect(isRegression(compared('cpu-ns/msg', 100, 120, 1), MARGINS.quick)).toBe(true)
    expect(isRegression(compared('instructions/frame', 100, 109), MARGINS.quick)).toBe(false)
    expect(isRegression(compared('instructions/frame', 100, 111), MARGINS.quick)).toBe(true)
  })
})
