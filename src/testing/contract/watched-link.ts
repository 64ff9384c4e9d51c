import type { WsDisconnectCause } from '../../errors/disconnect-cause.ts'
import type { WsDelivery, WsLink, WsOfferOptions, WsPayload } from '../../transport/transport.ts'
import type { CallWatch } from './link-log.ts'

/** A link whose calls are known to be under way, all but `drain`, from which events may come. */
export class WatchedLink implements WsLink {
  readonly #link: WsLink
  readonly #calls: CallWatch

  constructor(link: WsLink, calls: CallWatch) {
    this.#link = link
    this.#calls = calls
  }

  offer(payload: WsPayload, options?: WsOfferOptions): number {
    return this.#calls.during(() => this.#link.offer(payload, options))
  }

  flush(): void {
    this.#calls.during(() => this.#link.flush())
  }

  withdraw(sequence: number): boolean {
    return this.#calls.during(() => this.#link.withdraw(sequence))
  }

  delivery(sequence: number): WsDelivery {
    return this.#calls.during(() => this.#link.delivery(sequence))
  }

  ping(payload: Uint8Array): number {
    return this.#calls.during(() => this.#link.ping(payload))
  }

  pong(payload: Uint8Array): number {
    return this.#calls.during(() => this.#link.pong(payload))
  }

  close(code: number, reason: string, timeoutMs: number): void {
    this.#calls.during(() => this.#link.close(code, reason, timeoutMs))
  }

  terminate(cause: WsDisconnectCause): void {
    this.#calls.during(() => this.#link.terminate(cause))
  }

  pause(): void {
    this.#calls.during(() => this.#link.pause())
  }

  resume(): void {
    this.#calls.during(() => this.#link.resume())
  }

  drain(): boolean {
    return this.#link.drain()
  }

  get queuedBytes(): number {
    return this.#calls.during(() => this.#link.queuedBytes)
  }

  get bytesReceived(): number {
    return this.#calls.during(() => this.#link.bytesReceived)
  }

  get bytesSent(): number {
    return this.#calls.during(() => this.#link.bytesSent)
  }

  get messagesSent(): number {
    return this.#calls.during(() => this.#link.messagesSent)
  }

  get pongsSent(): number {
    return this.#calls.during(() => this.#link.pongsSent)
  }

  watchTopic(topic: string): number {
    return this.#calls.during(() => this.#link.watchTopic(topic))
  }

  unwatchTopic(topic: number): void {
    this.#calls.during(() => this.#link.unwatchTopic(topic))
  }

  armTopic(topic: number): void {
    this.#calls.during(() => this.#link.armTopic(topic))
  }

  topicSeenUs(topic: number): number {
    return this.#calls.during(() => this.#link.topicSeenUs(topic))
  }
}
