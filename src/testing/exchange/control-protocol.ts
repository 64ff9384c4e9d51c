import type { ExchangeCore } from './core.ts'
import type { ExchangeOptions } from './options.ts'

/** What parent and child say to each other, over Node's IPC channel with structured clones. */

/** A clock cannot travel: the child uses the system's. */
export type ForkedExchangeOptions = Omit<ExchangeOptions, 'clock'>

/** Controls that are the same in both processes. */
export const CONTROLS = [
  'drop',
  'closeConnections',
  'stall',
  'refuseConnects',
  'send',
  'sendCut',
  'skip',
  'setFate',
  'expireTokens',
  'calm',
  'log',
  'stats',
] as const satisfies readonly (keyof ExchangeCore)[]

export type ControlName = (typeof CONTROLS)[number]

export type ChildRequest =
  | { readonly call: number; readonly method: 'start'; readonly args: readonly [ForkedExchangeOptions] }
  | { readonly call: number; readonly method: ControlName; readonly args: readonly unknown[] }

export type ChildAnswer =
  | { readonly call: number; readonly result: unknown }
  | { readonly call: number; readonly error: { readonly code: string; readonly message: string } }

export interface Started {
  readonly url: string
  readonly port: number
}
