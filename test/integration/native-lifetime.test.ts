import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CompiledLibrary, PATIENCE_MS, runChild } from '../support/child.ts'

let library: CompiledLibrary

beforeAll(() => {
  library = new CompiledLibrary()
})
afterAll(() => library.remove())

const run = (scenario: string, argument = '', patienceMs?: number) =>
  runChild('native-lifetime.mjs', [library.entry, scenario, argument], patienceMs).then(
    ({ code, signal, stdout, stderr }) => ({
      code,
      signal,
      stderr,
      result: stdout === '' ? undefined : (JSON.parse(stdout) as unknown),
    }),
  )

const ended = (result: unknown) => ({ code: 0, signal: null, stderr: '', result })

/**
 * More of them: `SHARED_WS_ROUNDS=200 SHARED_WS_CYCLES=10000 npx vitest run native-lifetime`. native/README.md has the command
 * that takes plain, TLS and compressed connections one after the other, and tells of memory on the way.
 */
const ROUNDS = process.env['SHARED_WS_ROUNDS'] ?? '13'
const CYCLES = process.env['SHARED_WS_CYCLES'] ?? '600'
/** Long enough for a busy machine; only a hang takes it. */
const ROUNDS_MS = PATIENCE_MS + Number(ROUNDS) * 5000
const CYCLES_MS = PATIENCE_MS + Number(CYCLES) * 100

describe('native links', () => {
  test('in Workers that are terminated at any moment', { timeout: ROUNDS_MS + 15_000 }, async () => {
    expect(await run('workers', ROUNDS, ROUNDS_MS)).toEqual(ended({ enoughWereBusy: true, linksOfThisThread: 1 }))
  })

  test.each(['inside', 'outside'])('when the process exits %s a delivery', async (where) => {
    expect(await run('exit', where)).toEqual({ code: 7, signal: null, stderr: '', result: undefined })
  })

  test('when handlers throw and somebody listens: each error surfaces, and other links are served', async () => {
    expect(await run('throw', 'caught')).toEqual(ended({ everyOneSurfaced: true }))
  })

  test('when a handler throws and nobody listens: the process ends as for any uncaught exception', async () => {
    const { code, signal, stderr } = await run('throw')
    expect({ code, signal }).toEqual({ code: 1, signal: null })
    expect(stderr).toContain('Error: from a handler')
  })

  test('under collections inside deliveries, with views held', async () => {
    expect(await run('gc')).toEqual(ended({ wrong: 0, readable: true }))
  })

  test('refuse to have their memory transferred', async () => {
    const refused = ['structuredClone', 'postMessage', 'postMessage of a view'].map((name) => `${name}: refused`)
    expect(await run('transfer')).toEqual(ended({ slab: refused, block: refused, wrong: 0 }))
  })

  test('that nobody holds go on, and let the process end when they have ended', async () => {
    expect(await run('forgotten')).toEqual(ended({ ended: 3 }))
  })

  // Nothing else goes on in that process that could wake the loop. Of two addresses, the failure that says more is told.
  test('to addresses that fail at once say so', async () => {
    expect(await run('unreachable')).toEqual(ended(['ECONNREFUSED', 'ENETUNREACH']))
  })

  test('leave nothing behind, plain or TLS, compressed or not', { timeout: CYCLES_MS + 15_000 }, async () => {
    expect(await run('cycles', CYCLES, CYCLES_MS)).toEqual(ended({ moreFds: 0, links: 0, leaks: false, handles: [] }))
  })
})
