import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { AskRecord } from '../ledger.ts'
import type { Simulation } from '../simulation.ts'

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
  send: 10,
  batch: 3,
  subscribe: 5,
  unsubscribe: 4,
  replace: 1,
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
} as const

const METHODS = { 'private/buy': 5, 'private/get_order_state_by_label': 2, 'public/test': 3 } as const

/** Calls everything that a user can call, at any time, and keeps what came of it. */
export class User {
  readonly #sim: Simulation
  readonly #random: SeededRandom
  readonly #aborts: AbortController[] = []
  #sends = 0
  /** Calls in order, over asks and sends, to compare with the order on the wire. */
  #calls = 0
  /** Promises of `ready` and `ping` that have not settled. */
  waits = 0
  /** Inside one of its own calls: calls made by what that call runs do not call on. */
  #depth = 0

  constructor(sim: Simulation) {
    this.#sim = sim
    this.#random = SeededRandom.named(sim.setup.seed, 'user')
  }

  static readonly channels: readonly string[] = CHANNELS

  /** When it acts next: ms from now. */
  get nextMs(): number {
    // While it cannot do anything else, it does not ask in vain all the time.
    const { status } = this.#sim.actor
    const patience = status === 'ready' ? 1 : status === 'backoff' ? 40 : 8
    return -Math.log(1 - this.#random.float()) * this.#sim.setup.userEveryMs * patience
  }

  act(from: string): void {
    if (this.#depth > 2) return
    this.#depth++
    try {
      this.#act(this.#random.pick(ACTIONS), from)
    } finally {
      this.#depth--
    }
  }

  #act(action: keyof typeof ACTIONS, from: string): void {
    const { actor } = this.#sim
    const channels = ['subscribe', 'unsubscribe', 'replace'].includes(action) ? this.#channels() : []
    if (action !== 'ask') this.#sim.trace.add(`user: ${action} ${channels} (from ${from})`)
    switch (action) {
      case 'ask':
        this.ask(from)
        break
      case 'send':
        this.#send()
        break
      case 'batch':
        this.#batch()
        break
      case 'subscribe':
        actor.subscribe(channels)
        break
      case 'unsubscribe':
        actor.unsubscribe(channels)
        break
      case 'replace':
        actor.replaceSubscriptions(channels)
        break
      case 'replay':
        if (actor.replay()) this.#sim.evidence.userReplays.add(actor.connection)
        break
      case 'reconnect':
        actor.reconnect('as the user likes')
        break
      case 'pause':
        actor.pauseReading()
        this.#sim.evidence.paused = true
        break
      case 'resume':
        this.resume()
        break
      case 'ping':
        this.#follow(actor.ping({ timeoutMs: 1 + this.#random.below(500) }))
        break
      case 'ready':
        this.#follow(actor.ready({ timeoutMs: this.#random.below(1000) }))
        break
      case 'writable':
        this.#follow(actor.writable({ timeoutMs: this.#random.below(1000) }))
        break
      case 'watch':
        this.#watch(this.#random.below(5))
        break
      case 'settle': {
        const unresolved = actor.unresolved()
        const one = unresolved[this.#random.below(unresolved.length)]
        if (one !== undefined) actor.settle(one.requestId, 'seen by other means')
        break
      }
      case 'abort':
        this.#aborts.splice(this.#random.below(this.#aborts.length), 1)[0]?.abort(new Error('not wanted any more'))
        break
      case 'look':
        actor.stats()
        actor.subscriptions()
        actor.nextRequestId()
        break
      case 'misuse':
        this.#misuse()
        break
    }
  }

  /** Iterates over what happens next, and leaves after `events` of it. */
  #watch(events: number): void {
    const news = this.#sim.actor.statusEvents()
    const take = async (): Promise<void> => {
      for (let i = 0; i < events; i++) if ((await news.next()).done === true) return
      await news.return?.()
    }
    this.#follow(take())
  }

  resume(): void {
    this.#sim.actor.resumeReading()
    this.#sim.evidence.paused = false
    this.#sim.evidence.resumedUs = this.#sim.time.nowUs
  }

  ask(from: string): void {
    const { actor, clock, ledger, setup } = this.#sim
    const random = this.#random
    const method = random.pick(METHODS)
    const n = ledger.asks.length
    const mark = `a${n}`
    const sharesId = setup.sharedIds && random.below(5) === 0
    const abort = random.below(4) === 0 ? new AbortController() : undefined
    if (abort !== undefined) this.#aborts.push(abort)
    if (this.#aborts.length > 50) this.#aborts.shift()
    const timeoutMs = 1 + random.below(random.below(3) === 0 ? 3000 : 300)
    const sendWithinMs = random.below(4) === 0 ? random.below(100) : undefined
    const urgent = random.below(5) === 0
    const askedUs = clock.monoUs()
    const call = ++this.#calls
    const pad = 'x'.repeat(random.below(random.below(20) === 0 ? 3000 : 200))
    const params = {
      mark,
      call,
      lane: urgent ? 'urgent' : 'normal',
      label: mark,
      currency: 'BTC',
      instrument_name: 'BTC-PERPETUAL',
      amount: 10,
      type: 'market',
      pad,
    }
    const record: AskRecord = {
      n,
      mark,
      method,
      urgent,
      bytes: JSON.stringify(params).length + 80,
      askedUs,
      sharesId,
      confirmMode: random.below(4) === 0 ? 'sent' : 'confirmed',
      deadlineUs: askedUs + timeoutMs * 1000,
      sendByUs: sendWithinMs === undefined ? Infinity : askedUs + sendWithinMs * 1000,
      signal: abort?.signal,
      mayBeNotReady: actor.status !== 'ready' || this.#sim.evidence.authExpired || from !== 'outside',
      fromInside: from !== 'outside',
      outcomes: [],
      rejected: undefined,
      beganUs: undefined,
      takenUs: undefined,
      arrivals: [],
    }
    ledger.addAsk(record)
    this.#sim.trace.add(`user: ask ${mark} ${method} ${record.confirmMode} ${timeoutMs} ms (from ${from})`)
    const promise = actor.ask({
      frame: (id: string) => JSON.stringify({ jsonrpc: '2.0', id, method, params }),
      confirmMode: record.confirmMode,
      timeoutMs,
      urgent,
      ...(sharesId ? { requestId: `r${random.below(5)}`, fingerprint: `f${random.below(2)}` } : {}),
      ...(sendWithinMs === undefined ? {} : { sendWithinMs }),
      ...(abort === undefined ? {} : { signal: abort.signal }),
      ...(random.below(10) === 0 ? { sensitive: true } : {}),
    })
    promise.then(
      (outcome) => this.#sim.evidence.outcome(record, outcome),
      (error: unknown) => {
        record.rejected = error
        this.#sim.violated('asks-resolve', `ask ${mark} rejected: ${String(error)}`)
      },
    )
  }

  #send(): void {
    this.#sim.actor.send(this.#message('normal'))
  }

  #batch(): void {
    const count = 1 + this.#random.below(4)
    this.#sim.actor.sendBatch(Array.from({ length: count }, () => this.#message('normal')))
  }

  /** Text, or a function that writes it. */
  #message(lane: string): string | ((into: Uint8Array) => number) {
    const text = JSON.stringify({
      jsonrpc: '2.0',
      id: `s${++this.#sends}`,
      method: 'public/test',
      params: { call: ++this.#calls, lane, pad: 'y'.repeat(this.#random.below(150)) },
    })
    if (this.#random.below(3) > 0) return text
    return (into) => Buffer.from(into.buffer, into.byteOffset, into.byteLength).write(text)
  }

  #channels(): string[] {
    const count = 1 + this.#random.below(3)
    return Array.from({ length: count }, () => CHANNELS[this.#random.below(CHANNELS.length)] as string)
  }

  /** What a mistake of the user's comes to: an exception, and nothing else. */
  #misuse(): void {
    const { actor } = this.#sim
    const wrong: (() => unknown)[] = [
      () => actor.subscribe(['']),
      () => actor.send({} as never),
      () => actor.sendBatch(['fine', 7 as never]),
    ]
    const call = wrong[this.#random.below(wrong.length)] as () => unknown
    try {
      call()
      this.#sim.violated('misuse-throws', 'a misuse did not throw')
    } catch {
      // as promised
    }
  }

  #follow(promise: Promise<unknown>): void {
    this.waits++
    const done = (): void => {
      this.waits--
    }
    promise.then(done, done)
  }
}
