import { expect, it } from 'vitest'
import { BoundedBytes } from '../../../src/support/bounded-bytes.ts'

it('collects up to its limit, whatever the size of the chunks', () => {
  const all = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 255))
  for (const size of [1, 7, 1024, 5000]) {
    const bytes = new BoundedBytes(4999)
    let taken = 0
    for (let at = 0; at < all.length; at += size) taken += bytes.append(all.subarray(at, at + size))
    expect(taken).toBe(4999)
    expect(bytes.length).toBe(4999)
    expect(bytes.view().equals(all.subarray(0, 4999))).toBe(true)
    expect(bytes.append(all)).toBe(0)
  }
})

it('keeps copies', () => {
  const chunk = Buffer.from('abc')
  const bytes = new BoundedBytes(10)
  bytes.append(chunk)
  chunk.fill(0)
  expect(bytes.view().toString()).toBe('abc')
})
