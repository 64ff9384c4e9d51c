import { utf8Slice } from '../support/slices.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsMessage } from './events.ts'

const encoder = new TextEncoder()

/**
 * A message in memory of its own. Text is taken as a string at once, because that is one copy and what nearly everybody
 * wants; its bytes are encoded only when somebody asks.
 */
export class OwnedMessage implements WsMessage {
  readonly kind = 'message'
  readonly connection: number
  readonly isText: boolean
  readonly byteLength: number
  readonly receivedAtUs: number
  readonly receivedMonoUs: number
  readonly receivedAtIsUpperBound: boolean
  readonly #payload: string | Uint8Array

  /** Copies what it needs out of the borrowed `frame`. */
  constructor(frame: WsFrame, connection: number) {
    this.connection = connection
    this.isText = frame.isText
    this.byteLength = frame.byteLength
    this.receivedAtUs = frame.receivedAtUs
    this.receivedMonoUs = frame.receivedMonoUs
    this.receivedAtIsUpperBound = frame.receivedAtIsUpperBound
    this.#payload = frame.isText ? frame.text() : frame.copy()
  }

  text(): string {
    const payload = this.#payload
    if (typeof payload === 'string') return payload
    return utf8Slice(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), 0, payload.byteLength)
  }

  json(): unknown {
    return JSON.parse(this.text())
  }

  bytes(): Uint8Array {
    const payload = this.#payload
    return typeof payload === 'string' ? encoder.encode(payload) : payload
  }
}
