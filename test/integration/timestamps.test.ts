// What `timestampSource` makes of receive times over real sockets. This thread goes away while bytes arrive; nothing is
// measured but what came before what. The kernel's stamps are checked one by one in native/test/io_timestamps_test.cc.
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type ConnectOptions,
  connect,
  WebSocketActor,
  type WebSocketActorOptions,
  type WsMessage,
  type WsOutcome,
  wsTransport,
} from '../../src/index.ts'
import { systemClock } from '../../src/support/clock.ts'
import { systemRandom } from '../../src/support/random.ts'
import { LinkLog } from '../../src/testing/contract/link-log.ts'
import { LIMITS, TIMEOUTS } from '../../src/testing/contract/scene.ts'
import { nativeTransport } from '../../src/transport/native.ts'
import { type RawPeer, RawServer, tlsFixture, tlsFixtureCa } from '../support/raw-server.ts'
import { type Json, jsonHandler } from '../unit/actor/support.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const nowUs = (): number => performance.now() * 1000
/** This thread does nothing. */
const away = (ms: number): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
const textFrame = (payload: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, payload.length]), Buffer.from(payload)])
const pongFrame = (payload: string): Buffer =>
  Buffer.concat([Buffer.from([0x8a, payload.length]), Buffer.from(payload)])

async function opened(options: ConnectOptions, overTls = false) {
  const server = await RawServer.listen(overTls ? { tls: tlsFixture('localhost') } : {})
  const messages: WsMessage[] = []
  const connection = connect(server.url, {
    native: 'require',
    reconnect: false,
    tls: { ca: tlsFixtureCa() },
    onMessage: (message) => messages.push(message),
    ...options,
  })
  // The server goes first: it answers no CLOSE.
  cleanups.push(
    () => connection.close(),
    () => server.close(),
  )
  await connection.ready()
  const peer = await server.connection()
  // Behind the handshake: session tickets have been read.
  peer.socket.write(textFrame('first'))
  await vi.waitFor(() => expect(messages.splice(0)).toHaveLength(1))
  const came = (count: number) =>
    vi.waitFor(() => expect(messages).toHaveLength(count), { timeout: 10_000, interval: 5 })
  return { messages, peer, came, connection }
}

describe.each([
  ['ws:', false],
  ['wss:', true],
])('%s', (_scheme, overTls) => {
  test.each([
    ['kernel', true],
    ['read', false],
    ['callback', false],
  ] as const)('what came while this thread was away: %s', async (timestampSource, isArrival) => {
    const { messages, peer, came } = await opened({ timestampSource }, overTls)
    peer.socket.write(textFrame('a'))
    away(200)
    const backUs = nowUs()
    await came(1)
    const [message] = messages as [WsMessage]
    expect(message.receivedMonoUs < backUs).toBe(isArrival)
    expect(message.receivedAtIsUpperBound).toBe(!isArrival)
    // Both clocks tell the same moment.
    const epochUs = message.receivedMonoUs + (Date.now() * 1000 - nowUs())
    expect(Math.abs(message.receivedAtUs - epochUs)).toBeLessThan(60_000_000)
  })

  test('of frames that came in one read, only the last is exact', async () => {
    const { messages, peer, came } = await opened({ timestampSource: 'kernel' }, overTls)
    peer.socket.write(Buffer.concat([textFrame('a'), textFrame('b'), textFrame('c')]))
    away(50)
    await came(3)
    const [a, b, c] = messages as [WsMessage, WsMessage, WsMessage]
    expect([a, b, c].map((message) => message.receivedAtIsUpperBound)).toEqual([true, true, false])
    expect(new Set([a, b, c].map((message) => message.receivedMonoUs)).size).toBe(1)
  })

  test('of a frame in two writes, the time is that of its end', async () => {
    const { messages, peer, came } = await opened({ timestampSource: 'kernel' }, overTls)
    const frame = textFrame('in parts')
    // A second write of TLS waits until the first is done.
    await new Promise<unknown>((resolve) => peer.socket.write(frame.subarray(0, 4), resolve))
    const betweenUs = nowUs()
    peer.socket.write(frame.subarray(4))
    away(50)
    const backUs = nowUs()
    await came(1)
    const [message] = messages as [WsMessage]
    expect(message.receivedMonoUs).toBeGreaterThanOrEqual(betweenUs)
    expect(message.receivedMonoUs).toBeLessThan(backUs)
    expect(message.receivedAtIsUpperBound).toBe(false)
  })
})

test('iterated messages have the flag too', async () => {
  const server = await RawServer.listen()
  const connection = connect(server.url, { native: 'require', reconnect: false, timestampSource: 'kernel' })
  // The server goes first: it answers no CLOSE.
  cleanups.push(
    () => connection.close(),
    () => server.close(),
  )
  await connection.ready()
  const peer = await server.connection()
  peer.socket.write(textFrame('a'))
  for await (const event of connection) {
    if (event.kind !== 'message') continue
    expect(event.receivedAtIsUpperBound).toBe(false)
    break
  }
})

describe('the verdict on an answer', () => {
  async function asked(timestampSource: NonNullable<ConnectOptions['timestampSource']>, timeoutMs: number) {
    const server = await RawServer.listen()
    cleanups.push(() => server.close())
    const late: WsOutcome[] = []
    const options: WebSocketActorOptions<Json> = {
      url: server.url,
      transport: nativeTransport,
      timestampSource,
      handler: jsonHandler().handler,
      onLateReply: (outcome) => late.push(outcome),
    }
    const actor = new WebSocketActor<Json>(options)
    cleanups.push(() => actor.stop({ timeoutMs: 0 }))
    actor.start()
    await actor.ready({ timeoutMs: 10_000 })
    const peer: RawPeer = await server.connection()
    const askedUs = nowUs()
    const asking = actor.ask({ frame: '{}', requestId: '1', confirmMode: 'confirmed', timeoutMs })
    await peer.expectFrame(1)
    return { askedUs, asking, late, answer: () => peer.socket.write(textFrame('{"id":"1","result":1}')) }
  }

  test.each(['kernel', 'read', 'callback'] as const)('that came in time and is read late: %s', async (source) => {
    const { asking, answer, late } = await asked(source, 1500)
    answer()
    away(1700)
    expect(await asking).toMatchObject({ kind: 'confirmed', late: true })
    expect(late).toEqual([])
  })

  test.each([
    ['kernel', { kind: 'unconfirmed', reason: 'deadline' }, 1],
    ['read', { kind: 'confirmed', late: true }, 0],
  ] as const)('that came late, before anybody looked: %s', async (source, outcome, told) => {
    const { asking, answer, late, askedUs } = await asked(source, 1000)
    // Awake again behind the deadline, which nobody has judged yet.
    while (nowUs() < askedUs + 1_050_000) away(50)
    answer()
    expect(await asking).toMatchObject(outcome)
    await vi.waitFor(() => expect(late).toHaveLength(told))
    if (told === 1) expect(late[0]).toMatchObject({ kind: 'confirmed', late: true })
  })
})

describe('of pongs', () => {
  const request = (url: string, timestampSource: 'read' | 'kernel') => ({
    url: new URL(url),
    headers: [],
    subprotocols: [],
    proxy: undefined,
    tls: {},
    lookup: async () => [{ address: '127.0.0.1', family: 4 as const }],
    family: 0 as const,
    limits: LIMITS,
    timeouts: TIMEOUTS,
    socket: {},
    timestampSource,
    clock: systemClock,
    random: systemRandom,
  })

  test.each([
    ['kernel', true],
    ['read', false],
  ] as const)('%s', async (timestampSource, isArrival) => {
    const server = await RawServer.listen()
    cleanups.push(() => server.close())
    const log = new LinkLog()
    const link = nativeTransport.connect(request(server.url, timestampSource), log)
    await vi.waitFor(() => expect(log.opened).toBeDefined())
    const peer = await server.connection()
    peer.socket.write(pongFrame('a'))
    away(200)
    const backUs = nowUs()
    await vi.waitFor(() => expect(log.kinds).toContain('pong'))
    const pong = log.events.find((event) => event.kind === 'pong')
    expect(pong?.kind === 'pong' && pong.receivedMonoUs < backUs).toBe(isArrival)
    link.terminate({ kind: 'local-stop', code: 'ERR_TEST', message: 'over', closeCode: 1006, closeReason: '' })
    await vi.waitFor(() => expect(log.cause).toBeDefined())
  })

  test('ws has none of the kernel, and a request that asks for it fails', async () => {
    const log = new LinkLog()
    wsTransport.connect(request('ws://127.0.0.1:9/', 'kernel'), log)
    await vi.waitFor(() => expect(log.cause).toBeDefined())
    expect(log.cause).toMatchObject({ kind: 'handshake-failed', stage: 'tcp', code: 'ERR_SOCKET_OPTION' })
    expect(log.cause?.message).toContain("'kernel' cannot be told by transport ws")
  })
})
