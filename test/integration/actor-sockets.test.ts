import { afterEach, describe, expect, it, vi } from 'vitest'
import type { WebSocketActorOptions } from '../../src/actor/options.ts'
import type { WsStatusEvent } from '../../src/actor/status.ts'
import { WebSocketActor } from '../../src/actor/websocket-actor.ts'
import { WsApplicationPingPong } from '../../src/health/application-ping-pong.ts'
import { ProtocolPingPong } from '../../src/health/protocol-ping-pong.ts'
import { loadNative } from '../../src/native/load.ts'
import { nativeTransport } from '../../src/transport/native.ts'
import { wsTransport } from '../../src/transport/ws.ts'
import { type RawPeer, RawServer } from '../support/raw-server.ts'
import { type Json, jsonHandler, jsonSubscriptions } from '../unit/actor/support.ts'
import { CountingClock, socketsHeld } from './front-support.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })
const TRANSPORTS = [
  ['native', nativeTransport],
  ['ws', wsTransport],
] as const

describe.each(TRANSPORTS)('the actor over %s', (_, transport) => {
  async function started(options: Partial<WebSocketActorOptions<Json>> = {}) {
    const server = await RawServer.listen()
    cleanups.push(() => server.close())
    const clock = new CountingClock()
    const heard: WsStatusEvent[] = []
    const actor = new WebSocketActor<Json>({
      url: server.url,
      transport,
      clock,
      onStatus: (event) => heard.push(event),
      ...options,
    })
    cleanups.push(() => actor.stop({ timeoutMs: 0 }))
    actor.start()
    await actor.ready({ timeoutMs: 10_000 })
    return { actor, server, clock, heard, peer: await server.connection() }
  }
  const nextJson = async (peer: RawPeer): Promise<Json> => JSON.parse((await peer.expectFrame(1)).payload.toString())

  it('authenticates, subscribes, asks, heals from a reset with everything it had, and stops without a trace', async () => {
    const answer = async (peer: RawPeer): Promise<void> => {
      const auth = await nextJson(peer)
      await peer.text(JSON.stringify({ id: auth['id'], result: 'ok' }))
    }
    const { handler, messages } = jsonHandler({
      authenticate: async (session) => {
        const frame = (id: string) => JSON.stringify({ auth: 1, id })
        const outcome = await session.ask({ frame, confirmMode: 'confirmed', timeoutMs: 5000 })
        if (outcome.kind !== 'confirmed') throw new Error(outcome.kind)
      },
    })
    const server = await RawServer.listen()
    cleanups.push(() => server.close())
    const clock = new CountingClock()
    const heard: WsStatusEvent[] = []
    const actor = new WebSocketActor<Json>({
      url: server.url,
      transport,
      clock,
      handler,
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a', 'b'],
      reconnect: every(1),
      onStatus: (event) => heard.push(event),
    })
    actor.start()
    const first = await server.connection()
    await answer(first)
    await actor.ready({ timeoutMs: 10_000 })
    const replay = await nextJson(first)
    expect(replay['sub']).toEqual(['a', 'b'])
    await first.text(JSON.stringify({ ack: replay['req'], accepted: ['a', 'b'] }))
    await first.text('{"tick":1}')
    const asking = actor.ask({
      frame: (id: string) => JSON.stringify({ id }),
      confirmMode: 'confirmed',
      timeoutMs: 5000,
    })
    const { id } = await nextJson(first)
    await first.text(JSON.stringify({ id, result: 5 }))
    expect(await asking).toMatchObject({ kind: 'confirmed', delivery: 'all' })
    expect(messages).toContainEqual({ tick: 1 })

    actor.subscribe(['c'])
    const cut = actor.ask({ frame: '{"cut":1}', confirmMode: 'confirmed', timeoutMs: 5000 })
    await nextJson(first)
    await nextJson(first)
    first.reset()
    expect(await cut).toMatchObject({ kind: 'unconfirmed', reason: 'disconnected' })
    const second = await server.connection()
    await answer(second)
    expect((await nextJson(second))['sub']).toEqual(['a', 'b', 'c'])
    await actor.ready({ timeoutMs: 10_000 })
    expect(heard.filter(({ kind }) => kind === 'gap')).toHaveLength(1)

    const stopping = actor.stop()
    expect((await second.expectFrame(8)).payload.readUInt16BE()).toBe(1000)
    await second.close(1000)
    second.halfClose()
    expect((await stopping).cause).toMatchObject({ kind: 'local-stop', closeCode: 1000 })
    expect(clock.armed).toBe(0)
    await vi.waitFor(() => expect(socketsHeld(server.port)).toBe(0))
  })

  it('hears replies that lie in the socket when the deadline of their ask fires', async () => {
    const { actor, peer } = await started({ handler: jsonHandler().handler })
    const asking = actor.ask({ frame: '{}', requestId: '1', confirmMode: 'confirmed', timeoutMs: 1500 })
    await peer.expectFrame(1)
    await peer.text('{"id":"1","result":1}')
    // This thread is away until after the deadline; the reply has been in the socket since long before.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1700)
    expect(await asking).toMatchObject({ kind: 'confirmed', late: true })
  })

  it('gives up on a server that answers no ping, and on one that sends no data', async () => {
    for (const options of [
      { pingPong: new ProtocolPingPong({ intervalMs: 20, timeoutMs: 50 }) },
      {
        pingPong: new WsApplicationPingPong({ ping: () => 'ping', isPong: () => false, intervalMs: 20, timeoutMs: 50 }),
      },
      { staleAfterMs: 80 },
      { silentAfterMs: 80 },
    ]) {
      const { actor, heard, clock } = await started({ ...options, reconnect: every(60_000) })
      await vi.waitFor(() => expect(actor.status).toBe('backoff'))
      expect(heard.find(({ kind }) => kind === 'disconnected')).toMatchObject({ cause: { kind: 'went-silent' } })
      await actor.stop()
      expect(clock.armed).toBe(0)
    }
  })

  it('stops in the middle of traffic both ways', async () => {
    const { actor, peer, clock, server } = await started({ handler: jsonHandler().handler })
    for (let i = 0; i < 100; i++) {
      void peer.text(JSON.stringify({ n: i }))
      actor.send('x'.repeat(1000))
    }
    await actor.stop({ timeoutMs: 0 })
    expect(clock.armed).toBe(0)
    await vi.waitFor(() => expect(socketsHeld(server.port)).toBe(0))
  })

  it('survives a server that is gone, until it is back', async () => {
    const { actor, server, peer } = await started({ reconnect: every(20) })
    const { port } = server
    await server.close()
    peer.destroy()
    await vi.waitFor(() => expect(actor.stats().attemptsFailed).toBeGreaterThan(2))
    expect(actor.status).not.toBe('stopped')
    expect(port).toBe(server.port)
    await actor.stop()
    expect(actor.status).toBe('stopped')
  })
})

describe('zero copy', () => {
  it('what the ingress sees lies in the slab that C++ wrote it to', async () => {
    const { addon } = loadNative()
    if (addon === undefined) throw new Error('this test needs the addon: npm run build:native')
    // The loop of this process has been initialised by a test above, or is now.
    const buffers = new Set<ArrayBufferLike>()
    const seen: { readonly text: string; readonly offset: number }[] = []
    const server = await RawServer.listen()
    cleanups.push(() => server.close())
    const actor = new WebSocketActor({
      url: server.url,
      transport: nativeTransport,
      ingress: {
        onFrame(frame) {
          const view = frame.bytes()
          buffers.add(view.buffer)
          seen.push({ text: frame.text(), offset: view.byteOffset })
          return 'ignore'
        },
      },
    })
    cleanups.push(() => actor.stop({ timeoutMs: 0 }))
    actor.start()
    await actor.ready({ timeoutMs: 10_000 })
    const peer = await server.connection()
    await peer.write(
      Buffer.concat(
        Array.from({ length: 50 }, (_, i) => Buffer.from(`\x81\x04f${String(i).padStart(3, '0')}`, 'latin1')),
      ),
    )
    await vi.waitFor(() => expect(seen).toHaveLength(50))
    expect(seen.map(({ text }) => text)).toEqual(Array.from({ length: 50 }, (_, i) => `f${String(i).padStart(3, '0')}`))
    const [buffer] = [...buffers]
    expect(buffers.size).toBe(1)
    expect(buffer).toBe(slab())
    // Side by side, as they came: each six bytes of frame after the one before, where one read brought them.
    expect(new Set(seen.map(({ offset }) => offset)).size).toBeGreaterThan(1)
  })
})

/** What the addon gave to the one loop of this process. */
let slab: () => ArrayBuffer = () => {
  throw new Error('the addon was initialised before this file could look')
}

const { addon: native } = loadNative()
if (native !== undefined) {
  const init = native.init
  native.init = (onDelivery) => {
    const memory = init(onDelivery)
    slab = () => memory.slab
    return memory
  }
}
