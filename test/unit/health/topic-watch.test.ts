import { describe, expect, it } from 'vitest'
import { TopicWatch, type WsTopicWatchOptions } from '../../../src/health/topic-watch.ts'

const MS = 1000
const DEFAULTS = { silentAfterMs: 100, resubscribe: true, resubscribeEveryMs: 1000, reconnectAfter: 2 }

function open(options: Partial<WsTopicWatchOptions> = {}) {
  const errors: unknown[] = []
  const watch = new TopicWatch({ ...DEFAULTS, ...options }, (error) => errors.push(error))
  return { watch, errors }
}

const topics = (list: readonly { topic: string }[] | undefined): string[] => (list ?? []).map(({ topic }) => topic)

describe('TopicWatch', () => {
  it('finds the topic that falls silent while another flows, at the very moment', () => {
    const { watch } = open()
    watch.acked('a', 0)
    watch.acked('b', 0)
    for (let ms = 10; ms <= 150; ms += 10) watch.data('a', ms * MS)
    watch.data('b', 50 * MS)
    expect(watch.verdict(150 * MS - 1)?.silent ?? []).toEqual([])
    expect(watch.verdict(150 * MS)?.silent).toEqual([{ topic: 'b', silentForMs: 100, sinceUs: 50 * MS }])
  })

  it('tells of a silence once, and of its end', () => {
    const { watch } = open({ resubscribe: false })
    watch.acked('a', 0)
    expect(topics(watch.verdict(100 * MS)?.silent)).toEqual(['a'])
    expect(watch.nextDueUs()).toBe(Infinity)
    expect(watch.verdict(5000 * MS)).toBeUndefined()
    expect([watch.data('a', 6000 * MS), watch.data('a', 6001 * MS)]).toEqual(['back', undefined])
    expect(topics(watch.verdict(6101 * MS)?.silent)).toEqual(['a'])
  })

  // Seed 35 of the simulation: reading was paused, the connection ended, and reading went on before there was another.
  it('judges a new connection, though reading was paused when the last one ended', () => {
    const { watch } = open()
    watch.acked('a', 0)
    watch.setPaused(true, 10 * MS)
    expect(watch.nextDueUs()).toBe(Infinity)
    watch.clear()
    watch.acked('a', 1000 * MS)
    expect(watch.nextDueUs()).toBe(1100 * MS)
    expect(topics(watch.verdict(1100 * MS)?.silent)).toEqual(['a'])
  })

  it('says when data of a topic comes first on a connection', () => {
    const { watch } = open()
    watch.acked('a', 0)
    expect([watch.data('a', 1), watch.data('a', 2), watch.data('unknown', 3)]).toEqual(['first', undefined, undefined])
  })

  it('says so of a topic that may be quiet, too, and never calls it silent', () => {
    const { watch } = open({ silentAfterMs: (topic) => (topic === 'fills' ? undefined : 100) })
    watch.acked('fills', 0)
    expect([watch.nextDueUs(), watch.shortestMs]).toEqual([Infinity, Infinity])
    watch.acked('a', 0)
    expect(topics(watch.verdict(86_400_000 * MS)?.silent)).toEqual(['a'])
    expect([watch.data('fills', 1), watch.data('fills', 2)]).toEqual(['first', undefined])
  })

  it('knows its shortest silence, whatever comes and goes', () => {
    const { watch } = open({ silentAfterMs: (topic) => Number(topic) })
    for (const topic of ['300', '100', '200']) watch.acked(topic, 0)
    const shortest = [watch.shortestMs]
    for (const topic of ['100', '300', '200']) {
      watch.forget(topic)
      shortest.push(watch.shortestMs)
    }
    expect(shortest).toEqual([100, 200, 200, Infinity])
  })

  it('asks again for all that are silent together, not more often than it may, and gives up in the end', () => {
    const { watch } = open()
    for (const topic of ['a', 'b']) watch.acked(topic, 0)
    expect(watch.verdict(100 * MS)?.resubscribe).toEqual(['a', 'b'])
    watch.data('b', 200 * MS)
    expect(watch.verdict(300 * MS)?.resubscribe ?? []).toEqual([])
    expect(watch.verdict(1100 * MS)).toMatchObject({ resubscribe: ['a', 'b'], hopeless: undefined })
    const last = watch.verdict(2100 * MS)
    expect(last?.hopeless).toMatchObject({ topic: 'a' })
    // `b` had come back in between.
    expect(last?.resubscribe).toEqual(['b'])
  })

  it('gives a slow topic all of its time after each round, from the acknowledgement on, whatever becomes of quicker ones', () => {
    const { watch } = open({ silentAfterMs: (topic) => (topic === 'slow' ? 60_000 : 100), reconnectAfter: 1 })
    watch.acked('slow', 0)
    watch.acked('quick', 0)
    const asked: [number, string][] = []
    let hopelessMs: number | undefined
    for (let ms = 0; ms <= 200_000 && hopelessMs === undefined; ms += 100) {
      // The quick one comes back from each silence.
      if (ms % 700 === 0) watch.data('quick', ms * MS)
      const verdict = watch.verdict(ms * MS)
      for (const topic of verdict?.resubscribe ?? []) {
        if (topic === 'slow') asked.push([ms, topic])
        // The venue takes 5 s to acknowledge.
        if (topic === 'slow') watch.acked('slow', (ms + 5000) * MS)
      }
      if (verdict?.hopeless?.topic === 'slow') hopelessMs = ms
    }
    const [[firstMs] = [0]] = asked
    expect(asked).toHaveLength(1)
    expect(firstMs).toBeGreaterThanOrEqual(60_000)
    expect(hopelessMs).toBeGreaterThanOrEqual(firstMs + 65_000)
    expect(hopelessMs).toBeLessThanOrEqual(firstMs + 66_100)
  })

  it('counts no stall or pause of ours as time that a topic asked for anew has had', () => {
    const { watch } = open({ reconnectAfter: 1 })
    watch.acked('a', 0)
    expect(watch.verdict(100 * MS)?.resubscribe).toEqual(['a'])
    watch.restart(1150 * MS)
    expect(watch.verdict(1200 * MS)?.hopeless).toBeUndefined()
    expect(watch.verdict(1250 * MS)?.hopeless).toMatchObject({ topic: 'a', silentForMs: 1250, sinceUs: 0 })
  })

  it('replaces the connection at once with reconnectAfter 0, and never with Infinity', () => {
    const eager = open({ reconnectAfter: 0 }).watch
    eager.acked('a', 0)
    expect(eager.verdict(100 * MS)).toMatchObject({ resubscribe: [], hopeless: { topic: 'a' } })
    const patient = open({ reconnectAfter: Infinity }).watch
    patient.acked('a', 0)
    for (let s = 1; s < 50; s++) expect(patient.verdict(s * 1_100_000)?.hopeless).toBeUndefined()
  })

  it('exempts quiet topics, has a time for each, and survives a function that fails', () => {
    const { watch, errors } = open({
      silentAfterMs: (topic) => {
        if (topic === 'bad') throw new Error('clumsy')
        if (topic === 'nonsense') return -1
        return topic === 'quiet' ? undefined : 50
      },
    })
    for (const topic of ['quiet', 'bad', 'nonsense', 'quick']) watch.acked(topic, 0)
    expect(topics(watch.verdict(1_000_000 * MS)?.silent)).toEqual(['quick'])
    expect(errors).toHaveLength(2)
    expect(watch.shortestMs).toBe(50)
  })

  it('dates a silence from the last data, whatever stalls of ours came in between', () => {
    const { watch } = open()
    watch.acked('a', 0)
    watch.data('a', 10 * MS)
    watch.restart(90 * MS)
    expect(watch.verdict(110 * MS)?.silent).toEqual([])
    expect(watch.verdict(190 * MS)?.silent).toEqual([{ topic: 'a', silentForMs: 180, sinceUs: 10 * MS }])
  })

  it('holds nothing against a topic while nothing is read, after a stall, or when nobody wants it', () => {
    const { watch } = open()
    watch.acked('a', 0)
    watch.setPaused(true, 10 * MS)
    expect([watch.nextDueUs(), watch.verdict(10_000 * MS)]).toEqual([Infinity, undefined])
    watch.setPaused(false, 10_000 * MS)
    expect(topics(watch.verdict(10_099 * MS)?.silent)).toEqual([])
    watch.restart(10_099 * MS)
    expect(topics(watch.verdict(10_150 * MS)?.silent)).toEqual([])
    watch.forget('a')
    expect(topics(watch.verdict(99_999 * MS)?.silent)).toEqual([])
    watch.acked('a', 0)
    watch.clear()
    expect([watch.nextDueUs(), watch.verdict(99_999 * MS)]).toEqual([Infinity, undefined])
  })
})
