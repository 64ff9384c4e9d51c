import { afterEach, describe, expect, it } from 'vitest'
import { type ConnectOptions, connect } from '../../src/index.ts'
import { closeOf, encodeServerClose, encodeServerFrame, type RawPeer, RawServer } from '../support/raw-server.ts'
import { CountingClock, eventsOf, TRANSPORTS } from './front-support.ts'

let server: RawServer | undefined

afterEach(async () => {
  await server?.close()
  server = undefined
})

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const MASK = new Uint8Array([1, 2, 3, 4])

/** What breaks a rule, by the code that tells so, and what it is answered with. Each comes behind one good message. */
const VIOLATIONS: readonly [what: string, code: string, closeCode: number, bytes: Uint8Array][] = [
  ['a reserved bit', 'ERR_WS_RESERVED_BITS', 1002, encodeServerFrame(TEXT, 'x', { rsv: 4 })],
  ['a reserved opcode', 'ERR_WS_RESERVED_OPCODE', 1002, encodeServerFrame(3, 'x')],
  ['a masked frame', 'ERR_WS_MASKED_FRAME', 1002, encodeServerFrame(TEXT, 'x', { maskKey: MASK })],
  ['a length in too many bytes', 'ERR_WS_NON_MINIMAL_LENGTH', 1002, encodeServerFrame(TEXT, 'x', { lengthBits: 16 })],
  [
    'a length with its top bit set',
    'ERR_WS_LENGTH_TOP_BIT',
    1002,
    encodeServerFrame(TEXT, '', { lengthBits: 64, announce: 1n << 63n }),
  ],
  ['a ping too long', 'ERR_WS_CONTROL_TOO_LONG', 1002, encodeServerFrame(PING, 'x'.repeat(126))],
  ['a ping in fragments', 'ERR_WS_CONTROL_FRAGMENTED', 1002, encodeServerFrame(PING, 'x', { fin: false })],
  ['a continuation of nothing', 'ERR_WS_UNEXPECTED_CONTINUATION', 1002, encodeServerFrame(0, 'x')],
  [
    'a message inside a message',
    'ERR_WS_EXPECTED_CONTINUATION',
    1002,
    Buffer.concat([encodeServerFrame(TEXT, 'x', { fin: false }), encodeServerFrame(TEXT, 'y')]),
  ],
  ['a CLOSE of one byte', 'ERR_WS_CLOSE_TOO_SHORT', 1002, encodeServerFrame(CLOSE, 'x')],
  ['a CLOSE with a code for local use', 'ERR_WS_CLOSE_CODE_INVALID', 1002, encodeServerClose(1006)],
  [
    'a CLOSE with a reason that is no UTF-8',
    'ERR_WS_CLOSE_REASON_NOT_UTF8',
    1007,
    encodeServerClose(1000, new Uint8Array([0xff])),
  ],
  ['text that is no UTF-8', 'ERR_WS_TEXT_NOT_UTF8', 1007, encodeServerFrame(TEXT, new Uint8Array([0x61, 0xc3, 0x28]))],
  ['text with half a surrogate', 'ERR_WS_TEXT_NOT_UTF8', 1007, encodeServerFrame(TEXT, Buffer.from('eda080', 'hex'))],
  [
    'text that ends inside a character',
    'ERR_WS_TEXT_NOT_UTF8',
    1007,
    encodeServerFrame(TEXT, Buffer.from('e282', 'hex')),
  ],
  ['a frame past maxFrameBytes', 'ERR_WS_FRAME_TOO_LARGE', 1009, encodeServerFrame(BINARY, Buffer.alloc(1001))],
  [
    'only the head of a frame past maxFrameBytes',
    'ERR_WS_FRAME_TOO_LARGE',
    1009,
    encodeServerFrame(BINARY, '', { announce: 1n << 40n }),
  ],
  [
    'a message past maxMessageBytes, in frames that are not',
    'ERR_WS_MESSAGE_TOO_LARGE',
    1009,
    Buffer.concat([
      encodeServerFrame(BINARY, Buffer.alloc(900), { fin: false }),
      encodeServerFrame(0, Buffer.alloc(900), { fin: false }),
      encodeServerFrame(0, Buffer.alloc(900), { fin: false }),
    ]),
  ],
]

async function open(options: ConnectOptions) {
  server = await RawServer.listen()
  const clock = new CountingClock()
  const connection = connect(server.url, {
    reconnect: false,
    clock,
    limits: { maxFrameBytes: 1000, maxMessageBytes: 2000 },
    ...options,
  })
  const events = eventsOf(connection)
  await connection.ready()
  return { connection, events, clock, peer: await server.connection() }
}

/** What the client said last. */
async function closeFrom(peer: RawPeer) {
  for (;;) {
    const frame = await peer.nextFrame()
    if (frame.opcode === CLOSE) return closeOf(frame)
  }
}

describe.each(TRANSPORTS)('the server breaks the protocol, over %s', (transport) => {
  it.each(VIOLATIONS)('%s: %s, answered with %i', async (_, code, closeCode, bytes) => {
    const { connection, events, clock, peer } = await open({ transport })
    const never = encodeServerFrame(TEXT, 'must not be delivered')
    await peer.write(Buffer.concat([encodeServerFrame(TEXT, 'good'), bytes, never]))
    expect(await closeFrom(peer)).toMatchObject({ code: closeCode })
    peer.halfClose()
    const closed = await connection.closed()
    expect(closed.cause).toMatchObject({
      kind: 'protocol-violation',
      code,
      closeCode,
      rfc: expect.stringMatching(/^RFC 6455 /),
    })
    expect(closed).toMatchObject({ reason: closed.cause.message, closeCode: 1006 })
    expect((await events).map((event) => (event.kind === 'message' ? event.text() : event.kind))).toEqual([
      'connected',
      'good',
      'disconnected',
    ])
    expect(clock.armed).toBe(0)
  })

  it('exactly the limits are fine', async () => {
    const { connection, events, peer } = await open({ transport })
    await peer.binary(Buffer.alloc(1000, 1))
    await peer.frame(BINARY, Buffer.alloc(1000, 2), { fin: false })
    await peer.frame(0, Buffer.alloc(1000, 3))
    await peer.close(1000, 'done')
    peer.halfClose()
    expect((await connection.closed()).cause).toMatchObject({ kind: 'remote-closed', closeCode: 1000, clean: true })
    const sizes = (await events).map((event) => (event.kind === 'message' ? event.byteLength : event.kind))
    expect(sizes).toEqual(['connected', 1000, 2000, 'disconnected'])
  })

  it('a server that goes on sending after its violation, and never closes TCP, is cut off', async () => {
    const { connection, clock, peer } = await open({ transport })
    await peer.write(encodeServerFrame(3, 'x'))
    const flood = (async () => {
      while (!peer.socket.destroyed && peer.socket.writable) await peer.text('x'.repeat(500))
    })()
    expect((await connection.closed()).cause).toMatchObject({ code: 'ERR_WS_RESERVED_OPCODE' })
    expect(clock.armed).toBe(0)
    peer.destroy()
    await flood
  })
})

describe.each(TRANSPORTS)('the server ends the connection, over %s', (transport) => {
  it('with a CLOSE: its code and reason are told', async () => {
    const { connection, events, peer } = await open({ transport })
    await peer.close(4001, 'session expired')
    expect(closeOf(await peer.expectFrame(CLOSE))).toMatchObject({ code: 4001 })
    peer.halfClose()
    const closed = await connection.closed()
    expect(closed).toMatchObject({
      closeCode: 4001,
      cause: { kind: 'remote-closed', closeCode: 4001, closeReason: 'session expired', clean: true },
    })
    expect(closed.reason).toContain('4001')
    expect((await events).at(-1)).toMatchObject({ kind: 'disconnected', cause: closed.cause })
  })

  it('with a CLOSE that carries no code', async () => {
    const { connection, peer } = await open({ transport })
    await peer.close()
    peer.halfClose()
    expect(await connection.closed()).toMatchObject({ closeCode: 1005, cause: { kind: 'remote-closed', clean: true } })
  })

  it('with no CLOSE', async () => {
    const { connection, peer } = await open({ transport })
    peer.halfClose()
    expect(await connection.closed()).toMatchObject({ closeCode: 1006, cause: { kind: 'remote-closed', clean: false } })
  })

  it('with a reset', async () => {
    const { connection, peer } = await open({ transport })
    peer.reset()
    expect(await connection.closed()).toMatchObject({
      closeCode: 1006,
      cause: { kind: 'read-failure', code: 'ECONNRESET' },
    })
  })
})
