// Everything that is checked without running the code. Fails on the first kind of finding only after all have run.
//   node scripts/lint.mjs        checks
//   node scripts/lint.mjs --fix  rewrites what can be: format, imports, generated files
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAX_LINES = 400

const root = fileURLToPath(new URL('..', import.meta.url))
const [argument] = process.argv.slice(2)
if (argument !== undefined && argument !== '--fix') {
  console.error(`unknown argument ${argument}; use --fix, or none`)
  process.exit(2)
}
const fix = argument === '--fix'
const failures = []

// Files that git knows or would add: what is ignored is nobody's to format.
const files = output('git', ['ls-files', '--cached', '--others', '--exclude-standard'])
const sources = files.filter((file) => /^(native|src|test|bench|scripts)\/.*\.(ts|mjs|js|cc|h|c)$/.test(file))
const generated = new Set(sources.filter((file) => textOf(file).startsWith('// Generated from ')))

step('biome', process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check', ...(fix ? ['--write'] : [])])
step('tsc', process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'])
step('tsc, tests', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test'])
step('tsc, benches', process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'bench'])
step('generated files', process.execPath, ['scripts/generate-statuses.mjs', ...(fix ? [] : ['--check'])])
clangFormat()
for (const file of sources) {
  const lines = textOf(file).split('\n').length - 1
  if (lines > MAX_LINES)
    console.error(`lint: warning: ${file} has ${lines} lines; past ${MAX_LINES} it wants splitting`)
}

if (failures.length > 0) {
  console.error(`lint: failed: ${failures.join(', ')}${fix ? '' : ' (npm run format may help)'}`)
  process.exitCode = 1
} else {
  console.error('lint: clean')
}

function clangFormat() {
  const command = process.env.CLANG_FORMAT || 'clang-format'
  if (spawnSync(command, ['--version']).status !== 0) {
    console.error(`lint: C++ is not checked: ${command} is not installed (apt-get install clang-format)`)
    return
  }
  const cxx = sources.filter((file) => /\.(cc|h|c)$/.test(file) && !generated.has(file))
  step('clang-format', command, [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...cxx])
}

function step(name, command, args) {
  const run = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (run.error) throw run.error
  if (run.status !== 0) failures.push(name)
}

function output(command, args) {
  const run = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (run.error) throw run.error
  if (run.status !== 0) throw new Error(`${command} ${args[0]} failed: ${run.stderr}`)
  return run.stdout.split('\n').filter((line) => line !== '')
}

function textOf(file) {
  try {
    return readFileSync(join(root, file), 'utf8')
  } catch {
    return '' // deleted, and not yet committed
  }
}
