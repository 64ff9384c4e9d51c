import { describe, expect, it } from 'vitest'
import { mockActor, readyActor, turn } from './support.ts'
import { across, every, stuck, texts } from './timed-sends-support.ts'

describe('a send with a time-to-live', () => {
  it('that waits in a lane or in the link is taken back when its time is over, and that is told once', async () => {
    const { actor, server, pass, sent, givenUp, stopped } = await stuck()
    const results = ['link', 'held', 'lane', 'also'].map((text) => actor.send(text, { ttlMs: 100 }))
    expect(results).toEqual(['taken', 'taken', 'queued', 'queued'])
    expect(actor.send('kept')).toBe('queued')
    await pass(99)
    expect(givenUp()).toEqual([])
    await pass(1)
    expect(givenUp()).toEqual([['expired-unsent', 'none', 4, 16]])
    server().unstall()
    await pass()
    expect(sent()).toEqual(['kept'])
    expect([actor.stats().sendsGivenUp, actor.stats().keptMessages]).toEqual([4, 0])
    await stopped()
  })

  it('of which a byte has left goes on, and is not told of', async () => {
    const { actor, server, pass, sent, givenUp } = await stuck()
    server().takeBytes(3)
    actor.send('begun', { ttlMs: 10 })
    actor.send('not', { ttlMs: 10 })
    await pass(10)
    expect(givenUp()).toEqual([['expired-unsent', 'none', 1, 3]])
    server().unstall()
    await pass()
    expect(sent()).toEqual(['begun'])
    await pass(10_000)
    expect(givenUp()).toHaveLength(1)
  })

  it('dies with its connection, and what broke off is told apart', async () => {
    const { actor, server, sent, givenUp, reconnected, heard } = await stuck()
    server().takeBytes(3)
    actor.send('part', { ttlMs: 10_000 })
    actor.send('none', { ttlMs: 10_000 })
    actor.send('wait', { ttlMs: 10_000 })
    server().reset()
    await reconnected()
    expect(actor.status).toBe('ready')
    expect(sent()).toEqual([])
    expect(givenUp()).toEqual([
      ['disconnected', 'part', 1, 4],
      ['disconnected', 'none', 2, 8],
    ])
    // Nothing of a connection comes after its gap.
    const ofFirst = heard.filter(({ connection }) => connection === 1).map(({ kind }) => kind)
    expect(ofFirst.indexOf('sends-given-up')).toBeLessThan(ofFirst.indexOf('gap'))
    expect(ofFirst.at(-1)).not.toBe('sends-given-up')
  })

  it('that the kernel has is forgotten: its time arms nothing, and its end is not told', async () => {
    const { actor, clock, server, pass, of } = await readyActor({ reconnect: every(50) })
    const before = clock.pendingTimers
    expect(actor.send('at once', { ttlMs: 60_000 })).toBe('taken')
    expect(actor.send('and this', across(60_000))).toBe('taken')
    expect(actor.sendBatch(['a', 'burst'], across(60_000))).toBe(2)
    const thrower = (): number => {
      throw new Error('mine')
    }
    expect(() => actor.sendBatch(['cut short', thrower], across(60_000))).toThrow('mine')
    expect(clock.pendingTimers).toBe(before)
    await pass()
    expect(clock.pendingTimers).toBe(before)
    server().reset()
    for (const ms of [0, 50, 0]) await pass(ms)
    expect([actor.status, actor.stats().keptMessages]).toEqual(['ready', 0])
    expect(texts(server())).toEqual([])
    expect(of('sends-given-up')).toEqual([])
  })

  it('is not sent by a thread that wakes too late, whatever wakes it', async () => {
    const wakers: [string, (setup: Awaited<ReturnType<typeof stuck>>) => void][] = [
      ['a send', ({ actor }) => void actor.send('now')],
      ['a burst', ({ actor }) => void actor.sendBatch(['now'])],
      ['a ping', ({ actor }) => void actor.ping().catch(() => {})],
    ]
    for (const [what, wake] of wakers) {
      const setup = await stuck()
      const { actor, clock, server, pass, sent, givenUp } = setup
      actor.send('late', { ttlMs: 10 })
      actor.send('lane', { ttlMs: 10 })
      // Time moves, and no timer comes round: others are called first.
      const { monoUs } = clock
      Object.defineProperty(clock, 'monoUs', { value: () => monoUs.call(clock) + 20_000 })
      wake({ ...setup })
      server().unstall()
      await turn()
      await pass(20)
      expect([what, sent().filter((text) => text !== 'now')]).toEqual([what, []])
      expect(givenUp()).toEqual([['expired-unsent', 'none', 2, 8]])
    }
  })

  it('inside a hook waits for its end, and a hook that takes too long has it given up', async () => {
    const { actor, clock, pass, server, of } = await readyActor({
      onPing: (payload) => {
        if (payload.length > 0) expect(actor.send('in time', { ttlMs: 10 })).toBe('queued')
        else {
          expect(actor.send('too late', { ttlMs: 10 })).toBe('queued')
          clock.advance(11)
        }
      },
    })
    server().sendPing(new Uint8Array(1))
    await pass()
    server().sendPing(new Uint8Array(0))
    await pass()
    expect(texts(server())).toEqual(['in time'])
    expect(of('sends-given-up')).toMatchObject([{ reason: 'expired-unsent', delivery: 'none', messages: 1, bytes: 8 }])
  })

  it('mistakes are named, all of them', async () => {
    const { actor } = await stuck()
    const problems = (options: object): unknown => {
      try {
        actor.send('x', options as never)
        return 'none'
      } catch (error) {
        return (error as { problems: { field: string; message: string }[] }).problems.map(
          ({ field, message }) => `${field} ${message}`,
        )
      }
    }
    expect(problems({ acrossReconnect: true })).toEqual([
      'send.acrossReconnect needs send.ttlMs: for how long may it still be sent on another connection?',
    ])
    expect(problems({ ttlMs: 0, acrossReconnect: 1, urgent: 'no' })).toMatchObject([
      expect.stringContaining('send.urgent'),
      expect.stringContaining('send.ttlMs must be an integer from 1 to'),
      expect.stringContaining('send.acrossReconnect must be true or false'),
    ])
    expect(problems({ ttl: 5 })).toMatchObject([expect.stringContaining('send.ttl ')])
    expect(problems({ acrossReconnect: false })).toBe('none')
    expect(() => mockActor({ lanes: { keptBytes: -1 } })).toThrow('lanes.keptBytes')
  })
})
