import { FrameSender, type FrameSenderOptions } from '../../../src/transport/frame-sender.ts'
import type { Tcp } from './socket.ts'

/** Hears what becomes of frames, as the kernel saw it: evidence that no part of the library had a hand in. */
export interface KernelWitness {
  /** The actor hands a frame to its link, or the link answers a ping. */
  offered(kind: 'data' | 'ping' | 'pong'): void
  /** The kernel took the first bytes of a data frame. */
  began(payload: Buffer): void
  /** The kernel has all of it. */
  taken(payload: Buffer): void
}

/** The way out of a simulated link, into a simulated kernel, under the eyes of a witness. */
export class SimSender extends FrameSender {
  readonly #witness: KernelWitness

  constructor(tcp: Tcp, options: FrameSenderOptions, witness: KernelWitness, onWritable: () => void) {
    super(tcp, options, onWritable)
    this.#witness = witness
  }

  protected override began(payload: Buffer): void {
    this.#witness.began(payload)
  }

  protected override taken(payload: Buffer): void {
    this.#witness.taken(payload)
  }
}
