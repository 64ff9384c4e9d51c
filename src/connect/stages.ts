import { WsConnectError } from '../errors/disconnect-cause.ts'
import { withDeadline } from '../support/deadline.ts'
import { type Attempt, describe, inStage, stageError } from './attempt.ts'
import { handshakeFailed, portOf, refusalCause } from './causes.ts'
import { literalAddress, lookupProblem } from './dns.ts'
import { type RawLink, RawLinkError, type RawLinkOpener, type RawTlsInfo } from './raw-link.ts'
import type { WsAddress } from './request.ts'
import type { PreparedTls } from './tls.ts'
import { buildUpgradeRequest, newUpgradeKey } from './upgrade-request.ts'
import { UpgradeResponse, type UpgradeResult } from './upgrade-response.ts'

/** A message that names more failures than this helps nobody. */
const MAX_NAMED_FAILURES = 8

/** The addresses to try, in order; at least one. A literal address is not looked up. */
export async function resolveHost(attempt: Attempt): Promise<readonly WsAddress[]> {
  const { request, target } = attempt
  const { hostname } = request.url
  const literal = literalAddress(hostname)
  if (literal !== undefined) return [literal]
  const failed = (code: string, message: string): WsConnectError =>
    new WsConnectError(handshakeFailed('dns', code, message, { target }))

  return inStage(attempt, 'dns', async (signal) => {
    let addresses: WsAddress[]
    let problem: string | undefined
    try {
      const answer: unknown = await request.lookup(hostname, { signal })
      problem = lookupProblem(answer)
      addresses =
        problem === undefined ? (answer as WsAddress[]).map(({ address, family }) => ({ address, family })) : []
    } catch (thrown) {
      throw stageError('dns', target, `the lookup of "${hostname}" failed`, thrown)
    }
    if (problem !== undefined) throw failed('ERR_DNS_LOOKUP_INVALID', `the lookup of "${hostname}" ${problem}`)
    if (addresses.length === 0) throw failed('ERR_DNS_NO_ADDRESS', `the lookup of "${hostname}" gave no address`)
    return addresses
  })
}

/** A link to the first address that accepts one. Each address gets `tcpMs`; the deadline over all stages bounds the sum. */
export async function openFirst<L extends RawLink>(
  attempt: Attempt,
  open: RawLinkOpener<L>,
  addresses: readonly WsAddress[],
): Promise<L> {
  const { request, target, progress } = attempt
  const { clock, noDelay } = request
  const port = portOf(request.url)
  const ms = request.timeouts.tcpMs
  const expired = (): Error => new RawLinkError('ERR_TCP_TIMEOUT', `no answer within ${ms} ms (timeouts.tcpMs)`)
  progress.stage = 'tcp'
  const failures: string[] = []
  let last: ReturnType<typeof describe> | undefined
  for (const address of addresses) {
    try {
      return await withDeadline(
        { clock, ms, expired },
        attempt.signal,
        (signal) => open(address, port, { noDelay, clock, signal }),
        (late) => late.destroy(),
      )
    } catch (thrown) {
      if (attempt.signal.aborted) throw attempt.signal.reason
      last = describe(thrown, 'ERR_TCP_FAILED')
      const host = address.family === 6 ? `[${address.address}]` : address.address
      failures.push(`${host}:${port}: ${last.message}`)
    }
  }
  const unnamed = failures.length - MAX_NAMED_FAILURES
  const list = failures.slice(0, MAX_NAMED_FAILURES).join('; ') + (unnamed > 0 ? `; and ${unnamed} more` : '')
  const { code, error } = last as NonNullable<typeof last>
  const details = error === undefined ? { target } : { target, error }
  throw new WsConnectError(handshakeFailed('tcp', code, `no address accepted a connection: ${list}`, details))
}

export function secure(attempt: Attempt, link: RawLink, tls: PreparedTls): Promise<RawTlsInfo> {
  return inStage(attempt, 'tls', async () => {
    try {
      return await link.startTls(tls)
    } catch (thrown) {
      throw stageError('tls', attempt.target, 'the TLS handshake failed', thrown)
    }
  })
}

export type Accepted = Extract<UpgradeResult, { kind: 'accepted' }>

export function upgrade(attempt: Attempt, link: RawLink): Promise<Accepted> {
  const { request, target, progress } = attempt
  return inStage(attempt, 'upgrade', async () => {
    const key = newUpgradeKey(request.random)
    const response = new UpgradeResponse({ key, subprotocols: request.subprotocols })
    progress.refusalSoFar = () => response.finish(false)
    const result = await exchange(link, buildUpgradeRequest(request, key), response).catch((thrown: unknown) => {
      throw stageError('upgrade', target, 'the connection ended before the server had answered the upgrade', thrown)
    })
    if (result.kind === 'accepted') return result
    if (result.kind === 'refused') throw new WsConnectError(refusalCause(result.http, target))
    const { code, message, http } = result
    throw new WsConnectError(
      handshakeFailed('upgrade', code, message, http === undefined ? { target } : { target, http }),
    )
  })
}

/** Rejects only when the link fails before there is anything to report. */
async function exchange(link: RawLink, request: Uint8Array, response: UpgradeResponse): Promise<UpgradeResult> {
  try {
    link.write(request)
    for (;;) {
      const result = response.feed(await link.read())
      if (result !== undefined) return result
    }
  } catch (error) {
    const ended = error instanceof RawLinkError && error.code === 'ERR_SOCKET_ENDED'
    const http = response.finish(ended)
    if (http === undefined) throw error
    return { kind: 'refused', http }
  }
}
