import assert from 'node:assert/strict'
import type { WsFrame } from '../../transport/frame.ts'
import type { WsBatch } from '../../transport/transport.ts'
import type { ContractCase } from './environment.ts'
import { binary, continuation, LENGTHS, pattern, ping, pong, text, textOf } from './frames.ts'
import { contractCase } from './scene.ts'

export const receivingCases: readonly ContractCase[] = [
  contractCase('text and binary messages of every length field', async (scene) => {
    const { log, peer } = await scene.open()
    for (const length of LENGTHS) {
      const before = log.messages.length
      peer.send(binary(pattern(length)))
      peer.send(text('x'.repeat(length)))
      await scene.until(() => log.messages.length === before + 2, `messages of ${length} bytes`)
      const [first, second] = log.messages.slice(before)
      assert.equal(first?.isText, false)
      assert.ok(pattern(length).equals(first?.bytes ?? pattern(1)), `bytes of a binary message of ${length}`)
      assert.equal(second?.isText, true)
      assert.equal(second?.text, 'x'.repeat(length))
    }
  }),

  contractCase('text in every range of UTF-8, and whether it is ASCII', async (scene) => {
    const { log, peer } = await scene.open()
    const samples = ['plain', '\u007f', 'é', 'ß€', '\ud7ff\ue000', '𝄞 \u{10ffff}', '\ufeffBOM', 'nul \0 inside', '']
    for (const sample of samples) peer.send(text(sample))
    peer.send(binary(Buffer.from('plain')))
    await scene.until(() => log.messages.length === samples.length + 1, 'all messages')
    assert.deepEqual(log.texts.slice(0, -1), samples)
    const ascii = [true, true, false, false, false, false, false, true, true, false]
    assert.deepEqual(
      log.messages.map((message) => message.ascii),
      ascii,
    )
  }),

  contractCase('thousands of messages stay in order', async (scene) => {
    const { log, peer } = await scene.open()
    const all = Array.from({ length: 5_000 }, (_, i) => `message ${i} ${'.'.repeat(i % 300)}`)
    for (let i = 0; i < all.length; i += 500) peer.send(Buffer.concat(all.slice(i, i + 500).map((m) => text(m))))
    await scene.until(() => log.messages.length === all.length, 'all messages')
    assert.deepEqual(log.texts, all)
  }),

  contractCase('messages that arrive together come in one batch', async (scene) => {
    const { log, peer } = await scene.open()
    peer.send(Buffer.concat(Array.from({ length: 20 }, (_, i) => text(`${i}`))))
    await scene.until(() => log.messages.length === 20, 'all messages')
    assert.ok(log.batches < 20, `${log.batches} batches for 20 messages of one write`)
  }),

  contractCase('a stream in single bytes means the same', async (scene) => {
    const { log, peer } = await scene.open()
    const stream = Buffer.concat([
      text('whole'),
      text('fräg', { fin: false }),
      ping('p'),
      continuation('ments €'),
      binary(pattern(300)),
      text(''),
    ])
    for (const byte of stream) {
      peer.send(Buffer.of(byte))
      await scene.idle(1)
    }
    await scene.until(() => log.messages.length === 4, 'all messages')
    assert.deepEqual(log.texts.slice(0, 2), ['whole', 'frägments €'])
    assert.ok(pattern(300).equals(log.messages[2]?.bytes ?? pattern(1)))
    assert.deepEqual(log.kinds, ['open', 'message', 'ping', 'message', 'message', 'message'])
  }),

  contractCase('fragments are joined, control frames between them told at once', async (scene) => {
    const { log, peer } = await scene.open()
    const euro = Buffer.from('€')
    peer.send(
      Buffer.concat([
        text('', { fin: false }),
        continuation('a', { fin: false }),
        ping('one'),
        // A character may be cut by a fragment's end.
        continuation(euro.subarray(0, 1), { fin: false }),
        pong('two'),
        continuation('', { fin: false }),
        continuation(euro.subarray(1), { fin: false }),
        continuation(''),
      ]),
    )
    for (let i = 0; i < 500; i++)
      peer.send(i === 0 ? binary(pattern(7), { fin: false }) : continuation(pattern(7), { fin: i === 499 }))
    await scene.until(() => log.messages.length === 2, 'both messages')
    assert.deepEqual(log.kinds, ['open', 'ping', 'pong', 'message', 'message'])
    assert.equal(log.texts[0], 'a€')
    assert.equal(log.messages[1]?.bytes.length, 3_500)
  }),

  contractCase('pings are answered with their payload and told in order with messages', async (scene) => {
    const { link, log, peer } = await scene.open()
    const longest = 'x'.repeat(125)
    const pongsSent: number[] = []
    log.inPing = () => pongsSent.push(link.pongsSent)
    peer.send(Buffer.concat([text('1'), ping(''), text('2'), text('3'), pong('p'), text('4')]))
    await scene.until(() => peer.frames.length === 1 && log.messages.length === 4, 'the first pong')
    peer.send(ping(longest))
    await scene.until(() => peer.frames.length === 2, 'the second pong')
    assert.deepEqual(
      peer.frames.map((frame) => [frame.opcode, textOf(frame)]),
      [
        [10, ''],
        [10, longest],
      ],
    )
    await scene.until(() => log.kinds.length === 8, 'all events')
    assert.deepEqual(log.kinds, ['open', 'message', 'ping', 'message', 'message', 'pong', 'message', 'ping'])
    const payloads = log.events.flatMap((event) => ('payload' in event ? [Buffer.from(event.payload).toString()] : []))
    assert.deepEqual(payloads, ['', 'p', longest])
    assert.deepEqual(pongsSent, [1, 2])
  }),

  contractCase('a frame is borrowed: afterwards it throws, and copies stand', async (scene) => {
    const { log, peer } = await scene.open()
    let batch: WsBatch | undefined
    let frame: WsFrame | undefined
    let copy: Uint8Array | undefined
    log.inMessages = (lent) => {
      batch = lent
      frame = lent.at(0)
      assert.equal(lent.at(0), frame)
      assert.equal(frame.byteLength, 9)
      assert.equal(frame.at(0), 'k'.charCodeAt(0))
      assert.equal(Buffer.from(frame.bytes()).toString(), 'keep "me"')
      assert.throws(() => frame?.at(9), RangeError)
      assert.throws(() => frame?.at(-1), RangeError)
      assert.throws(() => lent.at(lent.length), RangeError)
      copy = frame.copy()
    }
    peer.send(text('keep "me"'))
    await scene.until(() => copy !== undefined, 'the message')
    log.inMessages = () => {}
    for (let i = 0; i < 50; i++) peer.send(text('overwrite'))
    await scene.until(() => log.messages.length === 51, 'more messages')
    assert.equal(Buffer.from(copy ?? []).toString(), 'keep "me"')
    const accesses: ((of: WsFrame) => unknown)[] = [
      (of) => of.byteLength,
      (of) => of.isText,
      (of) => of.ascii,
      (of) => of.receivedAtUs,
      (of) => of.receivedMonoUs,
      (of) => of.receivedAtIsUpperBound,
      (of) => of.at(0),
      (of) => of.bytes(),
      (of) => of.copy(),
      (of) => of.text(),
      (of) => of.json(),
    ]
    for (const access of accesses) assert.throws(() => access(frame as WsFrame), { code: 'ERR_FRAME_RELEASED' })
    assert.throws(() => batch?.at(0), { code: 'ERR_FRAME_RELEASED' })
    assert.equal(batch?.length, 0)
  }),

  contractCase('drain delivers what the socket holds before it returns', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.send(Buffer.concat([text('held'), ping('too')]))
    assert.equal(link.drain(), scene.traits.drains)
    if (scene.traits.drains) assert.deepEqual(log.kinds, ['open', 'message', 'ping'])
    await scene.until(() => log.kinds.length === 3, 'the events, in any case')
    assert.deepEqual(log.kinds, ['open', 'message', 'ping'])
    assert.equal(link.drain(), scene.traits.drains)
  }),

  contractCase('drain delivers all that the socket holds, however many messages that are', async (scene) => {
    const { link, log, peer } = await scene.open()
    const many = 20_000
    peer.send(Buffer.concat([...Array.from({ length: many }, () => text('')), text('answer')]))
    assert.equal(link.drain(), scene.traits.drains)
    if (scene.traits.drains) assert.equal(log.messages.length, many + 1)
    await scene.until(() => log.messages.length === many + 1, 'the messages, in any case')
    assert.equal(log.messages.at(-1)?.text, 'answer')
  }),

  contractCase('drain reads nothing from inside a delivery', async (scene) => {
    const { link, log, peer } = await scene.open()
    const drained: boolean[] = []
    log.inMessages = () => drained.push(link.drain())
    peer.send(text('1'))
    await scene.until(() => log.messages.length === 1, 'the message')
    assert.deepEqual(drained, [false])
  }),

  contractCase('a paused link reads nothing, a resumed one loses nothing', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.send(text('before'))
    await scene.until(() => log.messages.length === 1, 'the first message')
    link.pause()
    const all = Array.from({ length: 200 }, (_, i) => `${i} ${'.'.repeat(1_000)}`)
    for (const message of all) peer.send(text(message))
    await scene.idle()
    assert.equal(log.messages.length, 1)
    assert.equal(link.offer('sending goes on'), 1)
    await scene.until(() => peer.frames.length === 1, 'our frame')
    link.resume()
    await scene.until(() => log.messages.length === 201, 'the rest')
    assert.deepEqual(log.texts.slice(1), all)
  }),

  contractCase('pausing and resuming inside onMessages is safe', async (scene) => {
    const { link, log, peer } = await scene.open()
    log.inMessages = () => {
      link.pause()
      link.resume()
      if (log.batches % 2 === 0) link.pause()
    }
    let sent = 0
    for (; sent < 40; sent++) {
      peer.send(text(`${sent}`))
      await scene.idle(1)
      link.resume()
    }
    await scene.until(() => {
      link.resume()
      return log.messages.length === sent
    }, 'all messages')
    assert.deepEqual(
      log.texts,
      Array.from({ length: sent }, (_, i) => `${i}`),
    )
  }),
]
