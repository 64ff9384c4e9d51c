import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { WsDisconnectCause } from '../../src/errors/disconnect-cause.ts'
import type { WsConnection, WsEvent } from '../../src/index.ts'
import {
  type Clock,
  type ConnectOptions,
  connect,
  systemClock,
  type WsClosed,
  WsConnectError,
} from '../../src/index.ts'

/** Every test over real sockets runs on both. */
export const TRANSPORTS = ['ws', 'native'] as const

/** The system's clock, which remembers what is armed: after `closed()` nothing may be. */
export class CountingClock implements Clock {
  armed = 0

  monoUs = systemClock.monoUs
  epochUs = systemClock.epochUs

  setTimer(delayMs: number, callback: () => void) {
    let live = true
    const settle = (): void => {
      if (live) this.armed--
      live = false
    }
    this.armed++
    const timer = systemClock.setTimer(delayMs, () => {
      settle()
      callback()
    })
    return {
      cancel: () => {
        settle()
        timer.cancel()
      },
    }
  }
}

/** Client ends of connections to a local port that somebody still holds open, as the kernel sees it. */
export function socketsHeld(port: number): number {
  const SYN_SENT = '02'
  const ESTABLISHED = '01'
  const CLOSE_WAIT = '08'
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, , remote, state]) => remote?.endsWith(suffix) && [SYN_SENT, ESTABLISHED, CLOSE_WAIT].includes(state ?? ''),
    ).length
}

/** Everything the iterator yields, until it is done. */
export async function eventsOf(connection: WsConnection): Promise<WsEvent[]> {
  const events: WsEvent[] = []
  for await (const event of connection) events.push(event)
  return events
}

/**
 * Connects where no connection can come about, and checks what must be true of every failure: it is told in the same
 * words everywhere, nothing is thrown, and nothing is left.
 */
export async function handshakeFailure(
  url: Parameters<typeof connect>[0],
  options: ConnectOptions,
): Promise<Extract<WsDisconnectCause, { kind: 'handshake-failed' }>> {
  const clock = new CountingClock()
  const heard: WsEvent[] = []
  const connection = connect(url, { reconnect: false, clock, ...options, onEvent: (event) => heard.push(event) })
  expect(connection.state).toBe('connecting')
  const events = eventsOf(connection)
  const error: unknown = await connection.ready().then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  )
  const closed = await connection.closed()
  const { cause } = closed
  if (cause.kind !== 'handshake-failed') throw new Error(`not a failed handshake: ${JSON.stringify(cause)}`)
  expect(error).toBeInstanceOf(WsConnectError)
  expect(error).toMatchObject({ code: cause.code, message: cause.message, disconnectCause: cause })
  expect(closed).toEqual({ reason: cause.message, cause, closeCode: 1006 } satisfies WsClosed)
  expect(await events).toEqual([{ kind: 'disconnected', connection: 1, atUs: expect.any(Number), cause }])
  expect(heard).toEqual(await events)
  expect(connection.state).toBe('closed')
  expect(connection.send('too late')).toBe('not-open')
  expect(connection.stats()).toMatchObject({ state: 'closed', uptimeMs: 0, queuedBytes: 0 })
  await expect(connection.ready()).rejects.toBeInstanceOf(WsConnectError)
  await expect(connection.close()).resolves.toBe(closed)
  expect(clock.armed).toBe(0)
  return cause
}
