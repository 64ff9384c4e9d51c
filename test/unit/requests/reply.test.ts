import { describe, expect, it } from 'vitest'
import { WsReply } from '../../../src/requests/reply.ts'
import { seededRandom } from '../../support/seeded-random.ts'

const field = (text: string, path: string): string | undefined => new WsReply(text).field(path)

describe('WsReply.field', () => {
  it('returns exact source text: 19-digit ids survive', () => {
    const text = '{"jsonrpc":"2.0","id":7,"result":{"order":{"order_id":1234567890123456789,"price":2.50e4}}}'
    expect(field(text, 'result.order.order_id')).toBe('1234567890123456789')
    expect(field(text, 'result.order.price')).toBe('2.50e4')
    expect(field(text, 'id')).toBe('7')
  })

  it('finds elements of arrays by their index', () => {
    const text = ' { "a" : [ 10 , { "b" : [ [ ] , "x" ] } , 12 ] } '
    expect(field(text, 'a.0')).toBe('10')
    expect(field(text, 'a.1.b.1')).toBe('x')
    expect(field(text, 'a.2')).toBe('12')
    expect(field('[[1,2],[3,4]]', '1.0')).toBe('3')
  })

  it('unquotes and unescapes strings', () => {
    expect(field('{"a":"plain"}', 'a')).toBe('plain')
    expect(field('{"a":"q\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"}', 'a')).toBe('q"\\/\b\f\n\r\té😀')
    expect(field('{"a":""}', 'a')).toBe('')
  })

  it('returns objects and arrays as their source text', () => {
    const text = '{"a": { "b" : [1, 2] } , "c": [ ], "d": {}}'
    expect(field(text, 'a')).toBe('{ "b" : [1, 2] }')
    expect(field(text, 'a.b')).toBe('[1, 2]')
    expect(field(text, 'c')).toBe('[ ]')
    expect(field(text, 'd')).toBe('{}')
  })

  it('returns true, false and null as they are', () => {
    expect(['t', 'f', 'n'].map((key) => field('{"t":true,"f":false,"n":null}', key))).toEqual(['true', 'false', 'null'])
  })

  it.each([
    ['{"a":1}', 'b'],
    ['{"a":1}', 'a.b'],
    ['{"a":"xyz"}', 'a.0'],
    ['{"a":[1]}', 'a.1'],
    ['{"a":[1]}', 'a.length'],
    ['{"a":[1]}', 'a.00'],
    ['{"a":[1]}', 'a.-0'],
    ['{"a":[1]}', 'a.'],
    ['{"a":{}}', 'a.toString'],
    ['{"a":1}', '__proto__'],
    ['{}', ''],
    ['7', '0'],
    ['"text"', 'length'],
  ])('%s has nothing at %j', (text, path) => {
    expect(field(text, path)).toBeUndefined()
  })

  it('compares keys by what they mean', () => {
    expect(field('{"\\u0061\\"":1}', 'a"')).toBe('1')
    expect(field('{"":{"":2}}', '.')).toBe('2')
    expect(field('{"__proto__":3,"0":4}', '__proto__')).toBe('3')
    expect(field('{"0":4}', '0')).toBe('4')
  })

  it('of duplicate keys the last one counts, with all that lies below it', () => {
    expect(field('{"a":1,"a":2}', 'a')).toBe('2')
    expect(field('{"a":{"b":1},"a":{"c":[2]}}', 'a.b')).toBeUndefined()
    expect(field('{"a":{"b":[1]},"a":7}', 'a.b')).toBeUndefined()
    expect(field('{"a":7,"a":{"b":[1]}}', 'a.b')).toBe('[1]')
    expect(field('{"a":[1],"a":[2],"z":[3]}', 'a')).toBe('[2]')
  })

  it.each([
    ['', 'nothing'],
    ['{"a":1', 'an end in the middle'],
    ['{"a":1}}', 'more behind the end'],
    ['{"a":1}{"a":2}', 'two values'],
    ['{"a":1,}', 'a comma too many'],
    ['{"a":1,"b":[1,]}', 'a comma too many in an array'],
    ['{"a":1 "b":2}', 'a comma too few'],
    ['{,"a":1}', 'a comma in front'],
    ['{"a":1,b:2}', 'a key without quotes'],
    ['{"a":1,"b"}', 'a key without a value'],
    ['{"a":1,"b":}', 'a colon without a value'],
    ['{"a":1]', 'the wrong bracket'],
    ['{"a":01}', 'a zero in front'],
    ['{"a":1,"b":.5}', 'no digit before the point'],
    ['{"a":1,"b":1.}', 'no digit behind the point'],
    ['{"a":1,"b":+1}', 'a plus'],
    ['{"a":1,"b":-}', 'a minus alone'],
    ['{"a":1,"b":1e}', 'an exponent without digits'],
    ['{"a":1,"b":NaN}', 'NaN'],
    ['{"a":1,"b":tru}', 'half a word'],
    ['{"a":1,"b":"\t"}', 'a raw tab in a string'],
    ['{"a":1,"b":"\\x"}', 'an unknown escape'],
    ['{"a":1,"b":"\\u12g4"}', 'a bad \\u'],
    ['{"a":1,"b":"}', 'a string without an end'],
    ["{'a':1}", 'single quotes'],
    ['\u00a0{"a":1}', 'a space that is none'],
    ['\ufeff{"a":1}', 'a byte order mark'],
    ['{"a":1}// c', 'a comment'],
  ])('%j has no fields: %s', (text) => {
    expect(() => JSON.parse(text)).toThrow()
    expect(field(text, 'a')).toBeUndefined()
  })

  it('survives any depth', () => {
    const depth = 200_000
    const text = `${'{"a":['.repeat(depth)}1${']}'.repeat(depth)}`
    expect(field(text, 'b')).toBeUndefined()
    expect(field(text, 'a.0.a.0.a')?.length).toBe(text.length - 2 * '{"a":['.length - '{"a":'.length - 5)
    expect(field('['.repeat(depth), '0')).toBeUndefined()
    const path = Array.from({ length: 5000 }, () => '0').join('.')
    expect(field(`${'['.repeat(5000)}7${']'.repeat(5000)}`, path)).toBe('7')
  })
})

describe('WsReply', () => {
  it('text() is what was received, json() what JSON.parse makes of it', () => {
    const reply = new WsReply('{"a": 1}')
    expect(reply.text()).toBe('{"a": 1}')
    expect(reply.json()).toEqual({ a: 1 })
    expect(() => new WsReply('pong').json()).toThrow(SyntaxError)
    expect(new WsReply('pong').text()).toBe('pong')
  })
})

describe('WsReply.field against JSON.parse', () => {
  const seed = 20_261_122

  /** What `field` must say, from JSON.parse alone. `source` is not known here, so values are compared after parsing. */
  function lookUp(value: unknown, path: readonly string[]): { readonly value: unknown } | undefined {
    let at = value
    for (const segment of path) {
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, segment)) return undefined
      if (Array.isArray(at) && segment === 'length') return undefined
      at = (at as Record<string, unknown>)[segment]
    }
    return { value: at }
  }

  function check(text: string, path: readonly string[], note: string): void {
    const found = field(text, path.join('.'))
    let parsed: unknown
    try {
      parsed = JSON.parse(text)
    } catch {
      expect(found, note).toBeUndefined()
      return
    }
    // A damaged key may contain a dot; `field` takes it for two segments.
    const expected = lookUp(parsed, path.join('.').split('.'))
    if (expected === undefined) expect(found, note).toBeUndefined()
    else if (typeof expected.value === 'string') expect(found, note).toBe(expected.value)
    else {
      expect(found, note).toBeDefined()
      expect(text.includes(found as string), note).toBe(true)
      expect(JSON.parse(found as string), note).toEqual(expected.value)
    }
  }

  it('agrees on random documents, random paths and random damage', () => {
    const random = seededRandom(seed)
    const int = (n: number): number => Math.floor(random() * n)
    const pick = <T>(items: readonly T[]): T => items[int(items.length)] as T
    const keys = ['a', 'b', '0', '1', '', '__proto__', 'length', 'é', 'a"b', '\\u0061'] as const
    const space = (): string => (random() < 0.7 ? '' : pick([' ', '\n', '\t', '\r', '  ']))
    const key = (): string => (random() < 0.2 ? '"\\u0061"' : JSON.stringify(pick(keys)))
    const scalar = (): string =>
      pick([
        () => 'true',
        () => 'false',
        () => 'null',
        () => String(int(1e9)),
        () => `-${int(1000)}.${int(1000)}e${pick(['+', '-', ''])}${int(20)}`,
        () => '12345678901234567890',
        () => JSON.stringify(pick(['', 'x', 'é\u2028😀', '\ud800', '"\\\n\u0001', 'a.b', '}]'])),
        () => '"\\u00e9\\/\\ud83d\\ude00"',
      ])()
    const value = (depth: number): string => {
      if (depth === 0 || random() < 0.35) return scalar()
      const members = Array.from({ length: int(4) }, () => {
        const inner = `${space()}${value(depth - 1)}${space()}`
        return inner
      })
      if (random() < 0.4) return `[${space()}${members.join(',')}]`
      return `{${space()}${members.map((member) => `${space()}${key()}${space()}:${member}`).join(',')}}`
    }
    const junk = [...'{}[],:"\\0123e+-.tfnul \t\u0000\ufeffa']
    const damage = (text: string): string => {
      const at = int(text.length + 1)
      switch (int(3)) {
        case 0:
          return text.slice(0, at) + text.slice(at + 1 + int(3))
        case 1:
          return text.slice(0, at) + pick(junk) + text.slice(at)
        default:
          return text.slice(0, at) + pick(junk) + text.slice(at + 1)
      }
    }
    /** A path into the document, if there is one; sometimes one step too far. */
    const walk = (text: string): string[] => {
      const path: string[] = []
      let at: unknown
      try {
        at = JSON.parse(text)
      } catch {
        return ['a']
      }
      while (typeof at === 'object' && at !== null && Object.keys(at).length > 0 && random() < 0.9) {
        path.push(pick(Object.keys(at)))
        at = (at as Record<string, unknown>)[path.at(-1) as string]
      }
      return path.length === 0 || random() < 0.1 ? [...path, pick(keys)] : path
    }
    let hits = 0
    let broken = 0
    for (let i = 0; i < 20_000; i++) {
      let text = `${space()}${value(4)}${space()}`
      if (random() < 0.4) text = damage(text)
      const path = random() < 0.5 ? walk(text) : Array.from({ length: 1 + int(4) }, () => pick(keys))
      if (field(text, path.join('.')) !== undefined) hits++
      try {
        JSON.parse(text)
      } catch {
        broken++
      }
      check(text, path, `seed ${seed}, document ${i}: ${JSON.stringify(text)} at ${JSON.stringify(path)}`)
    }
    // The search must have been one.
    expect(hits).toBeGreaterThan(2000)
    expect(broken).toBeGreaterThan(2000)
  })

  it('agrees on every prefix of a document', () => {
    const text = ' {"a": [1.5e-3, {"b": "\\u00e9\\n"}, true], "c": {"a": null, "a": false}, "d": "x"} '
    for (let end = 0; end <= text.length; end++) {
      for (const path of [['a'], ['a', '1', 'b'], ['c', 'a'], ['d']]) check(text.slice(0, end), path, `first ${end}`)
    }
  })
})
