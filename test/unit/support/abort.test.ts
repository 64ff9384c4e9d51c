import { getEventListeners, getMaxListeners, setMaxListeners } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketActor } from '../../../src/actor/websocket-actor.ts'
import { listenForAbort } from '../../../src/support/abort.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import { readyActor } from '../actor/support.ts'

const warnings: Error[] = []
const hear = (warning: Error): void => void warnings.push(warning)

/** Warnings come at the next tick. */
async function warned(): Promise<string[]> {
  await new Promise(setImmediate)
  return warnings.map(({ name }) => name)
}

afterEach(() => {
  process.off('warning', hear)
  warnings.length = 0
})

describe('a signal of the user', () => {
  it('serves any number of connections and asks, without a warning and with nothing left behind', async () => {
    process.on('warning', hear)
    const { signal } = new AbortController()
    const clock = new VirtualClock()
    const actors = Array.from({ length: 20 }, () => {
      return new WebSocketActor({ url: 'ws://host.example/', transport: new MockTransport(), clock, signal })
    })
    for (const actor of actors) actor.start()
    const waits = actors.map((actor) => actor.ready({ signal }).catch(() => {}))
    const { actor, pass } = await readyActor({})
    for (let i = 0; i < 20; i++) {
      void actor.ask({ frame: `${i}`, requestId: `${i}`, confirmMode: 'confirmed', timeoutMs: 10, signal })
      actor.ping({ signal, timeoutMs: 10 }).catch(() => {})
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(80)
    expect(await warned()).toEqual([])
    await pass(20)
    for (const actor of actors) void actor.stop()
    for (let i = 0; i < 4; i++) {
      clock.advance(0)
      await Promise.all([new Promise(setImmediate)])
    }
    await Promise.all(waits)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('keeps a limit that somebody has set', () => {
    const { signal } = new AbortController()
    setMaxListeners(5, signal)
    listenForAbort(signal, () => {})
    expect(getMaxListeners(signal)).toBe(5)
    setMaxListeners(0, signal)
    listenForAbort(signal, () => {})
    expect(getEventListeners(signal, 'abort')).toHaveLength(2)
  })

  it('may be one of another making', () => {
    const heard: unknown[] = []
    const signal = { aborted: false, addEventListener: (...listened: unknown[]) => heard.push(listened) }
    const listener = (): void => {}
    listenForAbort(signal as unknown as AbortSignal, listener)
    expect(heard).toEqual([['abort', listener, { once: true }]])
  })
})
