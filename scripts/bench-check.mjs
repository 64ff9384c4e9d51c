// npm run bench:check -- [--quick] [--base REF] [--no-instructions]
//
// Did this change make the hot path slower? Builds the merge base and the working tree in folders of their own, and
// measures them in one job, round by round in turn, on the figures that are stable on a shared machine: CPU per message,
// the round trip with both ends on one CPU, and the codec's instructions per frame. Fails beyond noise.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { builtIn } from '../bench/lib/impls.mjs'
import { instructionsPerFrame } from '../bench/lib/instructions.mjs'
import { loadWarning, machineLine, Pinning } from '../bench/lib/machine.mjs'
import { BUILD, buildCodec, buildNative, ROOT } from '../bench/lib/native.mjs'
import { Progress } from '../bench/lib/progress.mjs'
import { allQuestions } from '../bench/lib/question.mjs'
import { compareText, isRegression, MARGINS } from '../bench/lib/regression.mjs'
import { FULL, QUICK, runCase } from '../bench/lib/run-case.mjs'
import { formatNumber, summarize } from '../bench/lib/stats.mjs'
import { markdownTable } from '../bench/lib/table.mjs'

/** Question → cases, by the first unit of each. */
const STABLE = {
  ingest: ['bulk, record', 'bulk, string'],
  tls: ['16 KB records', 'one record per frame'],
  send: ['16 a tick'],
  rtt: ['one CPU, blocking server'],
}
const SIZES = [20, 150, 1024, 65_536]

const say = (text) => process.stdout.write(`${text}\n`)

const marginsOf = (args) => (args.quick ? MARGINS.quick : MARGINS.full)

function parse(argv) {
  const args = { quick: false, base: undefined, instructions: true }
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--quick') args.quick = true
    else if (argv[i] === '--no-instructions') args.instructions = false
    else if (argv[i] === '--base' && argv[i + 1]) args.base = argv[++i]
    else throw new Error(`unknown argument ${argv[i]}; there are --quick, --base REF and --no-instructions`)
  }
  return args
}

/** What git printed, or undefined when it failed. */
function git(...args) {
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
  return status === 0 ? stdout.trim() : undefined
}

/** The commit this change started from. On the main branch itself: the last commit, or the one before it. */
function findBase(asked) {
  if (asked) {
    const commit = git('rev-parse', '--verify', `${asked}^{commit}`)
    if (!commit) throw new Error(`--base: git knows no commit ${asked}; a shallow clone may lack it (fetch-depth: 0)`)
    return commit
  }
  const head = git('rev-parse', 'HEAD')
  const main = ['origin/main', 'main', 'origin/master', 'master'].find((ref) => git('rev-parse', '--verify', ref))
  const base = main && git('merge-base', 'HEAD', main)
  if (base && base !== head) return base
  if (git('status', '--porcelain') !== '') return head
  const before = git('rev-parse', '--verify', 'HEAD^')
  if (!before) throw new Error('there is no commit to compare with; name one with --base')
  return before
}

/** A copy of a commit, or of the working tree as it is, built. */
function build(name, commit) {
  const folder = join(BUILD, 'check', name)
  git('worktree', 'remove', '--force', folder)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  if (commit) {
    git('worktree', 'prune')
    if (git('worktree', 'add', '--detach', folder, commit) === undefined)
      throw new Error(`git cannot check out ${commit}`)
  } else {
    for (const file of (git('ls-files', '-co', '--exclude-standard') ?? '').split('\n')) {
      if (!existsSync(join(ROOT, file))) continue // deleted
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      copyFileSync(join(ROOT, file), join(folder, file))
    }
  }
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const script = join(folder, 'scripts', 'build.mjs')
  if (!existsSync(script) || !existsSync(join(folder, 'src', 'index.ts'))) return undefined
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' })
  const addon = existsSync(join(folder, 'build', 'Release', 'shared_ws.node'))
  if (status === 0 && addon) return folder
  const why = `the ${name} tree does not build:\n${stdout}${stderr}`
  if (name === 'head') throw new Error(why)
  say(why)
  return undefined
}

async function compareCases(base, head, args, progress) {
  const pinning = new Pinning()
  say(pinning.description)
  const context = {
    native: buildNative(),
    pinning,
    plan: args.quick ? { ...QUICK, rounds: 5 } : { ...FULL, rounds: 9 },
    captures: [],
  }
  const impls = [...(base ? [builtIn('base', base)] : []), builtIn('head', head)]
  const compared = []
  for (const question of await allQuestions()) {
    const wanted = STABLE[question.name]
    if (!wanted) continue
    for (const spec of question.prepare().cases.filter(({ name }) => wanted.includes(name))) {
      const name = `${question.name}: ${spec.name}`
      const one = { ...spec, units: [spec.units[0]] }
      const compare = async () => {
        const { results } = await runCase(one, impls, { ...context, progress: (detail) => progress.show(name, detail) })
        const by = (impl) => results.find((result) => result.impl === impl)
        return { name, unit: spec.units[0], base: by('base'), head: by('head') }
      }
      // What other work on the machine did once it will hardly do twice.
      const first = await compare()
      compared.push(isRegression(first, marginsOf(args)) ? await compare() : first)
    }
  }
  return compared
}

function compareInstructions(base, head, args, progress) {
  const unit = 'instructions/frame'
  const compared = []
  for (const op of ['decode', 'encode']) {
    for (const size of args.quick ? [150] : SIZES) {
      const name = `codec: ${op}, ${size} bytes`
      progress.show(name, 'counting')
      const count = (folder) => summarize([instructionsPerFrame(buildCodec(folder), op, size)])
      compared.push({ name, unit, base: base && count(base), head: count(head) })
    }
  }
  return compared
}

async function main(args) {
  const commit = findBase(args.base)
  const warning = loadWarning()
  say([machineLine(), ...(warning ? [warning] : [])].join('\n'))
  say(`base: ${git('log', '-1', '--format=%h %s', commit)}; head: the working tree`)
  const progress = new Progress()
  progress.show('building', 'both trees')
  const head = build('head', undefined)
  if (!head) throw new Error('the working tree has no src/index.ts')
  const base = build('base', commit)
  if (!base) say('there is no base to compare with: the figures are new')
  const compared = await compareCases(base, head, args, progress)
  if (args.instructions) compared.push(...compareInstructions(base, head, args, progress))
  progress.clear()
  const cell = (summary) =>
    summary ? `${formatNumber(summary.median)} (${formatNumber(summary.min)} – ${formatNumber(summary.max)})` : ''
  const rows = compared.map((one) => [
    one.name,
    one.unit,
    cell(one.base),
    cell(one.head),
    compareText(one, marginsOf(args)),
  ])
  say(markdownTable(['', 'unit', 'base', 'head', ''], rows))
  git('worktree', 'remove', '--force', join(BUILD, 'check', 'base'))
  const slower = compared.filter((one) => isRegression(one, marginsOf(args)))
  if (slower.length > 0)
    throw new Error(`slower than the base, beyond noise: ${slower.map(({ name }) => name).join('; ')}`)
}

try {
  await main(parse(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}
