import type { WsConfigProblem } from '../errors/errors.ts'
import { quoteText } from '../support/redact.ts'
import { type Checked, checked, typeName } from './checked.ts'
import type { HeaderLines } from './request.ts'

/** RFC 9110 5.6.2: what header names and subprotocols are made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Bytes of all header lines together. Servers refuse requests long before this. */
const MAX_HEADERS_BYTES = 64 * 1024

/** Names that the handshake writes itself, or that would make the server wait for a body, and what to do instead. */
const OWNED: ReadonlyMap<string, string> = new Map([
  ['upgrade', 'the handshake sets it: leave it out'],
  ['connection', 'the handshake sets it: leave it out'],
  ['sec-websocket-key', 'it must be random for each attempt (RFC 6455 4.1), and the handshake sets it: leave it out'],
  ['sec-websocket-version', 'only version 13 is spoken, and the handshake sets it: leave it out'],
  ['sec-websocket-accept', 'only servers send it: leave it out'],
  ['sec-websocket-extensions', 'extensions must be understood to be offered: use the option perMessageDeflate'],
  ['sec-websocket-protocol', 'use the option subprotocols'],
  ['content-length', 'an upgrade request has no body: leave it out'],
  ['transfer-encoding', 'an upgrade request has no body: leave it out'],
])

/**
 * Header lines in the order to send. `init` is a `WsHeadersInit` of the user; `fromUrl` what `parseUrl` made of the
 * URL's credentials, and comes first. Problems never show a value: it may be a secret.
 */
export function normalizeHeaders(init: unknown, fromUrl: HeaderLines = [], field = 'headers'): Checked<HeaderLines> {
  const problems: WsConfigProblem[] = []
  const lines: (readonly [string, string])[] = [...fromUrl]
  const seenOnce = new Set(lines.map(([name]) => name.toLowerCase()))
  for (const [path, name, value] of entries(init, field, problems)) {
    const problem = problemOf(name, value) ?? duplicateProblem(name as string, seenOnce)
    if (problem === undefined) lines.push([name as string, value as string])
    else problems.push({ field: path, message: problem })
  }
  const bytes = lines.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
  if (bytes > MAX_HEADERS_BYTES) {
    problems.push({ field, message: `must not exceed ${MAX_HEADERS_BYTES} bytes in all; they have ${bytes}` })
  }
  return checked(lines, problems)
}

/** `Sec-WebSocket-Protocol` (RFC 6455 4.1 item 10): tokens, each once. Undefined means none. */
export function normalizeSubprotocols(input: unknown, field = 'subprotocols'): Checked<readonly string[]> {
  if (input === undefined) return { ok: true, value: [] }
  if (!Array.isArray(input)) {
    const message = `must be an array of strings, such as ["v1.json"], not ${typeName(input)}`
    return { ok: false, problems: [{ field, message }] }
  }
  const problems: WsConfigProblem[] = []
  const seen = new Set<unknown>()
  for (const [index, name] of input.entries()) {
    const path = `${field}[${index}]`
    if (typeof name !== 'string') problems.push({ field: path, message: `must be a string, not ${typeName(name)}` })
    else if (!TOKEN.test(name))
      problems.push({ field: path, message: `${quoteText(name)} is not a token (RFC 9110 5.6.2)` })
    else if (seen.has(name)) problems.push({ field: path, message: `"${name}" is offered twice: each may occur once` })
    seen.add(name)
  }
  return checked([...input] as string[], problems)
}

/** Every header line of any form of `WsHeadersInit`, unchecked, with its path for problems. */
function* entries(
  init: unknown,
  field: string,
  problems: WsConfigProblem[],
): Generator<readonly [path: string, name: unknown, value: unknown]> {
  if (init === undefined) return
  if (isHeaders(init)) {
    for (const [name, value] of init) yield [`${field}.${name}`, name, value]
  } else if (Array.isArray(init)) {
    for (const [index, line] of init.entries()) {
      const path = `${field}[${index}]`
      if (Array.isArray(line) && line.length === 2) yield [path, line[0], line[1]]
      else problems.push({ field: path, message: 'must be a pair [name, value]' })
    }
  } else if (typeof init === 'object' && init !== null) {
    for (const [name, value] of Object.entries(init)) {
      const path = TOKEN.test(name) ? `${field}.${name}` : `${field}[${quoteText(name)}]`
      if (!Array.isArray(value)) yield [path, name, value]
      else for (const [index, item] of value.entries()) yield [`${path}[${index}]`, name, item]
    }
  } else {
    const message = `must be an object, an array of [name, value] pairs, or a Headers, not ${typeName(init)}`
    problems.push({ field, message })
  }
}

/** By its brand: naming the class would make Node load all of `fetch`, which takes longer than connecting. */
function isHeaders(init: unknown): init is Headers {
  return Object.prototype.toString.call(init) === '[object Headers]'
}

function problemOf(name: unknown, value: unknown): string | undefined {
  if (typeof name !== 'string') return `the name must be a string, not ${typeName(name)}`
  if (!TOKEN.test(name))
    return `the name ${quoteText(name)} has characters that header names must not have (RFC 9110 5.1)`
  const owned = OWNED.get(name.toLowerCase())
  if (owned !== undefined) return `must not be set: ${owned}`
  if (typeof value !== 'string') return `must be a string, not ${typeName(value)}`
  if (/[\r\n\0]/.test(value)) return 'must not contain CR, LF or NUL: they would forge header lines'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 9110 5.5 refuses control characters
  if (/[\u0001-\u0008\u000b-\u001f\u007f]/.test(value)) return 'must not contain control characters (RFC 9110 5.5)'
  if (/[^\0-\u00ff]/.test(value)) return 'must be Latin-1: encode other characters, percent-encoded for instance'
  return undefined
}

const ONCE: ReadonlySet<string> = new Set(['host', 'authorization', 'proxy-authorization'])

/** Two `Host` lines are an error to every server (RFC 9112 3.2), and of two `Authorization` lines one would be a surprise. */
function duplicateProblem(name: string, seenOnce: Set<string>): string | undefined {
  const key = name.toLowerCase()
  if (!ONCE.has(key)) return undefined
  if (!seenOnce.has(key)) {
    seenOnce.add(key)
    return undefined
  }
  return key === 'host' ? 'is given twice' : 'is given twice (credentials in the URL become this header too)'
}
