import { isIP } from 'node:net'
import { type Checker, describe, MAX_TIMER_MS } from '../support/check.ts'
import { RawLinkError } from './raw-link.ts'
import type { WsAddress, WsSocketOptions } from './request.ts'

const FIELDS = [
  'noDelay',
  'keepAliveIdleMs',
  'keepAliveIntervalMs',
  'keepAliveProbes',
  'receiveBufferBytes',
  'sendBufferBytes',
  'busyPollUs',
  'userTimeoutMs',
  'localAddress',
] as const satisfies readonly (keyof WsSocketOptions)[]

/** What TCP itself takes: 32767 s and 127 probes (tcp(7)). */
const MAX_KEEP_ALIVE_MS = 32_767_000
const MAX_KEEP_ALIVE_PROBES = 127
/** The kernel doubles what it is given, in a C int. */
const MAX_BUFFER_BYTES = 2 ** 30 - 1
const MAX_BUSY_POLL_US = 1_000_000

const DEFAULTS: WsSocketOptions = { noDelay: true }

/** Every mistake in `value` goes to `check`; what is not given stays out, but for `noDelay`. */
export function checkSocket(check: Checker, value: unknown): WsSocketOptions {
  if (value === undefined) return DEFAULTS
  const given = check.object('socket', value, FIELDS) ?? {}
  const options: Record<string, unknown> = { noDelay: check.boolean('socket.noDelay', given.noDelay, true) }
  const integer = (name: (typeof FIELDS)[number], min: number, max: number): void => {
    if (given[name] !== undefined) options[name] = check.integer(`socket.${name}`, given[name], min, max, min)
  }
  integer('keepAliveIdleMs', 1000, MAX_KEEP_ALIVE_MS)
  integer('keepAliveIntervalMs', 1000, MAX_KEEP_ALIVE_MS)
  integer('keepAliveProbes', 1, MAX_KEEP_ALIVE_PROBES)
  integer('receiveBufferBytes', 4096, MAX_BUFFER_BYTES)
  integer('sendBufferBytes', 4096, MAX_BUFFER_BYTES)
  integer('busyPollUs', 1, MAX_BUSY_POLL_US)
  integer('userTimeoutMs', 1, MAX_TIMER_MS)
  for (const name of ['keepAliveIntervalMs', 'keepAliveProbes'] as const) {
    if (given[name] !== undefined && given.keepAliveIdleMs === undefined) {
      check.add(`socket.${name}`, 'does nothing without socket.keepAliveIdleMs, which turns keepalive on')
    }
  }
  const { localAddress } = given
  if (localAddress !== undefined) {
    if (typeof localAddress === 'string' && isIP(localAddress) !== 0) options['localAddress'] = localAddress
    else check.add('socket.localAddress', `must be a literal IPv4 or IPv6 address, is ${describe(localAddress)}`)
  }
  return options as WsSocketOptions
}

/** Reports what a transport has no means to do. */
export function checkSocketSupport(
  check: Checker,
  { socket, transport }: { readonly socket: WsSocketOptions; readonly transport: string | undefined },
  unsupported: readonly (keyof WsSocketOptions)[],
): void {
  for (const name of unsupported) {
    if (socket[name] !== undefined) check.add(`socket.${name}`, cannotBeSet(transport ?? 'of yours'))
  }
}

/** The same for one attempt, whose options nobody may have checked. */
export function refuseUnsupported(
  socket: WsSocketOptions,
  transport: string,
  unsupported: readonly (keyof WsSocketOptions)[],
): void {
  const name = unsupported.find((candidate) => socket[candidate] !== undefined)
  if (name !== undefined) throw new RawLinkError('ERR_SOCKET_OPTION', `socket.${name} ${cannotBeSet(transport)}`)
}

function cannotBeSet(transport: string): string {
  return `cannot be set by transport ${transport}: leave it out, or use the native transport`
}

/** A socket is of one family: an address of the other cannot be reached from `localAddress`. */
export function refuseOtherFamily({ localAddress }: WsSocketOptions, remote: WsAddress): void {
  if (localAddress === undefined || isIP(localAddress) === remote.family) return
  const message = `socket.localAddress ${localAddress} is IPv${isIP(localAddress)}, this address is IPv${remote.family}`
  throw new RawLinkError('ERR_SOCKET_OPTION', message)
}
