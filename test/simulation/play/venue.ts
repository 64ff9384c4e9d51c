import { ExchangeCore } from '../../../src/testing/exchange/core.ts'
import { ORDER_FATES } from '../../../src/testing/exchange/fates.ts'
import { checkExchangeOptions } from '../../../src/testing/exchange/options.ts'
import { notification } from '../../../src/testing/exchange/rpc.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import type { ServerSocket, ServerSocketEvents, UpgradeRequest } from '../../../src/testing/server/listener.ts'
import { idIn, type Ledger, markIn } from '../ledger.ts'
import type { ServerEnd, ServerProgram, UpgradeAnswer } from '../world/server-end.ts'
import type { Tcp } from '../world/socket.ts'
import type { WorldTime } from '../world/time.ts'
import { refusalOf, type UpgradeFault } from './refusals.ts'
import type { Setup } from './setup.ts'

/** The venue does not know what became of the request. The client's endpoint is told so. */
export const STATUS_UNKNOWN_CODE = '13888'
/** Of a call that no client made. */
const REVOKED = 'the venue itself'
const BATCH_REFUSED = '{"code":11050,"message":"bad_request"}'
const ERROR_CODE = /"error":\{"code":(-?\d+)/

/** One connection of the exchange. */
export interface VenueSession {
  readonly end: ServerEnd
  readonly connection: number
  /** What the exchange hears the client by. */
  core: ServerSocketEvents | undefined
  auth: 'none' | 'granted' | 'refused' | 'expired'
  channels: ReadonlySet<string>
  /** Market messages so far, by channel: they are numbered from 1. */
  readonly counts: Map<string, number>
  /** Whose turn it is to be published. */
  turns: number
  /** Numbers that were left out, and that were sent twice, by channel. */
  readonly lost: Set<string>
  readonly twice: Set<string>
}

/** What the venue tells the invariants. */
export interface VenueWitness {
  frame(session: VenueSession, opcode: number, text: string): void
  broken(what: string): void
  fault(kind: string): void
  trace(text: string): void
}

/**
 * The embedded exchange on the simulated network: its core, with its log, and what misbehaves in front of it: answers that
 * are lost, doubled, late, preceded by interim ones, batches that are refused, topics that fall silent, odd upgrades.
 */
export class Venue implements ServerProgram {
  readonly core: ExchangeCore
  readonly sessions = new Map<ServerEnd, VenueSession>()
  /** Those that are over as well: what they sent may still be read. */
  readonly #bySocket = new Map<Tcp, VenueSession>()
  /** Channels about which nothing is published. */
  readonly silentTopics = new Set<string>()
  readonly #time: WorldTime
  readonly #setup: Setup
  readonly #random: SeededRandom
  readonly #ledger: Ledger
  readonly #witness: VenueWitness
  readonly #holes: SeededRandom
  readonly #upgradeFaults: UpgradeFault[] = []
  #calm = false
  #accepted = 0
  #logRead = 0

  constructor(time: WorldTime, setup: Setup, random: SeededRandom, ledger: Ledger, witness: VenueWitness) {
    this.#time = time
    this.#setup = setup
    this.#random = random
    this.#ledger = ledger
    this.#witness = witness
    this.#holes = SeededRandom.named(setup.seed, 'holes')
    const fates = Object.fromEntries([['natural', 60], ...ORDER_FATES.map((fate) => [fate, setup.fateWeight])])
    this.core = new ExchangeCore(
      checkExchangeOptions({
        clock: time,
        seed: setup.seed,
        rate: 0,
        tokenSeconds: setup.tokenSeconds,
        whenTokenExpires: setup.whenTokenExpires,
        minHeartbeatSeconds: 0.5,
        lateMs: setup.lateMs,
        maxBufferedBytes: 256 * 1024,
        maxLogEntries: 1_000_000,
        chaos: { faultEveryMs: 1e12, fates },
      }),
    )
    this.core.begin()
    this.#publishLater()
  }

  /** Nothing misbehaves any more. */
  calm(): void {
    this.#calm = true
    this.#upgradeFaults.length = 0
    this.silentTopics.clear()
    this.core.calm()
    for (const { end } of this.sessions.values()) {
      end.answersPings = true
      end.pongDelayMs = 0
    }
  }

  /** The exchange forgets a subscription that it has acknowledged, and says nothing. */
  revoke(session: VenueSession, channel: string): void {
    const call = { jsonrpc: '2.0', id: REVOKED, method: 'public/unsubscribe', params: { channels: [channel] } }
    session.core?.onMessage(Buffer.from(JSON.stringify(call)), true)
    this.#readLog()
  }

  end(): void {
    this.core.end()
  }

  /** What the next upgrade is answered with. */
  failUpgrade(fault: UpgradeFault): void {
    this.#upgradeFaults.push(fault)
  }

  /** The number that follows `last` of a channel, as far as it was sent. */
  numberAfter(tcp: Tcp | undefined, channel: string, last: number): number {
    const lost = tcp === undefined ? undefined : this.#bySocket.get(tcp)?.lost
    let n = last + 1
    while (lost?.has(`${channel} ${n}`)) n++
    return n
  }

  wasSentTwice(tcp: Tcp | undefined, channel: string, n: number): boolean {
    return tcp !== undefined && this.#bySocket.get(tcp)?.twice.has(`${channel} ${n}`) === true
  }

  /** The open connections; the newest last. */
  get open(): readonly VenueSession[] {
    return [...this.sessions.values()].filter(({ end }) => end.isOpen)
  }

  // — ServerProgram —

  upgrade(request: UpgradeRequest): UpgradeAnswer {
    const fault = this.#upgradeFaults.shift()
    if (fault !== undefined) this.#witness.trace(`venue answers the upgrade: ${fault}`)
    const refusal = fault === undefined ? this.core.onUpgrade(request) : undefined
    if (fault === 'silence') return { kind: 'silence' }
    if (fault !== undefined) return { kind: 'bytes', ...refusalOf(fault, this.#random) }
    return refusal === undefined ? { kind: 'accept' } : { kind: 'bytes', ...refusalOf('503', this.#random) }
  }

  opened(end: ServerEnd): ServerSocketEvents {
    const connection = ++this.#accepted
    const session: VenueSession = {
      end,
      connection,
      core: undefined,
      auth: 'none',
      channels: new Set(),
      counts: new Map(),
      turns: 0,
      lost: new Set(),
      twice: new Set(),
    }
    this.sessions.set(end, session)
    this.#bySocket.set(end.tcp, session)
    this.#witness.trace(`venue: connection ${connection} on tcp ${end.tcp.id}`)
    const events = this.core.onSocket(this.#socketOf(session))
    session.core = events
    return {
      onMessage: (data, isText) => {
        if (!this.#refusesBatch(session, data.toString())) events.onMessage(data, isText)
        this.#readLog()
      },
      onClose: (how) => {
        events.onClose(how)
        this.#witness.trace(`venue: connection ${connection} is over (${how.code})`)
        this.sessions.delete(end)
        this.#readLog()
      },
    }
  }

  saw(end: ServerEnd, opcode: number, payload: Buffer): void {
    const session = this.sessions.get(end)
    if (session === undefined) return
    const text = payload.toString()
    this.#witness.trace(
      `wire #${session.connection} ${opcode}: ${text.replace(/"(jsonrpc|pad)":"[^"]*",?/g, '').slice(0, 160)}`,
    )
    this.#arrived(end, text, true)
    this.#witness.frame(session, opcode, text)
  }

  sawCut(end: ServerEnd, payload: Buffer): void {
    this.#arrived(end, payload.toString(), false)
  }

  broken(_end: ServerEnd, what: string): void {
    this.#witness.broken(what)
  }

  #arrived(end: ServerEnd, text: string, whole: boolean): void {
    const ask = this.#ledger.byMark(markIn(text) ?? '')
    const id = idIn(text)
    if (ask !== undefined && id !== undefined) this.#ledger.arrived(ask, id, end.tcp, whole)
  }

  // — what is sent —

  /** The exchange sends through us. */
  #socketOf(session: VenueSession): ServerSocket {
    const { end } = session
    return {
      request: end.request,
      get bufferedBytes() {
        return end.bufferedBytes
      },
      send: (payload) => this.#send(session, payload),
      sendCut: (text, byteCount, how) => end.sendCut(text, byteCount, how),
      ping: () => end.ping(),
      close: (code, reason) => end.close(code, reason),
      drop: (how) => end.drop(how),
      holdReading: () => end.holdReading(),
      releaseReading: () => end.releaseReading(),
      holdSending: () => end.holdSending(),
      releaseSending: () => end.releaseSending(),
    }
  }

  #send(session: VenueSession, payload: string | Uint8Array): void {
    const text = typeof payload === 'string' ? payload : ''
    const id = text.includes('"method":') ? undefined : idIn(text)
    if (id === REVOKED) return
    if (id === undefined) session.end.send(payload)
    else this.#answer(session, id, text)
  }

  #answer(session: VenueSession, id: string, text: string): void {
    const { end } = session
    const what = this.#calm ? 'plain' : this.#random.pick(this.#setup.answers)
    if (what !== 'plain') this.#witness.fault(`answer ${what}`)
    const put = (answer: string, interim = false): void => {
      const code = ERROR_CODE.exec(answer)?.[1]
      const before = end.tcp.writtenBytes
      end.send(answer)
      if (end.tcp.writtenBytes === before) return
      this.#witness.trace(`venue answers ${id} ${interim ? 'interim' : (code ?? 'ok')} on tcp ${end.tcp.id}`)
      this.#ledger.answered({ requestId: id, tcp: end.tcp, code, interim, endByte: end.tcp.writtenBytes })
    }
    switch (what) {
      case 'plain':
        put(text)
        break
      case 'missing':
        break
      case 'twice':
        put(text)
        put(text)
        break
      case 'delayed':
        this.#time.setTimer(this.#random.below(2000), () => put(text))
        break
      case 'interim':
        put(`{"jsonrpc":"2.0","id":"${id}","status":"working"}`, true)
        this.#time.setTimer(this.#random.below(300), () => put(text))
        break
      case 'unknown':
        put(`{"jsonrpc":"2.0","id":"${id}","error":{"code":${STATUS_UNKNOWN_CODE},"message":"unknown"}}`)
        break
    }
  }

  /** A whole batch of subscriptions is refused, without a word about which of them is at fault. */
  #refusesBatch(session: VenueSession, text: string): boolean {
    if (this.#calm || !text.includes('/subscribe"') || this.#random.float() >= this.#setup.batchRefusals) return false
    const id = idIn(text)
    // It does not refuse what it has granted already.
    if (id === undefined || [...session.channels].some((channel) => text.includes(`"${channel}"`))) return false
    this.#witness.fault('batch refused')
    this.#answer(session, id, `{"jsonrpc":"2.0","id":"${id}","error":${BATCH_REFUSED}}`)
    return true
  }

  #readLog(): void {
    for (const entry of this.core.log(this.#logRead)) {
      this.#logRead++
      if (entry.kind !== 'auth' && entry.kind !== 'subscribed') continue
      for (const session of this.sessions.values()) {
        if (session.connection !== entry.connection) continue
        if (entry.kind === 'auth') session.auth = entry.state
        else session.channels = new Set(entry.channels)
      }
    }
  }

  // — the market —

  #publishLater(): void {
    const { marketEveryMs } = this.#setup
    this.#time.setTimer(marketEveryMs * (0.5 + this.#random.float()), () => {
      this.#publishLater()
      for (const session of this.sessions.values()) if (session.channels.size > 0) this.#publish(session)
    })
  }

  #publish(session: VenueSession): void {
    const { counts, end } = session
    const noisy = [...session.channels].filter((channel) => !channel.startsWith('user.'))
    const channel = noisy[session.turns++ % noisy.length]
    if (channel === undefined || this.silentTopics.has(channel)) return
    const n = (counts.get(channel) ?? 0) + 1
    counts.set(channel, n)
    const times = this.#calm || this.#holes.float() >= this.#setup.holes ? 1 : this.#holes.below(4) === 0 ? 2 : 0
    if (times !== 1) {
      this.#witness.fault(times === 0 ? 'sequence hole' : 'message twice')
      const numbers = times === 0 ? session.lost : session.twice
      numbers.add(`${channel} ${n}`)
    }
    const message = notification(channel, { n, timestamp: Math.round(this.#time.epochUs() / 1000) })
    for (let i = 0; i < times; i++) end.send(message)
    if (end.bufferedBytes > 256 * 1024) end.drop('rst')
  }
}
