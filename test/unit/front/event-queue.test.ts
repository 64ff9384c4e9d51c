import { describe, expect, it } from 'vitest'
import { EventQueue, type EventQueueOptions, type LifecycleEvent, MAX_EVENTS } from '../../../src/front/event-queue.ts'
import type { WsEvent } from '../../../src/front/events.ts'
import { messageOf } from './support.ts'

const connected = { kind: 'connected', connection: 1, atUs: 0, info: {} } as unknown as LifecycleEvent
const disconnected = { kind: 'disconnected', connection: 1, atUs: 0, cause: {} } as unknown as LifecycleEvent

function queueOf(options: Partial<EventQueueOptions> = {}) {
  const calls: string[] = []
  const queue: EventQueue = new EventQueue(
    { maxMessages: 4, maxBytes: 1000, whenFull: 'pause', ...options },
    {
      setPaused: (paused) => {
        calls.push(paused ? 'pause' : 'resume')
        queue.pushEvent({ kind: 'backpressure', connection: 1, paused, atUs: 0 })
      },
      overflowed: () => calls.push('overflowed'),
    },
  )
  const push = (...texts: string[]): void => {
    for (const text of texts) queue.pushMessage(messageOf(text, Number(text.replace(/\D/g, ''))))
  }
  return { queue, calls, push }
}

/** One word per event: text of a message, kind of another, count of a gap. */
function word(event: WsEvent): string {
  if (event.kind === 'message') return event.text()
  if (event.kind === 'gap') return `gap${event.messages}[${event.fromUs - 1000},${event.toUs - 1000}]`
  if (event.kind === 'backpressure') return event.paused ? 'paused' : 'resumed'
  return event.kind
}

async function take(queue: EventQueue, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const words: string[] = []
  while (words.length < count) {
    const { done, value } = await queue.next()
    if (done) return [...words, 'done']
    words.push(word(value))
  }
  return words
}

describe('EventQueue', () => {
  it('yields events and messages in the order in which they were pushed, then is done for ever', async () => {
    const { queue, push } = queueOf()
    queue.pushEvent(connected)
    push('m1', 'm2')
    queue.pushEvent(disconnected)
    queue.end()
    expect(await take(queue)).toEqual(['connected', 'm1', 'm2', 'disconnected', 'done'])
    expect(await take(queue)).toEqual(['done'])
  })

  it('serves several waiting readers in the order of their calls, and ends those that are left', async () => {
    const { queue, push } = queueOf()
    const waiting = [queue.next(), queue.next(), queue.next(), queue.next()]
    push('m1')
    queue.pushEvent(disconnected)
    queue.end()
    const results = await Promise.all(waiting)
    expect(results.map((result) => (result.done ? 'done' : word(result.value)))).toEqual([
      'm1',
      'disconnected',
      'done',
      'done',
    ])
  })

  it('ignores what is pushed after the end', async () => {
    const { queue, push } = queueOf()
    queue.end()
    push('m1')
    queue.pushEvent(connected)
    expect(await take(queue)).toEqual(['done'])
  })

  describe('pause', () => {
    it('pauses when the bound is reached, takes what was read already, resumes at half', async () => {
      const { queue, calls, push } = queueOf()
      push('m1', 'm2', 'm3')
      expect(calls).toEqual([])
      push('m4')
      expect(calls).toEqual(['pause'])
      push('m5')
      expect(queue.length).toBe(5)
      expect(await take(queue, 2)).toEqual(['m1', 'm2'])
      expect(calls).toEqual(['pause'])
      expect(await take(queue, 1)).toEqual(['m3'])
      expect(calls).toEqual(['pause', 'resume'])
      expect(await take(queue, 4)).toEqual(['m4', 'paused', 'm5', 'resumed'])
      expect(queue.dropped).toBe(0)
    })

    it('counts bytes as well as messages', async () => {
      const { queue, calls, push } = queueOf({ maxMessages: 100, maxBytes: 10 })
      push('m1234')
      expect(calls).toEqual([])
      push('m5678')
      expect(calls).toEqual(['pause'])
      expect(await take(queue, 1)).toEqual(['m1234'])
      expect(calls).toEqual(['pause', 'resume'])
    })

    it('resumes a queue of one when it is empty', async () => {
      const { queue, calls, push } = queueOf({ maxMessages: 1 })
      push('m1')
      expect(calls).toEqual(['pause'])
      await take(queue, 1)
      expect(calls).toEqual(['pause', 'resume'])
    })

    it('does not resume a socket that is gone', async () => {
      const { queue, calls, push } = queueOf()
      push('m1', 'm2', 'm3', 'm4')
      queue.pushEvent(disconnected)
      queue.end()
      expect(await take(queue)).toEqual(['m1', 'm2', 'm3', 'm4', 'paused', 'disconnected', 'done'])
      expect(calls).toEqual(['pause'])
    })

    it('while closing holds nothing back: what does not fit is lost, and a gap stands in its place', async () => {
      const { queue, calls, push } = queueOf()
      push('m1', 'm2', 'm3', 'm4')
      queue.stopPausing()
      expect(calls).toEqual(['pause', 'resume'])
      push('m5', 'm6')
      expect(await take(queue, 1)).toEqual(['m1'])
      push('m7', 'm8')
      queue.pushEvent(disconnected)
      queue.end()
      expect(await take(queue)).toEqual([
        'm2',
        'm3',
        'm4',
        'paused',
        'resumed',
        'gap2[5,6]',
        'm7',
        'gap1[8,8]',
        'disconnected',
        'done',
      ])
      expect(queue.dropped).toBe(3)
      expect(calls).toEqual(['pause', 'resume'])
    })
  })

  describe('drop-oldest', () => {
    it('replaces the oldest messages by one gap where they were, behind the lifecycle events before them', async () => {
      const { queue, push } = queueOf({ whenFull: 'drop-oldest', maxMessages: 2 })
      queue.pushEvent(connected)
      push('m1', 'm2', 'm3', 'm4', 'm5')
      queue.pushEvent(disconnected)
      queue.end()
      expect(queue.length).toBe(2)
      expect(queue.dropped).toBe(3)
      expect(await take(queue)).toEqual(['connected', 'gap3[1,3]', 'm4', 'm5', 'disconnected', 'done'])
    })

    it('begins a new gap once the last one has been yielded', async () => {
      const { queue, push } = queueOf({ whenFull: 'drop-oldest', maxMessages: 2 })
      push('m1', 'm2', 'm3')
      expect(await take(queue, 1)).toEqual(['gap1[1,1]'])
      push('m4', 'm5')
      expect(await take(queue, 3)).toEqual(['gap2[2,3]', 'm4', 'm5'])
    })

    it('drops as many as the bytes of the newest need, and keeps one that is larger than the bound', async () => {
      const { queue, push } = queueOf({ whenFull: 'drop-oldest', maxMessages: 100, maxBytes: 10 })
      push('m1', 'm2', 'm3', 'm456789')
      expect(await take(queue, 3)).toEqual(['gap2[1,2]', 'm3', 'm456789'])
      push('m1', `m${'2'.repeat(20)}`)
      expect((await take(queue, 2)).map((w) => w.slice(0, 4))).toEqual(['gap1', 'm222'])
    })

    it('reports each loss once, whether or not the iterator has come to it', async () => {
      const { queue, push } = queueOf({ whenFull: 'drop-oldest', maxMessages: 1 })
      push('m1', 'm2', 'm3')
      expect(word(queue.takeUnreportedGap() as WsEvent)).toBe('gap2[1,2]')
      expect(queue.takeUnreportedGap()).toBeUndefined()
      push('m4')
      expect(word(queue.takeUnreportedGap() as WsEvent)).toBe('gap1[3,3]')
      expect(await take(queue, 2)).toEqual(['gap3[1,3]', 'm4'])
    })
  })

  it('close: tells its owner once, keeps what it had, takes nothing after the first loss', async () => {
    const { queue, calls, push } = queueOf({ whenFull: 'close', maxBytes: 8 })
    push('m1', 'm2')
    expect(calls).toEqual([])
    push('m34567', 'm4')
    expect(calls).toEqual(['overflowed'])
    expect(queue.dropped).toBe(2)
    queue.pushEvent(disconnected)
    queue.end()
    expect(await take(queue)).toEqual(['m1', 'm2', 'disconnected', 'done'])
  })

  it('discard: forgets everything and lifts the pause', async () => {
    const { queue, calls, push } = queueOf()
    push('m1', 'm2', 'm3', 'm4')
    queue.discard()
    push('m5')
    expect(calls).toEqual(['pause', 'resume'])
    expect(queue.length).toBe(0)
    expect(await take(queue)).toEqual(['done'])
  })
})

describe('events that nobody takes', () => {
  const gap = (us: number): LifecycleEvent => {
    return { kind: 'gap', connection: us, scope: 'connection', fromUs: us, toUs: us + 1, messages: 1, cause: LOSS }
  }
  const LOSS = { code: 'ECONNRESET', message: 'reset' }

  it('are bounded; where there are hardly any but gaps, the oldest gaps become one, and nothing else is forgotten', async () => {
    const { queue, push } = queueOf()
    queue.pushEvent(connected)
    push('m1')
    for (let us = 0; us < MAX_EVENTS + 10; us++) queue.pushEvent(gap(us))
    queue.end()
    const events: WsEvent[] = []
    for (let next = await queue.next(); !next.done; next = await queue.next()) events.push(next.value)
    expect(events).toHaveLength(MAX_EVENTS + 1)
    expect(events.slice(0, 2).map(({ kind }) => kind)).toEqual(['connected', 'message'])
    expect(events[2]).toEqual({ kind: 'gap', connection: 11, scope: 'connection', fromUs: 0, toUs: 12, cause: LOSS })
    expect(events.at(-1)).toEqual(gap(MAX_EVENTS + 9))
  })

  it('keep the newest of what happens, however many gaps there were before', async () => {
    const { queue } = queueOf()
    for (let us = 0; us < MAX_EVENTS; us++) queue.pushEvent(gap(us))
    for (let atUs = 0; atUs < MAX_EVENTS; atUs++)
      queue.pushEvent({ kind: 'stall', connection: 1, atUs, stalledForMs: 1 })
    queue.pushEvent(connected)
    queue.pushEvent(disconnected)
    queue.end()
    const events: WsEvent[] = []
    for (let next = await queue.next(); !next.done; next = await queue.next()) events.push(next.value)
    expect(events.length).toBeLessThanOrEqual(MAX_EVENTS + 512)
    expect(events.slice(-2)).toEqual([connected, disconnected])
    const stalls = events.flatMap((event) => (event.kind === 'stall' ? [event.atUs] : []))
    expect(stalls.length).toBeGreaterThanOrEqual(MAX_EVENTS / 2 - 2)
    expect(stalls).toEqual(stalls.map((_, i) => MAX_EVENTS - stalls.length + i))
    // Nothing that was missing is forgotten.
    expect(events.find(({ kind }) => kind === 'gap')).toMatchObject({ fromUs: 0, scope: 'connection' })
  })

  it('are told of one topic as long as the gaps that become one are of that one', async () => {
    const { queue } = queueOf()
    const of = (key: string, us: number): LifecycleEvent => ({ ...gap(us), scope: 'topic', key }) as LifecycleEvent
    for (let us = 0; us < MAX_EVENTS + 1; us++) queue.pushEvent(of('a', us))
    const [first] = [(await queue.next()).value as WsEvent]
    expect(first).toMatchObject({ scope: 'topic', key: 'a', fromUs: 0, toUs: 2 })
    queue.pushEvent(of('b', 7))
    for (let us = 0; us < 2 * MAX_EVENTS; us++) queue.pushEvent(of('c', us))
    const next = (await queue.next()).value as WsEvent
    expect(next).toMatchObject({ scope: 'connection', fromUs: 0 })
    expect(next).not.toHaveProperty('key')
  })

  it('count no losses in a gap that has become one with others: the next loss has its own', async () => {
    const { queue, push } = queueOf({ whenFull: 'drop-oldest', maxMessages: 1 })
    push('m1', 'm2')
    // The loss of m1 stands behind these, as far as messages go.
    for (let us = 0; us < MAX_EVENTS + 512; us++) queue.pushEvent(gap(us))
    push('m3')
    queue.end()
    const events: WsEvent[] = []
    for (let next = await queue.next(); !next.done; next = await queue.next()) events.push(next.value)
    const known = events.filter((event) => event.kind === 'gap' && event.messages !== undefined)
    expect(known.every((event) => event.kind === 'gap' && event.messages === 1)).toBe(true)
    expect(events.filter((event) => event.kind === 'gap' && event.messages === undefined)).toHaveLength(1)
  })

  it.each([1, 511, 512, 513, 1500])(
    'that nobody takes keep their gaps and the newest: %d too many',
    async (tooMany) => {
      const { queue } = queueOf()
      const stall = (atUs: number): LifecycleEvent => ({ kind: 'stall', connection: 1, atUs, stalledForMs: 1 })
      for (let i = 0; i < MAX_EVENTS + tooMany; i++) queue.pushEvent(i % 100 === 7 ? gap(i) : stall(i))
      queue.end()
      const times: number[] = []
      for (let next = await queue.next(); !next.done; next = await queue.next()) {
        if (next.value.kind === 'gap') times.push(next.value.fromUs)
        if (next.value.kind === 'stall') times.push(next.value.atUs)
      }
      const all = Array.from({ length: MAX_EVENTS + tooMany }, (_, i) => i)
      let excess = tooMany
      expect(times).toEqual(all.filter((i) => i % 100 === 7 || excess-- <= 0))
    },
  )
})
