import { afterEach, beforeEach, expect } from 'vitest'
import { type Established, establish } from '../../../src/connect/establish.ts'
import type { WsAddress, WsConnectRequest } from '../../../src/connect/request.ts'
import { WsConnectError, type WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import { type ScriptedLink, ScriptedNetwork, settle } from './scripted-link.ts'

export const address = (text: string): WsAddress => ({ address: text, family: text.includes(':') ? 6 : 4 })
export const lookupOf =
  (...addresses: string[]): WsConnectRequest['lookup'] =>
  () =>
    Promise.resolve(addresses.map(address))

export let network: ScriptedNetwork
export let stop: AbortController
export const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => {
  unhandled.push(reason)
}

export function renew(): void {
  network = new ScriptedNetwork()
  stop = new AbortController()
}

/** A fresh network for every test of the file that calls this; after each, whatever happened, nothing is left. */
export function withNetwork(): void {
  beforeEach(() => {
    renew()
    unhandled.length = 0
    process.on('unhandledRejection', onUnhandled)
  })

  afterEach(async () => {
    await settle()
    process.off('unhandledRejection', onUnhandled)
    expect(unhandled).toEqual([])
    expect(network.clock.pendingTimers).toBe(0)
  })
}

export const run = (request: WsConnectRequest): Promise<Established<ScriptedLink>> =>
  establish(network.open, request, stop.signal)

export async function causeOf(promise: Promise<unknown>): Promise<WsDisconnectCause & Record<string, unknown>> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(WsConnectError)
  // No socket is left at the moment of the rejection.
  expect(network.openLinks).toBe(0)
  return (error as WsConnectError).disconnectCause as WsDisconnectCause & Record<string, unknown>
}

/** Moves time in small steps, so that what hangs on promises happens between them. */
export async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    await settle()
    network.clock.advance(Math.min(500, ms - passed))
  }
  await settle()
}
