import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findJsonValue, type JsonSpan } from '../../../src/requests/json-find.ts'
import { checkProperty } from '../../support/property.ts'

/** `findJsonValue` against JSON.parse, which reads all of the text and then follows the path. */

const keys = fc.oneof(
  fc.constantFrom('id', 'a', '', '0', '1', 'q"\\', 'é', '__proto__', 'toString'),
  fc.string({ maxLength: 3 }),
)
const scalar = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.bigInt(),
  fc.boolean(),
  fc.constant(null),
)

/** JSON texts with spaces, escapes, 19-digit numbers and duplicate keys, which a serializer would not write. */
const { json } = fc.letrec<{ json: string }>((tie) => {
  const space = fc.constantFrom('', '', '', ' ', '\n\t')
  const literal = (text: string): string =>
    JSON.stringify(text).replace(/[ae]/g, (char) =>
      text.length % 2 === 0 ? char : `\\u00${char.charCodeAt(0).toString(16)}`,
    )
  const quoted = (value: unknown): string =>
    typeof value === 'bigint' ? String(value) : typeof value === 'string' ? literal(value) : JSON.stringify(value)
  const padded = (inner: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.tuple(space, inner, space).map((parts) => parts.join(''))
  const members = fc.array(fc.tuple(padded(keys.map(literal)), tie('json')), { maxLength: 4 })
  return {
    json: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      padded(scalar.map(quoted)),
      padded(members.map((all) => `{${all.map((member) => member.join(':')).join(',')}}`)),
      padded(fc.array(tie('json'), { maxLength: 4 }).map((all) => `[${all.join(',')}]`)),
    ),
  }
})
const path = fc.array(keys, { maxLength: 3 })

function lookup(text: string, keysOfPath: readonly string[]): { value: unknown } | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  for (const key of keysOfPath) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    // `length` is no element.
    if (Array.isArray(value) && !/^(?:0|[1-9]\d*)$/.test(key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return { value }
}

function agrees(text: string, keysOfPath: readonly string[]): boolean {
  const span: JsonSpan | undefined = findJsonValue(text, keysOfPath)
  const wanted = lookup(text, keysOfPath)
  const found = span === undefined ? undefined : { value: JSON.parse(text.slice(span.start, span.end)) }
  expect(found).toEqual(wanted)
  return found !== undefined
}

test('finds in JSON what JSON.parse finds', () => {
  let found = 0
  checkProperty(6000, fc.tuple(json, path), ([text, keysOfPath]) => {
    if (agrees(text, keysOfPath) && keysOfPath.length > 0) found++
  })
  expect(found).toBeGreaterThan(50)
})

test('finds nothing in what is not JSON', () => {
  const change = fc.tuple(
    fc.nat(),
    fc.constantFrom('', '"', ',', ']', '}', '\\', '0', '.', 'e', '\u0001', '\ud800', 'nul', ':'),
    fc.boolean(),
  )
  checkProperty(
    6000,
    fc.tuple(json, fc.array(change, { minLength: 1, maxLength: 3 }), path),
    ([text, changes, keysOfPath]) => {
      const broken = changes.reduce((whole, [place, put, remove]) => {
        const at = place % (whole.length + 1)
        return whole.slice(0, at) + put + whole.slice(remove ? at + 1 : at)
      }, text)
      agrees(broken, keysOfPath)
    },
  )
})
