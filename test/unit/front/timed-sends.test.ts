import { describe, expect, it } from 'vitest'
import { healing, kinds, taker } from './healing-support.ts'
import { mockConnection } from './support.ts'

const across = { ttlMs: 1000, acrossReconnect: true }

describe('send() with a time-to-live', () => {
  it('says what was never sent in the iterator, to onEvent and in stats(), before the gap of its connection', async () => {
    const { connection, server, heard, pass, reconnected, closed } = await healing({ limits: { maxLinkBytes: 20 } })
    server().stall()
    expect(['aa', 'bb', 'cc', 'dd'].map((text) => connection.send(text, { ttlMs: 1000 }))).toContain('queued')
    connection.send('over', across)
    server().reset()
    await pass()
    expect(connection.send('more', across)).toBe('queued')
    expect(connection.stats()).toMatchObject({ state: 'connecting', keptMessages: 2, queuedBytes: 8, sendsGivenUp: 4 })
    await reconnected()
    await pass()
    expect(server().frames.map((frame) => frame.text())).toEqual(['over', 'more'])
    await closed()
    const told = heard.filter(({ kind }) => kind === 'sends-given-up')
    const event = { connection: 1, reason: 'disconnected', delivery: 'none', messages: 4, bytes: 8 }
    expect(told).toMatchObject([event])
    const order = ['connected/1', 'sends-given-up/1', 'disconnected/1', 'gap/1', 'connected/2', 'disconnected/2']
    expect(kinds(heard)).toEqual(order)
    expect(await taker(connection[Symbol.asyncIterator]())()).toEqual([...order, 'done'])
  })

  it('close() between connections gives it up, before the last event and closed()', async () => {
    const { connection, server, heard, pass, clock } = await healing()
    server().reset()
    await pass()
    expect(connection.sendBatch(['a', 'b'], across)).toBe(2)
    const closing = connection.close()
    expect([connection.send('c', across), connection.sendBatch(['c'], across)]).toEqual(['not-open', 0])
    await closing
    expect(kinds(heard).slice(-2)).toEqual(['sends-given-up/2', 'disconnected/2'])
    expect(heard.at(-2)).toMatchObject({ reason: 'stopped', delivery: 'none', messages: 2, bytes: 2 })
    expect(clock.pendingTimers).toBe(0)
  })

  it('waits for the very first connection, in the same turn as connect()', async () => {
    const { connection, transport, clock, pass } = mockConnection()
    expect([connection.send('early', across), connection.send('too early')]).toEqual(['queued', 'not-open'])
    await pass()
    await pass()
    expect(transport.servers[0]?.frames.map((frame) => frame.text())).toEqual(['early'])
    void connection.close()
    for (let i = 0; i < 3; i++) await pass()
    expect([connection.state, clock.pendingTimers]).toEqual(['closed', 0])
  })
})
