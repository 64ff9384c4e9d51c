import { encodeFrame } from '../../../src/transport/frame-encoder.ts'
import { Outbox } from '../../../src/transport/outbox.ts'
import type { WsDelivery } from '../../../src/transport/transport.ts'
import type { ClientLoop } from './loop.ts'
import type { Tcp } from './socket.ts'

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const MASK = Uint8Array.of(0x5a, 0x17, 0xc3, 0x88)

/** Hears what becomes of frames, as the kernel saw it: evidence that no part of the library had a hand in. */
export interface KernelWitness {
  /** The actor hands a frame to its link, or the link answers a ping. */
  offered(kind: 'data' | 'ping' | 'pong'): void
  /** The kernel took the first bytes of a data frame. */
  began(payload: Buffer): void
  /** The kernel has all of it. */
  taken(payload: Buffer): void
}

interface Sending {
  readonly bytes: Buffer
  /** 0 for control frames. */
  readonly sequence: number
  readonly payload: Buffer | undefined
  readonly done: (() => void) | undefined
  at: number
}

/**
 * The way out of a simulated link. Frames wait in an outbox, from which they can be withdrawn, until their turn comes; the
 * kernel takes what it has room for. `handOverBytes` above 0 makes it a sender like that of the `ws` transport: so much is
 * handed over before the kernel has it, can not be withdrawn any more, and nobody knows how far it has come.
 */
export class SimSender {
  readonly #tcp: Tcp
  readonly #maxLinkBytes: number
  readonly #handOverBytes: number
  readonly #loop: ClientLoop
  readonly #witness: KernelWitness
  readonly #onWritable: () => void
  readonly #outbox: Outbox
  readonly #controls: Sending[] = []
  /** Begun, or handed over. */
  #current: Sending[] = []
  #close: { readonly payload: Buffer; readonly done: () => void } | undefined
  #held = false
  #takenUpTo = 0
  #handedUpTo = 0
  bytesSent = 0
  messagesSent = 0
  stuckUs = 0

  constructor(
    tcp: Tcp,
    limits: { readonly maxLinkBytes: number; readonly handOverBytes: number },
    loop: ClientLoop,
    witness: KernelWitness,
    onWritable: () => void,
  ) {
    this.#tcp = tcp
    this.#maxLinkBytes = limits.maxLinkBytes
    this.#handOverBytes = limits.handOverBytes
    this.#loop = loop
    this.#witness = witness
    this.#onWritable = onWritable
    this.#outbox = new Outbox(limits.maxLinkBytes)
  }

  offer(payload: Buffer, binary: boolean, more: boolean): number {
    const sequence = this.#outbox.offer(payload, binary, this.#begunBytes)
    this.#held = more && sequence > 0
    if (!this.#held) this.pump()
    return sequence
  }

  flush(): void {
    this.#held = false
    this.pump()
  }

  withdraw(sequence: number): boolean {
    const withdrawn = this.#outbox.withdraw(sequence)
    if (withdrawn) this.#tellWritable()
    return withdrawn
  }

  delivery(sequence: number): WsDelivery {
    if (sequence <= this.#takenUpTo) return 'all'
    if (this.#handOverBytes > 0) return sequence <= this.#handedUpTo ? 'unknown' : 'none'
    const begun = this.#current[0]
    return begun?.sequence === sequence && begun.at > 0 ? 'part' : 'none'
  }

  /** Ahead of the data frames that have not begun. */
  control(opcode: number, payload: Uint8Array): number {
    if (this.#begunBytes >= this.#maxLinkBytes) return this.#outbox.refuse()
    this.#controls.push(sending(encodeFrame(opcode, payload, { maskKey: MASK }), 0))
    this.pump()
    return 1
  }

  close(payload: Buffer, done: () => void): void {
    this.#close = { payload, done }
    this.flush()
  }

  get queuedBytes(): number {
    return this.#outbox.bytes + this.#begunBytes
  }

  /** The socket can be written to. */
  pump(): void {
    for (;;) {
      this.#handOver()
      const [frame] = this.#current
      if (frame === undefined) break
      const taken = this.#tcp.take(frame.bytes.subarray(frame.at))
      if (taken === 0) break
      if (frame.at === 0 && frame.payload !== undefined) this.#witness.began(frame.payload)
      frame.at += taken
      this.bytesSent += taken
      if (frame.at < frame.bytes.length) break
      this.#current.shift()
      if (frame.sequence > 0) {
        this.#takenUpTo = frame.sequence
        this.messagesSent++
      }
      if (frame.payload !== undefined) this.#witness.taken(frame.payload)
      frame.done?.()
    }
    if (this.#current.length > 0) this.stuckUs = this.#loop.turnStartUs
    this.#tellWritable()
  }

  #handOver(): void {
    while (this.#current.length === 0 || this.#currentBytes < this.#handOverBytes) {
      const next = this.#next()
      if (next === undefined) return
      if (next.sequence > 0) this.#handedUpTo = next.sequence
      this.#current.push(next)
    }
  }

  #next(): Sending | undefined {
    const control = this.#controls.shift()
    if (control !== undefined) return control
    if (this.#held) return undefined
    const frame = this.#outbox.shift()
    if (frame !== undefined) {
      const bytes = encodeFrame(frame.binary ? BINARY : TEXT, frame.payload, { maskKey: MASK })
      return sending(bytes, frame.sequence, frame.payload)
    }
    const close = this.#close
    this.#close = undefined
    if (close === undefined) return undefined
    return sending(encodeFrame(CLOSE, close.payload, { maskKey: MASK }), 0, undefined, close.done)
  }

  get #currentBytes(): number {
    return this.#current.reduce((sum, { bytes, at }) => sum + bytes.length - at, 0)
  }

  get #begunBytes(): number {
    return this.#currentBytes + this.#controls.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  #tellWritable(): void {
    if (this.#outbox.takeRefusal(this.#begunBytes)) this.#onWritable()
  }
}

function sending(bytes: Buffer, sequence: number, payload?: Buffer, done?: () => void): Sending {
  return { bytes, sequence, payload, done, at: 0 }
}
