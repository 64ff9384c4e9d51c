import type { WsConfigProblem } from '../errors/errors.ts'
import { nearest } from './nearest.ts'

/** Timers of Node take no more. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Collects every mistake of a configuration before anything is thrown. Each check returns the value when it is right and
 * the default otherwise, so that checking can go on. `undefined` always means "not given".
 */
export class Checker {
  readonly problems: WsConfigProblem[] = []

  add(field: string, message: string): void {
    this.problems.push({ field, message })
  }

  /** An object with no other members than `known`; `undefined` when it is not given, or is no object. */
  object<K extends string>(
    field: string,
    value: unknown,
    known: readonly K[],
  ): Partial<Record<K, unknown>> | undefined {
    if (value === undefined) return undefined
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.add(field, `must be an object, is ${describe(value)}`)
      return undefined
    }
    const prefix = field === '' || field === 'options' ? '' : `${field}.`
    for (const name of Object.keys(value)) {
      if (!(known as readonly string[]).includes(name)) this.add(prefix + name, unknownName(name, known))
    }
    return value as Partial<Record<K, unknown>>
  }

  integer(field: string, value: unknown, min: number, max: number, byDefault: number): number {
    if (value === undefined) return byDefault
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
    this.add(field, `must be an integer from ${min} to ${max}, is ${describe(value)}`)
    return byDefault
  }

  boolean(field: string, value: unknown, byDefault: boolean): boolean {
    if (value === undefined || typeof value === 'boolean') return value ?? byDefault
    this.add(field, `must be true or false, is ${describe(value)}`)
    return byDefault
  }

  oneOf<T extends string | number>(field: string, value: unknown, allowed: readonly T[], byDefault: T): T {
    if (value === undefined) return byDefault
    if ((allowed as readonly unknown[]).includes(value)) return value as T
    const given = typeof value === 'string' ? JSON.stringify(value) : describe(value)
    this.add(field, `must be ${allowed.map(quoteName).join(' or ')}, is ${given}`)
    return byDefault
  }

  // biome-ignore lint/complexity/noBannedTypes: whatever can be called
  function<F extends Function>(field: string, value: unknown): F | undefined {
    if (value === undefined || typeof value === 'function') return value as F | undefined
    this.add(field, `must be a function, is ${describe(value)}`)
    return undefined
  }

  /**
   * An object with these methods, such as a clock or a transport; `want` says in words what is expected. `optional`: methods that
   * it may have.
   */
  methods<T>(
    field: string,
    value: unknown,
    names: readonly string[],
    want: string,
    optional: readonly string[] = [],
  ): T | undefined {
    if (value === undefined) return undefined
    const object = value as Record<string, unknown> | null
    if (typeof object === 'object' && object !== null && names.every((name) => typeof object[name] === 'function')) {
      for (const name of optional) this.function(`${field}.${name}`, object[name])
      return value as T
    }
    this.add(field, `must be ${want}, is ${describe(value)}`)
    return undefined
  }

  signal(field: string, value: unknown): AbortSignal | undefined {
    // By shape, not instanceof: signals of polyfills and of other realms work as well.
    const signal = value as AbortSignal | undefined | null
    if (signal === undefined) return undefined
    if (
      typeof signal === 'object' &&
      typeof signal?.aborted === 'boolean' &&
      typeof signal.addEventListener === 'function'
    ) {
      return signal
    }
    const hint = (signal as unknown) instanceof AbortController ? '; give its .signal' : ''
    this.add(field, `must be an AbortSignal, is ${describe(value)}${hint}`)
    return undefined
  }
}

const quoteName = (name: string | number): string => (typeof name === 'string' ? `'${name}'` : `${name}`)

/** What a value is, for people. Never the content of a string: it may be a secret. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value)
    case 'bigint':
      return `the bigint ${value}n`
    case 'string':
      return value === '' ? 'an empty string' : 'a string'
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    default:
      if (value === null) return 'null'
      if (Array.isArray(value)) return 'an array'
      return `an object (${value?.constructor?.name ?? 'no class'})`
  }
}

/** What users of other clients are likely to write, and what it is called here. */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  handshakeTimeout: 'timeouts.totalMs',
  timeout: 'timeouts.totalMs',
  timeoutMs: 'timeouts.totalMs',
  closeTimeout: 'closeTimeoutMs',
  protocol: 'subprotocols',
  protocols: 'subprotocols',
  maxPayload: 'limits.maxMessageBytes',
  rejectUnauthorized: 'tls.validateCerts',
  servername: 'tls.serverName',
  maxQueue: 'queue.maxMessages',
  maxSendQueueBytes: 'lanes.normalBytes',
  noDelay: 'socket.noDelay',
  keepAlive: 'socket.keepAliveIdleMs',
  localAddress: 'socket.localAddress',
  auth: 'headers, or credentials in the URL',
  agent: 'proxy',
}

function unknownName(name: string, known: readonly string[]): string {
  const foreign = Object.hasOwn(FOREIGN_NAMES, name) ? (FOREIGN_NAMES[name] as string) : ''
  // A name of connect() is no advice where something else is checked.
  const near = known.includes(foreign.split(/[ .,]/, 1)[0] as string) ? foreign : nearest(name, known)
  return near === undefined || near === name
    ? `unknown option; known are ${known.join(', ')}`
    : `unknown option; did you mean ${near}?`
}
