// Runs test/conformance: literate vectors of RFC 6455 and RFC 7692 through the core (built here with AddressSanitizer and
// UndefinedBehaviorSanitizer), the native transport and the ws transport. The addon must have been built.
//   node scripts/test-conformance.mjs                 what CI runs
//   node scripts/test-conformance.mjs SUBJECT...      only core, native or ws
//   node scripts/test-conformance.mjs --case 3.2      only the cases whose ids begin so
//   node scripts/test-conformance.mjs --full          all 1000 rounds of the families that have them, and more cuts
// The last line is `conformance: N cases, M checks, F failed`: cases are vectors times subjects, checks are comparisons made.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  BuildError,
  compileUnits,
  linkProgram,
  root,
  SANITIZERS,
  SHIPPED_FLAGS,
  unitsOf,
  WARNINGS,
  zlibLibrary,
} from './native-program.mjs'

const SUBJECTS = ['core', 'native', 'ws']
const OUTPUT = 'build/native-test/conformance'
const TALLY = join(root, '.cache/conformance')

try {
  process.exitCode = await main()
} catch (error) {
  const isUsage = error.code?.startsWith('ERR_PARSE_ARGS')
  if (!isUsage && !(error instanceof BuildError)) throw error
  console.error(`test-conformance: ${error.message}`)
  process.exitCode = isUsage ? 2 : 1
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { full: { type: 'boolean' }, case: { type: 'string' } },
  })
  const unknown = positionals.filter((name) => !SUBJECTS.includes(name))
  if (unknown.length > 0) throw new BuildError(`no subject is called ${unknown.join(', ')}: ${SUBJECTS.join(', ')}`)
  const subjects = positionals.length > 0 ? positionals : SUBJECTS
  if (subjects.includes('core')) await buildRunner()

  rmSync(TALLY, { recursive: true, force: true })
  const files = subjects.map((name) => `test/conformance/${name}.test.ts`)
  const vitest = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.conformance.config.ts', ...files],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        SHARED_WS_CONFORMANCE: values.full ? 'full' : '',
        SHARED_WS_CONFORMANCE_CASE: values.case ?? '',
        SHARED_WS_CONFORMANCE_TALLY: TALLY,
      },
    },
  )
  return report(subjects, vitest.status === 0)
}

/** Adds up what the test files left; one that left nothing has died. */
function report(subjects, succeeded) {
  const total = { cases: 0, checks: 0, failed: 0 }
  const found = existsSync(TALLY) ? readdirSync(TALLY).map((name) => name.replace('.json', '')) : []
  for (const subject of found) {
    const { cases, checks, failed } = JSON.parse(readFileSync(join(TALLY, `${subject}.json`), 'utf8'))
    console.log(`${subject}: ${cases} cases, ${checks} checks, ${failed} failed`)
    total.cases += cases
    total.checks += checks
    total.failed += failed
  }
  // What failed outside a case: a file that died, a subject that never ran.
  if (total.failed === 0 && (!succeeded || found.length < subjects.length || total.cases === 0)) total.failed = 1
  console.log(`${total.cases - Math.min(total.failed, total.cases)} passed, ${total.failed} failed`)
  console.log(`conformance: ${total.cases} cases, ${total.checks} checks, ${total.failed} failed`)
  return total.failed === 0 ? 0 : 1
}

/** native/test/conformance_runner.cc with the core, instrumented. */
async function buildRunner() {
  const cxx = process.env.CXX || 'g++'
  if (spawnSync(cxx, ['--version']).status !== 0) {
    throw new BuildError(`no C++20 compiler: ${cxx} does not run (apt-get install g++, or set CXX)`)
  }
  const units = [
    ...unitsOf('native/core', '', SHIPPED_FLAGS),
    { source: 'native/test/core_support.cc' },
    { source: 'native/test/conformance_runner.cc' },
  ]
  const flags = [...WARNINGS, '-O2', '-g1', '-fno-omit-frame-pointer', ...SANITIZERS]
  const made = await compileUnits({ cxx, output: OUTPUT, units, flags, label: 'conformance' })
  await linkProgram({ cxx, binary: `${OUTPUT}/conformance`, ...made, link: [...SANITIZERS, ...zlibLibrary()] })
}
