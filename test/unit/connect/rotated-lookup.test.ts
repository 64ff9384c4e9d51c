import { describe, expect, it } from 'vitest'
import type { WsLookup } from '../../../src/connect/request.ts'
import { rotatedLookup } from '../../../src/connect/rotated-lookup.ts'

const about = { signal: new AbortController().signal, family: 0 } as const

describe('rotatedLookup', () => {
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => ({ address, family: 4 as const }))
  const firstBy = async (by: number) =>
    (await rotatedLookup(async () => addresses, by)('a', about)).map((a) => a.address.at(-1)).join('')

  it('begins at one address after the other, round and round, and leaves none out', async () => {
    expect(await Promise.all([0, 1, 2, 3, 4].map(firstBy))).toEqual(['123', '231', '312', '123', '231'])
    expect(addresses.map(({ address }) => address.at(-1)).join('')).toBe('123')
  })

  it('is the lookup itself for a first attempt, and hands on what is no list', async () => {
    const odd = (async (...given: unknown[]) => given) as never as WsLookup
    expect(rotatedLookup(odd, 0)).toBe(odd)
    expect(await rotatedLookup((async () => 'nonsense') as never, 1)('a', about)).toBe('nonsense')
    expect(await rotatedLookup(async () => [], 1)('a', about)).toEqual([])
  })
})
