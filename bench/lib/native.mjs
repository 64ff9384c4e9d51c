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
    blaster: compile(
      'blaster',
      ['blaster.c', 'modes.c', 'modes_read.c', 'modes_subscribe.c', 'modes_deflate.c'],
      flags,
      libraries,
    ),
    client: compile('client', ['client.c', 'client_reconnect.c'], flags, libraries),
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
  const out = join(BUILD, `${name}${flags.join('')}`)
  const files = sources.map((file) => join(SOURCE, file))
  if (isNewer(out, [SOURCE])) return out
  run(cc, ['-std=c11', '-O2', '-Wall', '-Wextra', ...flags, ...files, '-o', out, ...libraries, '-lpthread'])
  return out
}

/**
 * The codec of the tree at `root` as a client process. Its own copy of codec_client.cc, where it has one, speaks the
 * interface of its codec.
 * @param {string} root
 */
export function buildCodec(root) {
  const core = join(root, 'native', 'core')
  const own = join(root, 'bench', 'native')
  const source = existsSync(join(own, 'codec_client.cc')) ? own : SOURCE
  const folder = join(root, 'build', 'bench')
  const out = join(folder, 'codec_client')
  mkdirSync(folder, { recursive: true })
  if (isNewer(out, [source, core])) return out
  const files = readdirSync(core).filter((file) => file.endsWith('.cc'))
  const flags = ['-std=c++20', '-O3', '-fno-exceptions', '-fno-rtti', `-I${source}`, `-I${join(root, 'native')}`]
  const sources = [join(source, 'codec_client.cc'), ...files.map((file) => join(core, file))]
  run(process.env['CXX'] ?? 'g++', [...flags, ...sources, '-o', out, '-lz'])
  return out
}

/**
 * @param {string} out
 * @param {string[]} folders
 */
function isNewer(out, folders) {
  if (!existsSync(out)) return false
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
  return statSync(out).mtimeMs > Math.max(...files.map((file) => statSync(file).mtimeMs))
}

/**
 * @param {string} compiler
 * @param {string[]} args
 */
function run(compiler, args) {
  const { status, stderr, error } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(`A program of the bench could not be compiled with ${compiler}: ${error?.message ?? stderr}`)
  }
}
