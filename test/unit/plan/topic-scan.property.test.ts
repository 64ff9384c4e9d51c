import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { topicProgram } from '../../../src/plan/topic-program.ts'
import { TopicScan } from '../../../src/plan/topic-scan.ts'
import { checkProperty } from '../../support/property.ts'
import { seededRandom } from '../../support/seeded-random.ts'
import { TopicSamples } from '../../support/topic-samples.ts'

const KEYS = ['a', 'b', '0', '1', 'é', 'q"']

/** JSON without equal keys: `JSON.parse` and the scan must agree. */
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'grapheme', maxLength: 5 }),
    fc.constantFrom('x', 'hb', 0, -1.5, 1e300, true, null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 4 }),
  ),
})).value

const path = fc.array(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 3 }).map((keys) => keys.join('.'))

function at(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return value
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return at((value as Record<string, unknown>)[key], rest)
}

/** As the scan gives it: numbers in the words of the text. */
function textOf(value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'object' && value !== null)) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

describe('the topic of JSON', () => {
  it('is what JSON.parse says is there', () => {
    const cases = fc.tuple(json, path, path, fc.constantFrom('present', 'is', 'not'))
    checkProperty(3000, cases, ([value, first, second, test]) => {
      const text = JSON.stringify(value)
      const when = { path: second, ...(test === 'present' ? {} : { [test]: 'x' }) }
      const program = topicProgram({ topic: { key: `<{${first}}>`, when: [when] } })
      const there = at(value, second.split('.'))
      const holds = { present: there !== undefined, is: textOf(there) === 'x', not: textOf(there) !== 'x' }[test]
      const isContainer = typeof value === 'object' && value !== null
      const name = textOf(at(value, first.split('.')))
      const expected = isContainer && holds && name !== undefined ? `<${name}>` : undefined
      expect(program && new TopicScan(program).topicOf(Buffer.from(text))).toBe(expected)
    })
  })

  it('is found without looking behind it: whatever follows the byte at which all is decided', () => {
    checkProperty(500, fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      const samples = new TopicSamples(seededRandom(seed))
      const plan = samples.plan()
      const program = topicProgram({ topic: plan })
      if (program === undefined) throw new Error('a sample without a topic')
      const scan = new TopicScan(program)
      const bytes = Buffer.from(samples.message(plan))
      const whole = scan.topicOf(bytes)
      let cut = bytes.length
      while (cut > 0 && scan.topicOf(bytes.subarray(0, cut - 1)) === whole && whole !== undefined) cut--
      for (const more of ['', '}', '"', '\\', ',"a":1}', '\0']) {
        const longer = Buffer.concat([bytes.subarray(0, cut), Buffer.from(more)])
        if (whole !== undefined) expect(scan.topicOf(longer)).toBe(whole)
      }
    })
  })
})
