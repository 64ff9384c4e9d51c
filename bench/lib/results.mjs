// bench/RESULTS.md, out of one full run.
import { caseTable, targetLines } from './table.mjs'

/**
 * @typedef {object} Answered A question that was run, or not.
 * @property {import('./question.mjs').Question} question
 * @property {import('./report.mjs').Report | undefined} report
 * @property {readonly string[]} leftOut What could not be run here, and why.
 */

/**
 * @param {object} run
 * @param {string} run.command
 * @param {string} run.machine
 * @param {string} run.pinning
 * @param {string} run.date
 * @param {string | undefined} run.warning
 * @param {readonly Answered[]} answered
 */
export function resultsPage({ command, machine, pinning, date, warning }, answered) {
  const head = [
    '# Results',
    '',
    `Written by \`${command}\` on ${date}, in one run; do not edit.`,
    '',
    `- Machine: ${machine}`,
    `- Placement: ${pinning}`,
    ...(warning ? [`- Mind: ${warning}`] : []),
    '',
    'Each figure is the median of the rounds, with the least and the greatest. CPU is user and system time of the whole',
    'client process, its threads included, over the measured window only. "No difference" means that the ranges overlap.',
    'Messages per second, unpinned figures and p99 vary from run to run far more than CPU per message does.',
  ]
  return `${[...head, ...answered.flatMap(section)].join('\n')}\n`
}

/** @param {Answered} answered */
function section({ question, report, leftOut }) {
  const lines = ['', `## ${question.name}`, '', question.summary, '']
  for (const note of question.notes ?? []) lines.push(`- ${note}`)
  for (const reason of leftOut) lines.push(`- Left out: ${reason}`)
  if (!report || report.cases.length === 0) return lines
  lines.push('', `![${question.name}](results/${question.name}.svg)`)
  for (const name of new Set(report.cases.map((result) => result.name))) {
    lines.push('', `### ${name}`, '', caseTable(report.cases.filter((result) => result.name === name)))
  }
  const targets = targetLines(question.targets ?? [], report.ratios)
  if (targets.length > 0) lines.push('', 'What we promised ourselves:', '', ...targets.map((line) => `- ${line}`))
  return lines
}
