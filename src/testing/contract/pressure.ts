import assert from 'node:assert/strict'
import { OFFER_CLOSED, OFFER_FULL, type WsDelivery, type WsLink } from '../../transport/transport.ts'
import type { ContractCase } from './environment.ts'
import { ping, textOf } from './frames.ts'
import type { LinkLog } from './link-log.ts'
import { contractCase, LIMITS, type Scene } from './scene.ts'

const CHUNK = 8 * 1024
/** More than any kernel buffers on a loopback connection. */
const MOST_FRAMES = 16_384

const frame = (sequence: number): string => `${sequence} `.padEnd(CHUNK, '.')
const numberOf = (text: string): number => Number.parseInt(text, 10)

const writables = ({ kinds }: LinkLog): number => kinds.filter((kind) => kind === 'writable').length

/**
 * Offers until the link is full; returns the last sequence number it took. `sent` have been offered before. The peer must
 * have stopped reading.
 */
async function fill(scene: Scene, link: WsLink, sent = 0): Promise<number> {
  for (let taken = sent; taken < MOST_FRAMES; taken++) {
    const sequence = link.offer(frame(taken + 1))
    if (sequence === OFFER_FULL) {
      // A kernel may still be making room of its own accord: full means full a moment later too.
      await scene.idle(5)
      if (link.offer(frame(taken + 1)) === OFFER_FULL) return taken
      continue
    }
    assert.equal(sequence, taken + 1)
    if (taken % 64 === 0) await scene.idle(1)
  }
  return assert.fail(`still not full after ${MOST_FRAMES} frames of ${CHUNK} bytes`)
}

export const pressureCases: readonly ContractCase[] = [
  contractCase('a full link says so, then onWritable; nothing is lost', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.stopReading()
    const taken = await fill(scene, link)
    assert.ok(link.queuedBytes > 0 && link.queuedBytes <= LIMITS.maxLinkBytes + CHUNK, `${link.queuedBytes} queued`)
    const before = writables(log)
    peer.startReading()
    await scene.until(() => writables(log) > before, 'onWritable')
    assert.equal(link.offer(frame(taken + 1)), taken + 1)
    await scene.until(() => peer.frames.length === taken + 1, 'all frames')
    assert.deepEqual(
      peer.frames.map((received) => numberOf(textOf(received))),
      Array.from({ length: taken + 1 }, (_, i) => i + 1),
    )
    await scene.until(() => link.queuedBytes === 0 && link.delivery(taken + 1) === 'all', 'everything delivered')
  }),

  contractCase('onWritable comes once for a full link, and not for one that never was', async (scene) => {
    const { link, log, peer } = await scene.open()
    link.offer('small')
    await scene.idle()
    assert.equal(writables(log), 0)
    peer.stopReading()
    await fill(scene, link, 1)
    // While it was filling, a kernel may have made room once or twice.
    const before = writables(log)
    peer.startReading()
    await scene.until(() => link.queuedBytes === 0, 'an empty queue')
    await scene.idle()
    assert.equal(writables(log), before + 1)
  }),

  contractCase('what waits can be withdrawn, and then never arrives', async (scene) => {
    const { link, peer } = await scene.open()
    peer.stopReading()
    const taken = await fill(scene, link)
    assert.equal(link.delivery(taken), 'none')
    const withdrawn = new Set<number>()
    for (const sequence of [taken, taken - 2]) {
      if (link.withdraw(sequence)) withdrawn.add(sequence)
    }
    assert.ok(withdrawn.has(taken), 'the last frame of a full link has not begun')
    // A peer that stalls from the first byte (the mock can) leaves even that one to be withdrawn.
    if (link.delivery(1) !== 'none') assert.equal(link.withdraw(1), false)
    peer.startReading()
    await scene.until(() => peer.frames.length === taken - withdrawn.size, 'the others')
    await scene.idle()
    const expected = Array.from({ length: taken }, (_, i) => i + 1).filter((sequence) => !withdrawn.has(sequence))
    assert.deepEqual(
      peer.frames.map((received) => numberOf(textOf(received))),
      expected,
    )
    await scene.until(() => link.messagesSent === expected.length, 'a count of those that were sent')
  }),

  contractCase('withdrawing makes room, and says so', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.stopReading()
    const taken = await fill(scene, link)
    const before = writables(log)
    for (let sequence = taken; link.withdraw(sequence); sequence--);
    await scene.until(() => writables(log) > before, 'onWritable')
    assert.equal(link.offer('fits again'), taken + 1)
  }),

  contractCase('a frame larger than the bound is taken when nothing waits', async (scene) => {
    const { link, peer } = await scene.open()
    const large = 'x'.repeat(3 * LIMITS.maxLinkBytes)
    assert.equal(link.offer(large), 1)
    await scene.until(() => peer.frames.length === 1, 'the frame')
    await scene.until(() => link.queuedBytes === 0, 'an empty queue')
    assert.equal(link.offer(large), 2)
    await scene.until(() => peer.frames.length === 2, 'the second')
  }),

  contractCase('pings are answered while the peer reads nothing, within a bound', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.stopReading()
    const taken = await fill(scene, link)
    for (let i = 0; i < 2_000; i++) peer.send(ping(`${i}`))
    await scene.until(() => log.kinds.filter((kind) => kind === 'ping').length === 2_000, 'all pings')
    assert.ok(link.queuedBytes <= 3 * LIMITS.maxLinkBytes, `${link.queuedBytes} bytes queued`)
    peer.startReading()
    await scene.until(() => peer.frames.filter(({ opcode }) => opcode === 1).length === taken, 'all frames')
    await scene.until(() => peer.frames.some((f) => f.opcode === 10 && textOf(f) === '1999'), 'the latest pong')
  }),

  contractCase('after a drop, delivery tells what can be resent', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.stopReading()
    const taken = await fill(scene, link)
    peer.reset()
    await scene.until(() => log.cause !== undefined, 'onEnd')
    const order: WsDelivery[] = ['all', 'part', 'unknown', 'none']
    let reached = 0
    for (let sequence = 1; sequence <= taken; sequence++) {
      const delivery = link.delivery(sequence)
      assert.ok(order.indexOf(delivery) >= reached, `frame ${sequence}: ${delivery} behind ${order[reached]}`)
      reached = order.indexOf(delivery)
      if (scene.traits.exactDelivery) assert.notEqual(delivery, 'unknown')
    }
    assert.equal(link.delivery(taken), 'none')
    const sent = Array.from({ length: taken }, (_, i) => link.delivery(i + 1)).filter((delivery) => delivery === 'all')
    assert.equal(link.messagesSent, sent.length)
    assert.equal(link.offer('late'), OFFER_CLOSED)
  }),

  contractCase('a close behind a stalled queue ends at its deadline', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.stopReading()
    const taken = await fill(scene, link)
    link.close(1000, '', 30)
    await scene.until(() => log.cause !== undefined, 'onEnd')
    assert.equal(log.cause?.kind, 'local-stop')
    assert.equal(log.cause?.code, 'ERR_CLOSE_TIMEOUT')
    assert.equal(link.delivery(taken), 'none')
  }),

  contractCase('a close waits for the queue in front of it', async (scene) => {
    const { link, log, peer } = await scene.open()
    peer.stopReading()
    const taken = await fill(scene, link)
    link.close(1000, 'behind all of it', 10_000)
    assert.equal(link.offer('too late'), OFFER_CLOSED)
    peer.startReading()
    await scene.until(() => peer.frames.at(-1)?.opcode === 8, 'our CLOSE')
    assert.equal(peer.frames.length, taken + 1)
    peer.end()
    await scene.until(() => log.cause !== undefined, 'onEnd')
    assert.equal(link.delivery(taken), 'all')
  }),
]
