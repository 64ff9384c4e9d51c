import { expect, test } from 'vitest'
import { nearest } from '../../../src/support/nearest.ts'

const NAMES = ['watch', 'seconds', 'maxMessageBytes', 'ca', 'json']

test.each([
  ['wacth', 'watch'],
  ['second', 'seconds'],
  ['SECONDS', 'seconds'],
  ['maxMessagesByte', 'maxMessageBytes'],
  ['cas', 'ca'],
  ['jsno', 'json'],
  ['watch', 'watch'],
])('%s is nearest to %s', (name, expected) => {
  expect(nearest(name, NAMES)).toBe(expected)
})

test.each(['serve', 'x', '', 'j', 'watch'.repeat(20)])('nothing is near %j', (name) => {
  expect(nearest(name, NAMES)).toBeUndefined()
})
