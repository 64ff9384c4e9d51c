import { describe, expect, it } from 'vitest'
import type { WsStatusEvent } from '../../../src/actor/status.ts'
import type { WsGapReport } from '../../../src/errors/gap-report.ts'
import type { WsPingPongStrategy } from '../../../src/health/ping-pong.ts'
import type { WsIngressSink } from '../../../src/ingress/ingress.ts'
import type { WsSession } from '../../../src/session/endpoint-handler.ts'
import { numbered, subscriptionsSent, WATCHED } from './sequence-support.ts'
import { jsonHandler, mockActor, readyActor } from './support.ts'

describe('an ingress that reports', () => {
  it('is heard before what it emits next and before the handler, with the time of the frame', async () => {
    const order: string[] = []
    let seen = 0
    const { of, pass, server } = await readyActor<string>({
      handler: jsonHandler({ handleMessage: () => void order.push('message') }).handler,
      ingress: {
        onFrame(frame, sink) {
          seen = frame.receivedAtUs
          sink.emit('before')
          sink.reportGap({ key: 'x', fromUs: 5, remedy: 'continue' })
          sink.emit('after')
          sink.reportResumed('x')
          return 'forward'
        },
      },
      onStatus: ({ kind }) => {
        if (kind === 'gap' || kind === 'resumed') order.push(kind)
      },
      onEvent: (event) => void order.push(event),
    })
    server().sendText('{}')
    await pass()
    expect(order).toEqual(['before', 'gap', 'after', 'resumed', 'message'])
    expect(of('gap')).toEqual([])
    expect(seen).toBeGreaterThan(0)
  })

  it('has its mistakes told to the hook for errors, and goes on', async () => {
    let sink: WsIngressSink<never> | undefined
    const { hookErrors, pass, server, actor } = await readyActor({
      ingress: {
        onFrame(_, given) {
          sink = given
          given.reportGap({ key: 7 } as never)
          return 'ignore'
        },
      },
    })
    server().sendText('{}')
    await pass()
    expect(hookErrors).toMatchObject([{ hook: 'ingress.onFrame', error: { code: 'ERR_CONFIG' } }])
    expect(actor.status).toBe('ready')
    void actor.stop()
    await pass(5000)
    expect(sink?.reportGap({ key: 'a' })).toBe('not-open')
  })
})

describe('reports that lead nowhere', () => {
  it('of connections that are not there are not told', async () => {
    let first: WsSession | undefined
    const { handler } = jsonHandler({
      onOpen(session) {
        first ??= session
      },
    })
    const { actor, of, pass } = await readyActor({ handler, disconnectDrainMs: 1 })
    expect(actor.reportGap({ key: 'a', connection: 2 })).toBe('not-open')
    expect(first?.reportGap({ key: 'a', remedy: 'continue' })).toBe('told')
    actor.reconnect()
    await pass(10)
    await pass()
    expect(actor.connection).toBe(2)
    expect(actor.reportGap({ key: 'a', connection: 1 })).toBe('not-open')
    expect([first?.reportGap({ key: 'a' }), first?.reportResumed('a')]).toEqual(['not-open', false])
    expect(actor.reportResumed('a')).toBe(false)
    void actor.stop()
    await pass(5000)
    expect([actor.reportGap({}), actor.reportResumed()]).toEqual(['not-open', false])
    expect(of('gap').map(({ scope }) => scope)).toEqual(['topic', 'connection', 'connection'])
    expect(actor.stats()).toMatchObject({ sequenceGaps: 1, openGaps: 0 })
  })

  it('of keys that nobody desires are the user’s to mend, in bounded number', async () => {
    const { actor, of, server } = await numbered()
    expect(actor.reportGap({ key: 'stray', remedy: 'resubscribe' })).toBe('told')
    expect(subscriptionsSent(server())).toEqual([])
    expect(actor.reportResumed('stray')).toBe(true)
    for (let i = 0; i < 2000; i++) actor.reportGap({ key: `stray ${i}` })
    expect(actor.openGaps().length).toBeLessThanOrEqual(1024 + 2 + 1)
    expect(of('gap').at(-1)).toMatchObject({ scope: 'connection' })
    expect(actor.stats()).toMatchObject({ sequenceGaps: 2001, openGaps: actor.openGaps().length })
    expect(actor.reportGap({ key: 'x'.repeat(300) })).toBe('merged')
    expect(actor.reportGap({ key: 'a' })).toBe('told')
  })

  it('of a key that becomes desired end as those of others, and those of one that is unwanted are forgotten', async () => {
    const { actor, of, ack } = await numbered()
    actor.reportGap({ key: 'c' })
    actor.subscribe(['c'])
    await ack()
    expect(of('resumed')).toMatchObject([{ key: 'c' }])
    actor.reportGap({ key: 'a' })
    actor.unsubscribe(['a'])
    expect(actor.openGaps()).toEqual([])
    await ack()
    expect(of('resumed')).toHaveLength(1)
  })

  it('that lay in a queue until after the end of their gap belong to it', async () => {
    const { actor, data, ack, of, clock, last, pass } = await numbered({ topics: WATCHED })
    const toUs = clock.epochUs()
    await pass(10)
    await data('a', 5)
    await ack()
    last.clear()
    await pass(10)
    await data('a', 1)
    expect(of('resumed')).toHaveLength(1)
    await pass(10)
    expect(actor.reportGap({ key: 'a', toUs })).toBe('merged')
    expect(actor.openGaps()).toEqual([])
    expect(actor.reportGap({ key: 'a', toUs: clock.epochUs() })).toBe('told')
  })

  it('with mistakes in them throw all of these, named; what numbers of venues may do is none', async () => {
    const { actor, of } = await numbered()
    const wrong = (report: unknown) => () => actor.reportGap(report as WsGapReport)
    expect(wrong({ key: '', expected: {}, messages: '3', remedy: 'heal', sequence: 1 })).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG',
        problems: [
          expect.objectContaining({ field: 'reportGap.sequence' }),
          expect.objectContaining({ field: 'reportGap.key' }),
          expect.objectContaining({ field: 'reportGap.expected' }),
          expect.objectContaining({ field: 'reportGap.messages' }),
          expect.objectContaining({ field: 'reportGap.remedy' }),
        ],
      }),
    )
    expect(wrong(undefined)).toThrow(/reportGap: must be given/)
    expect(wrong('a')).toThrow(/reportGap: must be an object/)
    expect(() => actor.reportResumed(7 as never)).toThrow(/reportResumed.key/)
    expect(of('gap')).toEqual([])
    const report = { key: 'a', expected: Number.NaN, received: 'x'.repeat(1000), messages: -5, fromUs: Number.NaN }
    expect(actor.reportGap({ ...report, toUs: Number.POSITIVE_INFINITY })).toBe('told')
    const gap = of('gap')[0] as Extract<WsStatusEvent, { kind: 'gap' }>
    expect(gap).not.toHaveProperty('messages')
    expect(gap.fromUs).toBeLessThanOrEqual(gap.toUs)
    expect(gap.cause.message.length).toBeLessThan(200)
    expect(gap.cause).toMatchObject({ expected: 'NaN', received: 'x'.repeat(64) })
    const plain = await readyActor()
    expect(() => plain.actor.reportGap({ key: 'a', remedy: 'resubscribe' })).toThrow(
      expect.objectContaining({ code: 'ERR_NO_SUBSCRIPTIONS' }),
    )
  })

  // Seed 661 of the simulation.
  it('of a connection of which nobody knows yet that it is open are not told', async () => {
    const said: string[] = []
    const { handler } = jsonHandler({ resetState: () => void said.push(actor.reportGap({})) })
    const pingPong: WsPingPongStrategy = {
      opened: () => void said.push(actor.reportGap({})),
      nextDueUs: () => undefined,
      restart() {},
      tick: () => ({ kind: 'ok' }),
      timeoutMs: undefined,
    }
    const { actor, kinds, pass } = mockActor({ handler, pingPong })
    actor.start()
    await pass()
    expect(said).toEqual(['not-open', 'told'])
    expect(kinds()).toEqual(['connecting', 'open', 'gap', 'ready'])
  })

  it('from inside every callback are told at once, and in order', async () => {
    const kinds: string[] = []
    const { actor, pass } = await readyActor({
      onStatus(event) {
        kinds.push(event.kind)
        if (event.kind === 'gap') actor.reportGap({ key: event.key === 'a' ? 'b' : 'a' })
        if (event.kind === 'backpressure') actor.reportGap({ key: 'a' })
        if (event.kind === 'disconnected') kinds.push(actor.reportGap({ key: 'c' }))
      },
    })
    kinds.length = 0
    actor.pauseReading()
    await pass()
    expect(kinds).toEqual(['backpressure', 'gap', 'gap'])
    void actor.stop()
    await pass(5000)
    expect(kinds.slice(-4)).toEqual(['disconnected', 'not-open', 'gap', 'stopped'])
  })
})
