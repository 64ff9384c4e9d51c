import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Hooks } from '../../../src/actor/hooks.ts'
import { Inbound } from '../../../src/actor/inbound.ts'
import type { LiveConnection } from '../../../src/actor/live-connection.ts'
import { resolveActorOptions } from '../../../src/actor/resolve.ts'
import { WsHealthMonitor } from '../../../src/health/health-monitor.ts'
import { PendingRequests } from '../../../src/requests/pending-requests.ts'
import type { WsSession } from '../../../src/session/endpoint-handler.ts'
import { MessageBatch } from '../../../src/transport/message-batch.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import type { WsBatch } from '../../../src/transport/transport.ts'
import { jsonHandler } from '../actor/support.ts'

const FRAMES = 100
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes of heap that `run` leaves behind, without a collection in between; the least of several measurements. */
function allocated(run: () => void): number {
  let least = Infinity
  for (let i = 0; i < 10; i++) {
    collect()
    const before = process.memoryUsage().heapUsed
    run()
    least = Math.min(least, process.memoryUsage().heapUsed - before)
  }
  return least
}

function wayIn(onFrame: (first: number) => 'ignore' | 'forward') {
  const options = resolveActorOptions({
    url: 'ws://host.example/',
    transport: new MockTransport(),
    handler: { ...jsonHandler().handler, parse: () => undefined, matchReply: undefined },
    ingress: { onFrame: (frame: { at(i: number): number }) => onFrame(frame.at(0)) },
  })
  const health = new WsHealthMonitor()
  const hooks = new Hooks(
    { onHookError: undefined, whenHookThrows: 'continue', onError: () => {} },
    () => 1,
    () => {},
  )
  const owner = {
    table: new PendingRequests({}, () => {}),
    wanted: () => true,
    refused: () => {},
    awaitsAnswers: () => false,
    subscriptionAnswer: () => false,
    replyIgnored: () => {},
    leave: () => {},
    topics: () => undefined as never,
    rtt: () => {},
  }
  const inbound = new Inbound(options, hooks, health, owner)
  const live = { connection: 1, received() {}, dataSeen: false } as unknown as LiveConnection
  const lend = (deliver: (batch: WsBatch) => void): void => {
    const memory = new MessageBatch()
    for (let i = 0; i < FRAMES; i++) memory.add(Buffer.from('{"price":1}'), false, i)
    memory.lend(deliver)
  }
  return { health, lend, deliver: (batch: WsBatch) => inbound.deliver(batch, live, {} as WsSession) }
}

describe('frames that the ingress ignores', () => {
  it.each(['ignore', 'forward'] as const)('cost no memory (%s)', (verdict) => {
    const { health, lend, deliver } = wayIn((first) => (first === 0x7b ? verdict : 'ignore'))
    lend((batch) => {
      // So that it is compiled.
      for (let i = 0; i < 2000; i++) deliver(batch)
      const rounds = 200
      const bytes = allocated(() => {
        for (let i = 0; i < rounds; i++) deliver(batch)
      })
      // One boxed number per frame would be 16 bytes.
      expect(bytes / (rounds * FRAMES)).toBeLessThan(2)
    })
    const counter = verdict === 'ignore' ? 'framesIgnored' : 'framesForwarded'
    expect(health.count[counter]).toBe(health.count.messagesReceived)
    expect(health.count.messagesReceived).toBeGreaterThan(100_000)
  })

  it('would show, if they did', () => {
    const kept: object[] = []
    const { lend, deliver } = wayIn((first) => {
      kept[0] = { first }
      return 'ignore'
    })
    lend((batch) => {
      for (let i = 0; i < 2000; i++) deliver(batch)
      const bytes = allocated(() => {
        for (let i = 0; i < 200; i++) deliver(batch)
      })
      expect(bytes / (200 * FRAMES)).toBeGreaterThan(10)
    })
  })
})
