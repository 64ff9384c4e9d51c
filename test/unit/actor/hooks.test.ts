import { describe, expect, it } from 'vitest'
import { WsCircuitBreaker } from '../../../src/reconnect/circuit-breaker.ts'
import { ConnectBudget } from '../../../src/reconnect/connect-budget.ts'
import { jsonHandler, mockActor, readyActor } from './support.ts'

const every = (ms: number) => ({ nextDelayMs: () => ms, reset() {} })

describe('user code that fails', () => {
  const bad: [string, object][] = [
    [
      'ingress.onFrame',
      {
        ingress: {
          onFrame: () => {
            throw new Error('x')
          },
        },
      },
    ],
    ['ingress.onFrame', { ingress: { onFrame: () => 'drop' } }],
    [
      'handler.parse',
      {
        handler: jsonHandler({
          parse: () => {
            throw new Error('x')
          },
        }).handler,
      },
    ],
    ['handler.parse', { handler: jsonHandler({ parse: () => 5 as never }).handler }],
    [
      'handler.handleMessage',
      {
        handler: jsonHandler({
          handleMessage: () => {
            throw new Error('x')
          },
        }).handler,
      },
    ],
    [
      'handler.handleMessage',
      {
        handler: jsonHandler({
          handleMessage: (async () => {
            throw new Error('x')
          }) as never,
        }).handler,
      },
    ],
    [
      'handler.handleServerError',
      {
        handler: jsonHandler({
          parse: () => ({ kind: 'server-error', error: { message: '' } }),
          handleServerError: () => 'perhaps' as never,
        }).handler,
      },
    ],
    [
      'pingPong.onFrame',
      {
        pingPong: {
          opened() {},
          nextDueUs: () => undefined,
          tick: () => ({ kind: 'ok' }),
          restart() {},
          timeoutMs: undefined,
          onFrame: () => 1,
        },
      },
    ],
    [
      'onBatch',
      {
        onBatch: () => {
          throw new Error('x')
        },
      },
    ],
    [
      'handler.samplePayloadTimestampsUs',
      { handler: jsonHandler({ samplePayloadTimestampsUs: () => Number.NaN }).handler },
    ],
  ]
  it.each(bad)('%s is survived and told (%#)', async (hook, options) => {
    for (const policy of ['continue', 'reconnect', 'stop'] as const) {
      const { actor, server, pass, hookErrors, of } = await readyActor({
        ...options,
        whenHookThrows: policy,
        reconnect: every(1),
      })
      server().sendText('{"n":1}')
      await pass()
      await pass(1)
      await pass()
      expect(hookErrors[0]).toMatchObject({ hook, connection: 1, count: 1, error: expect.any(Error) })
      expect(actor.stats().hookErrors).toBeGreaterThan(0)
      expect([policy, actor.status]).toEqual([policy, policy === 'stop' ? 'stopped' : 'ready'])
      expect(of('disconnected')).toHaveLength(policy === 'continue' ? 0 : 1)
      if (policy !== 'continue')
        expect(of('disconnected')[0]?.cause).toMatchObject({ kind: 'internal-error', context: hook })
    }
  })

  it('a strategy or classifier that fails does not stop the healing', async () => {
    const nonsense = [
      () => {
        throw new Error('x')
      },
      () => Number.NaN,
      () => -1,
      () => 'soon',
    ]
    for (const bad of nonsense) {
      const { actor, server, pass, hookErrors } = await readyActor({
        reconnect: { nextDelayMs: bad as () => number, reset() {} },
        handler: jsonHandler({ classifyDisconnect: (() => ({ kind: 'whatever' })) as never }).handler,
      })
      server().reset()
      await pass(999)
      expect(actor.status).toBe('backoff')
      await pass(1)
      expect(actor.status).toBe('ready')
      expect(hookErrors.map(({ hook }) => hook)).toEqual(['handler.classifyDisconnect', 'reconnect.nextDelayMs'])
    }
  })

  it('a circuit breaker or budget that fails where the attempt is over already does not, either', async () => {
    const fails = (): never => {
      throw new Error('no')
    }
    const breaker = Object.assign(new WsCircuitBreaker(), { failed: fails, succeeded: fails })
    const budget = Object.assign(new ConnectBudget(), { coolDown: fails })
    let refusals = 0
    const { actor, server, pass, hookErrors } = mockActor(
      { circuitBreaker: breaker, connectBudget: budget, stableMs: 1, reconnect: every(1) },
      (link) => (refusals++ === 0 ? link.refuse({ status: 429, headers: [['Retry-After', '1']] }) : link.accept()),
    )
    actor.start()
    await pass()
    expect(hookErrors.map(({ hook }) => hook)).toEqual(['circuitBreaker.failed', 'connectBudget.coolDown'])
    expect(actor.status).toBe('backoff')
    await pass(1001)
    server().sendText('{}')
    await pass()
    await pass(1)
    expect(hookErrors.at(-1)?.hook).toBe('circuitBreaker.succeeded')
    expect(actor.status).toBe('ready')
  })

  it('the handler classifies first; an immediate reconnect is granted once', async () => {
    const seen: [string, number][] = []
    const { server, pass, of } = await readyActor({
      reconnect: every(500),
      handler: jsonHandler({
        classifyDisconnect: (cause, attempt) => {
          seen.push([cause.code, attempt])
          return cause.kind === 'remote-closed' && cause.closeCode === 4001
            ? { kind: 'abort', reason: 'revoked' }
            : { kind: 'immediate-reconnect' }
        },
      }).handler,
    })
    server().reset()
    await pass()
    expect(of('ready')).toHaveLength(2)
    server().reset()
    await pass()
    expect(of('backoff').map(({ delayMs }) => delayMs)).toEqual([500])
    await pass(500)
    await pass()
    server().close(4001, '')
    await pass()
    await pass()
    expect(of('stopped')).toHaveLength(1)
    expect(seen).toEqual([
      ['ECONNRESET', 1],
      ['ECONNRESET', 2],
      ['REMOTE_CLOSE', 3],
    ])
  })

  it('without onHookError there is one process warning per hook', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    for (let i = 0; i < 2; i++) {
      const { server, pass } = await readyActor({
        onHookError: undefined as never,
        onBatch: () => {
          throw new Error('clumsy')
        },
      })
      server().sendText('{}')
      server().sendText('{}')
      await pass()
    }
    process.off('warning', onWarning)
    expect(warnings.map((warning) => (warning as { code?: string }).code)).toEqual(['SHARED_WS_HOOK_FAILED'])
  })

  it('a reporter that throws is no reason to fail either', async () => {
    const { actor, server, pass } = await readyActor({
      onHookError: () => {
        throw new Error('reporter')
      },
      handler: jsonHandler({
        parse: () => {
          throw new Error('x')
        },
      }).handler,
    })
    server().sendText('{}')
    await pass()
    expect([actor.status, actor.stats().hookErrors]).toEqual(['ready', 2])
  })
})
