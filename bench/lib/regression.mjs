// What bench:check may call a regression.
import { moreIsBetter, overlap, ratioOf } from './stats.mjs'

/**
 * @typedef {import('./stats.mjs').Summary} Summary
 * @typedef {{ name: string, unit: string, base: Summary | undefined, head: Summary }} Compared
 *   No `base`: the merge base cannot be measured this way.
 */

/** A change smaller than this is noise even when the ranges do not overlap, as between two builds of the same code. */
const MARGIN = 1.05
/** Instructions are counted, not timed. */
const COUNT_MARGIN = 1.01

/** @param {Compared} compared */
export function isRegression({ unit, base, head }) {
  if (!base) return false
  const margin = unit === 'instructions/frame' ? COUNT_MARGIN : MARGIN
  return !overlap(base, head) && ratioOf(unit, head, base) < 1 / margin
}

/** @param {Compared} compared */
export function compareText(compared) {
  const { unit, base, head } = compared
  if (!base) return 'new'
  const change = (head.median / base.median - 1) * 100
  const percent = `${change >= 0 ? '+' : ''}${change.toFixed(1)} %`
  if (isRegression(compared)) return `REGRESSION ${percent}`
  if (overlap(base, head)) return `no difference (${percent})`
  const better = moreIsBetter(unit) ? change > 0 : change < 0
  return `${better ? 'better' : 'within noise'} (${percent})`
}
