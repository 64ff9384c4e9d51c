import { describe, expect, it } from 'vitest'
import { resolveActorOptions } from '../../../src/actor/resolve.ts'
import type { WsConfigError } from '../../../src/errors/errors.ts'
import { connect } from '../../../src/front/connect.ts'
import type { ConnectOptions } from '../../../src/front/options.ts'
import { checkPlan } from '../../../src/plan/plan-check.ts'
import { topicProgram } from '../../../src/plan/topic-program.ts'
import { Checker } from '../../../src/support/check.ts'
import { MockTransport } from '../../../src/transport/mock.ts'

function problemsOf(plan: unknown): string[] {
  const check = new Checker()
  const checked = checkPlan(check, plan)
  if (check.problems.length > 0) expect(checked?.topic).toBeUndefined()
  return check.problems.map(({ field, message }) => `${field}: ${message}`)
}

const programOf = (topic: unknown) => topicProgram(checkPlan(new Checker(), { topic }) ?? {})

describe('a plan', () => {
  it('is taken apart', () => {
    expect(programOf('{params.channel}')).toEqual({ paths: [['params', 'channel']], key: [0], when: [] })
    const when = [{ path: 'data' }, { path: 'a', not: 'x' }, { path: 'event', is: '' }]
    expect(programOf({ key: '{{{a}:{b.0}:{a}}}x', when })).toEqual({
      paths: [['a'], ['b', '0'], ['data'], ['event']],
      key: ['{', 0, ':', 1, ':', 0, '}x'],
      when: [{ path: 2 }, { path: 0, not: 'x' }, { path: 3, is: '' }],
    })
    expect(checkPlan(new Checker(), {})).toEqual({})
    expect(topicProgram({})).toBeUndefined()
  })

  it('is a copy', () => {
    const when = [{ path: 'data' }]
    const checked = checkPlan(new Checker(), { topic: { key: '{t}', when } })
    when.push({ path: 'more' })
    ;(when[0] as { path: string }).path = 'other'
    expect(checked).toEqual({ topic: { key: '{t}', when: [{ path: 'data' }] } })
  })

  it.each<[plan: unknown, problems: (string | RegExp)[]]>([
    [7, ['plan: must be an object, is 7']],
    [{ topics: '{a}' }, ['plan.topics: unknown option; did you mean topic?']],
    [{ topic: 7 }, ['plan.topic: must be an object, is 7']],
    [{ topic: '' }, ["plan.topic: must be a template such as '{params.channel}', is an empty string"]],
    [{ topic: {} }, [/^plan\.topic\.key: is missing/]],
    [{ topic: { key: null } }, [/^plan\.topic\.key: must be a template .*, is null$/]],
    [{ topic: 'params.channel' }, [/^plan\.topic: has no path in braces, such as '\{params\.channel\}'/]],
    [{ topic: 'a{{b}}' }, [/^plan\.topic: has no path in braces/]],
    [{ topic: '{a' }, ['plan.topic: has a { at 0 that is not closed; {{ stands for a brace']],
    [{ topic: '{a}}' }, ['plan.topic: has a } at 3 that closes nothing; }} stands for a brace']],
    [{ topic: '{}' }, ['plan.topic: has an empty path: name keys separated by dots']],
    [{ topic: '{a..b}' }, [/^plan\.topic: has a path with an empty key \('a\.\.b'\)/]],
    [{ topic: { key: '{a}', when: [{ path: '{b}' }] } }, [/^plan\.topic\.when\[0\]\.path: has a path with braces/]],
    [{ topic: { key: '{a}', when: { path: 'b' } } }, [/^plan\.topic\.when: must be a list of conditions/]],
    [
      { topic: { key: '{a}', when: ['b', undefined, { path: 7 }] } },
      [/when\[0\]: must be an object/, /when\[1\]: must be a cond/, /when\[2\]\.path: must be a path .*, is 7/],
    ],
    [
      { topic: { key: '{a}', when: [{ path: 'b', equals: 'x' }] } },
      [/^plan\.topic\.when\[0\]\.equals: unknown option/],
    ],
    [
      { topic: { key: '{a}', when: [{ path: 'b', is: 7, not: true }] } },
      [/\.is: must be a string/, /\.not: must be a string/, /when\[0\]: has both is and not/],
    ],
    [{ topic: { key: '{a}', when: [{ path: 'b', is: 'é'.repeat(129) }] } }, [/\.is: has more than 256 bytes/]],
    [
      { topic: { key: '{a}', when: Array(17).fill({ path: 'b' }) } },
      ['plan.topic.when: has 17 conditions; at most 16'],
    ],
    [{ topic: '{a}{b}{c}{d}{e}{f}{g}{h}{i}' }, ['plan.topic: looks at 9 different paths; at most 8']],
    [{ topic: '{a}-'.repeat(17) }, ['plan.topic: has 34 parts; at most 32']],
    [{ topic: `{${Array(17).fill('a').join('.')}}` }, ['plan.topic: has a path of 17 keys; at most 16']],
    [{ topic: `{${'é'.repeat(129)}}` }, ['plan.topic: has paths of 258 bytes in all; at most 256']],
    [{ topic: `{a}${'é'.repeat(129)}` }, [/^plan\.topic: has more text than the 256 bytes/]],
  ])('%j is refused', (plan, problems) => {
    const found = problemsOf(plan)
    expect(found).toHaveLength(problems.length)
    for (const [i, problem] of problems.entries()) expect(found[i]).toMatch(problem)
  })

  it.each([
    { topic: '{a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p}' },
    { topic: `{${'é'.repeat(128)}}` },
    { topic: { key: '{a}{b}{c}{d}{a}', when: [...'efgh'].map((path) => ({ path })) } },
    { topic: { key: `{a}${'é'.repeat(128)}`, when: Array(16).fill({ path: 'a', not: 'é'.repeat(128) }) } },
    { topic: { key: '{0}', when: [{ path: '1', not: 'hb' }] } },
    undefined,
    {},
  ])('%j is taken', (plan) => {
    expect(problemsOf(plan)).toEqual([])
  })
})

describe('topics and the plan', () => {
  const mistakes = (options: object): string[] => {
    const transport = new MockTransport()
    const told: string[][] = []
    for (const resolve of [
      () => resolveActorOptions({ url: 'ws://a.example', transport, ...options }),
      () => connect('ws://a.example', { transport, ...options } as ConnectOptions),
    ]) {
      try {
        void (resolve() as { close?: () => void }).close?.()
        told.push([])
      } catch (error) {
        told.push((error as WsConfigError).problems.map(({ field, message }) => `${field} ${message}`))
      }
    }
    expect(told[0]).toEqual(told[1])
    return told[0] as string[]
  }
  const topicOf = (): undefined => undefined

  it('name the topic in one place, and in only one', () => {
    expect(mistakes({ topics: { silentAfterMs: 5 } })).toEqual([
      'topics.topicOf is missing, and so is plan.topic: which topic does a message belong to?',
    ])
    expect(mistakes({ topics: { silentAfterMs: 5 }, plan: {} })).toHaveLength(1)
    expect(mistakes({ topics: { silentAfterMs: 5, topicOf }, plan: { topic: '{a}' } })).toEqual([
      'topics.topicOf is of no use with plan.topic, which names the topic already: give one of them',
    ])
    for (const options of [
      { topics: { silentAfterMs: 5, topicOf } },
      { topics: { silentAfterMs: 5 }, plan: { topic: '{a}' } },
      { plan: { topic: '{a}' } },
      { plan: {} },
    ]) {
      expect(mistakes(options)).toEqual([])
    }
  })

  it('have all their mistakes told at once', () => {
    expect(mistakes({ topics: {}, plan: { topic: { key: 'x', when: [{ path: 'a.' }] } } })).toEqual([
      expect.stringMatching(/^plan\.topic\.key has no path/),
      expect.stringMatching(/^plan\.topic\.when\[0\]\.path has a path with an empty key/),
      expect.stringMatching(/^topics\.silentAfterMs is missing/),
    ])
  })

  it('is handed to the transport only where topics are watched', () => {
    const transport = new MockTransport()
    const resolve = (options: object) => resolveActorOptions({ url: 'ws://a.example', transport, ...options }).plan
    const plan = { topic: '{a}' }
    expect(resolve({ plan })).toBeUndefined()
    expect(resolve({ plan, topics: { silentAfterMs: 5 } })).toEqual({ topic: { key: '{a}', when: [] } })
  })
})
