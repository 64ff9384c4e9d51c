import { BoundedBytes } from '../support/bounded-bytes.ts'
import { quoteBytes } from '../support/redact.ts'
import type { HeaderLines } from './request.ts'

/** Bytes of the head, interim responses before it included. */
export const MAX_HEAD_BYTES = 64 * 1024
export const MAX_HEADER_LINES = 128
/** 1xx responses before the final one. */
export const MAX_INTERIM_RESPONSES = 8

export interface ResponseHead {
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderLines
}

export interface HeadFailure {
  readonly kind: 'failed'
  readonly code: string
  readonly message: string
}

export type HeadProgress =
  | HeadFailure
  /** `rest`: what came behind the head, a view of the last chunk. */
  | { readonly kind: 'head'; readonly head: ResponseHead; readonly isHttp10: boolean; readonly rest: Uint8Array }
  /** More bytes are needed. */
  | undefined

/** Who sends the response. */
export type HeadPeer = 'the server' | 'the proxy'

interface StatusLine {
  readonly status: number
  readonly statusText: string
  readonly isHttp10: boolean
}

const START = Buffer.from('HTTP/1.1 ')
/** Where a 0 does as well. */
const ANY_MINOR = START.length - 2
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
const HEADER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*(.*)$/s
const LF = 0x0a
const CR = 0x0d
const ZERO = 0x30

/**
 * Reads the head of an HTTP/1.1 response (RFC 9112) from chunks of any size, strictly: what a careless server and a
 * careless proxy could read differently is refused. Interim responses (1xx) are skipped, but for 101. HTTP/1.0 is read as
 * well: load balancers refuse in it, and proxies grant in it. Knows no socket. The first result that is not undefined is
 * the last: feed nothing after it.
 */
export class ResponseHeadParser {
  readonly #peer: HeadPeer
  readonly #bytes = new BoundedBytes(MAX_HEAD_BYTES)
  /** Where the unfinished line begins. */
  #lineStart = 0
  /** No line end lies before it. */
  #searched = 0
  #statusLine: StatusLine | undefined
  #headers: [string, string][] = []
  #interim = 0

  /** `peer`: who speaks, for messages. */
  constructor(peer: HeadPeer = 'the server') {
    this.#peer = peer
  }

  feed(chunk: Uint8Array): HeadProgress {
    const before = this.#bytes.length
    this.#bytes.append(chunk)
    const bytes = this.#bytes.view()
    for (;;) {
      // Before the line is complete: a server of another kind may never send a line end.
      const wrongStart = this.#statusLine === undefined ? this.#checkStart(bytes.subarray(this.#lineStart)) : undefined
      if (wrongStart !== undefined) return wrongStart
      const end = bytes.indexOf(LF, this.#searched)
      if (end === -1) break
      const progress = this.#line(bytes.subarray(this.#lineStart, end))
      this.#lineStart = end + 1
      this.#searched = end + 1
      if (progress === 'done') return this.#finish(chunk.subarray(end + 1 - before))
      if (progress !== undefined) return progress
    }
    this.#searched = bytes.length
    if (bytes.length < MAX_HEAD_BYTES) return undefined
    return failed('ERR_UPGRADE_HEAD_TOO_LARGE', `${this.#peer}'s response head exceeds ${MAX_HEAD_BYTES} bytes`)
  }

  #finish(rest: Uint8Array): HeadProgress {
    const { status, statusText, isHttp10 } = this.#statusLine as StatusLine
    return { kind: 'head', head: { status, statusText, headers: this.#headers }, isHttp10, rest }
  }

  /** `line` is what came before a LF. */
  #line(line: Buffer): HeadFailure | 'done' | undefined {
    if (line.at(-1) !== CR) {
      return failed('ERR_UPGRADE_BARE_LF', `a line of the response head ends without CR: ${quoteBytes(line)}`)
    }
    const text = line.toString('latin1', 0, line.length - 1)
    if (this.#statusLine === undefined) return this.#status(text, line)
    return text === '' ? this.#headEnd(this.#statusLine.status) : this.#header(text, line)
  }

  #status(text: string, line: Buffer): HeadFailure | undefined {
    const match = STATUS_LINE.exec(text)
    if (match === null) return failed('ERR_UPGRADE_STATUS_LINE', `malformed status line: ${quoteBytes(line)}`)
    const isHttp10 = text[ANY_MINOR] === '0'
    this.#statusLine = { status: Number(match[1]), statusText: match[2] ?? '', isHttp10 }
    return undefined
  }

  #header(text: string, line: Buffer): HeadFailure | undefined {
    if (text.startsWith(' ') || text.startsWith('\t')) {
      return failed('ERR_UPGRADE_OBS_FOLD', `a header line is folded (RFC 9112 5.2 forbids it): ${quoteBytes(line)}`)
    }
    const match = HEADER_LINE.exec(text)
    if (match === null) return failed('ERR_UPGRADE_HEADER_NAME', `malformed header line: ${quoteBytes(line)}`)
    const [, name, rest] = match as unknown as [string, string, string]
    if (/[^\t\x20-\x7e\x80-\xff]/.test(rest)) {
      return failed('ERR_UPGRADE_HEADER_VALUE', `control characters in the value of a header: ${quoteBytes(line)}`)
    }
    if (this.#headers.length === MAX_HEADER_LINES) {
      return failed('ERR_UPGRADE_TOO_MANY_HEADERS', `the response has more than ${MAX_HEADER_LINES} header lines`)
    }
    this.#headers.push([name, trimEnd(rest)])
    return undefined
  }

  #headEnd(status: number): HeadFailure | 'done' | undefined {
    if (status >= 200 || status === 101) return 'done'
    this.#interim++
    if (this.#interim > MAX_INTERIM_RESPONSES) {
      const message = `${this.#peer} sent more than ${MAX_INTERIM_RESPONSES} interim responses (${status} last)`
      return failed('ERR_UPGRADE_TOO_MANY_INTERIM', message)
    }
    this.#statusLine = undefined
    this.#headers = []
    return undefined
  }

  /** Tells at the first byte that cannot begin an HTTP/1.x response. */
  #checkStart(bytes: Buffer): HeadFailure | undefined {
    const length = Math.min(bytes.length, START.length)
    let same = 0
    while (same < length && (bytes[same] === START[same] || (same === ANY_MINOR && bytes[same] === ZERO))) same++
    if (same === length) return undefined
    const quoted = quoteBytes(bytes)
    if (same === START.length - 1) return failed('ERR_UPGRADE_STATUS_LINE', `malformed status line: ${quoted}`)
    if (same >= 'HTTP/'.length) {
      return failed('ERR_UPGRADE_HTTP_VERSION', `${this.#peer} answered in another version than HTTP/1.1: ${quoted}`)
    }
    const message = `${this.#peer} answered something that is not HTTP: ${quoted}; ${otherProtocolHint(this.#peer, bytes)}`
    return failed('ERR_UPGRADE_NOT_HTTP', message)
  }
}

function otherProtocolHint(peer: HeadPeer, bytes: Buffer): string {
  // A TLS record begins with its type: 21 alert, 22 handshake.
  const isTls = bytes[0] === 21 || bytes[0] === 22
  if (peer === 'the server') return isTls ? 'it seems to speak TLS: use wss://' : 'check host and port'
  if (isTls) return 'it seems to speak TLS: use https:// for the proxy'
  return bytes[0] === 5 ? 'it seems to speak SOCKS: use socks5://' : "check the proxy's host and port"
}

function failed(code: string, message: string): HeadFailure {
  return { kind: 'failed', code, message }
}

/** Optional whitespace behind a value is not part of it. A loop: a server chooses the text, and `/[\t ]+$/` is quadratic. */
function trimEnd(text: string): string {
  let end = text.length
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--
  return text.slice(0, end)
}
