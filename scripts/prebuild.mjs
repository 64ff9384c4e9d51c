// Makes the binaries that are shipped: prebuilds/<target>/shared-ws.node. Runs before `npm pack` and `npm publish`.
//   node scripts/prebuild.mjs          linux-x64, and linux-arm64 where Debian's cross compiler is installed
//   node scripts/prebuild.mjs --clean  removes them again, because the loader would prefer them to a later local build
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import {
  BuildError,
  buildNative,
  firstLine,
  headersVersion,
  localBinary,
  root,
  runNodeGyp,
  say,
} from './native-build.mjs'

// Built against Node 20 (OpenSSL 3.0), a binary loads on every later Node; the reverse does not hold.
const HEADERS_MAJOR = '20'
const ANY_HEADERS = 'SHARED_WS_PREBUILD_ANY_HEADERS'
const CROSS = 'aarch64-linux-gnu-'

const [argument] = process.argv.slice(2)
if (argument !== undefined && argument !== '--clean') {
  say(`unknown argument ${argument}; use --clean, or none`)
  process.exit(2)
}
rmSync(join(root, 'prebuilds'), { recursive: true, force: true })
if (argument === undefined) {
  try {
    prebuild()
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    rmSync(join(root, 'prebuilds'), { recursive: true, force: true })
    say(`prebuild: ${error.message}`)
    process.exitCode = 1
  }
}

function prebuild() {
  const host = `${process.platform}-${process.arch}`
  if (host !== 'linux-x64') throw new BuildError(`the package is made on linux-x64, and this is ${host}`)
  if (process.report.getReport().header.glibcVersionRuntime === undefined) {
    throw new BuildError('the package is made on a system with glibc, and this Node runs on musl')
  }
  checkHeaders()
  buildNative()
  ship(localBinary, 'linux-x64', 'strip')
  checkLoads('linux-x64')
  const compiler = firstLine(`${CROSS}g++`, ['--version'])
  if (compiler === undefined) say('prebuild: linux-arm64 skipped; for it: apt-get install g++-aarch64-linux-gnu')
  else crossBuild(compiler)
}

function checkHeaders() {
  const version = headersVersion()
  if (version.split('.')[0] === HEADERS_MAJOR) return
  const rule = `prebuilt binaries are compiled against headers of Node ${HEADERS_MAJOR}, and these are of ${version}`
  if (process.env[ANY_HEADERS] !== '1') {
    throw new BuildError(
      `${rule}; pack with Node ${HEADERS_MAJOR}, or set ${ANY_HEADERS}=1 if nobody else will get them`,
    )
  }
  say(`prebuild: WARNING: ${rule}; the result may not load on other versions (${ANY_HEADERS}=1)`)
}

/** Compiles for arm64 in a copy of what the build reads, so that this machine's own build stays. */
function crossBuild(compiler) {
  const copy = join(root, '.cache/cross-linux-arm64')
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(copy, { recursive: true })
  for (const name of ['binding.gyp', 'package.json', 'native', 'scripts']) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  say(`prebuild: compiling for linux-arm64 (${compiler})`)
  const env = { CC: `${CROSS}gcc`, CXX: `${CROSS}g++`, AR: `${CROSS}ar`, LINK: `${CROSS}g++` }
  runNodeGyp(copy, ['rebuild'], { args: ['--arch', 'arm64'], env })
  ship(join(copy, 'build/Release/shared_ws.node'), 'linux-arm64', `${CROSS}strip`)
  rmSync(copy, { recursive: true, force: true })
}

function ship(binary, target, strip) {
  const directory = join(root, 'prebuilds', target)
  const file = join(directory, 'shared-ws.node')
  mkdirSync(directory, { recursive: true })
  const run = spawnSync(strip, ['--strip-unneeded', '-o', file, binary], { encoding: 'utf8' })
  if (run.status !== 0) throw new BuildError(`${strip} failed: ${run.error?.message ?? run.stderr}`)
  say(`prebuild: prebuilds/${target}/shared-ws.node, ${Math.round(statSync(file).size / 1024)} KiB`)
}

function checkLoads(target) {
  const require = createRequire(import.meta.url)
  const { version } = require(`../prebuilds/${target}/shared-ws.node`)
  const expected = require('../package.json').version
  if (version !== expected)
    throw new BuildError(`the ${target} binary says version ${version}, package.json ${expected}`)
}
