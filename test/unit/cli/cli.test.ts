import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runCli } from '../../../src/cli/cli.ts'
import { TestIo } from '../../support/cli-io.ts'

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = new TestIo()
  const code = await runCli(argv, io)
  return { code, out: io.out.text, err: io.err.text }
}

describe('help', () => {
  test.each([[['help']], [['--help']], [['-h']]])('%j lists the commands', async (argv) => {
    const { code, out, err } = await run(...argv)
    expect([code, err]).toEqual([0, ''])
    for (const name of ['watch', 'replay-server', 'help', '--version']) expect(out).toContain(`\n  ${name}`)
  })

  test.each([[['help', 'watch']], [['watch', '--help']], [['watch', 'ws://a', '-h', '--nonsense']]])(
    '%j explains every option',
    async (argv) => {
      const { code, out, err } = await run(...argv)
      expect([code, err]).toEqual([0, ''])
      expect(out).toContain("usage: shared-ws watch URL [--send JSON]... [--seconds N] [--json] [--header 'K: V']...")
      for (const option of [
        'send',
        'insecure',
        'ca',
        'transport',
        'max-messages',
        'quiet',
        'subprotocol',
        'deflate',
        'inflate-binary',
      ]) {
        expect(out).toMatch(new RegExp(`^  --${option}`, 'm'))
      }
      expect(out).toContain('Exit codes')
    },
  )

  test('replay-server', async () => {
    const { out } = await run('help', 'replay-server')
    expect(out).toContain('usage: shared-ws replay-server FILE [--port N] [--host HOST] [--speed N|max] [--chop SEED]')
  })

  test.each(['--version', '-v'])('%s', async (option) => {
    expect(await run(option)).toEqual({ code: 0, out: `${version}\n`, err: '' })
  })
})

describe('mistakes: exit code 2, nothing on stdout', () => {
  test.each([
    [[], 'COMMAND: missing; give one of watch, replay-server, demo, help'],
    [['wacth'], '"wacth": no such command; did you mean watch?'],
    [['serve'], '"serve": no such command; give one of watch, replay-server, demo, help'],
    [['--json', 'watch'], '--json: no such option here; options follow the command'],
    [['help', 'me'], '"me": no such command'],
    [['help', 'watch', 'twice'], '"twice": unexpected argument; help takes one command'],
  ])('%j', async (argv, message) => {
    const { code, out, err } = await run(...argv)
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain(message)
    expect(err).toContain('usage: shared-ws COMMAND [ARGUMENTS]')
  })

  test('of watch: all at once, with the usage', async () => {
    const argv = [
      'https://a/?token=secret',
      '--seconds',
      '0',
      '--header',
      'X',
      '--header',
      'Upgrade: h2c',
      '--ca',
      '/nope',
    ]
    const { code, out, err } = await run('watch', ...argv, '--transport', 'tcp', '--subprotocol', 'a b')
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain('shared-ws watch: 6 mistakes in the command line\n')
    expect(err).toContain('  URL: must begin with ws:// or wss://, not https://: did you mean "wss://a/"?\n')
    expect(err).toContain('  --seconds: "0" is not a number of seconds')
    expect(err).toContain("  --header: must be a name, a colon and a value, such as 'Authorization: Bearer abc'\n")
    expect(err).toContain('  --ca: cannot be read (ENOENT')
    expect(err).toContain('  --transport: "tcp" is not one of native, ws\n')
    expect(err).toContain('  --subprotocol: "a b" is not a token')
    expect(err).toContain('usage: shared-ws watch URL')
    expect(err).not.toContain('secret')
  })

  test.each([
    [['--header', 'Upgrade: h2c'], '--header: must not be set: the handshake sets it'],
    [['--header', 'Host: a', '--header', 'Host: b'], '--header: is given twice'],
    [['--subprotocol', 'a', '--subprotocol', 'a'], '--subprotocol: "a" is offered twice'],
    [['--ca', 'package.json'], '--ca: package.json '],
    [['--max-messages', '0'], '--max-messages: "0" is not a whole number from 1'],
    [['--send'], '--send: needs a value: JSON'],
    [['--deflate=yes'], '--deflate: takes no value'],
    [['--inflate-binary', 'zip'], '--inflate-binary: "zip" is not one of gzip, deflate, deflate-raw'],
  ])('of watch: %j', async (argv, message) => {
    const { code, err } = await run('watch', 'ws://127.0.0.1:1', ...argv)
    expect(err).toContain(message)
    expect(code).toBe(2)
  })

  test('of replay-server: all at once', async () => {
    const { code, err } = await run('replay-server', '--speed', 'fast', '--port', '99999', '--chop', '-1')
    expect(code).toBe(2)
    expect(err).toContain('shared-ws replay-server: 4 mistakes in the command line\n')
    expect(err).toContain('  --speed: "fast" is not a number above 0, and not max\n')
    expect(err).toContain('  --port: "99999" is not a whole number from 0 to 65535\n')
    expect(err).toContain('  --chop: "-1" is not a whole number from 0 to 4294967295\n')
    expect(err).toContain('  FILE: missing; give a capture: NDJSON, plain or gzipped\n')
  })
})
