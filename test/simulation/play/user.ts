import { WsConnectError } from '../../../src/errors/disconnect-cause.ts'
import { SharedWsError } from '../../../src/errors/errors.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { HookEnd } from '../ends.ts'
import { takesItsTime } from '../invariants/latency.ts'
import type { Life } from '../life.ts'
import type { Simulation } from '../simulation.ts'
import { Goodbyes } from './goodbyes.ts'
import { MOST_CALLS_AT_ONCE, Traffic } from './traffic.ts'

const CHANNELS = [
  'book.BTC-PERPETUAL.100ms',
  'ticker.BTC-PERPETUAL.100ms',
  'book.ETH-PERPETUAL.100ms',
  'ticker.ETH-PERPETUAL.agg2',
  'book.BTC-PERPETUAL.raw',
  'user.orders.BTC-PERPETUAL.raw',
  'nothing.of.the.kind',
]

const ACTIONS = {
  ask: 34,
  send: 16,
  batch: 4,
  subscribe: 5,
  unsubscribe: 4,
  replace: 1,
  clear: 0.2,
  replay: 1,
  reconnect: 0.7,
  pause: 1.5,
  resume: 5,
  ping: 3,
  ready: 2,
  writable: 1,
  watch: 0.5,
  settle: 1,
  abort: 5,
  look: 2,
  misuse: 1,
  start: 0.5,
  closed: 1,
} as const

/** The end of an actor, as often as the setup says. */
const ENDS = { stop: 0.25, abandon: 0.15, leave: 0.1, drain: 0.2 } as const

type Action = keyof typeof ACTIONS | keyof typeof ENDS

const NOT_WANTED = new Error('not wanted any more')

/** Calls everything that a user can call, at any time, and keeps what came of it. */
export class User {
  readonly #sim: Simulation
  readonly #random: SeededRandom
  readonly #traffic: Traffic
  readonly #goodbyes: Goodbyes
  readonly #actions: Readonly<Record<Action, number>>
  readonly #aborts: AbortController[] = []
  /** Inside one of its own calls: calls made by what that call runs do not call on. */
  #depth = 0

  constructor(sim: Simulation) {
    this.#sim = sim
    const { seed, ends } = sim.setup
    this.#random = SeededRandom.named(seed, 'user')
    this.#traffic = new Traffic(sim, this.#random, this.#aborts)
    this.#goodbyes = new Goodbyes(SeededRandom.named(seed, 'goodbyes'), () => this.#newestCall)
    const { stop, abandon, leave, drain } = ENDS
    this.#actions = {
      ...ACTIONS,
      stop: stop * ends,
      abandon: abandon * ends,
      leave: leave * ends,
      drain: drain * ends,
    }
  }

  /** Those count that are being made: their functions, from which this may be asked, number them when they have run. */
  get #newestCall(): number {
    return this.#traffic.calls + Math.max(0, this.#depth - 1) * MOST_CALLS_AT_ONCE
  }

  static readonly channels: readonly string[] = CHANNELS

  /** When it acts next: ms from now. */
  get nextMs(): number {
    // While it cannot do anything else, it does not ask in vain all the time.
    const { status } = this.#sim.life.actor
    const patience = status === 'ready' ? 1 : status === 'backoff' ? 40 : 8
    return -Math.log(1 - this.#random.float()) * this.#sim.setup.userEveryMs * patience
  }

  /** The newest actor, or now and then one that has been stopped, and of which nothing may come any more. */
  picksLife(): Life {
    const { lives, life } = this.#sim
    return this.#random.below(20) > 0 ? life : (lives[this.#random.below(lives.length)] as Life)
  }

  /** A new actor. Some things can be called before it has been started. */
  starts(life: Life): void {
    const { ends } = this.#sim.setup
    this.#goodbyes.closed(life)
    if (this.#sim.isChaotic && ends > 0 && this.#random.below(5) === 0) this.act('before the start', life)
    life.actor.start()
  }

  /** A hook asks for the end by what it returns. */
  wantsEnd(life: Life, how: HookEnd): void {
    this.#goodbyes.wants(life, how, this.#sim.setup.disconnectDrainMs, 'a hook')
  }

  stop(life: Life, from: string): void {
    this.#goodbyes.stop(life, from)
  }

  subscribe(life: Life, items: readonly string[]): void {
    const { desired, evidence } = life
    // What the user was to mend of these is asked of the feed.
    evidence.holes.loosen(items.filter((item) => !desired.list().includes(item) || evidence.rejected.has(item)))
    life.desired.add(items)
    life.actor.subscribe(items)
  }

  act(from: string, life: Life): void {
    if (this.#depth > 2) return
    this.#depth++
    try {
      life.evidence.holes.now(CHANNELS)
      this.#act(this.#random.pick(this.#actions), from, life)
    } finally {
      this.#depth--
    }
  }

  #act(action: Action, from: string, life: Life): void {
    const { actor, desired } = life
    const channels = ['subscribe', 'unsubscribe', 'replace'].includes(action) ? this.#channels() : []
    if (action !== 'ask') this.#sim.trace.add(`user: ${action} ${channels} of actor ${life.n} (from ${from})`)
    switch (action) {
      case 'ask':
        this.#traffic.ask(from, life)
        break
      case 'send':
        this.#traffic.send(from, life)
        break
      case 'batch':
        this.#traffic.batch(from, life)
        break
      case 'subscribe':
        this.subscribe(life, channels)
        break
      case 'unsubscribe':
        desired.remove(channels)
        life.evidence.holes.loosen(channels)
        actor.unsubscribe(channels)
        break
      case 'replace':
        desired.replace(channels)
        life.evidence.holes.loosen(CHANNELS)
        actor.replaceSubscriptions(channels)
        break
      case 'clear':
        desired.replace([])
        life.evidence.holes.loosen(CHANNELS)
        actor.clearSubscriptions()
        break
      case 'replay':
        if (actor.replay()) life.evidence.userReplays.add(actor.connection)
        break
      case 'reconnect':
        actor.reconnect('as the user likes')
        break
      case 'pause':
        actor.pauseReading()
        life.evidence.paused = true
        break
      case 'resume':
        this.resume(life)
        break
      case 'ping': {
        const rtt = actor.ping({ timeoutMs: 1 + this.#random.below(500), ...this.#patience() })
        this.#follow(life, 'ping', rtt)
        rtt.then(
          (rttUs) => takesItsTime(life, rttUs),
          () => {},
        )
        break
      }
      case 'ready':
        this.#follow(life, 'ready', actor.ready({ timeoutMs: this.#random.below(1000), ...this.#patience() }))
        break
      case 'writable':
        this.#follow(life, 'writable', actor.writable({ timeoutMs: this.#random.below(1000), ...this.#patience() }))
        break
      case 'watch':
        this.#watch(life, this.#random.below(5))
        break
      case 'settle': {
        const unresolved = actor.unresolved()
        const one = unresolved[this.#random.below(unresolved.length)]
        if (one !== undefined) actor.settle(one.requestId, 'seen by other means')
        break
      }
      case 'abort':
        this.#aborts.splice(this.#random.below(this.#aborts.length), 1)[0]?.abort(NOT_WANTED)
        break
      case 'look':
        actor.stats()
        actor.subscriptions()
        this.#traffic.unlessClumsy('nextRequestId', () => actor.nextRequestId())
        break
      case 'misuse':
        this.#misuse(life)
        break
      case 'start':
        actor.start()
        break
      case 'closed':
        this.#goodbyes.closed(life)
        break
      case 'stop':
        this.#goodbyes.stop(life, from)
        break
      case 'abandon':
        this.#goodbyes.abandon(life, from)
        break
      case 'leave':
        this.#goodbyes.abort(life, from)
        break
      case 'drain':
        this.#goodbyes.drain(life)
        break
    }
  }

  /** A signal that may abort, as an ask's. */
  #patience(): { readonly signal?: AbortSignal } {
    if (this.#random.below(4) > 0) return {}
    const abort = new AbortController()
    this.#aborts.push(abort)
    return { signal: abort.signal }
  }

  /** Iterates over what happens next, and leaves after `events` of it. */
  #watch(life: Life, events: number): void {
    const news = life.actor.statusEvents()
    const take = async (): Promise<void> => {
      for (let i = 0; i < events; i++) if ((await news.next()).done === true) return
      await news.return?.()
    }
    this.#follow(life, 'statusEvents', take())
  }

  resume({ actor, evidence }: Life): void {
    actor.resumeReading()
    evidence.paused = false
    evidence.resumedUs = this.#sim.time.nowUs
  }

  #channels(): string[] {
    const count = 1 + this.#random.below(3)
    return Array.from({ length: count }, () => CHANNELS[this.#random.below(CHANNELS.length)] as string)
  }

  /** What a mistake of the user's comes to: an exception, and nothing else. */
  #misuse({ actor }: Life): void {
    const wrong: (() => unknown)[] = [
      () => actor.subscribe(['']),
      () => actor.send({} as never),
      () => actor.sendBatch(['fine', 7 as never]),
      () => actor.stop({ code: 1006 }),
      () => actor.drain({ timeoutMs: -1 }),
      () => actor.ask({} as never),
    ]
    const call = wrong[this.#random.below(wrong.length)] as () => unknown
    const isNoMistake = (): void => this.#sim.violated('misuse-throws', 'a misuse went through')
    try {
      const result = call()
      if (result instanceof Promise) result.then(isNoMistake, () => {})
      else isNoMistake()
    } catch {
      // as promised
    }
  }

  #follow(life: Life, what: string, promise: Promise<unknown>): void {
    life.waits++
    promise.then(
      () => {
        life.waits--
      },
      (error: unknown) => {
        life.waits--
        if (!this.#isWhy(life, error)) this.#sim.violated('waits-say-why', `${what} rejects with ${String(error)}`)
      },
    )
  }

  /** Why a wait may end badly: its time, its signal, the state of things, or how the connection or the actor ended. */
  #isWhy({ aborter, evidence }: Life, error: unknown): boolean {
    if (error === NOT_WANTED || error === aborter.signal.reason) return true
    if (error instanceof WsConnectError)
      return error.disconnectCause === evidence.lastCause || evidence.stopped !== undefined
    return error instanceof SharedWsError && ['ERR_TIMEOUT', 'ERR_NOT_OPEN', 'ERR_QUEUE_FULL'].includes(error.code)
  }
}
