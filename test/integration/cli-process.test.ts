import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { CaptureMessage } from '../../src/cli/capture.ts'
import { type ReplayServer, startReplayServer } from '../../src/cli/replay.ts'
import { buildCli, CliProcess } from '../support/built-cli.ts'
import { captureFile, NO_CAPTURES } from '../support/captures.ts'

let dir: string
let small: string
const processes: CliProcess[] = []
const servers: ReplayServer[] = []

beforeAll(() => {
  buildCli()
  dir = mkdtempSync(join(tmpdir(), 'shared-ws-cli-'))
  small = join(dir, 'small.ndjson')
  const lines = Array.from({ length: 100 }, (_, i) => `{"dir":"in","tMs":${i},"text":"message ${i}"}`)
  writeFileSync(small, ['{"format":"shared-ws-capture/1","url":"wss://a","startedAtUnixS":1}', ...lines, ''].join('\n'))
})
afterAll(() => rmSync(dir, { recursive: true }))
afterEach(async () => {
  for (const process of processes.splice(0)) await process.kill()
  for (const server of servers.splice(0)) await server.close()
})

function run(...argv: readonly string[]): CliProcess {
  const process = new CliProcess(...argv)
  processes.push(process)
  return process
}

async function replay(file: string, ...argv: readonly string[]): Promise<{ server: CliProcess; url: string }> {
  const server = run('replay-server', file, '--port', '0', ...argv)
  return { server, url: await server.line(/^ws:\/\/127\.0\.0\.1:\d+$/) }
}

const printed = (watch: CliProcess): string[] => watch.lines.filter((line) => /^\d\d:\d\d:\d\d\./.test(line))

test('watch prints every message of a replay, and both exit by themselves', async () => {
  const { server, url } = await replay(small, '--speed', 'max', '--once')
  const watch = run('watch', url)
  expect(await watch.exit()).toEqual({ code: 0, signal: null })
  expect(printed(watch).map((line) => line.slice(16))).toEqual(Array.from({ length: 100 }, (_, i) => `message ${i}`))
  expect(await server.exit()).toEqual({ code: 0, signal: null })
})

describe.skipIf(NO_CAPTURES !== undefined)(NO_CAPTURES ?? 'real sessions', () => {
  test.each([
    ['okx', 410],
    ['bitmex', 2120],
    ['huobi', 362],
  ])('%s has %d messages', async (name, count) => {
    const { url } = await replay(captureFile(name), '--speed', 'max', '--chop', '11')
    const watch = run('watch', url)
    expect((await watch.exit()).code).toBe(0)
    expect(printed(watch)).toHaveLength(count)
    expect(watch.out).toContain(`\n${count} messages (`)
  })
})

test('mistakes: exit code 2 and the usage', async () => {
  const watch = run('watch', 'http://a', '--seconds', 'x')
  expect((await watch.exit()).code).toBe(2)
  expect(watch.out).toBe('')
  expect(watch.err).toMatch(/^shared-ws watch: 2 mistakes in the command line\n/)
})

describe.each(['native', 'ws'])('signals and pipes, transport %s', (transport) => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s closes, sums up and exits 0', async (signal) => {
    const { server, url } = await replay(small, '--loop')
    const watch = run('watch', url, '--transport', transport)
    await watch.line(/message 5$/)
    watch.child.kill(signal)
    expect(await watch.exit()).toEqual({ code: 0, signal: null })
    expect(watch.out).toMatch(/\n--- .*closed by us\n\d+ messages \(/)
    expect(await server.line(/^client 1 .*left/)).toMatch(/close 1000$/)
    server.child.kill(signal)
    expect(await server.exit()).toEqual({ code: 0, signal: null })
  })

  test('a reader that goes, as "| head -1" does, ends it quietly', async () => {
    const { url } = await replay(small, '--speed', 'max', '--loop')
    const watch = run('watch', url, '--transport', transport)
    await watch.line(/message/)
    watch.child.stdout?.destroy()
    expect(await watch.exit()).toEqual({ code: 0, signal: null })
    // Back-pressure may have been remarked on the way.
    expect(watch.err.replaceAll(/^reading .*\n/gm, '')).toMatch(/^connected to .*\n$/)
  })

  const payload = 'x'.repeat(1000)
  const TOTAL = 60_000

  /** A server with 60 MB to say, to a `watch` whose stdout nobody reads: resolves when everything has come to a halt. */
  async function stalled(): Promise<{ watch: CliProcess; taken: () => number }> {
    let taken = 0
    function* source(): Generator<CaptureMessage> {
      for (; taken < TOTAL; taken++) yield { dir: 'in', tMs: 0, text: payload }
    }
    const server = await startReplayServer(source, { speed: 'max' })
    servers.push(server)
    const watch = run('watch', server.url, '--transport', transport)
    watch.child.stdout?.once('data', () => watch.child.stdout?.pause())
    let before = -1
    let same = 0
    // For so long that it is not just a busy machine that lets one of them wait.
    const halted = (): boolean => {
      same = taken > 0 && taken === before ? same + 1 : 0
      before = taken
      return same === 3
    }
    await expect.poll(halted, { interval: 500, timeout: 60_000 }).toBe(true)
    return { watch, taken: () => taken }
  }

  test('a slow reader of stdout slows the server, and gets everything in the end', async () => {
    const { watch, taken } = await stalled()
    expect(taken()).toBeLessThan(TOTAL)
    watch.child.stdout?.resume()
    expect((await watch.exit()).code).toBe(0)
    // In its place among the messages, hence not before they are taken.
    expect(watch.err).toContain('reading pauses: the output is slower than the server\nreading goes on\n')
    expect(printed(watch)).toHaveLength(TOTAL)
    expect(watch.out).toContain(`\n${TOTAL} messages (${TOTAL} text, 0 binary)`)
  })

  test('a stalled reader does not keep it after SIGTERM; a second SIGINT ends it at once', async () => {
    const { watch } = await stalled()
    watch.child.kill('SIGTERM')
    await expect
      .poll(() => watch.err, { timeout: 20_000 })
      .toContain('stdout failed: its reader took nothing for 3000 ms')
    watch.child.stdout?.resume()
    expect(await watch.exit()).toEqual({ code: 1, signal: null })

    const impatient = (await stalled()).watch
    const repeat = setInterval(() => impatient.child.kill('SIGINT'), 400)
    impatient.child.once('exit', () => clearInterval(repeat))
    await expect.poll(() => impatient.child.exitCode, { timeout: 20_000 }).toBe(130)
    impatient.child.stdout?.resume()
    await impatient.exit()
  })
})
