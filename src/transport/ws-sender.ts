import type { WebSocket } from 'ws'
import type { WsNegotiatedDeflate } from '../connect/permessage-deflate.ts'
import type { RandomSource } from '../support/random.ts'
import { encodeFrame } from './frame-encoder.ts'
import { clientContext, MessageDeflater } from './message-deflate.ts'
import { type OutboundFrame, Outbox } from './outbox.ts'
import { OFFER_CLOSED, type WsDelivery } from './transport.ts'
import type { UpgradedStream } from './upgraded-stream.ts'

/** Frames are handed to `ws` while less than this waits behind it; the rest stays where it can be withdrawn. */
const HAND_OVER_BELOW_BYTES = 16 * 1024

const TEXT = 1
const BINARY = 2
/** RSV1: compressed. */
const COMPRESSED = 4

/** What compresses messages; masks come from `random`. */
export interface WsCompression {
  readonly deflater: MessageDeflater
  readonly random: RandomSource
}

/** Undefined: nothing is compressed. */
export function compressionFor(
  negotiated: WsNegotiatedDeflate | undefined,
  random: RandomSource,
): WsCompression | undefined {
  if (negotiated?.compress === undefined) return undefined
  return { deflater: new MessageDeflater(clientContext(negotiated), negotiated.compress), random }
}

/** The way out of one connection: frames wait here, in order, until `ws` may have them. */
export class WsSender {
  readonly #ws: WebSocket
  readonly #stream: UpgradedStream
  readonly #maxLinkBytes: number
  readonly #onWritable: () => void
  readonly #compression: WsCompression | undefined
  readonly #outbox: Outbox
  /** `more` holds frames back. */
  #held = false
  /** Only the latest ping needs an answer (RFC 6455 5.5.3), so one is all that waits. */
  #pongWaiting: Uint8Array | undefined
  /** CLOSE, to send once nothing waits in front of it; `done` runs right behind it. */
  #closeWaiting: { readonly code: number; readonly reason: string; readonly done: () => void } | undefined
  #handedUpTo = 0
  #takenUpTo = 0
  messagesSent = 0
  /** Handed to `ws`; of pings whose answer waits for its turn only the newest gets one. */
  pongsSent = 0

  constructor(
    ws: WebSocket,
    stream: UpgradedStream,
    maxLinkBytes: number,
    onWritable: () => void,
    compression?: WsCompression,
  ) {
    this.#ws = ws
    this.#stream = stream
    this.#maxLinkBytes = maxLinkBytes
    this.#onWritable = onWritable
    this.#compression = compression
    this.#outbox = new Outbox(maxLinkBytes)
  }

  /** `payload` is ours from now on. */
  offer(payload: Buffer, binary: boolean, more: boolean): number {
    const sequence = this.#outbox.offer(payload, binary, this.#ws.bufferedAmount)
    // A full link cannot wait for the rest of what `more` announced.
    this.#held = more && sequence > 0
    if (!this.#held) this.#pump()
    return sequence
  }

  flush(): void {
    this.#held = false
    this.#pump()
  }

  withdraw(sequence: number): boolean {
    const withdrawn = this.#outbox.withdraw(sequence)
    if (withdrawn) process.nextTick(() => this.#tellWritable())
    return withdrawn
  }

  delivery(sequence: number): WsDelivery {
    if (sequence <= this.#takenUpTo) return 'all'
    return sequence <= this.#handedUpTo ? 'unknown' : 'none'
  }

  /** Ahead of the data frames that wait here. */
  control(kind: 'ping' | 'pong', payload: Uint8Array): number {
    if (this.#ws.readyState !== this.#ws.OPEN) return OFFER_CLOSED
    if (this.#ws.bufferedAmount >= this.#maxLinkBytes) return this.#outbox.refuse()
    this.#ws[kind](Buffer.from(payload))
    return 1
  }

  answerPing(payload: Uint8Array): void {
    this.#pongWaiting = payload
    this.#pump()
  }

  /** Sends CLOSE behind everything taken; `done` runs when `ws` has it. Code 0: without code and reason. */
  close(code: number, reason: string, done: () => void): void {
    this.#closeWaiting = { code, reason, done }
    this.flush()
  }

  get queuedBytes(): number {
    return this.#outbox.bytes + this.#ws.bufferedAmount
  }

  #pump(): void {
    const ws = this.#ws
    while (ws.readyState === ws.OPEN && ws.bufferedAmount < HAND_OVER_BELOW_BYTES) {
      if (this.#pongWaiting !== undefined) {
        ws.pong(this.#pongWaiting)
        this.pongsSent++
        this.#pongWaiting = undefined
      }
      if (this.#held || this.#outbox.length === 0) break
      // Corked, so that all of them make one system call.
      this.#stream.cork()
      while (ws.bufferedAmount < HAND_OVER_BELOW_BYTES && this.#handOver());
      this.#stream.uncork()
    }
    const close = this.#closeWaiting
    if (close === undefined || this.#outbox.length > 0) return
    this.#closeWaiting = undefined
    if (close.code === 0) ws.close()
    else ws.close(close.code, close.reason)
    close.done()
  }

  #handOver(): boolean {
    const frame = this.#outbox.shift()
    if (frame === undefined) return false
    const { sequence } = frame
    this.#handedUpTo = sequence
    this.#send(frame, (error) => {
      if (error) return
      this.#takenUpTo = sequence
      this.messagesSent++
      this.#pump()
      this.#tellWritable()
    })
    return true
  }

  #send({ payload, binary }: OutboundFrame, taken: (error?: Error | null) => void): void {
    const compressed = this.#compression?.deflater.deflate(payload)
    if (this.#compression === undefined || compressed === undefined) {
      this.#ws.send(payload, { binary }, taken)
      return
    }
    // `ws` writes to the same stream at once when asked to send, so nothing is overtaken.
    const options = { rsv: COMPRESSED, maskKey: this.#compression.random.bytes(4) }
    this.#stream.write(encodeFrame(binary ? BINARY : TEXT, compressed, options), taken)
  }

  #tellWritable(): void {
    if (this.#outbox.takeRefusal(this.#ws.bufferedAmount)) this.#onWritable()
  }
}
