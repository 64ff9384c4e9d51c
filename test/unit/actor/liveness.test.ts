import { describe, expect, it } from 'vitest'
import type { WsStatusEvent } from '../../../src/actor/status.ts'
import { WebSocketActor } from '../../../src/actor/websocket-actor.ts'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import type { WsHealthSnapshot } from '../../../src/health/metrics.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { Clock, ClockTimer } from '../../../src/support/clock.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import { follow, jsonHandler, jsonSubscriptions, readyActor, sentTo, turn } from './support.ts'

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })
const textPings = (options = {}) =>
  new WsApplicationPingPong({
    ping: () => 'ping',
    isPong: (frame) => frame.text() === 'pong',
    intervalMs: 100,
    timeoutMs: 50,
    ...options,
  })

describe('stale data', () => {
  it('is data that does not come, whatever pongs, heartbeats, replies and answers say', async () => {
    const { actor, server, pass, of } = await readyActor({
      staleAfterMs: 1000,
      pingPong: textPings({ intervalMs: 300, timeoutMs: 200 }),
      handler: jsonHandler().handler,
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
      reconnect: every(5000),
    })
    server().sendText('{"data":1}')
    await pass(100)
    for (let i = 0; i < 9; i++) {
      if (server().frames.at(-1)?.text() === 'ping') server().sendText('pong')
      server().sendPong()
      server().sendPing()
      const req = jsonSentTo(server()).find((json) => json['req'] !== undefined)?.['req']
      if (i === 0) server().sendText(JSON.stringify({ ack: req, accepted: ['a'] }))
      if (i === 1) {
        const ask = follow(actor.ask({ frame: '{"q":1}', requestId: 'q', confirmMode: 'confirmed', timeoutMs: 90 }))
        server().sendText('{"id":"q","result":1}')
        await pass()
        expect(ask.value?.kind).toBe('confirmed')
      }
      await pass(99)
    }
    expect([actor.status, of('disconnected')]).toEqual(['ready', []])
    await pass(9)
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'went-silent', code: 'ERR_STALE', silentForMs: 1000 })
    expect(actor.status).toBe('backoff')
  })

  it('does not run out while data comes, though the ingress ignores it all', async () => {
    const { actor, server, pass } = await readyActor({ staleAfterMs: 100, ingress: { onFrame: () => 'ignore' } })
    for (let i = 0; i < 20; i++) {
      server().sendText('noise')
      await pass(99)
    }
    expect([actor.status, actor.stats().framesIgnored]).toEqual(['ready', 20])
  })

  it('is judged only after what lay in the socket was read', async () => {
    const { actor, server, pass, of } = await readyActor({ staleAfterMs: 100, silentAfterMs: 100 })
    server().hold()
    await pass(90)
    server().sendText('just in time')
    await pass(20)
    expect([actor.status, actor.stats().messagesReceived]).toEqual(['ready', 1])
    await pass(90)
    expect(of('disconnected')).toHaveLength(1)
  })

  it('does not run while we do not read, and begins anew when we do', async () => {
    const { actor, pass, of } = await readyActor({
      staleAfterMs: 100,
      silentAfterMs: 150,
      pingPong: new ProtocolPingPong({ intervalMs: 50, timeoutMs: 60 }),
    })
    actor.pauseReading()
    actor.pauseReading()
    await pass(10_000)
    expect(actor.status).toBe('ready')
    actor.resumeReading()
    await pass(99)
    expect(actor.status).toBe('ready')
    await pass(1)
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_STALE' })
    expect(of('backpressure').map(({ paused }) => paused)).toEqual([true, false])
  })

  it('silence of bytes is told from silence of data', async () => {
    const { server, pass, of } = await readyActor({ staleAfterMs: 1000, silentAfterMs: 200, reconnect: every(1) })
    server().sendPong()
    await pass(150)
    server().sendPong()
    await pass(199)
    expect(of('disconnected')).toEqual([])
    await pass(10)
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_SILENT' })
  })
})

describe('ProtocolPingPong', () => {
  it('pings at its interval, measures, and gives up when exactly its pong does not come', async () => {
    const { actor, server, pass, of } = await readyActor({
      pingPong: new ProtocolPingPong({ intervalMs: 1000, timeoutMs: 300 }),
      reconnect: every(5000),
    })
    server().delay({ toClientMs: 4, toServerMs: 3 })
    await pass(1000)
    await pass(10)
    const { rtt, lastRttUs } = actor.stats()
    expect([rtt.count, lastRttUs]).toEqual([1, 7000])
    server().answersPings = false
    await pass(1100)
    expect(server().frames).toHaveLength(2)
    server().sendPong(Buffer.from('elsewhere'))
    server().sendPong(server().frames[0]?.payload)
    server().sendText('data does not count')
    await pass(200)
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'went-silent', code: 'ERR_PONG_TIMEOUT' })
  })

  it('does not begin to wait before the kernel has the ping, unless nothing moves at all', async () => {
    const { actor, server, pass, of } = await readyActor({
      pingPong: new ProtocolPingPong({ intervalMs: 100, timeoutMs: 50 }),
      reconnect: every(5000),
    })
    server().answersPings = false
    server().stall()
    actor.send('x'.repeat(50_000))
    await pass(100)
    for (let i = 0; i < 10; i++) {
      await pass(40)
      server().takeBytes(1)
    }
    expect(actor.status).toBe('ready')
    await pass(110)
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_PONG_TIMEOUT' })
  })

  it('hears a pong that lay in the socket', async () => {
    const { actor, server, pass } = await readyActor({
      pingPong: new ProtocolPingPong({ intervalMs: 100, timeoutMs: 50 }),
    })
    server().hold()
    await pass(140)
    await pass(15)
    expect([actor.status, actor.stats().rtt.count]).toEqual(['ready', 1])
  })

  it('begins anew on each connection', async () => {
    const { actor, server, pass, of } = await readyActor({
      pingPong: new ProtocolPingPong({ intervalMs: 100, timeoutMs: 50 }),
      reconnect: every(1),
    })
    server().answersPings = false
    await pass(120)
    server().reset()
    await pass(1)
    await pass(99)
    expect(of('ready')).toHaveLength(2)
    expect(server().frames).toHaveLength(0)
    await pass(2)
    expect(server().frames).toHaveLength(1)
    expect(actor.stats().rtt.count).toBe(1)
  })
})

describe('WsApplicationPingPong', () => {
  it('pings in text, measures, and gives up', async () => {
    const { handler, messages } = jsonHandler()
    const { actor, server, pass, of } = await readyActor({ pingPong: textPings(), handler, reconnect: every(5000) })
    await pass(100)
    await pass(20)
    expect(server().frames.map((frame) => frame.text())).toEqual(['ping'])
    server().sendText('pong')
    await pass()
    expect(actor.stats()).toMatchObject({ heartbeats: 1, lastRttUs: 20_000 })
    await pass(100)
    expect(server().frames).toHaveLength(2)
    await pass(50)
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_PONG_TIMEOUT' })
    expect(messages).toEqual([])
  })

  it('answers the server’s, ahead of what waits, and misses them', async () => {
    const pingPong = new WsApplicationPingPong({
      answerPing: (frame) => {
        const json = frame.json() as { ping?: number }
        return json.ping === undefined ? undefined : JSON.stringify({ pong: json.ping })
      },
      serverPingWithinMs: 200,
    })
    const { server, pass, of } = await readyActor({ pingPong, reconnect: every(5000) })
    for (let i = 0; i < 5; i++) {
      server().sendText(JSON.stringify({ ping: i }))
      server().sendText('{"data":1}')
      await pass(150)
    }
    expect(sentTo(server())).toEqual([0, 1, 2, 3, 4].map((pong) => ({ pong })))
    await pass(50)
    expect(of('disconnected')[0]?.cause).toMatchObject({ code: 'ERR_PONG_TIMEOUT' })
  })
})

/** Whose thread stands still now and then: what was due meanwhile fires late. */
class StallingClock implements Clock {
  #nowUs = 0
  readonly #timers = new Set<{ readonly dueUs: number; readonly run: () => void }>()

  monoUs(): number {
    return this.#nowUs
  }

  epochUs(): number {
    return this.#nowUs
  }

  setTimer(delayMs: number, callback: () => void): ClockTimer {
    const timer = { dueUs: this.monoUs() + Math.max(0, delayMs) * 1000, run: callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  advance(ms: number): void {
    for (let passed = 0; passed <= ms; passed++) {
      if (passed > 0) this.#nowUs += 1000
      this.#fire()
    }
  }

  stall(ms: number): void {
    this.#nowUs += ms * 1000
    this.#fire()
  }

  /** User code does not return for so long; no timer fires meanwhile. */
  block(ms: number): void {
    this.#nowUs += ms * 1000
  }

  #fire(): void {
    const due = [...this.#timers].filter(({ dueUs }) => dueUs <= this.monoUs()).sort((a, b) => a.dueUs - b.dueUs)
    for (const timer of due) if (this.#timers.delete(timer)) timer.run()
  }
}

/** Ready, and stale after a second. `hears` is the user's own code. */
function openActor(clock: StallingClock, hears: (event: WsStatusEvent) => void = () => {}) {
  const heard: WsStatusEvent[] = []
  const onStatus = (event: WsStatusEvent): void => {
    heard.push(event)
    hears(event)
  }
  const transport = new MockTransport()
  const actor = new WebSocketActor({ url: 'ws://host.example/', transport, clock, staleAfterMs: 1000, onStatus })
  actor.start()
  clock.advance(0)
  clock.advance(0)
  expect(actor.status).toBe('ready')
  return { actor, heard }
}

describe('a stall of our own', () => {
  // A timer that sleeps for as long as the silence may last is hardly late after a stall that is longer than that.
  it.each([1, 100, 499, 900])('is noticed whenever it begins: %i ms after the timers', async (beginMs) => {
    const clock = new StallingClock()
    const { actor, heard } = openActor(clock)
    clock.advance(beginMs)
    clock.stall(1001)
    expect([heard.at(-1)?.kind, actor.status]).toEqual(['stall', 'ready'])
    clock.advance(999)
    expect(actor.status).toBe('ready')
    clock.advance(1)
    clock.advance(0)
    expect(actor.status).toBe('backoff')
  })

  it('is none while it is short: silence is silence', () => {
    const clock = new StallingClock()
    const { actor, heard } = openActor(clock)
    clock.advance(500)
    clock.stall(740)
    clock.advance(0)
    expect([actor.status, heard.map(({ kind }) => kind).includes('stall')]).toEqual(['backoff', false])
  })

  it('is noticed where user code blocks as the connection opens', () => {
    const clock = new StallingClock()
    const blocks = (event: WsStatusEvent) => event.kind === 'open' && clock.block(1001)
    const { actor, heard } = openActor(clock, blocks)
    clock.advance(2)
    expect([heard.at(-1)?.kind, actor.status]).toEqual(['stall', 'ready'])
  })

  it('is noticed where user code blocks in a callback of our own timer', () => {
    const clock = new StallingClock()
    const blocks = ({ kind }: WsStatusEvent) => kind === 'stall' && clock.block(1001)
    const { actor, heard } = openActor(clock, blocks)
    clock.stall(1001)
    clock.advance(2)
    expect(heard.slice(-2).map(({ kind }) => kind)).toEqual(['stall', 'stall'])
    expect(actor.status).toBe('ready')
  })

  it('is told with how long it was at least, and counted', () => {
    const clock = new StallingClock()
    const { actor, heard } = openActor(clock)
    clock.stall(60_000)
    expect(heard.at(-1)).toMatchObject({ kind: 'stall', stalledForMs: expect.closeTo(60_000, -3) })
    expect(actor.stats().stalls).toBe(1)
  })
})

describe('measuring', () => {
  it('reports at its interval, and once more at the end', async () => {
    const reports: WsHealthSnapshot[] = []
    const { actor, server, pass, clock } = await readyActor({
      metrics: { report: (snapshot) => reports.push(snapshot) },
      metricsIntervalMs: 1000,
    })
    server().sendText('{}')
    actor.send('{}')
    await pass(2500)
    expect(reports.map(({ messagesReceived }) => messagesReceived)).toEqual([1, 1])
    expect(reports.map(({ messagesSent }) => messagesSent)).toEqual([1, 1])
    void actor.stop()
    await pass()
    await pass()
    expect(reports).toHaveLength(3)
    expect(reports[2]).toMatchObject({ connectionsOpened: 1, disconnects: 1, gaps: 1 })
    expect(reports[2]?.bytesReceived).toBeGreaterThan(3)
    expect(clock.pendingTimers).toBe(0)
  })

  it('samples the lag of payloads, ignored ones included', async () => {
    let sampled = 0
    const { actor, server, pass, clock } = await readyActor({
      ingress: { onFrame: () => 'ignore' },
      payloadLagEvery: 3,
      handler: jsonHandler({
        samplePayloadTimestampsUs: (frame) => {
          sampled++
          return (frame.json() as { at?: number }).at
        },
      }).handler,
    })
    for (let i = 0; i < 7; i++) {
      server().sendText(JSON.stringify({ at: clock.epochUs() - 5000 }))
      await pass()
    }
    expect([sampled, actor.stats().payloadLag.count]).toEqual([3, 3])
    expect(actor.stats().payloadLag).toMatchObject({ maxUs: expect.closeTo(5000, -2) })
    await turn()
  })
})

/** Text frames that are JSON. */
function jsonSentTo(server: Parameters<typeof sentTo>[0]) {
  const frames = server.frames.filter((frame) => frame.opcode === 1 && frame.text().startsWith('{'))
  return frames.map((frame) => JSON.parse(frame.text()) as Record<string, unknown>)
}
