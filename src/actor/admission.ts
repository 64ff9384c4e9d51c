import { literalAddress } from '../connect/dns.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsCircuitBreaker } from '../reconnect/circuit-breaker.ts'
import { type ConnectBudget, defaultConnectBudget } from '../reconnect/connect-budget.ts'
import { MAX_TIMER_MS } from '../support/check.ts'
import { type Clock, sharedUs } from '../support/clock.ts'

const LOOK_AT_CIRCUIT_MS = 1000
/** Ends that say nothing about whether the venue can be connected to. */
const OWN_CHOICES: ReadonlySet<WsDisconnectCause['kind']> = new Set([
  'local-stop',
  'reconnect-requested',
  'high-latency',
])

/** Why an attempt may not begin yet, and in how many ms to ask again. */
export interface Held {
  readonly why: 'connect-budget' | 'cool-down' | 'circuit-open'
  readonly host: string
  readonly delayMs: number
}

export interface AdmissionOptions {
  /** False: connects are not counted. Undefined: those to other machines are, in the thread's default budget. */
  readonly budget: ConnectBudget | false | undefined
  readonly breaker: WsCircuitBreaker | undefined
}

/** Who may connect, and when: what actors share about a host. */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #clock: Clock

  constructor(options: AdmissionOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
  }

  /** Undefined: an attempt at `host` begins now, and is counted. */
  enter(host: string): Held | undefined {
    const held = this.#ask(host, 'claim')
    if (held === undefined) this.#options.breaker?.begun(this.#clock.monoUs())
    return held
  }

  /** What {@link enter} would say, and nothing is counted. */
  look(host: string): Held | undefined {
    return this.#ask(host, 'ask')
  }

  /** Waits until `ask` ({@link enter}, {@link look}) lets it in; `onHeld` hears of each reason once. Rejects as `signal` says. */
  async wait(
    held: Held,
    ask: () => Held | undefined,
    signal: AbortSignal,
    onHeld: (held: Held) => void,
  ): Promise<void> {
    const told = new Set<Held['why']>()
    for (let next: Held | undefined = held; next !== undefined; next = ask()) {
      if (!told.has(next.why)) {
        told.add(next.why)
        onHeld(next)
      }
      // A circuit may close before its time, by what becomes of somebody else's attempt.
      const atMostMs = next.why === 'circuit-open' ? LOOK_AT_CIRCUIT_MS : MAX_TIMER_MS
      // Never 0, so that nothing loops without time passing.
      await sleep(this.#clock, Math.min(atMostMs, Math.max(1, next.delayMs)), signal)
    }
  }

  /** The host refused our address: for so long, nobody who shares the budget connects to it. */
  coolDown(host: string, forMs: number): void {
    this.#budgetOf(host)?.coolDown(host, sharedUs(this.#clock) + Math.min(forMs, MAX_TIMER_MS) * 1000)
  }

  /** An attempt, or a connection that had not proven healthy. */
  failed({ kind }: WsDisconnectCause): void {
    if (!OWN_CHOICES.has(kind)) this.#options.breaker?.failed(this.#clock.monoUs())
  }

  succeeded(): void {
    this.#options.breaker?.succeeded()
  }

  #ask(host: string, how: 'claim' | 'ask'): Held | undefined {
    const openMs = this.#options.breaker?.waitMs(this.#clock.monoUs()) ?? 0
    if (openMs > 0) return { why: 'circuit-open', host, delayMs: openMs }
    const budget = this.#budgetOf(host)
    if (budget === undefined) return undefined
    const { waitMs, why } = budget[how](host, sharedUs(this.#clock))
    return waitMs > 0 ? { why, host, delayMs: waitMs } : undefined
  }

  #budgetOf(host: string): ConnectBudget | undefined {
    const { budget } = this.#options
    if (budget !== undefined) return budget === false ? undefined : budget
    return isLoopback(host) ? undefined : defaultConnectBudget(this.#clock)
  }
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  const address = literalAddress(host)?.address
  return address !== undefined && (address.startsWith('127.') || address === '::1')
}

function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const onAbort = (): void => {
      timer.cancel()
      reject(signal.reason)
    }
    const timer = clock.setTimer(ms, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
