import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import { typeName } from './checked.ts'
import type { WsAddress, WsLookup } from './request.ts'

/**
 * The system's resolver (`getaddrinfo`, so `/etc/hosts` counts), all addresses, in its order. An answer that is no
 * longer wanted cannot be called off: it arrives in its own time and is dropped.
 */
export const systemLookup: WsLookup = async (hostname, { family }) =>
  (await dns.lookup(hostname, { all: true, order: 'verbatim', family })) as WsAddress[]

/** The address that a URL's host is itself, brackets of IPv6 removed; undefined for a name. */
export function literalAddress(hostname: string): WsAddress | undefined {
  const address = withoutBrackets(hostname)
  const family = isIP(address)
  return family === 0 ? undefined : { address, family: family as 4 | 6 }
}

export function withoutBrackets(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}

/** What is wrong with the answer of a user's lookup, or undefined. An empty answer is not wrong: see `establish()`. */
export function lookupProblem(answer: unknown): string | undefined {
  if (!Array.isArray(answer)) {
    return `must resolve to an array of { address, family }, not ${typeName(answer)}`
  }
  for (const [index, entry] of answer.entries()) {
    const { address, family } = (entry ?? {}) as Partial<Record<keyof WsAddress, unknown>>
    if (typeof address !== 'string' || isIP(address) === 0) {
      return `resolved to something whose [${index}].address is not a literal IP address`
    }
    if (family !== isIP(address)) return `resolved to something whose [${index}].family is not ${isIP(address)}`
  }
  return undefined
}
