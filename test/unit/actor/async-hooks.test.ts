import { describe, expect, it } from 'vitest'
import type { WebSocketActorOptions } from '../../../src/actor/options.ts'
import { WsApplicationPingPong } from '../../../src/health/application-ping-pong.ts'
import { ProtocolPingPong } from '../../../src/health/protocol-ping-pong.ts'
import { ConnectBudget } from '../../../src/reconnect/connect-budget.ts'
import { type Json, jsonHandler, jsonSubscriptions, mockActor, readyActor } from './support.ts'

/** An `async` function where a plain one belongs: what it throws is a rejection that nobody waits for. */
const slip = (async () => {
  throw new Error('x')
}) as never

const quiet = {
  opened() {},
  nextDueUs: () => undefined,
  tick: () => ({ kind: 'ok' }),
  restart() {},
  timeoutMs: undefined,
}
const pings = { ping: () => '{"ping":1}', isPong: () => false, answerPing: () => undefined, intervalMs: 5 }
const strategy = (slipped: object): object => ({ pingPong: new WsApplicationPingPong({ ...pings, ...slipped }) })
const handler = (slipped: object): object => ({ handler: jsonHandler(slipped).handler })
const manager = (slipped: object, more = {}): object => {
  return { subscriptionManager: jsonSubscriptions(slipped), subscriptions: ['a'], ...more }
}
const authenticating = handler({ authenticate: async () => {} })

/** The hook that is told of, and the options. */
const SLIPS: [string, object][] = [
  ['handler.parse', handler({ parse: slip })],
  ['handler.handleMessage', handler({ handleMessage: slip })],
  ['handler.handleServerError', handler({ handleServerError: slip })],
  ['handler.classifyDisconnect', handler({ classifyDisconnect: slip })],
  ['handler.resetState', handler({ resetState: slip })],
  ['handler.onOpen', handler({ onOpen: slip })],
  ['handler.matchReply', handler({ matchReply: slip })],
  ['handler.samplePayloadTimestampsUs', { ...handler({ samplePayloadTimestampsUs: slip }), payloadLagEvery: 1 }],
  ['ingress.onFrame', { ingress: { onFrame: slip } }],
  ['ingress.onOpen', { ingress: { onFrame: () => 'ignore', onOpen: slip } }],
  ['ingress.onGap', { ingress: { onFrame: () => 'ignore', onGap: slip } }],
  ['subscriptionManager.initial', manager({ initial: slip })],
  ['subscriptionManager.update', manager({ update: slip })],
  ['subscriptionManager.response', manager({ maybeSubscriptionResponse: slip })],
  ['subscriptionManager.response', manager({ maybeSubscriptionResponse: () => true, response: slip })],
  ['subscriptionManager.initial', manager({ requiresAuth: slip }, authenticating)],
  ['topics.topicOf', { topics: { topicOf: slip, silentAfterMs: 1 } }],
  [
    'topics.silentAfterMs',
    manager({ maybeSubscriptionResponse: undefined }, { topics: { topicOf() {}, silentAfterMs: slip } }),
  ],
  ['reconnect.nextDelayMs', { reconnect: { nextDelayMs: slip, reset() {} } }],
  ['reconnect.reset', { reconnect: { nextDelayMs: () => 1, reset: slip }, stableMs: 0 }],
  ['pingPong.tick', strategy({ ping: slip })],
  ['pingPong.onFrame', strategy({ isPong: slip })],
  ['pingPong.onFrame', strategy({ answerPing: slip })],
  ['pingPong.onFrame', strategy({ isBeat: slip })],
  ['pingPong.opened', { pingPong: { ...quiet, opened: slip } }],
  ['pingPong.nextDueUs', { pingPong: { ...quiet, nextDueUs: slip } }],
  ['pingPong.onPong', { pingPong: { ...quiet, onPong: slip } }],
  ['latencyPolicy.opened', { latencyPolicy: { opened: slip, sample() {} } }],
  [
    'latencyPolicy.sample',
    { latencyPolicy: { opened() {}, sample: slip }, pingPong: new ProtocolPingPong({ intervalMs: 5 }) },
  ],
  ['metrics.report', { metrics: { report: slip }, metricsIntervalMs: 5 }],
  ['onStatus', { onStatus: slip }],
  ['onBatch', { onBatch: slip }],
  ['onPing', { onPing: slip }],
  ['onPong', { onPong: slip }],
]

describe('a hook that is async where nobody waits', () => {
  // An unhandled rejection would end the process; Vitest fails for it.
  it.each(SLIPS)('%s is told of, and leaves no rejection behind (%#)', async (hook, options) => {
    const { actor, server, pass, hookErrors } = await readyActor(options as Partial<WebSocketActorOptions<Json>>)
    const ask = actor.ask({ frame: 'x', confirmMode: 'confirmed', timeoutMs: 5 })
    server().sendText('{"n":1}')
    server().sendText('{"fault":1}')
    server().sendPing()
    server().sendPong()
    await pass(10)
    if (hook.startsWith('subscriptionManager')) actor.subscribe(['b'])
    await pass(10)
    await ask
    server().reset()
    await pass(2)
    await pass(2)
    expect(hookErrors.map((error) => error.hook)).toContain(hook)
    void actor.stop()
    await pass(5000)
  })

  it('is a mistake in a frame, a payload and an id, which then throws', async () => {
    const { actor, server } = await readyActor({ requestIds: { next: slip } })
    const ask = (frame: never) => actor.ask({ frame, requestId: '1', confirmMode: 'sent', timeoutMs: 5 })
    await expect(ask(slip)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    await expect(actor.ask({ frame: 'x', confirmMode: 'sent', timeoutMs: 5 })).rejects.toMatchObject({
      code: 'ERR_HOOK_RETURN',
      message: expect.stringContaining('requestIds.next must return a string'),
    })
    expect(() => actor.send(slip)).toThrow(expect.objectContaining({ code: 'ERR_PAYLOAD_WRITER' }))
    expect(server().frames).toEqual([])
  })
})

describe('user code that talks nonsense', () => {
  it('about ids: a number would never be found again', async () => {
    const { actor } = await readyActor({ requestIds: { next: () => 7 as never } })
    expect(() => actor.nextRequestId()).toThrow(
      'requestIds.next must return a string of 1 to 256 characters; it returned 7',
    )
  })

  it.each([
    { items: 5 },
    { items: [null] },
    { items: [{ ok: 1 }] },
    { items: [{ ok: true, code: {} }] },
    { code: {} },
    { message: [] },
  ])('about a reply: %o is told of', async (nonsense) => {
    const matchReply = () => ({ requestId: '1', verdict: 'partial', ...nonsense }) as never
    const { actor, server, pass, hookErrors } = await readyActor(handler({ matchReply }) as never)
    const outcome = actor.ask({ frame: 'x', requestId: '1', confirmMode: 'confirmed', timeoutMs: 50 })
    server().sendText('{}')
    await pass(50)
    expect(hookErrors).toMatchObject([{ hook: 'handler.matchReply' }])
    expect(await outcome).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
  })

  it.each([
    ['pingPong.onFrame', { pingPong: { ...quiet, onFrame: () => ({ kind: 'heartbeat', rttUs: Number.NaN }) } }],
    ['pingPong.onPong', { pingPong: { ...quiet, onPong: (): number => Number.NaN } }],
    [
      'latencyPolicy.sample',
      { latencyPolicy: { opened() {}, sample: () => true }, pingPong: { ...quiet, onPong: (): number => 1 } },
    ],
  ])('about round trips: %s', async (hook, options) => {
    const { actor, server, pass, hookErrors } = await readyActor(options as never)
    server().sendText('{}')
    server().sendPong()
    await pass()
    expect(hookErrors[0]).toMatchObject({ hook, error: { code: 'ERR_HOOK_RETURN' } })
    expect(actor.status).toBe('ready')
  })

  it('a budget that throws fails the attempt, not the process', async () => {
    class Broken extends ConnectBudget {
      override claim(): never {
        throw new Error('no clock')
      }
    }
    const { actor, pass, of } = mockActor({ connectBudget: new Broken() })
    actor.start()
    await pass()
    expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'internal-error', context: 'admission' })
    expect(actor.status).toBe('backoff')
  })
})
