import { describe, expect, it } from 'vitest'
import type { WsSession } from '../../../src/session/endpoint-handler.ts'
import { jsonHandler, mockActor, readyActor } from './support.ts'

const later = { nextDelayMs: () => 60_000, reset() {} }

/** Asks, and then takes some microtasks more, as user code does. */
async function asks(session: WsSession): Promise<void> {
  const outcome = await session.ask({ frame: '{}', requestId: '1', confirmMode: 'confirmed', timeoutMs: 5000 })
  for (let i = 0; i < 10; i++) await undefined
  if (outcome.kind !== 'confirmed') throw new Error(outcome.kind)
}

describe('no verdict on old news, where a promise of the user’s is judged', () => {
  it.each([
    ['authenticate', 'authTimeoutMs', 'ERR_AUTH_TIMEOUT'],
    ['onReady', 'onReadyTimeoutMs', 'ERR_ON_READY_TIMEOUT'],
  ])('%s that gets its answer out of the socket when its time is over is in time', async (hook, timeout, code) => {
    for (const answers of [true, false]) {
      const { handler } = jsonHandler({ [hook]: asks })
      const { actor, server, pass, kinds, of } = mockActor({ handler, [timeout]: 100, reconnect: later })
      actor.start()
      await pass()
      server().hold()
      await pass(99)
      if (answers) server().sendText('{"id":1,"result":1}')
      await pass(1)
      await pass()
      expect(kinds().includes('ready')).toBe(answers)
      expect(of('disconnected').map(({ cause }) => cause.code)).toEqual(answers ? [] : [code])
      void actor.stop({ timeoutMs: 0 })
      await pass()
    }
  })

  it('so is an authentication that is done anew', async () => {
    for (const answers of [true, false]) {
      const { handler } = jsonHandler({
        authenticate: () => Promise.resolve(),
        refreshAuth: asks,
        handleServerError: () => 'reauthenticate',
      })
      const options = { handler, authTimeoutMs: 100, disconnectDrainMs: 0, reconnect: later }
      const { server, pass, of } = await readyActor(options)
      server().sendText('{"fault":"expired"}')
      await pass()
      server().hold()
      await pass(99)
      if (answers) server().sendText('{"id":1,"result":1}')
      await pass(1)
      await pass()
      await pass()
      expect(of('authenticated')).toHaveLength(answers ? 2 : 1)
      expect(of('disconnected').map(({ cause }) => cause.code)).toEqual(answers ? [] : ['ERR_AUTH_TIMEOUT'])
    }
  })

  it('one that is stopped while it is given its turn leaves no timer', async () => {
    const { handler } = jsonHandler({ authenticate: () => new Promise<void>(() => {}) })
    const { actor, clock, pass } = mockActor({ handler, authTimeoutMs: 100, reconnect: later })
    actor.start()
    await pass()
    clock.advance(100)
    void actor.stop({ timeoutMs: 0 })
    for (let i = 0; i < 3; i++) await pass()
    expect([actor.status, clock.pendingTimers]).toEqual(['stopped', 0])
  })
})
