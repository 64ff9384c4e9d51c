import { describe, expect, it } from 'vitest'
import { Desk, expectWaiting, outcomeOf, waiterOf } from './support.ts'

const aborted = (): AbortSignal => AbortSignal.abort()

describe('an ask that sends nothing', () => {
  it('on an actor that is not ready settles at once as not-delivered/not-ready', () => {
    const desk = new Desk()
    desk.carrier = undefined
    const call = desk.ask()
    expect(call.result.kind).toBe('settled')
    expect(outcomeOf(call)).toMatchObject({
      kind: 'not-delivered',
      reason: 'not-ready',
      connection: 0,
      delivery: 'none',
    })
    expect(desk.table.size).toBe(0)
  })

  it('whose signal has fired already is not-delivered/aborted', () => {
    const desk = new Desk()
    expect(outcomeOf(desk.ask({ signal: aborted() }))).toMatchObject({ kind: 'not-delivered', reason: 'aborted' })
    expect(desk.table.isArmed('id-1')).toBe(false)
  })

  it('beyond maxPending is too-many-pending, and joined calls count', () => {
    const desk = new Desk({ maxPending: 2 })
    desk.ask({ requestId: 'a' })
    desk.ask({ requestId: 'a' })
    expect(outcomeOf(desk.ask({ requestId: 'b' }))).toMatchObject({
      kind: 'too-many-pending',
      max: 2,
      delivery: 'none',
    })
    expect(outcomeOf(desk.ask({ requestId: 'a' }))).toMatchObject({ kind: 'too-many-pending', max: 2 })
    expect(desk.table.size).toBe(2)
  })

  it('has room again when one has ended', () => {
    const desk = new Desk({ maxPending: 1 })
    desk.askSent({ requestId: 'a' })
    desk.reply('a')
    expect(desk.ask().result.kind).toBe('send')
  })

  it('of the default table are taken up to 1024', () => {
    const desk = new Desk()
    for (let i = 0; i < 1024; i++) expect(desk.ask().result.kind).toBe('send')
    expect(outcomeOf(desk.ask())).toMatchObject({ kind: 'too-many-pending', max: 1024 })
  })

  it('after stop is not-delivered/stopped', () => {
    const desk = new Desk()
    desk.table.stop(desk.nowUs)
    expect(outcomeOf(desk.ask())).toMatchObject({ kind: 'not-delivered', reason: 'stopped' })
  })

  it('with an id in flight and another fingerprint is payload-mismatch, and says for how long', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a', frame: 'buy' })
    desk.passMs(12.5)
    const second = desk.ask({ requestId: 'a', frame: 'sell' })
    expect(outcomeOf(second)).toMatchObject({ kind: 'payload-mismatch', inFlightForMs: 12.5, delivery: 'none' })
    expectWaiting(first)
  })

  it('is payload-mismatch rather than not-ready when the id is in flight', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a', frame: 'buy' })
    desk.carrier = undefined
    expect(outcomeOf(desk.ask({ requestId: 'a', frame: 'sell' })).kind).toBe('payload-mismatch')
  })
})

describe('joining', () => {
  it('same id and fingerprint in flight joins without a second send', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' })
    const second = desk.ask({ requestId: 'a' })
    expect(second.result.kind).toBe('joined')
    desk.reply('a')
    expect(outcomeOf(first).kind).toBe('confirmed')
    expect(outcomeOf(second).kind).toBe('confirmed')
  })

  it('works while the actor refuses new asks: what is in flight can be waited for', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.carrier = undefined
    expect(desk.ask({ requestId: 'a' }).result.kind).toBe('joined')
  })

  it('by an explicit fingerprint does not look at the frame', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a', frame: 'signed at 1', fingerprint: 'buy 10' })
    expect(desk.ask({ requestId: 'a', frame: 'signed at 2', fingerprint: 'buy 10' }).result.kind).toBe('joined')
    expect(outcomeOf(desk.ask({ requestId: 'a', frame: 'signed at 1' })).kind).toBe('payload-mismatch')
  })

  it('each waiter keeps its own deadline', () => {
    const desk = new Desk()
    const short = desk.askSent({ requestId: 'a', timeoutMs: 50 })
    const long = desk.ask({ requestId: 'a', timeoutMs: 200 })
    desk.passMs(50).deadline()
    expect(outcomeOf(short)).toMatchObject({ kind: 'unconfirmed', reason: 'deadline' })
    expectWaiting(long)
    desk.passMs(50)
    desk.reply('a')
    expect(outcomeOf(long)).toMatchObject({ kind: 'confirmed', late: false })
  })

  it('each waiter keeps its own signal, and the id stays armed until the last waiter ends', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' })
    const second = desk.ask({ requestId: 'a' })
    desk.abort(first)
    expect(outcomeOf(first)).toMatchObject({ kind: 'unconfirmed', reason: 'aborted' })
    expectWaiting(second)
    expect(desk.table.isArmed('a')).toBe(true)
    desk.abort(second)
    expect(desk.table.isArmed('a')).toBe(false)
    expect(outcomeOf(second)).toMatchObject({ kind: 'unconfirmed', reason: 'aborted' })
    expect(desk.table.unresolved()).toHaveLength(1)
  })

  it('an abort withdraws the frame only if nobody else waits', () => {
    const desk = new Desk()
    const first = desk.ask({ requestId: 'a' })
    const second = desk.ask({ requestId: 'a' })
    desk.abort(first)
    expect(desk.carrier?.withdrawals).toBe(0)
    // The frame will be sent for the other: this caller must not believe that it never will.
    expect(outcomeOf(first)).toMatchObject({ kind: 'unconfirmed', reason: 'aborted', delivery: 'unknown' })
    desk.abort(second)
    expect(desk.carrier?.withdrawn).toEqual([waiterOf(second).request])
    expect(outcomeOf(second)).toMatchObject({ kind: 'not-delivered', reason: 'aborted', delivery: 'none' })
  })

  it('what a leaving waiter was told unconfirmed is no longer unresolved once the frame was withdrawn', () => {
    const desk = new Desk()
    const first = desk.ask({ requestId: 'a' })
    const second = desk.ask({ requestId: 'a' })
    desk.abort(first)
    expect(desk.table.unresolved()).toHaveLength(1)
    desk.abort(second)
    expect(desk.table.unresolved()).toEqual([])
  })

  it('a sent joiner after the send completes at once', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' })
    desk.passMs(5)
    const joiner = desk.ask({ requestId: 'a', confirmMode: 'sent' })
    expect(joiner.result.kind).toBe('settled')
    expect(outcomeOf(joiner)).toMatchObject({ kind: 'sent', delivery: 'all' })
    expect(outcomeOf(joiner).timing.askedAtUs - (outcomeOf(joiner).timing.sentAtUs as number)).toBe(5_000)
    expectWaiting(first)
  })

  it('a sent joiner after the send that nobody has noticed completes at once too', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' }, 'part')
    desk.carrier?.deliveries.set(waiterOf(first).request.sequence as number, 'all')
    expect(outcomeOf(desk.ask({ requestId: 'a', confirmMode: 'sent' })).kind).toBe('sent')
  })

  it('an ask that finds a sent one to be done is a retry, not a joiner', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a', confirmMode: 'sent' }, 'part')
    desk.carrier?.deliveries.set(1, 'all')
    const second = desk.askSent({ requestId: 'a' })
    expect(outcomeOf(first).kind).toBe('sent')
    expect(second.result.kind).toBe('send')
    desk.reply('a')
    expect(outcomeOf(second)).toMatchObject({ kind: 'confirmed', attempt: 2 })
  })

  it('a sent joiner before the send waits for it', () => {
    const desk = new Desk()
    const first = desk.ask({ requestId: 'a' })
    const joiner = desk.ask({ requestId: 'a', confirmMode: 'sent' })
    expect(joiner.result.kind).toBe('joined')
    desk.offer(first, 'part')
    expectWaiting(joiner)
    desk.deliver(first, 'all')
    expect(outcomeOf(joiner).kind).toBe('sent')
    expectWaiting(first)
  })

  it('a joiner whose signal has fired is unconfirmed, since the frame is on its way for the other', () => {
    const desk = new Desk()
    const first = desk.ask({ requestId: 'a' })
    const joiner = desk.ask({ requestId: 'a', signal: aborted() })
    expect(joiner.result.kind).toBe('settled')
    expect(outcomeOf(joiner)).toMatchObject({ kind: 'unconfirmed', reason: 'aborted' })
    expectWaiting(first)
    expect(desk.table.size).toBe(1)
  })

  it('timing is that of each call, and the send that of the frame', () => {
    const desk = new Desk()
    const first = desk.askSent({ requestId: 'a' })
    const askedAtUs = desk.nowUs + 1_700_000_000_000_000
    desk.passMs(7)
    const second = desk.ask({ requestId: 'a' })
    desk.passMs(3)
    desk.reply('a')
    expect(outcomeOf(first).timing).toEqual({ askedAtUs, sentAtUs: askedAtUs, repliedAtUs: askedAtUs + 10_000 })
    expect(outcomeOf(second).timing).toEqual({
      askedAtUs: askedAtUs + 7_000,
      sentAtUs: askedAtUs,
      repliedAtUs: askedAtUs + 10_000,
    })
  })
})
