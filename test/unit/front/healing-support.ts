import { expect } from 'vitest'
import type { WsEvent } from '../../../src/front/events.ts'
import type { ConnectOptions } from '../../../src/front/options.ts'
import type { MockServerLink } from '../../../src/transport/mock.ts'
import { follow } from '../actor/support.ts'
import { mockConnection, turn, word } from './support.ts'

export const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })

/** A connection that comes back after 100 ms, open unless its servers say otherwise. */
export async function healing(options: ConnectOptions = {}, onConnect?: (server: MockServerLink) => void) {
  const setup = mockConnection({ reconnect: every(100), ...options }, 'ws://host.example/', onConnect)
  await setup.pass()
  await setup.pass()
  const server = (): MockServerLink => setup.transport.servers.at(-1) as MockServerLink
  /** Until the next attempt has been made. */
  const reconnected = async (): Promise<void> => {
    for (const ms of [0, 100, 0]) await setup.pass(ms)
  }
  /** Ends it, and checks that nothing is left. */
  const closed = async (): Promise<void> => {
    void setup.connection.close()
    for (let i = 0; i < 3; i++) await setup.pass()
    expect(setup.connection.state).toBe('closed')
    expect(setup.clock.pendingTimers).toBe(0)
  }
  return { ...setup, server, reconnected, closed }
}

/** Takes, at each call, all that the iterator yields without time passing: kind or text, and the connection behind it. */
export function taker(iterator: AsyncIterator<WsEvent>) {
  let next: ReturnType<typeof follow<IteratorResult<WsEvent>>> | undefined
  return async (): Promise<string[]> => {
    const seen: string[] = []
    for (;;) {
      next ??= follow(iterator.next())
      await turn()
      if (next.value === undefined) return seen
      if (next.value.done) return [...seen, 'done']
      seen.push(`${word(next.value.value)}/${next.value.value.connection}`)
      next = undefined
    }
  }
}

export const kinds = (events: readonly WsEvent[]): string[] =>
  events.map(({ kind, connection }) => `${kind}/${connection}`)
