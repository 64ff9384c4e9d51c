// Compiles C++ programs of the project without node-gyp, and only what changed since the last time: the native tests and
// benches (test-native.mjs) and the fuzz targets (fuzz.mjs). Paths are relative to the project's root.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join, resolve as resolvePath } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** A build failure in words for people. */
export class BuildError extends Error {}

/** Flags of every program: the addon's standard and warnings. */
export const WARNINGS = ['-std=c++20', '-Wall', '-Wextra', '-Werror', '-Inative']
/** As binding.gyp compiles core and io. */
export const SHIPPED_FLAGS = ['-fno-exceptions', '-fno-rtti']
export const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']

/** What io/ is linked with, where Node's own libraries cannot be: the packages and what Debian calls them. */
const IO_PACKAGES = [
  { library: 'libuv', debian: 'libuv1-dev' },
  { library: 'openssl', debian: 'libssl-dev' },
  { library: 'zlib', debian: 'zlib1g-dev' },
]

/**
 * A source file and the flags that it alone needs.
 * @typedef {{ source: string, flags?: string[] }} Unit
 */

/**
 * The `.cc` files of a directory whose names begin with `prefix`, each with flags of its own.
 * @returns {Unit[]}
 */
export function unitsOf(directory, prefix, flags = []) {
  if (!existsSync(join(root, directory))) return []
  return readdirSync(join(root, directory))
    .filter((name) => name.startsWith(prefix) && name.endsWith('.cc'))
    .sort()
    .map((name) => ({ source: `${directory}/${name}`, flags }))
}

/**
 * Compiles what is stale. Returns the object files, in the order of `units`, and whether any was made anew.
 * @param {{ cxx: string, output: string, units: Unit[], flags: string[], label: string }} options
 */
export async function compileUnits({ cxx, output, units, flags, label }) {
  const jobs = units.map((unit) => {
    const object = `${output}/${unit.source.replace(/\.cc$/, '.o')}`
    return { object, args: [...flags, ...(unit.flags ?? []), '-MMD', '-c', unit.source, '-o', object] }
  })
  const stale = jobs.filter((job) => isStale(cxx, job))
  if (stale.length > 0) console.error(`${label}: compiling ${stale.length} of ${jobs.length} files`)

  const waiting = [...stale]
  const worker = async () => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) await make(cxx, job, job.args)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return { objects: jobs.map((job) => job.object), changed: stale.length > 0 }
}

/**
 * Links a program unless it is up to date.
 * @param {{ cxx: string, binary: string, objects: string[], link: string[], changed: boolean }} options
 */
export async function linkProgram({ cxx, binary, objects, link, changed }) {
  const job = { object: binary, args: [...objects, ...link] }
  const linked = existsSync(commandFile(job)) && readFileSync(commandFile(job), 'utf8') === commandOf(cxx, job)
  if (changed || !linked || !existsSync(join(root, binary))) await make(cxx, job, [...job.args, '-o', binary])
}

/** Builds native/test/stream_runner.cc, with which tests ask core/ under the sanitizers. Returns the path of the program. */
export async function buildStreamRunner() {
  const cxx = process.env.CXX || 'g++'
  const output = 'build/stream-runner'
  const sources = [...unitsOf('native/core', '', SHIPPED_FLAGS), ...unitsOf('native/test', 'core_support')]
  const units = [...sources, { source: 'native/test/stream_runner.cc' }]
  const flags = [...WARNINGS, '-O1', '-g1', ...SANITIZERS]
  const { objects, changed } = await compileUnits({ cxx, output, units, flags, label: 'stream-runner' })
  const binary = `${output}/stream_runner`
  await linkProgram({ cxx, binary, objects, link: [...SANITIZERS, ...zlibLibrary()], changed })
  return binary
}

/** Why io/ cannot be compiled here, or the flags to compile and link it with. */
export function ioLibraries() {
  if (pkgConfig('--version') === undefined) {
    return { missing: 'pkg-config is not installed (apt-get install pkg-config libuv1-dev libssl-dev zlib1g-dev)' }
  }
  const missing = IO_PACKAGES.filter(({ library }) => pkgConfig('--exists', library) === undefined)
  if (missing.length > 0) {
    const wanted = missing.map(({ library }) => library).join(' and ')
    return { missing: `${wanted} not found (apt-get install ${missing.map(({ debian }) => debian).join(' ')})` }
  }
  // Headers and libraries of one origin: uv_loop_t of Node's headers need not have the size that this libuv expects.
  const libraries = IO_PACKAGES.map(({ library }) => library)
  return { cflags: pkgConfig('--cflags', ...libraries), libs: pkgConfig('--libs', ...libraries) }
}

/** Flags to link core/ with zlib, which is all that it needs. */
export function zlibLibrary() {
  const libs = pkgConfig('--libs', 'zlib')
  if (libs === undefined) throw new BuildError('zlib not found (apt-get install pkg-config zlib1g-dev)')
  return libs
}

/** The command is kept beside what it made; it is written last, so an interrupted compilation runs again. */
async function make(cxx, job, args) {
  mkdirSync(dirname(join(root, job.object)), { recursive: true })
  rmSync(commandFile(job), { force: true })
  await run(cxx, args)
  writeFileSync(commandFile(job), commandOf(cxx, job))
}

function commandFile({ object }) {
  return join(root, `${object}.cmd`)
}

function commandOf(cxx, { args }) {
  return [cxx, ...args].join(' ')
}

/** An object is stale when its command changed, or a file that its compilation read is newer or gone. */
function isStale(cxx, job) {
  const object = join(root, job.object)
  const dependencies = object.replace(/\.o$/, '.d')
  if (![object, dependencies, commandFile(job)].every((path) => existsSync(path))) return true
  if (readFileSync(commandFile(job), 'utf8') !== commandOf(cxx, job)) return true
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

function run(cxx, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(cxx, args, { cwd: root, stdio: ['ignore', 2, 2] })
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0
        ? resolve()
        : reject(new BuildError(`${cxx} failed on ${args.find((arg) => arg.endsWith('.cc')) ?? args.at(-1)}`)),
    )
  })
}

/** Its words, or undefined when it fails. */
function pkgConfig(...args) {
  const result = spawnSync('pkg-config', args, { encoding: 'utf8' })
  return result.status === 0 ? result.stdout.trim().split(/\s+/).filter(Boolean) : undefined
}
