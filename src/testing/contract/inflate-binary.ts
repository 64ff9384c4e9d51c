import assert from 'node:assert/strict'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import type { ProtocolStatusCode } from '../../errors/statuses.ts'
import { PeerDeflate, ticker } from './compression.ts'
import { OFFER, openDeflate } from './deflate.ts'
import { expectRefused } from './deflate-violations.ts'
import type { ContractCase } from './environment.ts'
import { binary, continuation, pattern, ping, text } from './frames.ts'
import { contractCase, LIMITS } from './scene.ts'

const KINDS = { gzip: gzipSync, deflate: deflateSync, 'deflate-raw': deflateRawSync } as const
type Kind = keyof typeof KINDS

const TEXTS = [ticker(1), '', 'é€𝄞', Array.from({ length: 2000 }, (_, i) => ticker(i)).join('\n'), ticker(2)]
const corrupt = { code: 'ERR_WS_BINARY_CORRUPT', closeCode: 1007 } as const
const truncated = { code: 'ERR_WS_BINARY_TRUNCATED', closeCode: 1007 } as const

interface Violation {
  readonly what: string
  readonly code: ProtocolStatusCode
  readonly closeCode: number
  /** The payload of a binary message. */
  bytes(compress: (payload: Uint8Array) => Buffer): Buffer
}

const VIOLATIONS: readonly Violation[] = [
  // Neither a header of gzip or zlib, nor a block that there is. Nothing of it inflates, and neither do texts below inflate to what
  // is no text: of two faults transports may tell either, as they judge text in pieces or as a whole.
  { what: 'what is not compressed', ...corrupt, bytes: () => Buffer.from('\x07 is no block') },
  { what: 'nothing', ...truncated, bytes: () => Buffer.alloc(0) },
  {
    what: 'what is cut off',
    ...truncated,
    bytes: (compress) => compress(Buffer.from(pattern(500).toString('base64'))).subarray(0, 200),
  },
  { what: 'what is damaged', ...corrupt, bytes: (compress) => damaged(compress(Buffer.from(ticker(1)))) },
  {
    what: 'bytes behind the end',
    code: 'ERR_WS_BINARY_TRAILING',
    closeCode: 1007,
    bytes: (compress) => Buffer.concat([compress(Buffer.from('x')), Buffer.from('\0junk')]),
  },
  {
    what: 'a bomb',
    code: 'ERR_WS_MESSAGE_TOO_LARGE',
    closeCode: 1009,
    bytes: (compress) => compress(Buffer.alloc(8 * 1024 * 1024, 'x')),
  },
  {
    what: 'one byte more than the limit',
    code: 'ERR_WS_MESSAGE_TOO_LARGE',
    closeCode: 1009,
    bytes: (compress) => compress(Buffer.alloc(LIMITS.maxMessageBytes + 1, 'x')),
  },
  {
    what: 'Latin-1 inside',
    code: 'ERR_WS_BINARY_NOT_UTF8',
    closeCode: 1007,
    bytes: (compress) => compress(Buffer.of(0x61, 0xe9)),
  },
]

/** A block of a type that there is not, where the first block begins: behind the header of gzip or zlib, if it has one. */
function damaged(compressed: Buffer): Buffer {
  compressed[compressed[0] === 0x1f ? 10 : compressed[0] === 0x78 ? 2 : 0] = 0x07
  return compressed
}

const casesOf = (kind: Kind): readonly ContractCase[] => [
  contractCase(`inflateBinary '${kind}': binary messages become text, text stays`, async (scene) => {
    const { log, link, peer } = await scene.open({ inflateBinary: kind })
    const compress = KINDS[kind]
    const frames = TEXTS.flatMap((message) => [binary(compress(message)), text(message), ping('')])
    peer.send(Buffer.concat(frames))
    const whole = compress(ticker(9))
    peer.send(binary(whole.subarray(0, 7), { fin: false }))
    peer.send(Buffer.concat([ping('between'), continuation(whole.subarray(7, 8), { fin: false })]))
    peer.send(continuation(whole.subarray(8)))
    await scene.until(() => log.messages.length === TEXTS.length * 2 + 1, 'all messages')
    assert.deepEqual(log.texts, [...TEXTS.flatMap((message) => [message, message]), ticker(9)])
    assert.ok(log.messages.every(({ isText }) => isText))
    assert.deepEqual(
      log.messages.map(({ ascii }) => ascii),
      log.texts.map((message) => /^[\0-\x7f]*$/.test(message)),
    )
    // What we send is no business of it.
    link.offer(pattern(10))
    await scene.until(() => peer.frames.at(-1)?.opcode === 2, 'our frame')
    assert.ok(pattern(10).equals(peer.frames.at(-1)?.payload ?? pattern(1)))
  }),

  contractCase(`inflateBinary '${kind}': messages of exactly the limit are fine`, async (scene) => {
    const { log, peer } = await scene.open({ inflateBinary: kind })
    peer.send(binary(KINDS[kind](Buffer.alloc(LIMITS.maxMessageBytes, 'x'))))
    await scene.until(() => log.messages.length === 1, 'the message')
    assert.equal(log.messages[0]?.bytes.length, LIMITS.maxMessageBytes)
  }),

  ...VIOLATIONS.map(({ what, code, closeCode, bytes }) =>
    contractCase(`inflateBinary '${kind}': ${what}: ${code}`, async (scene) => {
      const compress = KINDS[kind]
      const open = await scene.open({ inflateBinary: kind })
      const before = [binary(compress('before')), ping('p'), text('and again')]
      const sent = Buffer.concat([...before, binary(bytes(compress)), text('after'), ping('after')])
      await expectRefused(scene, open, sent, code, closeCode)
    }),
  ),
]

export const inflateBinaryCases: readonly ContractCase[] = [
  ...(Object.keys(KINDS) as Kind[]).flatMap(casesOf),

  contractCase("inflateBinary 'gzip': several members are one text (RFC 1952 2.2)", async (scene) => {
    const { log, peer } = await scene.open({ inflateBinary: 'gzip' })
    peer.send(binary(Buffer.concat([gzipSync('one '), gzipSync(''), gzipSync('two')])))
    await scene.until(() => log.messages.length === 1, 'the message')
    assert.deepEqual(log.texts, ['one two'])
  }),

  contractCase('inflateBinary: inside permessage-deflate, too', async (scene) => {
    const open = await openDeflate(scene, undefined, { perMessageDeflate: OFFER, inflateBinary: 'gzip' })
    const deflate = new PeerDeflate()
    open.peer.send(Buffer.concat([await deflate.frame(gzipSync('twice')), await deflate.frame('once')]))
    await scene.until(() => open.log.messages.length === 2, 'both')
    assert.deepEqual(open.log.texts, ['twice', 'once'])
    deflate.close()
  }),
]
