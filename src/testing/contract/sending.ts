import assert from 'node:assert/strict'
import { SharedWsError } from '../../errors/errors.ts'
import { OFFER_CLOSED, type WsPayload } from '../../transport/transport.ts'
import type { ContractCase } from './environment.ts'
import { LENGTHS, pattern, text, textOf } from './frames.ts'
import { contractCase } from './scene.ts'

export const sendingCases: readonly ContractCase[] = [
  contractCase('text and binary of every length field arrive as sent', async (scene) => {
    const { link, peer } = await scene.open()
    let sequence = 0
    for (const length of LENGTHS) {
      const before = peer.frames.length
      assert.equal(link.offer(pattern(length)), ++sequence)
      await scene.until(() => peer.frames.length === before + 1, `${length} bytes of binary`)
      assert.equal(link.offer('x'.repeat(length)), ++sequence)
      await scene.until(() => peer.frames.length === before + 2, `${length} bytes of text`)
      const [first, second] = peer.frames.slice(before)
      assert.deepEqual([first?.opcode, first?.fin, second?.opcode, second?.fin], [2, true, 1, true])
      assert.ok(pattern(length).equals(first?.payload ?? pattern(1)), `${length} bytes`)
      assert.equal(second && textOf(second), 'x'.repeat(length))
    }
    await scene.until(() => link.queuedBytes === 0, 'an empty queue')
    assert.ok(link.bytesSent > 2 * LENGTHS.reduce((sum, length) => sum + length, 0))
  }),

  contractCase('binary says what a payload is sent as', async (scene) => {
    const { link, peer } = await scene.open()
    const writer = (into: Uint8Array): number => Buffer.from(into.buffer, into.byteOffset).write('writer')
    link.offer('text as binary', { binary: true })
    link.offer(Buffer.from('bytes as text'), { binary: false })
    link.offer(writer)
    link.offer(writer, { binary: true })
    await scene.until(() => peer.frames.length === 4, 'all frames')
    assert.deepEqual(
      peer.frames.map((frame) => [frame.opcode, textOf(frame)]),
      [
        [2, 'text as binary'],
        [1, 'bytes as text'],
        [1, 'writer'],
        [2, 'writer'],
      ],
    )
  }),

  contractCase('text is sent as UTF-8, unpaired surrogates as U+FFFD', async (scene) => {
    const { link, peer } = await scene.open()
    const samples = ['é€𝄞', '\u{10ffff}', '\0', '']
    for (const sample of samples) link.offer(sample)
    link.offer('a\ud800b')
    await scene.until(() => peer.frames.length === 5, 'all frames')
    assert.deepEqual(peer.frames.map(textOf), [...samples, 'a\ufffdb'])
  }),

  contractCase('bytes are copied before offer returns', async (scene) => {
    const { link, peer } = await scene.open()
    const bytes = pattern(50_000)
    link.offer(bytes, { more: true })
    bytes.fill(0)
    link.flush()
    await scene.until(() => peer.frames.length === 1, 'the frame')
    assert.ok(pattern(50_000).equals(peer.frames[0]?.payload ?? pattern(1)))
  }),

  contractCase('thousands of frames stay in order and reach delivery all', async (scene) => {
    const { link, peer } = await scene.open()
    const all = Array.from({ length: 3_000 }, (_, i) => `frame ${i} ${'.'.repeat(i % 200)}`)
    for (const [index, message] of all.entries()) {
      await scene.until(() => {
        const sequence = link.offer(message)
        if (sequence > 0) assert.equal(sequence, index + 1)
        return sequence > 0
      }, 'room')
    }
    await scene.until(() => peer.frames.length === all.length, 'all frames')
    assert.deepEqual(peer.frames.map(textOf), all)
    await scene.until(() => link.delivery(all.length) === 'all', 'delivery all')
    assert.equal(link.delivery(1), 'all')
    assert.equal(link.delivery(all.length + 1), 'none')
    assert.equal(link.withdraw(all.length), false)
    assert.equal(link.messagesSent, all.length)
  }),

  contractCase('more holds frames back until flush', async (scene) => {
    const { link, peer } = await scene.open()
    for (let i = 1; i <= 3; i++) assert.equal(link.offer(`${i}`, { more: true }), i)
    await scene.idle()
    assert.equal(peer.frames.length, 0)
    assert.equal(link.delivery(1), 'none')
    assert.ok(link.queuedBytes > 0)
    link.flush()
    await scene.until(() => peer.frames.length === 3, 'all three')
    assert.deepEqual(peer.frames.map(textOf), ['1', '2', '3'])
  }),

  contractCase('more ends with an offer without it', async (scene) => {
    const { link, peer } = await scene.open()
    link.offer('1', { more: true })
    link.offer('2')
    await scene.until(() => peer.frames.length === 2, 'both')
    assert.deepEqual(peer.frames.map(textOf), ['1', '2'])
  }),

  contractCase('a frame that more holds back can be withdrawn, and leaves no trace', async (scene) => {
    const { link, peer } = await scene.open()
    for (let i = 1; i <= 3; i++) link.offer(`${i}`, { more: true })
    assert.equal(link.withdraw(2), true)
    assert.equal(link.withdraw(2), false)
    assert.equal(link.withdraw(99), false)
    link.offer('4')
    await scene.until(() => peer.frames.length === 3, 'the others')
    await scene.idle(10)
    assert.deepEqual(peer.frames.map(textOf), ['1', '3', '4'])
    await scene.until(() => link.delivery(4) === 'all', 'delivery of the last')
    assert.equal(link.messagesSent, 3)
  }),

  contractCase('a writer fills the buffer, or asks for a larger one', async (scene) => {
    const { link, peer } = await scene.open()
    const sizes: number[] = []
    const wants = (size: number) => (into: Uint8Array) => {
      sizes.push(into.byteLength)
      if (into.byteLength < size) return -size
      into.set(pattern(size))
      return size
    }
    assert.equal(link.offer(wants(10), { binary: true }), 1)
    assert.equal(sizes.length, 1)
    assert.equal(link.offer(wants(500_000), { binary: true }), 2)
    assert.equal(sizes.length, 3)
    assert.ok((sizes[2] ?? 0) >= 500_000)
    assert.equal(
      link.offer(() => 0),
      3,
    )
    await scene.until(() => peer.frames.length === 3, 'all frames')
    assert.deepEqual(
      peer.frames.map(({ payload }) => payload.length),
      [10, 500_000, 0],
    )
    assert.ok(pattern(500_000).equals(peer.frames[1]?.payload ?? pattern(1)))
  }),

  contractCase('a writer may itself send', async (scene) => {
    const { link, peer } = await scene.open()
    const write = (into: Uint8Array, what: string): number => Buffer.from(into.buffer, into.byteOffset).write(what)
    link.offer((into) => {
      const length = write(into, 'outer')
      link.offer((inner) => write(inner, 'inner'))
      return length
    })
    await scene.until(() => peer.frames.length === 2, 'both')
    assert.deepEqual(peer.frames.map(textOf), ['inner', 'outer'])
  }),

  contractCase('a writer that breaks its contract is told so, and nothing is sent', async (scene) => {
    const { link, peer } = await scene.open()
    const returns: unknown[] = [Number.NaN, 1.5, 2 ** 40, -1, -(2 ** 40), undefined, '5', Promise.resolve(1), Infinity]
    for (const value of returns) {
      assert.throws(() => link.offer((() => value) as () => number), isSharedWsError, String(value))
    }
    let calls = 0
    const neverEnough = (into: Uint8Array): number => {
      calls++
      return -(into.byteLength + 1)
    }
    assert.throws(() => link.offer(neverEnough), isSharedWsError)
    assert.equal(calls, 2)
    const own = new Error('of the writer')
    assert.throws(
      () =>
        link.offer(() => {
          throw own
        }),
      (thrown) => thrown === own,
    )
    assert.equal(link.offer('still here'), 1)
    await scene.until(() => peer.frames.length === 1, 'the frame behind them')
    assert.deepEqual(peer.frames.map(textOf), ['still here'])
  }),

  contractCase('what is no payload is told so', async (scene) => {
    const { link } = await scene.open()
    for (const value of [undefined, null, 7, {}, [1], new ArrayBuffer(4), new Uint16Array(2)]) {
      assert.throws(() => link.offer(value as unknown as WsPayload), isSharedWsError)
    }
    assert.equal(link.offer('fine'), 1)
  }),

  contractCase('our own pings and pongs', async (scene) => {
    const { link, log, peer } = await scene.open()
    assert.equal(link.ping(Buffer.from('nonce')), 1)
    assert.equal(link.pong(new Uint8Array(0)), 1)
    assert.equal(link.ping(pattern(125)), 1)
    assert.throws(() => link.ping(pattern(126)), isSharedWsError)
    assert.throws(() => link.pong(pattern(126)), isSharedWsError)
    await scene.until(() => peer.frames.length === 3, 'all three')
    assert.deepEqual(
      peer.frames.map(({ opcode, payload }) => [opcode, payload.length]),
      [
        [9, 5],
        [10, 0],
        [9, 125],
      ],
    )
    assert.deepEqual([link.messagesSent, link.pongsSent], [0, 0])
    assert.equal(link.offer('data counts from one'), 1)
    peer.send(Buffer.concat([text('x')]))
    await scene.until(() => log.messages.length === 1, 'a message')
  }),

  contractCase('offering from inside onMessages and onPing answers in order', async (scene) => {
    const { link, log, peer } = await scene.open()
    log.inMessages = (batch) => {
      for (let i = 0; i < batch.length; i++) assert.ok(link.offer(`re: ${batch.at(i).text()}`) > 0)
    }
    const all = Array.from({ length: 300 }, (_, i) => `${i}`)
    peer.send(Buffer.concat(all.map((message) => text(message))))
    await scene.until(() => peer.frames.length === all.length, 'all answers')
    assert.deepEqual(
      peer.frames.map(textOf),
      all.map((message) => `re: ${message}`),
    )
  }),

  contractCase('a link that has ended takes nothing', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.end()
    await scene.until(() => log.cause !== undefined, 'onEnd')
    assert.equal(link.offer('late'), OFFER_CLOSED)
    assert.equal(link.ping(new Uint8Array(1)), OFFER_CLOSED)
    assert.equal(link.pong(new Uint8Array(1)), OFFER_CLOSED)
    assert.equal(link.withdraw(1), false)
    assert.equal(link.delivery(1), 'none')
    link.flush()
    link.pause()
    link.resume()
    link.close(1000, '', 1_000)
    link.drain()
  }),
]

function isSharedWsError(thrown: unknown): boolean {
  return thrown instanceof SharedWsError && thrown.code.startsWith('ERR_') && thrown.message.length > 20
}
