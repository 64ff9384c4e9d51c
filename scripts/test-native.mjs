// Builds the native tests with AddressSanitizer and UndefinedBehaviorSanitizer into build/native-test and runs them.
//   node scripts/test-native.mjs            all tests
//   node scripts/test-native.mjs NAME...    only tests whose name, or whose file's name, contains one of these
//   node scripts/test-native.mjs --bench    instead, what the codec costs (native/bench, built as the addon is)
// native/test/core_*.cc make one program with native/core; native/test/io_*.cc another with native/core and native/io, which
// needs libuv and OpenSSL as libraries, because Node's own cannot be linked to. harness.cc belongs to both. CXX names the
// compiler (g++ by default).
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, dirname, join, resolve as resolvePath } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const output = 'build/native-test'
const cxx = process.env.CXX || 'g++'

const WARNINGS = ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-Inative']
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
const TEST_FLAGS = [...WARNINGS, '-O2', '-g1', '-fno-omit-frame-pointer', ...SANITIZERS]
const SHIPPED_FLAGS = ['-fno-exceptions', '-fno-rtti'] // as binding.gyp compiles core and io

const RUN_TIMEOUT_MS = 600_000

class BuildError extends Error {}

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
      // The tests count and refuse the memory of Bytes.
      link: ['-Wl,--wrap=realloc,--wrap=free'],
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
  const packages = [
    { library: 'libuv', debian: 'libuv1-dev' },
    { library: 'openssl', debian: 'libssl-dev' },
  ]
  if (pkgConfig('--version') === undefined) {
    return { skipped: 'pkg-config is not installed (apt-get install pkg-config libuv1-dev libssl-dev)' }
  }
  const missing = packages.filter(({ library }) => pkgConfig('--exists', library) === undefined)
  if (missing.length > 0) {
    const wanted = missing.map(({ library }) => library).join(' and ')
    return { skipped: `${wanted} not found (apt-get install ${missing.map(({ debian }) => debian).join(' ')})` }
  }
  // Headers and libraries of one origin: uv_loop_t of Node's headers need not have the size that this libuv expects.
  const libraries = packages.map(({ library }) => library)
  const cflags = pkgConfig('--cflags', ...libraries)
  return {
    program: {
      name: 'io',
      units: [
        ...unitsOf('native/core', '', SHIPPED_FLAGS),
        ...unitsOf('native/io', '', [...SHIPPED_FLAGS, ...cflags]),
        ...unitsOf('native/test', 'io_', cflags),
        harness(),
      ],
      link: [...pkgConfig('--libs', ...libraries), '-pthread'],
    },
  }
}

async function bench() {
  const flags = [...WARNINGS, '-O3', ...SHIPPED_FLAGS]
  for (const unit of unitsOf('native/bench', '')) {
    const name = basename(unit.source, '.cc')
    const binary = await build(name, [...unitsOf('native/core', ''), unit], flags, [])
    if (spawnSync(binary, { stdio: 'inherit' }).status !== 0) throw new BuildError(`${name} failed`)
  }
}

/** The `.cc` files of a directory whose names begin with `prefix`, each with flags of its own. */
function unitsOf(directory, prefix, flags = []) {
  if (!existsSync(join(root, directory))) return []
  return readdirSync(join(root, directory))
    .filter((name) => name.startsWith(prefix) && name.endsWith('.cc'))
    .sort()
    .map((name) => ({ source: `${directory}/${name}`, flags }))
}

function harness() {
  return { source: 'native/test/harness.cc', flags: [] }
}

/** Compiles what changed, links when anything did, and returns the path of the program. */
async function build(name, units, flags, link) {
  const binary = join(root, output, name, name)
  const jobs = units.map((unit) => {
    const object = `${output}/${name}/${unit.source.replace(/\.cc$/, '.o')}`
    return { object, args: [...flags, ...unit.flags, '-MMD', '-c', unit.source, '-o', object] }
  })
  const stale = jobs.filter(isStale)
  if (stale.length > 0) console.error(`${name}: compiling ${stale.length} of ${jobs.length} files`)

  const waiting = [...stale]
  const worker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      mkdirSync(dirname(join(root, job.object)), { recursive: true })
      rmSync(commandFile(job), { force: true })
      await compile(job.args)
      writeFileSync(commandFile(job), commandOf(job))
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))

  const linking = { object: `${output}/${name}/${name}`, args: [...jobs.map((job) => job.object), ...link] }
  const linked = existsSync(commandFile(linking)) && readFileSync(commandFile(linking), 'utf8') === commandOf(linking)
  if (stale.length > 0 || !linked || !existsSync(binary)) {
    rmSync(commandFile(linking), { force: true })
    await compile([...linking.args, '-o', binary])
    writeFileSync(commandFile(linking), commandOf(linking))
  }
  return binary
}

/** The command is kept beside what it made; it is written last, so an interrupted compilation runs again. */
function commandFile({ object }) {
  return join(root, `${object}.cmd`)
}

function commandOf({ args }) {
  return [cxx, ...args].join(' ')
}

/** An object is stale when its command changed, or a file that its compilation read is newer or gone. */
function isStale(job) {
  const object = join(root, job.object)
  const dependencies = object.replace(/\.o$/, '.d')
  if (![object, dependencies, commandFile(job)].every((path) => existsSync(path))) return true
  if (readFileSync(commandFile(job), 'utf8') !== commandOf(job)) return true
  const made = statSync(object).mtimeMs
  const [, list = ''] = readFileSync(dependencies, 'utf8').split(/:\s/, 2)
  return list
    .replaceAll('\\\n', ' ')
    .split(/\s+/)
    .filter((path) => path !== '')
    .some(
      (path) =>
        (statSync(resolvePath(root, path), { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY) > made,
    )
}

function compile(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(cxx, args, { cwd: root, stdio: ['ignore', 2, 2] })
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new BuildError(`${cxx} failed on ${args.find((arg) => arg.endsWith('.cc'))}`)),
    )
  })
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

/** Its words, or undefined when it fails. */
function pkgConfig(...args) {
  const result = spawnSync('pkg-config', args, { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim().split(/\s+/).filter(Boolean) : undefined
}
