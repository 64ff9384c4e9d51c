import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildCli, CliProcess } from '../support/built-cli.ts'

const processes: CliProcess[] = []

beforeAll(() => buildCli())
afterEach(async () => {
  for (const process of processes.splice(0)) await process.kill()
})

function demo(...argv: readonly string[]): CliProcess {
  const process = new CliProcess('demo', ...argv)
  processes.push(process)
  return process
}

/** The process that the demo says its exchange has. */
function exchangePid(run: CliProcess): number {
  return Number(/\(process (\d+)\)/.exec(run.out)?.[1])
}

async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.each(['native', 'ws'])('on %s', (transport) => {
  test('loses the connection three times, and every promise holds', async () => {
    const run = demo('--seconds', '8', '--transport', transport)
    expect(await run.exit()).toEqual({ code: 0, signal: null })
    expect(run.err).toBe('')
    expect(run.out).toContain(`gateway on ${transport}\n`)
    expect(run.out).toMatch(/\n *[\d.]+ s {2}connection 4 is ready\n/)
    expect(run.out.match(/: data may be missing from here\n/g)?.length).toBeGreaterThanOrEqual(3)
    const table = run.out.slice(run.out.indexOf('what was expected'))
    expect(table.match(/ held$/gm)?.length).toBeGreaterThan(10)
    expect(table).not.toContain('BROKEN')
    expect(run.lines.at(-1)).toBe('Every promise held.')
    await untilGone(exchangePid(run))
  })

  test('holds every promise under chaos', async () => {
    const run = demo('--seconds', '8', '--transport', transport, '--chaos', '--seed', '11')
    expect(await run.exit()).toEqual({ code: 0, signal: null })
    expect(run.lines.at(-1)).toBe('Every promise held.')
  })
})

test('Ctrl-C ends it early, with the check', async () => {
  const run = demo('--seconds', '600')
  await run.line(/connection 1 is ready/)
  run.child.kill('SIGINT')
  expect(await run.exit()).toEqual({ code: 0, signal: null })
  expect(run.lines.at(-1)).toBe('Every promise held.')
})

test('a reader that goes away ends it', async () => {
  const run = demo('--seconds', '600')
  await run.line(/connection 1 is ready/)
  const pid = exchangePid(run)
  run.child.stdout?.destroy()
  await run.exit()
  await untilGone(pid)
})

test('the exchange ends with a demo that is killed', async () => {
  const run = demo('--seconds', '600')
  await run.line(/connection 1 is ready/)
  run.child.kill('SIGKILL')
  await run.exit()
  await untilGone(exchangePid(run))
})

test('an exchange that dies ends it', async () => {
  const run = demo('--seconds', '600')
  await run.line(/connection 1 is ready/)
  process.kill(exchangePid(run), 'SIGKILL')
  expect(await run.exit()).toEqual({ code: 1, signal: null })
  expect(run.err).toContain("the exchange's process has ended")
})

test('mistakes in the command line', async () => {
  const run = demo('--seconds', '0', '--rate', 'x', '--seed', '-1', 'extra')
  expect((await run.exit()).code).toBe(2)
  expect(run.out).toBe('')
  for (const field of ['--seconds', '--rate', '--seed', '"extra"']) expect(run.err).toContain(`  ${field}: `)
  expect(run.err).toContain(
    'usage: shared-ws demo [--seconds N] [--transport native|ws] [--rate N] [--chaos] [--seed S]',
  )
})
