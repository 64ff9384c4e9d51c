import { describe, expect, it } from 'vitest'
import { prepareEndpoint } from '../../../src/connect/endpoint.ts'
import { WsConnectError } from '../../../src/errors/disconnect-cause.ts'
import { WsConfigError } from '../../../src/errors/errors.ts'
import type { ConnectOptions } from '../../../src/front/options.ts'
import { resolveOptions } from '../../../src/front/resolve.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'

type Url = Parameters<typeof import('../../../src/front/connect.ts').connect>[0]

function prepare(url: Url, options: ConnectOptions = {}) {
  const clock = new VirtualClock()
  const abort = new AbortController()
  const { endpoint } = resolveOptions(url, options).checked
  const result = prepareEndpoint(endpoint, { clock, totalMs: 15_000, attempt: 1, signal: abort.signal })
  return { clock, abort, result }
}

async function causeOf(result: Promise<unknown>) {
  const error = await result.then(
    () => expect.unreachable(),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(WsConnectError)
  const cause = (error as WsConnectError).disconnectCause
  if (cause.kind !== 'handshake-failed') throw new Error(`unexpected ${cause.kind}`)
  expect(cause.stage).toBe('prepare')
  return cause
}

describe('prepareEndpoint', () => {
  it('calls each function once with the attempt and a signal, sync or async, and leaves no timer', async () => {
    const seen: unknown[] = []
    const { clock, result } = prepare(
      (context) => {
        seen.push(context)
        return 'ws://u:p@127.0.0.1:1/a'
      },
      {
        headers: async (context) => {
          seen.push(context)
          return new Headers({ 'X-Token': 't' })
        },
        subprotocols: () => Promise.resolve(['v1']),
      },
    )
    await expect(result).resolves.toMatchObject({
      url: { href: 'ws://127.0.0.1:1/a' },
      headers: [
        ['Authorization', 'Basic dTpw'],
        ['x-token', 't'],
      ],
      subprotocols: ['v1'],
    })
    expect(seen).toEqual([
      { attempt: 1, signal: expect.any(AbortSignal) },
      { attempt: 1, signal: expect.any(AbortSignal) },
    ])
    expect(clock.pendingTimers).toBe(0)
  })

  it('mixes values and functions', async () => {
    const { result } = prepare('ws://u:p@127.0.0.1:1/', { headers: () => ({ 'X-A': '1' }), subprotocols: ['v1'] })
    await expect(result).resolves.toMatchObject({
      headers: [
        ['Authorization', 'Basic dTpw'],
        ['X-A', '1'],
      ],
      subprotocols: ['v1'],
    })
    const other = prepare(() => new URL('ws://127.0.0.1:1/'), { headers: [['X-A', '1']] })
    await expect(other.result).resolves.toMatchObject({ headers: [['X-A', '1']], subprotocols: [] })
  })

  it('a proxy too, where null is none and undefined a mistake', async () => {
    const given = prepare('ws://127.0.0.1:1/', { proxy: async () => 'socks5h://proxy.example' })
    await expect(given.result).resolves.toMatchObject({ proxy: { kind: 'socks5', hostname: 'proxy.example' } })
    await expect(prepare(() => 'ws://h/', { proxy: 'http://h:1' }).result).resolves.toMatchObject({
      proxy: { port: 1 },
    })
    await expect(prepare('ws://h/', { proxy: () => null }).result).resolves.toMatchObject({ proxy: undefined })
    for (const value of [undefined, '', 'http://me:s3cret@h/x', 17]) {
      const cause = await causeOf(prepare('ws://h/', { proxy: () => value as string }).result)
      expect(cause).toMatchObject({ stage: 'prepare', code: 'ERR_CONFIG' })
      expect(cause.message).toMatch(/a function returned what cannot be used: proxy /)
      expect(cause.message).not.toContain('s3cret')
    }
  })

  it('says which function failed, and keeps its error', async () => {
    const error = new Error('vault is sealed')
    const failing = prepare('ws://127.0.0.1:1/', { headers: () => Promise.reject(error) })
    const cause = await causeOf(failing.result)
    expect(cause).toMatchObject({ code: 'ERR_PREPARE_FAILED', error })
    expect(cause.message).toContain('the function given as headers failed: vault is sealed')
    const throwing = prepare(() => {
      throw error
    })
    expect((await causeOf(throwing.result)).message).toContain('given as url failed')
    expect(failing.clock.pendingTimers + throwing.clock.pendingTimers).toBe(0)
  })

  it('reports everything that is wrong with what they return, at once and without secrets', async () => {
    const { result } = prepare(() => 'http://127.0.0.1:1/?key=s3cret', {
      headers: async () => ({ 'X-A': 's3cret\n' }),
      subprotocols: () => ['a b'],
    })
    const cause = await causeOf(result)
    expect(cause.code).toBe('ERR_CONFIG')
    expect((cause.error as WsConfigError).problems.map(({ field }) => field)).toEqual([
      'url',
      'headers.X-A',
      'subprotocols[0]',
    ])
    expect(cause.error).toBeInstanceOf(WsConfigError)
    expect(cause.message).toContain('did you mean "ws://127.0.0.1:1/"')
    expect(cause.message).not.toContain('s3cret')
  })

  it('gives them up at the deadline of the whole attempt, naming those that have not settled', async () => {
    const signals: AbortSignal[] = []
    const { clock, result } = prepare(async () => 'ws://127.0.0.1:1/', {
      headers: ({ signal }) => {
        signals.push(signal)
        return new Promise<never>(() => {})
      },
      subprotocols: () => new Promise<never>(() => {}),
    })
    result.catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(15_001)
    const cause = await causeOf(result)
    expect(cause.code).toBe('ERR_CONNECT_TIMEOUT')
    expect(cause.message).toContain('given as headers and subprotocols did not settle within 15000 ms')
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(clock.pendingTimers).toBe(0)
  })

  it('gives them up when the signal aborts, with its reason', async () => {
    const signals: AbortSignal[] = []
    const { clock, abort, result } = prepare(({ signal }) => {
      signals.push(signal)
      return new Promise<never>(() => {})
    })
    result.catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(result).rejects.toBe(reason)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
    expect(clock.pendingTimers).toBe(0)
  })
})
