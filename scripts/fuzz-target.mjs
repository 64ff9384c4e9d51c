// One fuzz target: found, built, run, replayed. Used by fuzz.mjs and fuzz-self-test.mjs.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, dirname, join, normalize, resolve } from 'node:path'
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
} from './native-program.mjs'

const output = 'build/fuzz'
const cxx = process.env.CXX || 'clang++'
const SUFFIX = '_fuzz.cc'
/** The main() and the checks of the native tests: libFuzzer and native/fuzz/support.cc have their own. */
const REPLACED = 'native/test/harness.cc'
// `assert` stays on. -g1 is enough for a report with lines.
const FLAGS = [...WARNINGS, '-O1', '-g1', '-fno-omit-frame-pointer', '-fsanitize=fuzzer-no-link', ...SANITIZERS]

/** An input takes at most so long, and a target so much memory, before that is a finding. */
const INPUT_TIMEOUT_S = 10
const RSS_LIMIT_MB = 1024
const MAX_INPUT_BYTES = 8192
/** What a program may take beyond the seconds it was given: its corpus first, a report last. */
const GRACE_MS = 60_000

/** A run that ended otherwise than well, in words for people. */
export class FuzzFailure extends Error {}

/**
 * A built target.
 * @typedef {{ name: string, binary: string, seeds: string, sources: string[], objects: string[], link: string[] }} Target
 */

/** Names of the targets: native/fuzz/NAME_fuzz.cc. */
export function listTargets() {
  return unitsOf('native/fuzz', '')
    .map(({ source }) => basename(source))
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
}

/**
 * Builds the targets. Each is linked with the `.cc` beside every header that it reads, directly or through another one.
 * @returns {Promise<Target[]>}
 */
export async function prepare(names) {
  requireClang()
  const { missing, cflags, libs } = ioLibraries()
  if (missing !== undefined) throw new BuildError(missing)
  const sources = new Map(names.map((name) => [name, sourcesOf(`native/fuzz/${name}${SUFFIX}`)]))
  const units = [...new Set([...sources.values()].flat())].map((source) => unit(source, cflags))
  const { objects, changed } = await compileUnits({ cxx, output, units, flags: FLAGS, label: 'fuzz' })
  const objectOf = new Map(units.map(({ source }, i) => [source, objects[i]]))
  const link = ['-fsanitize=fuzzer', ...SANITIZERS, '-Wl,--as-needed', ...libs]
  const targets = []
  for (const [name, files] of sources) {
    const target = { name, binary: `${output}/${name}`, seeds: `native/fuzz/seeds/${name}`, sources: files, link }
    target.objects = files.map((source) => objectOf.get(source))
    await linkProgram({ cxx, binary: target.binary, objects: target.objects, link, changed })
    targets.push(target)
  }
  return targets
}

/**
 * The same target with `copy` in the place of `file`, in a directory of its own.
 * @param {Target} target
 * @returns {Promise<Target>}
 */
export async function compilePlanted(target, file, copy, directory) {
  const place = target.sources.indexOf(file)
  if (place === -1) throw new BuildError(`${target.name} is made without ${file}`)
  const units = [{ source: copy, flags: [...unit(file, ioLibraries().cflags).flags, '-iquote', dirname(file)] }]
  const { objects } = await compileUnits({ cxx, output: directory, units, flags: FLAGS, label: 'planted' })
  const binary = `${directory}/${target.name}`
  await linkProgram({ cxx, binary, objects: target.objects.with(place, objects[0]), link: target.link, changed: true })
  return { ...target, binary }
}

/** The flags of one source file: core and io are compiled as the addon is. */
function unit(source, cflags) {
  const shipped = /^native\/(core|io)\//.test(source)
  return { source, flags: [...(shipped ? SHIPPED_FLAGS : []), ...(source.startsWith('native/io/') ? cflags : [])] }
}

/** A source file, and every one that stands beside a header it includes, to the end. */
function sourcesOf(source) {
  const seen = new Set()
  const sources = []
  const visit = (file) => {
    if (seen.has(file) || file === REPLACED || !existsSync(join(root, file))) return
    seen.add(file)
    if (file.endsWith('.cc')) sources.push(file)
    else visit(file.replace(/\.h$/, '.cc'))
    for (const [, included] of readFileSync(join(root, file), 'utf8').matchAll(/^\s*#\s*include\s*"([^"]+)"/gm)) {
      visit(included.includes('/') ? join('native', included) : normalize(join(dirname(file), included)))
    }
  }
  visit(source)
  return sources
}

/**
 * Fuzzes one target and prints what came of it.
 * @param {Target} target
 * @returns {Promise<boolean>} whether nothing was found
 */
export async function runTarget(target, seconds) {
  const corpus = `${output}/corpus/${target.name}`
  const found = `${output}/crashes/${target.name}`
  for (const directory of [corpus, found]) mkdirSync(join(root, directory), { recursive: true })
  const run = await fuzz(target, [corpus, ...seedsOf(target)], { seconds, options: [`-artifact_prefix=${found}/`] })
  if (run.ok) {
    console.log(
      `${target.name}: ${run.executions} executions in ${run.seconds} s, ${run.coverage} edges, ` +
        `${run.features} features, ${run.seeds} seeds, corpus of ${run.corpus}`,
    )
    return true
  }
  console.log(run.report)
  console.log(
    `${target.name}: FAILED after ${run.executions ?? 'unknown'} executions${run.input ? `: ${run.input}` : ''}`,
  )
  if (run.input) {
    console.log(hexDump(readFileSync(join(root, run.input))))
    console.log(`replay: npm run fuzz -- ${target.name} --replay ${run.input}`)
    console.log(`keep it: name it for the defect and put it into ${target.seeds}/`)
  }
  return false
}

/** Runs one input once, and passes on what the program says. */
export function replay(target, file) {
  const input = resolve(process.env.INIT_CWD ?? '.', file)
  if (!existsSync(input)) throw new BuildError(`${file} does not exist`)
  const run = spawnSync(join(root, target.binary), [input, `-timeout=${INPUT_TIMEOUT_S}`], {
    cwd: root,
    stdio: 'inherit',
    env: environment(),
  })
  if (run.error) throw run.error
  if (run.status !== 0) throw new FuzzFailure(`${target.name} fails on ${file}`)
  console.log(`${target.name}: ${file} is handled`)
}

/**
 * One run of libFuzzer.
 * @param {Target} target
 * @param {string[]} inputs the first directory takes what is new
 */
export async function fuzz(target, inputs, { seconds, options = [] }) {
  const args = [
    ...options,
    `-max_total_time=${seconds}`,
    `-timeout=${INPUT_TIMEOUT_S}`,
    `-rss_limit_mb=${RSS_LIMIT_MB}`,
    `-max_len=${MAX_INPUT_BYTES}`,
  ]
  const began = performance.now()
  const { code, text } = await spawned(join(root, target.binary), [...args, '-print_final_stats=1', ...inputs], seconds)
  const last = [...text.matchAll(/^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)/gm)].at(-1)
  return {
    ok: code === 0,
    executions: text.match(/^stat::number_of_executed_units: (\d+)/m)?.[1] ?? last?.[1],
    seconds: ((performance.now() - began) / 1000).toFixed(0),
    coverage: last?.[2],
    features: last?.[3],
    corpus: last?.[4],
    seeds: seedsOf(target).reduce((sum, directory) => sum + readdirSync(join(root, directory)).length, 0),
    input: named(text.match(/Test unit written to (\S+)/)?.[1]),
    report: reportOf(text),
  }
}

/** libFuzzer names an input by its hash; `crash-1`, `leak-1`, … are easier to say. */
function named(input) {
  if (input === undefined) return undefined
  const kind = basename(input).split('-')[0]
  for (let i = 1; ; i++) {
    const path = `${dirname(input)}/${kind}-${i}`
    if (existsSync(join(root, path))) continue
    renameSync(join(root, input), join(root, path))
    return path
  }
}

function seedsOf(target) {
  return existsSync(join(root, target.seeds)) ? [target.seeds] : []
}

/** The check that failed or what a sanitizer says, without libFuzzer's progress lines. */
function reportOf(text) {
  const lines = text
    .split('\n')
    .filter((line) => !/^(#\d+\s|INFO:|NOTE:|stat::|artifact_prefix=|Base64:|MS: |0x|\\| {6}Combine)/.test(line))
  const start = lines.findIndex((line) => /CHECK FAILED|runtime error|^=+\d*=*ERROR|ERROR: /.test(line))
  return lines
    .slice(Math.max(0, start), Math.max(0, start) + 40)
    .join('\n')
    .trimEnd()
}

function hexDump(bytes) {
  const shown = bytes.subarray(0, 256)
  const lines = []
  for (let at = 0; at < shown.length; at += 16) {
    const row = [...shown.subarray(at, at + 16)]
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`  ${at.toString(16).padStart(4, '0')}  ${hex.padEnd(47)}  ${text}`)
  }
  if (shown.length < bytes.length) lines.push(`  … ${bytes.length} bytes in all`)
  return lines.join('\n')
}

function spawned(command, args, seconds) {
  return new Promise((resolvePromise, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: environment(),
      timeout: seconds * 1000 + GRACE_MS,
      killSignal: 'SIGKILL',
    })
    let text = ''
    child.stderr.setEncoding('latin1')
    child.stderr.on('data', (chunk) => {
      text += chunk
    })
    child.once('error', reject)
    child.once('close', (code, signal) => resolvePromise({ code: code ?? signal, text }))
  })
}

/** A symbolizer makes lines of addresses, where there is one; without it a report has functions' addresses only. */
function environment() {
  const symbolizer = ['llvm-symbolizer', 'llvm-symbolizer-14'].find(
    (name) => spawnSync(name, ['--version']).status === 0,
  )
  return symbolizer === undefined ? process.env : { ...process.env, ASAN_SYMBOLIZER_PATH: which(symbolizer) }
}

function which(name) {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
}

function requireClang() {
  const install = 'apt-get install clang libclang-rt-14-dev, or set CXX'
  if (spawnSync(cxx, ['--version']).status !== 0) throw new BuildError(`no Clang: ${cxx} does not run (${install})`)
  const empty = ['-x', 'c++', '-fsanitize=fuzzer,address,undefined', '-', '-o', '/dev/null']
  const input = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n'
  const probe = spawnSync(cxx, empty, { input, encoding: 'utf8' })
  if (probe.status !== 0) throw new BuildError(`${cxx} has no libFuzzer (${install}):\n${probe.stderr.trim()}`)
}
