import type { Clock } from '../support/clock.ts'
import type { SenderKernel } from './frame-sender.ts'
import { MockPipe } from './mock-pipe.ts'

/** What lies between the two ends of a mock connection: a pipe each way, and the kernels at their ends. */
export class MockWire implements SenderKernel {
  readonly clock: Clock
  readonly toClient: MockPipe
  readonly toServer: MockPipe
  /** The loop does not read for the client; `drain()` does. */
  held = false
  /** The client's kernel has room again. Set by the client's end. */
  onWindow: () => void = () => {}
  /** The client's kernel has no room any more. Set by the server's end. */
  onWindowUsed: () => void = () => {}
  #window = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.clock = clock
    this.toClient = new MockPipe(clock)
    this.toServer = new MockPipe(clock)
  }

  /** Bytes that the client's kernel takes before it is full. */
  room(): number {
    return this.#window
  }

  setWindow(bytes: number): void {
    this.#window = bytes
    if (bytes > 0) this.onWindow()
  }

  /** The client's kernel takes `bytes`. They fit the window. */
  take(bytes: Uint8Array): void {
    this.#window -= bytes.length
    this.toServer.write(bytes)
    // What travels in no time is there at once.
    this.toServer.onArrival()
    if (this.#window === 0) this.onWindowUsed()
  }
}
