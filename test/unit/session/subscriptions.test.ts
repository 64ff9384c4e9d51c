import { describe, expect, it } from 'vitest'
import { NoSubscriptions, type WsSubscriptionManager } from '../../../src/session/subscription-manager.ts'
import { Subscriptions } from '../../../src/session/subscriptions.ts'

const MS = 1000

function make(initial: string[] = [], overrides: Partial<WsSubscriptionManager> = {}) {
  let id = 0
  const request = (subscribe: readonly string[], unsubscribe: readonly string[], requestId: string) => {
    return { requestId, payload: '', subscribe, unsubscribe }
  }
  const manager: WsSubscriptionManager = {
    // Two items a message, as venues bound them.
    initial: (desired, nextId) =>
      Array.from({ length: Math.ceil(desired.length / 2) }, (_, i) =>
        request(desired.slice(2 * i, 2 * i + 2), [], nextId()),
      ),
    update: ({ add, remove }, nextId) => [request(add, remove, nextId())],
    maybeSubscriptionResponse: () => true,
    response: () => undefined,
    ...overrides,
  }
  const subscriptions = new Subscriptions(manager, () => String(++id), 100, initial)
  const stages = (): string =>
    subscriptions
      .states()
      .map(({ item, stage }) => `${item}:${stage}`)
      .join(' ')
  return { subscriptions, stages }
}
const shape = (requests: readonly { subscribe: readonly string[]; unsubscribe: readonly string[] }[]) =>
  requests.map(({ subscribe, unsubscribe }) => [subscribe.join(), unsubscribe.join()])

describe('Subscriptions', () => {
  it('requests what is desired, believes what is answered', () => {
    const { subscriptions, stages } = make(['a', 'b', 'c'])
    expect(shape(subscriptions.initial('all'))).toEqual([
      ['a,b', ''],
      ['c', ''],
    ])
    expect([stages(), subscriptions.allSettled]).toEqual(['a:requested b:requested c:requested', false])
    const first = subscriptions.answered({ requestId: '1', accepted: ['a'] })
    expect(first).toEqual({ changes: [{ item: 'a', state: 'acked' }], ask: [] })
    // b of the first message is still open.
    subscriptions.answered({ requestId: '2', accepted: [], rejected: [{ item: 'c', code: '7' }] })
    expect([stages(), subscriptions.awaitsAnswers, subscriptions.allSettled]).toEqual([
      'a:acked b:requested c:rejected',
      true,
      false,
    ])
    subscriptions.answered({ requestId: '1', accepted: ['b'] })
    expect([subscriptions.awaitsAnswers, subscriptions.allSettled]).toEqual([false, true])
  })

  it('believes nobody about items that were not asked for, twice, or for nothing', () => {
    const { subscriptions, stages } = make(['a', 'b'])
    subscriptions.initial('all')
    const told = [
      subscriptions.answered({ requestId: 'nobody', accepted: ['a'] }),
      subscriptions.answered({ requestId: 'nobody', refused: {} }),
      subscriptions.answered({ requestId: '1', accepted: ['z', 'a', 'a'], rejected: [{ item: 'a' }] }),
    ]
    expect(told.map(({ changes, ask }) => [changes.length, ask.length])).toEqual([
      [0, 0],
      [0, 0],
      [1, 0],
    ])
    expect(stages()).toBe('a:acked b:requested')
  })

  it('add() and remove() say what the connection must be told', () => {
    const { subscriptions, stages } = make(['a', 'b'])
    subscriptions.initial('all')
    subscriptions.answered({ requestId: '1', accepted: ['a'], rejected: [{ item: 'b' }] })
    expect(subscriptions.add(['a', 'b', 'c', 'c'])).toEqual(['b', 'c'])
    expect(stages()).toBe('a:acked b:desired c:desired')
    expect(subscriptions.remove(['a', 'c', 'nothing'])).toEqual(['a'])
    expect(subscriptions.unrequested()).toEqual(['b'])
    const [request] = subscriptions.request(['b'], ['a'])
    expect(subscriptions.answered({ requestId: request?.requestId as string, accepted: ['a', 'b'] }).changes).toEqual([
      { item: 'a', state: 'unsubscribed' },
      { item: 'b', state: 'acked' },
    ])
    expect(subscriptions.request([], [])).toEqual([])
  })

  it('an ack that comes when the item is unwanted again does not bring it back', () => {
    const { subscriptions } = make(['a'])
    subscriptions.initial('all')
    expect(subscriptions.remove(['a'])).toEqual(['a'])
    expect(subscriptions.answered({ requestId: '1', accepted: ['a'] }).changes).toEqual([])
    expect(subscriptions.states()).toEqual([])
  })

  it('cuts a refused batch in halves, without what is unwanted by then', () => {
    const { subscriptions } = make(['a'], { initial: () => [] })
    subscriptions.add(['b', 'c', 'd', 'e'])
    subscriptions.request(['b', 'c', 'd', 'e'], ['x', 'y'])
    subscriptions.remove(['c'])
    const refuse = (requestId: string) => {
      const { ask } = subscriptions.answered({ requestId, refused: { code: '9' } })
      return shape(ask.flatMap(({ add, remove }) => subscriptions.request(add, remove)))
    }
    expect(refuse('1')).toEqual([
      ['b,d,e', ''],
      ['', 'x,y'],
    ])
    expect(refuse('2')).toEqual([
      ['b,d', ''],
      ['e', ''],
    ])
    expect(refuse('3')).toEqual([
      ['', 'x'],
      ['', 'y'],
    ])
    expect(['5', '6'].map(refuse)).toEqual([[], []])
  })

  it('does not take off what is wanted (again), though taking it off was refused: it has been asked for since', () => {
    const { subscriptions } = make(['a', 'b'], { initial: () => [] })
    subscriptions.request([], ['a', 'b', 'x'])
    subscriptions.request(['a', 'b'], [])
    const { ask } = subscriptions.answered({ requestId: '1', refused: { code: '9' } })
    expect(ask).toEqual([{ add: [], remove: ['x'] }])
  })

  it('an answer to what was asked before it was given up says nothing of an item that is wanted again', () => {
    const { subscriptions, stages } = make(['a', 'b'])
    const [first] = subscriptions.initial('all')
    subscriptions.remove(['a', 'b'])
    const [off] = subscriptions.request([], ['a', 'b'])
    subscriptions.add(['a', 'b'])
    const [again] = subscriptions.request(['a'], [])
    const told = [
      // b has not been asked for again yet, and a is still to be answered.
      subscriptions.answered({ requestId: first?.requestId as string, accepted: ['b'], rejected: [{ item: 'a' }] }),
      subscriptions.answered({ requestId: off?.requestId as string, accepted: ['a', 'b'] }),
    ]
    expect([stages(), told.map(({ changes }) => changes.map(({ state }) => state))]).toEqual([
      'a:requested b:desired',
      [[], ['unsubscribed', 'unsubscribed']],
    ])
    subscriptions.answered({ requestId: again?.requestId as string, accepted: ['a'] })
    expect(stages()).toBe('a:acked b:desired')
  })

  it('what the manager failed to ask for is asked for again, as far as it is wanted still', () => {
    let broken = true
    const { subscriptions, stages } = make(['a', 'b'], {
      update: ({ add, remove }, nextId) => {
        if (broken) throw new Error('clumsy')
        return [{ requestId: nextId(), payload: '', subscribe: add, unsubscribe: remove }]
      },
    })
    subscriptions.initial('all')
    subscriptions.answered({ requestId: '1', accepted: ['a', 'b'] })
    const off = subscriptions.remove(['a', 'b'])
    expect(() => subscriptions.request(subscriptions.add(['c', 'd']), off)).toThrow('clumsy')
    expect([subscriptions.failed(0), subscriptions.nextDueUs(), subscriptions.allSettled]).toEqual([true, 5e6, false])
    // Meanwhile.
    subscriptions.add(['b'])
    subscriptions.remove(['c'])
    expect(subscriptions.takeOwed(5e6 - 1)).toEqual([])
    const owed = subscriptions.takeOwed(5e6)
    expect(owed).toEqual([{ add: ['d'], remove: ['a'] }])
    expect(subscriptions.takeOwed(5e6)).toEqual([])
    broken = false
    const requests = owed.flatMap(({ add, remove }) => subscriptions.request(add, remove))
    expect([shape(requests), stages()]).toEqual([[['d', 'a']], 'd:requested b:desired'])
    subscriptions.unsent(requests)
    expect([stages(), subscriptions.failed(0)]).toEqual(['d:desired b:desired', true])
    expect(subscriptions.takeOwed(5e6)).toEqual([{ add: ['d'], remove: ['a'] }])
    expect([1, 2, 3].map(() => subscriptions.failed(0))).toEqual([true, true, false])
  })

  it('has a deadline for each answer, and begins anew with each connection', () => {
    const { subscriptions, stages } = make(['a', 'b', 'c'])
    subscriptions.initial('all')
    // It may wait for its turn: nothing is awaited before it is out.
    expect(subscriptions.nextDueUs()).toBeUndefined()
    for (const id of ['1', '2']) subscriptions.sent(id, 5 * MS)
    expect(subscriptions.nextDueUs()).toBe(105 * MS)
    subscriptions.answered({ requestId: '1', accepted: ['a', 'b'] })
    expect(subscriptions.overdue(104 * MS)).toEqual([])
    expect(subscriptions.overdue(105 * MS)).toEqual([{ item: 'c', state: 'unanswered' }])
    expect(subscriptions.nextDueUs()).toBeUndefined()
    subscriptions.reset()
    expect(stages()).toBe('a:desired b:desired c:desired')
  })

  it('nothing to subscribe is nothing to ask', () => {
    const { subscriptions } = make([], { initial: () => expect.unreachable() })
    expect(subscriptions.initial('all')).toEqual([])
    expect([subscriptions.size, subscriptions.allSettled]).toEqual([0, true])
    expect(NoSubscriptions.initial([], () => '1')).toEqual([])
  })

  it('names the member of a manager that breaks its contract', () => {
    for (const [overrides, act] of [
      [{ initial: () => 5 }, /initial must return a list/],
      [{ initial: () => [{ requestId: 5 }] }, /requestId is number/],
      [{ initial: () => [{ requestId: '1' }] }, /payload is missing/],
      [{ initial: () => [{ requestId: '1', payload: '', subscribe: 'a' }] }, /must be lists/],
    ] as const) {
      expect(() => make(['a'], overrides as never).subscriptions.initial('all')).toThrow(act)
    }
    for (const response of [
      5,
      {},
      { requestId: 1, accepted: [] },
      { requestId: '1', accepted: 'a' },
      { requestId: '1', refused: 'x' },
    ]) {
      const { subscriptions } = make(['a'], { response: () => response as never })
      expect(() => subscriptions.decode(undefined as never)).toThrow(/subscriptionManager.response must return/)
    }
  })
})
