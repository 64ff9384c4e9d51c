// Simulates the actor: compiles test/simulation with the sources that it needs to .cache/simulation, and runs it.
//   npm run test:simulation -- --help
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

const run = (args) => {
  const { status, signal, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
  if (error) throw error
  return signal === null ? status : 1
}

process.exitCode =
  run(['node_modules/typescript/bin/tsc', '-p', 'test/simulation']) ||
  run([
    '--enable-source-maps',
    // The simulated user's clumsiness is no news.
    '--disable-warning=SHARED_WS_HOOK_FAILED',
    '.cache/simulation/test/simulation/main.js',
    ...process.argv.slice(2),
  ])
