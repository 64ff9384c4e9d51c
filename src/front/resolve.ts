import { type ActorSettings, actorSettings } from '../actor/resolve.ts'
import { WsConfigError } from '../errors/errors.ts'
import { NoReconnect } from '../reconnect/exponential-backoff.ts'
import { Checker, describe } from '../support/check.ts'
import type { WsTransport } from '../transport/transport.ts'
import type { EventQueueOptions } from './event-queue.ts'
import { type ConnectOptions, HANDED_ON, type WsCallbackErrorPolicy } from './options.ts'
import { subscriptionsOf } from './subscription-encoder.ts'

/** {@link ConnectOptions}, checked, with every default filled in. A copy: what the user changes later has no effect. */
export interface ResolvedOptions {
  readonly transport: 'native' | 'ws' | WsTransport
  readonly native: 'prefer' | 'require'
  readonly queue: EventQueueOptions
  readonly callbacks: Callbacks
  readonly whenCallbackThrows: WsCallbackErrorPolicy
  /** Somebody else than callbacks and iterator takes the messages. */
  readonly takesMessages: boolean
  /** For the actor, but for transport and callbacks. */
  readonly checked: ActorSettings
}

const CALLBACKS = [
  'onMessage',
  'onBatch',
  'onOpen',
  'onPing',
  'onPong',
  'onEmit',
  'onEvent',
  'onStatus',
  'onCallbackError',
] as const

export type Callbacks = { readonly [K in (typeof CALLBACKS)[number]]: ConnectOptions[K] | undefined }

const OPTIONS = [
  'transport',
  'native',
  ...HANDED_ON,
  'reconnect',
  'subscriptions',
  'queue',
  ...CALLBACKS,
  'whenCallbackThrows',
] as const satisfies readonly (keyof ConnectOptions)[]

const MIB = 1024 * 1024
/** Messages live in ArrayBuffers and strings, which end there on every supported Node. */
const MAX_SIZE = 2 ** 31 - 1

/** Throws one `WsConfigError` with every mistake. Calls nothing of the user's. */
export function resolveOptions(url: unknown, options: unknown): ResolvedOptions {
  const check = new Checker()
  const given = check.object('options', options, OPTIONS) ?? {}
  const { items, manager } = subscriptionsOf(check, given.subscriptions, given.subscriptionManager)
  const whenCallbackThrows = check.oneOf(
    'whenCallbackThrows',
    given.whenCallbackThrows,
    ['continue', 'reconnect', 'close'],
    'continue',
  )
  const own = {
    transport: transportOf(check, given.transport),
    native: check.oneOf('native', given.native, ['prefer', 'require'], 'prefer'),
    queue: queueOf(check, given.queue),
    callbacks: callbacksOf(check, given),
    whenCallbackThrows,
    takesMessages: given.handler !== undefined || given.ingress !== undefined,
  }
  const checked = actorSettings(check, given, {
    url,
    subscriptionManager: manager,
    subscriptions: items,
    reconnect: given.reconnect === false ? NoReconnect : given.reconnect,
    whenHookThrows: whenCallbackThrows === 'close' ? 'stop' : whenCallbackThrows,
  })
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  return { ...own, checked }
}

function callbacksOf(check: Checker, given: { readonly [K in keyof Callbacks]?: unknown }): Callbacks {
  const callback = <K extends keyof Callbacks>(name: K) => check.function<NonNullable<Callbacks[K]>>(name, given[name])
  return {
    onMessage: callback('onMessage'),
    onBatch: callback('onBatch'),
    onOpen: callback('onOpen'),
    onPing: callback('onPing'),
    onPong: callback('onPong'),
    onEmit: callback('onEmit'),
    onEvent: callback('onEvent'),
    onStatus: callback('onStatus'),
    onCallbackError: callback('onCallbackError'),
  }
}

function transportOf(check: Checker, value: unknown): ResolvedOptions['transport'] {
  if (value === undefined || value === 'native' || value === 'ws') return value ?? 'native'
  const { name, connect } = Object(value) as Partial<Record<keyof WsTransport, unknown>>
  if (typeof value === 'object' && typeof name === 'string' && typeof connect === 'function') {
    return value as WsTransport
  }
  const given = typeof value === 'string' ? JSON.stringify(value) : describe(value)
  const want = "'native', 'ws' or an object with name and connect, such as MockTransport of shared-ws/testing"
  check.add('transport', `must be ${want}, is ${given}`)
  return 'native'
}

function queueOf(check: Checker, value: unknown): EventQueueOptions {
  const given = check.object('queue', value, ['maxMessages', 'maxBytes', 'whenFull']) ?? {}
  return {
    maxMessages: check.integer('queue.maxMessages', given.maxMessages, 1, MAX_SIZE, 10_000),
    maxBytes: check.integer('queue.maxBytes', given.maxBytes, 1, Number.MAX_SAFE_INTEGER, 64 * MIB),
    whenFull: check.oneOf('queue.whenFull', given.whenFull, ['pause', 'drop-oldest', 'close'], 'pause'),
  }
}
