import type { WsLookup } from './request.ts'

/**
 * The same lookup, whose first `by` addresses come last (round and round, where there are fewer). Attempts that follow each other so
 * begin at one address after the other: the one that connects first need not be the one behind which somebody answers.
 */
export function rotatedLookup(lookup: WsLookup, by: number): WsLookup {
  if (by === 0) return lookup
  return async (hostname, about) => {
    const addresses: unknown = await lookup(hostname, about)
    // What is wrong with it is for others to say.
    if (!Array.isArray(addresses) || addresses.length < 2) return addresses as Awaited<ReturnType<WsLookup>>
    const first = by % addresses.length
    return [...addresses.slice(first), ...addresses.slice(0, first)]
  }
}
