import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** How users' projects read modules. CommonJS files can import the package only where the compiler follows Node. */
export const PROJECTS = {
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext', extensions: ['.ts', '.cts'] },
  bundler: { module: 'esnext', moduleResolution: 'bundler', extensions: ['.ts'] },
} as const

/**
 * Makes `directory` a user's project with the snippets, strict, checking the library's declarations too, and without
 * any types but Node's. `shared-ws` must be in its node_modules already.
 */
export async function makeProject(directory: string): Promise<void> {
  await cp(join(root, 'test/types/snippets'), directory, { recursive: true })
  await writeFile(join(directory, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n')
  await mkdir(join(directory, 'node_modules/@types'), { recursive: true })
  await symlink(join(root, 'node_modules/@types/node'), join(directory, 'node_modules/@types/node'))
  const snippets = await readdir(join(root, 'test/types/snippets'))
  for (const [name, { module, moduleResolution, extensions }] of Object.entries(PROJECTS)) {
    const compilerOptions = {
      target: 'es2022',
      lib: ['es2022'],
      module,
      moduleResolution,
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
    }
    const files = snippets.filter((file) => extensions.some((extension) => extname(file) === extension))
    await writeFile(join(directory, `tsconfig.${name}.json`), JSON.stringify({ compilerOptions, files }))
  }
}

/** What the compiler in `typescript` (a package directory) says about a project; '' when it says nothing. */
export async function compile(typescript: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [join(typescript, 'bin/tsc'), ...args])
    return stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    return `${stdout ?? ''}${stderr ?? ''}` || String(error)
  }
}
