import type { WsConnection } from '../front/connection.ts'
import type { WsEvent, WsMessage } from '../front/events.ts'
import type { ClockTimer } from '../support/clock.ts'
import { EXIT_FAILED, EXIT_OK } from './command.ts'
import { type CliIo, onStopSignal } from './io.ts'
import { inflatePayload } from './payload.ts'
import { failureText, isFailure, type WatchContext, type WatchFormat } from './watch-format.ts'
import { WatchTally } from './watch-tally.ts'

const PING_EVERY_MS = 5000
/** How long a reader of stdout that has stalled may hold us up once we were told to stop. */
const STALLED_OUTPUT_MS = 3000

export interface WatchSettings {
  readonly url: string
  readonly sends: readonly string[]
  readonly seconds: number | undefined
  readonly maxMessages: number | undefined
  readonly quiet: boolean
}

/** What it needs of a connection: one that is made with `reconnect: false`. */
export type WatchFeed = AsyncIterable<WsEvent> &
  Pick<WsConnection, 'transportName' | 'state' | 'send' | 'ping' | 'close' | 'closed'>

/** Prints one connection from its beginning to its end. */
export class WatchSession {
  readonly #feed: WatchFeed
  readonly #settings: WatchSettings
  readonly #format: WatchFormat
  readonly #io: CliIo
  readonly #context: WatchContext
  readonly #tally = new WatchTally()
  readonly #timers = new Set<ClockTimer>()
  #stopping = false
  #unsent = false

  constructor(feed: WatchFeed, settings: WatchSettings, format: WatchFormat, io: CliIo) {
    this.#feed = feed
    this.#settings = settings
    this.#format = format
    this.#io = io
    this.#context = { url: settings.url, transport: feed.transportName }
  }

  /** Resolves with the exit code. */
  async run(): Promise<number> {
    const { stdout } = this.#io
    const offSignal = onStopSignal(this.#io, () => this.#stop())
    stdout.onBroken(() => this.#stop())
    try {
      // The queue's policy is `pause`: while we wait for stdout, the socket is not read for longer than its bound.
      for await (const event of this.#feed) {
        if (event.kind === 'message') await this.#onMessage(event)
        else await this.#onEvent(event)
      }
      return await this.#finish()
    } finally {
      for (const timer of this.#timers) timer.cancel()
      offSignal()
    }
  }

  // Returns a promise only when stdout must be waited for: this runs for every message.
  #onMessage(message: WsMessage): Promise<void> | undefined {
    const { maxMessages, quiet } = this.#settings
    // What comes between our CLOSE and the server's was not asked for any more.
    if (maxMessages !== undefined && this.#tally.messages >= maxMessages) return undefined
    const inflated = message.isText ? undefined : inflatePayload(message.bytes())
    this.#tally.message(message, message.isText ? message.text() : inflated?.text)
    const pending = quiet ? undefined : this.#io.stdout.write(this.#format.message(message, inflated))
    if (this.#tally.messages === maxMessages) this.#stop()
    return pending
  }

  async #onEvent(event: Exclude<WsEvent, WsMessage>): Promise<void> {
    this.#tally.event(event)
    await this.#remark(this.#format.event(event, this.#context))
    if (event.kind !== 'connected' || this.#stopping) return
    for (const text of this.#settings.sends) {
      const result = this.#feed.send(text)
      if (result !== 'taken' && result !== 'queued') this.#unsent = true
      await this.#remark(this.#format.sent(text, result))
    }
    const { seconds } = this.#settings
    if (seconds !== undefined) this.#after(seconds * 1000, () => this.#stop())
    this.#measureRoundTrip()
  }

  async #finish(): Promise<number> {
    const { stdout, stderr } = this.#io
    const { cause } = await this.#feed.closed()
    if (isFailure(cause)) stderr.write(failureText(cause, this.#settings.url))
    if (this.#tally.opened || this.#format.remarksOnStdout) {
      await stdout.write(this.#format.summary(this.#tally.summary(cause), this.#context))
    }
    if (stdout.failure !== undefined) {
      stderr.write(`shared-ws watch: stdout failed: ${stdout.failure.message}\n`)
      return EXIT_FAILED
    }
    return isFailure(cause) || this.#unsent ? EXIT_FAILED : EXIT_OK
  }

  #stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    void this.#feed.close()
    this.#io.stdout.limitWaits(STALLED_OUTPUT_MS)
  }

  #remark(text: string): Promise<void> | undefined {
    if (text === '') return undefined
    return this.#format.remarksOnStdout ? this.#io.stdout.write(text) : this.#io.stderr.write(text)
  }

  #measureRoundTrip(): void {
    const again = (): void => {
      if (this.#feed.state === 'open') this.#after(PING_EVERY_MS, () => this.#measureRoundTrip())
    }
    this.#feed.ping({ timeoutMs: PING_EVERY_MS }).then((rttUs) => {
      this.#tally.rtt.add(rttUs)
      again()
    }, again)
  }

  #after(delayMs: number, run: () => void): void {
    const timer = this.#io.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer)
      run()
    })
    this.#timers.add(timer)
  }
}
