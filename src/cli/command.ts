import type { WsConfigProblem } from '../errors/errors.ts'
import { type ArgumentSpec, type OptionSpecs, type OptionValues, parseInput } from './args.ts'
import type { CliIo } from './io.ts'

/** Everything went as asked. */
export const EXIT_OK = 0
/** The world did not play along: no connection, a port in use, a file that cannot be read. */
export const EXIT_FAILED = 1
/** The command line is wrong; nothing was done. */
export const EXIT_USAGE = 2

/** A command as the table of `cli.ts` holds it. */
export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  help(): string
  /** Resolves with the exit code. `argv` begins behind the command's name. */
  run(argv: readonly string[], io: CliIo): Promise<number>
}

export interface CommandDefinition<A, O extends OptionSpecs> {
  readonly name: string
  readonly summary: string
  /** Undefined for a command that takes none; `run` then gets undefined. */
  readonly argument: ArgumentSpec<A> | undefined
  readonly options: O
  /** What does not follow from the options: output, signals, exit codes. */
  readonly notes: string
  run(argument: A, options: OptionValues<O>, io: CliIo): Promise<number>
}

/** Thrown by a command's `run` for mistakes that only trying could find: reported like those of the parser. */
export class UsageError extends Error {
  readonly problems: readonly WsConfigProblem[]

  constructor(problems: readonly WsConfigProblem[]) {
    super('usage')
    this.problems = problems
  }
}

/** Ties a definition to the parser, its mistakes and its help. */
export function defineCommand<A, O extends OptionSpecs>(definition: CommandDefinition<A, O>): Command {
  const { name, summary, argument, options } = definition
  const usage = usageLine(name, argument?.placeholder, options)
  const report = (io: CliIo, problems: readonly WsConfigProblem[]): number => {
    reportMistakes(io, `shared-ws ${name}`, problems, `usage: ${usage}\nmore:  shared-ws help ${name}`)
    return EXIT_USAGE
  }
  return {
    name,
    summary,
    help: () => helpText(usage, summary, argument, options, definition.notes),
    async run(argv, io) {
      const input = parseInput(argv, argument, options)
      if (input.wantsHelp) {
        await io.stdout.write(this.help())
        return EXIT_OK
      }
      if (input.problems.length > 0) return report(io, input.problems)
      try {
        return await definition.run(input.argument as A, input.options, io)
      } catch (error) {
        if (error instanceof UsageError) return report(io, error.problems)
        throw error
      }
    },
  }
}

export function reportMistakes(io: CliIo, who: string, problems: readonly WsConfigProblem[], usage: string): void {
  const count = problems.length === 1 ? '1 mistake' : `${problems.length} mistakes`
  const lines = problems.map((p) => `  ${p.field}: ${p.message}`)
  io.stderr.write(`${who}: ${count} in the command line\n${lines.join('\n')}\n${usage}\n`)
}

function usageLine(name: string, argument: string | undefined, options: OptionSpecs): string {
  const parts = Object.entries(options).map(([option, spec]) => {
    const value = spec.placeholder === undefined ? '' : ` ${spec.placeholder}`
    return `[--${option}${value}]${spec.repeatable ? '...' : ''}`
  })
  return ['shared-ws', name, ...(argument === undefined ? [] : [argument]), ...parts].join(' ')
}

function helpText(
  usage: string,
  summary: string,
  argument: ArgumentSpec<unknown> | undefined,
  options: OptionSpecs,
  notes: string,
): string {
  const rows: [string, string][] = argument === undefined ? [] : [[argument.placeholder, argument.help]]
  for (const [name, spec] of Object.entries(options)) {
    rows.push([`--${name}${spec.placeholder === undefined ? '' : ` ${spec.placeholder}`}`, spec.help])
  }
  rows.push(['-h, --help', 'print this'])
  const width = Math.max(...rows.map(([left]) => left.length))
  const list = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
  return `${summary}\n\nusage: ${usage}\n\n${list}\n\n${notes.trim()}\n`
}
