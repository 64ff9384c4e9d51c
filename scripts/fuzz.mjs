// Fuzzes what reads bytes from the network: libFuzzer over native/core and native/io, with AddressSanitizer and
// UndefinedBehaviorSanitizer. native/fuzz/README.md says what a target is and how to add one.
//   node scripts/fuzz.mjs                        every target, 60 seconds shared among them
//   node scripts/fuzz.mjs --seconds N            the same for N seconds in all; building comes on top
//   node scripts/fuzz.mjs NAME... [--seconds N]  only these targets
//   node scripts/fuzz.mjs NAME --replay FILE     one input, once: what a failure tells to run
//   node scripts/fuzz.mjs --self-test            plants bugs in copies of the code: each must be found
//   node scripts/fuzz.mjs --list                 the targets
// Everything it makes is below build/fuzz. CXX names a Clang with libFuzzer (clang++ by default).
import { parseArgs } from 'node:util'
import { selfTest } from './fuzz-self-test.mjs'
import { FuzzFailure, listTargets, prepare, replay, runTarget } from './fuzz-target.mjs'
import { BuildError } from './native-program.mjs'

const DEFAULT_SECONDS = 60

try {
  await main()
} catch (error) {
  if (!(error instanceof BuildError || error instanceof FuzzFailure)) throw error
  console.error(`fuzz: ${error.message}`)
  process.exitCode = 1
}

async function main() {
  const { values, positionals } = readArguments()
  const known = listTargets()
  if (values.list) return console.log(known.join('\n'))
  const unknown = positionals.filter((name) => !known.includes(name))
  if (unknown.length > 0)
    throw new BuildError(`no target is called ${unknown.join(' or ')}; there are ${known.join(', ')}`)
  const names = positionals.length > 0 ? positionals : known

  if (values['self-test']) return report(await selfTest(positionals))
  const programs = await prepare(names)
  if (values.replay !== undefined) {
    if (positionals.length !== 1) throw new BuildError('--replay takes one target and one file: NAME --replay FILE')
    return replay(programs[0], values.replay)
  }
  const seconds = Math.max(1, Math.floor(secondsOf(values.seconds) / programs.length))
  const counts = { passed: 0, failed: 0 }
  for (const program of programs) {
    if (await runTarget(program, seconds)) counts.passed++
    else counts.failed++
  }
  report(counts)
}

/** The last line is read by .ci/run. */
function report({ passed, failed }) {
  console.log(`${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: 'string' },
        replay: { type: 'string' },
        'self-test': { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new BuildError(`${error.message}; see the head of scripts/fuzz.mjs`)
  }
}

function secondsOf(text = String(DEFAULT_SECONDS)) {
  const seconds = Number(text)
  if (Number.isInteger(seconds) && seconds >= 1) return seconds
  throw new BuildError(`--seconds wants a whole number of at least 1, not ${text}`)
}
