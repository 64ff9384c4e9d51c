import type { PendingRequest } from '../requests/pending-request.ts'
import { payloadBytes } from '../transport/payload.ts'
import type { WsOfferOptions } from '../transport/transport.ts'
import { costOf, FRAME_COST } from './frame-cost.ts'
import type { OutboundMessage } from './outbound-message.ts'
import type { TimedSend } from './timed-send.ts'

/** A frame that waits no longer depends on the caller: bytes are copied, writers have been run. */
export interface Waiting {
  readonly payload: string | Uint8Array
  readonly options: WsOfferOptions
  readonly cost: number
  readonly request: PendingRequest | undefined
  readonly onTaken: ((atUs: number) => void) | undefined
  readonly timed: TimedSend | undefined
  /** The library's own traffic. */
  readonly own: boolean
}

/** Frames that wait, in call order, and how many bytes of them may. */
export class Lane {
  readonly waiting: Waiting[] = []
  readonly maxBytes: number
  bytes = 0
  /** How many of them are the library's own. */
  #own = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  clear(): void {
    this.waiting.length = 0
    this.bytes = 0
    this.#own = 0
  }

  push(entry: Waiting): void {
    this.waiting.push(entry)
    this.bytes += entry.cost
    if (entry.own) this.#own++
  }

  remove(index: number): void {
    const { cost, own } = this.waiting[index] as Waiting
    this.bytes -= cost
    if (own) this.#own--
    // `splice` makes an array of what it takes out.
    if (index === 0) this.waiting.shift()
    else this.waiting.splice(index, 1)
  }

  /** Own traffic goes to the end of another lane. Asked each time that the link is full, and nearly always there is none. */
  moveOwn(to: Lane): void {
    if (this.#own === 0) return
    let kept = 0
    for (const entry of this.waiting) {
      if (!entry.own) {
        this.waiting[kept++] = entry
        continue
      }
      this.bytes -= entry.cost
      to.push(entry)
    }
    this.waiting.length = kept
    this.#own = 0
  }

  /** However many they are, in one go. */
  removeOverdue(nowUs: number): void {
    let kept = 0
    for (const entry of this.waiting) {
      if (entry.timed?.isWanted(nowUs) === false) this.bytes -= entry.cost
      else this.waiting[kept++] = entry
    }
    this.waiting.length = kept
  }

  /**
   * The message, independent of its caller; undefined when the lane has no room for it. `anySize`: nothing but a hook
   * that has not returned keeps it from the link, and an empty link takes one frame of any size.
   */
  independent(message: OutboundMessage, anySize = false): Waiting | undefined {
    const { payload, binary, request, onTaken, timed, own } = message
    const room = anySize ? Number.POSITIVE_INFINITY : this.maxBytes - this.bytes - FRAME_COST
    // A UTF-16 unit is at least one byte of UTF-8: what is plainly too long need not be measured or copied.
    if (room < 0 || (typeof payload !== 'function' && payload.length > room)) return undefined
    const owned = timed?.payload ?? (typeof payload === 'string' ? payload : payloadBytes(payload))
    const cost = costOf(owned)
    if (cost - FRAME_COST > room) return undefined
    // A writer's bytes are text unless the call says otherwise; as a Uint8Array they would be taken for binary.
    const asBinary = binary ?? (typeof payload === 'function' ? false : undefined)
    return { payload: owned, options: offerOptions(asBinary, true), cost, request, onTaken, timed, own: own === true }
  }
}

const MORE: WsOfferOptions = { more: true }
export const NOTHING_MORE: WsOfferOptions = {}

export function offerOptions(binary: boolean | undefined, more: boolean | undefined): WsOfferOptions {
  if (binary === undefined) return more === true ? MORE : NOTHING_MORE
  return { binary, more: more === true }
}
