import { describe, expect, it } from 'vitest'
import { WsConnectError } from '../../../src/errors/disconnect-cause.ts'
import { mockConnection, openConnection, turn } from './support.ts'

const code = (name: string) => expect.objectContaining({ code: name })

describe('ping()', () => {
  it('resolves with the round trip in µs, which stats() remembers', async () => {
    const { connection, server, clock, pass } = await openConnection()
    server.delay({ toClientMs: 3, toServerMs: 4 })
    const rtt = connection.ping()
    await pass(7)
    expect(await rtt).toBe(7000)
    expect(connection.stats().rttUs).toBe(7000)
    expect(clock.pendingTimers).toBe(0)
  })

  it('is answered only by its own payload, whatever else comes', async () => {
    const seen: string[] = []
    const { connection, server, pass } = await openConnection({ onPong: (payload) => seen.push(`${payload.length}`) })
    server.answersPings = false
    const [first, second] = [connection.ping(), connection.ping()]
    let settled = ''
    first.then(() => (settled += '1'))
    second.then(() => (settled += '2'))
    await pass()
    const [one, two] = server.frames.map(({ payload }) => payload)
    expect(one).not.toEqual(two)
    server.sendPong()
    server.sendPong(new Uint8Array(8))
    server.sendPong(Buffer.from('unasked for'))
    await pass()
    expect(settled).toBe('')
    server.sendPong(two)
    await pass()
    expect(settled).toBe('2')
    server.sendPong(one)
    server.sendPong(one)
    await pass()
    expect(settled).toBe('21')
    expect(seen).toEqual(['0', '8', '11', '8', '8', '8'])
  })

  it('rejects after 5 s, its own timeout, or with the signal; a late pong is nobody’s', async () => {
    const { connection, server, clock, pass } = await openConnection()
    server.answersPings = false
    const outcomes = [
      connection.ping({ timeoutMs: 1000 }),
      connection.ping(),
      connection.ping({ signal: AbortSignal.abort(new Error('no')) }),
    ].map((ping) => ping.catch((error: unknown) => error))
    expect(await outcomes[2]).toEqual(new Error('no'))
    await pass(1000)
    expect(await outcomes[0]).toEqual(code('ERR_TIMEOUT'))
    await pass(4000)
    expect(await outcomes[1]).toEqual(code('ERR_TIMEOUT'))
    for (const { payload } of server.frames) server.sendPong(payload)
    await pass()
    expect(server.frames).toHaveLength(2)
    expect(connection.stats()).not.toHaveProperty('rttUs')
    expect(clock.pendingTimers).toBe(0)
    expect(connection.state).toBe('open')
  })

  it('does not time out while the pong lies in the socket unread', async () => {
    const { connection, server, clock, pass } = await openConnection()
    server.hold()
    const ping = connection.ping({ timeoutMs: 1000 })
    await pass(500)
    await pass(500)
    expect(await ping).toBe(1_000_000)
    expect(clock.pendingTimers).toBe(0)
  })

  it('rejects when the connection ends, and when it is not open', async () => {
    const { connection, server, clock, pass } = await openConnection()
    server.answersPings = false
    const ping = connection.ping().catch((error: unknown) => error)
    server.reset()
    await pass()
    expect(await ping).toBeInstanceOf(WsConnectError)
    expect(await ping).toEqual(code('ECONNRESET'))
    await expect(connection.ping()).rejects.toEqual(code('ERR_NOT_OPEN'))
    await expect(mockConnection().connection.ping()).rejects.toEqual(code('ERR_NOT_OPEN'))
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('is bounded: 64 may be unanswered', async () => {
    const { connection, server, pass } = await openConnection()
    server.answersPings = false
    const pings = Array.from({ length: 64 }, () => connection.ping())
    await expect(connection.ping()).rejects.toEqual(code('ERR_QUEUE_FULL'))
    await pass()
    expect(server.frames).toHaveLength(64)
    for (const { payload } of server.frames) server.sendPong(payload)
    await pass()
    expect(await Promise.all(pings)).toHaveLength(64)
    const next = connection.ping()
    await pass()
    server.sendPong(server.frames[64]?.payload)
    await pass()
    expect(await next).toBe(0)
    await turn()
  })

  it('rejects options that it does not understand', async () => {
    const { connection, server, pass } = await openConnection()
    await expect(connection.ping({ timeoutMs: 1.5 })).rejects.toThrow(/ping\.timeoutMs/)
    await expect(connection.ping({ signal: {} } as never)).rejects.toThrow(/ping\.signal: must be an AbortSignal/)
    await pass()
    expect(server.frames).toEqual([])
  })
})
