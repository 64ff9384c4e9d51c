// Pure arithmetic of the bench: medians, ratios, verdicts.

/**
 * @typedef {{ median: number, min: number, max: number, n: number }} Summary `n` is the number of rounds.
 * @typedef {'better' | 'worse' | 'no difference'} VerdictKind
 * @typedef {{ kind: VerdictKind, ratio: number }} Verdict
 */

/** Units of which more is better; of all others less is. */
const MORE_IS_BETTER = new Set(['msg/s', 'GB/s'])

/** @param {string} unit */
export const moreIsBetter = (unit) => MORE_IS_BETTER.has(unit)

/** @param {readonly number[]} values */
export function median(values) {
  if (values.length === 0) throw new RangeError('median of no values')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * The value below which `share` (0 … 1) of a sorted array lies.
 * @param {ArrayLike<number>} sorted
 * @param {number} share
 */
export function percentile(sorted, share) {
  if (sorted.length === 0) throw new RangeError('percentile of no values')
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/**
 * @param {readonly number[]} values
 * @returns {Summary}
 */
export function summarize(values) {
  if (values.some((value) => !Number.isFinite(value))) throw new RangeError(`not all numbers: ${values.join(', ')}`)
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), n: values.length }
}

/**
 * Above 1 means that ours is better.
 * @param {string} unit
 * @param {Summary} ours
 * @param {Summary} peer
 */
export function ratioOf(unit, ours, peer) {
  return moreIsBetter(unit) ? ours.median / peer.median : peer.median / ours.median
}

/**
 * @param {Summary} a
 * @param {Summary} b
 */
export const overlap = (a, b) => a.min <= b.max && b.min <= a.max

/**
 * What may be said of two results of one run: nothing, when their ranges overlap.
 * @param {string} unit
 * @param {Summary} ours
 * @param {Summary} peer
 * @returns {Verdict}
 */
export function verdictOf(unit, ours, peer) {
  const ratio = ratioOf(unit, ours, peer)
  if (overlap(ours, peer)) return { kind: 'no difference', ratio }
  return { kind: ratio > 1 ? 'better' : 'worse', ratio }
}

/** @param {Verdict} verdict */
export function verdictText({ kind, ratio }) {
  if (kind === 'no difference') return 'no difference'
  return kind === 'better' ? `${formatRatio(ratio)}× better` : `${formatRatio(1 / ratio)}× worse`
}

/** @param {number} ratio */
const formatRatio = (ratio) => (ratio >= 100 ? ratio.toFixed(0) : ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2))

/**
 * For people: three significant digits, thousands separated by spaces.
 * @param {number} value
 */
export function formatNumber(value) {
  const size = Math.abs(value)
  if (size >= 1000)
    return Math.round(value)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, ' ')
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  return value.toFixed(2)
}
