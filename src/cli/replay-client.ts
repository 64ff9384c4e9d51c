import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Clock } from '../support/clock.ts'
import type { CaptureMessage } from './capture.ts'

/** Bytes of frames that wait in our process for the kernel, at most; one larger message may exceed it. */
const MAX_WAITING_BYTES = 256 * 1024
/** What a frame counts besides its payload, so that a burst of tiny ones is bounded too. */
const FRAME_COST_BYTES = 64

export type ReplaySource = () => AsyncIterable<CaptureMessage> | Iterable<CaptureMessage>

/** 1: as recorded; 2: twice as fast; `max`: as fast as the client reads. */
export type ReplaySpeed = number | 'max'

export interface PlayOptions {
  readonly source: ReplaySource
  readonly speed: ReplaySpeed
  /** Begin again at the end, until the client leaves. */
  readonly loop: boolean
  readonly clock: Clock
}

/** Plays a capture to one client: every `in` message in order, text as text, binary as binary. */
export class ReplayPlayer {
  messagesSent = 0
  /** Payload bytes. */
  bytesSent = 0

  readonly #ws: WebSocket
  readonly #socket: Duplex
  readonly #options: PlayOptions
  #waitingBytes = 0
  #corked = false
  #stopped = false
  #wake: (() => void) | undefined

  constructor(ws: WebSocket, socket: Duplex, options: PlayOptions) {
    this.#ws = ws
    this.#socket = socket
    this.#options = options
  }

  /** Ends {@link play} soon: the client has gone, or the server stops. */
  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  /** Resolves when the kernel has taken everything, or after {@link stop}; rejects with what the source throws. */
  async play(): Promise<void> {
    const { source, loop } = this.#options
    for (let again = true; again; again = loop && !this.#left) {
      const sentBefore = this.messagesSent
      await this.#playOnce(source())
      if (loop && !this.#left && this.messagesSent === sentBefore) {
        throw new Error('the capture has no message to send again and again')
      }
    }
    while (this.#waitingBytes > 0 && !this.#stopped) await this.#woken()
  }

  /** Nothing more is to be sent. The client may have begun to close before its 'close' event. */
  get #left(): boolean {
    return this.#stopped || this.#ws.readyState !== this.#ws.OPEN
  }

  async #playOnce(messages: AsyncIterable<CaptureMessage> | Iterable<CaptureMessage>): Promise<void> {
    const { clock, speed } = this.#options
    const startedUs = clock.monoUs()
    for await (const message of messages) {
      if (this.#left) return
      if (message.dir === 'out') continue
      if (speed !== 'max') await this.#sleepUntil(startedUs + (message.tMs * 1000) / speed)
      while (this.#waitingBytes >= MAX_WAITING_BYTES && !this.#stopped) await this.#woken()
      if (this.#left) return
      this.#send(message)
    }
  }

  #send(message: CaptureMessage): void {
    const payload = message.text === undefined ? message.bytes : Buffer.from(message.text)
    this.messagesSent++
    this.bytesSent += payload.length
    const cost = payload.length + FRAME_COST_BYTES
    this.#waitingBytes += cost
    this.#corkThisTurn()
    this.#ws.send(payload, { binary: message.text === undefined }, () => {
      this.#waitingBytes -= cost
      if (this.#waitingBytes < MAX_WAITING_BYTES / 2) this.#wake?.()
    })
  }

  // Frames sent in one turn of the event loop leave in one system call. Next ticks run when no promise is left to
  // settle, hence as soon as the file, the clock or the socket is being waited for.
  #corkThisTurn(): void {
    if (this.#corked) return
    this.#corked = true
    this.#socket.cork()
    process.nextTick(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  async #sleepUntil(dueUs: number): Promise<void> {
    const { clock } = this.#options
    // Timers may fire a little early on the finer clock.
    for (let waitUs = dueUs - clock.monoUs(); waitUs > 0 && !this.#stopped; waitUs = dueUs - clock.monoUs()) {
      const timer = clock.setTimer(waitUs / 1000, () => this.#wake?.())
      await this.#woken()
      timer.cancel()
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
