import { describe, expect, it } from 'vitest'
import { WsConfigError } from '../../../src/errors/errors.ts'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { WsFrame } from '../../../src/transport/frame.ts'
import { MessageBatch } from '../../../src/transport/message-batch.ts'
import type { WsPayload } from '../../../src/transport/transport.ts'

const MS = 1000

/** A link that takes what it is told to. */
function fakeLink() {
  const link = {
    pings: [] as Uint8Array[],
    sent: [] as WsPayload[],
    takes: true,
    bytesSent: 0,
    queuedBytes: 0,
    bytesReceived: 0,
    nextRequestId: () => 'next',
    random: { float: () => 0, bytes: (n: number) => new Uint8Array(n).fill(link_.length + 1) },
    ping(payload: Uint8Array) {
      if (link.takes) {
        link.pings.push(payload)
        link_.push(0)
      }
      return link.takes
    },
    nowUs: 0,
    /** Its lane keeps what is sent; who waits there. */
    queues: false,
    waits: [] as ((atUs: number) => void)[],
    send(payload: WsPayload, onTaken: (atUs: number) => void = () => {}) {
      if (link.queues) link.waits.push(onTaken)
      else if (link.takes) {
        link.sent.push(payload)
        onTaken(link.nowUs)
      }
      return link.takes || link.queues
    },
  }
  const link_: number[] = []
  return link
}

function withFrame<T>(text: string, atUs: number, look: (frame: WsFrame) => T): T {
  const batch = new MessageBatch()
  batch.add(Buffer.from(text), false, atUs)
  let result!: T
  batch.lend((lent) => {
    result = look(lent.at(0))
  })
  return result
}

describe('ProtocolPingPong', () => {
  const open = (link = fakeLink()) => {
    const strategy = new ProtocolPingPong({ intervalMs: 10, timeoutMs: 5 })
    strategy.opened(0)
    return { strategy, link }
  }

  it('pings when due with a fresh nonce, and only its exact echo clears it', () => {
    const { strategy, link } = open()
    expect(strategy.nextDueUs()).toBe(10 * MS)
    expect(strategy.tick(9 * MS, link)).toEqual({ kind: 'ok' })
    expect(link.pings).toHaveLength(0)
    strategy.tick(10 * MS, link)
    const nonce = link.pings[0] as Uint8Array
    expect([nonce.length, strategy.nextDueUs()]).toEqual([8, 15 * MS])
    for (const wrong of [new Uint8Array(0), nonce.slice(1), Uint8Array.of(...nonce, 0), new Uint8Array(8)]) {
      expect(strategy.onPong(wrong, 12 * MS)).toBeUndefined()
    }
    expect(strategy.onPong(nonce, 12 * MS)).toBe(2 * MS)
    expect(strategy.onPong(nonce, 13 * MS)).toBeUndefined()
    strategy.tick(22 * MS, link)
    expect(link.pings[1]).not.toEqual(nonce)
  })

  it('is timed out at the very moment, not before', () => {
    const { strategy, link } = open()
    strategy.tick(10 * MS, link)
    expect(strategy.tick(15 * MS - 1, link)).toEqual({ kind: 'ok' })
    expect(strategy.tick(15 * MS, link)).toEqual({ kind: 'timed-out', silentForMs: 5 })
  })

  it('waits from when the kernel has the ping, or from the last thing that moved', () => {
    const { strategy, link } = open()
    link.queuedBytes = 100
    strategy.tick(10 * MS, link)
    link.bytesSent = 50
    link.queuedBytes = 50
    expect(strategy.tick(15 * MS, link)).toEqual({ kind: 'ok' })
    expect(strategy.nextDueUs()).toBe(20 * MS)
    link.bytesReceived = 1
    expect(strategy.tick(20 * MS, link)).toEqual({ kind: 'ok' })
    // Taken, though other frames wait behind it: the wait begins, and data that comes does not put it off.
    link.bytesSent = 100
    expect(strategy.tick(25 * MS, link)).toEqual({ kind: 'ok' })
    link.bytesReceived = 2
    expect(strategy.tick(30 * MS, link)).toEqual({ kind: 'timed-out', silentForMs: 5 })
  })

  it('finds out a peer that takes nothing, so that not even a ping can be sent; one that is slow it lets be', () => {
    const { strategy, link } = open()
    link.takes = false
    link.queuedBytes = 100
    // The tries are 100 ms apart, longer than the 5 ms that it waits.
    expect(strategy.tick(10 * MS, link)).toEqual({ kind: 'ok' })
    link.bytesSent++
    expect(strategy.tick(110 * MS, link)).toEqual({ kind: 'ok' })
    link.bytesReceived++
    expect(strategy.tick(210 * MS, link)).toEqual({ kind: 'ok' })
    strategy.restart(308 * MS)
    expect(strategy.tick(310 * MS, link)).toEqual({ kind: 'ok' })
    expect(strategy.tick(410 * MS, link)).toEqual({ kind: 'timed-out', silentForMs: 102 })
    // Held back by a budget and not by the peer: nothing is queued.
    const paced = open()
    paced.link.takes = false
    for (let ms = 10; ms < 1000; ms += 100) expect(paced.strategy.tick(ms * MS, paced.link)).toEqual({ kind: 'ok' })
  })

  it('tries again soon when the link has no room', () => {
    const { strategy, link } = open()
    link.takes = false
    strategy.tick(10 * MS, link)
    expect(strategy.nextDueUs()).toBe(110 * MS)
    link.takes = true
    strategy.tick(110 * MS, link)
    expect(link.pings).toHaveLength(1)
  })

  it('forgives a stall, and forgets with a new connection', () => {
    const { strategy, link } = open()
    strategy.tick(10 * MS, link)
    strategy.restart(100 * MS)
    expect(strategy.tick(104 * MS, link)).toEqual({ kind: 'ok' })
    strategy.opened(200 * MS)
    expect(strategy.onPong(link.pings[0] as Uint8Array, 201 * MS)).toBeUndefined()
    expect(strategy.nextDueUs()).toBe(210 * MS)
  })

  it('refuses options that make no sense', () => {
    expect(() => new ProtocolPingPong({ intervalMs: 0 })).toThrow(WsConfigError)
    expect(() => new ProtocolPingPong({ interval: 5 } as never)).toThrow(/did you mean intervalMs/)
  })
})

describe('WsApplicationPingPong', () => {
  const isPong = (frame: WsFrame): boolean => frame.text() === 'pong'

  it('only when idle: bytes put the ping off, and it comes at most a quarter of the interval late', () => {
    const link = fakeLink()
    const strategy = new WsApplicationPingPong({ ping: () => 'ping', isPong, intervalMs: 40, onlyWhenIdle: true })
    strategy.opened(0)
    const pingedAt: number[] = []
    for (let ms = 1; ms <= 200; ms++) {
      if (ms <= 100 && ms % 7 === 0) link.bytesReceived++
      const due = strategy.nextDueUs() as number
      if (ms * MS < due || pingedAt.length > 0) continue
      strategy.tick(ms * MS, link)
      if (link.sent.length > 0) pingedAt.push(ms)
    }
    // The last byte came at 98 ms.
    expect(pingedAt[0]).toBeGreaterThanOrEqual(138)
    expect(pingedAt[0]).toBeLessThanOrEqual(148)
  })

  it('takes beats of the server that want no answer, and misses them', () => {
    const link = fakeLink()
    const isBeat = (frame: WsFrame): boolean => frame.text() === 'beat'
    const strategy = new WsApplicationPingPong({ isBeat, serverPingWithinMs: 30 })
    strategy.opened(0)
    expect(withFrame('beat', 20 * MS, (frame) => strategy.onFrame(frame, link))).toEqual({ kind: 'heartbeat' })
    expect(withFrame('data', 25 * MS, (frame) => strategy.onFrame(frame, link))).toBeUndefined()
    expect(strategy.tick(49 * MS, link)).toEqual({ kind: 'ok' })
    expect(strategy.tick(50 * MS, link)).toEqual({ kind: 'timed-out', silentForMs: 30 })
    expect([link.sent.length, strategy.timeoutMs]).toEqual([0, 30])
    // A stall of ours, and behind it what came before: its time is the kernel's.
    strategy.restart(100 * MS)
    withFrame('beat', 60 * MS, (frame) => strategy.onFrame(frame, link))
    expect(strategy.nextDueUs()).toBe(130 * MS)
    withFrame('beat', 110 * MS, (frame) => strategy.onFrame(frame, link))
    expect(strategy.nextDueUs()).toBe(140 * MS)
  })

  it('pings, recognises the answer, measures', () => {
    const link = fakeLink()
    let n = 0
    const strategy = new WsApplicationPingPong({ ping: () => `ping ${++n}`, isPong, intervalMs: 10, timeoutMs: 5 })
    strategy.opened(0)
    link.nowUs = 10 * MS
    strategy.tick(10 * MS, link)
    expect(link.sent).toEqual(['ping 1'])
    expect(withFrame('data', 11 * MS, (frame) => strategy.onFrame(frame, link))).toBeUndefined()
    expect(withFrame('pong', 12 * MS, (frame) => strategy.onFrame(frame, link))).toEqual({
      kind: 'heartbeat',
      rttUs: 2 * MS,
    })
    expect(withFrame('pong', 13 * MS, (frame) => strategy.onFrame(frame, link))).toEqual({ kind: 'heartbeat' })
    expect(strategy.nextDueUs()).toBe(22 * MS)
    link.nowUs = 22 * MS
    strategy.tick(22 * MS, link)
    expect(strategy.tick(27 * MS, link)).toEqual({ kind: 'timed-out', silentForMs: 5 })
  })

  it('waits for the answer from when its ping has left the lane, however long a budget keeps it there', () => {
    const link = fakeLink()
    const strategy = new WsApplicationPingPong({ ping: () => 'ping', isPong, intervalMs: 10, timeoutMs: 50 })
    strategy.opened(0)
    link.queues = true
    for (let ms = 10; ms < 2000; ms += 100) expect(strategy.tick(ms * MS, link)).toEqual({ kind: 'ok' })
    expect(link.waits).toHaveLength(1)
    link.waits[0]?.(2000 * MS)
    expect(strategy.tick(2010 * MS, link)).toEqual({ kind: 'ok' })
    expect(strategy.nextDueUs()).toBe(2050 * MS)
    expect(withFrame('pong', 2040 * MS, (frame) => strategy.onFrame(frame, link))).toMatchObject({ rttUs: 40 * MS })
  })

  it('finds out a peer that takes nothing, so that its ping stays in the lane, or is not even taken there', () => {
    for (const queues of [true, false]) {
      const link = fakeLink()
      const strategy = new WsApplicationPingPong({ ping: () => 'ping', isPong, intervalMs: 10, timeoutMs: 150 })
      strategy.opened(0)
      Object.assign(link, { queues, takes: false, queuedBytes: 100 })
      expect(strategy.tick(10 * MS, link)).toEqual({ kind: 'ok' })
      link.bytesSent++
      for (const ms of [110, 210]) expect(strategy.tick(ms * MS, link)).toEqual({ kind: 'ok' })
      expect(strategy.tick(310 * MS, link)).toEqual({ kind: 'timed-out', silentForMs: 200 })
    }
  })

  it('owes the newest answer alone when there was no room', () => {
    const link = fakeLink()
    const strategy = new WsApplicationPingPong({
      answerPing: (frame) => (frame.text().startsWith('ping') ? `pong${frame.text().slice(4)}` : undefined),
    })
    strategy.opened(0)
    link.takes = false
    for (const text of ['ping1', 'ping2']) withFrame(text, MS, (frame) => strategy.onFrame(frame, link))
    link.takes = true
    expect(strategy.nextDueUs()).toBe(101 * MS)
    strategy.tick(101 * MS, link)
    expect([link.sent, strategy.nextDueUs()]).toEqual([['pong2'], undefined])
  })

  it('misses the server’s pings', () => {
    const link = fakeLink()
    const answerPing = (frame: WsFrame): string | undefined => (frame.text() === 'ping' ? 'pong' : undefined)
    const strategy = new WsApplicationPingPong({ answerPing, serverPingWithinMs: 30 })
    strategy.opened(0)
    withFrame('ping', 20 * MS, (frame) => strategy.onFrame(frame, link))
    expect(strategy.tick(49 * MS, link)).toEqual({ kind: 'ok' })
    expect(strategy.tick(50 * MS, link)).toEqual({ kind: 'timed-out', silentForMs: 30 })
    strategy.restart(50 * MS)
    expect(strategy.tick(79 * MS, link)).toEqual({ kind: 'ok' })
    expect(strategy.timeoutMs).toBe(30)
  })

  it('does not call a ping function that throws again at once', () => {
    const link = fakeLink()
    const broken = (): string => {
      throw new Error('x')
    }
    const strategy = new WsApplicationPingPong({ ping: broken, isPong, intervalMs: 10 })
    strategy.opened(0)
    expect(() => strategy.tick(10 * MS, link)).toThrow('x')
    expect(strategy.nextDueUs()).toBe(110 * MS)
  })

  it('refuses options that make no sense together', () => {
    for (const [options, field] of [
      [{}, /ping: give ping and isPong, or answerPing/],
      [{ ping: () => 'x' }, /isPong: ping and isPong belong together/],
      [{ ping: 'x', isPong }, /ping: must be a function/],
      [{ ping: () => 'x', isPong, serverPingWithinMs: 5 }, /serverPingWithinMs: needs answerPing/],
    ] as const) {
      expect(() => new WsApplicationPingPong(options as never)).toThrow(field)
    }
  })
})
