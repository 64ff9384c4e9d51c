import { payloadBytes } from '../transport/payload.ts'
import { OFFER_CLOSED, OFFER_FULL, type WsLink, type WsOfferOptions, type WsPayload } from '../transport/transport.ts'
import type { WsSendResult } from './connection.ts'
import { Fifo } from './fifo.ts'

interface Waiting {
  readonly payload: string | Uint8Array
  readonly options: WsOfferOptions
  readonly bytes: number
}

/**
 * Frames that the link had no room for, in order. Whatever is queued no longer depends on the caller: bytes are copied,
 * writers have been run, strings are immutable anyway.
 */
export class SendQueue {
  readonly #maxBytes: number
  readonly #waiting = new Fifo<Waiting>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Payload bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Offers to the link, and queues what it does not take. `more`: another send follows at once. */
  send(link: WsLink, payload: WsPayload, binary: boolean | undefined, more: boolean): WsSendResult {
    if (this.isEmpty) {
      const sequence = link.offer(payload, binary === undefined ? { more } : { binary, more })
      if (sequence === OFFER_CLOSED) return 'not-open'
      if (sequence !== OFFER_FULL) return 'taken'
    }
    return this.#enqueue(payload, binary) ? 'queued' : 'full'
  }

  /** Hands over what the link takes now. False: the link takes no more frames at all. */
  drain(link: WsLink): boolean {
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      const more = this.#waiting.length > 1
      const sequence = link.offer(next.payload, { ...next.options, more })
      if (sequence === OFFER_CLOSED) return false
      if (sequence === OFFER_FULL) {
        link.flush()
        return true
      }
      this.#waiting.shift()
      this.#bytes -= next.bytes
    }
    return true
  }

  clear(): void {
    this.#waiting.clear()
    this.#bytes = 0
  }

  #enqueue(payload: WsPayload, binary: boolean | undefined): boolean {
    const room = this.#maxBytes - this.#bytes
    // A UTF-16 unit is at least one byte of UTF-8: what is plainly too long need not be measured or copied.
    if (typeof payload !== 'function' && payload.length > room) return false
    const owned = typeof payload === 'string' ? payload : payloadBytes(payload)
    const bytes = typeof owned === 'string' ? Buffer.byteLength(owned) : owned.byteLength
    if (bytes > room) return false
    // A writer's bytes are text unless the call says otherwise; as a Uint8Array they would be taken for binary.
    const asBinary = binary ?? (typeof payload === 'function' ? false : undefined)
    this.#waiting.push({ payload: owned, options: asBinary === undefined ? {} : { binary: asBinary }, bytes })
    this.#bytes += bytes
    return true
  }
}
