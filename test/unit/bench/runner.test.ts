import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseArgs } from '../../../bench/lib/args.mjs'
import { frameCapture } from '../../../bench/lib/captures.mjs'
import { Child } from '../../../bench/lib/child.mjs'
import { checkFilter, findImpl, matchesFilter } from '../../../bench/lib/impls.mjs'
import { parseCpuList } from '../../../bench/lib/machine.mjs'
import { allQuestions } from '../../../bench/lib/question.mjs'
import { Tally } from '../../../bench/lib/tally.mjs'
import { measure } from '../../../bench/lib/units.mjs'
import { findMismatch, findWrongSum } from '../../../bench/lib/verify.mjs'

describe('arguments', () => {
  it('are names and options in any order', () => {
    expect(parseArgs(['rtt', '--quick', '--json', 'out.json', '--filter', 'ws,C', '--filter', 'undici'])).toEqual({
      names: ['rtt'],
      quick: true,
      list: false,
      results: false,
      json: 'out.json',
      filter: ['ws', 'C', 'undici'],
    })
  })

  it('that make no sense are refused by name', () => {
    expect(() => parseArgs(['--fast'])).toThrow('unknown option --fast')
    expect(() => parseArgs(['--json'])).toThrow('--json needs a value')
    expect(() => parseArgs(['--json', '--quick'])).toThrow('--json needs a value')
    expect(() => parseArgs(['--results', '--quick'])).toThrow('full run')
    expect(() => parseArgs(['--results', 'rtt'])).toThrow('full run')
  })
})

it('a filter takes names and what stands before the colon, never a part of a word', () => {
  expect(matchesFilter('ws:warm', ['ws'])).toBe(true)
  expect(matchesFilter('ws:warm', ['ws:warm'])).toBe(true)
  expect(matchesFilter('shared-ws:main', ['ws'])).toBe(false)
  expect(matchesFilter('ws+bufferutil', ['ws'])).toBe(false)
  expect(matchesFilter('anything', [])).toBe(true)
})

it('a filter that names nobody is refused, with the names there are', () => {
  expect(() => checkFilter([])).not.toThrow()
  expect(() => checkFilter(['shared-ws', 'ws:warm'])).not.toThrow()
  expect(() => checkFilter(['ws', 'nobody'])).toThrow(/no implementation is called nobody; there are C, .*websocket/)
})

describe('npm run bench', () => {
  const bench = (...args: string[]) =>
    spawnSync(process.execPath, [fileURLToPath(new URL('../../../bench/run.mjs', import.meta.url)), ...args], {
      encoding: 'utf8',
      timeout: 60_000,
    })

  it('lists its questions, a line each', () => {
    const { status, stdout } = bench('--list')
    expect(status).toBe(0)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual(expect.arrayContaining(['rtt', 'codec']))
  })

  it.each([
    ['a question that there is not', ['speed'], 'no question is called speed'],
    ['a filter that names nobody', ['codec', '--filter', 'nobody'], 'no implementation is called nobody'],
    ['a file that cannot be written', ['codec', '--json', '/no/such/folder/out.json'], '/no/such/folder/out.json'],
  ])('refuses %s before it measures anything', (_what, args, message) => {
    const { status, stdout, stderr } = bench(...args)
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
  })
})

it('every question names implementations that exist, and targets that it measures', async () => {
  const questions = await allQuestions()
  expect(questions.map(({ name }) => name)).toContain('ingest')
  for (const { prepare, targets, name } of questions.filter((question) => question.name !== 'capture')) {
    const { cases } = prepare()
    expect(cases.length, name).toBeGreaterThan(0)
    for (const { impls } of cases) for (const impl of impls) expect(findImpl(impl).name).toBe(impl)
    for (const target of targets ?? []) {
      const aimed = cases.find((one) => one.name === target.case)
      expect(aimed?.impls, `${name}: ${target.case}`).toEqual(expect.arrayContaining([target.impl, target.peer]))
      expect(aimed?.units).toContain(target.unit)
    }
  }
})

it('CPU lists are read', () => {
  expect(parseCpuList('0-2,5')).toEqual([0, 1, 2, 5])
  expect(parseCpuList('7')).toEqual([7])
  expect(parseCpuList('')).toEqual([])
})

describe('units', () => {
  const answer = { n: 1000, cpuNs: 50_000, wallNs: 100_000, count: 1100, sum: 1, p50Us: 12.5 }

  it('come from the measured window', () => {
    expect(measure('cpu-ns/msg', answer, 0)).toBe(50)
    expect(measure('msg/s', answer, 0)).toBe(1e7)
    expect(measure('p50-us', answer, 0)).toBe(12.5)
    expect(measure('GB/s', answer, 150)).toBe(3)
  })

  it('that cannot be had are an error, never a gap', () => {
    expect(() => measure('p99-us', answer, 0)).toThrow('no p99-us')
    expect(() => measure('furlongs', answer, 0)).toThrow('no furlongs')
    expect(() => measure('cpu-ns/msg', { ...answer, cpuNs: 0 }, 0)).toThrow('no cpu-ns/msg')
  })
})

describe('honest work', () => {
  const answer = { n: 10, count: 12, sum: 300, cpuNs: 1, wallNs: 1, parsed: 12 }
  const server = { messages: 12, sum: 300, error: '' }

  it('is the same messages and the same sum on both sides', () => {
    expect(findMismatch(answer, server, { total: 12, parsed: 'all' })).toBeUndefined()
  })

  it('fails on one message or one byte of difference', () => {
    expect(findMismatch({ ...answer, count: 11 }, server, { total: 12 })).toBe('11 messages instead of 12')
    expect(findMismatch(answer, { ...server, messages: 13 }, { total: 12 })).toContain('the server counted 13')
    expect(findMismatch({ ...answer, sum: 301 }, server, { total: 12 })).toContain(
      "the sum is 301, the server's is 300",
    )
    expect(findMismatch(answer, { ...server, error: 'no mask' }, { total: 12 })).toContain('no mask')
  })

  it('is checked without a server too', () => {
    expect(findWrongSum({ ...answer, sum: 12 * 270 }, 270)).toBeUndefined()
    expect(findWrongSum({ ...answer, sum: 1 }, 270)).toBe('the sum is 1, not 3240')
    expect(findWrongSum({ ...answer, n: 13 }, undefined)).toBe('12 messages instead of 13')
    expect(findWrongSum(answer, undefined)).toBeUndefined()
  })

  it('parses exactly what it says it parses', () => {
    expect(findMismatch({ ...answer, parsed: 11 }, server, { total: 12, parsed: 'all' })).toContain('11 of 12')
    expect(findMismatch({ ...answer, parsed: 1 }, server, { total: 12, parsed: 'none' })).toContain('1 binary')
  })
})

describe('the tally', () => {
  it('consumes every message and measures behind the warm-up only', () => {
    const tally = new Tally(2, 3)
    for (let i = 0; i < 5; i++) {
      expect(tally.window.wallNs).toBe(0)
      tally.add(10, 100, 7)
    }
    expect(tally).toMatchObject({ count: 5, sum: 550, timeSum: 35 })
    expect(tally.window.wallNs).toBeGreaterThan(0)
  })

  it('knows a parse that made nothing', () => {
    const tally = new Tally(0, 1)
    tally.parsed([])
    expect(() => tally.parsed('text')).toThrow('string')
    expect(() => tally.parsed(null)).toThrow()
    expect(tally.parsedCount).toBe(1)
  })
})

describe('captures', () => {
  const line = (message: object) => `${JSON.stringify(message)}\n`
  const header = line({ format: 'shared-ws-capture/1' })

  it('become length, opcode, payload of what came in', () => {
    const text =
      header + line({ dir: 'out', text: 'ask' }) + line({ dir: 'in', text: 'é' }) + line({ dir: 'in', text: '' })
    const { bytes, messages, binary } = frameCapture(text)
    expect(bytes.toString('hex')).toBe('0200000001c3a90000000001')
    expect({ messages, binary }).toEqual({ messages: 2, binary: false })
  })

  it('keep binary apart', () => {
    const binary = line({ dir: 'in', binary: Buffer.from([1, 2, 3]).toString('base64') })
    expect(frameCapture(header + binary).bytes.toString('hex')).toBe('0300000002010203')
    expect(() => frameCapture(header + binary + line({ dir: 'in', text: 'x' }))).toThrow('mixed')
  })
})

describe('a child process', () => {
  const run = (script: string) => new Child('the child', [process.execPath, '-e', script])

  it('answers line by line and ends with its input', async () => {
    const child = run(`process.stdin.on('data', (d) => console.log(JSON.stringify({ got: String(d).trim() })))`)
    child.say('hello')
    expect(await child.read(20_000)).toEqual({ got: 'hello' })
    await child.stop()
    expect(child.process.exitCode).toBe(0)
  })

  it('that dies says why', async () => {
    const child = run(`throw new Error('out of paper')`)
    await expect(child.read(20_000)).rejects.toThrow(/the child ended: [\s\S]*out of paper/)
    await expect(child.read(20_000)).rejects.toThrow('the child ended')
    await child.stop()
  })

  it('that is silent is given up at the deadline', async () => {
    const child = run('process.stdin.resume()')
    await expect(child.read(10)).rejects.toThrow('the child said nothing for 0.01 s')
    await child.stop()
  })

  it('that does not exist is an error', async () => {
    const child = new Child('nothing', ['/no/such/program'])
    await expect(child.read(20_000)).rejects.toThrow('ENOENT')
    await child.stop()
  })
})
