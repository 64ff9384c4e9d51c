import assert from 'node:assert/strict'
import type { ProtocolStatusCode } from '../../errors/statuses.ts'
import type { ContractCase, ContractConnection } from './environment.ts'
import { binary, closeOf, continuation, ping, text, textOf } from './frames.ts'
import { contractCase, LIMITS, type Scene } from './scene.ts'

const SMALL = { ...LIMITS, maxFrameBytes: 1_000, maxMessageBytes: 2_000 }

interface Violation {
  readonly what: string
  readonly bytes: Uint8Array
  readonly code: ProtocolStatusCode
  readonly closeCode: number
}

const violation = (what: string, closeCode: number, code: ProtocolStatusCode, bytes: Uint8Array): Violation => ({
  what,
  bytes,
  code,
  closeCode,
})

/** What a server must not send; with {@link SMALL} limits. */
const VIOLATIONS: readonly Violation[] = [
  violation('RSV1', 1002, 'ERR_WS_RESERVED_BITS', text('x', { rsv: 4 })),
  violation('RSV2', 1002, 'ERR_WS_RESERVED_BITS', text('x', { rsv: 2 })),
  violation('RSV3 on a ping', 1002, 'ERR_WS_RESERVED_BITS', Buffer.of(0x99, 0)),
  violation('opcode 3', 1002, 'ERR_WS_RESERVED_OPCODE', Buffer.of(0x83, 0)),
  violation('opcode 11', 1002, 'ERR_WS_RESERVED_OPCODE', Buffer.of(0x8b, 0)),
  violation('a masked frame', 1002, 'ERR_WS_MASKED_FRAME', text('x', { maskKey: Buffer.of(1, 2, 3, 4) })),
  violation('125 in 16 bits', 1002, 'ERR_WS_NON_MINIMAL_LENGTH', Buffer.of(0x81, 126, 0, 125)),
  violation('65535 in 64 bits', 1002, 'ERR_WS_NON_MINIMAL_LENGTH', Buffer.of(0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255)),
  violation('a length of 2^63', 1002, 'ERR_WS_LENGTH_TOP_BIT', Buffer.of(0x81, 127, 128, 0, 0, 0, 0, 0, 0, 0)),
  violation('a ping of 126 bytes', 1002, 'ERR_WS_CONTROL_TOO_LONG', Buffer.of(0x89, 126, 0, 126)),
  violation('a fragmented ping', 1002, 'ERR_WS_CONTROL_FRAGMENTED', Buffer.of(0x09, 0)),
  violation('a continuation of nothing', 1002, 'ERR_WS_UNEXPECTED_CONTINUATION', continuation('x')),
  violation(
    'a message inside another',
    1002,
    'ERR_WS_EXPECTED_CONTINUATION',
    Buffer.concat([text('a', { fin: false }), text('b')]),
  ),
  violation('a close of one byte', 1002, 'ERR_WS_CLOSE_TOO_SHORT', Buffer.of(0x88, 1, 3)),
  violation('close code 1005', 1002, 'ERR_WS_CLOSE_CODE_INVALID', Buffer.of(0x88, 2, 0x03, 0xed)),
  violation('close code 999', 1002, 'ERR_WS_CLOSE_CODE_INVALID', Buffer.of(0x88, 2, 0x03, 0xe7)),
  violation('a close reason in Latin-1', 1007, 'ERR_WS_CLOSE_REASON_NOT_UTF8', Buffer.of(0x88, 3, 0x03, 0xe8, 0xe9)),
  violation('text in Latin-1', 1007, 'ERR_WS_TEXT_NOT_UTF8', Buffer.of(0x81, 2, 0x61, 0xe9)),
  violation('text that ends in a character', 1007, 'ERR_WS_TEXT_NOT_UTF8', Buffer.of(0x81, 2, 0xe2, 0x82)),
  violation('a surrogate in text', 1007, 'ERR_WS_TEXT_NOT_UTF8', Buffer.of(0x81, 3, 0xed, 0xa0, 0x80)),
  violation('a frame over the limit', 1009, 'ERR_WS_FRAME_TOO_LARGE', binary(Buffer.alloc(1_001))),
  violation('the header of such a frame', 1009, 'ERR_WS_FRAME_TOO_LARGE', binary(Buffer.alloc(1_001)).subarray(0, 4)),
  violation('2^40 bytes', 1009, 'ERR_WS_FRAME_TOO_LARGE', Buffer.of(0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0)),
  violation(
    'a message over the limit',
    1009,
    'ERR_WS_MESSAGE_TOO_LARGE',
    Buffer.concat([
      binary(Buffer.alloc(1_000), { fin: false }),
      continuation(Buffer.alloc(1_000), { fin: false }),
      continuation('x'),
    ]),
  ),
]

async function expectViolation(scene: Scene, { bytes, code, closeCode }: Violation, chopped: boolean): Promise<void> {
  const open = await scene.open({ limits: SMALL })
  const { link, log, peer } = open
  log.inMessages = (batch) => {
    for (let i = 0; i < batch.length; i++) assert.ok(link.offer(`re: ${batch.at(i).text()}`) > 0)
  }
  const stream = Buffer.concat([text('before'), ping('p'), text('and again'), bytes])
  if (chopped) {
    for (const byte of stream) {
      peer.send(Buffer.of(byte))
      await scene.idle(1)
    }
  } else peer.send(stream)
  await scene.until(() => peer.frames.at(-1)?.opcode === 8, 'our CLOSE')
  assert.deepEqual(closeOf(peer.frames.at(-1) as ContractConnection['frames'][number]).code, closeCode)
  const answers = peer.frames.filter(({ opcode }) => opcode === 1).map(textOf)
  assert.deepEqual(answers, ['re: before', 're: and again'], 'messages before a violation are answered before CLOSE')
  peer.end()
  const cause = await scene.ended(open)
  assert.ok(cause.kind === 'protocol-violation', `${cause.kind} ${cause.code}`)
  assert.equal(cause.code, code)
  assert.equal(cause.closeCode, closeCode)
  assert.match(cause.rfc, /^RFC 6455 /)
  assert.deepEqual(log.kinds, ['open', 'message', 'ping', 'message', 'end'])
}

export const violationCases: readonly ContractCase[] = [
  ...VIOLATIONS.map((row) => contractCase(`${row.what}: ${row.code}`, (scene) => expectViolation(scene, row, false))),

  contractCase('violations in single bytes', async (scene) => {
    for (const row of VIOLATIONS.filter(({ bytes }) => bytes.length < 20)) await expectViolation(scene, row, true)
  }),

  contractCase('frames and messages of exactly the limits are fine', async (scene) => {
    const { log, peer } = await scene.open({ limits: SMALL })
    peer.send(binary(Buffer.alloc(1_000)))
    peer.send(Buffer.concat([binary(Buffer.alloc(1_000), { fin: false }), continuation(Buffer.alloc(1_000))]))
    await scene.until(() => log.messages.length === 2, 'both')
    assert.deepEqual(
      log.messages.map(({ bytes }) => bytes.length),
      [1_000, 2_000],
    )
  }),

  contractCase('what follows a violation is not read', async (scene) => {
    const open = await scene.open()
    open.peer.send(Buffer.concat([text('1'), text('2', { rsv: 1 }), text('3'), ping('4')]))
    await scene.until(() => open.peer.frames.at(-1)?.opcode === 8, 'our CLOSE')
    open.peer.send(text('5'))
    open.peer.end()
    await scene.ended(open)
    assert.deepEqual(open.log.texts, ['1'])
    assert.equal(open.peer.frames.length, 1)
  }),

  contractCase('a peer that keeps TCP open after a violation does not hold us', async (scene) => {
    const open = await scene.open()
    open.peer.send(Buffer.of(0x83, 0))
    const cause = await scene.ended(open)
    assert.equal(cause.kind, 'protocol-violation')
    await scene.until(() => open.peer.clientEnded, 'the end of our side')
  }),
]
