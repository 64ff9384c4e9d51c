import { encodeFrame } from './frame-encoder.ts'
import type { MessageDeflater } from './message-deflate.ts'
import { type OutboundFrame, Outbox } from './outbox.ts'
import type { WsDelivery } from './transport.ts'

const TEXT = 1
const BINARY = 2
const CLOSE = 8
/** RSV1: compressed. */
const COMPRESSED = 4
/** There is nobody to protect from: frames are masked with zeros, so that they have their true size. */
const NO_MASK = new Uint8Array(4)

/** What bytes are given to. */
export interface SenderKernel {
  /** Bytes that it takes now. When there are none, {@link FrameSender.pump} is to be called once there are. */
  room(): number
  /** They fit. What it brings about at the far end may come back at once. */
  take(bytes: Uint8Array): void
}

export interface FrameSenderOptions {
  readonly maxLinkBytes: number
  /**
   * So much is begun before the kernel has taken it, as by the `ws` transport, and can then neither be withdrawn, nor is it known how
   * far it has come. Default 0: a frame begins when the kernel takes its first byte.
   */
  readonly handOverBytes?: number
}

interface Sending {
  readonly bytes: Buffer
  /** 0 for control frames. */
  readonly sequence: number
  /** Of a data frame. */
  readonly payload?: Buffer
  /** Runs when the kernel has all of it. */
  readonly done?: () => void
  at: number
}

/**
 * The way out of a link that exists in memory only: what the kernel has room for is given to it, the rest waits where it can be
 * withdrawn.
 */
export class FrameSender {
  readonly #kernel: SenderKernel
  readonly #maxLinkBytes: number
  readonly #handOverBytes: number
  readonly #onWritable: () => void
  readonly #outbox: Outbox
  readonly #controls: Sending[] = []
  /** Begun. */
  readonly #current: Sending[] = []
  #close: { readonly payload: Buffer; readonly done: () => void } | undefined
  /** `more` holds frames back. */
  #held = false
  #pumping = false
  #handedUpTo = 0
  #takenUpTo = 0
  #deflater: MessageDeflater | undefined
  bytesSent = 0
  messagesSent = 0

  constructor(kernel: SenderKernel, options: FrameSenderOptions, onWritable: () => void) {
    this.#kernel = kernel
    this.#maxLinkBytes = options.maxLinkBytes
    this.#handOverBytes = options.handOverBytes ?? 0
    this.#onWritable = onWritable
    this.#outbox = new Outbox(options.maxLinkBytes)
  }

  /** For who wants to see it: the kernel is about to take the first bytes of a data frame. */
  protected began(_payload: Buffer): void {}

  /** The same: it has all of it. */
  protected taken(_payload: Buffer): void {}

  /** What is offered from now on is compressed, from the deflater's threshold on. */
  deflateWith(deflater: MessageDeflater): void {
    this.#deflater = deflater
  }

  offer(payload: Buffer, binary: boolean, more: boolean): number {
    const sequence = this.#outbox.offer(payload, binary, this.#begunBytes)
    // A full link cannot wait for the rest of what `more` announced.
    this.#held = more && sequence > 0
    this.pump()
    return sequence
  }

  flush(): void {
    this.#held = false
    this.pump()
  }

  withdraw(sequence: number): boolean {
    const withdrawn = this.#outbox.withdraw(sequence)
    this.#tellWritable()
    return withdrawn
  }

  delivery(sequence: number): WsDelivery {
    if (sequence <= this.#takenUpTo) return 'all'
    if (this.#handOverBytes > 0) return sequence <= this.#handedUpTo ? 'unknown' : 'none'
    return this.#current[0]?.sequence === sequence ? 'part' : 'none'
  }

  /** Ahead of the data frames that have not begun. */
  control(opcode: number, payload: Uint8Array): number {
    if (this.#begunBytes >= this.#maxLinkBytes) return this.#outbox.refuse()
    this.#controls.push({ bytes: encodeFrame(opcode, payload, { maskKey: NO_MASK }), sequence: 0, at: 0 })
    this.pump()
    return 1
  }

  /** Sends CLOSE behind everything taken; `done` runs when the kernel has it. */
  close(payload: Buffer, done: () => void): void {
    this.#close = { payload, done }
    this.flush()
  }

  get queuedBytes(): number {
    return this.#outbox.bytes + this.#begunBytes
  }

  /** Gives the kernel what it has room for. */
  pump(): void {
    // What the far end makes of it may lead back here.
    if (this.#pumping) return
    this.#pumping = true
    try {
      for (let room = this.#kernel.room(); this.#give(room); room = this.#kernel.room());
    } finally {
      this.#pumping = false
    }
    this.#tellWritable()
  }

  /** False: there is no room, or nothing that may go. */
  #give(room: number): boolean {
    this.#begin(room > 0)
    const [frame] = this.#current
    if (frame === undefined || room <= 0) return false
    const { bytes, sequence, payload } = frame
    const begins = frame.at === 0
    const part = bytes.subarray(frame.at, frame.at + room)
    frame.at += part.length
    this.bytesSent += part.length
    const isWhole = frame.at === bytes.length
    if (isWhole) {
      this.#current.shift()
      if (sequence > 0) {
        this.#takenUpTo = sequence
        this.messagesSent++
      }
    }
    if (begins && payload !== undefined) this.began(payload)
    this.#kernel.take(part)
    if (isWhole && payload !== undefined) this.taken(payload)
    if (isWhole) frame.done?.()
    return true
  }

  #begin(hasRoom: boolean): void {
    while (this.#current.length === 0 ? hasRoom || this.#handOverBytes > 0 : this.#currentBytes < this.#handOverBytes) {
      const next = this.#next()
      if (next === undefined) return
      if (next.sequence > 0) this.#handedUpTo = next.sequence
      this.#current.push(next)
    }
  }

  /** Control frames, then data, then CLOSE. */
  #next(): Sending | undefined {
    const control = this.#controls.shift()
    if (control !== undefined) return control
    if (this.#held) return undefined
    const frame = this.#outbox.shift()
    if (frame !== undefined) {
      return { bytes: this.#encode(frame), sequence: frame.sequence, payload: frame.payload, at: 0 }
    }
    const close = this.#close
    this.#close = undefined
    if (close === undefined) return undefined
    return { bytes: encodeFrame(CLOSE, close.payload, { maskKey: NO_MASK }), sequence: 0, done: close.done, at: 0 }
  }

  #encode({ payload, binary }: OutboundFrame): Buffer {
    const opcode = binary ? BINARY : TEXT
    const compressed = this.#deflater?.deflate(payload)
    if (compressed === undefined) return encodeFrame(opcode, payload, { maskKey: NO_MASK })
    return encodeFrame(opcode, compressed, { maskKey: NO_MASK, rsv: COMPRESSED })
  }

  get #currentBytes(): number {
    return this.#current.reduce((sum, { bytes, at }) => sum + bytes.length - at, 0)
  }

  get #begunBytes(): number {
    return this.#controls.reduce((sum, { bytes }) => sum + bytes.length, this.#currentBytes)
  }

  #tellWritable(): void {
    if (this.#outbox.takeRefusal(this.#begunBytes)) this.#onWritable()
  }
}
