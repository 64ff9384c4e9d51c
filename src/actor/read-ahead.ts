import type { WsLink } from '../transport/transport.ts'

/** A turn that brought so much may have left more unread: it is what Node reads at once. */
const MUCH_BYTES = 64 * 1024
/** A peer that sends faster than it is heard must not put verdicts off for ever. */
const MAX_TURNS = 64

/** What of a link it needs. */
export type ReadableLink = Pick<WsLink, 'drain' | 'bytesReceived'>

/** Reads what has arrived before anybody is judged for not having sent it. A link that cannot read when asked gets turns of the loop. */
export class ReadAhead {
  #sinceUs: number | undefined
  #turns = 0
  #bytes = 0

  /** The event loop has been given a turn: call {@link read} when it has had it. */
  get isUnderWay(): boolean {
    return this.#sinceUs !== undefined
  }

  /** Everything that had arrived by the time returned has been read, but for a bound. Undefined: not yet. */
  read(link: ReadableLink | undefined, nowUs: number): number | undefined {
    const sinceUs = this.#sinceUs
    if (sinceUs === undefined) {
      if (link === undefined || link.drain()) return nowUs
      this.#sinceUs = nowUs
      this.#turns = 0
    } else if (link === undefined || this.#turns === MAX_TURNS || link.bytesReceived - this.#bytes < MUCH_BYTES) {
      this.#sinceUs = undefined
      return sinceUs
    }
    this.#turns++
    this.#bytes = link.bytesReceived
    return undefined
  }
}
