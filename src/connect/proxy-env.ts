import { BlockList, isIP } from 'node:net'
import { WsConfigError } from '../errors/errors.ts'
import { portOf } from './causes.ts'
import { withoutBrackets } from './dns.ts'
import { parseUrl } from './url.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * What the usual environment variables say about connecting to `url`: a proxy's URL, or null for a direct connection. The
 * library itself never looks at them; say `connect(url, { proxy: proxyFromEnv(url) })` if it shall.
 *
 * - `wss:` asks `HTTPS_PROXY`, `ws:` asks `HTTP_PROXY`; where that is not set, `ALL_PROXY`. The lower-case spelling of
 *   each goes first. A value without a scheme is that of an HTTP proxy. An empty one counts as not set.
 * - `NO_PROXY` lists, separated by commas or spaces, what is connected to directly: `*` (everything), a domain and what is
 *   under it (`example.com`, `.example.com` and `*.example.com` are the same), an address, or a network (`10.0.0.0/8`);
 *   each but a network may carry a `:port`. Names are compared as they are written: none is looked up.
 *
 * A value that is no URL of a proxy is returned as it is, so that `connect()` refuses it. Throws `WsConfigError` when `url`
 * is no WebSocket URL.
 */
export function proxyFromEnv(url: string | URL, env: Environment = process.env): string | null {
  const target = parseUrl(url)
  if (!target.ok) throw new WsConfigError(target.problems)
  const { protocol, hostname } = target.value.url
  const variable = (name: string): string => (env[name.toLowerCase()] || env[name] || '').trim()
  const proxy = variable(protocol === 'wss:' ? 'HTTPS_PROXY' : 'HTTP_PROXY') || variable('ALL_PROXY')
  if (proxy === '') return null
  const host = withoutBrackets(hostname).replace(/\.$/, '')
  const port = portOf(target.value.url)
  const isExempt = variable('NO_PROXY')
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(entry.toLowerCase(), host, port))
  if (isExempt) return null
  return proxy.includes('://') ? proxy : `http://${proxy}`
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true
  const network = /^([^/]+)\/(\d{1,3})$/.exec(entry)
  if (network !== null) return isInNetwork(withoutBrackets(network[1] as string), Number(network[2]), host)
  const { name, onlyPort } = splitPort(entry)
  if (onlyPort !== undefined && onlyPort !== port) return false
  if (isIP(name) !== 0 || isIP(host) !== 0) return isIP(name) === isIP(host) && isSameAddress(name, host)
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '')
  return domain !== '' && (host === domain || host.endsWith(`.${domain}`))
}

function splitPort(entry: string): { readonly name: string; readonly onlyPort: number | undefined } {
  // Without brackets, the colons of an IPv6 address are its own.
  const match = isIP(entry) === 0 ? /^(.+):(\d{1,5})$/.exec(entry) : null
  if (match === null) return { name: withoutBrackets(entry), onlyPort: undefined }
  return { name: withoutBrackets(match[1] as string), onlyPort: Number(match[2]) }
}

function isSameAddress(a: string, b: string): boolean {
  return a === b || isInNetwork(a, isIP(a) === 4 ? 32 : 128, b)
}

function isInNetwork(network: string, bits: number, host: string): boolean {
  const family = isIP(network)
  if (family === 0 || family !== isIP(host) || bits > (family === 4 ? 32 : 128)) return false
  const list = new BlockList()
  const type = family === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(network, bits, type)
  return list.check(host, type)
}
