import { describe, expect, it } from 'vitest'
import { WsConfigError } from '../../../src/errors/errors.ts'
import type { WsDelegatedRequest } from '../../../src/requests/delegated-request.ts'
import { follow, jsonHandler, jsonSubscriptions, readyActor, sentTo } from './support.ts'

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })
const withHandler = () => ({ handler: jsonHandler().handler, reconnect: every(1) })
const order = (requestId: string, more: Partial<WsDelegatedRequest> = {}): WsDelegatedRequest => ({
  frame: JSON.stringify({ order: requestId }),
  requestId,
  confirmMode: 'confirmed',
  timeoutMs: 1000,
  ...more,
})

describe('ask()', () => {
  it('sends at once, and is confirmed or rejected by the reply, which the handler sees too', async () => {
    const { handler, messages } = jsonHandler()
    const { actor, server, pass } = await readyActor({ handler })
    const [good, bad] = [follow(actor.ask(order('1'))), follow(actor.ask(order('2')))]
    await pass()
    expect(sentTo(server())).toEqual([{ order: '1' }, { order: '2' }])
    server().sendText('{"id":1,"progress":50}')
    server().sendText('{"id":2,"error":"no money"}')
    server().sendText('{"id":1,"result":{"order_id":1234567890123456789}}')
    await pass(3)
    expect(good.value).toMatchObject({ kind: 'confirmed', requestId: '1', connection: 1, delivery: 'all', late: false })
    expect(good.value?.kind === 'confirmed' && good.value.reply.field('result.order_id')).toBe('1234567890123456789')
    expect(bad.value).toMatchObject({ kind: 'rejected', message: 'no money' })
    expect(messages).toHaveLength(3)
    expect(actor.stats()).toMatchObject({ pending: 0, unmatchedReplies: 1 })
  })

  it('rejects what is wrong with the call, and sends nothing', async () => {
    const { actor, server, pass } = await readyActor(withHandler())
    await expect(actor.ask({} as never)).rejects.toBeInstanceOf(WsConfigError)
    await expect(actor.ask(order('1', { frame: () => 5.5 as never }))).rejects.toMatchObject({
      code: 'ERR_PAYLOAD_WRITER',
    })
    await pass()
    expect(sentTo(server())).toEqual([])
  })

  it('a deadline is judged by when the reply came, not by when it is read', async () => {
    const { actor, server, pass, late } = await readyActor(withHandler())
    const ask = follow(actor.ask(order('1', { timeoutMs: 100 })))
    const lost = follow(actor.ask(order('2', { timeoutMs: 100 })))
    server().hold()
    await pass(99)
    server().sendText('{"id":"1","result":1}')
    await pass(1)
    expect(ask.value).toMatchObject({ kind: 'confirmed' })
    expect(lost.value).toMatchObject({ kind: 'unconfirmed', reason: 'deadline', delivery: 'all' })
    expect(actor.unresolved().map(({ requestId }) => requestId)).toEqual(['2'])
    server().unhold()
    server().sendText('{"id":"2","error":"too late"}')
    await pass()
    expect(late).toMatchObject([{ kind: 'rejected', requestId: '2', late: true }])
    expect([actor.unresolved(), actor.stats().lateReplies]).toEqual([[], 1])
  })

  it('settle() is the user’s word on what is unresolved', async () => {
    const { actor, of, pass } = await readyActor(withHandler())
    const ask = follow(actor.ask(order('1', { timeoutMs: 10 })))
    await pass(10)
    expect(ask.value?.kind).toBe('unconfirmed')
    const evidence = 'seen on the web page'
    expect([actor.settle('1', evidence), actor.settle('1'), actor.unresolved()]).toEqual([true, false, []])
    expect(of('settled')).toMatchObject([{ requestId: '1', evidence }])
  })

  it('what is not sent by then is withdrawn before it is said', async () => {
    const { actor, server, pass } = await readyActor({ ...withHandler(), limits: { maxLinkBytes: 1000 } })
    server().stall()
    const filler = follow(actor.ask(order('0', { frame: 'f'.repeat(900), confirmMode: 'sent' })))
    const inLink = follow(actor.ask(order('1', { frame: 'x'.repeat(50), timeoutMs: 100 })))
    const abort = new AbortController()
    const inLane = follow(actor.ask(order('2', { frame: 'y'.repeat(500), signal: abort.signal })))
    const expiring = follow(actor.ask(order('3', { frame: 'z'.repeat(500), sendWithinMs: 50 })))
    await pass(50)
    expect(expiring.value).toMatchObject({ kind: 'not-delivered', reason: 'expired-unsent', delivery: 'none' })
    abort.abort()
    await pass(50)
    expect(inLane.value).toMatchObject({ kind: 'not-delivered', reason: 'aborted' })
    expect(inLink.value).toMatchObject({ kind: 'not-delivered', reason: 'deadline' })
    expect(filler.value).toBeUndefined()
    server().unstall()
    await pass(5)
    expect(filler.value).toMatchObject({ kind: 'sent', delivery: 'all' })
    expect(server().frames.map(({ payload }) => payload.length)).toEqual([900])
  })

  it('at a disconnect is settled by what the kernel took', async () => {
    const { actor, server, pass } = await readyActor({ ...withHandler(), limits: { maxLinkBytes: 500 } })
    const taken = follow(actor.ask(order('taken')))
    server().takeBytes(50)
    const part = follow(actor.ask(order('part', { frame: 'p'.repeat(200) })))
    const queued = follow(actor.ask(order('queued', { frame: 'q'.repeat(200) })))
    const waiting = follow(actor.ask(order('waiting', { frame: 'w'.repeat(400) })))
    await pass()
    server().reset()
    await pass()
    const tell = ({ value }: typeof taken) => [value?.kind, value?.delivery, value && 'reason' in value && value.reason]
    expect([taken, part, queued, waiting].map(tell)).toEqual([
      ['unconfirmed', 'all', 'disconnected'],
      ['unconfirmed', 'part', 'disconnected'],
      ['not-delivered', 'none', 'disconnected'],
      ['not-delivered', 'none', 'disconnected'],
    ])
    await pass(1)
    await pass(100)
    expect(actor.status).toBe('ready')
    expect(server().frames).toEqual([])
  })

  it('joins the same request in flight, each with its own deadline', async () => {
    const { actor, server, pass } = await readyActor(withHandler())
    const first = follow(actor.ask(order('1', { timeoutMs: 100 })))
    const joined = follow(actor.ask(order('1', { timeoutMs: 500 })))
    const other = follow(actor.ask(order('1', { frame: '{"other":1}' })))
    await pass(100)
    expect(first.value).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
    expect(other.value).toMatchObject({ kind: 'payload-mismatch' })
    server().sendText('{"id":"1","result":1}')
    await pass()
    expect(joined.value).toMatchObject({ kind: 'confirmed' })
    expect(sentTo(server())).toHaveLength(1)
  })

  it('is bounded by maxPending and by the lanes', async () => {
    const { actor, server, pass } = await readyActor({
      ...withHandler(),
      requests: { maxPending: 2 },
      lanes: { normalBytes: 0 },
      limits: { maxLinkBytes: 300 },
    })
    server().stall()
    void actor.ask(order('1', { frame: 'x'.repeat(280) }))
    const full = follow(actor.ask(order('2', { frame: 'x'.repeat(280) })))
    await pass()
    expect(full.value).toMatchObject({ kind: 'not-delivered', reason: 'queue-full' })
    void actor.ask(order('3', { frame: '' }))
    const many = follow(actor.ask(order('4', { frame: '' })))
    await pass()
    expect(many.value).toMatchObject({ kind: 'too-many-pending', max: 2 })
  })

  it('takes ids from where it is told, the library’s own requests too', async () => {
    let next = 100
    const { actor, server, pass } = await readyActor({
      ...withHandler(),
      requestIds: { next: () => String(next++) },
      subscriptionManager: jsonSubscriptions(),
      subscriptions: ['a'],
    })
    void actor.ask({ frame: (id: string) => JSON.stringify({ id }), confirmMode: 'confirmed', timeoutMs: 10 })
    await pass()
    expect(sentTo(server())).toMatchObject([{ req: '100' }, { id: '101' }])
    expect(actor.nextRequestId()).toBe('102')
  })

  it('aborted before the call sends nothing', async () => {
    const { actor, server, pass } = await readyActor(withHandler())
    const outcome = await actor.ask(order('1', { signal: AbortSignal.abort() }))
    await pass()
    expect([outcome.kind, sentTo(server())]).toEqual(['not-delivered', []])
  })

  it('leaves no listener on a signal', async () => {
    const { actor, server, pass } = await readyActor(withHandler())
    const { signal } = new AbortController()
    let listeners = 0
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    const counting = <F extends (...args: never[]) => void>(call: F, step: number): F =>
      ((...args: Parameters<F>) => {
        listeners += step
        call(...args)
      }) as F
    signal.addEventListener = counting(add, 1)
    signal.removeEventListener = counting(remove, -1)
    const asks = [order('1'), order('2', { confirmMode: 'sent' }), order('3', { timeoutMs: 5 })]
    const all = asks.map((request) => actor.ask({ ...request, signal }))
    server().sendText('{"id":"1","result":1}')
    await pass(5)
    await Promise.all(all)
    expect(listeners).toBe(0)
  })
})

describe('send()', () => {
  it('keeps call order within a lane, and lets the urgent one pass', async () => {
    const { actor, server, pass } = await readyActor({ limits: { maxLinkBytes: 200 } })
    server().stall()
    const results = [
      actor.send('1'.repeat(180)),
      actor.send('2'.repeat(180)),
      actor.send('3'),
      actor.send('U', { urgent: true }),
      actor.send(Uint8Array.of(4), { binary: false }),
      actor.send((into) => {
        into[0] = 0x35
        return 1
      }),
      actor.send(Uint8Array.of(6)),
    ]
    expect(results).toEqual(['taken', 'queued', 'queued', 'taken', 'queued', 'queued', 'queued'])
    server().unstall()
    await pass()
    await pass()
    const got = server().frames.map(({ opcode, payload }) => `${opcode}:${payload[0]}:${payload.length}`)
    expect(got).toEqual(['1:49:180', '1:85:1', '1:50:180', '1:51:1', '1:4:1', '1:53:1', '2:6:1'])
  })

  it('says full at the bound, and throws for what is no payload', async () => {
    const { actor, server } = await readyActor({
      limits: { maxLinkBytes: 100 },
      lanes: { normalBytes: 300, urgentBytes: 40 },
    })
    server().stall()
    expect(actor.send('x'.repeat(90))).toBe('taken')
    expect([actor.send('y'.repeat(200)), actor.send('z'.repeat(200))]).toEqual(['queued', 'full'])
    expect([actor.send('u'.repeat(20), { urgent: true }), actor.send('u'.repeat(20), { urgent: true })]).toEqual([
      'queued',
      'full',
    ])
    expect(actor.stats().queuedBytes).toBeGreaterThan(290)
    expect(() => actor.send(5 as never)).toThrow(/payload/)
    expect(() => actor.send('x', { urgnt: true } as never)).toThrow(/did you mean urgent/)
    expect(() =>
      actor.send(() => {
        throw new Error('writer')
      }),
    ).toThrow('writer')
  })

  it('sendBatch says how many it took', async () => {
    const { actor, server, pass } = await readyActor({ limits: { maxLinkBytes: 100 }, lanes: { normalBytes: 60 } })
    expect(actor.sendBatch(['a', 'b', 'c'])).toBe(3)
    await pass()
    server().stall()
    expect(actor.sendBatch(['1'.repeat(90), '2'.repeat(30), '3'.repeat(30)])).toBe(2)
    server().unstall()
    await pass()
    await pass()
    expect(server().frames.map(({ payload }) => payload.length)).toEqual([1, 1, 1, 90, 30])
    expect(() => actor.sendBatch('abc' as never)).toThrow(/list of payloads/)
  })
})

describe('drain()', () => {
  it('refuses what is new, and resolves when all have their outcome and all has left', async () => {
    const { actor, server, pass, clock } = await readyActor(withHandler())
    const ask = follow(actor.ask(order('1')))
    server().stall()
    actor.send('x'.repeat(100_000))
    const drained = follow(actor.drain({ timeoutMs: 500 }))
    expect(actor.send('more')).toBe('not-open')
    expect(await actor.ask(order('2'))).toMatchObject({ kind: 'not-delivered', reason: 'not-ready' })
    server().sendText('{"id":"1","result":1}')
    await pass(10)
    expect([ask.value?.kind, drained.value]).toEqual(['confirmed', undefined])
    server().unstall()
    await pass(5)
    expect(drained.value).toBe(true)
    expect(await actor.drain()).toBe(true)
    void actor.stop()
    await pass()
    await pass()
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives up after its timeout, and at a disconnect', async () => {
    const { actor, server, pass } = await readyActor(withHandler())
    void actor.ask(order('1', { timeoutMs: 10_000 }))
    const timed = follow(actor.drain({ timeoutMs: 100 }))
    await pass(100)
    expect(timed.value).toBe(false)
    const cut = follow(actor.drain({ timeoutMs: 5000 }))
    server().reset()
    await pass()
    expect(cut.value).toBe(false)
  })
})

describe('ping()', () => {
  it('resolves with the round trip, and rejects at the end of the connection', async () => {
    const { actor, server, pass } = await readyActor(withHandler())
    server().delay({ toClientMs: 3 })
    const ping = follow(actor.ping())
    await pass(3)
    expect(ping.value).toBe(3000)
    server().answersPings = false
    const cut = follow(actor.ping())
    server().reset()
    await pass(3)
    expect(cut.error).toMatchObject({ code: 'ECONNRESET' })
    await expect(actor.ping()).rejects.toMatchObject({ code: 'ERR_NOT_OPEN' })
  })
})
