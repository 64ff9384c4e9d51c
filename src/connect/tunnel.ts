import { WsConnectError } from '../errors/disconnect-cause.ts'
import { type Attempt, inStage, stageError } from './attempt.ts'
import { type HandshakeFailure, handshakeFailed, portOf } from './causes.ts'
import { withoutBrackets } from './dns.ts'
import { openFirst } from './happy-eyeballs.ts'
import { HttpConnect } from './http-connect.ts'
import type { WsProxy } from './proxy.ts'
import type { ProxyDestination, ProxyDialogue, ProxyStep } from './proxy-dialogue.ts'
import { destroyedWith, type RawLink, RawLinkError, type RawLinkOpener } from './raw-link.ts'
import type { WsAddress } from './request.ts'
import { SOCKS_ADDRESS_FAILURES, Socks5 } from './socks5.ts'
import { resolveHost } from './stages.ts'
import type { PreparedTls } from './tls.ts'
import { handshake } from './tls-handshake.ts'

/** Through `socks5://`, so many addresses of the server are asked for, each over a connection of its own. */
const MAX_DESTINATIONS = 4

/**
 * A link through which the server answers: to the proxy, whose addresses race as a server's would, and on from there.
 * `tls` is for the way to the proxy.
 */
export async function openThroughProxy<L extends RawLink>(
  attempt: Attempt,
  open: RawLinkOpener<L>,
  proxy: WsProxy,
  tls: PreparedTls | undefined,
): Promise<L> {
  const destinations = await destinationsOf(attempt, proxy)
  const addresses = await resolveHost(attempt, proxy.hostname)
  for (let i = 0; ; i++) {
    const destination = destinations[i] as ProxyDestination
    const link = await openFirst(attempt, open, addresses, proxy.port)
    try {
      return await destroyedWith(attempt.signal, link, async () => {
        await traverse(attempt, link, proxy, destination, tls)
        return link
      })
    } catch (error) {
      const code = error instanceof WsConnectError ? error.code : ''
      if (i + 1 >= destinations.length || !SOCKS_ADDRESS_FAILURES.has(code)) throw error
    }
  }
}

/** What to ask for, in order. Only `socks5:` gets addresses that were looked up here; everybody else the name. */
async function destinationsOf(attempt: Attempt, proxy: WsProxy): Promise<readonly ProxyDestination[]> {
  const { url } = attempt.request
  const port = portOf(url)
  if (proxy.resolvesNames) return [{ hostname: url.hostname, port }]
  const addresses: readonly WsAddress[] = await resolveHost(attempt, url.hostname)
  return addresses.slice(0, MAX_DESTINATIONS).map(({ address }) => ({ hostname: address, port }))
}

function traverse(
  attempt: Attempt,
  link: RawLink,
  proxy: WsProxy,
  destination: ProxyDestination,
  tls: PreparedTls | undefined,
): Promise<void> {
  const { target, progress, request } = attempt
  const { clock } = request
  const dialogue = proxy.kind === 'http' ? new HttpConnect(proxy, destination) : new Socks5(proxy, destination)
  const asFailure = (step: Extract<ProxyStep, { kind: 'failed' }>): HandshakeFailure => {
    // An address that was looked up here is not in the URL.
    const to = proxy.resolvesNames ? '' : `${withoutBrackets(destination.hostname)}: `
    const details = step.http === undefined ? { target } : { target, http: step.http }
    return handshakeFailed('proxy', step.code, to + step.message, details)
  }
  return inStage(attempt, 'proxy', async (signal) => {
    if (tls !== undefined && proxy.tls !== undefined) {
      const partner = { hostPort: `${proxy.hostname}:${proxy.port}`, config: proxy.tls, prepared: tls, clock }
      await handshake(link, partner, signal).catch((thrown: unknown) => {
        throw stageError('proxy', target, 'the TLS handshake with the proxy failed', thrown)
      })
    }
    progress.failureSoFar = () => {
      const step = dialogue.finish(false)
      return step && asFailure(step)
    }
    const end = await talk(link, dialogue).catch((thrown: unknown) => {
      throw stageError('proxy', target, 'the connection ended before the proxy had answered', thrown)
    })
    progress.failureSoFar = () => undefined
    if (end.kind === 'failed') throw new WsConnectError(asFailure(end))
    // Neither TLS nor HTTP lets the server speak first. Whatever this is, it must not be taken for the server's answer.
    if (end.rest.length === 0) return
    const message = `the proxy sent ${end.rest.length} bytes behind its answer, which no server can have sent yet`
    throw new WsConnectError(handshakeFailed('proxy', 'ERR_PROXY_UNEXPECTED_DATA', message, { target }))
  })
}

/** Rejects only when the link fails before there is anything to report. */
async function talk(link: RawLink, dialogue: ProxyDialogue): Promise<Exclude<ProxyStep, { kind: 'send' }>> {
  try {
    link.write(dialogue.opening)
    for (;;) {
      const step = dialogue.feed(await link.read())
      if (step?.kind === 'send') link.write(step.bytes)
      else if (step !== undefined) return step
    }
  } catch (error) {
    const soFar = dialogue.finish(error instanceof RawLinkError && error.code === 'ERR_SOCKET_ENDED')
    if (soFar === undefined) throw error
    return soFar
  }
}
