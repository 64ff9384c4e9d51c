import { describe, expect, it } from 'vitest'
import type { ConnectOptions } from '../../../src/front/options.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { follow, jsonHandler } from '../actor/support.ts'
import { every, healing, kinds, taker } from './healing-support.ts'

describe('a connection that heals', () => {
  it.each([
    ['a FIN', (server: MockServerLink) => server.end(), 'ERR_CLOSED_ABNORMALLY'],
    ['a reset', (server: MockServerLink) => server.reset(), 'ECONNRESET'],
    ['a CLOSE', (server: MockServerLink) => server.close(1001, 'restart'), 'REMOTE_CLOSE'],
  ])('comes back after %s, with one gap, and the iterator goes on', async (_, drop, code) => {
    const { connection, server, heard, pass, reconnected, closed } = await healing()
    server().sendText('a')
    await pass()
    drop(server())
    await pass()
    await pass()
    expect([connection.state, connection.send('x')]).toEqual(['connecting', 'not-open'])
    await reconnected()
    expect(connection.state).toBe('open')
    server().sendText('b')
    await pass()
    await closed()
    expect(await taker(connection[Symbol.asyncIterator]())()).toEqual([
      'connected/1',
      'a/1',
      'disconnected/1',
      'gap/1',
      'connected/2',
      'b/2',
      'resumed/2',
      'disconnected/2',
      'done',
    ])
    const [first, last] = heard.filter((event) => event.kind === 'disconnected')
    expect(first).toMatchObject({ cause: { code }, next: { attempt: 2, delayMs: 100 } })
    expect(last).not.toHaveProperty('next')
    const gaps = heard.filter((event) => event.kind === 'gap')
    expect(gaps).toMatchObject([{ scope: 'connection', cause: { code } }])
    expect(gaps[0]).not.toHaveProperty('messages')
    expect(connection.stats()).toMatchObject({ state: 'closed', disconnects: 2, messagesReceived: 2 })
  })

  it('tries on while it is refused; failed attempts make no gap, and use up no number', async () => {
    let refusals = 3
    const { connection, heard, reconnected, closed } = await healing({}, (server) => {
      if (refusals-- > 0) server.refuse({ status: 503 })
      else server.accept()
    })
    for (let i = 0; i < 3; i++) await reconnected()
    expect(connection.state).toBe('open')
    expect(kinds(heard)).toEqual(['disconnected/1', 'disconnected/1', 'disconnected/1', 'connected/1'])
    expect(heard[2]).toMatchObject({ cause: { http: { status: 503 } }, next: { attempt: 4, delayMs: 100 } })
    await closed()
  })

  it('gives up a connection that has gone stale, says so, and whoever waits gets the next one', async () => {
    const { connection, server, heard, pass, reconnected, closed } = await healing({ staleAfterMs: 1000 })
    server().sendText('a')
    await pass()
    server().sendPing()
    await pass(1000)
    await pass()
    expect(connection.state).toBe('connecting')
    const ready = follow(connection.ready())
    expect(ready.value).toBeUndefined()
    await reconnected()
    expect(ready.value).toBeDefined()
    expect(kinds(heard)).toEqual(['connected/1', 'stale/1', 'disconnected/1', 'gap/1', 'connected/2'])
    expect(heard[1]).toMatchObject({ silentForMs: 1000, cause: { code: 'ERR_STALE' } })
    await closed()
  })

  it('ends by itself where another attempt would not help, and tells why', async () => {
    const { connection, server, heard, pass, clock } = await healing()
    server().close(1009, 'too long')
    await pass()
    await pass()
    const { cause, closeCode, reason } = await connection.closed()
    expect([cause.kind, closeCode]).toEqual(['remote-closed', 1009])
    expect(reason).toContain('takes no messages as large as ours')
    expect(kinds(heard)).toEqual(['connected/1', 'disconnected/1'])
    await expect(connection.ready()).rejects.toMatchObject({ disconnectCause: cause })
    expect(clock.pendingTimers).toBe(0)
  })

  it('ends when the strategy gives up', async () => {
    const reconnect = { nextDelayMs: (attempt: number) => (attempt < 2 ? 100 : undefined), reset() {} }
    const { connection, heard, reconnected } = await healing({ reconnect }, (server) => server.refuse({ status: 500 }))
    await reconnected()
    expect((await connection.closed()).reason).toContain('gave up after attempt 2')
    expect(heard.map((event) => event.kind === 'disconnected' && event.next?.attempt)).toEqual([2, undefined])
  })

  it('reconnect() leaves for another connection at once', async () => {
    const { connection, heard, pass, closed } = await healing()
    connection.reconnect('rotate')
    for (let i = 0; i < 4; i++) await pass()
    expect(kinds(heard)).toEqual(['connected/1', 'disconnected/1', 'gap/1', 'connected/2'])
    expect(heard[1]).toMatchObject({ cause: { code: 'ERR_RECONNECT_REQUESTED' }, next: { attempt: 2, delayMs: 0 } })
    await closed()
  })

  it('pings of a connection that breaks are rejected; those of the next one are its own', async () => {
    const { connection, server, pass, reconnected, closed } = await healing()
    server().answersPings = false
    const lost = follow(connection.ping())
    server().reset()
    await pass()
    expect(lost.error).toMatchObject({ code: 'ECONNRESET' })
    await reconnected()
    const answered = follow(connection.ping())
    await pass()
    expect(answered.value).toBe(0)
    await closed()
  })
})

describe('the iterator over connections', () => {
  it('pause: reads on after the reader, over the end of the connection, and loses nothing that was read', async () => {
    const { connection, server, pass, reconnected, closed } = await healing({ queue: { maxMessages: 2 } })
    const take = taker(connection[Symbol.asyncIterator]())
    for (const text of ['a', 'b']) server().sendText(text)
    await pass()
    server().reset()
    await pass()
    const before = await take()
    expect(before.slice(0, 5)).toEqual(['connected/1', 'a/1', 'b/1', 'paused/1', 'resumed/1'])
    await reconnected()
    server().sendText('c')
    await pass()
    const after = await take()
    expect([...before, ...after].slice(5)).toEqual(['disconnected/1', 'gap/1', 'connected/2', 'c/2', 'resumed/2'])
    await closed()
  })

  it('drop-oldest: each loss stands where it was, in its own connection', async () => {
    const queue = { maxMessages: 2, whenFull: 'drop-oldest' } as const
    const { connection, server, pass, reconnected, closed } = await healing({ queue })
    for (const text of ['a', 'b', 'c']) server().sendText(text)
    await pass()
    server().reset()
    await reconnected()
    for (const text of ['d', 'e', 'f']) server().sendText(text)
    await pass()
    expect(await taker(connection[Symbol.asyncIterator]())()).toEqual([
      'connected/1',
      'gap3/1',
      'disconnected/1',
      'gap/1',
      'connected/2',
      'gap1/2',
      'e/2',
      'f/2',
      'resumed/2',
    ])
    await closed()
  })

  it('close: ends it all, for good', async () => {
    const queue = { maxMessages: 2, whenFull: 'close' } as const
    const { connection, server, pass, reconnected, transport } = await healing({ queue })
    server().sendText('a')
    await pass()
    server().reset()
    await reconnected()
    for (const text of ['b', 'c', 'd']) server().sendText(text)
    await pass()
    expect((await connection.closed()).cause.code).toBe('ERR_QUEUE_FULL')
    const seen = await taker(connection[Symbol.asyncIterator]())()
    expect(seen.slice(-3)).toEqual(['b/2', 'disconnected/2', 'done'])
    await pass(10_000)
    expect(transport.servers).toHaveLength(2)
  })

  it('left early, between two connections, ends it', async () => {
    const { connection, server, pass, clock, transport } = await healing()
    server().reset()
    await pass()
    const loop = (async () => {
      for await (const event of connection) if (event.kind === 'gap') break
    })()
    await pass()
    await loop
    expect([connection.state, clock.pendingTimers, transport.servers.length]).toEqual(['closed', 0, 1])
  })

  it('without a reader forgets old events, gaps last', async () => {
    const { connection, server, reconnected, closed } = await healing({ onMessage: () => {}, reconnect: every(0) })
    for (let i = 0; i < 1500; i++) {
      server().reset()
      await reconnected()
    }
    await closed()
    const seen = await taker(connection[Symbol.asyncIterator]())()
    expect(seen.filter((event) => event.startsWith('gap/'))).toHaveLength(1500)
    expect(seen).toHaveLength(4096 + 1)
    expect(seen.at(-1)).toBe('done')
  }, 60_000)

  it('with a handler gets messages once there is one, and holds nothing back before', async () => {
    const { handler, messages } = jsonHandler()
    const { connection, server, pass, closed } = await healing({ handler, queue: { maxMessages: 2 } })
    for (let i = 0; i < 5; i++) server().sendText(`{"i":${i}}`)
    await pass()
    expect([messages.length, connection.stats().queuedMessages]).toEqual([5, 0])
    const take = taker(connection[Symbol.asyncIterator]())
    server().sendText('{"i":5}')
    await pass()
    expect(await take()).toEqual(['connected/1', '{"i":5}/1'])
    await closed()
  })
})

describe('the end', () => {
  const states: [string, (setup: Awaited<ReturnType<typeof healing>>) => Promise<void>, ConnectOptions, boolean][] = [
    ['connecting', async () => {}, {}, true],
    ['preparing', async () => {}, { headers: () => new Promise<never>(() => {}) }, false],
    ['open', async () => {}, { staleAfterMs: 5000 }, false],
    [
      'backing off',
      async ({ server, pass }) => {
        server().reset()
        await pass()
      },
      {},
      false,
    ],
    [
      'connecting again',
      async ({ server, pass, clock }) => {
        server().reset()
        await pass()
        clock.advance(100)
      },
      {},
      false,
    ],
  ]

  it.each(states)(
    'by close() or the signal while %s leaves no timer, and no socket',
    async (_, go, options, silent) => {
      for (const way of ['close', 'abort'] as const) {
        const abort = new AbortController()
        const setup = await healing({ ...options, signal: abort.signal }, silent ? () => {} : undefined)
        await go(setup)
        if (way === 'close') void setup.connection.close()
        else abort.abort(new Error('enough'))
        expect(['closing', 'closed']).toContain(setup.connection.state)
        for (let i = 0; i < 4; i++) await setup.pass()
        const { cause } = await setup.connection.closed()
        expect(cause).toMatchObject({ kind: 'local-stop', code: way === 'close' ? 'LOCAL_CLOSE' : 'ERR_ABORTED' })
        expect(setup.heard.at(-1)).toMatchObject({ kind: 'disconnected', cause })
        expect(setup.heard.at(-1)).not.toHaveProperty('next')
        const attempts = setup.transport.servers.length
        await setup.pass(60_000)
        expect([setup.clock.pendingTimers, setup.transport.servers.length]).toEqual([0, attempts])
      }
    },
  )

  it('a callback that throws under policy reconnect has the connection replaced behind its pending asks', async () => {
    const seen: string[] = []
    const { connection, server, pass, heard, transport } = await healing({
      whenCallbackThrows: 'reconnect',
      onCallbackError: () => {},
      handler: jsonHandler().handler,
      onMessage: (message) => {
        seen.push(message.text())
        if (message.text() === '{"bad":1}') throw new Error('cannot parse')
      },
    })
    const asked = connection.ask({ frame: 'x', requestId: '1', confirmMode: 'confirmed', timeoutMs: 500 })
    server().sendText('{"bad":1}')
    await pass()
    expect(await connection.ask({ frame: 'y', confirmMode: 'sent', timeoutMs: 500 })).toMatchObject({
      reason: 'not-ready',
    })
    server().sendText('{"id":1,"result":1}')
    await pass()
    expect((await asked).kind).toBe('confirmed')
    const cause = { kind: 'internal-error', code: 'ERR_CALLBACK_THREW', context: 'onMessage' }
    expect(heard.find(({ kind }) => kind === 'disconnected')).toMatchObject({ cause, next: { attempt: 2 } })
    await pass(1000)
    expect([connection.state, transport.servers.length, seen]).toEqual([
      'open',
      2,
      ['{"bad":1}', '{"id":1,"result":1}'],
    ])
  })

  it('one that throws between connections, or while closing, changes nothing', async () => {
    const { connection, server, pass, transport } = await healing({
      whenCallbackThrows: 'reconnect',
      onCallbackError: () => {},
      onEvent: ({ kind }) => {
        if (kind === 'disconnected') throw new Error('no more')
      },
    })
    server().reset()
    await pass(1000)
    expect([connection.state, transport.servers.length]).toEqual(['open', 2])
    void connection.close()
    await pass(3000)
    expect([connection.state, transport.servers.length]).toEqual(['closed', 2])
  })

  it('a callback that throws under policy close ends it, while it is deciding too', async () => {
    const { connection, server, pass, clock } = await healing({
      whenCallbackThrows: 'close',
      onCallbackError: () => {},
      onEvent: ({ kind }) => {
        if (kind === 'gap') throw new Error('no more')
      },
    })
    server().reset()
    await pass()
    await pass()
    expect((await connection.closed()).cause).toMatchObject({ code: 'ERR_CALLBACK_THREW', context: 'onEvent' })
    expect(clock.pendingTimers).toBe(0)
  })
})
