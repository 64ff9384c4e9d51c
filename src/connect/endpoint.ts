import { WsConnectError } from '../errors/disconnect-cause.ts'
import { WsConfigError, type WsConfigProblem } from '../errors/errors.ts'
import type { Checker } from '../support/check.ts'
import type { Clock } from '../support/clock.ts'
import { withDeadline } from '../support/deadline.ts'
import { handshakeFailed } from './causes.ts'
import type { Checked } from './checked.ts'
import { normalizeHeaders, normalizeSubprotocols } from './headers.ts'
import { parseProxy, type WsProxy } from './proxy.ts'
import type { HeaderLines } from './request.ts'
import { parseUrl, type WsUrl } from './url.ts'

/** A value, or a function called when it is needed: once per attempt. It may be async. */
export type WsProvided<T> = T | ((context: WsAttemptContext) => T | Promise<T>)

export interface WsAttemptContext {
  /** 1, 2, …: which attempt this is. */
  readonly attempt: number
  /** Fires when the attempt is given up: deadline, abort, close. */
  readonly signal: AbortSignal
}

/** Where to connect and by which way, and what to say there. */
export interface Endpoint {
  readonly url: URL
  readonly headers: HeaderLines
  readonly subprotocols: readonly string[]
  readonly proxy: WsProxy | undefined
}

type Provider = (context: WsAttemptContext) => unknown

/** An endpoint whose parts are known and checked, or functions to be called for each attempt. */
export interface EndpointSource {
  readonly url: WsUrl | Provider
  readonly headers: HeaderLines | Provider
  readonly subprotocols: readonly string[] | Provider
  readonly proxy: WsProxy | undefined | Provider
}

const NO_URL: WsUrl = { url: new URL('ws://invalid'), headers: [] }

/** Checks what can be checked without calling anything of the user's. */
export function checkEndpoint(
  checker: Checker,
  given: { readonly [K in keyof EndpointSource]?: unknown },
): EndpointSource {
  const { url, headers, subprotocols, proxy } = given
  const take = <T>(result: Checked<T>, otherwise: T): T => {
    if (result.ok) return result.value
    for (const problem of result.problems) checker.add(problem.field, problem.message)
    return otherwise
  }
  const checkedUrl = isProvider(url) ? url : take(parseUrl(url), NO_URL)
  const fromUrl = isProvider(checkedUrl) ? [] : checkedUrl.headers
  // The credentials of the URL only take part in the check: `assemble` puts them in front, for values and functions alike.
  const checkedHeaders = isProvider(headers) ? headers : take(normalizeHeaders(headers, fromUrl), fromUrl)
  return {
    url: checkedUrl,
    headers: isProvider(checkedHeaders) ? checkedHeaders : checkedHeaders.slice(fromUrl.length),
    subprotocols: isProvider(subprotocols) ? subprotocols : take(normalizeSubprotocols(subprotocols), []),
    // Not given is the usual case, and null; a function has to say null when it means none.
    proxy: isProvider(proxy) || proxy === undefined ? proxy : take(parseProxy(proxy), undefined),
  }
}

/** The endpoint when nothing of it is a function, so that connecting can begin at once. */
export function knownEndpoint(source: EndpointSource): Endpoint | undefined {
  const { url, headers, subprotocols, proxy } = source
  if (isProvider(url) || isProvider(headers) || isProvider(subprotocols) || isProvider(proxy)) return undefined
  return { url: url.url, headers: [...url.headers, ...headers], subprotocols, proxy }
}

export interface PrepareContext {
  readonly clock: Clock
  /** `timeouts.totalMs`: the functions share the deadline of the whole attempt. */
  readonly totalMs: number
  readonly attempt: number
  /** Aborts when the attempt is given up. */
  readonly signal: AbortSignal
}

/**
 * Calls the user's functions, all at once, and checks what they return. Rejects with a `WsConnectError` of stage
 * `prepare` when one fails, returns something unusable or takes too long, and with the signal's reason.
 */
export function prepareEndpoint(source: EndpointSource, context: PrepareContext): Promise<Endpoint> {
  const { clock, totalMs, attempt } = context
  const pending = new Set<string>()
  const call = async (name: string, part: unknown, signal: AbortSignal): Promise<unknown> => {
    if (!isProvider(part)) return part
    pending.add(name)
    try {
      return await part({ attempt, signal })
    } catch (error) {
      throw functionFailed(name, error)
    } finally {
      pending.delete(name)
    }
  }
  const deadline = { clock, ms: totalMs, expired: () => timedOut([...pending], totalMs) }
  return withDeadline(deadline, context.signal, async (signal) => {
    const [url, headers, subprotocols, proxy] = await Promise.all([
      call('url', source.url, signal),
      call('headers', source.headers, signal),
      call('subprotocols', source.subprotocols, signal),
      call('proxy', source.proxy, signal),
    ])
    return assemble(
      isProvider(source.url) ? parseUrl(url) : { ok: true, value: source.url },
      headers,
      subprotocols,
      isProvider(source.proxy) ? parseProxy(proxy) : { ok: true, value: source.proxy },
    )
  })
}

function assemble(
  url: Checked<WsUrl>,
  headers: unknown,
  subprotocols: unknown,
  proxy: Checked<WsProxy | undefined>,
): Endpoint {
  const checkedHeaders = normalizeHeaders(headers, url.ok ? url.value.headers : [])
  const checkedSubprotocols = normalizeSubprotocols(subprotocols)
  if (url.ok && checkedHeaders.ok && checkedSubprotocols.ok && proxy.ok) {
    const known = { headers: checkedHeaders.value, subprotocols: checkedSubprotocols.value, proxy: proxy.value }
    return { url: url.value.url, ...known }
  }
  const problems = [url, checkedHeaders, checkedSubprotocols, proxy].flatMap((part) => (part.ok ? [] : part.problems))
  throw unusable(problems)
}

function functionFailed(name: string, error: unknown): WsConnectError {
  const why = error instanceof Error ? error.message : String(error)
  const details = error instanceof Error ? { error } : {}
  const message = `the function given as ${name} failed: ${why}`
  return new WsConnectError(handshakeFailed('prepare', 'ERR_PREPARE_FAILED', message, details))
}

function unusable(problems: readonly WsConfigProblem[]): WsConnectError {
  const what = problems.map(({ field, message }) => `${field} ${message}`).join('; ')
  const message = `a function returned what cannot be used: ${what}`
  const error = new WsConfigError(problems)
  return new WsConnectError(handshakeFailed('prepare', 'ERR_CONFIG', message, { error }))
}

function timedOut(names: readonly string[], ms: number): WsConnectError {
  const message = `the function given as ${names.join(' and ')} did not settle within ${ms} ms (timeouts.totalMs)`
  return new WsConnectError(handshakeFailed('prepare', 'ERR_CONNECT_TIMEOUT', message))
}

function isProvider(part: unknown): part is Provider {
  return typeof part === 'function'
}
