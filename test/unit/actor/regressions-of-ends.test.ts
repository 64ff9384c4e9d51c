import { describe, expect, it } from 'vitest'
import { WebSocketActor } from '../../../src/actor/websocket-actor.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import { WsLatencyPolicy } from '../../../src/health/latency-policy.ts'
import type { WsPingPongLink } from '../../../src/health/ping-pong.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import type { WsDelegatedRequest } from '../../../src/requests/delegated-request.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { MockTransport } from '../../../src/transport/mock.ts'
import type { WsLink, WsTransport } from '../../../src/transport/transport.ts'
import { follow, jsonHandler, jsonSubscriptions, readyActor, sentTo, turn } from './support.ts'

// What the simulation found once its user drained, stopped, abandoned and aborted, and threw from every callback. The seeds
// are those that it was found with.

const ask = (n: string, timeoutMs = 5000): WsDelegatedRequest => ({
  requestId: n,
  frame: JSON.stringify({ id: n }),
  confirmMode: 'confirmed',
  timeoutMs,
})

const abandonment: WsDisconnectCause = {
  kind: 'internal-error',
  code: 'ERR_OF_MINE',
  message: 'enough',
  context: 'test',
  error: new Error('enough'),
}

describe('found by simulation: ends', () => {
  it('seed 8: who awaits closed() has heard what became of what he asked', async () => {
    const { actor, pass } = await readyActor({ handler: jsonHandler().handler })
    const heard: string[] = []
    void actor.closed().then(() => heard.push('closed'))
    void actor.ask(ask('a')).then(({ kind }) => heard.push(kind))
    await pass()
    actor.abandon(abandonment)
    await pass()
    await pass()
    expect(heard).toEqual(['unconfirmed', 'closed'])
  })

  it('seed 16: and so has a hook that asked while the end was being told', async () => {
    const heard: string[] = []
    const { actor, pass } = await readyActor({
      handler: jsonHandler().handler,
      onStatus: (event) => {
        if (event.kind === 'disconnected')
          void actor.ask(ask('a')).then((o) => heard.push(`${o.kind}/${'reason' in o}`))
      },
    })
    void actor.closed().then(() => heard.push('closed'))
    actor.abandon(abandonment)
    await pass()
    await pass()
    expect(heard).toEqual(['not-delivered/true', 'closed'])
  })

  it('seed 162: abandon() waits for no close handshake that is under way', async () => {
    const { actor, server, pass, of } = await readyActor()
    server().answersClose = false
    void actor.stop({ timeoutMs: 60_000 })
    await pass()
    expect(actor.status).toBe('closing')
    actor.abandon(abandonment)
    await pass()
    await pass()
    // Why it ends for good was said first by stop().
    expect(of('stopped')[0]?.cause.code).toBe('LOCAL_CLOSE')
  })

  it('seed 20574: stop() takes no longer than its time where the server has begun to close, and does not end TCP', async () => {
    const { actor, server, pass, of } = await readyActor()
    server().answersClose = false
    server().sendFrame(8, Uint8Array.of(0x03, 0xe8))
    await pass()
    void actor.stop({ timeoutMs: 100 })
    await pass(99)
    expect(actor.status).toBe('closing')
    await pass(1)
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'remote-closed', closeCode: 1000 })
    expect(of('stopped')[0]?.cause.code).toBe('LOCAL_CLOSE')
  })

  it('seed 20973: a violation behind the message that made the user end it leaves no timer', async () => {
    const { handler } = jsonHandler({ handleMessage: () => actor.abandon(abandonment) })
    const { actor, clock, server, pass } = await readyActor({ handler })
    server().hold()
    server().sendText('{}')
    server().sendBytes(Uint8Array.of(0xff, 0xff))
    server().unhold()
    await pass()
    await pass()
    expect([actor.status, clock.pendingTimers]).toEqual(['stopped', 0])
  })

  it('seed 269: the end that a handler wants while the connection drains is told as what it is', async () => {
    const { handler } = jsonHandler({ handleServerError: () => 'fatal' })
    const { actor, server, pass, of } = await readyActor({ handler, disconnectDrainMs: 1000 })
    const asked = follow(actor.ask(ask('a')))
    actor.reconnect('for a change')
    server().sendText('{"fault":"no more of you"}')
    await pass()
    expect([actor.status, asked.value]).toEqual(['draining', undefined])
    await pass(1000)
    await pass()
    expect(asked.value).toMatchObject({ kind: 'unconfirmed', reason: 'disconnected' })
    expect(of('disconnected')[0]?.cause.code).toBe('ERR_RECONNECT_REQUESTED')
    expect(await actor.closed()).toMatchObject({
      reason: expect.stringContaining('no more of you'),
      cause: { kind: 'server-error', serverMessage: 'no more of you' },
    })
  })

  it('seed 8: user code that a transport calls while it connects may give the attempt up', async () => {
    const terminated: string[] = []
    let give = (): void => {}
    const transport: WsTransport = {
      name: 'own',
      connect: (_request, events) => {
        give()
        const terminate = (cause: WsDisconnectCause): void => {
          terminated.push(cause.code)
          queueMicrotask(() => events.onEnd(cause))
        }
        return { terminate } as WsLink
      },
    }
    const clock = new VirtualClock()
    const actor = new WebSocketActor({ url: () => 'ws://host.example/', transport, clock, connectBudget: false })
    give = () => actor.abandon(abandonment)
    actor.start()
    expect((await actor.closed()).cause).toBe(abandonment)
    expect(terminated).toEqual(['ERR_OF_MINE'])
  })

  it('seed 59: a pong that was read before the end is no sample of what comes after it', async () => {
    const latencyPolicy = new WsLatencyPolicy({ maxRttMs: 1, minSamples: 1, streak: 1 })
    const { handler } = jsonHandler({ handleServerError: () => 'reconnect' })
    const { actor, server, pass, of } = await readyActor({ handler, latencyPolicy })
    server().answersPings = false
    const rtt = follow(actor.ping())
    await pass(100)
    server().hold()
    server().sendPong(server().frames.at(-1)?.payload)
    server().reset()
    server().unhold()
    await pass()
    await pass()
    expect(rtt.value).toBeGreaterThanOrEqual(100_000)
    // It was not made to reconnect at once by what the last connection was too slow for.
    expect(of('disconnected')[0]?.cause.code).toBe('ECONNRESET')
    expect(actor.status).toBe('backoff')
  })

  it('seed 269: drain() does not take for sent what a link dropped with its end', async () => {
    let ended = false
    const mock = new MockTransport({ onConnect: (server) => server.accept() })
    // As native and ws do: a link that has let go holds nothing.
    const transport: WsTransport = {
      name: 'mock',
      connect(request, events) {
        const link = mock.connect(request, events)
        const terminate = (cause: WsDisconnectCause): void => {
          ended = true
          link.terminate(cause)
        }
        return new Proxy(link, {
          get(target, name) {
            if (name === 'terminate') return terminate
            if (name === 'queuedBytes') return ended ? 0 : link.queuedBytes
            const value: unknown = Reflect.get(target, name, target)
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
      },
    }
    const clock = new VirtualClock()
    const actor = new WebSocketActor({ url: 'ws://host.example/', transport, clock, connectBudget: false })
    const pass = async (): Promise<void> => {
      await turn()
      clock.advance(0)
      await turn()
    }
    actor.start()
    await pass()
    await pass()
    mock.servers[0]?.stall()
    actor.send('x'.repeat(500))
    const drained = follow(actor.drain({ timeoutMs: 60_000 }))
    await pass()
    expect(drained.value).toBeUndefined()
    actor.abandon(abandonment)
    await pass()
    await pass()
    expect(drained.value).toBe(false)
  })
})

describe('found by simulation: callbacks that throw', () => {
  it('seed 346: a change of subscriptions that the manager failed to make is made 5 s later', async () => {
    let failures = 2
    const manager = jsonSubscriptions()
    const subscriptionManager = jsonSubscriptions({
      update: (change, nextId) => {
        if (failures-- > 0) throw new Error('clumsy')
        return manager.update(change, nextId)
      },
    })
    const { actor, server, pass, hookErrors } = await readyActor({ subscriptionManager, subscriptions: ['a'] })
    server().sendText(JSON.stringify({ ack: sentTo(server())[0]?.['req'], accepted: ['a'] }))
    await pass()
    actor.replaceSubscriptions(['b'])
    await pass(5000)
    await pass(5000)
    expect(hookErrors.map(({ hook }) => hook)).toEqual(['subscriptionManager.update', 'subscriptionManager.update'])
    expect(sentTo(server()).at(-1)).toMatchObject({ sub: ['b'], unsub: ['a'] })
    expect(actor.status).toBe('ready')
  })

  it('and a manager that fails again and again costs the connection', async () => {
    const subscriptionManager = jsonSubscriptions({
      update: () => {
        throw new Error('clumsy')
      },
    })
    const { actor, server, pass, of } = await readyActor({ subscriptionManager, subscriptions: ['a'] })
    server().sendText(JSON.stringify({ ack: sentTo(server())[0]?.['req'], accepted: ['a'] }))
    await pass()
    actor.subscribe(['b'])
    for (let i = 0; i < 3; i++) await pass(5000)
    await pass()
    expect(of('disconnected').map(({ cause }) => cause.code)).toEqual(['ERR_SUBSCRIBE_FAILED'])
  })

  it('so does a payload function of the replay that throws, and one of a change is called again', async () => {
    let broken = true
    const payload = (into: Uint8Array): number => {
      if (broken) throw new Error('clumsy')
      return Buffer.from(into.buffer, into.byteOffset, into.byteLength).write('{}')
    }
    const request = (subscribe: readonly string[], unsubscribe: readonly string[], requestId: string) => [
      { requestId, payload, subscribe, unsubscribe },
    ]
    const subscriptionManager = jsonSubscriptions({
      initial: (desired, nextId) => request(desired, [], nextId()),
      update: ({ add, remove }, nextId) => request(add, remove, nextId()),
    })
    const { actor, server, pass, of } = await readyActor({ subscriptionManager, subscriptions: ['a'] })
    expect(of('disconnected').map(({ cause }) => cause.code)).toEqual(['ERR_SUBSCRIBE_FAILED'])
    broken = false
    await pass(2000)
    await pass()
    expect(actor.status).toBe('ready')
    broken = true
    actor.subscribe(['b'])
    expect(sentTo(server())).toHaveLength(1)
    broken = false
    await pass(5000)
    expect([sentTo(server()).length, actor.subscriptions().map(({ stage }) => stage)]).toEqual([
      2,
      ['requested', 'requested'],
    ])
  })

  it('seed 225: heartbeats go on though the strategy once failed to say when it is due', async () => {
    const real = new ProtocolPingPong({ intervalMs: 100, timeoutMs: 300 })
    let answers: unknown[] = [Number.NaN]
    const pingPong = {
      timeoutMs: 300,
      opened: real.opened.bind(real),
      nextDueUs: () => (answers.length > 0 ? (answers.pop() as number) : real.nextDueUs()),
      tick: real.tick.bind(real),
      onPong: real.onPong.bind(real),
      restart: real.restart.bind(real),
    }
    const { server, pass, of } = await readyActor({ pingPong })
    server().answersPings = false
    await pass(999)
    expect(server().frames.filter(({ opcode }) => opcode === 9)).toHaveLength(0)
    await pass(1)
    expect(server().frames.filter(({ opcode }) => opcode === 9)).toHaveLength(1)
    answers = []
    await pass(300)
    await pass()
    expect(of('disconnected')[0]?.cause.code).toBe('ERR_PONG_TIMEOUT')
  })

  it('seed 964: what a payload function sends counts in the budget before what it writes', async () => {
    const { actor, server } = await readyActor({ pacing: { frames: 3, perMs: 1000 } })
    actor.send('{"n":1}')
    const sent = actor.send((into) => {
      actor.send('{"n":2}')
      return Buffer.from(into.buffer, into.byteOffset, into.byteLength).write('{"n":3}')
    })
    expect([sent, sentTo(server())]).toEqual(['queued', [{ n: 1 }, { n: 2 }]])
  })

  it('seed 446: the wait for a frame of the budget is no part of a heartbeat’s round trip', async () => {
    const pingPong = new WsApplicationPingPong({
      ping: () => '{"ping":1}',
      isPong: (frame) => frame.text() === '{"pong":1}',
      intervalMs: 100,
    })
    const { actor, server, pass } = await readyActor({ pingPong, pacing: { frames: 2, perMs: 1000 } })
    actor.send('{"n":1}')
    await pass(100)
    expect(sentTo(server())).toEqual([{ n: 1 }])
    await pass(900)
    expect(sentTo(server())).toEqual([{ n: 1 }, { ping: 1 }])
    server().sendText('{"pong":1}')
    await pass(5)
    expect(actor.stats().lastRttUs).toBeLessThan(10_000)
  })

  it('seed 470: a heartbeat that user code held up in the strategy has its time from when it left', async () => {
    let blockedUs = 0
    class BlockingClock extends VirtualClock {
      override monoUs(): number {
        return super.monoUs() + blockedUs
      }
    }
    const clock = new BlockingClock()
    const real = new ProtocolPingPong({ intervalMs: 100, timeoutMs: 300 })
    const pingPong = {
      timeoutMs: 300,
      opened: real.opened.bind(real),
      nextDueUs: () => real.nextDueUs(),
      tick(nowUs: number, link: WsPingPongLink) {
        if (blockedUs === 0) blockedUs = 1_000_000
        return real.tick(nowUs, link)
      },
      onPong: real.onPong.bind(real),
      restart: real.restart.bind(real),
    }
    const transport = new MockTransport()
    const actor = new WebSocketActor({ url: 'ws://host.example/', transport, clock, pingPong, connectBudget: false })
    const pass = async (ms: number): Promise<void> => {
      await turn()
      clock.advance(ms)
      await turn()
    }
    actor.start()
    await pass(0)
    await pass(0)
    const [server] = transport.servers
    if (server === undefined) throw new Error('there is no server')
    server.answersPings = false
    await pass(100)
    expect(server.frames.map(({ opcode }) => opcode)).toEqual([9])
    await pass(299)
    expect(actor.status).toBe('ready')
    await pass(2)
    await pass(0)
    expect(actor.status).toBe('backoff')
  })
})
