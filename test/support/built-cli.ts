import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const main = `${root}/dist/cli/main.js`

/** Longer than any build takes: a lock as old as that was left behind. */
const STALE_LOCK_MS = 120_000
const LOCK_LOOK_MS = 100

/**
 * Builds dist/ if a source is newer: children must not run yesterday's code, nor what another test file is just writing.
 */
export function buildCli(): void {
  const lock = `${root}/node_modules/.build-cli-lock`
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const { mtimeMs } = statSync(lock, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() }
    if (Date.now() - mtimeMs > STALE_LOCK_MS) removeLock(lock)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_LOOK_MS)
  }
  try {
    buildIfStale()
  } finally {
    removeLock(lock)
  }
}

function removeLock(lock: string): void {
  try {
    rmdirSync(lock)
  } catch {
    // Another one was quicker.
  }
}

function buildIfStale(): void {
  const sources = readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const newest = Math.max(...sources.map((name) => statSync(`${root}/src/${name}`).mtimeMs))
  const built = statSync(main, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (built > newest) return
  const { status, stderr } = spawnSync(process.execPath, [`${root}/scripts/build.mjs`, '--ts'], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`dist/ could not be built:\n${stderr}`)
}

/** The built CLI in a process of its own, with its output. */
export class CliProcess {
  readonly child: ChildProcess
  out = ''
  err = ''
  readonly #exit: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>

  constructor(...argv: readonly string[]) {
    this.child = spawn(process.execPath, [main, ...argv], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text
    })
    this.#exit = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) => resolve({ code, signal }))
    })
  }

  get lines(): string[] {
    return this.out.split('\n').slice(0, -1)
  }

  /** How it ended, once all of its output is here. */
  exit(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    return this.#exit
  }

  /** Waits until stdout has a line that matches. Fails when it ends without one. */
  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line))
      if (found !== undefined) return found
      const more = new Promise<true>((resolve) => this.child.stdout?.once('data', () => resolve(true)))
      if ((await Promise.race([more, this.#exit])) !== true) {
        throw new Error(`ended without a line on stdout that matches ${pattern}\n${this.out}\n${this.err}`)
      }
    }
  }

  /** For the end of a test: whatever it does, it ends. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    this.child.stdout?.resume()
    await this.#exit
  }
}
