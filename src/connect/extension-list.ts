import { quoteText } from '../support/redact.ts'

/** One entry of a `Sec-WebSocket-Extensions` header. Values are unquoted; undefined for a parameter without one. */
export interface Extension {
  readonly name: string
  readonly parameters: readonly (readonly [name: string, value: string | undefined])[]
}

/** RFC 9110 5.6.2, anchored where the reader stands. */
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const SPACE = /[\t ]*/y
const WHOLE_TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const QUOTED = /"((?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*)"/y

/**
 * Reads the grammar of RFC 6455 9.1. `lines` are the values of all header lines of that name, which mean the same as one
 * line with commas between them. Empty list elements are skipped (RFC 9110 5.6.1.2). A string says what is malformed.
 */
export function parseExtensions(lines: readonly string[]): readonly Extension[] | string {
  const extensions: Extension[] = []
  for (const line of lines) {
    const reader = new Reader(line)
    for (;;) {
      reader.match(SPACE)
      if (reader.atEnd) break
      if (reader.take(',')) continue
      const extension = readExtension(reader)
      if (typeof extension === 'string') return `${extension} in ${quoteText(line)}`
      extensions.push(extension)
      if (!reader.atEnd && !reader.take(',')) return `no comma, semicolon or end behind a value in ${quoteText(line)}`
    }
  }
  return extensions
}

function readExtension(reader: Reader): Extension | string {
  const name = reader.match(TOKEN)
  if (name === undefined) return 'an extension without a name'
  const parameters: (readonly [string, string | undefined])[] = []
  for (;;) {
    reader.match(SPACE)
    if (!reader.take(';')) return { name, parameters }
    reader.match(SPACE)
    const parameter = reader.match(TOKEN)
    if (parameter === undefined) return 'a parameter without a name'
    reader.match(SPACE)
    if (!reader.take('=')) {
      parameters.push([parameter, undefined])
      continue
    }
    reader.match(SPACE)
    const value = reader.match(TOKEN) ?? unquote(reader.match(QUOTED))
    // What a quoted string holds must itself be a token (RFC 6455 9.1).
    if (value === undefined || !WHOLE_TOKEN.test(value)) return `a value of ${parameter} that is no token`
    parameters.push([parameter, value])
  }
}

function unquote(quoted: string | undefined): string | undefined {
  return quoted?.slice(1, -1).replace(/\\(.)/g, '$1')
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get atEnd(): boolean {
    return this.#at === this.#text.length
  }

  take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  /** `pattern` is sticky. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}
