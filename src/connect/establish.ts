import { WsConnectError } from '../errors/disconnect-cause.ts'
import { withDeadline } from '../support/deadline.ts'
import { type Attempt, type Progress, stageError, timeoutError } from './attempt.ts'
import { abortedCause, connectTarget, portOf, totalTimeout } from './causes.ts'
import { openFirst } from './happy-eyeballs.ts'
import type { WsNegotiatedDeflate } from './permessage-deflate.ts'
import { destroyedWith, type RawLink, type RawLinkOpener, type WsTlsInfo } from './raw-link.ts'
import type { HeaderLines, WsConnectRequest, WsTlsConfig } from './request.ts'
import { resolveHost, secure, upgrade } from './stages.ts'
import { type PreparedTls, prepareTls } from './tls.ts'
import { openThroughProxy } from './tunnel.ts'

/** A link on which the server has switched protocols. */
export interface Established<L extends RawLink> {
  readonly link: L
  /** '' when the server chose none. */
  readonly subprotocol: string
  /** Undefined when it is not used. */
  readonly perMessageDeflate: WsNegotiatedDeflate | undefined
  readonly responseHeaders: HeaderLines
  /** Bytes that came behind the response head: the first frames. Empty when there were none. */
  readonly glued: Uint8Array
  /** Undefined on `ws:`. */
  readonly tls: WsTlsInfo | undefined
}

/**
 * DNS, TCP, the proxy if there is one, TLS and the upgrade, each under its deadline and all under `totalMs`. Addresses
 * race until one accepts a connection (RFC 8305); what fails after that (TLS, the upgrade) would most likely fail on the
 * others too, and ends the attempt. What fails on the way through a proxy fails: it is never gone around.
 *
 * Rejects with `WsConnectError` only. Its cause is `handshake-failed` with the stage, or `local-stop` with `ERR_ABORTED`
 * when `signal` aborts. Whatever the outcome, no socket but the returned one is left open and no timer armed. A signal
 * that aborts after the promise has settled changes nothing: the link is the caller's.
 */
export async function establish<L extends RawLink>(
  open: RawLinkOpener<L>,
  request: WsConnectRequest,
  signal: AbortSignal,
): Promise<Established<L>> {
  const target = connectTarget(request.url, request.proxy)
  const progress: Progress = { stage: 'dns', failureSoFar: () => undefined }
  const ms = request.timeouts.totalMs
  const expired = (): Error => timeoutError(progress, totalTimeout(progress.stage, ms, target))
  // From here on every reason to give up is a WsConnectError, so that stages can pass reasons on as they are.
  const aborted = (reason: unknown): Error => new WsConnectError(abortedCause(target, reason))
  return withDeadline(
    { clock: request.clock, ms, expired, aborted },
    signal,
    (within) => runStages(open, { request, target, progress, signal: within }),
    (late) => late.link.destroy(),
  )
}

async function runStages<L extends RawLink>(open: RawLinkOpener<L>, attempt: Attempt): Promise<Established<L>> {
  const { request, signal } = attempt
  const { url, proxy } = request
  const tls = url.protocol === 'wss:' ? prepare(attempt, request.tls, url.hostname) : undefined
  const proxyTls = proxy?.tls && prepare(attempt, proxy.tls, proxy.hostname)
  const link = await (proxy === undefined
    ? openFirst(attempt, open, await resolveHost(attempt, url.hostname), portOf(url))
    : openThroughProxy(attempt, open, proxy, proxyTls))
  return destroyedWith(signal, link, async () => {
    const tlsInfo = tls === undefined ? undefined : await secure(attempt, link, tls)
    const { subprotocol, perMessageDeflate, headers, glued } = await upgrade(attempt, link)
    return { link, subprotocol, perMessageDeflate, responseHeaders: headers, glued, tls: tlsInfo }
  })
}

/** Before a socket is opened: a mistake in the options needs none. */
function prepare({ target }: Attempt, tls: WsTlsConfig, host: string): PreparedTls {
  try {
    return prepareTls(tls, host)
  } catch (thrown) {
    throw stageError('prepare', target, 'its TLS options cannot be used', thrown)
  }
}
