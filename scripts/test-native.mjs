// Builds the native tests with AddressSanitizer and UndefinedBehaviorSanitizer into build/native-test and runs them.
//   node scripts/test-native.mjs            all tests
//   node scripts/test-native.mjs NAME...    only tests whose name, or whose file's name, contains one of these
//   node scripts/test-native.mjs --bench    instead, what the codec costs (native/bench, built as the addon is)
// native/test/core_*.cc make one program with native/core, which needs zlib; native/test/io_*.cc another with native/core
// and native/io, which needs libuv and OpenSSL too: as libraries, because Node's own cannot be linked to. harness.cc belongs
// to both. CXX names the compiler (g++ by default).
import { spawn, spawnSync } from 'node:child_process'
import { basename, join } from 'node:path'
import {
  BuildError,
  compileUnits,
  ioLibraries,
  linkProgram,
  root,
  SANITIZERS,
  SHIPPED_FLAGS,
  unitsOf,
  WARNINGS,
  zlibLibrary,
} from './native-program.mjs'

const output = 'build/native-test'
const cxx = process.env.CXX || 'g++'

const TEST_FLAGS = [...WARNINGS, '-O2', '-g1', '-fno-omit-frame-pointer', ...SANITIZERS]

const RUN_TIMEOUT_MS = 600_000

const names = process.argv.slice(2)
try {
  requireCompiler()
  if (names[0] === '--bench' && names.length === 1) await bench()
  else if (names.some((name) => name.startsWith('-'))) throw new BuildError(`unknown option ${names.join(' ')}`)
  else await test()
} catch (error) {
  if (!(error instanceof BuildError)) throw error
  console.error(`test-native: ${error.message}`)
  process.exitCode = 1
}

async function test() {
  const programs = [
    {
      name: 'core',
      units: [...unitsOf('native/core', '', SHIPPED_FLAGS), ...unitsOf('native/test', 'core_'), harness()],
      // The tests count and refuse the memory of Bytes and of zlib.
      link: ['-Wl,--wrap=malloc,--wrap=realloc,--wrap=free', ...zlibLibrary()],
    },
  ]
  const io = ioProgram()
  if (io.program) programs.push(io.program)

  const total = { passed: 0, failed: 0 }
  for (const program of programs) {
    const binary = await build(program.name, program.units, TEST_FLAGS, [...SANITIZERS, ...program.link])
    const { passed, failed } = await run(program.name, binary)
    total.passed += passed
    total.failed += failed
  }
  if (io.skipped) console.log(`io: SKIPPED: ${io.skipped}`)
  console.log(`${total.passed} passed, ${total.failed} failed`)
  if (total.passed + total.failed === 0) throw new BuildError(`no test is called ${names.join(' or ')}`)
  if (total.failed > 0) process.exitCode = 1
}

/** The program of the io tests, the reason why it cannot be built, or neither while there are no io tests. */
function ioProgram() {
  const tests = unitsOf('native/test', 'io_')
  if (tests.length === 0) return {}
  const { missing, cflags, libs } = ioLibraries()
  if (missing !== undefined) return { skipped: missing }
  return {
    program: {
      name: 'io',
      units: [
        ...unitsOf('native/core', '', SHIPPED_FLAGS),
        ...unitsOf('native/io', '', [...SHIPPED_FLAGS, ...cflags]),
        ...unitsOf('native/test', 'io_', cflags),
        harness(),
      ],
      link: [...libs, '-pthread'],
    },
  }
}

async function bench() {
  const flags = [...WARNINGS, '-O3', ...SHIPPED_FLAGS]
  for (const unit of unitsOf('native/bench', '')) {
    const name = basename(unit.source, '.cc')
    const binary = await build(name, [...unitsOf('native/core', ''), unit], flags, zlibLibrary())
    if (spawnSync(binary, { stdio: 'inherit' }).status !== 0) throw new BuildError(`${name} failed`)
  }
}

function harness() {
  return { source: 'native/test/harness.cc', flags: [] }
}

/** Compiles what changed, links when anything did, and returns the path of the program. */
async function build(name, units, flags, link) {
  const directory = `${output}/${name}`
  const { objects, changed } = await compileUnits({ cxx, output: directory, units, flags, label: name })
  const binary = `${directory}/${name}`
  await linkProgram({ cxx, binary, objects, link, changed })
  return join(root, binary)
}

/** Runs a test program, passes its lines on, and returns its counts; one that dies counts as a failure. */
function run(name, binary) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, names, {
      cwd: root,
      stdio: ['ignore', 'pipe', 2],
      timeout: RUN_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    let text = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const summary = text.match(/^(\d+) passed, (\d+) failed\n$/m)
      process.stdout.write(text.replace(/^\d+ passed, \d+ failed\n$/m, ''))
      const counts = { passed: Number(summary?.[1] ?? 0), failed: Number(summary?.[2] ?? 0) }
      // A leak, for one, is found after the summary.
      if (code !== 0 && counts.failed === 0) {
        console.log(`${name}: died with ${signal ?? `exit code ${code}`}`)
        counts.failed = 1
      }
      console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed`)
      resolve(counts)
    })
  })
}

function requireCompiler() {
  if (spawnSync(cxx, ['--version']).status === 0) return
  throw new BuildError(`no C++20 compiler: ${cxx} does not run (apt-get install g++, or set CXX)`)
}
