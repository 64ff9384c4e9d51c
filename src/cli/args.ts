import { parseArgs } from 'node:util'
import type { WsConfigProblem } from '../errors/errors.ts'
import { nearest } from '../support/nearest.ts'

/** Thrown by an option's `parse`: what is wrong with the text and what would be right. */
export class Mistake extends Error {}

/** One option of a command: how it is shown, and how its texts become a value. */
export interface OptionSpec<T> {
  /** What stands for the value in the usage line; undefined for a flag, which takes none. */
  readonly placeholder: string | undefined
  readonly repeatable: boolean
  readonly help: string
  /** The value where the option is absent. */
  readonly fallback: T
  /** Throws {@link Mistake}. Called with at least one text (for a flag: the empty one). */
  readonly parse: (texts: readonly string[]) => T
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>
export type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never
}

/** The one positional argument of a command. */
export interface ArgumentSpec<T> {
  readonly placeholder: string
  readonly help: string
  readonly parse: (text: string) => T
}

export function flag(help: string): OptionSpec<boolean> {
  return { placeholder: undefined, repeatable: false, help, fallback: false, parse: () => true }
}

export function option<T, F>(
  placeholder: string,
  help: string,
  parse: (text: string) => T,
  fallback: F,
): OptionSpec<T | F> {
  return { placeholder, repeatable: false, help, fallback, parse: (texts) => parse(texts[0] as string) }
}

export function repeated<T>(placeholder: string, help: string, parse: (text: string) => T): OptionSpec<readonly T[]> {
  return { placeholder, repeatable: true, help, fallback: [], parse: (texts) => texts.map((text) => parse(text)) }
}

export function positiveNumber(what: string): (text: string) => number {
  return (text) => {
    const n = Number(text)
    if (text.trim() === '' || !Number.isFinite(n) || n <= 0) {
      throw new Mistake(`${quote(text)} is not ${what}; give a number above 0`)
    }
    return n
  }
}

export function integer(min: number, max: number): (text: string) => number {
  return (text) => {
    const n = Number(text)
    if (!/^\d+$/.test(text) || n < min || n > max) {
      throw new Mistake(`${quote(text)} is not a whole number from ${min} to ${max}`)
    }
    return n
  }
}

export function oneOf<const T extends string>(...choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((c) => c === text)
    if (choice === undefined) throw new Mistake(`${quote(text)} is not one of ${choices.join(', ')}`)
    return choice
  }
}

export interface ParsedInput<A, O extends OptionSpecs> {
  /** Undefined when it was missing or wrong: then `problems` is not empty. */
  readonly argument: A | undefined
  readonly options: OptionValues<O>
  /** Every mistake in the command line, in its order. */
  readonly problems: readonly WsConfigProblem[]
  readonly wantsHelp: boolean
}

/**
 * Reads the arguments of one command. It never throws for what the user wrote: node's `parseArgs` stops at the first
 * mistake in its strict mode, so it is asked for tokens only, and the judging happens here.
 */
export function parseInput<A, O extends OptionSpecs>(
  argv: readonly string[],
  argument: ArgumentSpec<A> | undefined,
  specs: O,
): ParsedInput<A, O> {
  const problems: WsConfigProblem[] = []
  const config: Record<string, { type: 'boolean' | 'string'; short?: string; multiple: true }> = {
    help: { type: 'boolean', short: 'h', multiple: true },
  }
  for (const [name, spec] of Object.entries(specs)) {
    config[name] = { type: spec.placeholder === undefined ? 'boolean' : 'string', multiple: true }
  }
  const { tokens } = parseArgs({
    args: [...argv],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })

  const given = new Map<string, string[]>()
  const positionals: string[] = []
  let wantsHelp = false
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    if (token.name === 'help') {
      wantsHelp = true
      continue
    }
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined
    const problem =
      spec === undefined ? unknownOption(token.rawName, specs) : misuse(spec, token.value, token.inlineValue)
    if (problem !== undefined) problems.push({ field: token.rawName, message: problem })
    else given.set(token.name, [...(given.get(token.name) ?? []), token.value ?? ''])
  }

  const values: Record<string, unknown> = {}
  for (const [name, spec] of Object.entries(specs)) {
    const texts = given.get(name)
    values[name] = spec.fallback
    if (texts === undefined) continue
    if (texts.length > 1 && !spec.repeatable) {
      problems.push({ field: `--${name}`, message: `given ${texts.length} times; give it once` })
    }
    attempt(problems, `--${name}`, () => {
      values[name] = spec.parse(texts)
    })
  }

  let parsed: A | undefined
  const [first, ...rest] = positionals
  if (argument !== undefined && first !== undefined) {
    attempt(problems, argument.placeholder, () => {
      parsed = argument.parse(first)
    })
  } else if (argument !== undefined) {
    problems.push({ field: argument.placeholder, message: `missing; give ${argument.help}` })
  }
  for (const extra of argument === undefined ? positionals : rest) {
    problems.push({
      field: quote(extra),
      message: 'unexpected argument; leave it out, or quote the value it belongs to',
    })
  }
  return { argument: parsed, options: values as OptionValues<O>, problems, wantsHelp }
}

/** As JSON, so that whitespace and control characters are seen. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)
}

function unknownOption(rawName: string, specs: OptionSpecs): string {
  const guess = nearest(rawName.replace(/^-+/, ''), [...Object.keys(specs), 'help'])
  return guess === undefined ? 'no such option' : `no such option; did you mean --${guess}?`
}

function misuse(spec: OptionSpec<unknown>, value: string | undefined, inline: boolean | undefined): string | undefined {
  if (spec.placeholder === undefined) {
    return value === undefined ? undefined : `takes no value, but was given ${quote(value)}`
  }
  if (value === undefined) return `needs a value: ${spec.placeholder}`
  // `--seconds --json` most likely forgot the value; a value that begins with a dash is written --name=-value.
  if (inline === false && /^-[^\d.]/.test(value)) {
    return `needs a value: ${spec.placeholder}; if the value is ${quote(value)}, join it with "="`
  }
  return undefined
}

function attempt(problems: WsConfigProblem[], field: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    problems.push({ field, message: error.message })
  }
}
