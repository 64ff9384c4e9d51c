import { createHash } from 'node:crypto'

/**
 * SHA-256 of a stream of messages: for each one byte of type (1 text, 2 binary), the length as 32 bits big-endian, the
 * payload. Two streams have the same digest only if they have the same messages, cut alike and of the same types.
 */
export class MessageHash {
  readonly #hash = createHash('sha256')
  messages = 0
  bytes = 0

  add(isText: boolean, payload: Uint8Array): void {
    const head = Buffer.alloc(5)
    head[0] = isText ? 1 : 2
    head.writeUInt32BE(payload.length, 1)
    this.#hash.update(head).update(payload)
    this.messages++
    this.bytes += payload.length
  }

  /** Ends it. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}
