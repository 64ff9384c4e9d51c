import assert from 'node:assert/strict'
import { deflateRawSync } from 'node:zlib'
import type { ProtocolStatusCode } from '../../errors/statuses.ts'
import { compressed, fragmented, PeerDeflate, ticker } from './compression.ts'
import { openDeflate } from './deflate.ts'
import type { ContractCase, ContractConnection } from './environment.ts'
import { close, closeOf, continuation, ping, text, textOf } from './frames.ts'
import { contractCase, LIMITS, type OpenScene, type Scene } from './scene.ts'

/** 8 MiB of zeros in some 8 KB; {@link LIMITS} let 2 MiB through. */
const BOMB = deflateRawSync(Buffer.alloc(8 * 1024 * 1024))

/**
 * The peer has sent two texts and then something that breaks a rule, in one piece: the texts come first and can be answered,
 * then CLOSE goes out and the link ends, with this code.
 */
export async function expectRefused(
  scene: Scene,
  open: OpenScene,
  sent: Uint8Array,
  code: ProtocolStatusCode,
  closeCode: number,
): Promise<void> {
  const { link, log, peer } = open
  log.inMessages = (batch) => {
    for (let i = 0; i < batch.length; i++) assert.ok(link.offer(`re: ${batch.at(i).text()}`) > 0)
  }
  peer.send(sent)
  await scene.until(() => peer.frames.at(-1)?.opcode === 8, 'our CLOSE')
  assert.equal(closeOf(peer.frames.at(-1) as ContractConnection['frames'][number]).code, closeCode)
  const answers = peer.frames.filter(({ opcode }) => opcode === 1).map(textOf)
  assert.deepEqual(answers, ['re: before', 're: and again'], 'messages before a violation are answered before CLOSE')
  peer.end()
  const cause = await scene.ended(open)
  assert.ok(cause.kind === 'protocol-violation', `${cause.kind} ${cause.code}`)
  assert.equal(cause.code, code)
  assert.equal(cause.closeCode, closeCode)
  assert.match(cause.rfc, /^RFC (6455|7692) /)
  assert.deepEqual(log.kinds, ['open', 'message', 'ping', 'message', 'end'])
}

interface Violation {
  readonly what: string
  readonly code: ProtocolStatusCode
  readonly closeCode: number
  /** Behind two compressed texts. */
  bytes(deflate: PeerDeflate): Buffer | Promise<Buffer>
}

const raw = (hex: string): Buffer => compressed(1, Buffer.from(hex, 'hex'))
const reserved = { code: 'ERR_WS_RESERVED_BITS', closeCode: 1002 } as const
const corrupt = { code: 'ERR_WS_DEFLATE_CORRUPT', closeCode: 1007 } as const
const truncated = { code: 'ERR_WS_DEFLATE_TRUNCATED', closeCode: 1007 } as const
const tooLarge = { code: 'ERR_WS_MESSAGE_TOO_LARGE', closeCode: 1009 } as const
const notUtf8 = { code: 'ERR_WS_TEXT_NOT_UTF8', closeCode: 1007 } as const

const VIOLATIONS: readonly Violation[] = [
  {
    what: 'RSV1 on a continuation',
    ...reserved,
    bytes: () => Buffer.concat([text('a', { fin: false }), continuation('b', { rsv: 4 })]),
  },
  {
    what: 'RSV1 on a continuation of a compressed message',
    ...reserved,
    bytes: (deflate) => deflate.compress('a').then((payload) => twoFragments(payload, 4)),
  },
  { what: 'RSV1 on a ping', ...reserved, bytes: () => Buffer.of(0xc9, 0) },
  { what: 'RSV1 on a close', ...reserved, bytes: () => Buffer.of(0xc8, 2, 3, 0xe8) },
  { what: 'RSV2 beside RSV1', ...reserved, bytes: () => text('a', { rsv: 6 }) },
  { what: 'a block of a type that there is not', ...corrupt, bytes: () => raw('07000000') },
  { what: 'a distance beyond the window', ...corrupt, bytes: async () => compressed(1, await stolen()) },
  { what: 'a stored block whose lengths disagree', ...corrupt, bytes: () => raw('0005000000') },
  {
    what: 'fragments that are corrupt together',
    ...corrupt,
    bytes: () => fragmented(1, Buffer.from('000100feff4107000000', 'hex'), 3),
  },
  { what: 'an end inside a block', ...truncated, bytes: () => raw('f248cd') },
  { what: 'a bomb', ...tooLarge, bytes: () => compressed(2, BOMB) },
  { what: 'a bomb in fragments', ...tooLarge, bytes: () => fragmented(1, BOMB, 1000) },
  {
    what: 'one byte more than the limit',
    ...tooLarge,
    bytes: (deflate) => deflate.frame(Buffer.alloc(LIMITS.maxMessageBytes + 1)),
  },
  { what: 'text in Latin-1', ...notUtf8, bytes: () => compressed(1, deflated(Buffer.of(0x61, 0xe9))) },
  { what: 'text that ends in a character', ...notUtf8, bytes: () => compressed(1, deflated(Buffer.of(0xe2, 0x82))) },
]

function twoFragments(payload: Buffer, rsv: number): Buffer {
  return Buffer.concat([
    compressed(1, payload.subarray(0, 1), { fin: false }),
    continuation(payload.subarray(1), { rsv }),
  ])
}

/** A final block, and the byte that has to follow it (RFC 7692 7.2.3.4). */
const deflated = (bytes: Buffer): Buffer => Buffer.concat([deflateRawSync(bytes), Buffer.of(0)])

/** The end of a stream whose beginning the client has not seen. */
async function stolen(): Promise<Buffer> {
  const other = new PeerDeflate()
  await other.compress(Array.from({ length: 500 }, (_, i) => ticker(i)).join())
  const payload = await other.compress(ticker(3))
  other.close()
  return payload
}

export const deflateViolationCases: readonly ContractCase[] = [
  ...VIOLATIONS.map(({ what, code, closeCode, bytes }) =>
    contractCase(`deflate: ${what}: ${code}`, async (scene) => {
      const open = await openDeflate(scene)
      const deflate = new PeerDeflate()
      const before = [await deflate.frame('before'), ping('p'), await deflate.frame('and again')]
      const sent = Buffer.concat([...before, await bytes(deflate), text('after'), ping('after')])
      await expectRefused(scene, open, sent, code, closeCode)
      deflate.close()
    }),
  ),

  contractCase("deflate: messages before the peer's close can still be answered", async (scene) => {
    const open = await openDeflate(scene)
    const deflate = new PeerDeflate()
    open.log.inMessages = () => {
      assert.ok(open.link.offer('answer') > 0)
    }
    open.peer.send(Buffer.concat([await deflate.frame('question'), close(1000), await deflate.frame('after')]))
    await scene.until(() => open.peer.frames.at(-1)?.opcode === 8, 'our CLOSE')
    assert.deepEqual(
      open.peer.frames.map(({ opcode }) => opcode),
      [1, 8],
    )
    open.peer.end()
    assert.equal((await scene.ended(open)).code, 'REMOTE_CLOSE')
    assert.deepEqual(open.log.texts, ['question'])
    deflate.close()
  }),

  contractCase('deflate: maxFrameBytes is measured as sent', async (scene) => {
    const deflate = new PeerDeflate({ level: 0, takeover: false })
    const payload = await deflate.compress(Buffer.alloc(2000))
    const open = await openDeflate(scene, undefined, { limits: { ...LIMITS, maxFrameBytes: payload.length - 1 } })
    open.peer.send(compressed(2, payload))
    assert.equal((await scene.ended(open)).code, 'ERR_WS_FRAME_TOO_LARGE')
    deflate.close()
  }),

  contractCase('deflate: terminate inside onMessages is safe, and nothing comes after', async (scene) => {
    const open = await openDeflate(scene)
    const deflate = new PeerDeflate()
    const given = { kind: 'local-stop', code: 'ERR_GIVEN', message: 'given', closeCode: 1006, closeReason: '' } as const
    open.log.inMessages = () => open.link.terminate(given)
    open.peer.send(Buffer.concat([await deflate.frame('0'), ping(''), await deflate.frame('1'), raw('07000000')]))
    assert.equal(await scene.ended(open), given)
    assert.deepEqual(open.log.kinds, ['open', 'message', 'end'])
    deflate.close()
  }),
]
