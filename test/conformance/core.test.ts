import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { isForCore, runCore } from './core-subject.ts'
import { failureText, leaveTally } from './tally.ts'
import { readFamilies } from './vectors.ts'

/** Built by scripts/test-conformance.mjs, with AddressSanitizer and UndefinedBehaviorSanitizer. */
const RUNNER = fileURLToPath(new URL('../../build/native-test/conformance/conformance', import.meta.url))

const tally = { cases: 0, checks: 0, failed: 0 }
afterAll(() => leaveTally('core', tally))

const families = readFamilies('vectors')
  .map(({ name, vectors }) => ({ name, own: vectors.filter(isForCore) }))
  .filter(({ own }) => own.length > 0)

describe('the C++ core, without sockets', () => {
  // With --case; Vitest wants a test in each file.
  it.runIf(families.length === 0)('is not what the chosen cases are about', () => expect(families).toEqual([]))

  for (const { name, own } of families) {
    it(name, async () => {
      expect(existsSync(RUNNER), 'the runner is built by npm run test:conformance').toBe(true)
      const results = await runCore(RUNNER, own)
      const failures = results.flatMap(({ vector, failure }) =>
        failure === undefined ? [] : [`${vector.id} (${vector.where}) ${failure}`],
      )
      tally.cases += results.length
      tally.checks += results.reduce((sum, { checks }) => sum + checks, 0)
      tally.failed += failures.length
      expect(failureText(failures)).toBe('')
    })
  }
})
