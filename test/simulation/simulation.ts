import type { WebSocketActorOptions } from '../../src/actor/options.ts'
import { WebSocketActor } from '../../src/actor/websocket-actor.ts'
import { ProtocolPingPong } from '../../src/health/protocol-ping-pong.ts'
import { WsCircuitBreaker } from '../../src/reconnect/circuit-breaker.ts'
import { ConnectBudget, type ConnectLimit, DEFAULT_CONNECT_LIMITS } from '../../src/reconnect/connect-budget.ts'
import type { JsonRpcNotification } from '../../src/testing/json-rpc-delegated-endpoint.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { WsTransport } from '../../src/transport/transport.ts'
import { Evidence } from './evidence.ts'
import { keepsThePace } from './invariants/pace.ts'
import { checkStep } from './invariants/steps.ts'
import { Ledger, markIn } from './ledger.ts'
import { Faults } from './play/faults.ts'
import { Clumsiness, SimEndpoint, SimIngress, SimReconnect, topicsOf } from './play/hooks.ts'
import { type Setup, setupOf } from './play/setup.ts'
import { User } from './play/user.ts'
import { Venue } from './play/venue.ts'
import { ClientLoop } from './world/loop.ts'
import { ServerEnd } from './world/server-end.ts'
import type { Tcp } from './world/socket.ts'
import { ClientClock, WorldTime } from './world/time.ts'
import { Trace } from './world/trace.ts'
import { SimTransport } from './world/transport.ts'

export interface Violation {
  /** Of the invariant. */
  readonly name: string
  readonly detail: string
}

/** What a planted bug may put between the actor and the world. */
export interface Tampering {
  readonly transport?: (transport: WsTransport, sim: Simulation) => WsTransport
  readonly options?: (options: WebSocketActorOptions<JsonRpcNotification, string>) => typeof options
}

const LIMITS: Readonly<Record<Setup['budget'], readonly ConnectLimit[]>> = {
  default: DEFAULT_CONNECT_LIMITS,
  tight: [
    { connects: 2, perMs: 700 },
    { connects: 5, perMs: 5000 },
  ],
  wide: [{ connects: 8, perMs: 300 }],
  none: [],
}

/** One world: the real actor over a simulated network, an exchange behind it, a user before it. All of it follows from the seed. */
export class Simulation {
  readonly setup: Setup
  readonly time = new WorldTime()
  readonly clock: ClientClock
  readonly loop: ClientLoop
  readonly trace: Trace
  readonly ledger = new Ledger()
  readonly evidence: Evidence
  readonly venue: Venue
  readonly faults: Faults
  readonly user: User
  readonly clumsy: Clumsiness
  readonly breaker: WsCircuitBreaker | undefined
  /** What bounds its connects; none without a budget. */
  readonly connectLimits: readonly ConnectLimit[]
  readonly actor: WebSocketActor<JsonRpcNotification, string>
  readonly signal = new AbortController()
  /** By kind. */
  readonly injected = new Map<string, number>()
  violation: Violation | undefined
  steps = 0
  /** The user acts and things go wrong. */
  isChaotic = true
  /** The user has asked for the end. */
  isStopping = false
  /** What the handler had heard when rest began. */
  messagesBeforeRest = 0
  readonly #afterwards: (() => void)[] = []
  #nextUserUs = 0
  #nextFaultUs = Infinity
  /** Timers of the client's clock that are not the library's. */
  foreignTimers = 0

  constructor(seed: number, tampering: Tampering = {}) {
    this.setup = setupOf(seed)
    this.clock = new ClientClock(this.time)
    this.trace = new Trace(() => this.time.nowUs)
    this.loop = new ClientLoop(this.time, this.clock, SeededRandom.named(seed, 'loop'), () => this.#step())
    this.evidence = new Evidence(this)
    this.venue = new Venue(this.time, this.setup, SeededRandom.named(seed, 'venue'), this.ledger, {
      frame: (session, opcode, text) => this.evidence.frame(session, opcode, text),
      broken: (what) => this.violated('speaks-rfc6455', what),
      fault: (kind) => this.fault(kind, ''),
      trace: (text) => this.trace.add(text),
    })
    this.faults = new Faults(this)
    this.user = new User(this)
    this.clumsy = new Clumsiness(this)
    this.connectLimits = LIMITS[this.setup.budget]
    this.breaker = this.setup.hasBreaker
      ? new WsCircuitBreaker({ failures: 4, windowMs: 5000, openMs: 1500 })
      : undefined
    const options = this.#options(this.#transport(tampering))
    this.actor = new WebSocketActor(tampering.options?.(options) ?? options)
    this.#nextFaultUs = this.faults.nextMs * 1000
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
    const session = this.venue.open.find(({ end }) => end.tcp === this.evidence.liveTcp)
    const acked = this.actor.subscriptions().filter(({ stage }) => stage === 'acked')
    return acked.some(({ item }) => session?.channels.has(item) !== true)
  }

  serve(tcp: Tcp): void {
    new ServerEnd(tcp, this.time, this.venue)
  }

  /** For user code that takes its time. */
  pause(ms: number): Promise<void> {
    this.foreignTimers++
    return new Promise((resolve) => {
      this.clock.setTimer(ms, () => {
        this.foreignTimers--
        resolve()
      })
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
        await this.loop.run(() => this.user.act('outside'))
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

  #transport(tampering: Tampering): WsTransport {
    const transport = new SimTransport(this.setup.flavour, this.time, this.loop, this.faults, {
      connecting: (link) => this.evidence.connecting(link),
      began: (payload) => this.evidence.began(payload.toString()),
      offered: (kind) => keepsThePace(this, kind),
      taken: (payload) => this.evidence.taken(markIn(payload.toString()) ?? ''),
    })
    return tampering.transport?.(transport, this) ?? transport
  }

  #options(transport: WsTransport): WebSocketActorOptions<JsonRpcNotification, string> {
    const { setup, clumsy, evidence } = this
    const endpoint = new SimEndpoint(this)
    const { pingIntervalMs: intervalMs, pingTimeoutMs: timeoutMs } = setup
    const url = `${setup.tls ? 'wss' : 'ws'}://venue.example/api`
    const pingPong =
      setup.pingPong === 'protocol'
        ? new ProtocolPingPong({ intervalMs, timeoutMs })
        : setup.pingPong === 'application' || setup.heartbeatSeconds !== undefined
          ? endpoint.pingPong({ intervalMs, timeoutMs })
          : undefined
    return {
      url: setup.urlIsFunction ? () => this.#url(url) : url,
      transport,
      tls: { validateCerts: false },
      lookup: async () => {
        clumsy.touch('lookup')
        return Array.from({ length: setup.addresses }, (_, i) => ({ address: `192.0.2.${i + 1}`, family: 4 as const }))
      },
      limits: { maxLinkBytes: setup.maxLinkBytes },
      timeouts: { dnsMs: 500, tcpMs: 500, tlsMs: 500, upgradeMs: 800, totalMs: 2000 },
      handler: endpoint,
      subscriptionManager: endpoint,
      subscriptions: ['book.BTC-PERPETUAL.100ms', 'ticker.ETH-PERPETUAL.agg2'],
      ...(setup.hasIngress ? { ingress: new SimIngress(this) } : {}),
      ...(setup.topicSilentMs === undefined ? {} : { topics: topicsOf(setup.topicSilentMs) }),
      ...(setup.pacing === undefined ? {} : { pacing: { ...setup.pacing, whenOverBudget: setup.whenOverBudget } }),
      reconnect: new SimReconnect(this),
      ...(setup.budget === 'default'
        ? {}
        : { connectBudget: setup.budget === 'none' ? false : new ConnectBudget({ limits: this.connectLimits }) }),
      ...(this.breaker === undefined ? {} : { circuitBreaker: this.breaker }),
      ...(pingPong === undefined ? {} : { pingPong }),
      ...(setup.staleAfterMs === undefined ? {} : { staleAfterMs: setup.staleAfterMs }),
      ...(setup.silentAfterMs === undefined ? {} : { silentAfterMs: setup.silentAfterMs }),
      authTimeoutMs: 1500,
      onReadyTimeoutMs: 1500,
      subscriptionTimeoutMs: setup.subscriptionTimeoutMs,
      stableMs: setup.stableMs,
      disconnectDrainMs: setup.disconnectDrainMs,
      closeTimeoutMs: 500,
      lanes: { normalBytes: setup.normalBytes, urgentBytes: setup.urgentBytes },
      requests: {
        maxPending: setup.maxPending,
        maxUnresolved: setup.maxUnresolved,
        maxSettledIds: setup.maxSettledIds,
        settledIdsMs: setup.settledIdsMs,
      },
      onStatus: (event) => {
        evidence.status(event)
        clumsy.touch('onStatus')
      },
      onEvent: (_event, connection) => clumsy.touch('onEvent', connection),
      onBatch: (batch, connection) => {
        batch.at(batch.length - 1).text()
        clumsy.touch('onBatch', connection)
      },
      onPing: () => clumsy.touch('onPing'),
      onPong: () => clumsy.touch('onPong'),
      onLateReply: () => {
        evidence.lateReplies++
        clumsy.touch('onLateReply')
      },
      onHookError: () => {
        evidence.hookErrors++
      },
      whenHookThrows: setup.whenHookThrows,
      ...(setup.hasMetrics
        ? { metrics: { report: () => clumsy.touch('metrics.report') }, metricsIntervalMs: 300 }
        : {}),
      signal: this.signal.signal,
      clock: this.clock,
      random: SeededRandom.named(setup.seed, 'actor'),
    }
  }

  async #url(url: string): Promise<string> {
    this.clumsy.touch('url')
    const { patienceMs } = this.clumsy
    if (patienceMs > 5) await this.pause(patienceMs)
    return this.clumsy.nonsense('url') ? 'no url' : url
  }
}
