import { describe, expect, it } from 'vitest'
import { WsConnectError } from '../../../src/errors/disconnect-cause.ts'
import { WsConfigError } from '../../../src/errors/errors.ts'
import { connect } from '../../../src/front/connect.ts'
import type { WsTransport } from '../../../src/transport/transport.ts'
import { mockConnection, openConnection, turn } from './support.ts'

const URL = 'ws://host.example/'

const settled = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => ({ resolved: value }),
    (reason: unknown) => ({ rejected: reason }),
  )

describe('connecting', () => {
  it('has begun when connect() returns, and calls nothing of the user before', async () => {
    const called: string[] = []
    const { connection, transport, pass } = mockConnection({
      onOpen: () => called.push('onOpen'),
      onEvent: ({ kind }) => called.push(kind),
    })
    expect(transport.servers).toHaveLength(1)
    expect(connection).toMatchObject({ state: 'connecting', transportName: 'mock' })
    expect(connection.send('x')).toBe('not-open')
    expect(connection.sendBatch(['x'])).toBe(0)
    expect(called).toEqual([])
    await pass()
    expect(connection.state).toBe('open')
    expect(called).toEqual(['connected', 'onOpen'])
  })

  it('hands everything to the transport, resolved', async () => {
    const { transport } = mockConnection(
      {
        headers: { 'X-A': '1' },
        subprotocols: ['v1'],
        limits: { maxMessageBytes: 5 },
        timeouts: { dnsMs: 7 },
        socket: { noDelay: false, keepAliveIdleMs: 1500 },
        tls: { validateCerts: false },
      },
      'wss://u:p@host.example/path?q=1',
    )
    const { request } = await transport.nextServer()
    expect(request).toMatchObject({
      url: { href: 'wss://host.example/path?q=1' },
      headers: [
        ['Authorization', 'Basic dTpw'],
        ['X-A', '1'],
      ],
      subprotocols: ['v1'],
      limits: { maxFrameBytes: 16_777_216, maxMessageBytes: 5, maxLinkBytes: 65_536 },
      timeouts: { dnsMs: 7, tcpMs: 5000, totalMs: 15_000 },
      socket: { noDelay: false, keepAliveIdleMs: 1500 },
      tls: { validateCerts: false },
    })
  })

  it('ready() resolves for all who wait, and at once for those who come later', async () => {
    const { connection, pass } = mockConnection({}, URL, (server) => server.accept({ headers: [['X-Venue', 'a']] }))
    const early = [connection.ready(), connection.ready({ timeoutMs: 1000 })]
    await pass()
    for (const info of await Promise.all([...early, connection.ready()])) {
      expect(info.responseHeaders).toContainEqual(['X-Venue', 'a'])
    }
  })

  it('functions for url, headers and subprotocols run outside connect(), under the deadline of the whole', async () => {
    let returned = false
    const { connection, transport, clock, pass } = mockConnection(
      {
        headers: async () => {
          await new Promise<void>((resolve) => clock.setTimer(4000, resolve))
          return { 'X-Token': 't' }
        },
      },
      () => {
        expect(returned).toBe(true)
        return 'ws://host.example/'
      },
    )
    returned = true
    expect(transport.servers).toHaveLength(0)
    await pass(4000)
    const { request } = await transport.nextServer()
    expect(request.headers).toEqual([['X-Token', 't']])
    expect(request.timeouts).toMatchObject({ upgradeMs: 5000, totalMs: 11_000 })
    await pass()
    expect(connection.state).toBe('open')
  })

  it('a function that hangs ends the attempt at the deadline', async () => {
    const { connection, clock, pass } = mockConnection({ headers: () => new Promise<never>(() => {}) })
    const ready = settled(connection.ready())
    await pass(15_001)
    const { cause } = await connection.closed()
    expect(cause).toMatchObject({ kind: 'handshake-failed', stage: 'prepare', code: 'ERR_CONNECT_TIMEOUT' })
    expect(await ready).toEqual({ rejected: expect.any(WsConnectError) })
    expect(clock.pendingTimers).toBe(0)
  })

  it('a refusal is told everywhere in the same words', async () => {
    const { connection, heard, clock, pass } = mockConnection({}, URL, (server) =>
      server.refuse({ status: 401, body: 'bad key' }),
    )
    await pass()
    const closed = await connection.closed()
    expect(closed.cause).toMatchObject({ kind: 'handshake-failed', code: 'ERR_UPGRADE_REFUSED', http: { status: 401 } })
    await expect(connection.ready()).rejects.toMatchObject({ disconnectCause: closed.cause })
    expect(heard).toEqual([{ kind: 'disconnected', connection: 1, atUs: clock.epochUs(), cause: closed.cause }])
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('a transport that throws ends the connection, not the caller', async () => {
    const error = new Error('no socket left')
    const broken: WsTransport = {
      name: 'broken',
      connect() {
        throw error
      },
    }
    const heard: string[] = []
    const connection = connect('ws://host.example/', {
      reconnect: false,
      transport: broken,
      onEvent: ({ kind }) => heard.push(kind),
    })
    expect(heard).toEqual([])
    expect((await connection.closed()).cause).toMatchObject({
      kind: 'internal-error',
      context: 'connect of transport broken',
      error,
    })
    expect(heard).toEqual(['disconnected'])
  })

  it('mistakes throw, all at once, before anything happens', () => {
    expect(() => connect('http://host.example/', { queue: { maxMessages: 0 }, onMesage: 1 } as never)).toThrow(
      /invalid configuration \(3\)/,
    )
    expect(() => connect(undefined as never)).toThrow(WsConfigError)
  })
})

describe('ready() with a limit', () => {
  it('rejects at its timeout or with the signal, and the attempt goes on', async () => {
    const { connection, transport, clock, pass } = mockConnection()
    const server = await transport.nextServer()
    server.delay({ toClientMs: 2000 })
    const abort = new AbortController()
    const timed = settled(connection.ready({ timeoutMs: 1000 }))
    const aborted = settled(connection.ready({ signal: abort.signal }))
    const patient = settled(connection.ready({ timeoutMs: 3000, signal: abort.signal }))
    await pass(1001)
    expect(await timed).toEqual({ rejected: expect.objectContaining({ code: 'ERR_TIMEOUT' }) })
    const reason = new Error('not now')
    abort.abort(reason)
    expect(await aborted).toEqual({ rejected: reason })
    expect(await patient).toEqual({ rejected: reason })
    expect(connection.state).toBe('connecting')
    await pass(1000)
    expect(connection.state).toBe('open')
    expect(clock.pendingTimers).toBe(0)
  })

  it('rejects what it does not understand', async () => {
    const { connection } = mockConnection()
    await expect(connection.ready({ timeoutMs: -1 })).rejects.toThrow(/ready\.timeoutMs: must be an integer from 0/)
    await expect(connection.ready({ timeout: 5 } as never)).rejects.toThrow(/ready\.timeout: unknown option/)
    await expect(connection.ready(5 as never)).rejects.toBeInstanceOf(WsConfigError)
  })

  it('of a connection that is closing waits for the end and says why', async () => {
    const { connection, server, pass } = await openConnection()
    server.answersClose = false
    void connection.close()
    const ready = settled(connection.ready())
    await pass()
    server.close(1000)
    server.end()
    await pass()
    expect(await ready).toEqual({ rejected: expect.any(WsConnectError) })
  })
})

describe('close()', () => {
  it('closes politely and resolves with the end; more calls join', async () => {
    const { connection, server, clock, pass } = await openConnection()
    const closing = connection.close({ code: 4000, reason: 'bye' })
    expect(connection.state).toBe('closing')
    expect(connection.send('x')).toBe('not-open')
    const again = connection.close({ code: 1000 })
    await pass()
    const closed = await closing
    expect(await again).toBe(closed)
    expect(await connection.closed()).toBe(closed)
    expect(await connection.close()).toBe(closed)
    expect(closed).toMatchObject({ closeCode: 4000, cause: { kind: 'local-stop', closeCode: 4000 } })
    const frame = await server.nextFrame()
    expect([frame.opcode, Buffer.from(frame.payload).readUInt16BE(), frame.text().slice(2)]).toEqual([8, 4000, 'bye'])
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives up on a peer that does not answer, after closeTimeoutMs or its own timeout', async () => {
    for (const [options, ms] of [
      [undefined, 500],
      [{ timeoutMs: 100 }, 100],
    ] as const) {
      const { connection, server, clock, pass } = await openConnection({ closeTimeoutMs: 500 })
      server.answersClose = false
      const closing = connection.close(options)
      await pass(ms - 1)
      expect(connection.state).toBe('closing')
      await pass(1)
      expect(await closing).toMatchObject({ closeCode: 1006, cause: { code: 'ERR_CLOSE_TIMEOUT' } })
      await pass()
      expect(clock.pendingTimers).toBe(0)
    }
  })

  it('while connecting gives the attempt up', async () => {
    const { connection, transport, clock, pass } = mockConnection()
    const ready = settled(connection.ready())
    const closing = connection.close()
    await pass()
    expect((await closing).cause.kind).toBe('local-stop')
    expect(await ready).toEqual({ rejected: expect.any(WsConnectError) })
    await pass()
    expect(transport.servers[0]?.clientEnded).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  it('while preparing gives the functions up, and never connects', async () => {
    let signal: AbortSignal | undefined
    const { connection, transport, clock, pass } = mockConnection({
      headers: (context) => {
        signal = context.signal
        return new Promise<never>(() => {})
      },
    })
    await pass()
    expect(signal?.aborted).toBe(false)
    void connection.close()
    expect((await connection.closed()).cause.kind).toBe('local-stop')
    expect(signal?.aborted).toBe(true)
    expect(transport.servers).toHaveLength(0)
    expect(clock.pendingTimers).toBe(0)
  })

  it('at the very moment at which the functions answer does not connect either', async () => {
    const { connection, transport, pass } = mockConnection({
      headers: async () => {
        // Runs before the library hears of the answer.
        queueMicrotask(() => void connection.close())
        return {}
      },
    })
    await pass()
    expect((await connection.closed()).cause.kind).toBe('local-stop')
    expect(transport.servers.length).toBe(0)
  })

  it('refuses what cannot be sent, and stays open', async () => {
    const { connection } = await openConnection()
    for (const options of [
      { code: 1005 },
      { code: 999 },
      { code: 5000 },
      { code: '1000' },
      { reason: 'x'.repeat(124) },
      { reason: '€'.repeat(42) },
      { reason: 5 },
      { timeoutMs: Number.NaN },
      { timeout: 1 },
    ]) {
      await expect(connection.close(options as never)).rejects.toBeInstanceOf(WsConfigError)
    }
    expect(connection.state).toBe('open')
  })
})

describe('the signal of connect()', () => {
  const reason = new Error('shutting down')

  it('aborted before: no attempt is made, and no function called', async () => {
    const never = () => expect.unreachable()
    for (const options of [{}, { headers: never }]) {
      const { connection, transport, pass } = mockConnection({ ...options, signal: AbortSignal.abort(reason) })
      expect(connection.state).toBe('closing')
      await expect(connection.ready()).rejects.toBe(reason)
      expect(await connection.closed()).toMatchObject({
        closeCode: 1006,
        cause: { kind: 'local-stop', code: 'ERR_ABORTED' },
      })
      await pass()
      expect(transport.servers).toHaveLength(0)
    }
  })

  it('while connecting: ready() rejects with its reason', async () => {
    const abort = new AbortController()
    const { connection, clock, pass } = mockConnection({ signal: abort.signal })
    const ready = settled(connection.ready())
    abort.abort(reason)
    await pass()
    expect(await ready).toEqual({ rejected: reason })
    const { cause } = await connection.closed()
    expect(cause).toMatchObject({ kind: 'local-stop', code: 'ERR_ABORTED' })
    expect(cause.message).toContain('shutting down')
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('while open: a polite close with 1001, and the reason for whoever waits', async () => {
    const abort = new AbortController()
    const { connection, server, pass } = await openConnection({ signal: abort.signal })
    server.answersPings = false
    const ping = settled(connection.ping())
    abort.abort(reason)
    expect(connection.state).toBe('closing')
    await pass()
    expect(await connection.closed()).toMatchObject({
      closeCode: 1001,
      cause: { kind: 'local-stop', code: 'ERR_ABORTED', closeCode: 1001 },
    })
    expect(await ping).toEqual({ rejected: reason })
    await expect(connection.ready()).rejects.toBe(reason)
  })

  it('after close() changes nothing', async () => {
    const abort = new AbortController()
    const { connection, pass } = await openConnection({ signal: abort.signal })
    void connection.close()
    abort.abort(reason)
    await pass()
    expect((await connection.closed()).cause.code).not.toBe('ERR_ABORTED')
    await expect(connection.ready()).rejects.toBeInstanceOf(WsConnectError)
  })

  it('keeps no connection alive that has ended', async () => {
    const abort = new AbortController()
    const listeners: string[] = []
    const { signal } = abort
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners.push(args[0])
      add(...args)
    }) as typeof add
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners.pop()
      remove(...args)
    }) as typeof remove
    const { connection, pass } = await openConnection({ signal })
    expect(listeners).toEqual(['abort'])
    void connection.close()
    await pass()
    await connection.closed()
    expect(listeners).toEqual([])
  })
})

describe('the end', () => {
  it('nobody need listen: an end that nobody waits for is no unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const listener = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', listener)
    const { connection, pass } = mockConnection({}, URL, (server) => server.refuse({ status: 500 }))
    await pass()
    await turn()
    expect(connection.state).toBe('closed')
    process.off('unhandledRejection', listener)
    expect(unhandled).toEqual([])
  })

  it('stats() stay, with the time that the connection was open', async () => {
    const { connection, server, pass } = await openConnection()
    server.sendText('abc')
    connection.send('xyz')
    await pass(1500)
    server.reset()
    await pass()
    await pass(5000)
    expect(connection.stats()).toMatchObject({
      state: 'closed',
      messagesReceived: 1,
      messagesSent: 1,
      queuedMessages: 1,
      queuedBytes: 0,
      droppedMessages: 0,
      uptimeMs: 1500,
    })
    expect(connection.stats().bytesSent).toBeGreaterThan(3)
    expect(connection.stats().bytesReceived).toBeGreaterThan(3)
    expect(connection.stats()).not.toHaveProperty('rttUs')
  })
})
