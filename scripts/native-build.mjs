// Builds the addon with node-gyp, when something changed since the last time. Used by build.mjs and prebuild.mjs.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
export const localBinary = join(root, 'build/Release/shared_ws.node')
const stampFile = join(root, 'build/Release/shared_ws.json')

/** A build failure in words for people: what is missing, or what the compiler said. */
export class BuildError extends Error {}

/** Says things on stderr: stdout may be npm's JSON. */
export const say = (line) => console.error(`[shared-ws] ${line}`)

/**
 * Node's headers that stand beside this Node, if they do (they always do beside one from nodejs.org or nvm). Where they
 * do not, node-gyp downloads them.
 */
export function installedHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)))
  return existsSync(join(prefix, 'include/node/node.h')) ? prefix : undefined
}

/** Version of the headers that a build by this Node uses. */
export function headersVersion() {
  const prefix = installedHeaders()
  if (prefix === undefined) return process.versions.node
  const text = readFileSync(join(prefix, 'include/node/node_version.h'), 'utf8')
  const part = (name) => text.match(new RegExp(`#define NODE_${name}_VERSION (\\d+)`))?.[1]
  return `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`
}

/** Compiles the addon, unless the last build already had the same input. Returns whether it compiled. */
export function buildNative() {
  const compiler = findTools()
  const stamp = { inputs: hashInputs(), headers: headersVersion(), compiler }
  const last = readStamp()
  if (last !== undefined && existsSync(localBinary) && JSON.stringify(last) === JSON.stringify(stamp)) {
    say('native: up to date')
    return false
  }
  // Objects compiled by another compiler or against other headers are not make's to reuse.
  const fresh = last === undefined || last.headers !== stamp.headers || last.compiler !== stamp.compiler
  say(`native: compiling (${compiler}, headers of Node ${stamp.headers})`)
  rmSync(stampFile, { force: true })
  // A prebuilt binary is preferred by the loader; one from before this build would hide it.
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true })
  try {
    runNodeGyp(root, fresh ? ['rebuild'] : ['configure', 'build'])
  } catch (error) {
    // Better none than one that is not what the sources say.
    rmSync(localBinary, { force: true })
    throw error
  }
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, `${JSON.stringify(stamp)}\n`)
  say('native: built build/Release/shared_ws.node')
  return true
}

/** Runs node-gyp's commands one after the other in `directory`; throws what the compiler printed when one fails. */
export function runNodeGyp(directory, commands, { args = [], env = {} } = {}) {
  const gyp = join(root, 'node_modules/node-gyp/bin/node-gyp.js')
  const prefix = installedHeaders()
  const options = ['--jobs', 'max', ...(prefix === undefined ? [] : ['--nodedir', prefix]), ...args]
  for (const command of commands) {
    const run = spawnSync(process.execPath, [gyp, command, '-C', directory, ...options], {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, ...env },
      maxBuffer: 64 << 20,
    })
    if (run.error) throw run.error
    if (run.status !== 0) throw new BuildError(`node-gyp ${command} failed:\n${run.stdout}${run.stderr}`.trimEnd())
  }
}

/** Throws when a tool is missing, else names the compiler. */
function findTools() {
  const cxx = process.env.CXX || 'g++'
  const compiler = firstLine(cxx, ['--version'])
  const missing = []
  if (compiler === undefined) missing.push(`a C++20 compiler (${cxx}; set CXX for another)`)
  if (firstLine('make', ['--version']) === undefined) missing.push('make')
  if (firstLine(process.env.PYTHON || 'python3', ['--version']) === undefined) missing.push('python3')
  if (!existsSync(join(root, 'node_modules/node-gyp'))) missing.push('node-gyp (run npm ci)')
  if (missing.length === 0) return compiler
  throw new BuildError(
    `missing: ${missing.join(', ')}\n` +
      '  Debian, Ubuntu:  apt-get install g++ make python3\n' +
      '  Fedora, RHEL:    dnf install gcc-c++ make python3\n' +
      '  Alpine:          apk add g++ make python3\n' +
      '  macOS:           xcode-select --install',
  )
}

export function firstLine(command, args) {
  const run = spawnSync(command, args, { encoding: 'utf8' })
  return run.status === 0 ? run.stdout.split('\n', 1)[0] : undefined
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampFile, 'utf8'))
  } catch {
    return undefined
  }
}

function hashInputs() {
  const files = ['binding.gyp', 'scripts/native-sources.mjs', 'native/exports.map']
  for (const layer of ['core', 'io', 'binding']) {
    for (const name of readdirSync(join(root, 'native', layer)).sort()) {
      if (/\.(cc|h)$/.test(name)) files.push(`native/${layer}/${name}`)
    }
  }
  const hash = createHash('sha256').update(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version)
  for (const name of ['CXXFLAGS', 'CFLAGS', 'LDFLAGS']) hash.update(`\0${process.env[name] ?? ''}`)
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(root, file)))
  return hash.digest('hex')
}
