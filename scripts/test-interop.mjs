// Runs test/interop: connections to servers that others wrote.
//   node scripts/test-interop.mjs         those of CI: ws, aiohttp, gorilla/websocket, and nginx in front of ws
//   node scripts/test-interop.mjs --all   uWebSockets.js, faye-websocket, websocket, websockets, tornado, haproxy, squid and dante too
// Other arguments go to Vitest. A server that is not installed is skipped, with what would install it; with CI=true it fails.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const argv = process.argv.slice(2)
const all = argv.includes('--all')
const { status, signal } = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'vitest.interop.config.ts',
    ...argv.filter((argument) => argument !== '--all'),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, INTEROP_ALL: all ? '1' : '0' } },
)
if (signal !== null) console.error(`test-interop: Vitest was ended by ${signal}`)
process.exitCode = status ?? 1
