// Compiles the bench's C programs on demand into build/bench/.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const BUILD = join(ROOT, 'build', 'bench')
const SOURCE = join(ROOT, 'bench', 'native')

const FEATURES = {
  tls: { flags: ['-DBENCH_TLS'], libraries: ['-lssl', '-lcrypto'], needs: 'OpenSSL headers (Debian: libssl-dev)' },
  deflate: { flags: ['-DBENCH_DEFLATE'], libraries: ['-lz'], needs: 'zlib headers (Debian: zlib1g-dev)' },
}

/**
 * @typedef {{ blaster: string, client: string, missing: Record<string, string> }} NativePrograms
 * Paths, and what the programs could not be built with: feature → what is needed.
 */

/** @returns {NativePrograms} */
export function buildNative() {
  mkdirSync(BUILD, { recursive: true })
  /** @type {Record<string, string>} */
  const missing = {}
  const present = Object.entries(FEATURES).filter(([name, feature]) => {
    const works = compiles(feature)
    if (!works) missing[name] = feature.needs
    return works
  })
  const flags = present.flatMap(([, feature]) => feature.flags)
  const libraries = present.flatMap(([, feature]) => feature.libraries)
  return {
    blaster: compile('blaster', ['blaster.c', 'modes.c', 'modes_read.c'], flags, libraries),
    client: compile('client', ['client.c'], flags, libraries),
    missing,
  }
}

const cc = process.env['CC'] ?? 'cc'

/** @param {{ flags: string[], libraries: string[] }} feature */
function compiles({ flags, libraries }) {
  const include = flags.includes('-DBENCH_TLS') ? '#include <openssl/ssl.h>' : '#include <zlib.h>'
  const out = join(BUILD, 'probe')
  const input = `${include}\nint main(void) { return 0; }\n`
  return spawnSync(cc, ['-x', 'c', '-', '-o', out, ...libraries], { input }).status === 0
}

/**
 * @param {string} name
 * @param {string[]} sources
 * @param {string[]} flags
 * @param {string[]} libraries
 */
function compile(name, sources, flags, libraries) {
  const out = join(BUILD, flags.length > 0 ? `${name}${flags.join('')}` : name)
  const newest = Math.max(...readdirSync(SOURCE).map((file) => statSync(join(SOURCE, file)).mtimeMs))
  if (existsSync(out) && statSync(out).mtimeMs > newest) return out
  const files = sources.map((file) => join(SOURCE, file))
  const args = ['-std=c11', '-O2', '-Wall', '-Wextra', ...flags, ...files, '-o', out, ...libraries, '-lpthread']
  const { status, stderr, error } = spawnSync(cc, args, { encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(`The bench's server and C client could not be compiled with ${cc}: ${error?.message ?? stderr}`)
  }
  return out
}
