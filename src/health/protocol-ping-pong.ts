import { WsConfigError } from '../errors/errors.ts'
import { Checker, MAX_TIMER_MS } from '../support/check.ts'
import type { WsPingPongLink, WsPingPongStrategy, WsPingPongVerdict } from './ping-pong.ts'
import { PongWait } from './pong-wait.ts'
import { RefusedPing } from './refused-ping.ts'

const NONCE_BYTES = 8
const OK: WsPingPongVerdict = { kind: 'ok' }
/** A ping that the link had no room for is tried again so soon. */
const RETRY_MS = 100

export interface ProtocolPingPongOptions {
  /** From the answer of one ping to the next ping. Default 15 000. */
  readonly intervalMs?: number
  /** How long the pong may take once the ping has reached the kernel. Default 10 000. */
  readonly timeoutMs?: number
}

/**
 * Control pings of ours. Each carries a nonce and only a pong with exactly that clears it: liveness is proven by what can
 * only follow from what we sent. Other inbound bytes do not put a verdict off.
 */
export class ProtocolPingPong implements WsPingPongStrategy {
  readonly timeoutMs: number
  readonly #intervalUs: number
  #nextPingUs: number | undefined
  readonly #refused: RefusedPing
  #waiting: { readonly nonce: Uint8Array; readonly sentUs: number; readonly wait: PongWait } | undefined

  /** Throws `WsConfigError`. */
  constructor(options: ProtocolPingPongOptions = {}) {
    const check = new Checker()
    const given = check.object('ProtocolPingPong', options, ['intervalMs', 'timeoutMs']) ?? {}
    this.#intervalUs = check.integer('ProtocolPingPong.intervalMs', given.intervalMs, 1, MAX_TIMER_MS, 15_000) * 1000
    this.timeoutMs = check.integer('ProtocolPingPong.timeoutMs', given.timeoutMs, 1, MAX_TIMER_MS, 10_000)
    if (check.problems.length > 0) throw new WsConfigError(check.problems)
    this.#refused = new RefusedPing(this.timeoutMs)
  }

  opened(nowUs: number): void {
    this.#waiting = undefined
    this.#refused.clear()
    this.#nextPingUs = nowUs + this.#intervalUs
  }

  nextDueUs(): number | undefined {
    return this.#waiting?.wait.dueUs ?? this.#nextPingUs
  }

  tick(nowUs: number, link: WsPingPongLink): WsPingPongVerdict {
    const waiting = this.#waiting
    if (waiting !== undefined) {
      const silentForMs = waiting.wait.expired(nowUs, link)
      return silentForMs === undefined ? OK : { kind: 'timed-out', silentForMs }
    }
    if (this.#nextPingUs === undefined || nowUs < this.#nextPingUs) return OK
    const nonce = link.random.bytes(NONCE_BYTES)
    if (link.ping(nonce)) {
      this.#refused.clear()
      this.#waiting = { nonce, sentUs: nowUs, wait: new PongWait(this.timeoutMs, nowUs, link) }
      return OK
    }
    this.#nextPingUs = nowUs + RETRY_MS * 1000
    const silentForMs = this.#refused.refused(nowUs, link)
    return silentForMs === undefined ? OK : { kind: 'timed-out', silentForMs }
  }

  onPong(payload: Uint8Array, receivedMonoUs: number): number | undefined {
    const waiting = this.#waiting
    if (waiting === undefined || Buffer.compare(waiting.nonce, payload) !== 0) return undefined
    this.#waiting = undefined
    this.#nextPingUs = receivedMonoUs + this.#intervalUs
    return Math.max(0, receivedMonoUs - waiting.sentUs)
  }

  restart(nowUs: number): void {
    this.#waiting?.wait.restart(nowUs)
    this.#refused.restart(nowUs)
  }
}
