// Runs test/kill: real connections, killed at every byte offset and at any time, with requests in flight.
//   node scripts/test-kill.mjs             10 000 kills, over native and ws, plain and TLS
//   node scripts/test-kill.mjs --kills N   so many
// Other arguments go to Vitest.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const argv = process.argv.slice(2)
const at = argv.indexOf('--kills')
const [, kills = '10000'] = at < 0 ? [] : argv.splice(at, 2)
if (!/^[1-9]\d*$/.test(kills)) {
  console.error(`test-kill: --kills needs a number from 1 on, not ${kills}`)
  process.exit(2)
}
const { status, signal } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.kill.config.ts', ...argv],
  { cwd: root, stdio: 'inherit', env: { ...process.env, KILLS: kills } },
)
if (signal !== null) console.error(`test-kill: Vitest was ended by ${signal}`)
process.exitCode = status ?? 1
