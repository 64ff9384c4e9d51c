import { afterEach, describe, expect, it, vi } from 'vitest'
import { CallbackGuard } from '../../../src/front/callbacks.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

afterEach(() => {
  vi.restoreAllMocks()
})

function setup(options: Partial<ConstructorParameters<typeof CallbackGuard>[0]> = {}) {
  const reported: [unknown, string][] = []
  const acts: [string, unknown, string][] = []
  const guard = new CallbackGuard(
    { onCallbackError: (error, name) => reported.push([error, name]), whenCallbackThrows: 'continue', ...options },
    (...act) => acts.push(act),
  )
  return { guard, reported, acts }
}

const boom = new Error('boom')
const thrower = () => {
  throw boom
}

describe('CallbackGuard', () => {
  it('passes arguments on, and does without a callback', () => {
    const { guard } = setup()
    const seen: unknown[] = []
    guard.run('onOpen', (...args: unknown[]) => void seen.push(args), 1, 'two')
    guard.run('onOpen', undefined)
    expect(seen).toEqual([[1, 'two']])
    expect(guard.errors).toBe(0)
  })

  it('catches, counts and reports; acts only when the policy says so', () => {
    const lenient = setup()
    lenient.guard.run('onPing', thrower)
    lenient.guard.failed('onMessage', thrower, boom)
    expect(lenient.guard.errors).toBe(2)
    expect(lenient.reported).toEqual([
      [boom, 'onPing'],
      [boom, 'onMessage'],
    ])
    expect(lenient.acts).toEqual([])
    for (const whenCallbackThrows of ['reconnect', 'close'] as const) {
      const strict = setup({ whenCallbackThrows })
      strict.guard.run('onPing', thrower)
      expect(strict.acts).toEqual([[whenCallbackThrows, boom, 'onPing']])
    }
  })

  it('watches the promises of async callbacks, and thenables that throw', async () => {
    const { guard, reported } = setup()
    guard.run('onOpen', async () => {
      throw boom
    })
    guard.run('onEvent', () => ({
      // biome-ignore lint/suspicious/noThenProperty: a hostile thenable is the point
      get then() {
        throw boom
      },
    }))
    guard.run('onPong', () => null)
    guard.run('onPong', () => 'not a promise')
    await turn()
    expect(reported).toEqual([
      [boom, 'onEvent'],
      [boom, 'onOpen'],
    ])
  })

  it('survives a reporter that throws or rejects: one warning, no recursion', async () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    let calls = 0
    const throwing = setup({
      onCallbackError: () => {
        calls++
        throw new Error('reporter')
      },
    })
    throwing.guard.run('onOpen', thrower)
    throwing.guard.run('onOpen', thrower)
    expect(calls).toBe(2)
    expect(throwing.guard.errors).toBe(4)
    const rejecting = setup({ onCallbackError: (async () => Promise.reject(new Error('late'))) as () => void })
    rejecting.guard.run('onOpen', thrower)
    await turn()
    expect(rejecting.guard.errors).toBe(2)
    expect(warning.mock.calls.map(([message]) => message)).toEqual([
      expect.stringContaining('onCallbackError of a shared-ws connection threw'),
      expect.stringContaining('onCallbackError of a shared-ws connection threw'),
    ])
  })

  it('without a reporter warns once for each callback, whatever it throws', () => {
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const { guard } = setup({ onCallbackError: undefined })
    const unprintable = () => {
      throw Object.create(null)
    }
    const own = () => {
      throw boom
    }
    for (let i = 0; i < 3; i++) {
      guard.run('onOpen', own)
      guard.run('onMessage', unprintable)
    }
    expect(warning.mock.calls).toEqual([
      [
        expect.stringContaining('onOpen of a shared-ws connection threw'),
        { type: 'SharedWsWarning', code: 'SHARED_WS_CALLBACK_THREW', detail: boom.stack },
      ],
      [expect.stringContaining('onMessage'), expect.objectContaining({ detail: 'a value that cannot be printed' })],
    ])
    expect(guard.errors).toBe(6)
  })
})
