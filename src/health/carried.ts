import type { WsHealthSnapshot } from './metrics.ts'

/** What links count, and nobody else: reading it costs the frames nothing. */
export type Carried = Pick<WsHealthSnapshot, 'messagesSent' | 'bytesReceived' | 'bytesSent'>

const NOTHING: Carried = { messagesSent: 0, bytesReceived: 0, bytesSent: 0 }

/** The same of all connections: of those that have ended, and of the one that is open. */
export class CarriedByAll {
  #before = NOTHING
  #link = NOTHING

  begin(link: Carried): void {
    this.#link = link
  }

  /** Counted once, also while its end is told. */
  end(): void {
    this.#before = this.sum
    this.#link = NOTHING
  }

  get sum(): Carried {
    return {
      messagesSent: this.#before.messagesSent + this.#link.messagesSent,
      bytesReceived: this.#before.bytesReceived + this.#link.bytesReceived,
      bytesSent: this.#before.bytesSent + this.#link.bytesSent,
    }
  }
}
