import { afterEach, describe, expect, it, vi } from 'vitest'
import { connect, ExponentialBackoff, type WsEvent } from '../../src/index.ts'
import { type RawPeer, RawServer } from '../support/raw-server.ts'
import { CountingClock, socketsHeld, TRANSPORTS } from './front-support.ts'

let server: RawServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

const soon = new ExponentialBackoff({ baseMs: 5, maxMs: 20 })
const PAD = 'x'.repeat(16 * 1024)

type GivenUp = Extract<WsEvent, { kind: 'sends-given-up' }>

async function listen(transport: 'native' | 'ws') {
  server = await RawServer.listen()
  const clock = new CountingClock()
  const heard: WsEvent[] = []
  /** At the end of each connection, messages of which the kernel had every byte. */
  const sentBefore: number[] = []
  const connection = connect(server.url, {
    transport,
    clock,
    reconnect: soon,
    onEvent: (event) => {
      heard.push(event)
      if (event.kind === 'disconnected') sentBefore.push(connection.stats().messagesSent)
    },
  })
  const told = (): GivenUp[] => heard.filter((event) => event.kind === 'sends-given-up')
  const count = (delivery: GivenUp['delivery']): number =>
    told().reduce((sum, event) => sum + (event.delivery === delivery ? event.messages : 0), 0)
  /** Numbered messages, all in one moment, until there is no more room. How many were accepted. */
  const fill = (ttlMs: number): number => {
    const { monoUs } = clock
    const nowUs = monoUs()
    clock.monoUs = () => nowUs
    let sent = ''
    let n = -1
    for (; sent !== 'full'; n++) {
      sent = connection.send(`${n + 1} ${PAD}`, { ttlMs, acrossReconnect: true })
      expect(['taken', 'queued', 'full']).toContain(sent)
    }
    clock.monoUs = monoUs
    return n
  }
  const ended = async (): Promise<void> => {
    await connection.close({ timeoutMs: 0 })
    expect(clock.armed).toBe(0)
    await vi.waitFor(() => expect(socketsHeld((server as RawServer).port)).toBe(0))
  }
  return { server, connection, heard, told, count, fill, sentBefore, ended }
}

const numbersOf = (peer: RawPeer): number[] =>
  peer.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => Number.parseInt(payload.toString(), 10))

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

describe.each(TRANSPORTS)('sends with a time-to-live over %s', (transport) => {
  it('a reset behind a full kernel: what had not begun goes out on the next connection, in order, and nothing twice', async () => {
    const { server, connection, count, fill, sentBefore, ended } = await listen(transport)
    await connection.ready()
    const first = await server.connection()
    first.stall()
    const accepted = fill(60_000)
    first.reset()
    const next = await server.connection()
    await connection.ready()
    expect(connection.send('last')).not.toBe('not-open')
    await vi.waitFor(() => expect(next.frames.at(-1)?.payload.toString()).toBe('last'), { timeout: 20_000 })
    const [left = 0] = sentBefore
    const begun = count('part') + count('unknown')
    expect(count('none')).toBe(0)
    expect(transport === 'native' ? count('unknown') : count('part')).toBe(0)
    expect(numbersOf(next).slice(0, -1)).toEqual(range(left + begun, accepted))
    expect(numbersOf(next).length).toBeGreaterThan(10)
    expect(numbersOf(first).filter((n) => n >= left + begun)).toEqual([])
    expect(connection.stats()).toMatchObject({ keptMessages: 0, sendsGivenUp: begun })
    await ended()
  })

  it('time runs out behind a full kernel: the server gets what had begun, and nothing after it', async () => {
    const { server, connection, told, count, fill, ended } = await listen(transport)
    await connection.ready()
    const peer = await server.connection()
    peer.stall()
    const accepted = fill(300)
    await vi.waitFor(() => expect(told()).not.toEqual([]))
    const unsent = count('none')
    expect(told().map(({ reason, delivery }) => `${reason} ${delivery}`)).toEqual(['expired-unsent none'])
    expect(unsent).toBeGreaterThan(10)
    expect(connection.send('last')).not.toBe('not-open')
    peer.resume()
    await vi.waitFor(() => expect(peer.frames.at(-1)?.payload.toString()).toBe('last'), { timeout: 20_000 })
    expect(numbersOf(peer).slice(0, -1)).toEqual(range(0, accepted - unsent))
    expect(told()).toHaveLength(1)
    await ended()
  })

  it('waits for the first connection and for each later one, and ends with the last', async () => {
    const { server, connection, heard, told, ended } = await listen(transport)
    const across = { ttlMs: 60_000, acrossReconnect: true }
    expect([connection.send('plain'), connection.send('first', across)]).toEqual(['not-open', 'queued'])
    const one = await server.connection()
    expect((await one.expectFrame(1)).payload.toString()).toBe('first')
    one.reset()
    await vi.waitFor(() => expect(heard.some(({ kind }) => kind === 'disconnected')).toBe(true))
    expect(connection.sendBatch(['second', new Uint8Array([3])], across)).toBe(2)
    const two = await server.connection()
    expect((await two.expectFrame(1)).payload.toString()).toBe('second')
    expect([...(await two.expectFrame(2)).payload]).toEqual([3])
    expect(told()).toEqual([])
    await server.close()
    await vi.waitFor(() => expect(connection.state).toBe('connecting'))
    expect(connection.send('never', across)).toBe('queued')
    await connection.close()
    expect(told()).toMatchObject([{ reason: 'stopped', delivery: 'none', messages: 1, bytes: 5 }])
    await ended()
  })
})
