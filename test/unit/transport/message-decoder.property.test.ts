import { expect, test } from 'vitest'
import { streamCases } from '../../support/frame-streams.ts'
import { checkProperty } from '../../support/property.ts'
import { typescriptReceive } from '../../support/typescript-receiver.ts'

/** test/integration/receivers.test.ts holds it against `core/`; here it is held against itself. */

test.each([
  ['', false],
  [' compressed', true],
])('random%s streams come to the same in all chunks', (_what, compressed) => {
  const ends = new Map<string, number>()
  checkProperty(4000, streamCases(compressed), ({ bytes, chunks, options }) => {
    const whole = typescriptReceive([bytes], options)
    expect(typescriptReceive(chunks, options)).toEqual(whole)
    const end = `${whole.end} ${whole.closeCode ?? ''}`
    ends.set(end, (ends.get(end) ?? 0) + 1)
  })
  // Streams worth the time come to every end.
  expect([...ends.keys()].sort()).toEqual(['close ', 'open ', 'violation 1002', 'violation 1007', 'violation 1009'])
})
