import { expect } from 'vitest'
import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import { type Json, type mockActor, readyActor } from './support.ts'

export const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })
export const across = (ttlMs: number) => ({ ttlMs, acrossReconnect: true })

export type Setup = ReturnType<typeof mockActor>

export const texts = (server: { readonly frames: readonly { opcode: number; text(): string }[] }): string[] =>
  server.frames.filter(({ opcode }) => opcode === 1).map((frame) => frame.text())

/** Ready, on a link that holds two frames of 4 bytes (10 on the wire), and a kernel that takes nothing. */
export async function stuck(options: Partial<WebSocketActorOptions<Json>> = {}) {
  const setup = await readyActor({ limits: { maxLinkBytes: 20 }, reconnect: every(50), ...options })
  setup.server().stall()
  return { ...setup, ...views(setup) }
}

export function views({ of, server, pass, actor, clock }: Setup) {
  return {
    sent: () => texts(server()),
    givenUp: () =>
      of('sends-given-up').map(({ reason, delivery, messages, bytes }) => [reason, delivery, messages, bytes]),
    /** From the end of one connection to the next one being ready. */
    reconnected: async () => {
      for (const ms of [0, 50, 0]) await pass(ms)
    },
    /** Ends it; nothing is left. */
    stopped: async () => {
      void actor.stop()
      for (const ms of [0, 2000, 1000, 0]) await pass(ms)
      expect([actor.status, clock.pendingTimers, actor.stats().queuedBytes]).toEqual(['stopped', 0, 0])
    },
  }
}
