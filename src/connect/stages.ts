import { WsConnectError } from '../errors/disconnect-cause.ts'
import { type Attempt, inStage, stageError } from './attempt.ts'
import { handshakeFailed, refusalCause } from './causes.ts'
import { literalAddress, lookupProblem } from './dns.ts'
import { interleaveFamilies } from './happy-eyeballs.ts'
import { type RawLink, RawLinkError, type WsTlsInfo } from './raw-link.ts'
import type { WsAddress } from './request.ts'
import type { PreparedTls } from './tls.ts'
import { handshake } from './tls-handshake.ts'
import { buildUpgradeRequest, newUpgradeKey } from './upgrade-request.ts'
import { UpgradeResponse, type UpgradeResult } from './upgrade-response.ts'

/**
 * The addresses to try, in order; at least one. A literal address is not looked up. Whatever the lookup answers, only
 * addresses of the wanted family are used.
 */
export async function resolveHost(attempt: Attempt, hostname: string): Promise<readonly WsAddress[]> {
  const { request, target } = attempt
  const { family } = request
  const isWanted = (address: WsAddress): boolean => family === 0 || address.family === family
  const failed = (code: string, message: string): WsConnectError =>
    new WsConnectError(handshakeFailed('dns', code, message, { target }))
  const none = (what: string): WsConnectError => {
    const only = family === 0 ? '' : ` of IPv${family}, the only one wanted (option family)`
    return failed('ERR_DNS_NO_ADDRESS', `${what} no address${only}`)
  }

  const literal = literalAddress(hostname)
  if (literal !== undefined) {
    if (!isWanted(literal)) throw none(`${hostname} is`)
    return [literal]
  }
  return inStage(attempt, 'dns', async (signal) => {
    let addresses: WsAddress[]
    let problem: string | undefined
    try {
      const answer: unknown = await request.lookup(hostname, { signal, family })
      problem = lookupProblem(answer)
      addresses =
        problem === undefined ? (answer as WsAddress[]).map(({ address, family }) => ({ address, family })) : []
    } catch (thrown) {
      throw stageError('dns', target, `the lookup of "${hostname}" failed`, thrown)
    }
    if (problem !== undefined) throw failed('ERR_DNS_LOOKUP_INVALID', `the lookup of "${hostname}" ${problem}`)
    const wanted = addresses.filter(isWanted)
    if (wanted.length === 0) throw none(`the lookup of "${hostname}" gave`)
    return interleaveFamilies(wanted)
  })
}

export function secure(attempt: Attempt, link: RawLink, tls: PreparedTls): Promise<WsTlsInfo> {
  const { request, target } = attempt
  const partner = { prepared: tls, config: request.tls, hostPort: target.hostPort, clock: request.clock }
  return inStage(attempt, 'tls', (signal) =>
    handshake(link, partner, signal).catch((thrown: unknown) => {
      throw stageError('tls', target, 'the TLS handshake failed', thrown)
    }),
  )
}

export type Accepted = Extract<UpgradeResult, { kind: 'accepted' }>

export function upgrade(attempt: Attempt, link: RawLink): Promise<Accepted> {
  const { request, target, progress } = attempt
  return inStage(attempt, 'upgrade', async () => {
    const key = newUpgradeKey(request.random)
    const { subprotocols, perMessageDeflate } = request
    const response = new UpgradeResponse({ key, subprotocols, perMessageDeflate })
    progress.failureSoFar = () => {
      const refusal = response.finish(false)
      return refusal && refusalCause(refusal, target)
    }
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
