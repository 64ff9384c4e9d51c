import { refusePromise } from '../support/promised.ts'
import type { WsServerError } from './endpoint-handler.ts'
import { checked, checkedResponse } from './manager-contract.ts'
import { MAX_RETRIES, OwedChanges, RETRY_US, type WantedChange } from './owed-changes.ts'
import type {
  WsNextId,
  WsSubscriptionManager,
  WsSubscriptionRequest,
  WsSubscriptionResponse,
} from './subscription-manager.ts'

/**
 * Where a desired item stands on the current connection. `desired`: not requested on it yet. `rejected` stays desired and
 * is tried again on the next connection, or when it is subscribed anew. `revoked`: the venue took its acknowledgement back; asked
 * for again soon, up to {@link MAX_RETRIES} times on a connection. `stale`: acknowledged, and it has a `gap` that has not ended by
 * `resumed`; only {@link WsSubscriptionState} says so.
 */
export type WsSubscriptionStage = 'desired' | 'requested' | 'acked' | 'stale' | 'rejected' | 'revoked'

export interface WsSubscriptionState {
  readonly item: string
  readonly stage: WsSubscriptionStage
  /** Of a rejected or revoked one. */
  readonly code?: string
  readonly message?: string
}

/** What the owner is to tell the user. */
export interface SubscriptionChange {
  readonly item: string
  readonly state: 'acked' | 'rejected' | 'unsubscribed' | 'unanswered' | 'revoked'
  readonly code?: string
  readonly message?: string
}

interface Standing {
  readonly stage: WsSubscriptionStage
  /** The last message that asked for it on this connection: what older ones are answered with says nothing any more. */
  readonly by?: string
  readonly code?: string
  readonly message?: string
}

/** What an answer changes, and what is to be asked for because of it: halves of a batch that was refused as a whole. */
interface Answered {
  readonly changes: SubscriptionChange[]
  readonly ask: readonly WantedChange[]
  /** Something waits for the authentication to be renewed. */
  readonly authExpired?: boolean
}

interface Unanswered extends WsSubscriptionRequest {
  /** Infinity until it has been sent: it may wait for its turn in a budget. */
  readonly deadlineUs: number
}

/**
 * What is wanted, and how far the current connection has got with it. The desired set outlives connections; everything
 * else begins anew with each. It sends nothing and waits for nothing: its methods return the messages to send, which the
 * owner hands over in that order, and it is told the time.
 *
 * Every message of the manager's is checked before it is believed: what breaks the contract is thrown, as a `TypeError`
 * that names the member, for the owner to report.
 */
export class Subscriptions {
  readonly #manager: WsSubscriptionManager
  readonly #nextId: WsNextId
  readonly #timeoutUs: number
  readonly #owed = new OwedChanges()
  /** In the order of being desired. */
  readonly #desired = new Map<string, Standing>()
  readonly #unanswered = new Map<string, Unanswered>()
  /** Revoked on this connection: how often, and when to ask again. */
  readonly #revoked = new Map<string, { times: number; retryUs: number }>()
  /** Refused on this connection because the authentication had expired, and not acknowledged since. */
  readonly #refusedExpired = new Set<string>()

  constructor(manager: WsSubscriptionManager, nextId: WsNextId, timeoutMs: number, initial: readonly string[]) {
    this.#manager = manager
    this.#nextId = nextId
    this.#timeoutUs = timeoutMs * 1000
    for (const item of initial) this.#desired.set(item, { stage: 'desired' })
  }

  get size(): number {
    return this.#desired.size
  }

  /** Everything that is desired has been acknowledged, or has been rejected for good. */
  get allSettled(): boolean {
    for (const { stage } of this.#desired.values()) if (stage === 'desired' || stage === 'requested') return false
    return this.#unanswered.size === 0 && this.#owed.isEmpty
  }

  get awaitsAnswers(): boolean {
    return this.#unanswered.size > 0
  }

  states(): WsSubscriptionState[] {
    return Array.from(this.#desired, ([item, { by: _, ...standing }]) => ({ item, ...standing }))
  }

  /** A new connection: nothing has been asked of it. */
  reset(): void {
    this.#unanswered.clear()
    this.#revoked.clear()
    this.#refusedExpired.clear()
    this.#owed.clear()
    for (const item of this.#desired.keys()) this.#desired.set(item, { stage: 'desired' })
  }

  /** Adds to what is desired. Returns what is new, or had been rejected: for {@link request} once the connection takes it. */
  add(items: readonly string[]): string[] {
    return items.filter((item) => {
      const stage = this.#desired.get(item)?.stage
      if (stage !== undefined && stage !== 'rejected' && stage !== 'revoked') return false
      this.#desired.set(item, { stage: 'desired' })
      return true
    })
  }

  /** Returns what the connection must be told to unsubscribe, too. */
  remove(items: readonly string[]): string[] {
    return items.filter((item) => {
      const stage = this.#desired.get(item)?.stage
      this.#desired.delete(item)
      this.#revoked.delete(item)
      return stage === 'requested' || stage === 'acked'
    })
  }

  /** Desired, and not asked for on this connection. */
  unrequested(): string[] {
    return this.itemsIn('desired')
  }

  itemsIn(stage: WsSubscriptionStage): string[] {
    return [...this.#desired.keys()].filter((item) => this.stageOf(item) === stage)
  }

  /** The replay: of the items that need authentication, of the others, or of all. */
  initial(which: 'public' | 'private' | 'all'): readonly WsSubscriptionRequest[] {
    const items = [...this.#desired.keys()].filter((item) => {
      return which === 'all' || this.isPrivate(item) === (which === 'private')
    })
    if (items.length === 0) return []
    return this.#requested(checked(this.#manager.initial(items, this.#nextId), 'initial'))
  }

  /** It needs authentication. */
  isPrivate(item: string): boolean {
    const requiresAuth = this.#manager.requiresAuth?.(item) ?? true
    refusePromise(requiresAuth, 'subscriptionManager.requiresAuth', 'true or false')
    return requiresAuth
  }

  /** What the manager throws is thrown; then {@link failed} must be called. */
  request(add: readonly string[], remove: readonly string[]): readonly WsSubscriptionRequest[] {
    if (add.length === 0 && remove.length === 0) return []
    try {
      return this.#requested(checked(this.#manager.update({ add, remove }, this.#nextId), 'update'))
    } catch (error) {
      this.#owed.push({ add, remove })
      throw error
    }
  }

  /** These messages could not be handed over, by the fault of their payloads; {@link failed} must be called. */
  unsent(requests: readonly WsSubscriptionRequest[]): void {
    for (const { requestId, subscribe, unsubscribe } of requests) {
      this.#unanswered.delete(requestId)
      for (const item of subscribe) this.#stand(item, 'desired')
      this.#owed.push({ add: subscribe, remove: unsubscribe })
    }
  }

  /** The manager has failed. What it failed to ask for comes back from {@link takeOwed}; false: it has failed too often. */
  failed(nowUs: number): boolean {
    return this.#owed.failed(nowUs)
  }

  /** What the manager failed to ask for, as far as it is wanted still: to be asked for again, now. */
  takeOwed(nowUs: number): WantedChange[] {
    return this.#owed.take(nowUs).map(({ add, remove }) => ({
      add: add.filter((item) => ['desired', 'revoked'].includes(this.stageOf(item) ?? '')),
      remove: remove.filter((item) => !this.#desired.has(item)),
    }))
  }

  /** Cheap; the manager decides. */
  mayAnswer(frame: Parameters<WsSubscriptionManager['response'] & {}>[0]): boolean {
    if (this.#unanswered.size === 0) return false
    const may = this.#manager.maybeSubscriptionResponse?.(frame)
    refusePromise(may, 'subscriptionManager.maybeSubscriptionResponse', 'true or false')
    return may === true
  }

  /** `undefined`: the frame is no answer. */
  decode(frame: Parameters<WsSubscriptionManager['response'] & {}>[0]): WsSubscriptionResponse | undefined {
    return checkedResponse(this.#manager.response?.(frame))
  }

  /** `isExpiry`: a refusal says that our authentication has expired, and it will be renewed. */
  answered(response: WsSubscriptionResponse, isExpiry: (why: WsServerError) => boolean = () => false): Answered {
    const request = this.#unanswered.get(response.requestId)
    const changes: SubscriptionChange[] = []
    // An answer to nothing of this connection: late, twice, or made up.
    if (request === undefined) return { changes, ask: [] }
    if ('refused' in response) {
      const { refused } = response
      if (this.#awaitsAuth(request, request.subscribe, () => isExpiry(errorOf(refused)))) {
        for (const item of request.unsubscribe) this.#reject(request, item, refused.code, refused.message, changes)
        this.#unanswered.delete(request.requestId)
        return { changes, ask: [], authExpired: true }
      }
      return this.#refused(request, refused)
    }
    const open = new Set([...request.subscribe, ...request.unsubscribe])
    const rejected = response.rejected ?? []
    for (const item of response.accepted) if (open.delete(item)) this.#accept(request, item, changes)
    let authExpired = false
    for (const rejection of rejected) {
      const { item, code, message } = rejection
      if (!open.delete(item)) continue
      const isWanted = request.subscribe.includes(item)
      if (isWanted && this.#awaitsAuth(request, [item], () => isExpiry(errorOf(rejection)))) authExpired = true
      else this.#reject(request, item, code, message, changes)
    }
    this.#unanswered.delete(request.requestId)
    if (open.size > 0) this.#unanswered.set(request.requestId, rest(request, open))
    return { changes, ask: [], ...(authExpired ? { authExpired } : {}) }
  }

  /** A message has been handed over: its answer is awaited from now on. */
  sent(requestId: string, nowUs: number): void {
    const request = this.#unanswered.get(requestId)
    if (request !== undefined) this.#unanswered.set(requestId, { ...request, deadlineUs: nowUs + this.#timeoutUs })
  }

  /** The venue has taken back what it had acknowledged. */
  revoked(
    items: readonly string[],
    { code, message }: { readonly code?: string; readonly message?: string },
    nowUs: number,
  ): SubscriptionChange[] {
    return items.flatMap((item) => {
      if (this.#desired.get(item)?.stage !== 'acked') return []
      const revocation = change(item, 'revoked', code, message)
      const { state: _, item: __, ...why } = revocation
      this.#desired.set(item, { stage: 'revoked', ...why })
      const times = (this.#revoked.get(item)?.times ?? 0) + 1
      this.#revoked.set(item, { times, retryUs: times > MAX_RETRIES ? Infinity : nowUs + RETRY_US })
      return [revocation]
    })
  }

  /** Revoked items that are to be asked for again, now. */
  takeRetries(nowUs: number): string[] {
    const due: string[] = []
    for (const [item, revoked] of this.#revoked) {
      if (nowUs < revoked.retryUs) continue
      revoked.retryUs = Infinity
      if (this.#desired.get(item)?.stage === 'revoked') due.push(item)
    }
    return due
  }

  nextDueUs(): number | undefined {
    // Insertion order is deadline order, but for a request that was answered in part, which only moves back.
    let due = Infinity
    for (const { deadlineUs } of this.#unanswered.values()) due = Math.min(due, deadlineUs)
    for (const { retryUs } of this.#revoked.values()) due = Math.min(due, retryUs)
    due = Math.min(due, this.#owed.dueUs)
    return due === Infinity ? undefined : due
  }

  /** Items whose answer is overdue; they are forgotten as unanswered ones. */
  overdue(nowUs: number): SubscriptionChange[] {
    const changes: SubscriptionChange[] = []
    for (const [id, { deadlineUs, subscribe, unsubscribe }] of this.#unanswered) {
      if (nowUs < deadlineUs) continue
      this.#unanswered.delete(id)
      for (const item of [...subscribe, ...unsubscribe]) changes.push({ item, state: 'unanswered' })
    }
    return changes
  }

  #requested(requests: readonly WsSubscriptionRequest[]): readonly WsSubscriptionRequest[] {
    this.#owed.succeeded()
    const answers = this.#manager.maybeSubscriptionResponse !== undefined
    for (const request of requests) {
      for (const item of request.subscribe) this.#stand(item, answers ? 'requested' : 'acked', request.requestId)
      if (answers) this.#unanswered.set(request.requestId, { ...request, deadlineUs: Infinity })
    }
    return requests
  }

  /**
   * Items that were refused wait for the authentication to be renewed and are then asked for anew. Once: what is refused so again,
   * without having been acknowledged, is refused for good.
   */
  #awaitsAuth(request: Unanswered, items: readonly string[], isExpiry: () => boolean): boolean {
    const wanted = items.filter((item) => this.#isNewest(request, item))
    if (wanted.every((item) => this.#refusedExpired.has(item)) || !isExpiry()) return false
    for (const item of wanted) {
      this.#refusedExpired.add(item)
      this.#stand(item, 'desired')
    }
    return true
  }

  #refused(request: Unanswered, { code, message }: { code?: string; message?: string }) {
    const changes: SubscriptionChange[] = []
    this.#unanswered.delete(request.requestId)
    const { subscribe, unsubscribe } = request
    if (subscribe.length + unsubscribe.length <= 1) {
      for (const item of [...subscribe, ...unsubscribe]) this.#reject(request, item, code, message, changes)
      return { changes, ask: [] }
    }
    const wanted = subscribe.filter((item) => this.#isNewest(request, item) && this.#stand(item, 'desired'))
    // What was taken off to be asked for anew is asked for by another message, which must keep the last word.
    const unwanted = unsubscribe.filter((item) => !this.#desired.has(item))
    // Apart first, then in halves: each message is smaller than the refused one, so this ends.
    const parts: readonly WantedChange[] =
      subscribe.length > 0 && unsubscribe.length > 0
        ? [
            { add: wanted, remove: [] },
            { add: [], remove: unwanted },
          ]
        : [0, 1].map((i) => ({ add: halvesOf(wanted)[i] as string[], remove: halvesOf(unwanted)[i] as string[] }))
    return { changes, ask: parts.filter(({ add, remove }) => add.length + remove.length > 0) }
  }

  #accept(request: WsSubscriptionRequest, item: string, changes: SubscriptionChange[]): void {
    if (request.unsubscribe.includes(item)) {
      changes.push({ item, state: 'unsubscribed' })
      return
    }
    // Unwanted meanwhile, the message that unsubscribes it is on its way; or it has been asked for anew.
    if (!this.#isNewest(request, item)) return
    this.#refusedExpired.delete(item)
    this.#stand(item, 'acked', request.requestId)
    changes.push({ item, state: 'acked' })
  }

  #reject(
    request: WsSubscriptionRequest,
    item: string,
    code: string | undefined,
    message: string | undefined,
    changes: SubscriptionChange[],
  ): void {
    const rejection = change(item, 'rejected', code, message)
    const { state: _, item: __, ...why } = rejection
    // What could not be taken off may be wanted, and asked for, again: that is for another answer to say.
    const isOutdated = this.#desired.has(item) && !this.#isNewest(request, item)
    if (request.subscribe.includes(item) && isOutdated) return
    if (this.#isNewest(request, item)) this.#desired.set(item, { stage: 'rejected', by: request.requestId, ...why })
    changes.push(rejection)
  }

  /** Where a desired item stands; undefined for others. */
  stageOf(item: string): WsSubscriptionStage | undefined {
    return this.#desired.get(item)?.stage
  }

  /** The item is desired, and no later message has asked for it. */
  #isNewest({ requestId, subscribe }: WsSubscriptionRequest, item: string): boolean {
    return subscribe.includes(item) && this.#desired.get(item)?.by === requestId
  }

  #stand(item: string, stage: WsSubscriptionStage, by?: string): boolean {
    if (!this.#desired.has(item)) return false
    this.#desired.set(item, { stage, ...(by === undefined ? {} : { by }) })
    return true
  }
}

function errorOf({ code, message = '' }: { readonly code?: string; readonly message?: string }): WsServerError {
  return code === undefined ? { message } : { code, message }
}

function change(
  item: string,
  state: SubscriptionChange['state'],
  code: string | undefined,
  message: string | undefined,
): SubscriptionChange {
  return { item, state, ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { message }) }
}

function rest(request: Unanswered, open: ReadonlySet<string>): Unanswered {
  const still = (item: string): boolean => open.has(item)
  return { ...request, subscribe: request.subscribe.filter(still), unsubscribe: request.unsubscribe.filter(still) }
}

function halvesOf(items: readonly string[]): readonly [string[], string[]] {
  const middle = Math.ceil(items.length / 2)
  return [items.slice(0, middle), items.slice(middle)]
}
