import { describe, expect, it } from 'vitest'
import { literalAddress, lookupProblem, systemLookup } from '../../../src/connect/dns.ts'

describe('literalAddress', () => {
  it.each([
    ['127.0.0.1', { address: '127.0.0.1', family: 4 }],
    ['[::1]', { address: '::1', family: 6 }],
    ['example.com', undefined],
    ['1.2.3', undefined],
  ])('%s', (host, expected) => {
    expect(literalAddress(host)).toEqual(expected)
  })
})

it('asks the system, which knows localhost', async () => {
  const { signal } = new AbortController()
  const answer = await systemLookup('localhost', { signal, family: 0 })
  expect(answer.length).toBeGreaterThan(0)
  expect(lookupProblem(answer)).toBeUndefined()
  expect(answer.map(({ address }) => address).filter((a) => a !== '127.0.0.1' && a !== '::1')).toEqual([])
  expect(await systemLookup('localhost', { signal, family: 4 })).toEqual([{ address: '127.0.0.1', family: 4 }])
})
