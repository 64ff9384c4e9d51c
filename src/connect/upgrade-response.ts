import type { WsHttpRefusal } from '../errors/disconnect-cause.ts'
import { quoteText } from '../support/redact.ts'
import { judgeExtensions, type WsDeflateOffer, type WsNegotiatedDeflate } from './permessage-deflate.ts'
import { RefusalBody } from './refusal-body.ts'
import type { HeaderLines } from './request.ts'
import { type ResponseHead, ResponseHeadParser } from './response-head.ts'
import { acceptFor } from './upgrade-request.ts'

/** What the request asked for, and the answer must fit. */
export interface UpgradeOffer {
  /** The `Sec-WebSocket-Key` that was sent. */
  readonly key: string
  readonly subprotocols: readonly string[]
  readonly perMessageDeflate?: WsDeflateOffer | undefined
}

export type UpgradeResult =
  | {
      readonly kind: 'accepted'
      /** '' when the server chose none. */
      readonly subprotocol: string
      /** Undefined when it is not used. */
      readonly perMessageDeflate: WsNegotiatedDeflate | undefined
      readonly headers: HeaderLines
      /** What came behind the head: the first frames. */
      readonly glued: Uint8Array
    }
  /** Any status but 101. */
  | { readonly kind: 'refused'; readonly http: WsHttpRefusal }
  /** No valid answer to the upgrade. `http` is there when at least its head was valid HTTP. */
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly http?: WsHttpRefusal }

/**
 * Reads and judges the answer to an upgrade from chunks of any size; knows no socket and no clock. You must call `feed`
 * until it returns a result, and `finish` when there will be no more chunks before that.
 */
export class UpgradeResponse {
  readonly #offer: UpgradeOffer
  readonly #parser = new ResponseHeadParser()
  #refusal: { readonly head: ResponseHead; readonly body: RefusalBody } | undefined

  constructor(offer: UpgradeOffer) {
    this.#offer = offer
  }

  feed(chunk: Uint8Array): UpgradeResult | undefined {
    if (this.#refusal !== undefined) return this.#feedBody(chunk)
    const progress = this.#parser.feed(chunk)
    if (progress === undefined || progress.kind === 'failed') return progress
    const { head, isHttp10, rest } = progress
    if (head.status === 101 && isHttp10) {
      const http = { ...head, body: '', bodyTruncated: false }
      return { kind: 'failed', code: 'ERR_UPGRADE_HTTP_VERSION', message: 'the server answered 101 in HTTP/1.0', http }
    }
    if (head.status === 101) return judge(head, rest, this.#offer)
    this.#refusal = { head, body: new RefusalBody(head) }
    return this.#feedBody(rest)
  }

  /**
   * No more will be fed: the peer ended the connection, or (`peerEnded` false) it is not waited for any longer. A refusal
   * whose body was being read is reported as far as it came; before that there is nothing to report: undefined.
   */
  finish(peerEnded: boolean): WsHttpRefusal | undefined {
    if (this.#refusal === undefined) return undefined
    const { head, body } = this.#refusal
    return { ...head, ...body.finish(peerEnded) }
  }

  #feedBody(chunk: Uint8Array): UpgradeResult | undefined {
    const refusal = this.#refusal as { head: ResponseHead; body: RefusalBody }
    refusal.body.feed(chunk)
    return refusal.body.complete ? { kind: 'refused', http: this.finish(false) as WsHttpRefusal } : undefined
  }
}

/** RFC 6455 4.1, what the client must check in a 101. */
function judge(head: ResponseHead, rest: Uint8Array, offer: UpgradeOffer): UpgradeResult {
  const values = (name: string): string[] =>
    head.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
  const extensions = judgeExtensions(values('sec-websocket-extensions'), offer.perMessageDeflate)
  const problem =
    upgradeProblem(values('upgrade'), values('connection')) ??
    acceptProblem(values('sec-websocket-accept'), offer.key) ??
    ('problem' in extensions ? extensions.problem : undefined) ??
    subprotocolProblem(values('sec-websocket-protocol'), offer.subprotocols)
  if (problem !== undefined) {
    const [code, message] = problem
    return { kind: 'failed', code, message, http: { ...head, body: '', bodyTruncated: false } }
  }
  const subprotocol = values('sec-websocket-protocol')[0] ?? ''
  const perMessageDeflate = 'negotiated' in extensions ? extensions.negotiated : undefined
  return { kind: 'accepted', subprotocol, perMessageDeflate, headers: head.headers, glued: rest }
}

type Problem = readonly [code: string, message: string] | undefined

function upgradeProblem(upgrade: string[], connection: string[]): Problem {
  if (upgrade.join(', ').toLowerCase() !== 'websocket') {
    const found = upgrade.length === 0 ? 'there is none' : `it is ${quoteText(upgrade.join(', '))}`
    return [
      'ERR_UPGRADE_UPGRADE_HEADER',
      `the server answered 101, but its Upgrade header is not "websocket": ${found}`,
    ]
  }
  const tokens = connection.flatMap((value) => value.split(',')).map((token) => token.trim().toLowerCase())
  if (!tokens.includes('upgrade')) {
    const found = connection.length === 0 ? 'there is none' : `it is ${quoteText(connection.join(', '))}`
    return [
      'ERR_UPGRADE_CONNECTION_HEADER',
      `the server answered 101, but its Connection header lacks "upgrade": ${found}`,
    ]
  }
  return undefined
}

function acceptProblem(accept: string[], key: string): Problem {
  if (accept.length === 0) {
    return ['ERR_UPGRADE_ACCEPT_MISSING', 'the server answered 101 without a Sec-WebSocket-Accept header']
  }
  if (accept.length > 1) {
    return ['ERR_UPGRADE_ACCEPT_DUPLICATE', 'the server answered 101 with more than one Sec-WebSocket-Accept header']
  }
  if (accept[0] === acceptFor(key)) return undefined
  const found = quoteText(accept[0] as string)
  const message = `the server's Sec-WebSocket-Accept ${found} does not answer our key: a cache or another connection spoke`
  return ['ERR_UPGRADE_ACCEPT_WRONG', message]
}

function subprotocolProblem(chosen: string[], offered: readonly string[]): Problem {
  if (chosen.length > 1) {
    return [
      'ERR_UPGRADE_SUBPROTOCOL_DUPLICATE',
      `the server chose several subprotocols: ${quoteText(chosen.join(', '))}`,
    ]
  }
  const [name] = chosen
  if (name === undefined || offered.includes(name)) return undefined
  const offer = offered.length === 0 ? 'none was (option subprotocols)' : `only ${quoteText(offered.join(', '))} was`
  return ['ERR_UPGRADE_SUBPROTOCOL', `the server chose subprotocol ${quoteText(name)}, which was not offered: ${offer}`]
}
