import { OFFER_FULL } from './transport.ts'

export interface OutboundFrame {
  readonly sequence: number
  readonly payload: Buffer
  readonly binary: boolean
  /** Size on the wire: header, mask and payload. */
  readonly wireBytes: number
}

/** RFC 6455 5.2, for a client: 2, 4 or 10 bytes, and the mask. */
export function clientFrameBytes(payloadBytes: number): number {
  return payloadBytes + 4 + (payloadBytes < 126 ? 2 : payloadBytes < 65536 ? 4 : 10)
}

/**
 * Frames that a link has taken and not begun to send: numbered, bounded, and for that long to be withdrawn. What comes
 * behind it (a socket, `ws`) tells through `elsewhereBytes` how much it holds.
 */
export class Outbox {
  readonly #maxBytes: number
  readonly #frames: OutboundFrame[] = []
  #bytes = 0
  #lastSequence = 0
  /** The smallest frame that was refused since {@link takeRefusal} said so; Infinity for none. */
  #refusedBytes = Infinity

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get length(): number {
    return this.#frames.length
  }

  /** Takes a frame when it fits, or when nothing waits (a frame larger than the bound could never be sent else). */
  offer(payload: Buffer, binary: boolean, elsewhereBytes: number): number {
    const wireBytes = clientFrameBytes(payload.length)
    const waiting = this.#bytes + elsewhereBytes
    if (waiting > 0 && waiting + wireBytes > this.#maxBytes) {
      this.#refusedBytes = Math.min(this.#refusedBytes, wireBytes)
      return OFFER_FULL
    }
    this.#lastSequence++
    this.#frames.push({ sequence: this.#lastSequence, payload, binary, wireBytes })
    this.#bytes += wireBytes
    return this.#lastSequence
  }

  /** Something else found the link full: {@link takeRefusal} shall say so. */
  refuse(): typeof OFFER_FULL {
    this.#refusedBytes = 0
    return OFFER_FULL
  }

  /** The next frame to send; it cannot be withdrawn any more. */
  shift(): OutboundFrame | undefined {
    const frame = this.#frames.shift()
    if (frame !== undefined) this.#bytes -= frame.wireBytes
    return frame
  }

  withdraw(sequence: number): boolean {
    const index = this.#frames.findIndex((frame) => frame.sequence === sequence)
    if (index === -1) return false
    const [frame] = this.#frames.splice(index, 1)
    this.#bytes -= (frame as OutboundFrame).wireBytes
    return true
  }

  /**
   * True once after a refusal, when at least half of the room is free again and what was refused fits: waiting for half
   * keeps a full link from waking its owner for every frame, and waiting for the fit from waking it in vain, which for a
   * frame larger than half of the room would be in every turn for as long as the kernel takes nothing.
   */
  takeRefusal(elsewhereBytes: number): boolean {
    const waiting = this.#bytes + elsewhereBytes
    if (this.#refusedBytes === Infinity || waiting > this.#maxBytes / 2) return false
    if (waiting > 0 && waiting + this.#refusedBytes > this.#maxBytes) return false
    this.#refusedBytes = Infinity
    return true
  }
}
