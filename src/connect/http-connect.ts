import type { WsHttpRefusal } from '../errors/disconnect-cause.ts'
import { quoteText } from '../support/redact.ts'
import type { WsProxy } from './proxy.ts'
import type { ProxyDestination, ProxyDialogue, ProxyStep } from './proxy-dialogue.ts'
import { RefusalBody } from './refusal-body.ts'
import { type HeadFailure, type ResponseHead, ResponseHeadParser } from './response-head.ts'

type Failed = Extract<ProxyStep, { kind: 'failed' }>

/** What is wrong with a head is told by the message; a program needs to know less of a proxy than of the server. */
const CODES: Readonly<Record<string, string>> = {
  ERR_UPGRADE_NOT_HTTP: 'ERR_PROXY_NOT_HTTP',
  ERR_UPGRADE_HEAD_TOO_LARGE: 'ERR_PROXY_HEAD_TOO_LARGE',
  ERR_UPGRADE_TOO_MANY_HEADERS: 'ERR_PROXY_HEAD_TOO_LARGE',
  ERR_UPGRADE_TOO_MANY_INTERIM: 'ERR_PROXY_HEAD_TOO_LARGE',
}

/** HTTP CONNECT (RFC 9110 9.3.6). */
export class HttpConnect implements ProxyDialogue {
  readonly opening: Uint8Array
  readonly #hasCredentials: boolean
  readonly #parser = new ResponseHeadParser('the proxy')
  #refusal: { readonly head: ResponseHead; readonly body: RefusalBody } | undefined

  constructor({ headers }: Pick<WsProxy, 'headers'>, { hostname, port }: ProxyDestination) {
    const isNamed = (wanted: string) => (line: readonly [string, string]) => line[0].toLowerCase() === wanted
    const authority = `${hostname}:${port}`
    const lines = [`CONNECT ${authority} HTTP/1.1`]
    if (!headers.some(isNamed('host'))) lines.push(`Host: ${authority}`)
    for (const [name, value] of headers) lines.push(`${name}: ${value}`)
    this.opening = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
    this.#hasCredentials = headers.some(isNamed('proxy-authorization'))
  }

  feed(chunk: Uint8Array): ProxyStep | undefined {
    if (this.#refusal !== undefined) return this.#feedBody(chunk)
    const progress = this.#parser.feed(chunk)
    if (progress === undefined) return undefined
    if (progress.kind === 'failed') return malformed(progress)
    const { head, rest } = progress
    // Any 2xx; a length that it states is to be ignored.
    if (head.status >= 200 && head.status < 300) return { kind: 'open', rest }
    this.#refusal = { head, body: new RefusalBody(head) }
    return this.#feedBody(rest)
  }

  finish(peerEnded: boolean): Failed | undefined {
    if (this.#refusal === undefined) return undefined
    const { head, body } = this.#refusal
    return refused({ ...head, ...body.finish(peerEnded) }, this.#hasCredentials)
  }

  #feedBody(chunk: Uint8Array): ProxyStep | undefined {
    const { body } = this.#refusal as { body: RefusalBody }
    body.feed(chunk)
    return body.complete ? this.finish(false) : undefined
  }
}

function malformed({ code, message }: HeadFailure): Failed {
  return { kind: 'failed', code: CODES[code] ?? 'ERR_PROXY_RESPONSE_INVALID', message }
}

function refused(http: WsHttpRefusal, hadCredentials: boolean): Failed {
  const status = http.statusText === '' ? `${http.status}` : `${http.status} ${http.statusText}`
  const said = `the proxy refused with HTTP ${quoteText(status).slice(1, -1)}`
  if (http.status !== 407) {
    return { kind: 'failed', code: 'ERR_PROXY_REFUSED', message: `${said}; ${hintFor(http.status)}`, http }
  }
  const asked = http.headers.filter(([name]) => name.toLowerCase() === 'proxy-authenticate').map(([, value]) => value)
  const schemes = asked.length === 0 ? '' : ` (it asks for ${quoteText(asked.join(', '))})`
  return hadCredentials
    ? {
        kind: 'failed',
        code: 'ERR_PROXY_AUTH_REFUSED',
        message: `${said}: it does not take these credentials${schemes}`,
        http,
      }
    : {
        kind: 'failed',
        code: 'ERR_PROXY_AUTH_REQUIRED',
        message: `${said}: it wants credentials${schemes}; give them in its URL, http://user:password@host`,
        http,
      }
}

function hintFor(status: number): string {
  if (status === 403) return 'its rules do not allow this host or port'
  if (status === 405 || status === 501) return 'it does not speak CONNECT: is it a proxy at all?'
  if (status === 502 || status === 503 || status === 504) return 'it cannot reach the server: try again later'
  if (status === 400 || status === 404) return 'what answers there may be a web server and no proxy: check its URL'
  return 'ask whoever runs the proxy'
}
