// npm run bench: see lib/args.mjs for what it takes, README.md for what it does.
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from './lib/args.mjs'
import { checkFilter, findImpl, matchesFilter } from './lib/impls.mjs'
import { loadWarning, machineLine, Pinning } from './lib/machine.mjs'
import { buildNative, ROOT } from './lib/native.mjs'
import { plot } from './lib/plot.mjs'
import { Progress } from './lib/progress.mjs'
import { allQuestions, CannotRun } from './lib/question.mjs'
import { joinReports, makeReport } from './lib/report.mjs'
import { resultsPage } from './lib/results.mjs'
import { FULL, QUICK, runCase } from './lib/run-case.mjs'
import { caseTable, targetLines } from './lib/table.mjs'

const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`)

/** @param {import('./lib/args.mjs').Args} args */
async function main(args) {
  const questions = await allQuestions()
  if (args.list) {
    say(questions.map(({ name, summary }) => `${name.padEnd(12)} ${summary}`).join('\n'))
    return
  }
  const unknown = args.names.filter((name) => !questions.some((question) => question.name === name))
  if (unknown.length > 0) throw new Error(`no question is called ${unknown.join(', ')}; see --list`)
  checkFilter(args.filter)
  if (args.json) closeSync(openSync(args.json, 'a')) // a path that cannot be written is told before the run, not after it
  const chosen = questions.filter(({ name }) => args.names.length === 0 || args.names.includes(name))

  const native = buildNative()
  const pinning = new Pinning()
  const machine = machineLine()
  const warning = loadWarning()
  say([machine, pinning.description, ...(warning ? [warning] : [])].join('\n'))

  /** @type {import('./lib/results.mjs').Answered[]} */
  const answered = []
  /** @type {string[]} */
  const failures = []
  for (const question of chosen) {
    const one = await answer(question, args, { native, pinning, machine })
    answered.push(one)
    failures.push(...one.failures)
  }
  const reports = answered.flatMap(({ report }) => report ?? [])
  if (args.json) {
    const report = reports.length === 1 ? reports[0] : joinReports(machine, reports)
    writeFileSync(args.json, `${JSON.stringify(report, null, 2)}\n`)
  }
  if (failures.length > 0) {
    throw new Error(`${failures.length} failed:\n${failures.map((line) => `  ${line}`).join('\n')}`)
  }
  if (args.results) writeResults({ machine, warning, pinning: pinning.description }, answered)
}

/**
 * @param {import('./lib/question.mjs').Question} question
 * @param {import('./lib/args.mjs').Args} args
 * @param {Pick<import('./lib/run-case.mjs').Context, 'native' | 'pinning'> & { machine: string }} context
 */
async function answer(question, args, { native, pinning, machine }) {
  say(`\n${question.name}: ${question.summary}`)
  const progress = new Progress()
  /** @type {import('./lib/report.mjs').CaseResult[]} */
  const results = []
  /** @type {string[]} */
  const leftOut = []
  /** @type {string[]} */
  const failures = []
  let prepared
  try {
    prepared = question.prepare()
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error
    // Asked for by name it is a failure, among all of them a gap that is said.
    say(`left out: ${error.message}`)
    if (args.names.length > 0) failures.push(`${question.name}: ${error.message}`)
    return { question, report: undefined, leftOut: [error.message], failures }
  }
  for (const spec of prepared.cases) {
    const impls = spec.impls.filter((name) => matchesFilter(name, args.filter)).map(findImpl)
    if (impls.length === 0) continue
    try {
      const outcome = await runCase(spec, impls, {
        native,
        pinning,
        plan: args.quick ? QUICK : FULL,
        captures: prepared.captures ?? [],
        progress: (detail) => progress.show(`${question.name}: ${spec.name}`, detail),
      })
      progress.clear()
      results.push(...outcome.results)
      for (const reason of outcome.leftOut) if (!leftOut.includes(reason)) leftOut.push(reason)
      if (outcome.results.length > 0) say(`\n${spec.name}\n${caseTable(outcome.results)}`)
    } catch (error) {
      progress.clear()
      failures.push(`${question.name}, ${spec.name}: ${error instanceof Error ? error.message : error}`)
      say(`\n${spec.name}\nFAILED: ${failures.at(-1)}`)
    }
  }
  if (prepared.cases.every(({ impls }) => !impls.some((name) => matchesFilter(name, args.filter)))) {
    leftOut.push(
      `no case of ${question.name} has an implementation that --filter ${args.filter.join(',')} lets through`,
    )
    if (args.names.length > 0) failures.push(`${question.name}: ${leftOut.at(-1)}`)
  }
  const report = makeReport(question.name, machine, results)
  for (const reason of leftOut) say(`left out: ${reason}`)
  for (const line of targetLines(question.targets ?? [], report.ratios)) say(line)
  return { question, report, leftOut, failures }
}

/**
 * @param {{ machine: string, warning: string | undefined, pinning: string }} run
 * @param {readonly import('./lib/results.mjs').Answered[]} answered
 */
function writeResults(run, answered) {
  const folder = join(ROOT, 'bench')
  mkdirSync(join(folder, 'results'), { recursive: true })
  for (const { question, report } of answered) {
    const unit = report?.cases[0]?.unit
    if (!report || !unit) continue
    writeFileSync(join(folder, 'results', `${question.name}.svg`), plot(question.summary, report.cases, unit))
  }
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(
    join(folder, 'RESULTS.md'),
    resultsPage({ ...run, date, command: 'npm run bench -- --results' }, answered),
  )
  say('\nwritten: bench/RESULTS.md and bench/results/')
}

try {
  await main(parseArgs(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
