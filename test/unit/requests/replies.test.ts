import { describe, expect, it } from 'vitest'
import { Desk, EPOCH_OFFSET_US, expectWaiting, type FakeCarrier, outcomeOf, waiterOf } from './support.ts'

describe('a reply', () => {
  it('confirmed: carries its text', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    expect(desk.reply('a', {}, { text: '{"id":"a","order_id":1234567890123456789}' })).toBe('settled')
    const outcome = outcomeOf(call)
    expect(outcome).toMatchObject({ kind: 'confirmed', requestId: 'a', connection: 1, attempt: 1, delivery: 'all' })
    expect(outcome.kind === 'confirmed' && outcome.reply.field('order_id')).toBe('1234567890123456789')
  })

  it('partial: carries what became of each item', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    const items = [{ ok: true }, { ok: false, code: '7', message: 'no' }]
    desk.reply('a', { verdict: 'partial', items })
    expect(outcomeOf(call)).toMatchObject({ kind: 'partial', items })
  })

  it('partial: codes of items are text too, whatever the venue sends', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    const items = [
      { ok: true, code: 0, message: null },
      { ok: false, code: -2011 },
    ] as never
    desk.reply('a', { verdict: 'partial', items })
    const outcome = outcomeOf(call)
    expect(outcome.kind === 'partial' && outcome.items).toEqual([
      { ok: true, code: '0' },
      { ok: false, code: '-2011' },
    ])
  })

  it('rejected: codes are text, and there is a message', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' })
    desk.reply('a', { verdict: 'rejected', code: 10_009 as unknown as string, message: 'not enough funds' })
    expect(outcomeOf(first)).toMatchObject({ kind: 'rejected', code: '10009', message: 'not enough funds' })
    const second = desk.askSent({ requestId: 'b' })
    desk.reply('b', { verdict: 'rejected' })
    expect(outcomeOf(second)).toMatchObject({ kind: 'rejected', message: '' })
    expect('code' in outcomeOf(second)).toBe(false)
  })

  it('status-unknown is unconfirmed/status-unknown, and unresolved', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.reply('a', { verdict: 'status-unknown' })
    expect(outcomeOf(call)).toMatchObject({ kind: 'unconfirmed', reason: 'status-unknown', delivery: 'all' })
    expect(desk.table.unresolved()).toMatchObject([{ requestId: 'a', reason: 'status-unknown' }])
    expect(desk.late).toEqual([])
  })

  it('brings rateLimitFeedback, on success too', () => {
    const desk = new Desk()
    const rateLimitFeedback = { retryAfterMs: 250, hint: 'ORDERS 12/50' }
    for (const verdict of ['confirmed', 'rejected', 'partial', 'status-unknown'] as const) {
      const call = desk.askSent({ requestId: verdict })
      desk.reply(verdict, { verdict, rateLimitFeedback })
      expect(outcomeOf(call).rateLimitFeedback).toEqual(rateLimitFeedback)
    }
    const plain = desk.askSent({ requestId: 'plain' })
    desk.reply('plain')
    expect('rateLimitFeedback' in outcomeOf(plain)).toBe(false)
  })

  it('ids are compared as text', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: '7' })
    expect(desk.reply('07')).toBe('unknown')
    expect(desk.reply(7 as unknown as string)).toBe('settled')
    expect(outcomeOf(call).requestId).toBe('7')
  })

  it('came after its request was sent, also where a transport tells of that only later', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' }, 'none')
    const { request } = waiterOf(call)
    ;(request.carrier as FakeCarrier).deliveries.set(request.sequence as number, 'all')
    const receivedMonoUs = desk.passMs(1).nowUs
    desk.passMs(5).reply('a', {}, { receivedMonoUs })
    const { sentAtUs, repliedAtUs } = outcomeOf(call).timing
    expect([sentAtUs, repliedAtUs]).toEqual([receivedMonoUs + EPOCH_OFFSET_US, receivedMonoUs + EPOCH_OFFSET_US])
  })

  it('that is neither settles nothing and is counted', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    expect(desk.reply('a', { verdict: 'neither' })).toBe('neither')
    expect(desk.reply('a', { verdict: 'nonsense' as 'neither' })).toBe('neither')
    expectWaiting(call)
    expect(desk.table.counters.neither).toBe(2)
    desk.reply('a')
    expect(outcomeOf(call).kind).toBe('confirmed')
    expect(desk.table.counters.settled).toBe(1)
  })

  it('with an unknown id is counted', () => {
    const desk = new Desk()
    expect(desk.reply('x')).toBe('unknown')
    expect(desk.reply('x', { verdict: 'neither' })).toBe('unknown')
    expect(desk.table.counters.unknown).toBe(2)
  })

  it('settles only a request sent on the same connection', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    expect(desk.reply('a', {}, { connection: 2 })).toBe('other-connection')
    expectWaiting(call)
  })

  it.each(['none', 'part'] as const)('settles no request of which the kernel took %s', (delivery) => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' }, delivery)
    expect(desk.reply('a')).toBe('too-early')
    expectWaiting(call)
  })

  it('settles no request that still waits in its lane', () => {
    const desk = new Desk()
    const call = desk.ask({ requestId: 'a' })
    expect(desk.reply('a')).toBe('too-early')
    expectWaiting(call)
  })

  it('tells a transport that cannot know that all was sent', () => {
    const desk = new Desk()
    const confirmed = desk.askSent({ requestId: 'a' }, 'unknown')
    const sent = desk.ask({ requestId: 'a', confirmMode: 'sent' })
    desk.passMs(1)
    desk.reply('a')
    expect(outcomeOf(confirmed)).toMatchObject({ kind: 'confirmed', delivery: 'all' })
    expect(outcomeOf(sent)).toMatchObject({ kind: 'sent', delivery: 'all' })
  })

  it('that comes twice is the truth once, and then late', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    expect(desk.reply('a')).toBe('settled')
    expect(desk.reply('a', { verdict: 'rejected', message: 'duplicate' })).toBe('late')
    expect(outcomeOf(call).kind).toBe('confirmed')
    expect(desk.late).toMatchObject([{ kind: 'rejected', requestId: 'a', late: true }])
  })
})

describe('a deadline and a reply', () => {
  it('read after the deadline but received before it: confirmed, late', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.passMs(130)
    // The drain that comes before `deadline`.
    desk.reply('a', {}, { receivedMonoUs: desk.nowUs - 30_001 })
    desk.deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'confirmed', late: true })
    expect(desk.late).toEqual([])
    expect(desk.table.unresolved()).toEqual([])
  })

  it('received at the deadline itself is in time', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.passMs(100)
    desk.reply('a')
    expect(outcomeOf(call)).toMatchObject({ kind: 'confirmed', late: false })
  })

  it('received after the deadline, though read before the timer: unconfirmed, and the truth late', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.passMs(130)
    expect(desk.reply('a', {}, { receivedMonoUs: desk.nowUs - 10_000 })).toBe('late')
    expect(outcomeOf(call)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
    expect(desk.late).toMatchObject([{ kind: 'confirmed', requestId: 'a', late: true }])
    expect(desk.table.unresolved()).toEqual([])
    expect(desk.table.size).toBe(0)
  })

  it('a receive time that is only an upper bound condemns nobody: confirmed, late', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.passMs(130)
    const source = { receivedMonoUs: desk.nowUs - 10_000, text: () => '{}' }
    const match = { requestId: 'a', verdict: 'confirmed' } as const
    expect(desk.table.reply(1, match, source, desk.nowUs, 'upper-bound')).toBe('settled')
    expect(outcomeOf(call)).toMatchObject({ kind: 'confirmed', late: true })
    expect(desk.late).toEqual([])
  })

  it('is judged for each waiter by its own deadline', () => {
    const desk = new Desk()
    const short = desk.askSent({ requestId: 'a', timeoutMs: 50 })
    const long = desk.ask({ requestId: 'a' })
    desk.passMs(70)
    expect(desk.reply('a')).toBe('settled')
    expect(outcomeOf(short)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
    expect(outcomeOf(long)).toMatchObject({ kind: 'confirmed' })
    // The one that was told less hears of it.
    expect(desk.late).toMatchObject([{ kind: 'confirmed', late: true }])
    expect(desk.table.unresolved()).toEqual([])
  })

  it('that one waiter was told unconfirmed is made good when the others are answered', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' })
    const second = desk.ask({ requestId: 'a' })
    desk.abort(first)
    expect(desk.table.unresolved()).toMatchObject([{ requestId: 'a', reason: 'aborted', attempt: 1, delivery: 'all' }])
    desk.reply('a')
    expect(outcomeOf(second).kind).toBe('confirmed')
    expect(desk.late).toMatchObject([{ kind: 'confirmed', requestId: 'a' }])
    expect(desk.table.unresolved()).toEqual([])
  })
})

describe('a late reply', () => {
  it('goes to onLateReply, with the times of the request', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    desk.passMs(20)
    const rateLimitFeedback = { retryAfterMs: 1 }
    expect(desk.reply('a', { verdict: 'rejected', code: '1', message: 'no', rateLimitFeedback })).toBe('late')
    expect(outcomeOf(call).kind).toBe('unconfirmed')
    const { askedAtUs } = outcomeOf(call).timing
    expect(desk.late).toMatchObject([
      {
        kind: 'rejected',
        code: '1',
        message: 'no',
        late: true,
        attempt: 1,
        connection: 1,
        delivery: 'all',
        rateLimitFeedback,
        timing: { askedAtUs, sentAtUs: askedAtUs, repliedAtUs: askedAtUs + 120_000 },
      },
    ])
  })

  it('to a request of which only part was seen to leave does not say that none or part did', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' }, 'part')
    desk.passMs(100).deadline()
    desk.reply('a')
    expect(desk.late).toMatchObject([{ kind: 'confirmed', delivery: 'unknown' }])
  })

  it('on a later connection is late too', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.reconnect()
    expect(desk.reply('a')).toBe('late')
    expect(desk.late).toMatchObject([{ kind: 'confirmed', connection: 1 }])
    expect(desk.table.unresolved()).toEqual([])
  })

  it('never goes to a newer request that was asked after it had been received', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    desk.passMs(1)
    const receivedMonoUs = desk.nowUs - 500
    const retry = desk.askSent({ requestId: 'a' })
    expect(desk.reply('a', {}, { receivedMonoUs })).toBe('late')
    expectWaiting(retry)
    expect(desk.late).toMatchObject([{ attempt: 1 }])
  })

  it.each(['none', 'part'] as const)('never goes to a newer request of which the kernel took %s', (delivery) => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    const retry = desk.askSent({ requestId: 'a' }, delivery)
    desk.passMs(1)
    expect(desk.reply('a')).toBe('late')
    expectWaiting(retry)
    expect(desk.late).toMatchObject([{ attempt: 1 }])
  })

  it('after a sent says what the venue made of it', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a', confirmMode: 'sent' })
    expect(desk.reply('a', { verdict: 'rejected', message: 'no' })).toBe('late')
    expect(desk.late).toMatchObject([{ kind: 'rejected', late: true }])
  })

  it('after a sent that nobody has noticed says both, the sent first', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a', confirmMode: 'sent' }, 'part')
    desk.carrier?.deliveries.set(1, 'all')
    expect(desk.reply('a')).toBe('late')
    expect(outcomeOf(call)).toMatchObject({ kind: 'sent', late: false })
    expect(desk.late).toMatchObject([{ kind: 'confirmed', late: true, delivery: 'all' }])
    expect(desk.table.unresolved()).toEqual([])
    expect(desk.reply('a')).toBe('late')
    expect(desk.late[1]).toMatchObject({ attempt: 1 })
  })

  it('that is neither is counted and told to nobody', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.reply('a')
    expect(desk.reply('a', { verdict: 'neither' })).toBe('neither')
    expect(desk.late).toEqual([])
  })

  it('that says status-unknown resolves nothing', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    expect(desk.reply('a', { verdict: 'status-unknown' })).toBe('late')
    expect(desk.late).toMatchObject([{ kind: 'unconfirmed', reason: 'status-unknown' }])
    expect(desk.table.unresolved()).toHaveLength(1)
  })
})
