import assert from 'node:assert/strict'
import type { Message } from './compression.ts'
import { PeerDeflate, ticker } from './compression.ts'
import { OFFER, openDeflate } from './deflate.ts'
import type { ContractCase } from './environment.ts'
import { close, closeOf, LENGTHS, pattern, ping, textOf } from './frames.ts'
import { contractCase, type OpenScene, type Scene } from './scene.ts'

const COMPRESS = { thresholdBytes: 0, level: 6, memLevel: 8 }

const open = (scene: Scene, answer?: string, compress = COMPRESS): Promise<OpenScene> =>
  openDeflate(scene, answer, { perMessageDeflate: { ...OFFER, compress } })

async function expectSent(
  scene: Scene,
  { peer }: OpenScene,
  inflate: PeerDeflate,
  messages: readonly Message[],
): Promise<number> {
  await scene.until(() => peer.frames.length === messages.length, 'all frames')
  let wireBytes = 0
  for (const [i, frame] of [...peer.frames].entries()) {
    const message = messages[i] as Message
    assert.deepEqual([frame.opcode, frame.fin], [typeof message === 'string' ? 1 : 2, true])
    // Uncompressed is always allowed; whatever compresses well is expected to be.
    const payload = frame.compressed ? await inflate.decompress(frame) : Buffer.from(frame.payload)
    assert.ok(Buffer.from(message as Uint8Array).equals(payload), `message ${i}`)
    wireBytes += frame.payload.length
  }
  return wireBytes
}

const TICKERS = Array.from({ length: 100 }, (_, i) => ticker(i))
const PLAIN_BYTES = TICKERS.reduce((sum, message) => sum + message.length, 0)

export const deflateSendingCases: readonly ContractCase[] = [
  contractCase('deflate: nothing is compressed unless asked for', async (scene) => {
    const { link, peer } = await openDeflate(scene)
    link.offer('x'.repeat(5000))
    await scene.until(() => peer.frames.length === 1, 'the frame')
    assert.deepEqual([peer.frames[0]?.compressed, peer.frames[0]?.payload.length], [false, 5000])
  }),

  contractCase('deflate: what we send is compressed from the threshold on', async (scene) => {
    const opened = await open(scene, 'permessage-deflate', { ...COMPRESS, thresholdBytes: 100 })
    const { link, peer } = opened
    assert.deepEqual(opened.log.opened?.perMessageDeflate?.compress, { ...COMPRESS, thresholdBytes: 100 })
    const inflate = new PeerDeflate()
    for (const length of [99, 100, 98, 101, 0, 5000]) {
      link.offer('x'.repeat(length))
      link.offer('€'.repeat(Math.ceil(length / 3)), { binary: true })
    }
    link.ping(Buffer.from('x'.repeat(120)))
    await scene.until(() => peer.frames.length === 13, 'all frames')
    const data = peer.frames.filter(({ opcode }) => opcode < 8)
    const sent: [number, boolean][] = []
    for (const frame of data) {
      const payload = frame.compressed ? await inflate.decompress(frame) : Buffer.from(frame.payload)
      const expected = (frame.opcode === 1 ? 'x' : '€').repeat(5001)
      assert.equal(payload.toString(), expected.slice(0, frame.opcode === 1 ? payload.length : payload.length / 3))
      sent.push([payload.length, frame.compressed])
    }
    const expected = [99, 99, 100, 102, 98, 99, 101, 102, 0, 0, 5000, 5001].map((n) => [n, n >= 100])
    assert.deepEqual(sent, expected)
    inflate.close()
  }),

  contractCase('deflate: our context is kept from message to message', async (scene) => {
    const opened = await open(scene)
    const inflate = new PeerDeflate()
    for (const message of TICKERS) opened.link.offer(message)
    const wireBytes = await expectSent(scene, opened, inflate, TICKERS)
    assert.ok(wireBytes < PLAIN_BYTES / 3, `${wireBytes} of ${PLAIN_BYTES} bytes`)
    assert.ok(opened.link.bytesSent < PLAIN_BYTES / 2, `${opened.link.bytesSent} bytes sent`)
    inflate.close()
  }),

  contractCase('deflate: our context is dropped when the server says so, or we do', async (scene) => {
    const answer = 'permessage-deflate; client_no_context_takeover'
    const ours = { ...OFFER, compress: COMPRESS, clientNoContextTakeover: true }
    const opened = [await open(scene, answer), await openDeflate(scene, undefined, { perMessageDeflate: ours })]
    for (const one of opened) {
      const inflate = new PeerDeflate({ takeover: false })
      for (const message of TICKERS) one.link.offer(message)
      await expectSent(scene, one, inflate, TICKERS)
      inflate.close()
    }
  }),

  contractCase('deflate: our window is no larger than the server allows', async (scene) => {
    // Repeats at a distance that fits only the larger windows.
    const far = pattern(600).toString('base64')
    for (const windowBits of [9, 10, 12, 15]) {
      for (const suffix of ['', '; client_no_context_takeover']) {
        const opened = await open(scene, `permessage-deflate; client_max_window_bits=${windowBits}${suffix}`)
        const inflate = new PeerDeflate({ windowBits, takeover: suffix === '' })
        const messages = [far, far, pattern(5000), far.repeat(20), ticker(1), '', far]
        for (const message of messages) opened.link.offer(message)
        await expectSent(scene, opened, inflate, messages)
        inflate.close()
      }
    }
  }),

  contractCase('deflate: a server that wants a window of 8 gets uncompressed messages', async (scene) => {
    const { link, log, peer } = await open(scene, 'permessage-deflate; client_max_window_bits=8')
    assert.deepEqual(log.opened?.perMessageDeflate?.compress, undefined)
    for (const message of TICKERS) link.offer(message)
    await scene.until(() => peer.frames.length === TICKERS.length, 'all frames')
    assert.deepEqual(peer.frames.map(textOf), TICKERS)
    assert.ok(peer.frames.every(({ compressed }) => !compressed))
  }),

  contractCase('deflate: every length field, compressible or not, held back or not', async (scene) => {
    const opened = await open(scene)
    const inflate = new PeerDeflate()
    const sent: Message[] = []
    for (const length of LENGTHS) {
      for (const message of ['x'.repeat(length), pattern(length)]) {
        sent.push(message)
        opened.link.offer(message, { more: true })
        opened.link.flush()
        await scene.until(() => opened.peer.frames.length === sent.length, `${length} bytes`)
        await scene.until(() => opened.link.delivery(sent.length) === 'all', 'word of it')
      }
    }
    await expectSent(scene, opened, inflate, sent)
    inflate.close()
  }),

  contractCase('deflate: frames that are withdrawn leave our context whole', async (scene) => {
    const opened = await open(scene)
    const { link, peer } = opened
    const inflate = new PeerDeflate()
    const payload = (i: number): string => `${i} ${pattern(6000, i).toString('base64')}`
    peer.stopReading()
    const sent = new Map<number, string>()
    for (let i = 1; i < 5000; i++) {
      const sequence = link.offer(payload(i))
      if (sequence <= 0) break
      sent.set(sequence, payload(i))
      if (i % 16 === 0) await scene.idle(1)
    }
    for (const sequence of [...sent.keys()].reverse().filter((_, i) => i % 2 === 0)) {
      if (link.withdraw(sequence)) sent.delete(sequence)
    }
    peer.startReading()
    await expectSent(scene, opened, inflate, [...sent.values()])
    inflate.close()
  }),

  contractCase('deflate: pongs go between, and a close behind, what is compressed', async (scene) => {
    const { link, log, peer } = await open(scene)
    const inflate = new PeerDeflate()
    log.inPing = () => {
      link.offer(ticker(2))
      link.close(4001, 'bye', 10_000)
    }
    link.offer(ticker(1))
    peer.send(ping('p'))
    await scene.until(() => peer.frames.at(-1)?.opcode === 8, 'our CLOSE')
    assert.deepEqual(
      peer.frames.map(({ opcode }) => opcode),
      [1, 10, 1, 8],
    )
    const [first, , second, last] = peer.frames
    for (const [i, frame] of [first, second].entries()) {
      assert.ok(frame)
      assert.equal((await inflate.decompress(frame)).toString(), ticker(i + 1))
    }
    assert.ok(last)
    assert.deepEqual(closeOf(last), { code: 4001, reason: 'bye' })
    peer.send(close(4001, 'bye'))
    peer.end()
    inflate.close()
  }),
]
