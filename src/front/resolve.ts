import { systemLookup } from '../connect/dns.ts'
import { checkEndpoint, type EndpointSource } from '../connect/endpoint.ts'
import type { WsLimits, WsLookup, WsStageTimeouts, WsTlsConfig } from '../connect/request.ts'
import { checkTls } from '../connect/tls-check.ts'
import { WsConfigError } from '../errors/errors.ts'
import { Checker, describe, MAX_TIMER_MS } from '../support/check.ts'
import { type Clock, systemClock } from '../support/clock.ts'
import type { WsTransport } from '../transport/transport.ts'
import type { EventQueueOptions } from './event-queue.ts'
import type { ConnectOptions, WsCallbackErrorPolicy } from './options.ts'

/** {@link ConnectOptions}, checked, with every default filled in. A copy: what the user changes later has no effect. */
export interface ResolvedOptions {
  readonly endpoint: EndpointSource
  readonly transport: 'native' | 'ws' | WsTransport
  readonly native: 'prefer' | 'require'
  readonly tls: WsTlsConfig
  readonly lookup: WsLookup
  readonly limits: WsLimits
  readonly timeouts: WsStageTimeouts
  readonly noDelay: boolean
  readonly maxSendQueueBytes: number
  readonly closeTimeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly queue: EventQueueOptions
  readonly callbacks: Callbacks
  readonly whenCallbackThrows: WsCallbackErrorPolicy
  readonly clock: Clock
}

const CALLBACKS = ['onMessage', 'onBatch', 'onOpen', 'onPing', 'onPong', 'onEvent', 'onCallbackError'] as const

export type Callbacks = { readonly [K in (typeof CALLBACKS)[number]]: ConnectOptions[K] | undefined }

const OPTIONS = [
  'transport',
  'native',
  'headers',
  'subprotocols',
  'tls',
  'lookup',
  'limits',
  'timeouts',
  'noDelay',
  'maxSendQueueBytes',
  'closeTimeoutMs',
  'signal',
  'queue',
  ...CALLBACKS,
  'whenCallbackThrows',
  'clock',
] as const satisfies readonly (keyof ConnectOptions)[]

const MIB = 1024 * 1024
/** Messages and frames live in ArrayBuffers and strings, which end there on every supported Node. */
const MAX_SIZE = 2 ** 31 - 1

const LIMITS: WsLimits = { maxFrameBytes: 16 * MIB, maxMessageBytes: 16 * MIB, maxLinkBytes: 64 * 1024 }
const TIMEOUTS: WsStageTimeouts = { dnsMs: 5000, tcpMs: 5000, tlsMs: 5000, upgradeMs: 5000, totalMs: 15_000 }

/** Throws one `WsConfigError` with every mistake. Calls nothing of the user's. */
export function resolveOptions(url: unknown, options: unknown): ResolvedOptions {
  const check = new Checker()
  const given = check.object('options', options, OPTIONS) ?? {}
  const resolved: ResolvedOptions = {
    endpoint: checkEndpoint(check, url, given.headers, given.subprotocols),
    transport: transportOf(check, given.transport),
    native: check.oneOf('native', given.native, ['prefer', 'require'], 'prefer'),
    tls: tlsOf(check, given.tls),
    lookup: check.function<WsLookup>('lookup', given.lookup) ?? systemLookup,
    limits: integersOf(check, 'limits', given.limits, LIMITS, MAX_SIZE),
    timeouts: integersOf(check, 'timeouts', given.timeouts, TIMEOUTS, MAX_TIMER_MS),
    noDelay: check.boolean('noDelay', given.noDelay, true),
    maxSendQueueBytes: check.integer('maxSendQueueBytes', given.maxSendQueueBytes, 0, MAX_SIZE, MIB),
    closeTimeoutMs: check.integer('closeTimeoutMs', given.closeTimeoutMs, 0, MAX_TIMER_MS, 2000),
    signal: check.signal('signal', given.signal),
    queue: queueOf(check, given.queue),
    callbacks: Object.fromEntries(CALLBACKS.map((name) => [name, check.function(name, given[name])])) as Callbacks,
    whenCallbackThrows: check.oneOf('whenCallbackThrows', given.whenCallbackThrows, ['continue', 'close'], 'continue'),
    clock: clockOf(check, given.clock),
  }
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  return resolved
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

function clockOf(check: Checker, value: unknown): Clock {
  const want = 'an object with the methods monoUs, epochUs and setTimer'
  return check.methods<Clock>('clock', value, ['monoUs', 'epochUs', 'setTimer'], want) ?? systemClock
}

function tlsOf(check: Checker, value: unknown): WsTlsConfig {
  if (value === undefined) return {}
  const problems = checkTls(value)
  for (const { field, message } of problems) check.add(field, message)
  return problems.length === 0 ? { ...(value as WsTlsConfig) } : {}
}

function queueOf(check: Checker, value: unknown): EventQueueOptions {
  const given = check.object('queue', value, ['maxMessages', 'maxBytes', 'whenFull']) ?? {}
  return {
    maxMessages: check.integer('queue.maxMessages', given.maxMessages, 1, MAX_SIZE, 10_000),
    maxBytes: check.integer('queue.maxBytes', given.maxBytes, 1, Number.MAX_SAFE_INTEGER, 64 * MIB),
    whenFull: check.oneOf('queue.whenFull', given.whenFull, ['pause', 'drop-oldest', 'close'], 'pause'),
  }
}

/** An object of positive integers, with the members and defaults of `defaults`. */
function integersOf<T extends object>(check: Checker, field: string, value: unknown, defaults: T, max: number): T {
  const names = Object.keys(defaults) as (keyof T & string)[]
  const given = check.object(field, value, names) ?? ({} as Partial<Record<keyof T, unknown>>)
  const pairs = names.map((name) => {
    return [name, check.integer(`${field}.${name}`, given[name], 1, max, defaults[name] as number)]
  })
  return Object.fromEntries(pairs) as T
}
