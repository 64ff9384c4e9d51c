import { SharedWsError } from '../errors/errors.ts'
import { listenForAbort } from '../support/abort.ts'
import type { Clock } from '../support/clock.ts'
import { type RandomSource, systemRandom } from '../support/random.ts'
import { OFFER_CLOSED, OFFER_FULL, type WsLink } from '../transport/transport.ts'
import { notOpenError, timeoutError } from './mistakes.ts'
import { ReadAhead, type ReadableLink } from './read-ahead.ts'

/** Pings in flight at once; a server that answers none must not make us remember them all. */
const MAX_PINGS = 64
const NONCE_BYTES = 8

/** What of a link a ping needs. */
export type PingCarrier = Pick<WsLink, 'ping'> & ReadableLink

interface PendingPing {
  readonly sentMonoUs: number
  resolve(rttUs: number): void
  reject(reason: unknown): void
}

/**
 * Our own pings and what they are waiting for. Each carries a nonce, so that only the pong that answers it counts: pongs
 * may come unasked (RFC 6455 5.5.3), and late ones belong to a ping that has been given up.
 */
export class Pings {
  readonly #clock: Clock
  readonly #random: RandomSource
  readonly #pending = new Map<string, PendingPing>()
  #lastRttUs: number | undefined

  constructor(clock: Clock, random: RandomSource = systemRandom) {
    this.#clock = clock
    this.#random = random
  }

  /** Round trip of the last ping that was answered. */
  get lastRttUs(): number | undefined {
    return this.#lastRttUs
  }

  /** Sends one. Resolves with the round trip in µs. */
  async send(link: PingCarrier, timeoutMs: number, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    if (this.#pending.size >= MAX_PINGS) {
      throw new SharedWsError('ERR_QUEUE_FULL', `${MAX_PINGS} pings are unanswered; wait for one of them`)
    }
    const nonce = this.#random.bytes(NONCE_BYTES)
    const sentMonoUs = this.#clock.monoUs()
    const sent = link.ping(nonce)
    if (sent === OFFER_FULL)
      throw new SharedWsError(
        'ERR_QUEUE_FULL',
        'there is no room for a ping, in the link or in the budget of frames (pacing); try later',
      )
    if (sent === OFFER_CLOSED) throw notOpenError('ping')
    return this.#answerTo(keyOf(nonce), sentMonoUs, link, timeoutMs, signal)
  }

  /** A pong has come; its payload may be anything. */
  answered(payload: Uint8Array, receivedMonoUs: number): void {
    if (payload.length !== NONCE_BYTES) return
    const ping = this.#pending.get(keyOf(payload))
    if (ping === undefined) return
    this.#lastRttUs = Math.max(0, receivedMonoUs - ping.sentMonoUs)
    ping.resolve(this.#lastRttUs)
  }

  /** The connection has ended. `why` is called if anybody waits. */
  rejectAll(why: () => unknown): void {
    if (this.#pending.size === 0) return
    const reason = why()
    for (const ping of [...this.#pending.values()]) ping.reject(reason)
  }

  #answerTo(
    key: string,
    sentMonoUs: number,
    link: PingCarrier,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const letGo = (): void => {
        this.#pending.delete(key)
        timer.cancel()
        signal.removeEventListener('abort', onAbort)
      }
      const ping: PendingPing = {
        sentMonoUs,
        resolve: (rttUs) => {
          letGo()
          resolve(rttUs)
        },
        reject: (reason) => {
          letGo()
          reject(reason)
        },
      }
      const onAbort = (): void => ping.reject(signal.reason)
      const readAhead = new ReadAhead()
      // No verdict on old news: timers run before sockets are read, so the pong may have been here all along.
      const expire = (): void => {
        const readUs = readAhead.read(link, this.#clock.monoUs())
        if (!this.#pending.has(key)) return
        if (readUs === undefined) timer = this.#clock.setTimer(0, expire)
        else ping.reject(timeoutError('no pong came back', timeoutMs))
      }
      let timer = this.#clock.setTimer(timeoutMs, expire)
      listenForAbort(signal, onAbort)
      this.#pending.set(key, ping)
    })
  }
}

const keyOf = (nonce: Uint8Array): string => Buffer.from(nonce).toString('latin1')
