import { readFileSync } from 'node:fs'
import { normalizeHeaders, normalizeSubprotocols } from '../connect/headers.ts'
import { parseProxy } from '../connect/proxy.ts'
import { checkTls } from '../connect/tls-check.ts'
import { parseUrl } from '../connect/url.ts'
import { SharedWsError, WsConfigError, type WsConfigProblem } from '../errors/errors.ts'
import { connect } from '../front/connect.ts'
import type { WsConnection } from '../front/connection.ts'
import type { ConnectOptions } from '../front/options.ts'
import {
  type ArgumentSpec,
  flag,
  integer,
  Mistake,
  type OptionValues,
  oneOf,
  option,
  positiveNumber,
  repeated,
} from './args.ts'
import { type Command, defineCommand, EXIT_FAILED, UsageError } from './command.ts'
import { humanFormat, jsonFormat } from './watch-format.ts'
import { WatchSession } from './watch-session.ts'

const url: ArgumentSpec<string> = {
  placeholder: 'URL',
  help: 'a ws:// or wss:// URL',
  parse(text) {
    firstProblem(parseUrl(text))
    return text
  },
}

const options = {
  send: repeated('JSON', 'text to send once open, as it is; several are sent in order', String),
  seconds: option('N', 'close N seconds after opening', positiveNumber('a number of seconds'), undefined),
  json: flag('print one JSON object per line instead (see below)'),
  header: repeated("'K: V'", 'a header line of the upgrade request', parseHeader),
  subprotocol: repeated('NAME', 'a subprotocol to offer, the preferred one first', parseSubprotocol),
  deflate: flag('offer permessage-deflate (RFC 7692); what the server compresses is inflated'),
  'inflate-binary': option(
    'gzip|deflate|deflate-raw',
    'binary messages are compressed in this way: show and count them as the text inside',
    oneOf('gzip', 'deflate', 'deflate-raw'),
    undefined,
  ),
  proxy: option('URL', 'http://, https://, socks5:// or socks5h://[user:password@]host:port', parseProxyUrl, undefined),
  insecure: flag('accept any certificate; for tests only'),
  ca: option('FILE', 'PEM file with the certificates to trust, instead of the usual roots', readCa, undefined),
  transport: option('native|ws', 'default native, or ws where the addon cannot load', oneOf('native', 'ws'), undefined),
  'max-messages': option('N', 'close after N messages', integer(1, Number.MAX_SAFE_INTEGER), undefined),
  quiet: flag('do not print messages, only the summary'),
}

const notes = `
Every message is printed on stdout, one line each, with the UTC time at which it was read. Line breaks and other
control characters within a message are shown as \\n, \\x1b and so on. Binary messages are shown in hexadecimal, or, when
they are text compressed with gzip or deflate, as that text, marked so. A summary comes last; remarks go to stderr.
When the reader of stdout is slow, reading from the server slows down too; nothing is dropped.

Round trips are measured with a protocol ping every 5 s. "payload age" is receive time minus a timestamp found in the
messages (E, ts, timestamp, time_ms, time, T or t, as epoch ms, us or ns); it includes the difference of the two clocks.

With --json each line of stdout is one object with a "kind":
  connected     atUs, connection, url, transport, remoteAddress, remotePort, subprotocol, responseHeaders, tls?,
                perMessageDeflate? { serverMaxWindowBits, … }
  sent          text, result ("taken", "queued", "full", "not-open")
  message       connection, receivedAtUs, isText, byteLength, and "text", or "base64" with, where it is compressed
                text, encoding ("gzip", "zlib", "deflate") and inflated
  backpressure  connection, paused, atUs
  gap           connection, fromUs, toUs, messages, cause { code, message }
  disconnected  connection, atUs, cause { kind, code, message, closeCode?, closeReason?, stage?, http? }
  summary       always last: url, transport, messages, text, binary, bytes, largestBytes, durationMs,
                messagesPerSecond, bytesPerSecond, gaps, lostMessages, cause, rttUs? { median, min, max, n },
                payloadAgeUs? { field, unit, median, min, max, n }
Times are Unix epoch us; bytes are payload bytes.

Ctrl-C and SIGTERM close the connection and print the summary; a second one ends at once.
Exit codes: 0 the server closed it, or it was closed as asked; 1 no connection came about, or it broke, or something
could not be sent; 2 the command line is wrong.
`

type WatchOptions = OptionValues<typeof options>

export const watch: Command = defineCommand({
  name: 'watch',
  summary: 'Connect to a WebSocket server and print what it sends.',
  argument: url,
  options,
  notes,
  async run(target, given, io) {
    const looksWrong = given.send.filter((text) => /^\s*[{[]/.test(text) && !isJson(text))
    for (const text of looksWrong) {
      io.stderr.write(`shared-ws watch: --send ${text} is no valid JSON and is sent as it is: check the quotes\n`)
    }
    let feed: WsConnection
    try {
      feed = connect(target, connectOptions(given))
    } catch (error) {
      if (error instanceof WsConfigError) throw new UsageError(error.problems.map(asArgument))
      if (!(error instanceof SharedWsError)) throw error
      io.stderr.write(`shared-ws watch: ${error.message} (${error.code})\n`)
      return EXIT_FAILED
    }
    const settings = {
      url: target,
      sends: given.send,
      seconds: given.seconds,
      maxMessages: given['max-messages'],
      quiet: given.quiet,
    }
    return new WatchSession(feed, settings, given.json ? jsonFormat : humanFormat, io).run()
  },
})

function connectOptions(given: WatchOptions): ConnectOptions {
  const { transport, deflate, 'inflate-binary': inflateBinary } = given
  return {
    // What is watched is one connection, from its beginning to its end.
    reconnect: false,
    headers: given.header,
    subprotocols: given.subprotocol,
    perMessageDeflate: deflate,
    ...(inflateBinary === undefined ? {} : { inflateBinary }),
    proxy: given.proxy ?? null,
    tls: { ...(given.insecure ? { validateCerts: false } : {}), ...(given.ca === undefined ? {} : { ca: given.ca }) },
    // Who names a transport wants that one and no other.
    ...(transport === undefined ? {} : { transport, native: transport === 'native' ? 'require' : 'prefer' }),
  }
}

/** Names what `connect()` found wrong as the user wrote it. */
function asArgument({ field, message }: WsConfigProblem): WsConfigProblem {
  const names = {
    url: 'URL',
    headers: '--header',
    subprotocols: '--subprotocol',
    proxy: '--proxy',
    tls: '--ca',
    transport: '--transport',
  }
  const root = (/^\w+/.exec(field)?.[0] ?? '') as keyof typeof names
  return { field: names[root] ?? field, message }
}

function parseHeader(text: string): readonly [string, string] {
  const colon = text.indexOf(':')
  if (colon < 1) throw new Mistake("must be a name, a colon and a value, such as 'Authorization: Bearer abc'")
  const line = [text.slice(0, colon).trim(), text.slice(colon + 1).trim()] as const
  firstProblem(normalizeHeaders([line]))
  return line
}

function parseSubprotocol(text: string): string {
  firstProblem(normalizeSubprotocols([text]))
  return text
}

function parseProxyUrl(text: string): string {
  firstProblem(parseProxy(text))
  return text
}

function readCa(path: string): string {
  let pem: string
  try {
    pem = readFileSync(path, 'latin1')
  } catch (error) {
    throw new Mistake(`cannot be read (${(error as Error).message}); give a PEM file`)
  }
  const problem = checkTls({ ca: pem })[0]
  if (problem !== undefined) throw new Mistake(`${path} ${problem.message}`)
  return pem
}

function firstProblem(
  result: { readonly ok: true } | { readonly ok: false; readonly problems: readonly WsConfigProblem[] },
): void {
  if (!result.ok) throw new Mistake(result.problems.map(({ message }) => message).join('; '))
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
