import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The library as users run it, compiled from the sources of now into a place of its own. */
export class CompiledLibrary {
  readonly #directory = mkdtempSync(join(tmpdir(), 'shared-ws-child-'))

  constructor() {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const argv = [tsc, '-p', root, '--outDir', join(this.#directory, 'dist')]
    const { status, stdout } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`the library could not be compiled:\n${stdout}`)
    copyFileSync(join(root, 'package.json'), join(this.#directory, 'package.json'))
    // Where the loader and imports look, seen from dist/.
    for (const name of ['node_modules', 'build']) {
      if (existsSync(join(root, name))) symlinkSync(join(root, name), join(this.#directory, name))
    }
  }

  /** URL of its entry, for `import()`. */
  get entry(): string {
    return pathToFileURL(join(this.#directory, 'dist/index.js')).href
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

export interface ChildResult {
  /** Null when a signal ended it: a crash, or our patience. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How long a child may take, unless told otherwise, before it counts as one that does not exit by itself. */
export const PATIENCE_MS = 90_000

/** Runs a script of `test/integration/children` until it ends. */
export function runChild(script: string, argv: readonly string[], patienceMs = PATIENCE_MS): Promise<ChildResult> {
  const path = fileURLToPath(new URL(`../integration/children/${script}`, import.meta.url))
  // A warning is a finding too: it would be on stderr, which tests compare with ''.
  // bufferutil, a peer of the benches that ws loads where it finds it, aborts in a Worker that is being terminated.
  const env = { ...process.env, WS_NO_BUFFER_UTIL: '1' }
  const child = spawn(process.execPath, [path, ...argv], { stdio: ['ignore', 'pipe', 'pipe'], env })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const patience = setTimeout(() => {
    stderr += `\n[killed: it did not exit within ${patienceMs} ms]`
    child.kill('SIGKILL')
  }, patienceMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      clearTimeout(patience)
      resolve({ code, signal, stdout, stderr })
    })
  })
}
