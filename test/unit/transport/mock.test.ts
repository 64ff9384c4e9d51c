import { beforeEach, describe, expect, test } from 'vitest'
import type { WsConnectRequest } from '../../../src/connect/request.ts'
import { systemRandom } from '../../../src/support/random.ts'
import { OFFER } from '../../../src/testing/contract/deflate.ts'
import { LinkLog } from '../../../src/testing/contract/link-log.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type MockServerLink, MockTransport, type MockTransportOptions } from '../../../src/transport/mock.ts'
import type { WsLink } from '../../../src/transport/transport.ts'

// What the mock adds to the contract, which test/integration/transport-contract.test.ts holds it to.

let clock: VirtualClock
beforeEach(() => {
  clock = new VirtualClock()
})

function request(overrides: Partial<WsConnectRequest> = {}): WsConnectRequest {
  return {
    url: new URL('wss://venue.example/feed'),
    headers: [],
    subprotocols: ['v1', 'v2'],
    tls: {},
    lookup: async () => [],
    family: 0,
    proxy: undefined,
    limits: { maxFrameBytes: 1 << 20, maxMessageBytes: 1 << 20, maxLinkBytes: 1000 },
    timeouts: {
      dnsMs: 1000,
      tcpMs: 1000,
      proxyMs: 1000,
      tlsMs: 1000,
      upgradeMs: 1000,
      totalMs: 5000,
      attemptDelayMs: 250,
    },
    socket: {},
    clock,
    random: systemRandom,
    ...overrides,
  }
}

interface Pair {
  readonly link: WsLink
  readonly log: LinkLog
  readonly server: MockServerLink
}

function connect(options?: MockTransportOptions, overrides?: Partial<WsConnectRequest>): Pair {
  const transport = new MockTransport(options)
  const log = new LinkLog()
  const link = transport.connect(request(overrides), log)
  clock.advance(0)
  return { link, log, server: transport.servers[0] as MockServerLink }
}

describe('the upgrade', () => {
  test('is accepted unless somebody decides otherwise, and tells of TLS', () => {
    const { log } = connect()
    expect(log.opened).toMatchObject({
      subprotocol: '',
      remotePort: 443,
      tls: { protocol: 'TLSv1.3', authorized: true },
    })
  })

  test('takes an offer of permessage-deflate by its header, and compresses from then on', () => {
    const compress = { thresholdBytes: 10, level: 6, memLevel: 8 }
    const { link, log, server } = connect(
      { onConnect: (server) => server.accept({ headers: [['sec-websocket-extensions', 'permessage-deflate']] }) },
      { perMessageDeflate: { ...OFFER, compress } },
    )
    expect(log.opened?.perMessageDeflate).toMatchObject({ clientMaxWindowBits: 15, compress })
    server.sendText('long enough '.repeat(50))
    server.sendBinary(Buffer.alloc(1000))
    clock.advance(0)
    expect(log.texts[0]).toBe('long enough '.repeat(50))
    expect(log.messages[1]?.bytes).toEqual(new Uint8Array(1000))
    expect(link.bytesReceived).toBeLessThan(100)
    for (const text of ['short', 'long enough '.repeat(50), 'long enough '.repeat(50)]) link.offer(text)
    clock.advance(0)
    expect(server.frames.map((frame) => [frame.text().length, frame.compressed])).toEqual([
      [5, false],
      [600, true],
      [600, true],
    ])
    expect(server.frames[2]?.wirePayload.length).toBeLessThan(server.frames[1]?.wirePayload.length as number)
  })

  test('an answer that does not fit the offer fails as it would with a real server', () => {
    const headers = [['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits']] as const
    const onConnect = (server: MockServerLink): void => server.accept({ headers })
    for (const [overrides, code] of [
      [{ perMessageDeflate: OFFER }, 'ERR_UPGRADE_DEFLATE_VALUE'],
      [{}, 'ERR_UPGRADE_EXTENSION'],
    ] as const) {
      const { log } = connect({ onConnect }, overrides)
      expect(log.cause).toMatchObject({ kind: 'handshake-failed', stage: 'upgrade', code })
    }
    const declined = connect({}, { perMessageDeflate: { ...OFFER, required: true } })
    expect(declined.log.cause).toMatchObject({ code: 'ERR_UPGRADE_DEFLATE_DECLINED' })
  })

  test('waits for a server that has not decided, until the deadline', () => {
    const { log } = connect({ onConnect: () => {} })
    clock.advance(999)
    expect(log.kinds).toEqual([])
    clock.advance(1)
    expect(log.cause).toMatchObject({ kind: 'handshake-failed', stage: 'upgrade', code: 'ERR_UPGRADE_TIMEOUT' })
    expect(clock.pendingTimers).toBe(0)
  })

  test('can be answered later', () => {
    const { log, server } = connect({ onConnect: () => {} })
    clock.advance(500)
    server.accept({ subprotocol: 'v2', headers: [['X-A', 'b']] })
    clock.advance(0)
    expect(log.opened).toMatchObject({ subprotocol: 'v2' })
    expect(log.opened?.responseHeaders).toContainEqual(['X-A', 'b'])
    clock.advance(100_000)
    expect(log.cause).toBeUndefined()
  })

  test('is refused with the part of a body that a real one would show', () => {
    const { log } = connect({ onConnect: (server) => server.refuse({ status: 503, body: 'x'.repeat(70_000) }) })
    expect(log.cause).toMatchObject({ code: 'ERR_UPGRADE_REFUSED', http: { status: 503, bodyTruncated: true } })
    expect(log.cause).toHaveProperty('http.body.length', 65_536)
  })

  test('fails as told', () => {
    const cause = { kind: 'handshake-failed', stage: 'tcp', code: 'ECONNREFUSED', message: 'nobody there' } as const
    const { log } = connect({ onConnect: (server) => server.fail(cause) })
    expect(log.cause).toBe(cause)
  })

  test('is answered once, with a subprotocol that was offered', () => {
    const { server } = connect()
    expect(() => server.accept()).toThrow('already')
    expect(() => server.accept({ subprotocol: 'v3' })).toThrow('did not offer')
  })
})

describe('time', () => {
  test('nothing moves unless time does', () => {
    const { log, server } = connect()
    server.sendText('a')
    expect(log.messages).toEqual([])
    clock.advance(0)
    expect(log.texts).toEqual(['a'])
  })

  test('each direction has its own delay, and nothing overtakes', () => {
    const { link, log, server } = connect()
    server.delay({ toClientMs: 30, toServerMs: 20 })
    server.sendText('slow')
    link.offer('up')
    server.delay({ toClientMs: 0 })
    server.sendText('fast')
    expect(link.delivery(1)).toBe('all')
    clock.advance(19)
    expect(server.frames).toEqual([])
    clock.advance(1)
    expect(server.frames.map((frame) => frame.text())).toEqual(['up'])
    clock.advance(9)
    expect(log.texts).toEqual([])
    clock.advance(1)
    expect(log.texts).toEqual(['slow', 'fast'])
    expect(log.messages[0]?.receivedMonoUs).toBe(30_000)
  })

  test('what was sent together is read together; chopped, in a delivery for each piece', () => {
    const { log, server } = connect()
    for (const text of ['1', '2', '3']) server.sendText(text)
    clock.advance(0)
    expect(log.batches).toBe(1)
    server.chop(3)
    server.sendBytes(Buffer.of(0x81, 1, 97, 0x81, 1, 98))
    clock.advance(0)
    expect(log.batches).toBe(3)
    server.chop(undefined)
    server.sendText('c')
    clock.advance(0)
    expect(log.texts).toEqual(['1', '2', '3', 'a', 'b', 'c'])
  })

  test('a deadline that is due before the reply was read finds it by draining', () => {
    const { link, log, server } = connect()
    const seen: string[] = []
    clock.setTimer(10, () => {
      seen.push(`before: ${log.texts}`)
      expect(link.drain()).toBe(true)
      seen.push(`after: ${log.texts}`)
    })
    server.hold()
    server.sendText('reply')
    clock.advance(10)
    expect(seen).toEqual(['before: ', 'after: reply'])
    server.sendText('more')
    clock.advance(100)
    expect(log.texts).toEqual(['reply'])
    server.unhold()
    clock.advance(0)
    expect(log.texts).toEqual(['reply', 'more'])
  })

  test('drain does not find what is still on its way', () => {
    const { link, log, server } = connect()
    server.delay({ toClientMs: 5 })
    server.sendText('x')
    clock.advance(4)
    link.drain()
    expect(log.texts).toEqual([])
    clock.advance(1)
    expect(log.texts).toEqual(['x'])
  })

  test('bytes sent before the upgrade was answered are not read before it', () => {
    const { log, server } = connect({ onConnect: () => {} })
    server.sendText('early')
    clock.advance(100)
    server.accept()
    clock.advance(0)
    expect(log.kinds).toEqual(['open', 'message'])
  })
})

describe('delivery', () => {
  test('is counted by the byte', () => {
    const { link, server } = connect()
    server.takeBytes(10)
    // Two bytes of header, four of mask.
    expect(link.offer('1234')).toBe(1)
    expect(link.offer('5')).toBe(2)
    expect([link.delivery(1), link.delivery(2)]).toEqual(['all', 'none'])
    server.takeBytes(3)
    expect(link.delivery(2)).toBe('part')
    expect(link.withdraw(2)).toBe(false)
    expect(link.queuedBytes).toBe(4)
    server.unstall()
    expect(link.delivery(2)).toBe('all')
    expect(server.frames.map((frame) => frame.text())).toEqual(['1234', '5'])
  })

  test('a drop in the middle of a frame leaves part, and none behind it', () => {
    const { link, log, server } = connect()
    server.resetAfter(13)
    for (const text of ['aaaa', 'bbbb', 'cccc']) link.offer(text)
    clock.advance(0)
    expect(log.cause).toMatchObject({ kind: 'read-failure', code: 'ECONNRESET' })
    expect([1, 2, 3].map((sequence) => link.delivery(sequence))).toEqual(['all', 'part', 'none'])
    expect(clock.pendingTimers).toBe(0)
  })

  test('a stalled server fills the queue; frames can be taken back; room is told later', () => {
    const { link, log, server } = connect()
    server.stall()
    const frame = 'x'.repeat(294)
    expect([1, 2, 3, 4].map(() => link.offer(frame))).toEqual([1, 2, 3, 0])
    expect(link.withdraw(2)).toBe(true)
    server.unstall()
    expect(log.kinds).toEqual(['open'])
    clock.advance(0)
    expect(log.kinds).toEqual(['open', 'writable'])
    expect(server.frames).toHaveLength(2)
  })
})

describe('the server', () => {
  test('answers pings and closes as servers do, if not told otherwise', () => {
    const { link, log, server } = connect()
    link.ping(Buffer.from('n'))
    clock.advance(0)
    expect(log.kinds).toEqual(['open', 'pong'])
    link.close(4000, 'bye', 1000)
    clock.advance(0)
    expect(log.cause).toMatchObject({ kind: 'local-stop', closeCode: 4000, closeReason: 'bye' })
    clock.advance(0)
    expect(server.clientEnded).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  test('that closes ends TCP when the client has answered', () => {
    const { log, server } = connect()
    server.delay({ toServerMs: 5 })
    server.close(1012, 'restart')
    clock.advance(4)
    expect(log.cause).toBeUndefined()
    clock.advance(1)
    expect(log.cause).toMatchObject({ kind: 'remote-closed', closeCode: 1012, closeReason: 'restart', clean: true })
  })

  test('nextFrame gives frames in order, waits for them, and ends with the connection', async () => {
    const { link, server } = connect()
    link.offer('1')
    const [first, second, third] = [server.nextFrame(), server.nextFrame(), server.nextFrame()]
    link.offer('2')
    expect([(await first).text(), (await second).text()]).toEqual(['1', '2'])
    link.terminate({ kind: 'local-stop', code: 'X', message: '', closeCode: 1006, closeReason: '' })
    clock.advance(0)
    await expect(third).rejects.toThrow('nothing comes')
  })

  test('nextServer and nextFrame stop waiting when told to', async () => {
    const transport = new MockTransport()
    const abort = new AbortController()
    const waiting = transport.nextServer({ signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(transport.nextServer({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    transport.connect(request(), new LinkLog())
    expect(await transport.nextServer()).toBe(transport.servers[0])
  })
})

test('views of a batch show rubbish once it has been returned', () => {
  const { log, server } = connect()
  let view: Uint8Array | undefined
  log.inMessages = (batch) => {
    view = batch.at(0).bytes()
  }
  server.sendText('secret')
  clock.advance(0)
  expect(log.texts).toEqual(['secret'])
  expect([...new Set(view)]).toEqual([0xdd])
})

test('what a handler throws reaches whoever moves the clock, and the link goes on', () => {
  const { log, server } = connect()
  const { onPing } = log
  log.onPing = () => {
    throw new Error('of the handler')
  }
  server.sendPing()
  expect(() => clock.advance(0)).toThrow('of the handler')
  log.onPing = onPing
  server.sendText('still here')
  clock.advance(0)
  expect(log.texts).toEqual(['still here'])
})
