import { isIP } from 'node:net'
import { quoteBytes } from '../support/redact.ts'
import { withoutBrackets } from './dns.ts'
import type { WsProxyCredentials } from './proxy.ts'
import type { ProxyDestination, ProxyDialogue, ProxyStep } from './proxy-dialogue.ts'

const VERSION = 5
const NO_AUTHENTICATION = 0
const USER_AND_PASSWORD = 2
const NO_ACCEPTABLE_METHOD = 0xff
const CONNECT = 1
/** Address types. */
const IPV4 = 1
const DOMAIN = 3
const IPV6 = 4
/** The version of RFC 1929, which is its own. */
const AUTH_VERSION = 1

/** Its length is one byte. URLs allow longer hosts than DNS does. */
const MAX_NAME_BYTES = 255

/** RFC 1928 section 6. */
const REPLIES: Readonly<Record<number, readonly [code: string, meaning: string]>> = {
  1: ['ERR_SOCKS_GENERAL_FAILURE', 'it failed, and does not say why'],
  2: ['ERR_SOCKS_NOT_ALLOWED', 'its rules do not allow this host or port'],
  3: ['ERR_SOCKS_NETWORK_UNREACHABLE', 'it has no route to the network of the server'],
  4: ['ERR_SOCKS_HOST_UNREACHABLE', 'it cannot reach the server'],
  5: ['ERR_SOCKS_CONNECTION_REFUSED', 'the server refused the connection: check host and port'],
  6: ['ERR_SOCKS_TTL_EXPIRED', 'its connection to the server timed out'],
  7: ['ERR_SOCKS_COMMAND_NOT_SUPPORTED', 'it does not do CONNECT'],
  8: ['ERR_SOCKS_ADDRESS_TYPE_NOT_SUPPORTED', 'it does not know this kind of address (name, IPv4 or IPv6)'],
}

/** What another address of the same server may mend. */
export const SOCKS_ADDRESS_FAILURES: ReadonlySet<string> = new Set(
  [1, 3, 4, 5, 6, 8].map((reply) => (REPLIES[reply] as readonly [string, string])[0]),
)

/** SOCKS 5 (RFC 1928), without authentication or with user and password (RFC 1929). */
export class Socks5 implements ProxyDialogue {
  readonly opening: Uint8Array
  readonly #credentials: WsProxyCredentials | undefined
  readonly #destination: ProxyDestination
  #awaiting: 'method' | 'authentication' | 'reply' = 'method'
  #bytes: Buffer = Buffer.alloc(0)

  constructor(
    { credentials }: { readonly credentials: WsProxyCredentials | undefined },
    destination: ProxyDestination,
  ) {
    this.#credentials = credentials
    this.#destination = destination
    const methods = credentials === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USER_AND_PASSWORD]
    this.opening = Uint8Array.of(VERSION, methods.length, ...methods)
  }

  feed(chunk: Uint8Array): ProxyStep | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    switch (this.#awaiting) {
      case 'method':
        return this.#method()
      case 'authentication':
        return this.#authentication()
      case 'reply':
        return this.#reply()
    }
  }

  finish(): undefined {
    return undefined
  }

  #method(): ProxyStep | undefined {
    const bytes = this.#bytes
    if (bytes.length > 0 && bytes[0] !== VERSION) return this.#nonsense(bytes)
    if (bytes.length < 2) return undefined
    if (bytes.length > 2) return this.#nonsense(bytes)
    const method = bytes[1] as number
    if (method === NO_AUTHENTICATION) return this.#ask()
    if (method === USER_AND_PASSWORD && this.#credentials !== undefined) {
      const user = Buffer.from(this.#credentials.user)
      const password = Buffer.from(this.#credentials.password)
      const parts = [Uint8Array.of(AUTH_VERSION, user.length), user, Uint8Array.of(password.length), password]
      return this.#send('authentication', Buffer.concat(parts))
    }
    if (method !== NO_ACCEPTABLE_METHOD) {
      return failed('ERR_SOCKS_PROTOCOL', `the proxy chose a method of authentication that was not offered: ${method}`)
    }
    return this.#credentials === undefined
      ? failed(
          'ERR_PROXY_AUTH_REQUIRED',
          'the proxy wants credentials: give them in its URL, socks5://user:password@host',
        )
      : failed(
          'ERR_SOCKS_NO_METHOD',
          'the proxy takes neither user and password nor connections without authentication',
        )
  }

  #authentication(): ProxyStep | undefined {
    const bytes = this.#bytes
    if (bytes.length > 0 && bytes[0] !== AUTH_VERSION) return this.#nonsense(bytes)
    if (bytes.length < 2) return undefined
    if (bytes[1] !== 0) return failed('ERR_PROXY_AUTH_REFUSED', 'the proxy does not take these credentials')
    if (bytes.length > 2) return this.#nonsense(bytes)
    return this.#ask()
  }

  #reply(): ProxyStep | undefined {
    const bytes = this.#bytes
    if (bytes.length > 0 && bytes[0] !== VERSION) return this.#nonsense(bytes)
    if (bytes.length < 2) return undefined
    const reply = bytes[1] as number
    // Judged at once: some proxies hang up in the middle of the rest.
    if (reply !== 0) {
      const [code, meaning] = REPLIES[reply] ?? ['ERR_SOCKS_REPLY_UNKNOWN', 'of a meaning that RFC 1928 does not know']
      return failed(code, `the proxy did not connect: ${meaning} (SOCKS reply ${reply})`)
    }
    if (bytes.length < 5) return undefined
    const type = bytes[3]
    const addressBytes = type === IPV4 ? 4 : type === IPV6 ? 16 : type === DOMAIN ? 1 + (bytes[4] as number) : undefined
    if (addressBytes === undefined) return this.#nonsense(bytes)
    const end = 4 + addressBytes + 2
    return bytes.length < end ? undefined : { kind: 'open', rest: bytes.subarray(end) }
  }

  #ask(): ProxyStep {
    const { hostname, port } = this.#destination
    if (hostname.length > MAX_NAME_BYTES) {
      return failed(
        'ERR_SOCKS_PROTOCOL',
        `the server's name has more than ${MAX_NAME_BYTES} bytes: SOCKS cannot say it`,
      )
    }
    const head = Uint8Array.of(VERSION, CONNECT, 0)
    return this.#send('reply', Buffer.concat([head, addressOf(hostname), Uint8Array.of(port >> 8, port & 0xff)]))
  }

  #send(awaiting: 'authentication' | 'reply', bytes: Uint8Array): ProxyStep {
    this.#awaiting = awaiting
    this.#bytes = Buffer.alloc(0)
    return { kind: 'send', bytes }
  }

  #nonsense(bytes: Buffer): ProxyStep {
    const isHttp = bytes[0] === 0x48
    const hint = isHttp ? '; it seems to speak HTTP: use http://' : '; check its host and port'
    return failed('ERR_SOCKS_PROTOCOL', `the proxy answered something that is not SOCKS 5: ${quoteBytes(bytes)}${hint}`)
  }
}

/** Type and address, as they stand in a request. `hostname` as in URLs. */
function addressOf(hostname: string): Uint8Array {
  const host = withoutBrackets(hostname)
  switch (isIP(host)) {
    case 4:
      return Uint8Array.of(IPV4, ...host.split('.').map(Number))
    case 6:
      return Uint8Array.of(IPV6, ...ipv6Bytes(host))
    default:
      return Buffer.concat([Uint8Array.of(DOMAIN, host.length), Buffer.from(host, 'latin1')])
  }
}

function ipv6Bytes(address: string): number[] {
  // As URLs write it: groups in hexadecimal, an IPv4 address in them included.
  const canonical = withoutBrackets(new URL(`http://[${address.split('%', 1)[0]}]/`).hostname)
  const [head = '', tail] = canonical.split('::')
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const zeros = Array<string>(8 - left.length - right.length).fill('0')
  return [...left, ...zeros, ...right].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

function failed(code: string, message: string): ProxyStep {
  return { kind: 'failed', code, message }
}
