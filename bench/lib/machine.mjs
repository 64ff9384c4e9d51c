import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os'

const require = createRequire(import.meta.url)

/** @param {string} name */
export function packageVersion(name) {
  // Not `require('name/package.json')`: not every package exports it.
  const files = (require.resolve.paths(name) ?? []).map((root) => `${root}/${name}/package.json`)
  const file = files.find((path) => existsSync(path))
  return file && JSON.parse(readFileSync(file, 'utf8')).version
}

/** The line that heads every output: what the figures depend on. */
export function machineLine() {
  const peers = ['ws', 'bufferutil', 'undici', 'websocket', 'uWebSockets.js']
    .map((name) => `${name} ${packageVersion(name) ?? 'absent'}`)
    .join(', ')
  const compiler = spawnSync('cc', ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? 'no C compiler'
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU'
  return (
    `${model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}, ` +
    `Node ${process.versions.node} (OpenSSL ${process.versions.openssl}), ${compiler}, ${peers}`
  )
}

/** Other work on the machine spoils figures; undefined when there is little of it. */
export function loadWarning() {
  const load = loadavg()[0] ?? 0
  return load > 0.5 ? `load average ${load.toFixed(1)} at the start: other work is running here` : undefined
}

/**
 * Where processes may run. `same`: server and client on one CPU. `apart`: on two. `free`: wherever the kernel puts them.
 * @typedef {'same' | 'apart' | 'free'} Place
 */

export class Pinning {
  constructor() {
    this.cpus = allowedCpus()
    const works =
      this.cpus.length > 0 &&
      spawnSync('taskset', ['-c', String(this.cpus.at(-1)), 'true'], { stdio: 'ignore' }).status === 0
    this.available = works
    this.description = !works
      ? 'taskset is not available: nothing is pinned, same-CPU figures are not what they say'
      : this.cpus.length === 1
        ? `one CPU (${this.cpus[0]}): server and client always share it`
        : `pinned with taskset: same CPU = both on ${this.cpus.at(-1)}; apart = server ${this.cpus.at(-2)}, client ${this.cpus.at(-1)}`
  }

  /**
   * @param {Place} place
   * @param {'server' | 'client'} role
   * @returns {string[]} What to put before the command.
   */
  prefix(place, role) {
    if (!this.available || place === 'free') return []
    const apart = place === 'apart' && role === 'server' && this.cpus.length > 1
    return ['taskset', '-c', String(apart ? this.cpus.at(-2) : this.cpus.at(-1))]
  }
}

function allowedCpus() {
  if (!existsSync('/proc/self/status')) return []
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return parseCpuList(list)
}

/**
 * `0-2,5` → 0, 1, 2, 5.
 * @param {string} list
 */
export function parseCpuList(list) {
  return list
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last] = part.split('-').map(Number)
      return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i)
    })
}
