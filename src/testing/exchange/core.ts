import { SharedWsError } from '../../errors/errors.ts'
import type { Clock, ClockTimer } from '../../support/clock.ts'
import { SeededRandom } from '../seeded-random.ts'
import type {
  DropKind,
  ListenerHandler,
  Refusal,
  ServerSocket,
  ServerSocketEvents,
  UpgradeRequest,
} from '../server/listener.ts'
import { ChaosDriver, type ChaosFault } from './chaos.ts'
import { Fates, ORDER_FATES, type OrderFate } from './fates.ts'
import { ExchangeLog, type ExchangeLogEntry, type ExchangeLogRecord } from './log.ts'
import { Instrument } from './market.ts'
import { MarketFeed } from './market-feed.ts'
import type { CheckedExchangeOptions } from './options.ts'
import { Orders } from './orders.ts'
import { notification } from './rpc.ts'
import { Session, type SessionHost } from './session.ts'

/** Which connection a control means: that one, or without it all that are open. */
export interface WhichConnection {
  readonly connection?: number
}

export interface StallOptions extends WhichConnection {
  /** Default `both`. A stalled exchange keeps TCP up; what it does not read waits in the kernel. */
  readonly what?: 'reading' | 'sending' | 'both'
  readonly forMs: number
  /** What ends it. Default: it goes on as if nothing had been. */
  readonly thenDrop?: DropKind
}

export interface RefuseOptions {
  /** Default 503. */
  readonly status?: number
  /** The `Retry-After` header, in seconds. Default: none. */
  readonly retryAfterS?: number
  /** How many of the next upgrades. Default 1. */
  readonly count?: number
}

export interface ExchangeStats {
  /** Open now. */
  readonly connections: number
  /** Messages to clients, over all connections; those of connections that have ended included. */
  readonly messagesSent: number
  readonly logEntries: number
  /** Not 0: the log was full, and proves nothing. */
  readonly logDropped: number
}

/** The exchange itself, whatever carries its connections. */
export class ExchangeCore implements ListenerHandler {
  readonly options: CheckedExchangeOptions
  readonly clock: Clock
  readonly orders = new Orders()
  readonly fates: Fates
  readonly instruments: ReadonlyMap<string, Instrument>
  readonly #log: ExchangeLog
  readonly #sessions = new Map<number, Session>()
  readonly #subscribers = new Map<string, Set<Session>>()
  readonly #skips = new Map<string, number>()
  readonly #refusals: Refusal[] = []
  readonly #stalls = new Map<Session, ClockTimer>()
  readonly #feed: MarketFeed
  readonly #chaos: ChaosDriver
  #accepted = 0
  #messagesOfEnded = 0

  /** @internal */
  constructor(options: CheckedExchangeOptions) {
    this.options = options
    this.clock = options.clock
    this.fates = new Fates(options.seed, options.chaos.fates)
    this.#log = new ExchangeLog(options.maxLogEntries)
    this.instruments = new Map(options.instruments.map((name) => [name, new Instrument(name, options.seed)]))
    this.#feed = new MarketFeed(this.clock, options.rate, [...this.instruments.values()], this.#host())
    const random = SeededRandom.named(options.seed, 'faults')
    this.#chaos = new ChaosDriver(this.clock, options.chaos, random, (fault, chance) => this.#strike(fault, chance))
  }

  /** @internal */
  begin(): void {
    this.#feed.start()
    this.#chaos.start()
  }

  /** @internal Ends everything that moves by itself; connections are the listener's to end. */
  end(): void {
    this.#feed.stop()
    this.#chaos.stop()
    for (const timer of this.#stalls.values()) timer.cancel()
    this.#stalls.clear()
  }

  /** @internal */
  onUpgrade(_request: UpgradeRequest): Refusal | undefined {
    const full = this.#sessions.size >= this.options.maxConnections
    const refusal = full ? { status: 429, body: 'too many connections\n' } : this.#refusals.shift()
    if (refusal !== undefined) this.#record({ kind: 'refused', status: refusal.status })
    return refusal
  }

  /** @internal */
  onSocket(socket: ServerSocket): ServerSocketEvents {
    const session = new Session(++this.#accepted, socket, this.#host())
    this.#sessions.set(session.connection, session)
    return session
  }

  // Controls.

  /** Ends TCP without a close handshake. Default: a reset. */
  drop(how: DropKind = 'rst', which: WhichConnection = {}): void {
    for (const session of this.#chosen(which)) {
      this.#fault(how, session)
      session.drop(how)
    }
  }

  /** Close handshake. Default 1001 'going away'. */
  closeConnections(options: WhichConnection & { readonly code?: number; readonly reason?: string } = {}): void {
    for (const session of this.#chosen(options)) {
      this.#fault('close', session)
      session.close(options.code ?? 1001, options.reason ?? 'going away')
    }
  }

  /** Stops reading, sending or both, for a time. A stall that is under way is replaced. */
  stall(options: StallOptions): void {
    const { what = 'both', forMs, thenDrop } = options
    if (!(forMs >= 0 && forMs <= 600_000)) throw misuse('stall: forMs must be a number of ms from 0 to 600000')
    if (!['reading', 'sending', 'both'].includes(what)) throw misuse('stall: what must be reading, sending or both')
    for (const session of this.#chosen(options)) {
      this.#release(session)
      this.#fault(thenDrop === undefined ? 'stall' : 'stall-and-drop', session)
      if (what !== 'sending') session.socket.holdReading()
      if (what !== 'reading') session.socket.holdSending()
      const timer = this.clock.setTimer(forMs, () => {
        if (thenDrop === undefined) {
          this.#release(session)
        } else {
          this.#stalls.delete(session)
          session.drop(thenDrop)
        }
      })
      this.#stalls.set(session, timer)
    }
  }

  /** Answers the next upgrades with an HTTP status. */
  refuseConnects({ status = 503, retryAfterS, count = 1 }: RefuseOptions = {}): void {
    if (!(Number.isInteger(status) && status >= 400 && status <= 599)) {
      throw misuse('refuseConnects: status must be from 400 to 599')
    }
    if (!(Number.isInteger(count) && count >= 0 && count <= 10_000)) {
      throw misuse('refuseConnects: count must be from 0 to 10000')
    }
    const headers = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }
    for (let i = 0; i < count; i++) this.#refusals.push({ status, headers, body: 'refused on purpose\n' })
  }

  /** Sends anything: malformed JSON, an answer to nothing, a megabyte. Strings as text, bytes as binary. */
  send(payload: string | Uint8Array, which: WhichConnection = {}): void {
    for (const session of this.#chosen(which)) session.send(payload)
  }

  /** Sends the first `byteCount` bytes of the text's frame, header included, and drops TCP. */
  sendCut(text: string, byteCount: number, how: DropKind = 'rst', which: WhichConnection = {}): void {
    for (const session of this.#chosen(which)) {
      this.#fault('cut', session)
      session.dropWithin(text, byteCount, how)
    }
  }

  /** Does not send the next `count` notifications of the channel: a hole in its sequence. */
  skip(channel: string, count = 1): void {
    if (!(Number.isInteger(count) && count >= 1)) throw misuse('skip: count must be a whole number from 1 on')
    if (!this.#subscribers.has(channel)) throw misuse(`skip: nobody has subscribed to ${JSON.stringify(channel)}`)
    this.#record({ kind: 'fault', fault: 'skip' })
    this.#skips.set(channel, (this.#skips.get(channel) ?? 0) + count)
  }

  /** Decides what becomes of the orders with this label, whatever the label or chance would say. */
  setFate(label: string, fate: OrderFate): void {
    if (!ORDER_FATES.includes(fate)) throw misuse(`setFate: fate must be one of ${ORDER_FATES.join(', ')}`)
    this.fates.set(label, fate)
  }

  /** Tokens end now, as if their time were up. */
  expireTokens(which: WhichConnection = {}): void {
    for (const session of this.#chosen(which)) session.expireToken()
  }

  /** Ends chaos, stalls and refusals; what has been set with {@link setFate} stays. */
  calm(): void {
    this.#chaos.stop()
    this.fates.calm()
    this.#refusals.length = 0
    this.#skips.clear()
    for (const session of [...this.#stalls.keys()]) this.#release(session)
  }

  /** At most `count` entries of the log behind the first `skip`: every frame received, every change of state. */
  log(skip = 0, count = Infinity): readonly ExchangeLogEntry[] {
    return this.#log.read(skip, count)
  }

  stats(): ExchangeStats {
    const open = [...this.#sessions.values()]
    return {
      connections: open.length,
      messagesSent: open.reduce((sum, session) => sum + session.messagesSent, this.#messagesOfEnded),
      logEntries: this.#log.length,
      logDropped: this.#log.dropped,
    }
  }

  #host(): SessionHost & { readonly wanted: (channel: string) => boolean } {
    return {
      options: this.options,
      clock: this.clock,
      orders: this.orders,
      fates: this.fates,
      instruments: this.instruments,
      log: (record) => this.#record(record),
      subscribe: (session, channel) => {
        const subscribers = this.#subscribers.get(channel)
        if (subscribers === undefined) this.#subscribers.set(channel, new Set([session]))
        else subscribers.add(session)
      },
      unsubscribe: (session, channel) => this.#unsubscribe(session, channel),
      wanted: (channel) => this.#subscribers.has(channel),
      publish: (channel, data) => this.#publish(channel, data),
      ended: (session) => this.#ended(session),
    }
  }

  #publish(channel: string, data: object): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers === undefined) return
    const skips = this.#skips.get(channel) ?? 0
    if (skips > 0) {
      if (skips === 1) this.#skips.delete(channel)
      else this.#skips.set(channel, skips - 1)
      return
    }
    const text = notification(channel, data)
    for (const session of [...subscribers]) session.send(text)
  }

  #unsubscribe(session: Session, channel: string): void {
    const subscribers = this.#subscribers.get(channel)
    if (subscribers?.delete(session) && subscribers.size === 0) this.#subscribers.delete(channel)
  }

  #ended(session: Session): void {
    this.#stalls.get(session)?.cancel()
    this.#stalls.delete(session)
    for (const channel of session.channels) this.#unsubscribe(session, channel)
    this.#sessions.delete(session.connection)
    this.#messagesOfEnded += session.messagesSent
  }

  #release(session: Session): void {
    this.#stalls.get(session)?.cancel()
    if (!this.#stalls.delete(session)) return
    session.socket.releaseReading()
    session.socket.releaseSending()
  }

  #chosen({ connection }: WhichConnection): readonly Session[] {
    if (connection === undefined) return [...this.#sessions.values()]
    const session = this.#sessions.get(connection)
    return session === undefined ? [] : [session]
  }

  #strike(fault: ChaosFault, random: SeededRandom): void {
    const open = [...this.#sessions.keys()]
    const connection = open[random.below(open.length)]
    if (connection === undefined) return
    const which = { connection }
    if (fault === 'rst' || fault === 'fin') this.drop(fault, which)
    if (fault === 'close') this.closeConnections(which)
    if (fault === 'stall') this.stall({ ...which, forMs: 500 + random.below(1000) })
    if (fault === 'stall-and-drop') this.stall({ ...which, forMs: 500 + random.below(1000), thenDrop: 'rst' })
    if (fault === 'refuse') {
      const refusal = random.below(2) === 0 ? { status: 503 } : { status: 429, retryAfterS: 1 }
      this.refuseConnects({ ...refusal, count: 1 + random.below(2) })
      this.drop('rst', which)
    }
    if (fault === 'cut') {
      const text = notification('ticker.NOBODY.100ms', { note: 'cut' })
      this.sendCut(text, 1 + random.below(text.length), random.below(2) === 0 ? 'rst' : 'fin', which)
    }
    if (fault === 'garbage') {
      this.#record({ kind: 'fault', fault, connection })
      this.send(random.below(2) === 0 ? '{"jsonrpc":"2.0","id":' : '{"jsonrpc":"2.0","id":"nobody","result":[]}', which)
    }
  }

  #fault(fault: ChaosFault, session: Session): void {
    this.#record({ kind: 'fault', fault, connection: session.connection })
  }

  #record(record: ExchangeLogRecord): void {
    this.#log.add(Math.round(this.clock.epochUs()), record)
  }
}

function misuse(message: string): SharedWsError {
  return new SharedWsError('ERR_EXCHANGE', message)
}
