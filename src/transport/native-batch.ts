import { throwReleased, WsFrame } from './frame.ts'
import type { NativeLoop } from './native-loop.ts'
import type { WsBatch } from './transport.ts'

/** A run of message records, read in place through the link's one frame. */
export class NativeBatch implements WsBatch {
  readonly #loop: NativeLoop
  readonly #frame = new WsFrame()
  #first = 0
  #length = 0
  #live = false

  constructor(loop: NativeLoop) {
    this.#loop = loop
  }

  get length(): number {
    return this.#length
  }

  at(index: number): WsFrame {
    if (!(index >= 0 && index < this.#length)) {
      if (!this.#live) throwReleased()
      throw new RangeError(`index ${index} is outside 0 … ${this.#length - 1}`)
    }
    this.#loop.fill(this.#frame, this.#first + index)
    return this.#frame
  }

  /** @internal */
  lend(first: number, end: number): this {
    this.#first = first
    this.#length = end - first
    this.#live = true
    return this
  }

  /** @internal */
  release(): void {
    this.#length = 0
    this.#live = false
    this.#frame.live = 0
  }
}
