import { describe, expect, it } from 'vitest'
import { Desk, outcomeOf } from './support.ts'

describe('settled ids', () => {
  it('reused with another fingerprint are payload-mismatch', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a', frame: 'buy' })
    desk.passMs(40)
    desk.reply('a')
    desk.passMs(1000)
    // Answered: it was in flight for 40 ms.
    expect(outcomeOf(desk.ask({ requestId: 'a', frame: 'sell' }))).toMatchObject({
      kind: 'payload-mismatch',
      inFlightForMs: 40,
    })
  })

  it('that were never answered are in flight still, for all we know', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a', frame: 'buy' })
    desk.passMs(100).deadline()
    desk.passMs(900)
    expect(outcomeOf(desk.ask({ requestId: 'a', frame: 'sell' }))).toMatchObject({ inFlightForMs: 1000 })
    desk.reply('a')
    desk.passMs(1000)
    desk.reply('a')
    expect(outcomeOf(desk.ask({ requestId: 'a', frame: 'sell' }))).toMatchObject({ inFlightForMs: 1000 })
  })

  it('reused with the same fingerprint are a deliberate retry: sent, attempt 2', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    for (const attempt of [2, 3]) {
      const retry = desk.askSent({ requestId: 'a' })
      expect(retry.result.kind).toBe('send')
      desk.reply('a')
      expect(outcomeOf(retry)).toMatchObject({ kind: 'confirmed', attempt })
    }
  })

  it('whose frame was withdrawn are free: nothing of it can take effect', () => {
    const desk = new Desk()
    const first = desk.ask({ requestId: 'a', frame: 'at 1' })
    desk.abort(first)
    const second = desk.askSent({ requestId: 'a', frame: 'at 2' })
    desk.reply('a')
    expect(outcomeOf(second)).toMatchObject({ kind: 'confirmed', attempt: 1 })
  })

  it('whose retry was withdrawn are not: the first attempt may take effect', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a', frame: 'buy' })
    desk.passMs(100).deadline()
    desk.abort(desk.ask({ requestId: 'a', frame: 'buy' }))
    expect(outcomeOf(desk.ask({ requestId: 'a', frame: 'sell' })).kind).toBe('payload-mismatch')
  })

  it('of calls that were turned away are not remembered', () => {
    const desk = new Desk()
    const { carrier } = desk
    desk.carrier = undefined
    desk.ask({ requestId: 'a' })
    desk.carrier = carrier
    const call = desk.askSent({ requestId: 'a', frame: 'another' })
    desk.reply('a')
    expect(outcomeOf(call)).toMatchObject({ kind: 'confirmed', attempt: 1 })
  })

  it('are forgotten beyond maxSettledIds, the oldest first', () => {
    const desk = new Desk({ maxSettledIds: 2 })
    for (const requestId of ['a', 'b', 'c']) {
      desk.askSent({ requestId })
      desk.reply(requestId)
    }
    expect(desk.reply('a')).toBe('unknown')
    expect(desk.reply('b')).toBe('late')
    expect(desk.reply('c')).toBe('late')
  })

  it('are 4096 by default', () => {
    const desk = new Desk()
    for (let i = 0; i < 4097; i++) {
      desk.askSent({ requestId: `n${i}` })
      desk.reply(`n${i}`)
    }
    expect(desk.reply('n0')).toBe('unknown')
    expect(desk.reply('n1')).toBe('late')
  })

  it('are forgotten after five minutes', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.reply('a')
    desk.passMs(299_999.999)
    expect(desk.reply('a')).toBe('late')
    desk.passMs(0.001)
    expect(desk.reply('a')).toBe('unknown')
  })

  it('are forgotten after settledIdsMs', () => {
    const desk = new Desk({ settledIdsMs: 1000 })
    desk.askSent({ requestId: 'a', frame: 'buy' })
    desk.reply('a')
    desk.passMs(1000)
    expect(desk.ask({ requestId: 'a', frame: 'sell' }).result.kind).toBe('send')
  })

  it('settled again are remembered from then on', () => {
    const desk = new Desk({ settledIdsMs: 1000 })
    desk.askSent({ requestId: 'a' })
    desk.reply('a')
    desk.passMs(900)
    desk.askSent({ requestId: 'a' })
    desk.reply('a')
    desk.passMs(900)
    expect(desk.reply('a')).toBe('late')
  })
})

describe('unresolved()', () => {
  it('lists unconfirmed requests until a late reply', () => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    desk.askSent({ requestId: 'b', timeoutMs: 200 })
    desk.passMs(100).deadline()
    expect(desk.table.unresolved()).toEqual([
      {
        requestId: 'a',
        connection: 1,
        attempt: 1,
        reason: 'deadline',
        delivery: 'all',
        timing: { askedAtUs: outcomeOf(call).timing.askedAtUs, sentAtUs: outcomeOf(call).timing.sentAtUs },
      },
    ])
    desk.reply('a')
    expect(desk.table.unresolved()).toEqual([])
    expect(desk.table.settle('a')).toBe(false)
  })

  it('lists them until settle(id)', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    expect(desk.table.settle('b')).toBe(false)
    expect(desk.table.settle('a')).toBe(true)
    expect(desk.table.unresolved()).toEqual([])
    expect(desk.table.settle('a')).toBe(false)
  })

  it.each(['disconnected', 'aborted', 'stopped'] as const)('lists those that ended %s', (reason) => {
    const desk = new Desk()
    const call = desk.askSent({ requestId: 'a' })
    if (reason === 'disconnected') desk.reconnect()
    if (reason === 'aborted') desk.abort(call)
    if (reason === 'stopped') desk.table.stop(desk.nowUs)
    expect(desk.table.unresolved()).toMatchObject([{ requestId: 'a', reason }])
  })

  it('does not list what was not delivered, nor what was answered', () => {
    const desk = new Desk()
    desk.ask()
    desk.askSent({ requestId: 'b' })
    desk.reply('b')
    desk.reconnect()
    expect(desk.table.unresolved()).toEqual([])
  })

  it('keeps an attempt whose retry was answered: that reply is not about it', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.reconnect()
    desk.askSent({ requestId: 'a' })
    desk.reply('a', { verdict: 'rejected', message: 'duplicate order id' })
    expect(desk.table.unresolved()).toMatchObject([{ requestId: 'a', attempt: 1, connection: 1 }])
    expect(desk.table.settle('a')).toBe(true)
  })

  it('takes a late reply for that of the oldest unresolved attempt', () => {
    const desk = new Desk()
    for (let i = 0; i < 2; i++) {
      desk.askSent({ requestId: 'a' })
      desk.passMs(100).deadline()
    }
    desk.reply('a')
    expect(desk.late).toMatchObject([{ attempt: 1 }])
    expect(desk.table.unresolved()).toMatchObject([{ attempt: 2 }])
    desk.reply('a')
    expect(desk.late).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
    expect(desk.table.unresolved()).toEqual([])
  })

  it('outlives the memory of settled ids', () => {
    const desk = new Desk({ settledIdsMs: 1000 })
    desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    desk.passMs(5000)
    expect(desk.reply('a')).toBe('late')
    expect(desk.table.unresolved()).toEqual([])
  })

  it('keeps what is unresolved when its id, forgotten since, is used again and withdrawn', () => {
    const desk = new Desk({ settledIdsMs: 1000 })
    desk.askSent({ requestId: 'a' })
    desk.passMs(100).deadline()
    desk.passMs(5000)
    const [first, second] = [desk.ask({ requestId: 'a' }), desk.ask({ requestId: 'a' })]
    desk.abort(first)
    expect(desk.table.unresolved()).toHaveLength(2)
    desk.abort(second)
    expect(outcomeOf(second)).toMatchObject({ kind: 'not-delivered', attempt: 1 })
    expect(desk.table.unresolved()).toMatchObject([{ reason: 'deadline' }])
  })

  it('does not give a pending request the reply of another connection, though a caller of it has left', () => {
    const desk = new Desk()
    desk.askSent({ requestId: 'a' })
    desk.abort(desk.ask({ requestId: 'a' }))
    expect(desk.reply('a', {}, { connection: 2 })).toBe('other-connection')
    expect(desk.late).toEqual([])
    expect(desk.table.unresolved()).toHaveLength(1)
  })

  it('is bounded: the oldest is forgotten and counted', () => {
    const desk = new Desk({ maxUnresolved: 2 })
    for (const requestId of ['a', 'b', 'c']) desk.askSent({ requestId })
    desk.reconnect()
    expect(desk.table.unresolved()).toMatchObject([{ requestId: 'b' }, { requestId: 'c' }])
    expect(desk.table.counters.unresolvedForgotten).toBe(1)
    desk.reply('b')
    desk.table.settle('c')
    for (const requestId of ['d', 'e']) desk.askSent({ requestId })
    desk.reconnect()
    expect(desk.table.unresolved()).toMatchObject([{ requestId: 'd' }, { requestId: 'e' }])
    expect(desk.table.counters.unresolvedForgotten).toBe(1)
  })
})
