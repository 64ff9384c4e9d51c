import { MessageBatch } from '../../../src/transport/message-batch.ts'
import type { WsBatch } from '../../../src/transport/transport.ts'

/** What a view that was kept after its callback shows. */
const OVERWRITTEN = 0xdd

interface Arrived {
  readonly payload: Buffer
  readonly binary: boolean
  readonly receivedUs: number
  /** To be told before it; 0: none. */
  readonly topic: number
  isExact: boolean
}

export interface ArrivalsListener {
  onTopic(topic: number, receivedMonoUs: number): void
  onMessages(batch: WsBatch): void
}

/**
 * Messages that have been read, and not delivered. Their topics were looked up when they were read, which over `native` is before
 * JavaScript hears of any of them.
 */
export class Arrivals {
  readonly #batch: MessageBatch
  #arrived: Arrived[] = []
  #lent: Buffer[] = []

  constructor(...how: ConstructorParameters<typeof MessageBatch>) {
    this.#batch = new MessageBatch(...how)
  }

  get isEmpty(): boolean {
    return this.#arrived.length === 0
  }

  add(payload: Buffer, binary: boolean, receivedUs: number, topic: number): void {
    this.#arrived.push({ payload, binary, receivedUs, topic, isExact: false })
  }

  markNewestExact(): void {
    const newest = this.#arrived.at(-1)
    if (newest !== undefined) newest.isExact = true
  }

  toldAtOnceUs(monoUs: number): number {
    return this.#batch.toldAtOnceUs(monoUs)
  }

  deliver(listener: ArrivalsListener): void {
    const arrived = this.#arrived
    this.#arrived = []
    for (const { payload, binary, topic, receivedUs, isExact } of arrived) {
      if (topic !== 0) {
        this.#lend(listener)
        listener.onTopic(topic, this.toldAtOnceUs(receivedUs))
      }
      this.#batch.add(payload, binary, receivedUs)
      if (isExact) this.#batch.markNewestExact()
      this.#lent.push(payload)
    }
    this.#lend(listener)
  }

  #lend(listener: ArrivalsListener): void {
    if (this.#batch.length === 0) return
    const lent = this.#lent
    this.#lent = []
    try {
      this.#batch.lend((batch) => listener.onMessages(batch))
    } finally {
      for (const payload of lent) payload.fill(OVERWRITTEN)
    }
  }
}
