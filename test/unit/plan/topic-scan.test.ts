import { describe, expect, it } from 'vitest'
import type { WsTopicPlan } from '../../../src/plan/plan.ts'
import { checkPlan } from '../../../src/plan/plan-check.ts'
import { type TopicProgram, topicProgram } from '../../../src/plan/topic-program.ts'
import { TopicScan } from '../../../src/plan/topic-scan.ts'
import { Checker } from '../../../src/support/check.ts'

function scanOf(topic: string | WsTopicPlan): TopicScan {
  const check = new Checker()
  const plan = checkPlan(check, { topic })
  expect(check.problems).toEqual([])
  return new TopicScan(topicProgram(plan ?? {}) as TopicProgram)
}

const topicOf = (topic: string | WsTopicPlan, message: string): string | undefined =>
  scanOf(topic).topicOf(Buffer.from(message))

describe('the topic of a message', () => {
  it.each<[topic: string | WsTopicPlan, message: string, expected: string | undefined]>([
    // Where values are.
    ['{a}', '{"a":"x"}', 'x'],
    ['{a}', ' \t\r\n{ "b" : [ 1 , { "a" : "no" } ] , "a"\n:\r"x" } ', 'x'],
    ['{a.b.c}', '{"a":{"b":{"c":"x"}}}', 'x'],
    ['{a.1.b}', '{"a":[0,{"b":"x"},2]}', 'x'],
    ['{0}:{2}', '[17,"hb",[1]]', undefined],
    ['{0}:{2}', '[17,"hb",-1.50e+3]', '17:-1.50e+3'],
    ['{0}', '{"0":"key"}', 'key'],
    ['{00}', '["a","b"]', undefined],
    ['{00}', '{"00":"key"}', 'key'],
    ['{10}', '[0,1,2,3,4,5,6,7,8,9,"ten"]', 'ten'],
    ['{a}/{a.b}', '{"a":{"b":"x"}}', undefined],
    [{ key: '{a.b}', when: [{ path: 'a' }] }, '{"a":{"b":"x"}}', 'x'],
    ['{b}{a}-{b}', '{"a":1,"b":"é"}', 'é1-é'],
    ['{{{a}}}', '{"a":1}', '{1}'],
    // Texts.
    ['{a}', '{"a":12345678901234567890.10}', '12345678901234567890.10'],
    ['{a}{b}{c}', '{"a":true,"b":null,"c":false}', 'truenullfalse'],
    ['{a}', '{"a":"\\u00e9\\"\\\\\\/\\b\\f\\n\\r\\t"}', 'é"\\/\b\f\n\r\t'],
    ['{a}', '{"a":"\\ud834\\udd1e"}', '𝄞'],
    ['{é}', '{"\\u00E9":"x"}', 'x'],
    ['{a}', '{"a":""}', undefined],
    ['{a}.', '{"a":""}', '.'],
    ['{a}', `{"a":"${'é'.repeat(128)}"}`, 'é'.repeat(128)],
    ['{a}', `{"a":"${'é'.repeat(128)}x"}`, undefined],
    ['{a}{b}', `{"a":"${'x'.repeat(200)}","b":"${'x'.repeat(57)}"}`, undefined],
    // What is none.
    ['{a}', '{"a":{}}', undefined],
    ['{a}', '{"a":[1]}', undefined],
    ['{a}', '{"b":1}', undefined],
    ['{a}', '"a"', undefined],
    ['{a}', '', undefined],
    ['{a}', '{}', undefined],
    ['{a}', '{"a":"\\x"}', undefined],
    ['{a}', '{"a":"\\ud834"}', undefined],
    ['{a}', '{"a":"\\ud834\\u0041"}', undefined],
    ['{a}', '{"a":"\\udd1e"}', undefined],
    ['{a}', '{"a":"\\u00g0"}', undefined],
    ['{a}', '{"\\x":1,"a":"x"}', undefined],
    ['{a}', '{"b":"\\x","a":"x"}', 'x'],
    // The first of equal keys counts, also where it leads nowhere.
    ['{a}', '{"a":"1","a":"2"}', '1'],
    ['{a.b}', '{"a":{},"a":{"b":"2"}}', undefined],
    ['{a.b}', '{"a":1,"a":{"b":"2"}}', undefined],
    ['{a.b}', '{"a":{"b":"1","b":"2"}}', '1'],
    // What is behind the last thing asked for does not matter, what is before it does.
    ['{a}', '{"a":"x", this is no JSON', 'x'],
    ['{a}', '{"a":"x"', 'x'],
    ['{a}', '{"a":7', undefined],
    ['{a}', '{"a":7 ', '7'],
    ['{a}', '{"b" 1,"a":7}', undefined],
    ['{a}', '{"b":1;"a":7}', undefined],
    ['{a}', '{"b":1,,"a":7}', undefined],
    ['{a}', '{"b":1]', undefined],
    ['{a}', '{b:1,"a":7}', undefined],
    ['{a}', '{"b":,"a":7}', undefined],
    ['{1}', '[,7]', undefined],
    ['{a}', '{"b":[{]},"a":7}', '7'],
    ['{a}', '{"b":[}{],"a":7}', undefined],
    ['{a}', '{"b":[\\],"]"],"a":7}', '7'],
    ['{a}', '{"b":["]}\\"",{"a":1}],"a":7}', '7'],
    ['{a}', '{"b":tru,"a":nonsense"5"[6]}', 'nonsense"5"[6'],
    ['{a.b}{c}', '{"a":{"b":1,nonsense"}"]},"c":2}', undefined],
    ['{a.b}{c}', '{"a":{"b":1,nonsense"}"],"c":2}', '12'],
    // Conditions.
    [{ key: '{a}', when: [{ path: 'd' }] }, '{"a":"x"}', undefined],
    [{ key: '{a}', when: [{ path: 'd' }] }, '{"a":"x","d":null}', 'x'],
    [{ key: '{a}', when: [{ path: 'd' }] }, '{"a":"x","d":[broken', 'x'],
    [{ key: '{a}', when: [{ path: 'd' }] }, '{"a":"x","d":', undefined],
    [{ key: '{a}', when: [{ path: 'd', is: 'u' }] }, '{"a":"x","d":"u"}', 'x'],
    [{ key: '{a}', when: [{ path: 'd', is: 'u' }] }, '{"a":"x","d":"\\u0075"}', 'x'],
    [{ key: '{a}', when: [{ path: 'd', is: 'u' }] }, '{"a":"x","d":"v"}', undefined],
    [{ key: '{a}', when: [{ path: 'd', is: '7' }] }, '{"a":"x","d":7}', 'x'],
    [{ key: '{a}', when: [{ path: 'd', is: '7' }] }, '{"a":"x","d":7.0}', undefined],
    [{ key: '{a}', when: [{ path: 'd', is: '' }] }, '{"a":"x"}', undefined],
    [{ key: '{a}', when: [{ path: 'd', is: '' }] }, '{"a":"x","d":""}', 'x'],
    [{ key: '{a}', when: [{ path: 'd', not: 'u' }] }, '{"a":"x"}', 'x'],
    [{ key: '{a}', when: [{ path: 'd', not: 'u' }] }, '{"a":"x","d":{}}', 'x'],
    [{ key: '{a}', when: [{ path: 'd', not: 'u' }] }, `{"a":"x","d":"${'u'.repeat(300)}"}`, 'x'],
    [{ key: '{a}', when: [{ path: 'd', not: 'u' }] }, '{"a":"x","d":"u"}', undefined],
    [
      {
        key: '{a}',
        when: [
          { path: 'd', not: 'u' },
          { path: 'd', not: 'v' },
        ],
      },
      '{"a":"x","d":"v"}',
      undefined,
    ],
    [{ key: '{0}', when: [{ path: '1', not: 'hb' }] }, '[17,"hb"]', undefined],
    [{ key: '{0}', when: [{ path: '1', not: 'hb' }] }, '[17,[[1,2,3]]]', '17'],
  ])('%j of %s', (topic, message, expected) => {
    expect(topicOf(topic, message)).toBe(expected)
  })

  it('is none of a message cut anywhere before all is decided, and does not outlive the one before', () => {
    const whole = '{"x":[1,{"y":"}"}],"b":{"c":"\\u00e9"},"a":"name"}'
    const scan = scanOf('{a}{b.c}')
    const decidedAt = whole.lastIndexOf('"') + 1
    for (let length = 0; length <= whole.length; length++) {
      expect(scan.topicOf(Buffer.from(whole)), 'the whole').toBe('nameé')
      expect(scan.topicOf(Buffer.from(whole.slice(0, length)))).toBe(length < decidedAt ? undefined : 'nameé')
    }
  })

  it('costs a number per level, and no more than one look at each byte, however it nests', () => {
    const deep = Buffer.from(`{"x":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)},"a":"x"}`)
    expect(scanOf('{a}').topicOf(deep)).toBe('x')
    const open = Buffer.from('{"a":'.repeat(500_000))
    expect(scanOf('{a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a}').topicOf(open)).toBeUndefined()
  })
})
