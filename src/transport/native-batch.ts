import { RECORD_WORDS } from '../support/records.ts'
import { throwOutside, WsFrame } from './frame.ts'
import type { NativeLoop } from './native-loop.ts'
import type { WsBatch } from './transport.ts'

/** A run of message records, read in place through the link's one frame. */
export class NativeBatch implements WsBatch {
  readonly #frame: WsFrame
  #firstWord = 0
  #length = 0

  constructor(loop: NativeLoop) {
    this.#frame = new WsFrame(loop)
  }

  get length(): number {
    return this.#length
  }

  at(index: number): WsFrame {
    if (index >>> 0 !== index || index >= this.#length) throwOutside(index, this.#length)
    return this.#frame.moveTo(this.#firstWord + index * RECORD_WORDS)
  }

  /** @internal `length` records, the first beginning at `word`. */
  lend(word: number, length: number): this {
    this.#firstWord = word
    this.#length = length
    return this
  }

  /** @internal */
  release(): void {
    this.#length = 0
    this.#frame.release()
  }
}
