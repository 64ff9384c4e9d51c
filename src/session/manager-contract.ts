import { refusePromise } from '../support/promised.ts'
import type { WsSubscriptionRequest, WsSubscriptionResponse } from './subscription-manager.ts'

/** What a manager made, or a `TypeError` that names the member and what it must return. */
export function checked(requests: readonly WsSubscriptionRequest[], member: string): readonly WsSubscriptionRequest[] {
  const want = `subscriptionManager.${member} must return a list of { requestId, payload, subscribe, unsubscribe }`
  refusePromise(requests, `subscriptionManager.${member}`, 'a list of requests')
  if (!Array.isArray(requests)) throw new TypeError(`${want}; it returned ${typeof requests}`)
  for (const request of requests) {
    const { requestId, payload, subscribe, unsubscribe } = Object(request) as Partial<WsSubscriptionRequest>
    if (typeof requestId !== 'string') throw new TypeError(`${want}; requestId is ${typeof requestId}, not a string`)
    if (payload === undefined) throw new TypeError(`${want}; payload is missing`)
    if (!Array.isArray(subscribe) || !Array.isArray(unsubscribe)) {
      throw new TypeError(`${want}; subscribe and unsubscribe must be lists of items`)
    }
  }
  return requests
}

/** The same, of `response`. */
export function checkedResponse(response: WsSubscriptionResponse | undefined): WsSubscriptionResponse | undefined {
  if (response === undefined) return undefined
  refusePromise(response, 'subscriptionManager.response', 'the response, or undefined')
  const { requestId, accepted, rejected, refused } = Object(response) as Record<string, unknown>
  const lists = Array.isArray(accepted) && (rejected === undefined || Array.isArray(rejected))
  if (typeof requestId === 'string' && (lists || (typeof refused === 'object' && refused !== null))) return response
  throw new TypeError(
    'subscriptionManager.response must return undefined, { requestId, accepted, rejected? } or { requestId, refused }, requestId a string',
  )
}
