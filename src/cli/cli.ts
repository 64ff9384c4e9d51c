import { readFileSync } from 'node:fs'
import { nearest } from '../support/nearest.ts'
import { quote } from './args.ts'
import { type Command, EXIT_OK, EXIT_USAGE, reportMistakes } from './command.ts'
import { demo } from './demo.ts'
import type { CliIo } from './io.ts'
import { replayServer } from './replay-server.ts'
import { watch } from './watch.ts'

/** Every command. A new one is a file that calls `defineCommand`, and a line here. */
const COMMANDS: readonly Command[] = [watch, replayServer, demo]

const USAGE = 'usage: shared-ws COMMAND [ARGUMENTS]'

/** Runs one command line (without node and script) and resolves with the exit code. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const [first, ...rest] = argv
  if (first === '--version' || first === '-v') {
    io.stdout.write(`${version()}\n`)
    return EXIT_OK
  }
  if (first === '--help' || first === '-h' || first === 'help') return help(rest, io)
  if (first === undefined) return mistake(io, 'COMMAND', `missing; give one of ${names().join(', ')}`)
  const command = find(first)
  if (command !== undefined) return command.run(rest, io)
  if (first.startsWith('-')) {
    return mistake(io, first, 'no such option here; options follow the command: shared-ws COMMAND --option')
  }
  return mistake(io, quote(first), unknownCommand(first))
}

function help(argv: readonly string[], io: CliIo): number {
  const [name, ...extra] = argv
  if (name === undefined) {
    io.stdout.write(overview())
    return EXIT_OK
  }
  const command = find(name)
  if (command === undefined) return mistake(io, quote(name), unknownCommand(name))
  if (extra.length > 0) return mistake(io, quote(extra[0] as string), 'unexpected argument; help takes one command')
  io.stdout.write(command.help())
  return EXIT_OK
}

function overview(): string {
  const rows = [
    ...COMMANDS.map(({ name, summary }) => [name, summary] as const),
    ['help [COMMAND]', 'Print this, or the options of a command.'] as const,
    ['--version', 'Print the version.'] as const,
  ]
  const width = Math.max(...rows.map(([left]) => left.length))
  const list = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
  return `shared-ws ${version()}\n\n${USAGE}\n\n${list}\n`
}

function mistake(io: CliIo, field: string, message: string): number {
  reportMistakes(io, 'shared-ws', [{ field, message }], `${USAGE}\nmore:  shared-ws help`)
  return EXIT_USAGE
}

function unknownCommand(name: string): string {
  const guess = nearest(name, names())
  return `no such command; ${guess === undefined ? `give one of ${names().join(', ')}` : `did you mean ${guess}?`}`
}

function names(): string[] {
  return [...COMMANDS.map(({ name }) => name), 'help']
}

function find(name: string): Command | undefined {
  return COMMANDS.find((command) => command.name === name)
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
