import type { WsConfigProblem } from '../errors/errors.ts'
import { redactUrl } from '../support/redact.ts'
import { type Checked, checked, typeName } from './checked.ts'
import type { HeaderLines } from './request.ts'

export interface WsUrl {
  /** `ws:` or `wss:`, without fragment and credentials; an object of our own. */
  readonly url: URL
  /** The `Authorization` line that the URL's credentials became, if it had any: input of `normalizeHeaders`. */
  readonly headers: HeaderLines
}

/** Checks a WebSocket URL (RFC 6455 3). `field` is how problems name it. */
export function parseUrl(input: unknown, field = 'url'): Checked<WsUrl> {
  if (typeof input !== 'string' && !(input instanceof URL)) {
    return refuse(field, `must be a string or a URL, such as "wss://example.com/ws", not ${typeName(input)}`)
  }
  const text = String(input)
  if (!URL.canParse(text)) return refuse(field, whyUnparsable(text))
  const url = new URL(text)
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') return refuse(field, wrongScheme(url, text))

  const problems: WsConfigProblem[] = []
  // `hash` is '' for a bare "#" as well; a "#" anywhere else in a parsed URL is escaped.
  if (url.href.includes('#')) {
    problems.push({
      field,
      message: 'must not have a fragment (RFC 6455 section 3): remove what begins at "#", or write %23',
    })
  }
  if (url.port === '0') problems.push({ field, message: 'port 0 cannot be connected to: give the port of the server' })
  const authorization = basicAuthorization(url, field, problems)
  url.username = ''
  url.password = ''
  return checked({ url, headers: authorization === undefined ? [] : [['Authorization', authorization]] }, problems)
}

/** RFC 7617. Undefined without credentials. */
function basicAuthorization(url: URL, field: string, problems: WsConfigProblem[]): string | undefined {
  if (url.username === '' && url.password === '') return undefined
  try {
    const user = decodeURIComponent(url.username)
    const password = decodeURIComponent(url.password)
    if (!user.includes(':')) return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    problems.push({
      field,
      message: 'the user name must not contain ":": a Basic Authorization header cannot carry it',
    })
  } catch {
    problems.push({ field, message: 'its credentials are not percent-encoded UTF-8: write "%" as "%25"' })
  }
  return undefined
}

function wrongScheme(url: URL, text: string): string {
  if (url.protocol === 'http:' || url.protocol === 'https:') {
    const fixed = redactUrl(url).replace(/^http/, 'ws')
    return `must begin with ws:// or wss://, not ${url.protocol}//: did you mean "${fixed}"?`
  }
  // "example.com:443/ws" parses, with "example.com:" for a scheme.
  if (!text.includes('//')) return `must begin with ws:// or wss://: did you mean "wss://${redactUrl(text)}"?`
  return `must begin with ws:// or wss://, not ${url.protocol}//`
}

function whyUnparsable(text: string): string {
  if (text.trim() === '') return 'is empty: give a URL such as "wss://example.com/ws"'
  const authority = /^\s*[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(text)?.[1]
  if (authority === undefined) {
    return `"${redactUrl(text)}" is not a URL: it must begin with ws:// or wss://`
  }
  const hostAndPort = authority.slice(authority.lastIndexOf('@') + 1)
  if (/^(:\d*)?$/.test(hostAndPort)) return 'has no host: give a URL such as "wss://example.com/ws"'
  const port = /:([^:\]]*)$/.exec(hostAndPort)?.[1]
  if (port !== undefined && !(/^\d*$/.test(port) && Number(port) <= 65_535)) {
    return `"${redactUrl(text)}" has a bad port: it must be a number from 1 to 65535`
  }
  return `"${redactUrl(text)}" is not a URL: its host is malformed`
}

function refuse(field: string, message: string): Checked<never> {
  return { ok: false, problems: [{ field, message }] }
}
