import { WsConnectError } from '../errors/disconnect-cause.ts'
import type { ClockTimer } from '../support/clock.ts'
import { withDeadline } from '../support/deadline.ts'
import { type Attempt, describe } from './attempt.ts'
import { handshakeFailed } from './causes.ts'
import { type RawLink, RawLinkError, type RawLinkOpener } from './raw-link.ts'
import type { WsAddress } from './request.ts'

/** A message that names more failures than this helps nobody. */
const MAX_NAMED_FAILURES = 8

/** They tell about this machine's network for one family; another address's reason tells about the server. */
const NO_WAY_THERE: ReadonlySet<string> = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])

/**
 * Families in turn, beginning with that of the first address; within a family the resolver's order stays (RFC 8305
 * section 4, with a First Address Family Count of 1).
 */
export function interleaveFamilies(addresses: readonly WsAddress[]): readonly WsAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  if (first.length === addresses.length) return addresses
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family)
  const mixed: WsAddress[] = []
  for (let i = 0; i < first.length || i < second.length; i++) {
    for (const address of [first[i], second[i]]) if (address !== undefined) mixed.push(address)
  }
  return mixed
}

/**
 * A link to the address that accepts first (RFC 8305 section 5). Addresses are tried in the given order, each
 * `attemptDelayMs` after the one before it, or at once when one that was tried fails; each has `tcpMs`. The first
 * that connects wins, and at that moment the others are given up. Of the deadline over all stages nothing is known here:
 * the attempt's signal tells.
 *
 * The Resolution Delay of RFC 8305 section 3 has no place: a lookup answers with both families at once, as
 * `getaddrinfo` does.
 */
export async function openFirst<L extends RawLink>(
  attempt: Attempt,
  open: RawLinkOpener<L>,
  addresses: readonly WsAddress[],
  port: number,
): Promise<L> {
  // Between two stages nobody listens, and a signal that has aborted does not say so again.
  attempt.signal.throwIfAborted()
  attempt.progress.stage = 'tcp'
  const failures: unknown[] = []
  try {
    // A literal address, and many a name: nothing of the race is set up.
    if (addresses.length === 1) return await openOne(attempt, open, addresses[0] as WsAddress, port, attempt.signal)
    return await race(attempt, open, addresses, port, failures)
  } catch (thrown) {
    if (attempt.signal.aborted) throw attempt.signal.reason
    if (failures.length === 0) failures.push(thrown)
    throw allFailed(attempt, addresses, port, failures)
  }
}

/** Rejects when every address has failed, its reasons then in `failures`, or when the attempt is given up. */
function race<L extends RawLink>(
  attempt: Attempt,
  open: RawLinkOpener<L>,
  addresses: readonly WsAddress[],
  port: number,
  failures: unknown[],
): Promise<L> {
  const { request, signal } = attempt
  return new Promise<L>((resolve, reject) => {
    let begun = 0
    let timer: ClockTimer | undefined
    // One each: a signal that all shared would be warned about as a leak of listeners.
    const running = new Set<AbortController>()
    let settled = false
    const settle = (): void => {
      settled = true
      timer?.cancel()
      signal.removeEventListener('abort', onAbort)
      for (const given of running) given.abort(new RawLinkError('ABORT_ERR', 'another address was faster'))
    }
    const onAbort = (): void => {
      settle()
      reject(signal.reason)
    }
    const begin = (): void => {
      timer?.cancel()
      const index = begun++
      const own = new AbortController()
      running.add(own)
      if (begun < addresses.length) timer = request.clock.setTimer(request.timeouts.attemptDelayMs, begin)
      openOne(attempt, open, addresses[index] as WsAddress, port, own.signal).then(
        (link) => {
          // Two may have connected in one turn.
          if (settled) return link.destroy()
          running.delete(own)
          settle()
          resolve(link)
        },
        (thrown: unknown) => {
          if (settled) return
          running.delete(own)
          failures[index] = thrown
          if (begun < addresses.length) begin()
          else if (running.size === 0) {
            settle()
            reject(thrown)
          }
        },
      )
    }
    signal.addEventListener('abort', onAbort, { once: true })
    begin()
  })
}

function openOne<L extends RawLink>(
  { request }: Attempt,
  open: RawLinkOpener<L>,
  address: WsAddress,
  port: number,
  signal: AbortSignal,
): Promise<L> {
  const { clock, socket } = request
  const ms = request.timeouts.tcpMs
  const expired = (): Error => new RawLinkError('ERR_TCP_TIMEOUT', `no answer within ${ms} ms (timeouts.tcpMs)`)
  return withDeadline(
    { clock, ms, expired },
    signal,
    (within) => open(address, port, { socket, clock, signal: within }),
    (late) => late.destroy(),
  )
}

/** `failures[i]` is that of `addresses[i]`. */
function allFailed(
  { target }: Attempt,
  addresses: readonly WsAddress[],
  port: number,
  failures: readonly unknown[],
): WsConnectError {
  const described = failures.map((thrown) => describe(thrown, 'ERR_TCP_FAILED'))
  const named = described.slice(0, MAX_NAMED_FAILURES).map(({ message }, index) => {
    const { address, family } = addresses[index] as WsAddress
    return `${family === 6 ? `[${address}]` : address}:${port}: ${message}`
  })
  const unnamed = failures.length - named.length
  const list = named.join('; ') + (unnamed > 0 ? `; and ${unnamed} more` : '')
  const telling = described.filter(({ code }) => !NO_WAY_THERE.has(code))
  const { code, error } = (telling.at(-1) ?? described.at(-1)) as ReturnType<typeof describe>
  const details = error === undefined ? { target } : { target, error }
  return new WsConnectError(handshakeFailed('tcp', code, `no address accepted a connection: ${list}`, details))
}
