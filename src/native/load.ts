import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { NativeAddon } from './addon.ts'

/** What became of the native addon in this process (or Worker), and why. Frozen. */
export interface NativeInfo {
  readonly loaded: boolean
  /** `prebuilt`: shipped in the package. `local`: compiled in a clone. `none`: not loaded. */
  readonly origin: 'prebuilt' | 'local' | 'none'
  /** One sentence: what was loaded, or why nothing was. */
  readonly reason: string
  /** File that was loaded. */
  readonly path?: string
  /** Version of the package that the addon was built from; the same as the package's own. */
  readonly version?: string
  /** Instruction set of the codec: `avx2`, `sse2` or `neon`. */
  readonly simd?: string
  /** OpenSSL headers the addon was compiled against. */
  readonly opensslVersion?: string
  /** Files that were tried and did not serve, in order. */
  readonly tried: readonly { readonly path: string; readonly error: string }[]
  /** What is likely to help, the likeliest first. Empty when loaded. */
  readonly suggestions: readonly string[]
}

/** The addon, when it could be loaded, and in any case what happened. */
export interface NativeLoad {
  readonly addon?: NativeAddon
  readonly info: NativeInfo
}

/** Everything the decision rests on, so that tests can be another machine. */
export interface LoadHost {
  readonly platform: string
  readonly arch: string
  readonly versions: Readonly<Record<string, string | undefined>>
  /** `SHARED_WS_NATIVE`. */
  readonly setting: string | undefined
  /** Version in package.json. */
  readonly packageVersion: () => string
  /** This process runs on musl, as on Alpine. Asked only where a prebuilt binary would fit otherwise. */
  readonly isMusl: () => boolean
  readonly candidates: (target: string) => readonly Candidate[]
}

export interface Candidate {
  readonly origin: 'prebuilt' | 'local'
  readonly path: string
  /** Throws as `require` does. */
  readonly load: () => unknown
}

const PREBUILT_TARGETS = ['linux-x64', 'linux-arm64']

let once: NativeLoad | undefined

/**
 * Loads the addon, on the first call in this environment. Never throws: what stood in the way is in `info`.
 * `SHARED_WS_NATIVE=off` keeps it from being loaded.
 */
export function loadNative(): NativeLoad {
  once ??= loadOn(thisHost)
  return once
}

/** Which native addon serves this process, or why none does. */
export function nativeInfo(): NativeInfo {
  return loadNative().info
}

/** {@link loadNative} on any host, without memory. */
export function loadOn(host: LoadHost): NativeLoad {
  try {
    const obstacle = obstacleOf(host)
    if (obstacle !== undefined) return declined(obstacle.reason, [], obstacle.suggestions)
    return tryCandidates(host)
  } catch (error) {
    return declined(`the loader failed: ${messageOf(error)}`, [], [BUNDLER_HINT])
  }
}

interface Obstacle {
  readonly reason: string
  readonly suggestions: readonly string[]
}

const WS_SERVES = 'without the addon the ws transport serves; nothing needs to be done unless speed matters'
const BUNDLER_HINT =
  'when the application is bundled: mark shared-ws as external, so that its .node files stay beside its code'

/** What rules the addon out before any file is touched. */
function obstacleOf({ platform, versions, setting }: LoadHost): Obstacle | undefined {
  if (setting === 'off') {
    return { reason: 'SHARED_WS_NATIVE=off keeps it from being loaded', suggestions: ['unset SHARED_WS_NATIVE'] }
  }
  if (setting !== undefined && setting !== '') {
    const reason = `SHARED_WS_NATIVE=${setting} is not understood`
    return { reason, suggestions: ['set SHARED_WS_NATIVE=off to do without the addon, or unset it'] }
  }
  for (const [key, name] of [
    ['electron', 'Electron'],
    ['bun', 'Bun'],
    ['deno', 'Deno'],
  ] as const) {
    if (versions[key] !== undefined) {
      const reason = `${name} does not export the OpenSSL and libuv that Node does, and the addon links against those`
      return { reason, suggestions: ['run on Node to use the addon', WS_SERVES] }
    }
  }
  if (platform === 'win32') {
    return { reason: 'the addon does not support Windows', suggestions: ['run on Linux to use the addon', WS_SERVES] }
  }
  const openssl = versions['openssl']
  if (openssl === undefined || openssl.split('.')[0] !== '3') {
    const reason = `the addon needs OpenSSL 3, and this Node was built with ${openssl === undefined ? 'none' : openssl}`
    return { reason, suggestions: ['use a Node from nodejs.org, version 20.19 or later', WS_SERVES] }
  }
  return undefined
}

function tryCandidates(host: LoadHost): NativeLoad {
  const target = `${host.platform}-${host.arch}`
  const tried: { path: string; error: string }[] = []
  for (const candidate of host.candidates(target)) {
    const error = tryCandidate(candidate, host)
    if (typeof error === 'object') return loaded(candidate, error)
    tried.push(Object.freeze({ path: candidate.path, error }))
  }
  return declined(failureOf(target, tried), tried, suggestionsFor(target, tried))
}

/** The addon, or why this file does not serve. */
function tryCandidate(candidate: Candidate, host: LoadHost): NativeAddon | string {
  if (candidate.origin === 'prebuilt' && host.isMusl()) return NEEDS_GLIBC
  let addon: unknown
  try {
    addon = candidate.load()
  } catch (error) {
    return isMissing(error, candidate.path) ? MISSING : messageOf(error)
  }
  if (!looksLikeAddon(addon)) return 'the file is not the addon of shared-ws'
  const expected = host.packageVersion()
  if (addon.version !== expected) return `${OTHER_VERSION}: built from ${addon.version}, the package is ${expected}`
  return addon
}

function looksLikeAddon(value: unknown): value is NativeAddon {
  if (typeof value !== 'object' || value === null) return false
  const addon = value as Partial<Record<keyof NativeAddon, unknown>>
  return typeof addon.version === 'string' && typeof addon.init === 'function'
}

const MISSING = 'the file is not there'
const NEEDS_GLIBC = 'prebuilt binaries need glibc, and this Node runs on musl'
const OTHER_VERSION = 'the file belongs to another version'

function failureOf(target: string, tried: readonly { readonly error: string }[]): string {
  const failed = tried.filter(({ error }) => error !== MISSING)
  if (failed.length > 0) return failed.map(({ error }) => error).join('; ')
  return PREBUILT_TARGETS.includes(target)
    ? `no binary for ${target} was found, neither shipped nor built here`
    : `no binary is shipped for ${target}, and none was built here`
}

function suggestionsFor(target: string, tried: readonly { readonly error: string }[]): string[] {
  const saw = (pattern: string | RegExp) => tried.some(({ error }) => error.search(pattern) >= 0)
  const hints: string[] = []
  if (saw(/version .GLIBC/)) hints.push('the system is too old: glibc 2.28 or later is needed (Debian 10, RHEL 8)')
  if (saw(NEEDS_GLIBC)) hints.push('use an image with glibc, such as node:22-slim instead of node:22-alpine')
  if (saw(/undefined symbol/)) hints.push('use a Node from nodejs.org; this one hides symbols that the addon needs')
  if (saw(/addons? (is|are|has been) disabled|ERR_DLOPEN_DISABLED/i)) hints.push('start Node with --allow-addons')
  if (saw(OTHER_VERSION)) hints.push('install the package again: its files come from different versions')
  if (saw(MISSING) && PREBUILT_TARGETS.includes(target)) {
    hints.push('in an installed package: install it again, and keep node_modules/shared-ws/prebuilds in the image')
    hints.push(BUNDLER_HINT)
  }
  hints.push('in a clone: run npm ci, or npm run build:native, with g++ 10 or later, make and python3 installed')
  hints.push(WS_SERVES)
  return hints
}

function loaded({ origin, path }: Candidate, addon: NativeAddon): NativeLoad {
  const { version, simd, opensslVersion } = addon
  const reason = origin === 'prebuilt' ? 'loaded the prebuilt binary' : 'loaded the binary built in this clone'
  const nothing = Object.freeze([])
  return {
    addon,
    info: Object.freeze({
      loaded: true,
      origin,
      reason,
      path,
      version,
      simd,
      opensslVersion,
      tried: nothing,
      suggestions: nothing,
    }),
  }
}

function declined(
  reason: string,
  tried: { path: string; error: string }[],
  suggestions: readonly string[],
): NativeLoad {
  const info: NativeInfo = {
    loaded: false,
    origin: 'none',
    reason,
    tried: Object.freeze(tried),
    suggestions: Object.freeze([...suggestions]),
  }
  return { info: Object.freeze(info) }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const firstLine = error.message.split('\n', 1)[0] as string
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ERR_DLOPEN_DISABLED' ? `${firstLine} (${code})` : firstLine
}

function isMissing(error: unknown, path: string): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'MODULE_NOT_FOUND' && !existsSync(path)
}

const thisHost: LoadHost = {
  platform: process.platform,
  arch: process.arch,
  versions: process.versions,
  setting: process.env['SHARED_WS_NATIVE'],
  packageVersion: () => (createRequire(import.meta.url)('../../package.json') as { version: string }).version,
  isMusl: () => {
    // A glibc system may have musl beside it: the file says only that the (slow) question is worth asking.
    if (!existsSync(`/lib/ld-musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`)) return false
    const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
    return header.glibcVersionRuntime === undefined
  },
  // Literal paths, so that bundlers and packagers that trace files see them.
  candidates: (target) => {
    const require = createRequire(import.meta.url)
    const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
    const local: Candidate = {
      origin: 'local',
      path: pathOf('../../build/Release/shared_ws.node'),
      load: () => require('../../build/Release/shared_ws.node'),
    }
    switch (target) {
      case 'linux-x64': {
        const path = pathOf('../../prebuilds/linux-x64/shared-ws.node')
        return [{ origin: 'prebuilt', path, load: () => require('../../prebuilds/linux-x64/shared-ws.node') }, local]
      }
      case 'linux-arm64': {
        const path = pathOf('../../prebuilds/linux-arm64/shared-ws.node')
        return [{ origin: 'prebuilt', path, load: () => require('../../prebuilds/linux-arm64/shared-ws.node') }, local]
      }
      default:
        return [local]
    }
  },
}
