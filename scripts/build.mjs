// Builds everything: the addon to build/Release, TypeScript to dist. Runs on `npm ci` in a clone (script `prepare`),
// never when the package is installed. Quick when nothing changed.
//   node scripts/build.mjs            both; without a working compiler TypeScript alone, since the ws transport serves
//   node scripts/build.mjs --native   the addon alone; fails when it cannot be built
//   node scripts/build.mjs --ts       TypeScript alone
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BuildError, buildNative, root, say } from './native-build.mjs'

const [only] = process.argv.slice(2)
if (only !== undefined && only !== '--native' && only !== '--ts') {
  say(`unknown argument ${only}; use --native, --ts, or neither`)
  process.exit(2)
}
// When npm packs, prepack (prebuild.mjs) has just built what is shipped; another build now would remove it.
const { npm_lifecycle_event: event, npm_command: command } = process.env
const packing = event === 'prepare' && (command === 'pack' || command === 'publish')
if (only !== '--ts' && !packing) native()
if (only !== '--native') typescript()

function native() {
  try {
    buildNative()
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    say(`native: the addon was not built\n${error.message}`)
    if (only === '--native') process.exitCode = 1
    else say('native: going on without it: connections use the ws transport. Retry with npm run build:native')
  }
}

function typescript() {
  removeOrphans('dist')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  // Sources travel inside the maps, because src/ is not in the package.
  const run = spawnSync(process.execPath, [tsc, '-p', root, '--inlineSources'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (run.error) throw run.error
  const cli = join(root, 'dist/cli/main.js')
  if (existsSync(cli)) chmodSync(cli, 0o755)
  if (run.status !== 0) process.exitCode = 1
  else say('typescript: built dist/')
}

/** Removes what was compiled from files that are gone, so that it is not shipped. */
function removeOrphans(directory) {
  const path = join(root, directory)
  if (!existsSync(path)) return
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const name = join(directory, entry.name)
    if (entry.isDirectory()) removeOrphans(name)
    else {
      const source = name.replace(/^dist/, 'src').replace(/\.(d\.ts|js\.map|js)$/, '.ts')
      if (!existsSync(join(root, source))) rmSync(join(root, name))
    }
  }
}
