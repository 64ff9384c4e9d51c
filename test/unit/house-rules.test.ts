import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { brokenRules, type HouseFile } from '../support/house-rules.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

function filesUnder(folder: string): HouseFile[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => /\.(ts|mjs|js|cc|h|c)$/.test(path) && !path.includes('/node_modules/'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

describe('the house', () => {
  test('every file keeps the rules', () => {
    const files = ['src', 'native', 'test', 'bench'].flatMap(filesUnder)
    expect(files.filter(({ path }) => path.startsWith('src/')).length).toBeGreaterThan(20)
    expect(files.filter(({ path }) => path.startsWith('native/')).length).toBeGreaterThan(10)
    expect(brokenRules(files)).toEqual([])
  })

  test('generated files are up to date', () => {
    const run = spawnSync(process.execPath, ['scripts/generate-statuses.mjs', '--check'], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
  })
})

describe('the rules catch', () => {
  const broken = (path: string, text: string) => brokenRules([{ path, text }])

  test.each([
    ['an import upwards', 'src/connect/dns.ts', "import { x } from '../transport/transport.ts'"],
    ['an import of types upwards', 'src/support/clock.ts', "import type { X } from '../connect/request.ts'"],
    ['an import sideways', 'src/connect/dns.ts', "import { x } from '../native/load.ts'"],
    ['a re-export', 'src/errors/errors.ts', "export * from '../support/clock.ts'"],
    ['a dynamic import', 'src/front/connect.ts', "const m = await import('../native/load.ts')"],
    ['an import for its effect', 'src/transport/ws.ts', "import '../front/connect.ts'"],
    ['an import that spans lines', 'src/transport/ws.ts', "import {\n  a,\n  b,\n} from '../front/connect.ts'"],
    ['the addon beside the native transport', 'src/transport/ws.ts', "import { x } from '../native/addon.ts'"],
    ['the addon in the index', 'src/index.ts', "export { nativeInfo } from './native/load.ts'"],
    ['an import of the index', 'src/front/connect.ts', "import { x } from '../index.ts'"],
    ['the command line in testing', 'src/testing/mock.ts', "import { main } from '../cli/cli.ts'"],
    ['one policy in another', 'src/reconnect/classify.ts', "import { Liveness } from '../health/liveness.ts'"],
    ['the front door in the actor', 'src/actor/state.ts', "import { connect } from '../front/connect.ts'"],
    ['a folder without a row', 'src/nowhere/state.ts', 'export const x = 1'],
    ['a timer', 'src/front/connect.ts', 'const t = setTimeout(f, 1)'],
    ['a clock', 'src/connect/dns.ts', 'const now = Date.now()'],
    ['a monotonic clock', 'src/transport/ws.ts', 'const now = performance.now()'],
    ['chance', 'src/testing/mock.ts', 'if (Math.random() < 0.5) stall()'],
    ['io in core', 'native/core/mask.cc', '#include "io/link.h"'],
    ['binding in io', 'native/io/link.cc', '#include "binding/values.h"'],
    ['a folder of its parent in core', 'native/core/mask.cc', '#include "../io/link.h"'],
    ['libuv in core', 'native/core/mask.h', '  #  include <uv.h>'],
    ['OpenSSL in core', 'native/core/mask.h', '#include <openssl/rand.h>'],
    ['sockets in core', 'native/core/mask.h', '#include <sys/socket.h>'],
    ['zlib in a header of core', 'native/core/inflate.h', '#include <zlib.h>'],
    ['zlib in io', 'native/io/link.cc', '#include <zlib.h>'],
    ['Node-API in io', 'native/io/loop.cc', '#include <node_api.h>'],
    ['a layer without a row', 'native/quic/link.cc', 'int x;'],
    ['a long file', 'bench/ingest.mjs', 'x\n'.repeat(401)],
  ])('%s', (_what, path, text) => {
    expect(broken(path, text)).toEqual([expect.stringContaining(path)])
  })

  test.each([
    ['an import downwards', 'src/front/connect.ts', "import { x } from '../transport/ws.ts'"],
    ['the addon in the native transport', 'src/transport/native.ts', "import { loadNative } from '../native/load.ts'"],
    ['the addon in a part of it', 'src/transport/native-link.ts', "import { Counter } from '../native/addon.ts'"],
    ['a package', 'src/transport/ws.ts', "import { WebSocket } from 'ws'"],
    ['a clock in a comment', 'src/front/events.ts', '/** On the clock of `performance.now()`. */\n// not Date.now()'],
    ['a clock in support', 'src/support/clock.ts', 'const now = performance.now()'],
    ['a timer of the CLI', 'src/cli/watch.ts', 'setTimeout(stop, 1000)'],
    ['std and SIMD in core', 'native/core/mask.cc', '#include <cstdint>\n#include <immintrin.h>\n#include "mask.h"'],
    ['zlib where it is used', 'native/core/deflate.cc', '#include <zlib.h>'],
    ['libuv in io', 'native/io/loop.cc', '#include <uv.h>\n#include "core/frame.h"'],
    ['400 lines', 'test/unit/a.test.ts', 'x\n'.repeat(400)],
    ['a long generated file', 'src/errors/statuses.ts', `// Generated from a table\n${'x\n'.repeat(500)}`],
  ])('not %s', (_what, path, text) => {
    expect(broken(path, text)).toEqual([])
  })

  test('the line of a violation, comments before it included', () => {
    const text = "/* a\n * b */\nconst s = '// no comment'\nconst now = Date.now() // here\n"
    expect(broken('src/front/a.ts', text)).toEqual([expect.stringMatching(/^src\/front\/a\.ts:4 uses Date\.now:/)])
  })
})
