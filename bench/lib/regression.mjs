// What bench:check may call a regression.
import { moreIsBetter, overlap, ratioOf } from './stats.mjs'

/**
 * @typedef {import('./stats.mjs').Summary} Summary
 * @typedef {{ name: string, unit: string, base: Summary | undefined, head: Summary }} Compared
 *   No `base`: the merge base cannot be measured this way.
 */

/**
 * A change smaller than this is noise even when the ranges do not overlap, as between two builds of the same code.
 * Instructions are counted, not timed. Few short rounds on a machine that others use prove less.
 */
export const MARGINS = { full: { timed: 1.05, counted: 1.01 }, quick: { timed: 1.15, counted: 1.1 } }

/**
 * @param {Compared} compared
 * @param {{ timed: number, counted: number }} margins
 */
export function isRegression({ unit, base, head }, margins = MARGINS.full) {
  if (!base) return false
  const margin = unit === 'instructions/frame' ? margins.counted : margins.timed
  return !overlap(base, head) && ratioOf(unit, head, base) < 1 / margin
}

/**
 * @param {Compared} compared
 * @param {{ timed: number, counted: number }} margins
 */
export function compareText(compared, margins = MARGINS.full) {
  const { unit, base, head } = compared
  if (!base) return 'new'
  const change = (head.median / base.median - 1) * 100
  const percent = `${change >= 0 ? '+' : ''}${change.toFixed(1)} %`
  if (isRegression(compared, margins)) return `REGRESSION ${percent}`
  if (overlap(base, head)) return `no difference (${percent})`
  const better = moreIsBetter(unit) ? change > 0 : change < 0
  return `${better ? 'better' : 'within noise'} (${percent})`
}
