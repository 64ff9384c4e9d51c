import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildCli } from '../support/built-cli.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
// Within the package, so that it can import itself by its name; build/ is nobody's source.
let dir: string

beforeAll(() => {
  buildCli()
  mkdirSync(`${root}build`, { recursive: true })
  dir = mkdtempSync(`${root}build/docs-`)
})
afterAll(() => rmSync(dir, { recursive: true }))

const programs = [...readFileSync(`${root}docs/testing.md`, 'utf8').matchAll(/```js\n(.*?)```/gs)].map(
  ([, code]) => code,
)

test('docs/testing.md has its two programs', () => {
  expect(programs).toHaveLength(2)
})

// What a comment behind console.log says is what is printed.
test.each(programs.map((code, i) => [i + 1, code as string] as const))('program %d prints what it says', (i, code) => {
  const said = [...code.matchAll(/console\.log\(.*\) \/\/ (\S+?)(?::.*)?$/gm)].map(([, value]) => value)
  expect(said.length).toBeGreaterThan(0)
  writeFileSync(`${dir}/program${i}.mjs`, code)
  const run = spawnSync(process.execPath, [`${dir}/program${i}.mjs`], { encoding: 'utf8', timeout: 40_000 })
  expect(run.stderr).toBe('')
  expect(run.stdout.trimEnd().split('\n')).toEqual(said)
  expect(run.status).toBe(0)
})
