// Markdown out of case results.
import { isOurs } from './report.mjs'
import { formatNumber, verdictOf, verdictText } from './stats.mjs'

/**
 * @typedef {import('./report.mjs').CaseResult} CaseResult
 * @typedef {import('./question.mjs').Target} Target
 */

/**
 * @param {readonly string[]} header
 * @param {readonly (readonly string[])[]} rows
 */
export function markdownTable(header, rows) {
  const widths = header.map((cell, i) => Math.max(cell.length, ...rows.map((row) => (row[i] ?? '').length)))
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? `${'-'.repeat(width + 2)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [line(header), rule, ...rows.map(line)].join('\n')
}

/**
 * One case: a row per implementation, and what may be said of ours against it, by the first unit.
 * @param {readonly CaseResult[]} results Of one case.
 */
export function caseTable(results) {
  const units = [...new Set(results.map(({ unit }) => unit))]
  const impls = [...new Set(results.map(({ impl }) => impl))]
  const at = (/** @type {string} */ impl, /** @type {string} */ unit) =>
    results.find((result) => result.impl === impl && result.unit === unit)
  const ours = impls.find(isOurs)
  const header = ['', ...units.flatMap((unit) => [unit, 'min – max'])]
  if (ours) header.push(`${ours} is, by ${units[0]}`)
  const rows = impls.map((impl) => {
    const cells = units.flatMap((unit) => {
      const result = at(impl, unit)
      if (!result) return ['', '']
      return [formatNumber(result.median), `${formatNumber(result.min)} – ${formatNumber(result.max)}`]
    })
    const row = [impl, ...cells]
    if (ours) row.push(isOurs(impl) ? '' : against(at(ours, String(units[0])), at(impl, String(units[0]))))
    return row
  })
  return markdownTable(header, rows)
}

/**
 * @param {CaseResult | undefined} ours
 * @param {CaseResult | undefined} peer
 */
function against(ours, peer) {
  return ours && peer ? verdictText(verdictOf(ours.unit, ours, peer)) : ''
}

/**
 * What we promised ourselves, and whether it is so.
 * @param {readonly Target[]} targets
 * @param {Readonly<Record<string, number>>} ratios
 */
export function targetLines(targets, ratios) {
  return targets.flatMap((target) => {
    const ratio = ratios[`${target.case} ${target.peer}/${target.impl} ${target.unit}`]
    if (ratio === undefined) return []
    const figure = target.atLeast >= 1 ? `${formatNumber(ratio)} times less` : `${formatNumber(1 / ratio)} times`
    return [`${ratio >= target.atLeast ? 'reached' : 'MISSED'}: ${target.case}: ${target.says}: ${figure}`]
  })
}
