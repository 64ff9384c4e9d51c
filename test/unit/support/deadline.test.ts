import { describe, expect, it, vi } from 'vitest'
import type { Clock } from '../../../src/support/clock.ts'
import { withDeadline } from '../../../src/support/deadline.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setUp(ms = 100) {
  const clock = new VirtualClock()
  const stop = new AbortController()
  const deadline = { clock, ms, expired: () => new Error('time is up') }
  return { clock, stop, deadline }
}

describe('withDeadline', () => {
  it('settles as the work does, and leaves no timer', async () => {
    const { clock, stop, deadline } = setUp()
    await expect(withDeadline(deadline, stop.signal, async () => 7)).resolves.toBe(7)
    await expect(withDeadline(deadline, stop.signal, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives the reason to abort in the words of the deadline', async () => {
    const { stop, deadline } = setUp()
    const aborted = (reason: unknown) => new Error(`given up: ${reason}`)
    const waiting = withDeadline({ ...deadline, aborted }, stop.signal, () => new Promise(() => {}))
    stop.abort('enough')
    await expect(waiting).rejects.toThrow('given up: enough')
    await expect(withDeadline({ ...deadline, aborted }, stop.signal, async () => 7)).rejects.toThrow('given up: enough')
  })

  it('turns a synchronous throw into a rejection', async () => {
    const { clock, stop, deadline } = setUp()
    const work = (): never => {
      throw new Error('at once')
    }
    await expect(withDeadline(deadline, stop.signal, work)).rejects.toThrow('at once')
    expect(clock.pendingTimers).toBe(0)
  })

  it('expires, tells the work, and discards what comes late', async () => {
    const { clock, stop, deadline } = setUp()
    const discard = vi.fn()
    let finish: (value: string) => void = () => {}
    let inner: AbortSignal | undefined
    const work = (signal: AbortSignal): Promise<string> => {
      inner = signal
      return new Promise((resolve) => {
        finish = resolve
      })
    }
    const promise = withDeadline(deadline, stop.signal, work, discard)
    clock.advance(99)
    expect(inner?.aborted).toBe(false)
    clock.advance(1)
    await expect(promise).rejects.toThrow('time is up')
    expect(inner?.reason).toMatchObject({ message: 'time is up' })
    expect(clock.pendingTimers).toBe(0)
    finish('late')
    await settle()
    expect(discard.mock.calls).toEqual([['late']])
  })

  it('rejects with the reason of the signal, even when the work rejects because of it', async () => {
    const { clock, stop, deadline } = setUp()
    const work = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('less telling'))))
    const promise = withDeadline(deadline, stop.signal, work)
    stop.abort(new Error('the reason'))
    await expect(promise).rejects.toThrow('the reason')
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not begin when the signal has aborted', async () => {
    const { clock, stop, deadline } = setUp()
    const work = vi.fn()
    stop.abort(new Error('before'))
    await expect(withDeadline(deadline, stop.signal, work)).rejects.toThrow('before')
    expect(work).not.toHaveBeenCalled()
    expect(clock.pendingTimers).toBe(0)
  })

  it('does not give up on an answer that is there when the timer fires: one more turn is granted', async () => {
    const armed: (() => void)[] = []
    const clock: Clock = {
      monoUs: () => 0,
      epochUs: () => 0,
      setTimer: (_, callback) => {
        armed.push(callback)
        return { cancel: () => armed.splice(armed.indexOf(callback), 1) }
      },
    }
    let answer: (value: string) => void = () => {}
    const work = (): Promise<string> =>
      new Promise((resolve) => {
        answer = resolve
      })
    const promise = withDeadline(
      { clock, ms: 1, expired: () => new Error('time is up') },
      new AbortController().signal,
      work,
    )
    // After a stall libuv runs the due timer first, and reads the socket in the same turn.
    armed.shift()?.()
    expect(armed).toHaveLength(1)
    answer('it was in the socket')
    await expect(promise).resolves.toBe('it was in the socket')
    expect(armed).toHaveLength(0)
  })
})
