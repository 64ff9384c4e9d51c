import { SharedWsError } from '../errors/errors.ts'
import type { Clock } from '../support/clock.ts'
import { withDeadline } from '../support/deadline.ts'
import { systemRandom } from '../support/random.ts'
import { OFFER_FULL, type WsLink } from '../transport/transport.ts'
import { notOpenError, timeoutError } from './mistakes.ts'

/** Pings in flight at once; a server that answers none must not make us remember them all. */
const MAX_PINGS = 64
const NONCE_BYTES = 8

interface PendingPing {
  readonly sentMonoUs: number
  resolve(rttUs: number): void
  reject(reason: Error): void
}

/**
 * Our own pings and what they are waiting for. Each carries a nonce, so that only the pong that answers it counts: pongs
 * may come unasked (RFC 6455 5.5.3), and late ones belong to a ping that has been given up.
 */
export class Pings {
  readonly #clock: Clock
  readonly #pending = new Map<string, PendingPing>()
  #lastRttUs: number | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Round trip of the last ping that was answered. */
  get lastRttUs(): number | undefined {
    return this.#lastRttUs
  }

  /** Sends one. Resolves with the round trip in µs. */
  send(link: WsLink, timeoutMs: number, signal: AbortSignal): Promise<number> {
    const expired = (): Error => timeoutError('no pong came back', timeoutMs)
    return withDeadline({ clock: this.#clock, ms: timeoutMs, expired }, signal, (givenUp) => {
      if (this.#pending.size >= MAX_PINGS) {
        throw new SharedWsError('ERR_QUEUE_FULL', `${MAX_PINGS} pings are unanswered; wait for one of them`)
      }
      const nonce = systemRandom.bytes(NONCE_BYTES)
      const key = keyOf(nonce)
      const sentMonoUs = this.#clock.monoUs()
      const sent = link.ping(nonce)
      if (sent === OFFER_FULL) throw new SharedWsError('ERR_QUEUE_FULL', 'the link has no room for a ping; try later')
      if (sent !== 1) throw notOpenError('ping')
      return new Promise<number>((resolve, reject) => {
        this.#pending.set(key, { sentMonoUs, resolve, reject })
        givenUp.addEventListener('abort', () => this.#pending.delete(key), { once: true })
      })
    })
  }

  /** A pong has come; its payload may be anything. */
  answered(payload: Uint8Array, receivedMonoUs: number): void {
    if (payload.length !== NONCE_BYTES) return
    const key = keyOf(payload)
    const ping = this.#pending.get(key)
    if (ping === undefined) return
    this.#pending.delete(key)
    this.#lastRttUs = Math.max(0, receivedMonoUs - ping.sentMonoUs)
    ping.resolve(this.#lastRttUs)
  }

  /** The connection has ended. */
  rejectAll(reason: Error): void {
    for (const ping of this.#pending.values()) ping.reject(reason)
    this.#pending.clear()
  }
}

const keyOf = (nonce: Uint8Array): string => Buffer.from(nonce).toString('latin1')
