import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compile, makeProject, PROJECTS } from './compile.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const typescript = join(root, 'node_modules/typescript')

let directory: string

// The declarations are made from the sources of now, not from a dist/ of some time ago.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'shared-ws-types-'))
  const library = join(directory, 'node_modules/shared-ws')
  const emit = ['-p', root, '--emitDeclarationOnly', '--outDir', join(library, 'dist')]
  expect(await compile(typescript, emit)).toBe('')
  await cp(join(root, 'package.json'), join(library, 'package.json'))
  await makeProject(directory)
})

afterAll(() => rm(directory, { recursive: true, force: true }))

describe('programs of users compile, and their mistakes do not', () => {
  test.each(Object.keys(PROJECTS))('moduleResolution %s', async (project) => {
    expect(await compile(typescript, ['-p', join(directory, `tsconfig.${project}.json`)])).toBe('')
  })
})
