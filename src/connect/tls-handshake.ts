import type { Clock } from '../support/clock.ts'
import { keyLogOf } from './key-log.ts'
import type { RawLink, TlsExchange, WsTlsInfo } from './raw-link.ts'
import type { WsTlsConfig } from './request.ts'
import type { PreparedTls } from './tls.ts'
import { tlsSessionKey, tlsSessions } from './tls-sessions.ts'

/** With whom, and how. */
export interface TlsPartner {
  /** `host:port`: whose sessions these are. */
  readonly hostPort: string
  readonly config: WsTlsConfig
  readonly prepared: PreparedTls
  readonly clock: Clock
}

/**
 * One handshake, with the server or with a proxy on the way: offers the session of an earlier one, and keeps those that are
 * given out. Rejects as `RawLink.startTls` does. `signal` says that it is not waited for any longer.
 */
export async function handshake(link: RawLink, partner: TlsPartner, signal: AbortSignal): Promise<WsTlsInfo> {
  const { hostPort, config, prepared, clock } = partner
  const key = tlsSessionKey(prepared, link.tlsName, hostPort)
  const nowMs = (): number => clock.epochUs() / 1000
  const resumes = config.sessionResumption ?? true
  const session = resumes ? tlsSessions.take(key, nowMs()) : undefined
  const exchange: TlsExchange = {
    session,
    onSession: resumes ? (given) => tlsSessions.put(key, given, nowMs()) : undefined,
    onKeyLog: keyLogOf(config),
  }
  // Whatever failed: it may have been the session, and must not be offered again.
  const onFailure = (): void => {
    if (session !== undefined) tlsSessions.drop(key)
  }
  signal.addEventListener('abort', onFailure, { once: true })
  try {
    return await link.startTls(prepared, exchange)
  } catch (error) {
    onFailure()
    throw error
  } finally {
    signal.removeEventListener('abort', onFailure)
  }
}
