import type { WsPingPongLink } from './ping-pong.ts'

/**
 * A ping that is not even taken. A peer that takes nothing for so long, and says nothing, is as dead as one that does not answer; one
 * that is merely slow moves something now and then.
 */
export class RefusedPing {
  readonly #timeoutUs: number
  /** Since when nothing has moved in either direction. */
  #blocked: { sinceUs: number; readonly bytesSent: number; readonly bytesReceived: number } | undefined

  constructor(timeoutMs: number) {
    this.#timeoutUs = timeoutMs * 1000
  }

  /** One was taken, or the connection is another one. */
  clear(): void {
    this.#blocked = undefined
  }

  restart(nowUs: number): void {
    if (this.#blocked !== undefined) this.#blocked.sinceUs = nowUs
  }

  /** Refused once more. ms for which nothing has moved when time is up, else undefined. */
  refused(nowUs: number, { bytesSent, bytesReceived, queuedBytes }: WsPingPongLink): number | undefined {
    const blocked = this.#blocked
    const stuck = blocked?.bytesSent === bytesSent && blocked.bytesReceived === bytesReceived
    if (queuedBytes === 0 || !stuck) {
      this.#blocked = { sinceUs: nowUs, bytesSent, bytesReceived }
      return undefined
    }
    return nowUs - blocked.sinceUs >= this.#timeoutUs ? (nowUs - blocked.sinceUs) / 1000 : undefined
  }
}
