import { beforeEach, describe, expect, test } from 'vitest'
import type { WsTimestampSource } from '../../../src/connect/request.ts'
import { systemRandom } from '../../../src/support/random.ts'
import { LinkLog } from '../../../src/testing/contract/link-log.ts'
import { LIMITS, TIMEOUTS } from '../../../src/testing/contract/scene.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { type MockServerLink, MockTransport } from '../../../src/transport/mock.ts'

let clock: VirtualClock
beforeEach(() => {
  clock = new VirtualClock()
})

function open(timestampSource: WsTimestampSource | undefined) {
  const transport = new MockTransport()
  const log = new LinkLog()
  const link = transport.connect(
    {
      url: new URL('ws://venue.example/feed'),
      headers: [],
      subprotocols: [],
      tls: {},
      lookup: async () => [],
      family: 0,
      proxy: undefined,
      limits: LIMITS,
      timeouts: TIMEOUTS,
      socket: {},
      timestampSource,
      clock,
      random: systemRandom,
    },
    log,
  )
  clock.advance(0)
  clock.advance(0)
  return { link, log, server: transport.servers[0] as MockServerLink }
}

describe('receive times of the mock', () => {
  const held = (source: WsTimestampSource | undefined) => {
    const { link, log, server } = open(source)
    const startUs = clock.monoUs()
    server.hold()
    server.delay({ toClientMs: 10 })
    server.sendText('a')
    clock.advance(3)
    server.sendText('b')
    clock.advance(100)
    // What a callback takes is time too.
    log.inMessages = () => clock.advance(5)
    link.drain()
    return log.messages.map((message) => [
      (message.receivedMonoUs - startUs) / 1000,
      message.receivedAtUs - message.receivedMonoUs === clock.epochUs() - clock.monoUs(),
      message.receivedAtIsUpperBound,
    ])
  }

  test("are the arrival's, of each piece, with source kernel", () => {
    expect(held('kernel')).toEqual([
      [10, true, false],
      [13, true, false],
    ])
  })

  test("are the read's or the delivery's otherwise", () => {
    for (const source of [undefined, 'read', 'callback'] as const) {
      expect(held(source)).toEqual([
        [103, true, true],
        [103, true, true],
      ])
    }
  })

  test('of a delivery are taken when it begins, behind callbacks of the same read', () => {
    const times = (source: WsTimestampSource | undefined): number[] => {
      const { log, server } = open(source)
      const startUs = clock.monoUs()
      log.inPing = () => clock.advance(5)
      server.sendBytes(Buffer.concat([textFrame('a'), Buffer.from([0x89, 0]), textFrame('b')]))
      clock.advance(0)
      return log.messages.map(({ receivedMonoUs }) => (receivedMonoUs - startUs) / 1000)
    }
    expect(times('read')).toEqual([0, 0])
    expect(times('callback')).toEqual([0, 5])
  })

  test('of a piece with several frames are exact for the last alone, and only if it is whole', () => {
    const { log, server } = open('kernel')
    server.sendBytes(Buffer.concat([textFrame('a'), textFrame('b')]))
    server.sendBytes(Buffer.concat([textFrame('c'), textFrame('d').subarray(0, 1)]))
    server.sendBytes(textFrame('d').subarray(1))
    server.sendBytes(Buffer.concat([textFrame('e'), Buffer.from([0x89, 0])]))
    clock.advance(0)
    expect(log.messages.map(({ text, receivedAtIsUpperBound }) => [text, receivedAtIsUpperBound])).toEqual([
      ['a', true],
      ['b', false],
      ['c', true],
      ['d', false],
      ['e', true],
    ])
  })
})

function textFrame(payload: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, payload.length]), Buffer.from(payload)])
}
