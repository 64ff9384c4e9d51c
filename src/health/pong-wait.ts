import type { WsPingPongLink } from './ping-pong.ts'

/**
 * The wait for the answer to one ping. It runs from the moment at which the ping has reached the kernel, as far as can be
 * told: once the kernel has taken as many bytes as were taken from us when the ping was. Until then it runs from the last
 * progress of either direction, so that a ping stuck behind a peer who is merely slow is not held against the peer, and
 * a connection in which nothing moves at all is still found out.
 */
export class PongWait {
  readonly #timeoutUs: number
  readonly #reachedAt: number
  #sinceUs: number
  #reached = false
  #sentSeen: number
  #receivedSeen: number

  constructor(timeoutMs: number, nowUs: number, link: WsPingPongLink) {
    this.#timeoutUs = timeoutMs * 1000
    this.#reachedAt = link.bytesSent + link.queuedBytes
    this.#sinceUs = nowUs
    this.#sentSeen = link.bytesSent
    this.#receivedSeen = link.bytesReceived
    this.look(nowUs, link)
  }

  get dueUs(): number {
    return this.#sinceUs + this.#timeoutUs
  }

  restart(nowUs: number): void {
    this.#sinceUs = nowUs
  }

  /** ms without an answer when time is up, else undefined. */
  expired(nowUs: number, link: WsPingPongLink): number | undefined {
    this.look(nowUs, link)
    return nowUs >= this.dueUs ? (nowUs - this.#sinceUs) / 1000 : undefined
  }

  look(nowUs: number, link: WsPingPongLink): void {
    if (this.#reached) return
    const moved = link.bytesSent !== this.#sentSeen || link.bytesReceived !== this.#receivedSeen
    this.#sentSeen = link.bytesSent
    this.#receivedSeen = link.bytesReceived
    this.#reached = link.queuedBytes === 0 || link.bytesSent >= this.#reachedAt
    if (this.#reached || moved) this.#sinceUs = nowUs
  }
}
