import { describe, expect, it } from 'vitest'
import type { WsConnectRequest } from '../../../src/connect/request.ts'
import { WsConnectError } from '../../../src/errors/disconnect-cause.ts'
import { causeOf, lookupOf, network, pass, renew, run, stop, withNetwork } from './establish-support.ts'
import { hang, refuse, settle } from './scripted-link.ts'

withNetwork()

type Case = [stage: string, url: string, set: () => Partial<WsConnectRequest>]
const never = (): Promise<never> => new Promise(() => {})

/** Each makes exactly one stage hang for ever. */
const STAGES: Case[] = [
  ['dns', 'ws://example.com/', () => ({ lookup: never })],
  [
    'tcp',
    'ws://127.0.0.1/',
    () => {
      network.byAddress.set('127.0.0.1', hang)
      return {}
    },
  ],
  [
    'tls',
    'wss://127.0.0.1/',
    () => {
      network.setUp = (link) => {
        link.tls = never
      }
      return {}
    },
  ],
  [
    'upgrade',
    'ws://127.0.0.1/',
    () => {
      network.setUp = () => {}
      return {}
    },
  ],
]

describe.each(STAGES)('a server silent in stage %s', (stage, url, set) => {
  const timeouts = {
    dnsMs: 1000,
    tcpMs: 2000,
    proxyMs: 2500,
    tlsMs: 3000,
    upgradeMs: 4000,
    totalMs: 9000,
    attemptDelayMs: 250,
  }
  const limit = timeouts[`${stage}Ms` as keyof typeof timeouts]

  it('is given up at its deadline, not before', async () => {
    let settled = false
    const promise = run(network.request(url, set())).finally(() => {
      settled = true
    })
    const cause = causeOf(promise)
    await pass(limit - 1)
    expect(settled).toBe(false)
    await pass(1)
    expect(settled).toBe(true)
    expect(await cause).toMatchObject({
      kind: 'handshake-failed',
      stage,
      code: `ERR_${stage.toUpperCase()}_TIMEOUT`,
      message: expect.stringContaining(`within ${limit} ms (timeouts.${stage}Ms)`),
    })
  })

  it('is given up at the deadline for all stages, when that comes first', async () => {
    const cause = causeOf(run(network.request(url, { ...set(), timeouts: { ...timeouts, totalMs: 700 } })))
    await pass(700)
    expect(await cause).toMatchObject({
      kind: 'handshake-failed',
      stage,
      code: 'ERR_CONNECT_TIMEOUT',
      message: expect.stringContaining('within 700 ms (timeouts.totalMs)'),
    })
  })

  it('is given up when the signal aborts', async () => {
    const cause = causeOf(run(network.request(`${url}?token=1`, set())))
    await settle()
    stop.abort(new Error('the user pressed Ctrl-C'))
    // At once: before any promise has come round.
    expect(network.openLinks).toBe(0)
    const { kind, code, message } = await cause
    expect({ kind, code }).toEqual({ kind: 'local-stop', code: 'ERR_ABORTED' })
    expect(message).toContain('the user pressed Ctrl-C')
    expect(message).not.toContain('token')
  })
})

describe('giving up', () => {
  it('begins nothing when the signal has aborted before', async () => {
    stop.abort()
    const lookup = (): never => {
      throw new Error('must not be asked')
    }
    expect(await causeOf(run(network.request('ws://example.com/', { lookup })))).toMatchObject({ code: 'ERR_ABORTED' })
    expect(network.asked).toEqual([])
  })

  it('tells the lookup and the opener', async () => {
    const signals: AbortSignal[] = []
    const lookup: WsConnectRequest['lookup'] = (_, { signal }) => {
      signals.push(signal)
      return never()
    }
    const first = causeOf(run(network.request('ws://example.com/', { lookup })))
    network.byAddress.set('127.0.0.1', (_, signal) => {
      signals.push(signal)
      return never()
    })
    const second = causeOf(run(network.request('ws://127.0.0.1/')))
    await settle()
    expect(signals.map((signal) => signal.aborted)).toEqual([false, false])
    stop.abort()
    expect(signals.map((signal) => signal.aborted)).toEqual([true, true])
    await Promise.all([first, second])
  })

  it('destroys a link that opens after the attempt was given up, and drops a late failure', async () => {
    const late: (() => void)[] = []
    network.byAddress.set('10.0.0.1', (link) => new Promise((resolve) => late.push(() => resolve(link))))
    network.byAddress.set('10.0.0.2', () => new Promise((_, reject) => late.push(() => reject(new Error('late')))))
    const causes = ['ws://10.0.0.1/', 'ws://10.0.0.2/'].map((url) => causeOf(run(network.request(url))))
    await settle()
    stop.abort()
    await Promise.all(causes)
    for (const come of late) come()
    await settle()
    expect(network.links).toHaveLength(1)
    expect(network.openLinks).toBe(0)
  })

  it('leaks nothing in whichever microtask the signal aborts', async () => {
    const outcomes = new Set<string>()
    for (let microtasks = 0; microtasks < 60; microtasks++) {
      renew()
      const promise = run(network.request('wss://example.com/', { lookup: lookupOf('10.0.0.1') })).then(
        ({ link }) => (link.destroyed ? 'destroyed' : 'connected'),
        ({ disconnectCause }: WsConnectError) => disconnectCause.code,
      )
      for (let i = 0; i < microtasks; i++) await undefined
      stop.abort()
      const outcome = await promise
      await settle()
      expect(network.openLinks, `after ${microtasks} microtasks`).toBe(outcome === 'connected' ? 1 : 0)
      expect(network.clock.pendingTimers).toBe(0)
      outcomes.add(outcome)
    }
    expect([...outcomes]).toEqual(['ERR_ABORTED', 'connected'])
  })

  it.each(['upgrade', 'total'])('reports a refusal whose body is incomplete at the %s deadline', async (which) => {
    network.setUp = (link) => {
      link.onRequest = () => link.push('HTTP/1.1 401 Unauthorized\r\nContent-Length: 9999\r\n\r\nwrong k')
    }
    const timeouts = { ...network.request('ws://127.0.0.1/').timeouts, upgradeMs: 1000 }
    const totalMs = which === 'total' ? 500 : 9000
    const cause = causeOf(run(network.request('ws://127.0.0.1/', { timeouts: { ...timeouts, totalMs } })))
    await pass(1000)
    expect(await cause).toMatchObject({
      code: 'ERR_UPGRADE_REFUSED',
      http: { status: 401, body: 'wrong k', bodyTruncated: true },
    })
  })

  it('leaves no listener on the signal', async () => {
    let listeners = 0
    const { signal } = stop
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }) as typeof add
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }) as typeof remove
    await run(network.request('ws://127.0.0.1/'))
    expect(listeners).toBe(0)
    network.byAddress.set('127.0.0.1', refuse('ECONNREFUSED'))
    await expect(run(network.request('ws://127.0.0.1/'))).rejects.toBeInstanceOf(WsConnectError)
    expect(listeners).toBe(0)
  })
})
