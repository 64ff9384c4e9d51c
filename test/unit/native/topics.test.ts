import { beforeAll, describe, expect, test } from 'vitest'
import type { NativeAddon, NativeTopics, NativeTopicsPlan } from '../../../src/native/addon.ts'
import { loadNative } from '../../../src/native/load.ts'

const PLAN: NativeTopicsPlan = { paths: [['a'], ['b']], key: [0, ':', 0], when: [{ path: 1 }, { path: 0, not: 'x' }] }

let addon: NativeAddon

beforeAll(() => {
  const loaded = loadNative().addon
  if (loaded === undefined) throw new Error('these tests need the addon: npm run build:native')
  addon = loaded
  // One loop per environment; this file delivers nothing.
  addon.init(() => addon.release())
})

/** A call with what no TypeScript would let through. */
const calling = (name: keyof NativeAddon, ...given: unknown[]) => {
  return () => (addon[name] as (...given: unknown[]) => unknown)(...given)
}

describe('topics of the addon', () => {
  test.each<[what: string, plan: unknown, error: RegExp]>([
    ['nothing', undefined, /null to object/],
    ['a string', 'plan', /plan must have/],
    ['no key', { paths: [], when: [] }, /plan must have/],
    ['paths that are no list', { ...PLAN, paths: { length: 1 } }, /paths must be an array/],
    ['a path that is no list', { ...PLAN, paths: ['a', 'b'] }, /path must be an array/],
    ['an element that is no string', { ...PLAN, paths: [[1], ['b']] }, /key of a path must be a string/],
    ['a list without an end', { ...PLAN, paths: Object.assign([], { length: 2 ** 32 - 1 }) }, /paths must be/],
    ['holes', { ...PLAN, paths: new Array(3) }, /path must be an array/],
    ['a part that is neither', { ...PLAN, key: [{}] }, /number of a path/],
    ['a path that is none', { ...PLAN, key: [0.5] }, /number of a path/],
    ['a negative path', { ...PLAN, key: [-1] }, /number of a path/],
    ['a path that is not a number', { ...PLAN, key: [Number.NaN] }, /number of a path/],
    ['a path beyond the list', { ...PLAN, key: [2] }, /names no path/],
    ['a condition beyond the list', { ...PLAN, when: [{ path: 9 }] }, /names no path/],
    ['a condition without a path', { ...PLAN, when: [{ is: 'x' }] }, /must have a path/],
    ['a condition that is null', { ...PLAN, when: [null] }, /null to object/],
    ['an operand that is no string', { ...PLAN, when: [{ path: 0, is: 7 }] }, /must be a string/],
    ['an operand beyond bounds', { ...PLAN, when: [{ path: 0, is: 'x'.repeat(257) }] }, /256 bytes/],
    ['too many paths', { ...PLAN, paths: new Array(9).fill(['a']) }, /at most 8 paths/],
    ['an empty path', { ...PLAN, paths: [[], ['b']] }, /1 to 16 elements/],
    ['a deep path', { ...PLAN, paths: [new Array(17).fill('a'), ['b']] }, /1 to 16 elements/],
    ['long paths', { ...PLAN, paths: [['x'.repeat(200)], ['y'.repeat(57)]] }, /at most 256 bytes/],
    ['no parts', { ...PLAN, key: [] }, /1 to 32 parts/],
    ['too many parts', { ...PLAN, key: new Array(33).fill('x') }, /1 to 32 parts/],
    ['long literals', { ...PLAN, key: ['x'.repeat(200), 'y'.repeat(57)] }, /at most 256 bytes/],
    ['too many conditions', { ...PLAN, when: new Array(17).fill({ path: 0 }) }, /at most 16 conditions/],
  ])('refuse %s', (_, plan, error) => {
    expect(calling('createTopics', plan)).toThrow(error)
  })

  test('let through what a getter throws', () => {
    const thrown = new Error('mine')
    const throwing = {
      get is(): string {
        throw thrown
      },
      path: 0,
    }
    expect(calling('createTopics', { ...PLAN, when: [throwing] })).toThrow(thrown)
    const list = Object.defineProperty([], 0, {
      get() {
        throw thrown
      },
    })
    expect(calling('createTopics', { ...PLAN, paths: list })).toThrow(thrown)
  })

  test('are told from other handles', () => {
    const options = { ca: [], verify: false, keyLog: false }
    const context = addon.createTlsContext(options as unknown as Parameters<NativeAddon['createTlsContext']>[0])
    for (const wrong of [undefined, null, {}, 1, 'x', Symbol('x'), context]) {
      for (const name of ['watchTopic', 'unwatchTopic', 'armTopic', 'topicSeenUs'] as const) {
        expect(calling(name, wrong, 'a'), name).toThrow(/must come from createTopics/)
      }
      if (wrong === undefined) continue
      expect(calling('startWebSocket', 0, { topics: wrong })).toThrow(/must come from createTopics/)
    }
  })

  test('watch strings, and ignore numbers that are nobody’s', () => {
    const topics = addon.createTopics(PLAN)
    const a = addon.watchTopic(topics, 'a')
    expect(a).toBeGreaterThan(0)
    expect(addon.watchTopic(topics, 'a')).toBe(a)
    expect(addon.watchTopic(topics, '\ud800')).toBe(addon.watchTopic(topics, '\ufffd'))
    for (const wrong of [undefined, null, 1, {}, Symbol('a')]) {
      expect(calling('watchTopic', topics, wrong)).toThrow(/topic must be a string/)
    }
    for (const wrong of [undefined, null, 'a', {}, -1, 0.5, a + 0.5, a + 2 ** 32, Number.NaN, Infinity, 2 ** 53]) {
      expect(calling('unwatchTopic', topics, wrong)()).toBeUndefined()
      expect(calling('armTopic', topics, wrong)()).toBeUndefined()
      expect(calling('topicSeenUs', topics, wrong)()).toBe(0)
    }
    expect(addon.watchTopic(topics, 'a'), 'it is still watched').toBe(a)
    addon.unwatchTopic(topics, a)
    expect(addon.watchTopic(topics, 'a')).not.toBe(a)
  })

  test('are as many as there may be', () => {
    const topics: NativeTopics = addon.createTopics(PLAN)
    for (let i = 0; i < 65_536; i++) {
      if (addon.watchTopic(topics, `topic ${i}`) === 0) expect.fail(`no room for the topic ${i}`)
    }
    expect(addon.watchTopic(topics, 'one more')).toBe(0)
    addon.unwatchTopic(topics, addon.watchTopic(topics, 'topic 9'))
    expect(addon.watchTopic(topics, 'one more')).toBeGreaterThan(0)
  })
})
