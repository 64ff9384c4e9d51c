import type { WsConfigProblem } from '../errors/errors.ts'
import { redactUrl } from '../support/redact.ts'
import { type Checked, checked, typeName } from './checked.ts'
import { normalizeHeaders } from './headers.ts'
import type { HeaderLines, WsHeadersInit, WsTlsConfig } from './request.ts'
import { checkTls } from './tls-check.ts'

/**
 * A proxy: its URL, or that and more, or null for a direct connection. URLs are
 *
 * - `http://[user:password@]host[:80]`: HTTP CONNECT (RFC 9110 9.3.6), for `ws:` as for `wss:`
 * - `https://[user:password@]host[:443]`: the same over TLS to the proxy
 * - `socks5://[user:password@]host[:1080]`: SOCKS 5 (RFC 1928, 1929); the server's name is looked up here
 * - `socks5h://…`: the same, and the proxy looks the name up
 *
 * Characters of user and password that have a meaning in URLs are percent-encoded.
 */
export type WsProxyInit = string | URL | WsProxyOptions | null

export interface WsProxyOptions {
  readonly url: string | URL
  /** TLS to an `https://` proxy: nothing of the connection's own `tls` is used there. Default: the default roots. */
  readonly tls?: WsTlsConfig
  /** Further header lines of the CONNECT request, such as `Proxy-Authorization: Bearer …` or `User-Agent`. */
  readonly headers?: WsHeadersInit
}

/** A {@link WsProxyInit}, checked. */
export interface WsProxy {
  readonly kind: 'http' | 'socks5'
  /** TLS to the proxy, so configured; undefined: none. */
  readonly tls: WsTlsConfig | undefined
  /** The server's name goes to the proxy, instead of an address that we looked up. */
  readonly resolvesNames: boolean
  /** As `url.hostname`: brackets around IPv6. */
  readonly hostname: string
  readonly port: number
  readonly credentials: WsProxyCredentials | undefined
  /** For CONNECT; those of the URL's credentials are among them. */
  readonly headers: HeaderLines
}

export interface WsProxyCredentials {
  readonly user: string
  readonly password: string
}

const SCHEMES: Readonly<Record<string, { readonly kind: WsProxy['kind']; readonly port: number }>> = {
  'http:': { kind: 'http', port: 80 },
  'https:': { kind: 'http', port: 443 },
  'socks5:': { kind: 'socks5', port: 1080 },
  'socks5h:': { kind: 'socks5', port: 1080 },
}
const WANT = 'http://, https://, socks5:// or socks5h://'

/** RFC 1929: a length is one byte. */
const MAX_SOCKS_CREDENTIAL_BYTES = 255

/** Scheme, host and port, for messages. */
export function proxyName({ kind, tls, resolvesNames, hostname, port }: WsProxy): string {
  const scheme = kind === 'http' ? (tls === undefined ? 'http' : 'https') : resolvesNames ? 'socks5h' : 'socks5'
  return `${scheme}://${hostname}:${port}`
}

/** Checks a proxy. Undefined is the direct connection. Problems never show credentials. */
export function parseProxy(input: unknown, field = 'proxy'): Checked<WsProxy | undefined> {
  if (input === null) return { ok: true, value: undefined }
  if (typeof input === 'string' || input instanceof URL) return parseOptions({ url: input }, field, field)
  if (typeof input !== 'object' || Array.isArray(input)) {
    const what = `must be a URL such as "http://host:3128", { url, tls, headers }, or null for none`
    return refuse(field, `${what}, not ${typeName(input)}`)
  }
  return parseOptions(input as Readonly<Record<string, unknown>>, field, `${field}.url`)
}

function parseOptions(
  options: Readonly<Record<string, unknown>>,
  field: string,
  urlField: string,
): Checked<WsProxy | undefined> {
  const problems: WsConfigProblem[] = []
  for (const name of Object.keys(options)) {
    if (['url', 'tls', 'headers'].includes(name)) continue
    problems.push({ field: `${field}.${name}`, message: 'there is no such option; known are url, tls, headers' })
  }
  const url = parseProxyUrl(options['url'], urlField, problems)
  if (url === undefined) return { ok: false, problems }

  const { kind, hostname, port, protocol } = url
  const credentials = credentialsOf(url, urlField, problems)
  const isSecure = protocol === 'https:'
  let tls: WsTlsConfig | undefined
  if (isSecure) {
    problems.push(...checkTls(options['tls'] ?? {}, `${field}.tls`))
    tls = { ...(options['tls'] as WsTlsConfig | undefined) }
  } else if (options['tls'] !== undefined) {
    problems.push({ field: `${field}.tls`, message: `is of no use: ${protocol}// has no TLS to the proxy` })
  }
  let headers: HeaderLines = []
  if (kind === 'http') {
    const basic = credentials === undefined ? [] : [['Proxy-Authorization', basicOf(credentials)] as const]
    const lines = normalizeHeaders(options['headers'], basic, `${field}.headers`)
    if (lines.ok) headers = lines.value
    else problems.push(...lines.problems)
  } else if (options['headers'] !== undefined) {
    problems.push({ field: `${field}.headers`, message: `are of no use: ${protocol}// has no headers` })
  }
  const resolvesNames = protocol !== 'socks5:'
  return checked({ kind, tls, resolvesNames, hostname, port, credentials, headers }, problems)
}

interface ProxyUrl {
  readonly protocol: string
  readonly kind: WsProxy['kind']
  readonly hostname: string
  readonly port: number
  readonly username: string
  readonly password: string
}

function parseProxyUrl(input: unknown, field: string, problems: WsConfigProblem[]): ProxyUrl | undefined {
  const fail = (message: string): undefined => {
    problems.push({ field, message })
    return undefined
  }
  if (typeof input !== 'string' && !(input instanceof URL)) {
    return fail(`must be a URL such as "http://host:3128", not ${typeName(input)}`)
  }
  const text = String(input)
  if (text.trim() === '') return fail('is empty: give a URL such as "http://host:3128", or null for none')
  // "proxy.example:3128" parses, with "proxy.example:" for a scheme.
  if (!text.includes('://')) {
    const guess = `http://${text}`
    const hint = !/[/?#]/.test(text) && URL.canParse(guess) ? `: did you mean "http://${new URL(guess).host}"?` : ''
    return fail(`must begin with ${WANT}${hint}`)
  }
  if (!URL.canParse(text)) {
    const hint = text.includes('@') ? '; in user and password, "/", "?", "#" and "@" are percent-encoded' : ''
    return fail(`"${redactUrl(text)}" is not a URL: its host or port is malformed${hint}`)
  }
  const { protocol, port, username, password, pathname, search, href } = new URL(text)
  const scheme = Object.hasOwn(SCHEMES, protocol) ? SCHEMES[protocol] : undefined
  if (scheme === undefined) return fail(`must begin with ${WANT}, not ${protocol}//`)
  // Hosts of schemes that URL does not know are left as they are; as http: they are checked, and IDNA is applied.
  const asHttp = text.replace(/^[^:]*:/, 'http:')
  const hostname = URL.canParse(asHttp) ? new URL(asHttp).hostname : ''
  if (hostname === '') return fail('has no host that could be looked up: give a URL such as "http://host:3128"')
  if (port === '0') return fail('port 0 cannot be connected to: give the port of the proxy')
  if ((pathname !== '' && pathname !== '/') || search !== '' || href.includes('#')) {
    return fail('must end behind host and port: a proxy has no path, query or fragment')
  }
  return { protocol, kind: scheme.kind, hostname, port: port === '' ? scheme.port : Number(port), username, password }
}

function credentialsOf(
  { kind, username, password }: ProxyUrl,
  field: string,
  problems: WsConfigProblem[],
): WsProxyCredentials | undefined {
  if (username === '' && password === '') return undefined
  let credentials: WsProxyCredentials
  try {
    credentials = { user: decodeURIComponent(username), password: decodeURIComponent(password) }
  } catch {
    problems.push({ field, message: 'its credentials are not percent-encoded UTF-8: write "%" as "%25"' })
    return undefined
  }
  const { user } = credentials
  const isTooLong = (text: string): boolean => Buffer.byteLength(text) > MAX_SOCKS_CREDENTIAL_BYTES
  if (kind === 'http' && user.includes(':')) {
    problems.push({ field, message: 'the user name must not contain ":": Basic authorization cannot carry it' })
  } else if (kind === 'socks5' && user === '') {
    problems.push({ field, message: 'has a password and no user name' })
  } else if (kind === 'socks5' && (isTooLong(user) || isTooLong(credentials.password))) {
    problems.push({ field, message: `user and password have at most ${MAX_SOCKS_CREDENTIAL_BYTES} bytes (RFC 1929)` })
  }
  return credentials
}

function basicOf({ user, password }: WsProxyCredentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

function refuse(field: string, message: string): Checked<never> {
  return { ok: false, problems: [{ field, message }] }
}
