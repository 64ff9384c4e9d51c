import type { WebSocketActorOptions } from '../../src/actor/options.ts'
import { WsCircuitBreaker } from '../../src/reconnect/circuit-breaker.ts'
import {
  ConnectBudget,
  type ConnectLimit,
  DEFAULT_CONNECT_LIMITS,
  defaultConnectBudget,
} from '../../src/reconnect/connect-budget.ts'
import { SequentialRequestIds, type WsRequestIds } from '../../src/requests/request-ids.ts'
import type { JsonRpcNotification } from '../../src/testing/json-rpc-delegated-endpoint.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { WsTransport } from '../../src/transport/transport.ts'
import { checkStep } from './invariants/steps.ts'
import { Ledger } from './ledger.ts'
import { Life } from './life.ts'
import { Faults } from './play/faults.ts'
import { type Setup, setupOf } from './play/setup.ts'
import { User } from './play/user.ts'
import { Venue } from './play/venue.ts'
import { ClientLoop } from './world/loop.ts'
import { ServerEnd } from './world/server-end.ts'
import type { Tcp } from './world/socket.ts'
import { ClientClock, WorldTime } from './world/time.ts'
import { Trace } from './world/trace.ts'

export interface Violation {
  /** Of the invariant. */
  readonly name: string
  readonly detail: string
}

/** What a planted bug may put between the actor and the world. */
export interface Tampering {
  readonly transport?: (transport: WsTransport, sim: Simulation) => WsTransport
  readonly options?: (options: WebSocketActorOptions<JsonRpcNotification, string>, life: Life) => typeof options
}

const FIRST_DESIRED = ['book.BTC-PERPETUAL.100ms', 'ticker.ETH-PERPETUAL.agg2']

const LIMITS: Readonly<Record<Setup['budget'], readonly ConnectLimit[]>> = {
  default: DEFAULT_CONNECT_LIMITS,
  tight: [
    { connects: 2, perMs: 700 },
    { connects: 5, perMs: 5000 },
  ],
  wide: [{ connects: 8, perMs: 300 }],
  none: [],
}

/**
 * One world: a network, an exchange behind it, a user before it, and between them the real actor; one after the other, since a
 * user may have enough of one and begin the next. All of it follows from the seed.
 *
 * What the network does not carry, since its bytes are the protocol's own and nothing else: permessage-deflate and `inflateBinary`
 * (test/conformance, the transport contract, test/interop), proxies (their tests run against real ones), TLS, of which only
 * how long a handshake takes and how it ends is here. A key log is therefore never called; every other function that can be
 * given to an actor is, and may throw.
 */
export class Simulation {
  readonly setup: Setup
  readonly tampering: Tampering
  readonly time = new WorldTime()
  readonly clock: ClientClock
  readonly loop: ClientLoop
  readonly trace: Trace
  readonly ledger = new Ledger()
  readonly venue: Venue
  readonly faults: Faults
  readonly user: User
  // — what actors share —
  readonly breaker: WsCircuitBreaker | undefined
  readonly connectBudget: ConnectBudget | false
  readonly requestIds: WsRequestIds
  /** What bounds their connects; none without a budget. */
  readonly connectLimits: readonly ConnectLimit[]
  /** All actors that there have been; the newest last. */
  readonly lives: Life[] = []
  /** Attempts that had begun, the client's monotonic µs. */
  readonly attemptTimes: number[] = []
  /** Connections that have not been destroyed, as far as has been looked. */
  readonly tcps: Tcp[] = []
  /** When the network lost them, without telling anybody. */
  readonly vanishedUs = new Map<Tcp, number>()
  readonly #lifeOf = new Map<Tcp, Life>()
  /** By kind. */
  readonly injected = new Map<string, number>()
  violation: Violation | undefined
  steps = 0
  /** The user acts and things go wrong. */
  isChaotic = true
  /** What the handler had heard when rest began. */
  messagesBeforeRest = 0
  readonly #random: SeededRandom
  readonly #afterwards: (() => void)[] = []
  #nextUserUs = 0
  #nextFaultUs = Infinity

  constructor(seed: number, tampering: Tampering = {}) {
    this.setup = setupOf(seed)
    this.tampering = tampering
    this.clock = new ClientClock(this.time)
    this.trace = new Trace(() => this.time.nowUs)
    this.loop = new ClientLoop(this.time, this.clock, SeededRandom.named(seed, 'loop'), () => this.#step())
    this.#random = SeededRandom.named(seed, 'lives')
    this.venue = new Venue(this.time, this.setup, SeededRandom.named(seed, 'venue'), this.ledger, {
      frame: (session, opcode, text) => this.lifeOf(session.end.tcp)?.evidence.frame(session, opcode, text),
      broken: (what) => this.violated('speaks-rfc6455', what),
      fault: (kind) => this.fault(kind, ''),
      trace: (text) => this.trace.add(text),
    })
    this.faults = new Faults(this)
    this.user = new User(this)
    const { budget, hasBreaker } = this.setup
    this.connectLimits = LIMITS[budget]
    this.connectBudget = budget === 'none' ? false : this.#budget()
    this.requestIds = new SequentialRequestIds(SeededRandom.named(seed, 'ids'))
    this.breaker = hasBreaker ? new WsCircuitBreaker({ failures: 4, windowMs: 5000, openMs: 1500 }) : undefined
    this.#nextFaultUs = this.faults.nextMs * 1000
  }

  /** The one that lives now, or lived last. */
  get life(): Life {
    return this.lives.at(-1) as Life
  }

  /** The user begins an actor, for which everything is desired that was of the last one. */
  begin(): void {
    const life = new Life(this, this.lives.length + 1, this.lives.at(-1)?.desired.list() ?? FIRST_DESIRED)
    this.lives.push(life)
    this.trace.add(`actor ${life.n} begins`)
    this.user.starts(life)
  }

  /** It has said so, and may still be saying so. */
  ended(life: Life): void {
    if (!this.isChaotic) return
    const begin = (): void => {
      if (this.isChaotic && this.life === life) this.begin()
    }
    // Now and then from inside the very callback that tells of the end.
    if (this.#random.below(4) === 0) begin()
    else this.time.setTimer(this.#random.below(500), () => this.later(begin))
  }

  /** A connection has come about. */
  opened(tcp: Tcp, life: Life): void {
    // Addresses are raced: losers are gone when one has won.
    for (let i = this.tcps.length - 1; i >= 0; i--) if (this.tcps[i]?.destroyed) this.tcps.splice(i, 1)
    this.tcps.push(tcp)
    this.#lifeOf.set(tcp, life)
    new ServerEnd(tcp, this.time, this.venue)
  }

  lifeOf(tcp: Tcp): Life | undefined {
    return this.#lifeOf.get(tcp)
  }

  /** The first violation ends the run; it is noted, not thrown, since user code's exceptions are caught. */
  violated(name: string, detail: string): void {
    if (this.violation !== undefined) return
    this.violation = { name, detail }
    this.trace.add(`VIOLATION of ${name}: ${detail}`)
  }

  fault(kind: string, detail: string): void {
    this.injected.set(kind, (this.injected.get(kind) ?? 0) + 1)
    this.trace.add(`fault: ${kind} ${detail}`)
  }

  /** Client code to be run as soon as nothing else is. */
  later(run: () => void): void {
    this.#afterwards.push(run)
  }

  get noticesSilence(): boolean {
    const { silentAfterMs, staleAfterMs, pingPong } = this.setup
    return silentAfterMs !== undefined || staleAfterMs !== undefined || pingPong !== 'none'
  }

  /** The exchange has forgotten what the actor takes for acknowledged, and that can be noticed. */
  get hasSilentTopic(): boolean {
    if (this.setup.topicSilentMs === undefined) return false
    const { actor, evidence } = this.life
    const session = this.venue.open.find(({ end }) => end.tcp === evidence.liveTcp)
    const watched = actor
      .subscriptions()
      .filter(({ stage, item }) => (stage === 'acked' || stage === 'stale') && !evidence.unwatched.has(item))
    return watched.some(({ item }) => session?.channels.has(item) !== true)
  }

  /** For user code that takes its time. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.clock.setTimer(ms, resolve)
    })
  }

  /** Until `done`, but at most so many steps, and until `untilUs`. */
  async advance(steps: number, untilUs: number, done: () => boolean): Promise<void> {
    const last = this.steps + steps
    while (this.steps < last && this.violation === undefined && !done()) {
      const userUs = this.isChaotic ? this.#nextUserUs : Infinity
      const faultUs = this.isChaotic ? this.#nextFaultUs : Infinity
      const clientUs = this.#afterwards.length > 0 ? this.time.nowUs : this.loop.nextUs()
      const worldUs = this.time.nextUs()
      const nextUs = Math.min(worldUs, clientUs, userUs, faultUs)
      if (nextUs > untilUs) {
        this.time.nowUs = Math.max(this.time.nowUs, untilUs)
        return
      }
      if (nextUs === worldUs) {
        this.time.runNext()
        this.#step()
        continue
      }
      this.time.nowUs = Math.max(this.time.nowUs, nextUs)
      if (nextUs === clientUs) {
        const task = this.#afterwards.shift()
        if (task === undefined) await this.loop.iterate()
        else await this.loop.run(task)
      } else if (nextUs === userUs) {
        this.#nextUserUs = this.time.nowUs + this.user.nextMs * 1000
        await this.loop.run(() => this.user.act('outside', this.user.picksLife()))
      } else {
        this.#nextFaultUs = this.time.nowUs + this.faults.nextMs * 1000
        this.faults.strike()
        this.#step()
      }
    }
  }

  #step(): void {
    this.steps++
    checkStep(this)
  }

  #budget(): ConnectBudget {
    // As actors on one thread have it that are given none.
    return this.setup.budget === 'default'
      ? defaultConnectBudget(this.clock)
      : new ConnectBudget({ limits: this.connectLimits })
  }
}
