import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocketActor } from '../../src/actor/websocket-actor.ts'
import type { WsEndpointHandler } from '../../src/session/endpoint-handler.ts'
import type { WsPacingOptions } from '../../src/session/pacing.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { nativeInfo, nativeTransport } from '../../src/transport/native.ts'
import type { WsTransport } from '../../src/transport/transport.ts'
import { wsTransport } from '../../src/transport/ws.ts'
import { encodeServerFrame, RawServer } from '../support/raw-server.ts'

const TRANSPORTS = nativeInfo().loaded ? [nativeTransport, wsTransport] : [wsTransport]
const STEP_MS = 10
const PER_MS = 200
const PING = 9
const PONG = 10

/**
 * Real sockets, and a clock that moves only when all bytes have arrived: what the server counts is exact, however busy the machine
 * that runs this is.
 */
async function paced(transport: WsTransport, pacing: WsPacingOptions, handler?: WsEndpointHandler<string>) {
  const server = await RawServer.listen()
  onTestFinished(() => server.close())
  const clock = new VirtualClock()
  const actor = new WebSocketActor({
    url: server.url,
    transport,
    clock,
    pacing,
    ...(handler === undefined ? {} : { handler }),
  })
  onTestFinished(async () => {
    actor.abandon({ kind: 'local-stop', code: 'TEST', message: 'the test is over', closeCode: 1006, closeReason: '' })
    await actor.closed()
  })
  actor.start()
  await actor.ready()
  const peer = await server.connection()
  const { bytesRead, bytesWritten } = peer.socket
  const seen: { readonly atMs: number; readonly opcode: number }[] = []
  /** Everything that both sides have sent has been read by the other. */
  const arrived = async (): Promise<void> => {
    const isQuiet = (): boolean => {
      const { bytesReceived, bytesSent } = actor.stats()
      const { socket } = peer
      return socket.bytesRead - bytesRead === bytesSent && socket.bytesWritten - bytesWritten === bytesReceived
    }
    for (let turns = 0; turns < 100_000 && !isQuiet(); turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(isQuiet()).toBe(true)
    for (const { opcode } of peer.frames.slice(seen.length)) seen.push({ atMs: clock.monoUs() / 1000, opcode })
  }
  /** Without an interval the server does not ping. */
  const run = async (ms: number, pingEveryMs?: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      if (pingEveryMs !== undefined && passed % pingEveryMs === 0) await peer.write(encodeServerFrame(PING, ''))
      await arrived()
      clock.advance(STEP_MS)
      await arrived()
    }
  }
  /** The shortest interval in which so many frames came, and one more. */
  const shortestMs = (frames: number): number =>
    Math.min(...seen.slice(frames).map(({ atMs }, i) => atMs - (seen[i] as { atMs: number }).atMs))
  const count = (opcode: number): number => seen.filter((frame) => frame.opcode === opcode).length
  return { actor, peer, seen, arrived, run, shortestMs, count }
}

describe.each(TRANSPORTS)('a venue that counts frames, over $name', (transport) => {
  it('never sees more than its budget in any interval, its own pings’ answers included, while we send what we may', async () => {
    const { actor, run, shortestMs, count, arrived } = await paced(transport, {
      frames: 20,
      perMs: PER_MS,
      pongFrames: 8,
    })
    for (let i = 0; i < 400; i++) actor.send(`${i}`)
    await arrived()
    await run(10 * PER_MS, 30)
    expect(shortestMs(20)).toBeGreaterThanOrEqual(PER_MS)
    expect(count(PONG)).toBeGreaterThan(60)
    expect(count(1)).toBeGreaterThanOrEqual(10 * 12)
  })

  it('is sent nothing but pongs while its pings alone are too many, and then the rest', async () => {
    const { actor, run, shortestMs, count, arrived, seen } = await paced(transport, { frames: 4, perMs: PER_MS })
    for (let i = 0; i < 9; i++) actor.send(`${i}`)
    await arrived()
    expect(count(1)).toBe(3)
    await run(5 * PER_MS, 40)
    expect(count(1)).toBe(3)
    const before = seen.length
    await run(4 * PER_MS)
    expect(count(1)).toBe(9)
    // The frames from the last pongs on.
    seen.splice(0, before - 3)
    expect(shortestMs(4)).toBeGreaterThanOrEqual(PER_MS)
  })
})

describe.runIf(nativeInfo().loaded)('pongs that have left before anybody was told of the ping', () => {
  it('are counted: one read brought a message, and behind it the pings', async () => {
    const handler: WsEndpointHandler<string> = {
      parse: (frame) => ({ kind: 'message', message: frame.text() }),
      handleMessage(_, session) {
        for (let i = 0; i < 4; i++) session.send(`${i}`)
      },
    }
    const { peer, run, count, arrived } = await paced(
      nativeTransport,
      { frames: 4, perMs: PER_MS, pongFrames: 0 },
      handler,
    )
    const pings = Array.from({ length: 3 }, () => encodeServerFrame(PING, ''))
    await peer.write(Buffer.concat([encodeServerFrame(1, 'go'), ...pings]))
    await arrived()
    expect([count(PONG), count(1)]).toEqual([3, 1])
    await run(PER_MS)
    expect([count(PONG), count(1)]).toEqual([3, 4])
  })
})
