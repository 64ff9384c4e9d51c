import type {
  WsNextId,
  WsSubscriptionManager,
  WsSubscriptionRequest,
  WsSubscriptionResponse,
} from '../../session/subscription-manager.ts'
import type { WsFrame } from '../../transport/frame.ts'
import { isObject, jsonRpc, looksLikeNotification } from './frames.ts'

/** Requests whose answers are awaited; more are not remembered, and are then judged by their answers alone. */
const MAX_AWAITED = 10_000

/**
 * `public|private/subscribe` and `unsubscribe`. The answer lists what succeeded and leaves the rest out in silence, so
 * what was asked is remembered until it is answered.
 */
export class JsonRpcSubscriptions implements WsSubscriptionManager {
  readonly #maxPerRequest: number
  readonly #awaited = new Map<string, WsSubscriptionRequest>()

  constructor(maxPerRequest: number) {
    this.#maxPerRequest = maxPerRequest
  }

  /** A new connection: what was asked on the last one will not be answered. */
  reset(): void {
    this.#awaited.clear()
  }

  initial(desired: readonly string[], nextId: WsNextId): readonly WsSubscriptionRequest[] {
    return this.update({ add: desired, remove: [] }, nextId)
  }

  update(
    { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
    nextId: WsNextId,
  ): readonly WsSubscriptionRequest[] {
    return [...this.#requests('unsubscribe', remove, nextId), ...this.#requests('subscribe', add, nextId)]
  }

  maybeSubscriptionResponse(frame: WsFrame): boolean {
    return frame.isText && !looksLikeNotification(frame)
  }

  response(frame: WsFrame): WsSubscriptionResponse | undefined {
    let answer: unknown
    try {
      answer = frame.json()
    } catch {
      return undefined
    }
    if (!isObject(answer) || answer['id'] === undefined) return undefined
    const requestId = String(answer['id'])
    const request = this.#awaited.get(requestId)
    if (request === undefined) return undefined
    const { result, error } = answer
    if (error !== undefined) {
      const { code, message } = isObject(error) ? error : { code: undefined, message: undefined }
      this.#awaited.delete(requestId)
      return { requestId, refused: { code: String(code), message: String(message) } }
    }
    if (!Array.isArray(result)) return undefined
    this.#awaited.delete(requestId)
    const done = new Set(result)
    return {
      requestId,
      // What is not subscribed need not be unsubscribed: nothing is left to do for it either way.
      accepted: [...request.subscribe.filter((channel) => done.has(channel)), ...request.unsubscribe],
      rejected: request.subscribe
        .filter((channel) => !done.has(channel))
        .map((item) => ({ item, message: 'left out of the answer to the subscription' })),
    }
  }

  requiresAuth(channel: string): boolean {
    return isPrivate(channel) || channel.endsWith('.raw')
  }

  #requests(verb: 'subscribe' | 'unsubscribe', channels: readonly string[], nextId: WsNextId): WsSubscriptionRequest[] {
    const requests: WsSubscriptionRequest[] = []
    for (const scope of ['private', 'public']) {
      const inScope = channels.filter((channel) => isPrivate(channel) === (scope === 'private'))
      for (let at = 0; at < inScope.length; at += this.#maxPerRequest) {
        const batch = inScope.slice(at, at + this.#maxPerRequest)
        const requestId = nextId()
        const request: WsSubscriptionRequest = {
          requestId,
          payload: jsonRpc(`${scope}/${verb}`, { channels: batch })(requestId),
          subscribe: verb === 'subscribe' ? batch : [],
          unsubscribe: verb === 'unsubscribe' ? batch : [],
        }
        if (this.#awaited.size < MAX_AWAITED) this.#awaited.set(requestId, request)
        requests.push(request)
      }
    }
    return requests
  }
}

function isPrivate(channel: string): boolean {
  return channel.startsWith('user.')
}
