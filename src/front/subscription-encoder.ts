import type {
  WsNextId,
  WsSubscriptionManager,
  WsSubscriptionRequest,
  WsSubscriptionResponse,
} from '../session/subscription-manager.ts'
import type { Checker } from '../support/check.ts'
import { describe } from '../support/check.ts'
import { refusePromise } from '../support/promised.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsPayload } from '../transport/transport.ts'

/** Makes the message for `items`: a payload, or a value that is sent as JSON. `id` is of the connection's one id space. */
export type WsSubscriptionEncoder = (items: readonly string[], id: string) => WsPayload | object

/** What to subscribe, and how the venue wants it said. */
export interface WsSubscriptionPlan {
  /** Desired from the start, and again on each connection. */
  readonly items: readonly string[]
  readonly encode: WsSubscriptionEncoder
  /** Needed for `unsubscribe()` to reach the venue; without it an item is only left out of the next connection. */
  readonly encodeUnsubscribe?: WsSubscriptionEncoder
  /** Items in one message at most. Default: all. */
  readonly maxItemsPerMessage?: number
  /**
   * What a frame (borrowed) answers; `undefined` for every other frame. Called for all frames while an answer is awaited.
   * Without it a message counts as acknowledged when it has been sent.
   */
  readonly decode?: (frame: WsFrame) => WsSubscriptionResponse | undefined
  /**
   * Which items need authentication, where the handler has `authenticate`: those that do not are subscribed before it, and are
   * left alone when it expires. Default true: all do.
   */
  readonly requiresAuth?: boolean | ((item: string) => boolean)
}

const PLAN = ['items', 'encode', 'encodeUnsubscribe', 'maxItemsPerMessage', 'decode', 'requiresAuth'] as const

/** The `subscriptions` of `connect()`, checked: what is desired, and who speaks for it. */
export function subscriptionsOf(
  check: Checker,
  value: unknown,
  manager: unknown,
): { readonly items: unknown; readonly manager: unknown } {
  if (value === undefined || Array.isArray(value)) {
    const needsOne = Array.isArray(value) && value.length > 0 && manager === undefined
    if (!needsOne) return { items: value, manager }
    check.add('subscriptions', 'need to be { items, encode }, or a subscriptionManager that knows how to ask for them')
    return { items: undefined, manager }
  }
  if (typeof value !== 'object' || value === null) {
    check.add('subscriptions', `must be a list of strings, or { items, encode }, is ${describe(value)}`)
    return { items: undefined, manager }
  }
  const given = check.object('subscriptions', value, PLAN) ?? {}
  if (given.encode === undefined) check.add('subscriptions.encode', 'is required: (items, id) => message')
  if (!Array.isArray(given.items) || !given.items.every((item) => typeof item === 'string' && item !== '')) {
    check.add('subscriptions.items', `must be a list of strings that are not empty, is ${describe(given.items)}`)
  }
  if (manager !== undefined) check.add('subscriptionManager', 'and subscriptions.encode are two ways to say one thing')
  const plan = {
    items: Array.isArray(given.items) ? [...given.items] : [],
    encode: check.function<WsSubscriptionEncoder>('subscriptions.encode', given.encode),
    encodeUnsubscribe: check.function<WsSubscriptionEncoder>(
      'subscriptions.encodeUnsubscribe',
      given.encodeUnsubscribe,
    ),
    maxItems: check.integer('subscriptions.maxItemsPerMessage', given.maxItemsPerMessage, 1, 2 ** 31 - 1, 2 ** 31 - 1),
    decode: check.function<NonNullable<WsSubscriptionPlan['decode']>>('subscriptions.decode', given.decode),
    requiresAuth: requiresAuthOf(check, given.requiresAuth),
  }
  if (plan.encode === undefined) return { items: undefined, manager: undefined }
  const { items, encode, encodeUnsubscribe, maxItems, decode, requiresAuth } = plan
  const encoded = encodedSubscriptions(encode, encodeUnsubscribe, maxItems, decode)
  return { items, manager: requiresAuth === undefined ? encoded : { ...encoded, requiresAuth } }
}

function requiresAuthOf(check: Checker, value: unknown): ((item: string) => boolean) | undefined {
  if (value === undefined || typeof value === 'function') return value as ((item: string) => boolean) | undefined
  if (typeof value !== 'boolean') {
    check.add('subscriptions.requiresAuth', `must be true, false or a function of the item, is ${describe(value)}`)
  }
  return () => value === true
}

function encodedSubscriptions(
  encode: WsSubscriptionEncoder,
  encodeUnsubscribe: WsSubscriptionEncoder | undefined,
  maxItems: number,
  decode: WsSubscriptionPlan['decode'],
): WsSubscriptionManager {
  const requests = (items: readonly string[], nextId: WsNextId, subscribes: boolean): WsSubscriptionRequest[] => {
    const encoder = subscribes ? encode : encodeUnsubscribe
    const made: WsSubscriptionRequest[] = []
    if (encoder === undefined) return made
    for (let from = 0; from < items.length; from += maxItems) {
      const batch = items.slice(from, from + maxItems)
      const requestId = nextId()
      const payload = payloadOf(encoder([...batch], requestId), subscribes ? 'encode' : 'encodeUnsubscribe')
      made.push({
        requestId,
        payload,
        subscribe: subscribes ? batch : [],
        unsubscribe: subscribes ? [] : batch,
      })
    }
    return made
  }
  return {
    initial: (desired, nextId) => requests(desired, nextId, true),
    update: ({ add, remove }, nextId) => [...requests(remove, nextId, false), ...requests(add, nextId, true)],
    ...(decode === undefined ? {} : { maybeSubscriptionResponse: () => true, response: (frame) => decode(frame) }),
  }
}

function payloadOf(encoded: unknown, member: string): WsPayload {
  if (typeof encoded === 'string' || encoded instanceof Uint8Array || typeof encoded === 'function') {
    return encoded as WsPayload
  }
  const want = 'a payload, or an object that is sent as JSON'
  refusePromise(encoded, `subscriptions.${member}`, want)
  if (typeof encoded === 'object' && encoded !== null) return JSON.stringify(encoded)
  throw new TypeError(`subscriptions.${member} must return ${want}; it returned ${describe(encoded)}`)
}
