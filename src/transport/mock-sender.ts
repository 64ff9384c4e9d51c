import { encodeFrame } from './frame-encoder.ts'
import type { MessageDeflater } from './message-deflate.ts'
import type { MockWire } from './mock-wire.ts'
import { type OutboundFrame, Outbox } from './outbox.ts'
import type { WsDelivery } from './transport.ts'

const TEXT = 1
const BINARY = 2
const CLOSE = 8
/** RSV1: compressed. */
const COMPRESSED = 4
/** The mock has nobody to protect from: frames are masked with zeros, so that they have their true size. */
const NO_MASK = new Uint8Array(4)

interface Sending {
  readonly bytes: Buffer
  /** 0 for control frames. */
  readonly sequence: number
  /** Runs when the kernel has all of it. */
  readonly done?: () => void
  at: number
}

/** The way out of a mock link: what the kernel has room for goes on the wire, the rest waits. */
export class MockSender {
  readonly #wire: MockWire
  readonly #maxLinkBytes: number
  readonly #onWritable: () => void
  readonly #outbox: Outbox
  readonly #controls: Sending[] = []
  /** Begun: part of it may be on the wire. */
  #current: Sending | undefined
  #close: { readonly payload: Buffer; readonly done: () => void } | undefined
  /** `more` holds frames back. */
  #held = false
  #takenUpTo = 0
  #deflater: MessageDeflater | undefined
  bytesSent = 0
  messagesSent = 0

  constructor(wire: MockWire, maxLinkBytes: number, onWritable: () => void) {
    this.#wire = wire
    this.#maxLinkBytes = maxLinkBytes
    this.#onWritable = onWritable
    this.#outbox = new Outbox(maxLinkBytes)
  }

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
    return this.#current?.sequence === sequence ? 'part' : 'none'
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
    while (this.#wire.window > 0) {
      this.#current ??= this.#next()
      const frame = this.#current
      if (frame === undefined) break
      const end = Math.min(frame.bytes.length, frame.at + this.#wire.window)
      const taken = frame.bytes.subarray(frame.at, end)
      frame.at = end
      this.bytesSent += taken.length
      if (end === frame.bytes.length) {
        this.#current = undefined
        if (frame.sequence > 0) {
          this.#takenUpTo = frame.sequence
          this.messagesSent++
        }
      }
      this.#wire.send(taken)
      if (this.#current === undefined) frame.done?.()
    }
    this.#tellWritable()
  }

  /** Begins the next frame: control frames, then data, then CLOSE. */
  #next(): Sending | undefined {
    const control = this.#controls.shift()
    if (control !== undefined) return control
    if (this.#held) return undefined
    const frame = this.#outbox.shift()
    if (frame !== undefined) {
      return { bytes: this.#encode(frame), sequence: frame.sequence, at: 0 }
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

  get #begunBytes(): number {
    const rest = ({ bytes, at }: Sending): number => bytes.length - at
    return this.#controls.reduce((sum, frame) => sum + rest(frame), this.#current ? rest(this.#current) : 0)
  }

  #tellWritable(): void {
    if (this.#outbox.takeRefusal(this.#begunBytes)) this.#onWritable()
  }
}
