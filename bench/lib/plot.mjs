// One SVG per question: bars with min–max whiskers, grouped by case. Readable on light and dark pages, without scripts.
import { isOurs } from './report.mjs'
import { formatNumber, moreIsBetter } from './stats.mjs'

/** @typedef {import('./report.mjs').CaseResult} CaseResult */

const WIDTH = 860
const LABELS = 170
const FIGURES = 90
const ROW = 20
const GAP = 34
const TOP = 64
/** Widest that a bold sans-serif letter is on average, in em: a question as title must fit whatever font there is. */
const LETTER_EM = 0.62
const COLORS = { ours: '#0b6e4f', limit: '#8a8f98', peer: '#c97b2b' }

/** @param {string} text */
const escapeXml = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

/** @param {string} impl */
const colorOf = (impl) =>
  isOurs(impl) ? COLORS.ours : impl === 'C' || impl.startsWith('C:') ? COLORS.limit : COLORS.peer

/**
 * From value to pixels. Logarithmic when the figures differ by more than 20 times, for the small ones' sake.
 * @param {readonly CaseResult[]} results
 */
export function makeScale(results) {
  const room = WIDTH - LABELS - FIGURES
  const high = Math.max(...results.map(({ max }) => max))
  const low = Math.min(...results.map(({ min }) => min))
  if (high / low <= 20) return { log: false, x: (/** @type {number} */ value) => (value / high) * room }
  const floor = 10 ** Math.floor(Math.log10(low) - 0.2)
  const span = Math.log10(high / floor)
  return { log: true, x: (/** @type {number} */ value) => (Math.log10(value / floor) / span) * room }
}

/**
 * @param {string} title
 * @param {readonly CaseResult[]} all
 * @param {string} unit The one to plot.
 */
export function plot(title, all, unit) {
  const results = all.filter((result) => result.unit === unit)
  if (results.length === 0) throw new RangeError(`nothing to plot in ${unit}`)
  const scale = makeScale(results)
  const names = [...new Set(results.map(({ name }) => name))]
  const better = moreIsBetter(unit) ? 'more is better' : 'less is better'
  const legend = `${unit}, median with min–max; ${better}${scale.log ? '; logarithmic scale' : ''}`
  let y = TOP
  const groups = names.map((name) => {
    const rows = results.filter((result) => result.name === name)
    const heading = `<text x="16" y="${y}" class="case">${escapeXml(name)}</text>`
    const bars = rows.map((result, i) => bar(result, y + 8 + i * ROW, scale.x))
    y += 8 + rows.length * ROW + GAP
    return [heading, ...bars].join('\n')
  })
  const height = y - GAP + 20
  const titleSize = Math.min(15, (WIDTH - 32) / (title.length * LETTER_EM)).toFixed(1)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(title).replace(/"/g, '&quot;')}">
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: ${titleSize}px; font-weight: 600 }
.case { font-weight: 600 }
.legend { fill: #59636e }
</style>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="16" y="24" class="title">${escapeXml(title)}</text>
<text x="16" y="42" class="legend">${escapeXml(legend)}</text>
${groups.join('\n')}
</svg>
`
}

/**
 * @param {CaseResult} result
 * @param {number} y
 * @param {(value: number) => number} x
 */
function bar({ impl, median, min, max }, y, x) {
  const at = (/** @type {number} */ value) => (LABELS + x(value)).toFixed(1)
  const middle = y + ROW / 2
  return [
    `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${escapeXml(impl)}</text>`,
    `<rect x="${LABELS}" y="${y + 3}" width="${Math.max(x(median), 1).toFixed(1)}" height="${ROW - 6}" fill="${colorOf(impl)}"/>`,
    `<path d="M${at(min)} ${middle}H${at(max)}M${at(min)} ${middle - 4}v8M${at(max)} ${middle - 4}v8" stroke="#1f2328" fill="none"/>`,
    `<text x="${(LABELS + x(Math.max(median, max)) + 8).toFixed(1)}" y="${middle + 4}">${formatNumber(median)}</text>`,
  ].join('\n')
}
