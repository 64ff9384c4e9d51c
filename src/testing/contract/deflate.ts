import assert from 'node:assert/strict'
import { constants } from 'node:zlib'
import type { WsDeflateOffer } from '../../connect/permessage-deflate.ts'
import { compressed, fragmented, type Message, opcodeOf, PeerDeflate, ticker } from './compression.ts'
import type { ContractCase } from './environment.ts'
import { binary, continuation, LENGTHS, pattern, ping, pong, text } from './frames.ts'
import { contractCase, LIMITS, type OpenScene, type RequestOverrides, type Scene } from './scene.ts'

export const OFFER: WsDeflateOffer = {
  serverNoContextTakeover: false,
  clientNoContextTakeover: false,
  serverMaxWindowBits: undefined,
  clientMaxWindowBits: true,
  compress: undefined,
  required: false,
}

const EXTENSIONS = 'Sec-WebSocket-Extensions'
/** An open link that has agreed on `answer`. */
export function openDeflate(
  scene: Scene,
  answer = 'permessage-deflate',
  overrides: RequestOverrides = {},
): Promise<OpenScene> {
  const headers: [string, string][] = [[EXTENSIONS, answer]]
  return scene.open({ perMessageDeflate: OFFER, ...overrides }, { kind: 'accept', headers })
}

/** Of these payloads and types, in this order, and no more. */
export async function expectMessages(scene: Scene, { log }: OpenScene, messages: readonly Message[]): Promise<void> {
  await scene.until(() => log.messages.length >= messages.length, `${messages.length} messages`)
  assert.equal(log.messages.length, messages.length)
  for (const [i, expected] of messages.entries()) {
    const received = log.messages[i]
    assert.equal(received?.isText, typeof expected === 'string', `type of message ${i}`)
    assert.ok(Buffer.from(expected as Uint8Array).equals(received?.bytes ?? pattern(3)), `bytes of message ${i}`)
  }
}

const MIXED: readonly Message[] = [
  ...Array.from({ length: 20 }, (_, i) => ticker(i)),
  '',
  'é€𝄞 not only ASCII',
  pattern(3000),
  new Uint8Array(0),
  ticker(20),
  // Longer than any window, so that it slides.
  Array.from({ length: 1000 }, (_, i) => ticker(i)).join('\n'),
  ticker(999),
]

export const deflateCases: readonly ContractCase[] = [
  contractCase('deflate: it is offered as asked, and onOpen tells what came of it', async (scene) => {
    const answer = 'permessage-deflate; server_max_window_bits=12; client_no_context_takeover'
    const { log, peer } = await openDeflate(scene, answer)
    const offered = peer.requestHeader('sec-websocket-extensions')
    assert.equal(offered, 'permessage-deflate; client_max_window_bits')
    assert.deepEqual(log.opened?.perMessageDeflate, {
      serverNoContextTakeover: false,
      serverMaxWindowBits: 12,
      clientNoContextTakeover: true,
      clientMaxWindowBits: 15,
      compress: undefined,
    })
  }),

  contractCase('deflate: a server may decline, and then RSV1 is a violation', async (scene) => {
    const open = await scene.open({ perMessageDeflate: OFFER })
    assert.equal(open.log.opened?.perMessageDeflate, undefined)
    open.peer.send(Buffer.concat([text('plain'), compressed(1, Buffer.of(0))]))
    const cause = await scene.ended(open)
    assert.equal(cause.code, 'ERR_WS_RESERVED_BITS')
    assert.deepEqual(open.log.texts, ['plain'])
  }),

  contractCase('deflate: an answer that does not fit the offer fails the upgrade', async (scene) => {
    const answers: [string, string][] = [
      ['permessage-deflate, permessage-deflate', 'ERR_UPGRADE_EXTENSION_DUPLICATE'],
      ['permessage-deflate; server_max_window_bits=16', 'ERR_UPGRADE_DEFLATE_VALUE'],
      ['x-other', 'ERR_UPGRADE_EXTENSION'],
    ]
    for (const [answer, code] of answers) {
      const peer = await scene.listen({ kind: 'accept', headers: [[EXTENSIONS, answer]] })
      const watched = scene.connect(peer.url, { perMessageDeflate: OFFER })
      const cause = await scene.ended(watched)
      assert.ok(cause.kind === 'handshake-failed' && cause.stage === 'upgrade', `${answer}: ${cause.kind}`)
      assert.equal(cause.code, code)
      assert.deepEqual(watched.log.kinds, ['end'])
    }
  }),

  ...[true, false].map((takeover) =>
    contractCase(
      `deflate: text, binary and empty messages, context ${takeover ? 'kept' : 'dropped'}`,
      async (scene) => {
        const answer = takeover ? 'permessage-deflate' : 'permessage-deflate; server_no_context_takeover'
        const open = await openDeflate(scene, answer)
        const deflate = new PeerDeflate({ takeover })
        const frames: Buffer[] = []
        for (const message of MIXED) frames.push(await deflate.frame(message))
        open.peer.send(Buffer.concat(frames))
        await expectMessages(scene, open, MIXED)
        const ascii = open.log.messages.filter(({ isText }) => isText).map((message) => message.ascii)
        assert.deepEqual([ascii[0], ascii[21]], [true, false])
        deflate.close()
      },
    ),
  ),

  contractCase('deflate: every window that a server may choose', async (scene) => {
    for (let windowBits = 8; windowBits <= 15; windowBits++) {
      const open = await openDeflate(scene, `permessage-deflate; server_max_window_bits=${windowBits}`)
      // zlib's smallest is 9, so that with 8 each message has a context of its own, and is short.
      const deflate = new PeerDeflate({ windowBits, takeover: windowBits > 8 })
      const messages = windowBits > 8 ? MIXED : [ticker(1).repeat(2), ticker(2), '']
      const frames: Buffer[] = []
      for (const message of messages) frames.push(await deflate.frame(message))
      open.peer.send(Buffer.concat(frames))
      await expectMessages(scene, open, messages)
      deflate.close()
    }
  }),

  contractCase('deflate: every length field, compressible or not', async (scene) => {
    const open = await openDeflate(scene)
    const deflate = new PeerDeflate()
    const sent: Message[] = []
    for (const length of LENGTHS) {
      for (const message of ['x'.repeat(length), pattern(length)]) {
        sent.push(message)
        open.peer.send(await deflate.frame(message))
      }
    }
    await expectMessages(scene, open, sent)
    deflate.close()
  }),

  contractCase('deflate: fragments of any size, control frames between them', async (scene) => {
    const open = await openDeflate(scene)
    const deflate = new PeerDeflate()
    const sent: Message[] = []
    for (const size of [1, 2, 3, 7, 100, 65_536]) {
      for (const message of [ticker(size), pattern(300, size), Array.from({ length: 5 }, (_, i) => ticker(i)).join()]) {
        sent.push(message)
        open.peer.send(fragmented(opcodeOf(message), await deflate.compress(message), size))
      }
    }
    const payload = await deflate.compress(ticker(3))
    open.peer.send(fragmented(1, payload, Math.ceil(payload.length / 2), Buffer.concat([ping('in'), pong('between')])))
    // An empty first and an empty last fragment.
    const last = await deflate.compress('empty at both ends')
    const ends = [
      compressed(1, Buffer.alloc(0), { fin: false }),
      continuation(last, { fin: false }),
      continuation(Buffer.alloc(0)),
    ]
    open.peer.send(Buffer.concat(ends))
    await expectMessages(scene, open, [...sent, ticker(3), 'empty at both ends'])
    assert.deepEqual(open.log.kinds.slice(-4), ['ping', 'pong', 'message', 'message'])
    deflate.close()
  }),

  contractCase('deflate: uncompressed messages among compressed ones leave the context alone', async (scene) => {
    const open = await openDeflate(scene)
    const deflate = new PeerDeflate()
    const sent: Message[] = []
    const frames: Buffer[] = []
    for (let i = 0; i < 30; i++) {
      const message = ticker(i)
      sent.push(message)
      if (i % 3 === 0) frames.push(text(message))
      else if (i % 3 === 1) frames.push(await deflate.frame(message))
      else frames.push(text(message.slice(0, 9), { fin: false }), ping(''), continuation(message.slice(9)))
    }
    open.peer.send(Buffer.concat(frames))
    await expectMessages(scene, open, sent)
    deflate.close()
  }),

  contractCase('deflate: a stream in single bytes means the same', async (scene) => {
    const open = await openDeflate(scene)
    const deflate = new PeerDeflate()
    const stream = Buffer.concat([
      await deflate.frame('one'),
      fragmented(2, await deflate.compress(pattern(20)), 4, ping('p')),
      text('plain'),
      await deflate.frame('one'),
    ])
    for (const byte of stream) {
      open.peer.send(Buffer.of(byte))
      await scene.idle(1)
    }
    await expectMessages(scene, open, ['one', pattern(20), 'plain', 'one'])
    deflate.close()
  }),

  contractCase('deflate: stored, fixed and final blocks, and several of them in a message', async (scene) => {
    const open = await openDeflate(scene)
    // The examples of RFC 7692 7.2.3: one block, context taken over, stored, with BFINAL set, and two blocks.
    const examples = [
      'f248cdc9c90700',
      'f200110000',
      '000500faff48656c6c6f00',
      'f348cdc9c9070000',
      'f24805000000ffffcac9c90700',
    ]
    for (const hex of examples) open.peer.send(compressed(1, Buffer.from(hex, 'hex')))
    const stored = new PeerDeflate({ level: 0, takeover: false })
    open.peer.send(await stored.frame(pattern(70_000)))
    const flushed = new PeerDeflate({ takeover: false })
    const first = await flushed.compress('one ', constants.Z_FULL_FLUSH)
    const two = Buffer.concat([first, Buffer.of(0, 0, 0xff, 0xff), await flushed.compress('two')])
    open.peer.send(compressed(1, two))
    await expectMessages(scene, open, [...examples.map(() => 'Hello'), pattern(70_000), 'one two'])
    stored.close()
    flushed.close()
  }),

  contractCase('deflate: messages of exactly the limit are fine, sent large or small', async (scene) => {
    const open = await openDeflate(scene)
    const deflate = new PeerDeflate({ takeover: false })
    const largest = Buffer.alloc(LIMITS.maxMessageBytes)
    open.peer.send(await deflate.frame(largest))
    open.peer.send(fragmented(2, await deflate.compress(largest), 100))
    open.peer.send(binary(largest))
    // Longer as it is sent than what it holds.
    const stored = new PeerDeflate({ level: 0, takeover: false })
    open.peer.send(fragmented(2, await stored.compress(largest), 500_000))
    await expectMessages(scene, open, [largest, largest, largest, largest])
    deflate.close()
    stored.close()
  }),
]
