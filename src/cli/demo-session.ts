import type { ClockTimer } from '../support/clock.ts'
import type { ExchangeStats } from '../testing/exchange/core.ts'
import type { ExchangeProcess } from '../testing/exchange/exchange-process.ts'
import { checkDemo, type DemoFinding } from './demo-check.ts'
import { DemoGateway, type DemoGatewaySettings } from './demo-gateway.ts'
import { type DemoView, outcomeText, statusText } from './demo-view.ts'
import { type CliIo, onStopSignal } from './io.ts'

const ORDER_EVERY_MS = 40
const PROBE_EVERY_MS = 100
/** How long the last connection may take to be whole again, and its answers to come, once the faults have ended. */
const SETTLE_MS = 15_000
const LOOK_EVERY_MS = 20
const MAX_LOOKS = 100
/** What stdout may hold us up in the end, when nobody reads it. */
const STALLED_OUTPUT_MS = 3000

/** A channel that is added and another that is given up on the way: what is replayed is what is wanted now. */
export const ADDED_CHANNEL = 'book.ETH-PERPETUAL.100ms'
export const REMOVED_CHANNEL = 'ticker.ETH-PERPETUAL.100ms'

export interface DemoRun {
  readonly exchange: ExchangeProcess
  readonly gateway: Omit<DemoGatewaySettings, 'clock' | 'onStatus'>
  readonly seconds: number
  /** Faults happen by chance, at the exchange; otherwise at three moments that are always the same. */
  readonly chaos: boolean
}

/** Lets a gateway work for a while, under faults; then brings everything to rest, and checks what was said. */
export class DemoSession {
  readonly #run: DemoRun
  readonly #gateway: DemoGateway
  readonly #io: CliIo
  readonly #view: DemoView
  readonly #timers = new Set<ClockTimer>()
  readonly #startUs: number
  #last = { atUs: 0, messages: 0, bytes: 0 }
  #over = false
  /** The gateway is being stopped: what it tells of its last connection is no news. */
  #ending = false
  #wake: (() => void) | undefined

  constructor(run: DemoRun, io: CliIo, view: DemoView) {
    this.#run = run
    this.#gateway = new DemoGateway({
      ...run.gateway,
      clock: io.clock,
      onStatus: (event) => {
        if (!this.#ending) this.#event(statusText(event))
      },
    })
    this.#io = io
    this.#view = view
    this.#startUs = io.clock.monoUs()
    this.#last.atUs = this.#startUs
  }

  /** Resolves with what the check found. */
  async run(): Promise<readonly DemoFinding[]> {
    const { exchange, seconds } = this.#run
    const gateway = this.#gateway
    const offSignal = onStopSignal(this.#io, () => this.#finishEarly())
    this.#io.stdout.onBroken(() => this.#finishEarly())
    void exchange.exited.then(() => (this.#ending ? undefined : this.#finishEarly()))
    try {
      gateway.actor.start()
      this.#every(ORDER_EVERY_MS, () => gateway.placeOrder())
      this.#every(PROBE_EVERY_MS, () => void gateway.probe())
      this.#every(this.#view.intervalMs, () => this.#draw())
      for (const [part, act] of this.#script()) this.#after(seconds * 1000 * part, act)
      await this.#wait(seconds * 1000, () => this.#over)
      this.#cancelTimers()

      await exchange.calm()
      this.#every(this.#view.intervalMs, () => this.#draw())
      this.#every(PROBE_EVERY_MS, () => void gateway.probe())
      await this.#wait(SETTLE_MS, () => gateway.whole && gateway.actor.stats().pending === 0 && gateway.toProbe === 0)
      this.#cancelTimers()

      this.#ending = true
      const evidence = gateway.evidence()
      await gateway.stop()
      const { logDropped } = await this.#untilLeft()
      const log = await exchange.log()
      this.#view.finish()
      this.#view.say(`\n${gateway.requests} requests: ${outcomeText(gateway.outcomes)}`)
      const live = gateway.probes.filter(({ found }) => found).length
      this.#view.say(
        `${gateway.probes.length} unconfirmed orders probed: ${live} live, the rest unknown to the exchange\n`,
      )
      return checkDemo({ ...evidence, log, logDropped })
    } finally {
      this.#cancelTimers()
      offSignal()
      await gateway.stop()
    }
  }

  /** Until the exchange has noticed, too, that the gateway has gone: its log is complete then. */
  async #untilLeft(): Promise<ExchangeStats> {
    for (let looks = 0; ; looks++) {
      const stats = await this.#run.exchange.stats()
      if (stats.connections === 0 || looks === MAX_LOOKS) return stats
      await this.#wait(LOOK_EVERY_MS, () => false)
    }
  }

  /** What happens when, as parts of the whole time. */
  #script(): [part: number, act: () => void][] {
    const { exchange, chaos } = this.#run
    const gateway = this.#gateway
    const told = (text: string, act: () => Promise<void>) => () => {
      this.#event(text)
      // Should the exchange have died, the end of the run, which is now, says so.
      act().catch(() => this.#finishEarly())
    }
    const changes: [number, () => void][] = [
      [0.3, () => gateway.actor.subscribe([ADDED_CHANNEL])],
      [0.6, () => gateway.actor.unsubscribe([REMOVED_CHANNEL])],
    ]
    if (chaos) return changes
    return [
      ...changes,
      [0.2, told('the exchange resets the connection', () => exchange.drop('rst'))],
      [
        0.45,
        told('the exchange ends TCP without a word, and refuses the next connect', async () => {
          await exchange.refuseConnects({ status: 503 })
          await exchange.drop('fin')
        }),
      ],
      [0.7, told('the exchange restarts', () => exchange.closeConnections({ code: 1012, reason: 'restart' }))],
    ]
  }

  #event(text: string | undefined): void {
    if (text !== undefined) this.#view.event(this.#elapsedS, text)
  }

  get #elapsedS(): number {
    return (this.#io.clock.monoUs() - this.#startUs) / 1e6
  }

  #draw(): void {
    const { actor, outcomes } = this.#gateway
    const stats = actor.stats()
    const atUs = this.#io.clock.monoUs()
    const seconds = Math.max(1e-6, (atUs - this.#last.atUs) / 1e6)
    this.#view.snapshot({
      elapsedS: this.#elapsedS,
      status: stats.status,
      connection: stats.connection,
      messagesPerSecond: (stats.messagesReceived - this.#last.messages) / seconds,
      bytesPerSecond: (stats.bytesReceived - this.#last.bytes) / seconds,
      rttUs: stats.rtt.count === 0 ? undefined : { p50: stats.rtt.p50Us, p99: stats.rtt.p99Us },
      pending: stats.pending,
      reconnects: Math.max(0, stats.connectionsOpened - 1),
      gaps: stats.gaps,
      outcomes,
    })
    this.#last = { atUs, messages: stats.messagesReceived, bytes: stats.bytesReceived }
  }

  #finishEarly(): void {
    this.#over = true
    this.#io.stdout.limitWaits(STALLED_OUTPUT_MS)
    this.#wake?.()
  }

  /** Until `done`, at most `ms`. */
  async #wait(ms: number, done: () => boolean): Promise<void> {
    const untilUs = this.#io.clock.monoUs() + ms * 1000
    while (!done() && this.#io.clock.monoUs() < untilUs) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        this.#after(LOOK_EVERY_MS, resolve)
      })
    }
  }

  #every(ms: number, act: () => void): void {
    this.#after(ms, () => {
      this.#every(ms, act)
      act()
    })
  }

  #after(ms: number, act: () => void): void {
    const timer = this.#io.clock.setTimer(ms, () => {
      this.#timers.delete(timer)
      act()
    })
    this.#timers.add(timer)
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}
