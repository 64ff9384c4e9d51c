import { describe, expect, test } from 'vitest'
import {
  type ArgumentSpec,
  flag,
  integer,
  Mistake,
  oneOf,
  option,
  parseInput,
  positiveNumber,
  repeated,
} from '../../../src/cli/args.ts'

const url: ArgumentSpec<string> = {
  placeholder: 'URL',
  help: 'a URL',
  parse(text) {
    if (!text.startsWith('ws')) throw new Mistake('must begin with ws')
    return text
  },
}
const specs = {
  json: flag('as JSON'),
  seconds: option('N', 'how long', positiveNumber('a number of seconds'), undefined),
  port: option('N', 'port', integer(0, 65_535), 9001),
  send: repeated('JSON', 'send it', String),
  transport: option('native|ws', 'which', oneOf('native', 'ws'), undefined),
}
const parse = (...argv: string[]) => parseInput(argv, url, specs)
const fieldsOf = (...argv: string[]) => parse(...argv).problems.map(({ field }) => field)

describe('what is right', () => {
  test('defaults', () => {
    const { argument, options, problems, wantsHelp } = parse('ws://a')
    expect(argument).toBe('ws://a')
    expect(options).toEqual({ json: false, seconds: undefined, port: 9001, send: [], transport: undefined })
    expect(problems).toEqual([])
    expect(wantsHelp).toBe(false)
  })

  test('values, joined or apart, before or behind the argument, repeated in order', () => {
    const { argument, options, problems } = parse(
      '--seconds=1.5',
      '--send',
      '{"a":1}',
      'ws://a',
      '--json',
      '--send=-x',
      '--port',
      '0',
      '--transport',
      'ws',
    )
    expect(problems).toEqual([])
    expect(argument).toBe('ws://a')
    expect(options).toEqual({ json: true, seconds: 1.5, port: 0, send: ['{"a":1}', '-x'], transport: 'ws' })
  })

  test('everything behind -- is an argument', () => {
    expect(parse('--', 'ws://--json').argument).toBe('ws://--json')
  })

  test.each(['--help', '-h'])('%s is seen among mistakes', (help) => {
    expect(parse('--nonsense', help).wantsHelp).toBe(true)
  })
})

describe('mistakes', () => {
  test('all are reported, not only the first', () => {
    expect(fieldsOf('http://a', '--seconds', 'soon', '--port', '70000', '--colour', '--json=yes', 'extra')).toEqual([
      '--colour',
      '--json',
      '--seconds',
      '--port',
      'URL',
      '"extra"',
    ])
  })

  test.each([
    [['--seconds', '0'], '"0" is not a number of seconds; give a number above 0'],
    [['--seconds', '-5'], '"-5" is not a number of seconds; give a number above 0'],
    [['--seconds', 'Infinity'], '"Infinity" is not a number of seconds; give a number above 0'],
    [['--seconds='], '"" is not a number of seconds; give a number above 0'],
    [['--seconds'], 'needs a value: N'],
    [['--seconds', '--json'], 'needs a value: N; if the value is "--json", join it with "="'],
    [['--port', '1.5'], '"1.5" is not a whole number from 0 to 65535'],
    [['--port', '65536'], '"65536" is not a whole number from 0 to 65535'],
    [['--port', '1e3'], '"1e3" is not a whole number from 0 to 65535'],
    [['--transport', 'quic'], '"quic" is not one of native, ws'],
    [['--json=yes'], 'takes no value, but was given "yes"'],
    [['--port', '1', '--port', '2'], 'given 2 times; give it once'],
    [['--secnods', '1'], 'no such option; did you mean --seconds?'],
    [['-x'], 'no such option'],
    [['--constructor'], 'no such option'],
  ])('%j', (argv, message) => {
    const messages = parse('ws://a', ...argv).problems.map((problem) => problem.message)
    expect(messages).toContain(message)
  })

  test('a missing argument says what to give', () => {
    expect(parse('--json').problems).toEqual([{ field: 'URL', message: 'missing; give a URL' }])
  })

  test('a wrong argument is shown with its control characters escaped', () => {
    expect(fieldsOf('ws://a', 'x\u001b[2J')).toEqual(['"x\\u001b[2J"'])
  })
})
