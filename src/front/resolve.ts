import type { WebSocketActorOptions } from '../actor/options.ts'
import { type ResolvedActorOptions, resolveActorOptions } from '../actor/resolve.ts'
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
  readonly actor: Omit<WebSocketActorOptions<unknown, unknown>, 'transport'>
  /** What the actor will make of it. */
  readonly checked: ResolvedActorOptions
}

const CALLBACKS = [
  'onMessage',
  'onBatch',
  'onOpen',
  'onPing',
  'onPong',
  'onEmit',
  'onEvent',
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
    ['continue', 'close'],
    'continue',
  )
  const actor = {
    url,
    ...Object.fromEntries(HANDED_ON.map((name) => [name, given[name]])),
    subscriptionManager: manager,
    subscriptions: items,
    reconnect: given.reconnect === false ? NoReconnect : given.reconnect,
    whenHookThrows: whenCallbackThrows === 'close' ? 'stop' : 'continue',
  } as ResolvedOptions['actor']
  const own = {
    transport: transportOf(check, given.transport),
    native: check.oneOf('native', given.native, ['prefer', 'require'], 'prefer'),
    queue: queueOf(check, given.queue),
    callbacks: Object.fromEntries(CALLBACKS.map((name) => [name, check.function(name, given[name])])) as Callbacks,
    whenCallbackThrows,
    takesMessages: given.handler !== undefined || given.ingress !== undefined,
    actor,
  }
  const checked = checkActor(check, actor)
  if (check.problems.length > 0 || checked === undefined) throw new WsConfigError(check.problems)
  return { ...own, checked }
}

/** The actor's own checks, whose findings join ours. The transport is ours to check. */
function checkActor(check: Checker, actor: ResolvedOptions['actor']): ResolvedActorOptions | undefined {
  const transport: WsTransport = {
    name: 'not chosen yet',
    connect() {
      throw new Error('no transport has been chosen')
    },
  }
  try {
    return resolveActorOptions({ ...actor, transport })
  } catch (error) {
    if (!(error instanceof WsConfigError)) throw error
    for (const { field, message } of error.problems) check.add(field, message)
    return undefined
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
