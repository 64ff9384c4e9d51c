import { describe, expect, it } from 'vitest'
import type { WsSession } from '../../../src/session/endpoint-handler.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { numbered, subscriptionsSent, WATCHED } from './sequence-support.ts'
import { follow, jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

const ANEW = [
  { sub: [], unsub: ['a'] },
  { sub: ['a'], unsub: [] },
]

describe('a hole in a sequence', () => {
  it('is told as a gap with the numbers, the topic is subscribed anew, and resumes after the acknowledgement and data', async () => {
    const { data, of, server, ack, actor, said, last, clock } = await numbered({ topics: WATCHED })
    clock.advance(40)
    const before = clock.epochUs()
    await data('a', 2)
    clock.advance(30)
    await data('a', 5)
    const cause = { kind: 'sequence-gap', code: 'ERR_SEQUENCE_GAP', key: 'a', expected: '3', received: '5' }
    expect(of('gap')).toMatchObject([
      { scope: 'topic', key: 'a', connection: 1, messages: 2, fromUs: before, toUs: before + 30_000, cause },
    ])
    expect(of('gap')[0]?.cause.message).toBe('a hole in the sequence of topic "a": "3" was expected, "5" came')
    expect([said, subscriptionsSent(server())]).toEqual([['told'], ANEW])
    expect(actor.openGaps()).toMatchObject([{ key: 'a', reports: 1, messages: 2, fromUs: before, cause }])
    // What is on its way still proves nothing, and holes in it are the same gap.
    await data('a', 9)
    expect([of('gap').length, of('resumed').length, said]).toEqual([1, 0, ['told', 'merged']])
    expect(actor.openGaps()).toMatchObject([{ reports: 2, messages: 5 }])
    await ack()
    expect(of('resumed')).toEqual([])
    last.clear()
    await data('b', 2)
    expect(of('resumed')).toEqual([])
    await data('a', 100)
    expect(of('resumed')).toMatchObject([{ key: 'a', connection: 1 }])
    expect(actor.openGaps()).toEqual([])
    expect(actor.stats()).toMatchObject({ gaps: 1, sequenceGaps: 2, openGaps: 0 })
  })

  it('resumes at the acknowledgement where nobody tells topics apart', async () => {
    const { data, of, ack, last } = await numbered()
    await data('a', 4)
    last.clear()
    expect(of('resumed')).toEqual([])
    await ack()
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
  })

  it('is left to the user where the venue refuses its topic when that is asked for anew', async () => {
    const { data, actor, server, pass, of } = await numbered({ topics: WATCHED })
    await data('a', 4)
    expect(actor.reportResumed('a')).toBe(false)
    const { req } = sentTo(server()).at(-1) as { req?: string }
    server().sendText(JSON.stringify({ ack: req, rejected: [{ item: 'a', code: '404' }] }))
    await pass()
    expect(actor.subscriptions()[0]).toMatchObject({ item: 'a', stage: 'rejected' })
    expect(actor.openGaps()).toMatchObject([{ key: 'a' }])
    expect(actor.reportResumed('a')).toBe(true)
    expect([of('resumed').map(({ key }) => key), actor.openGaps()]).toEqual([['a'], []])
  })

  it('shows in subscriptions() as stale until then', async () => {
    const { data, ack, actor, last } = await numbered({ topics: WATCHED })
    const stages = () => actor.subscriptions().map(({ stage }) => stage)
    await data('a', 4)
    expect(stages()).toEqual(['requested', 'acked'])
    await ack()
    expect(stages()).toEqual(['stale', 'acked'])
    last.clear()
    await data('a', 1)
    expect(stages()).toEqual(['acked', 'acked'])
  })

  it('asks for all topics of a turn together, and then no more than every resubscribeEveryMs', async () => {
    const { data, server, ack, last, pass } = await numbered({ topics: { ...WATCHED, resubscribeEveryMs: 2000 } })
    const both = [
      { sub: [], unsub: ['a', 'b'] },
      { sub: ['a', 'b'], unsub: [] },
    ]
    server().sendText('{"topic":"a","seq":7}')
    server().sendText('{"topic":"b","seq":7}')
    await pass()
    expect(subscriptionsSent(server())).toEqual(both)
    await ack()
    last.clear()
    await data('a', 1)
    await data('a', 5)
    await pass(1900)
    expect(subscriptionsSent(server())).toEqual(both)
    await pass(100)
    expect(subscriptionsSent(server())).toEqual([...both, ...ANEW])
  })

  it('waits where silent topics have just been asked for anew, and they wait for it', async () => {
    const topics = { ...WATCHED, silentAfterMs: 1000, resubscribeEveryMs: 3000 }
    const { data, server, pass, of } = await numbered({ topics })
    let seq = 1
    const flow = async (ms: number): Promise<void> => {
      for (let i = 0; i < ms; i += 100) {
        seq++
        await data('a', seq)
        await pass(100)
      }
    }
    await flow(1000)
    expect(of('topic-silent').map(({ topic }) => topic)).toEqual(['b'])
    const silent = [
      { sub: [], unsub: ['b'] },
      { sub: ['b'], unsub: [] },
    ]
    seq += 5
    await data('a', seq)
    expect([of('gap').map(({ key }) => key), subscriptionsSent(server())]).toEqual([['b', 'a'], silent])
    await pass(2900)
    expect(subscriptionsSent(server())).toEqual(silent)
    await pass(200)
    expect(subscriptionsSent(server())).toEqual([...silent, ...ANEW])
  })

  it('is no reason for a storm: a feed with a hole in each message is resubscribed twice, and then costs the connection', async () => {
    const { data, server, ack, pass, of, actor, transport, clock } = await numbered()
    const startUs = clock.monoUs()
    let seq = 1
    for (let i = 0; i < 400 && transport.servers.length === 1; i++) {
      seq += 2
      await data('a', seq)
      await ack()
      await pass(100)
    }
    expect(subscriptionsSent(transport.servers[0] as MockServerLink)).toEqual([...ANEW, ...ANEW])
    expect(of('disconnected')).toMatchObject([{ cause: { kind: 'sequence-gap', key: 'a' } }])
    expect(of('healthy')).toEqual([])
    expect((clock.monoUs() - startUs) / 1_000_000).toBeGreaterThanOrEqual(20)
    await pass(1000)
    expect([actor.openGaps(), actor.connection]).toEqual([[], 2])
    expect(server()).not.toBe(transport.servers[0])
  })

  it('does not hold old holes against a topic that was well in between', async () => {
    const { data, ack, pass, of, last, transport } = await numbered()
    for (let i = 0; i < 6; i++) {
      await data('a', 50)
      await ack()
      last.clear()
      await data('a', 1)
      await pass(10_000)
    }
    expect([of('gap').length, of('resumed').length, transport.servers.length]).toEqual([6, 6, 1])
  })

  it('of a topic that is being asked for waits for the answer, which says nothing of messages that came before it', async () => {
    const { data, server, actor, ack, of, pass } = await numbered()
    actor.replay()
    const frames = subscriptionsSent(server()).length
    await data('a', 4)
    await pass(5000)
    expect(subscriptionsSent(server())).toHaveLength(frames)
    await ack()
    await pass()
    expect([of('resumed'), subscriptionsSent(server()).slice(frames)]).toEqual([[], ANEW])
    await ack()
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
  })

  it('of a public topic is asked about when the connection has authenticated', async () => {
    let login = (): void => {}
    const { handler } = jsonHandler({
      authenticate: () =>
        new Promise((resolve) => {
          login = resolve
        }),
    })
    const manager = { ...jsonSubscriptions(), requiresAuth: (item: string) => item === 'b' }
    const { actor, ack, server, pass, of } = await numbered({ handler, subscriptionManager: manager })
    expect([actor.status, actor.reportGap({ key: 'a' })]).toEqual(['opening', 'told'])
    await pass(100)
    expect(subscriptionsSent(server())).toEqual([])
    login()
    await pass()
    await ack()
    await pass()
    expect(subscriptionsSent(server()).slice(1)).toEqual(ANEW)
    await ack()
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
  })

  it('is asked about again when the manager failed, and costs the connection when it goes on failing', async () => {
    let fails = false
    const manager = jsonSubscriptions()
    const { data, pass, ack, of, hookErrors, transport } = await numbered({
      subscriptionManager: {
        ...manager,
        update(changes, nextId) {
          if (fails && changes.add.length > 0) throw new Error('clumsy')
          return manager.update(changes, nextId)
        },
      },
    })
    fails = true
    await data('a', 4)
    expect([of('gap').length, hookErrors.length]).toEqual([1, 1])
    for (let i = 0; i < 40 && transport.servers.length === 1; i++) {
      await ack()
      await pass(1000)
    }
    expect(of('disconnected').map(({ cause }) => cause.code)).toEqual(['ERR_SEQUENCE_GAP'])
  })

  // Seed 69 of the simulation: the replay's acknowledgement was taken for the one that counts, and then nothing was awaited any more.
  it('is not mended by the acknowledgement of a replay in between, and is by the one after it', async () => {
    const { data, pass, of, ack, actor, last } = await numbered({ topics: { ...WATCHED, resubscribeEveryMs: 2000 } })
    await data('b', 9)
    await data('a', 9)
    actor.replay()
    await ack()
    await data('a', 10)
    expect(of('resumed').map(({ key }) => key)).toEqual([])
    await pass(2000)
    await ack()
    last.clear()
    await data('a', 1)
    expect(of('resumed').map(({ key }) => key)).toEqual(['a'])
  })

  it('waits with asking until what is read again can be answered', async () => {
    const { server, actor, pass } = await numbered()
    actor.pauseReading()
    expect(actor.reportGap({ key: 'a' })).toBe('told')
    await pass(20_000)
    expect(subscriptionsSent(server())).toEqual([])
    actor.resumeReading()
    await pass()
    await pass()
    expect(subscriptionsSent(server())).toEqual(ANEW)
  })

  it('makes a connection no healthy one until its topic is acknowledged anew', async () => {
    const { data, ack, pass, of } = await numbered({ topics: { ...WATCHED, silentAfterMs: () => undefined } })
    await data('a', 4)
    await pass(9_000)
    expect(of('healthy')).toEqual([])
    await ack()
    await pass(9_999)
    expect(of('healthy')).toEqual([])
    await pass(1)
    expect(of('healthy')).toHaveLength(1)
  })
})

describe('what follows as the report says', () => {
  it('reconnect: the connection is replaced, after pending asks have had time to finish', async () => {
    const { data, of, server, actor, pass, transport } = await numbered({}, 'reconnect')
    const outcome = follow(
      actor.ask({ frame: '{"id":"x"}', requestId: 'x', confirmMode: 'confirmed', timeoutMs: 9000 }),
    )
    await data('a', 4)
    expect(of('draining')).toMatchObject([{ cause: { kind: 'sequence-gap', expected: '2' } }])
    expect([actor.status, of('gap').length]).toEqual(['draining', 1])
    // The gap goes on until the connection ends, whatever comes.
    await data('a', 9)
    server().sendText('{"id":"x","result":1}')
    await pass()
    await pass()
    expect(outcome.value).toMatchObject({ kind: 'confirmed' })
    expect(of('gap').map(({ scope }) => scope)).toEqual(['topic', 'connection'])
    expect([of('resumed').length, transport.servers.length, actor.status]).toEqual([0, 2, 'ready'])
  })

  it('continue: nothing is asked, and it has ended when the user says so, and not before', async () => {
    const { data, of, server, ack, actor, said } = await numbered({ topics: WATCHED }, 'continue')
    await data('a', 4)
    await data('a', 5)
    await data('a', 9)
    expect([said, of('gap').length, subscriptionsSent(server())]).toEqual([['told', 'merged'], 1, []])
    actor.replay()
    await ack()
    await data('a', 10)
    expect(of('resumed')).toEqual([])
    expect([actor.reportResumed('b'), actor.reportResumed('a'), actor.reportResumed('a')]).toEqual([false, true, false])
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
    await data('a', 20)
    expect(said).toEqual(['told', 'merged', 'told'])
  })

  it('both: the gap ends when the feed has brought what it owes and the user has mended what he said he would', async () => {
    const { actor, ack, of } = await numbered()
    actor.reportGap({ key: 'a', remedy: 'continue' })
    expect(actor.reportGap({ key: 'a' })).toBe('merged')
    await ack()
    expect(of('resumed')).toEqual([])
    expect(actor.reportResumed('a')).toBe(true)
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
  })

  it('a revocation in the meantime belongs to the same gap', async () => {
    let session: WsSession | undefined
    const { actor, of, pass, ack, server } = await numbered({
      handler: jsonHandler({
        onOpen(opened) {
          session = opened
        },
      }).handler,
    })
    actor.reportGap({ key: 'a', remedy: 'continue' })
    session?.revoked(['a'])
    expect(of('gap')).toHaveLength(1)
    expect(actor.reportResumed('a')).toBe(true)
    expect(of('resumed')).toEqual([])
    await pass(5000)
    await ack()
    expect(of('resumed')).toMatchObject([{ key: 'a' }])
    expect(subscriptionsSent(server())).toEqual([{ sub: ['a'], unsub: [] }])
  })
})

describe('the sequence of a whole connection', () => {
  it('has a gap of the connection that goes on; everything is asked for anew, and each topic resumes, and the whole', async () => {
    const { actor, of, server, ack, data, last, kinds } = await numbered({ topics: WATCHED })
    expect(actor.reportGap({ expected: 7n, received: '9223372036854775807' })).toBe('told')
    expect(of('gap')).toMatchObject([
      { scope: 'connection', connection: 1, cause: { expected: '7', received: '9223372036854775807' } },
    ])
    expect(of('gap')[0]).not.toHaveProperty('key')
    expect(of('gap')[0]?.cause).not.toHaveProperty('key')
    expect(subscriptionsSent(server())).toEqual([
      { sub: [], unsub: ['a', 'b'] },
      { sub: ['a', 'b'], unsub: [] },
    ])
    // Its topics are in it.
    expect([actor.reportGap({ key: 'a' }), actor.openGaps().map(({ key }) => key)]).toEqual([
      'merged',
      [undefined, 'a', 'b'],
    ])
    last.clear()
    await data('a', 1)
    await ack()
    expect(of('resumed')).toEqual([])
    await data('a', 2)
    expect(of('resumed').map(({ key }) => key)).toEqual(['a', undefined])
    await data('b', 2)
    expect(of('resumed').map(({ key }) => key)).toEqual(['a', undefined, 'b'])
    expect([actor.openGaps(), kinds().includes('disconnected')]).toEqual([[], false])
  })

  it('resumes once where a connection that has not resumed yet loses something', async () => {
    const { actor, of, ack, data, pass, last } = await numbered()
    actor.reconnect()
    await pass()
    await pass()
    expect(actor.connection).toBe(2)
    await data('a', 1)
    actor.reportGap({})
    await ack()
    await data('a', 2)
    await pass()
    await ack()
    last.clear()
    expect(of('resumed').filter(({ key }) => key === undefined)).toEqual([])
    await data('a', 2)
    await data('a', 3)
    expect(of('resumed').filter(({ key }) => key === undefined)).toHaveLength(1)
  })

  it('is for the user to mend where nothing is desired', async () => {
    const { actor, of } = await readyActor({ handler: jsonHandler().handler })
    expect([actor.reportGap({}), actor.reportGap({})]).toEqual(['told', 'merged'])
    expect([actor.reportResumed(), actor.reportResumed()]).toEqual([true, false])
    expect(of('resumed')).toHaveLength(1)
    expect(of('resumed')[0]).not.toHaveProperty('key')
  })

  it('with a hole in each message costs the connection', async () => {
    const { actor, of, ack, pass, data, last, transport } = await numbered()
    for (let i = 0; i < 400 && transport.servers.length === 1; i++) {
      actor.reportGap({})
      await ack()
      last.clear()
      await data('a', 1)
      await pass(100)
    }
    expect(of('disconnected')).toMatchObject([{ cause: { kind: 'sequence-gap' } }])
    expect(sentTo(transport.servers[0] as MockServerLink)).toHaveLength(1 + 4)
  })
})
