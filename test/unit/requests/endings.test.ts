import { describe, expect, it } from 'vitest'
import { Desk, expectWaiting, FakeCarrier, outcomeOf, waiterOf } from './support.ts'

describe('the send', () => {
  it('mode sent is done when the kernel took every byte', () => {
    const desk = new Desk()
    const call = desk.askSent({ confirmMode: 'sent' }, 'none')
    expect(desk.table.awaitsKernel).toBe(true)
    desk.deliver(call, 'part')
    expectWaiting(call)
    desk.passMs(3)
    desk.deliver(call, 'all')
    const outcome = outcomeOf(call)
    expect(outcome).toMatchObject({ kind: 'sent', delivery: 'all', late: false, connection: 1, attempt: 1 })
    expect((outcome.timing.sentAtUs as number) - outcome.timing.askedAtUs).toBe(3_000)
    expect(desk.table.awaitsKernel).toBe(false)
    expect(desk.table.isArmed('id-1')).toBe(false)
  })

  it('mode sent is done at once when the kernel takes the frame at once', () => {
    expect(outcomeOf(new Desk().askSent({ confirmMode: 'sent' })).kind).toBe('sent')
  })

  it('mode confirmed is not', () => {
    const desk = new Desk()
    expectWaiting(desk.askSent())
    expect(desk.table.awaitsKernel).toBe(false)
  })

  it('the id is armed before the bytes leave', () => {
    const desk = new Desk()
    expect(desk.ask().result.kind).toBe('send')
    expect(desk.table.isArmed('id-1')).toBe(true)
  })

  it('a frame for which there is no room is not-delivered/queue-full', () => {
    const desk = new Desk()
    const call = desk.ask()
    desk.table.refused(waiterOf(call).request, 'queue-full', desk.nowUs)
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'queue-full', delivery: 'none' })
    desk.table.refused(waiterOf(call).request, 'queue-full', desk.nowUs)
    expect(call.outcomes).toHaveLength(1)
  })

  it('of a request that has ended is no news, whatever became of its frame', () => {
    const desk = new Desk()
    const old = waiterOf(desk.ask({ requestId: 'a' }))
    desk.table.abort(old, desk.nowUs)
    const fresh = desk.askSent({ requestId: 'a' })
    desk.table.offered(old.request, 1, desk.nowUs)
    desk.table.refused(old.request, 'queue-full', desk.nowUs)
    expect(desk.table.isArmed('a')).toBe(true)
    expect(desk.table.awaitsKernel).toBe(false)
    desk.reply('a')
    expect(outcomeOf(fresh)).toMatchObject({ kind: 'confirmed', attempt: 2 })
    desk.table.offered(old.request, 2, desk.nowUs)
    expect(desk.table.awaitsKernel).toBe(false)
  })

  it('seen only after its deadline is sent, late', () => {
    const desk = new Desk()
    const call = desk.askSent({ confirmMode: 'sent' }, 'part')
    desk.carrier?.deliveries.set(1, 'all')
    desk.passMs(150).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'sent', late: true })
  })
})

describe('a deadline', () => {
  it('is when the timer is to be armed for', () => {
    const desk = new Desk()
    expect(desk.table.nextDeadlineUs()).toBeUndefined()
    desk.ask({ timeoutMs: 200 })
    desk.askSent({ requestId: 'b', timeoutMs: 100 })
    expect(desk.table.nextDeadlineUs()).toBe(desk.nowUs + 100_000)
    desk.reply('b')
    expect(desk.table.nextDeadlineUs()).toBe(desk.nowUs + 200_000)
  })

  it('does nothing before its time', () => {
    const desk = new Desk()
    const call = desk.askSent()
    desk.passMs(99.999).deadline()
    expectWaiting(call)
    desk.passMs(0.001).deadline()
    expect(outcomeOf(call).kind).toBe('unconfirmed')
  })

  it('that finds the frame in its lane withdraws it: not-delivered', () => {
    const desk = new Desk()
    const call = desk.ask()
    desk.passMs(100).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'deadline', delivery: 'none' })
    expect(desk.carrier?.withdrawn).toEqual([waiterOf(call).request])
  })

  it('that finds the frame in the link, not begun, withdraws it: not-delivered', () => {
    const desk = new Desk()
    const call = desk.askSent({}, 'none')
    desk.passMs(100).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'deadline' })
    expect(desk.carrier?.withdrawn).toEqual([waiterOf(call).request])
  })

  it('where withdrawal loses the race, the request counts as handed over: unconfirmed', () => {
    const desk = new Desk()
    const call = desk.askSent({}, 'none')
    desk.carrier?.claimed.add(1)
    desk.passMs(100).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline', delivery: 'unknown' })
  })

  it('does not ask for a frame back that is with the kernel', () => {
    const desk = new Desk()
    desk.askSent()
    desk.passMs(100).deadline()
    expect(desk.carrier?.withdrawals).toBe(0)
  })

  it('where withdrawal loses the race to the whole frame, mode sent is sent', () => {
    const desk = new Desk()
    const carrier = desk.carrier as FakeCarrier
    const call = desk.askSent({ confirmMode: 'sent' }, 'none')
    carrier.withdraw = ({ sequence }) => {
      carrier.deliveries.set(sequence as number, 'all')
      return false
    }
    desk.passMs(100).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'sent', delivery: 'all' })
    expect(desk.table.unresolved()).toEqual([])
  })

  it('where a transport that did not know gives the frame back, nothing of it was delivered', () => {
    const desk = new Desk()
    const carrier = desk.carrier as FakeCarrier
    const call = desk.askSent({}, 'unknown')
    carrier.withdraw = () => true
    desk.passMs(100).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', delivery: 'none' })
  })

  it.each(['part', 'all', 'unknown'] as const)('that finds %s of the frame begun is unconfirmed', (delivery) => {
    const desk = new Desk()
    const call = desk.askSent({}, delivery)
    desk.passMs(100).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline', delivery })
    expect(desk.table.awaitsKernel).toBe(false)
  })

  it('of several waiters at once withdraws the frame for them all', () => {
    const desk = new Desk()
    const calls = [desk.ask({ requestId: 'a' }), desk.ask({ requestId: 'a' })]
    desk.passMs(100).deadline()
    for (const call of calls) expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'deadline' })
    expect(desk.carrier?.withdrawn).toHaveLength(1)
  })

  it('of one of several leaves the frame where it is', () => {
    const desk = new Desk()
    const short = desk.ask({ requestId: 'a', timeoutMs: 50 })
    const long = desk.ask({ requestId: 'a' })
    desk.passMs(50).deadline()
    expect(outcomeOf(short)).toMatchObject({ kind: 'unconfirmed', delivery: 'unknown' })
    expect(desk.carrier?.withdrawals).toBe(0)
    expectWaiting(long)
  })

  it('settles everything that is due, in the order in which it became due', () => {
    const desk = new Desk()
    const order: string[] = []
    const calls = [30, 10, 20].map((timeoutMs) => desk.askSent({ requestId: `t${timeoutMs}`, timeoutMs }))
    for (const call of calls) {
      const push = call.outcomes.push.bind(call.outcomes)
      call.outcomes.push = (outcome) => order.push(outcome.requestId) && push(outcome)
    }
    desk.passMs(25).deadline()
    expect(order).toEqual(['t10', 't20'])
  })
})

describe('sendWithinMs', () => {
  it('not handed to the kernel by then: withdrawn, expired-unsent', () => {
    const desk = new Desk()
    const call = desk.ask({ sendWithinMs: 10 })
    expect(desk.table.nextDeadlineUs()).toBe(desk.nowUs + 10_000)
    desk.passMs(10).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'expired-unsent', delivery: 'none' })
    expect(desk.carrier?.withdrawn).toHaveLength(1)
  })

  it('handed over in time: the reply is waited for until the deadline', () => {
    const desk = new Desk()
    const call = desk.askSent({ sendWithinMs: 10 })
    desk.passMs(10).deadline()
    expectWaiting(call)
    expect(desk.table.nextDeadlineUs()).toBe(desk.nowUs + 90_000)
    desk.passMs(90).deadline()
    expect(outcomeOf(call)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
  })

  it.each(['part', 'unknown'] as const)('%s of it handed over in time: goes on too', (delivery) => {
    const desk = new Desk()
    const call = desk.askSent({ sendWithinMs: 10 }, delivery)
    desk.passMs(10).deadline()
    expectWaiting(call)
  })

  it('of one waiter does not take the frame from another that would still have it sent', () => {
    const desk = new Desk()
    const hasty = desk.ask({ requestId: 'a', sendWithinMs: 10 })
    const patient = desk.ask({ requestId: 'a', sendWithinMs: 20 })
    desk.passMs(10).deadline()
    expectWaiting(hasty)
    expect(desk.carrier?.withdrawals).toBe(0)
    desk.passMs(10).deadline()
    for (const call of [hasty, patient]) expect(outcomeOf(call)).toMatchObject({ reason: 'expired-unsent' })
  })

  it('counts when the waiter that would still have it sent leaves: withdrawn before either is told', () => {
    const desk = new Desk()
    const hasty = desk.ask({ requestId: 'a', sendWithinMs: 10 })
    const patient = desk.ask({ requestId: 'a' })
    desk.passMs(10).deadline()
    desk.abort(patient)
    expect(outcomeOf(hasty)).toMatchObject({ kind: 'not-delivered', reason: 'expired-unsent' })
    expect(outcomeOf(patient)).toMatchObject({ kind: 'not-delivered', reason: 'aborted' })
    expect(desk.table.unresolved()).toEqual([])
  })
})

describe('an abort', () => {
  it('that finds the frame unsent withdraws it: not-delivered', () => {
    const desk = new Desk()
    const call = desk.ask()
    desk.abort(call)
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'aborted' })
    expect(desk.carrier?.withdrawn).toHaveLength(1)
    expect(desk.table.size).toBe(0)
  })

  it('after the frame began is unconfirmed', () => {
    const desk = new Desk()
    const call = desk.askSent({}, 'part')
    desk.abort(call)
    expect(outcomeOf(call)).toMatchObject({ kind: 'unconfirmed', reason: 'aborted', delivery: 'part' })
  })

  it('of a call that has ended does nothing', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.reply('a')
    desk.abort(call)
    expect(outcomeOf(call).kind).toBe('confirmed')
  })

  it('that finds the frame with the kernel leaves who waits for the answer alone', () => {
    const desk = new Desk()
    const sent = desk.askSent({ requestId: 'a', confirmMode: 'sent' }, 'part')
    const confirmed = desk.ask({ requestId: 'a' })
    desk.carrier?.deliveries.set(1, 'all')
    desk.abort(sent)
    expect(outcomeOf(sent).kind).toBe('sent')
    expectWaiting(confirmed)
    expect(desk.table.unresolved()).toEqual([])
  })

  it('that finds the frame with the kernel says sent to who waited for that', () => {
    const desk = new Desk()
    const call = desk.askSent({ confirmMode: 'sent' }, 'part')
    desk.carrier?.deliveries.set(1, 'all')
    desk.abort(call)
    expect(outcomeOf(call).kind).toBe('sent')
  })
})

describe('a disconnect', () => {
  it.each([
    ['none', 'not-delivered', 'none'],
    ['part', 'unconfirmed', 'part'],
    ['all', 'unconfirmed', 'all'],
    ['unknown', 'unconfirmed', 'unknown'],
  ] as const)('is settled by what the kernel took: %s is %s', (taken, kind, delivery) => {
    const desk = new Desk()
    const call = desk.askSent({}, taken)
    desk.reconnect()
    expect(outcomeOf(call)).toMatchObject({ kind, reason: 'disconnected', delivery, connection: 1 })
  })

  it('with a frame that a dead link no longer gives back is settled by its delivery', () => {
    const desk = new Desk()
    const call = desk.askSent({}, 'none')
    desk.carrier?.claimed.add(1)
    desk.reconnect()
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'disconnected' })
  })

  it('takes frames out of the lanes, so that nothing is sent after it', () => {
    const desk = new Desk()
    const call = desk.ask()
    const carrier = desk.carrier as FakeCarrier
    desk.reconnect()
    expect(outcomeOf(call)).toMatchObject({ kind: 'not-delivered', reason: 'disconnected' })
    expect(carrier.withdrawn).toHaveLength(1)
  })

  it('says sent to who waited for that when the kernel had it all', () => {
    const desk = new Desk()
    const call = desk.askSent({ confirmMode: 'sent' }, 'part')
    desk.carrier?.deliveries.set(1, 'all')
    desk.reconnect()
    expect(outcomeOf(call)).toMatchObject({ kind: 'sent', delivery: 'all' })
  })

  it('settles only what its own connection carried', () => {
    const desk = new Desk()
    const old = desk.askSent()
    const oldConnection = desk.carrier?.connection as number
    desk.carrier = new FakeCarrier(2)
    const fresh = desk.askSent()
    desk.table.disconnected(oldConnection, desk.nowUs)
    expect(outcomeOf(old).kind).toBe('unconfirmed')
    expectWaiting(fresh)
  })
})

describe('stop', () => {
  it.each([
    ['none', 'not-delivered'],
    ['part', 'unconfirmed'],
    ['all', 'unconfirmed'],
  ] as const)('withdraws what is unsent first: %s is %s', (taken, kind) => {
    const desk = new Desk()
    const call = desk.askSent({}, taken)
    desk.table.stop(desk.nowUs)
    expect(outcomeOf(call)).toMatchObject({ kind, reason: 'stopped' })
    expect(desk.table.size).toBe(0)
    expect(desk.table.nextDeadlineUs()).toBeUndefined()
  })
})

describe('settle functions', () => {
  it('may call the table: it is between two states no more', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' })
    const second = desk.askSent({ requestId: 'b' })
    const again: unknown[] = []
    for (const { outcomes } of [first, second]) {
      const push = outcomes.push.bind(outcomes)
      outcomes.push = (outcome) => {
        again.push(desk.askSent({ requestId: outcome.requestId }).result.kind)
        return push(outcome)
      }
    }
    desk.table.disconnected(1, desk.nowUs)
    expect(again).toEqual(['send', 'send'])
    expect(desk.table.size).toBe(2)
    expect([first, second].map((call) => outcomeOf(call).kind)).toEqual(['unconfirmed', 'unconfirmed'])
  })
})
