import type { WsStatusEvent } from '../../src/actor/status.ts'
import type { WsDisconnectCause } from '../../src/errors/disconnect-cause.ts'
import type { WsOutcome } from '../../src/requests/outcome.ts'
import type { WsSubscriptionRequest } from '../../src/session/subscription-manager.ts'
import type { WsFrame } from '../../src/transport/frame.ts'
import { checkAttempt } from './invariants/attempts.ts'
import { nothingAfterGoodbye } from './invariants/ends.ts'
import { Holes } from './invariants/holes.ts'
import { LatencyReference, wasTooSlow } from './invariants/latency.ts'
import type { Leaving } from './invariants/leaving.ts'
import { checkDisconnect } from './invariants/old-news.ts'
import { checkOutcome } from './invariants/outcomes.ts'
import { topicIsSilent } from './invariants/topics.ts'
import { checkFrame, comesAfterAuth } from './invariants/wire.ts'
import { type AskRecord, callIn, channelIn, markIn } from './ledger.ts'
import type { Life } from './life.ts'
import type { VenueSession } from './play/venue.ts'
import type { Simulation } from './simulation.ts'
import type { SimLink } from './world/link.ts'
import type { Tcp } from './world/socket.ts'

/** What is known of one connection of the actor's. */
export interface ConnectionRecord {
  readonly n: number
  readonly link: SimLink
  readonly openedUs: number
  /** Receive time of its newest message, the client's monotonic µs. */
  receivedUs: number
  disconnected: boolean
  gap: boolean
  gapTold: boolean
  /** It was our own choice, told as `draining` so many ms before. */
  left: { readonly cause: WsDisconnectCause; readonly forMs: number } | undefined
}

const AFTER_THE_END: ReadonlySet<string> = new Set(['metrics.report', 'onStatus', 'onHookError'])

/** What comes to the ears of one actor's user and what it does on the wire, in order; each thing is judged as it comes. */
export class Evidence {
  readonly #life: Life
  readonly links: SimLink[] = []
  /** Connections of the actor by their number. */
  readonly connections = new Map<number, ConnectionRecord>()
  lastConnection: ConnectionRecord | undefined
  /** What subscription messages are for, by their ids. */
  readonly subscriptionIds = new Map<string, { readonly what: 'replay' | 'change'; readonly connection: number }>()
  /** The last call number on the wire, by connection and lane. */
  readonly lastCalls = new Map<string, number>()
  readonly replayed = new Set<Tcp>()
  readonly changedFirst = new Set<Tcp>()
  /** Connections on which the user has asked for a replay. */
  readonly userReplays = new Set<number>()
  /** Items that were rejected on the current connection. */
  readonly rejected = new Set<string>()
  /** When frames were handed to the current link, the client's monotonic µs. */
  readonly sentTimes: number[] = []
  /** Those of pongs. */
  readonly pongTimes: number[] = []
  /** When data of a topic was last read on the current connection. */
  readonly lastTopicData = new Map<string, number>()
  /** Topics whose limit could not be asked for. */
  readonly unwatched = new Set<string>()
  /** Logins that the exchange has seen, by id. */
  readonly logins = new Set<string>()
  /** The user has asked not to be read for. */
  paused = false
  /** The venue has said so, and it is being done anew: asks are refused. */
  authExpired = false
  resumedUs = 0
  /** Control pings, those of the user's among them. */
  pings = 0
  /** When the strategy's last ping was given to the link or, of one in a data frame, to the kernel; the client's monotonic µs. */
  lastPingUs = -Infinity
  /** World time: when the ping-pong strategy last failed to say when it is due. */
  doubtedUs = -Infinity
  /** World time: when a stall was last told. */
  stallToldUs = -Infinity
  /** World time: when the current connection became ready. */
  readyUs = 0
  /** The one that was last told to be ready. */
  readyTcp: Tcp | undefined
  stopped: WsStatusEvent | undefined
  messages = 0
  /** By the kernel, of all connections. */
  messagesTaken = 0
  hooksCalled = 0
  hookErrors = 0
  disconnects = 0
  /** Of the last disconnect. */
  lastCause: WsDisconnectCause | undefined
  /** By id, how often something was told late. */
  readonly lateReplies = new Map<string, number>()
  latency: LatencyReference | undefined
  readonly holes: Holes
  /** It is leaving the current connection by its own choice. */
  leaving: Leaving | undefined
  readonly #numbers = new Map<string, number>()

  constructor(life: Life) {
    this.#life = life
    this.holes = new Holes(life)
    const { latency } = life.sim.setup
    if (latency !== undefined) this.latency = new LatencyReference(latency)
  }

  get #sim(): Simulation {
    return this.#life.sim
  }

  /** Data that the actor is told of, or that its transport follows. Returns its topic. */
  topicData(frame: WsFrame): string | undefined {
    const topic = channelIn(frame.text())
    if (topic !== undefined) {
      this.lastTopicData.set(topic, frame.receivedMonoUs)
      this.holes.data(topic)
    }
    return topic
  }

  // — from the transport and the network —

  connecting(link: SimLink): void {
    checkAttempt(this.#life)
    this.lastPingUs = -Infinity
    this.sentTimes.length = 0
    this.pongTimes.length = 0
    this.links.length = 0
    this.links.push(link)
  }

  /** The kernel has taken the first bytes of a frame with this text. */
  began(text: string): void {
    if (text.includes('"ping-of-ours')) this.lastPingUs = this.#sim.clock.monoUs()
    comesAfterAuth(this.#life, text)
    nothingAfterGoodbye(this.#life, text)
    const call = callIn(text)
    if (call !== undefined) this.#life.timed.began(call)
    const mark = markIn(text) ?? ''
    const ask = this.#sim.ledger.byMark(mark)
    if (ask === undefined) return
    if (ask.beganUs !== undefined) this.#sim.violated('sent-once', `${mark} is sent a second time`)
    ask.beganUs = this.#sim.clock.monoUs()
    const [outcome] = ask.outcomes
    if (ask.rejected !== undefined) this.#sim.violated('never-sent-stays-so', `${mark} leaves, after it was rejected`)
    if (outcome !== undefined && ['not-delivered', 'too-many-pending', 'payload-mismatch'].includes(outcome.kind)) {
      this.#sim.violated('never-sent-stays-so', `${mark} leaves, after it was said to be ${outcome.kind}`)
    }
  }

  taken(text: string): void {
    const { ledger, clock } = this.#sim
    this.messagesTaken++
    const call = callIn(text) ?? 0
    ledger.taken(call)
    this.#life.timed.wasTaken(call)
    const ask = ledger.byMark(markIn(text) ?? '')
    if (ask !== undefined) ask.takenUs = clock.monoUs()
  }

  /** A frame at the exchange. */
  frame(session: VenueSession, opcode: number, text: string): void {
    checkFrame(this.#life, session, opcode, text)
  }

  // — from the user's code —

  /** Any hook was called. */
  hook(where: string, connection: number | undefined): void {
    this.hooksCalled++
    // `status` itself watches over status events; the last report follows the end, and errors of either are told.
    if (this.stopped !== undefined && !AFTER_THE_END.has(where)) {
      this.#sim.violated('stopped-is-final', `${where} is called after the end`)
    }
    if (connection !== undefined && this.connections.get(connection)?.gap === true) {
      this.#sim.violated('nothing-after-gap', `${where} hears of connection ${connection} after its gap`)
    }
  }

  message(connection: number): void {
    this.messages++
    this.hook('handler.handleMessage', connection)
  }

  /** A data frame, as the first user code in its way sees it: none is lost, doubled or out of order. */
  data(text: string): void {
    const found = /"channel":"([^"]+)","data":\{"n":(\d+)/.exec(text)
    if (found === null) return
    const { connection } = this.#life.actor
    const key = `${connection} ${found[1]}`
    const n = Number(found[2])
    const channel = found[1] as string
    const last = this.#numbers.get(key) ?? 0
    const { venue } = this.#sim
    const tcp = this.links.at(-1)?.tcp
    const isTwin = n === last && venue.wasSentTwice(tcp, channel, n)
    if (n !== venue.numberAfter(tcp, channel, last) && !isTwin) {
      this.#sim.violated('data-in-order', `${channel} on connection ${connection}: ${n} after ${last || 'nothing'}`)
    }
    this.#numbers.set(key, n)
    if (this.connections.get(connection)?.gap === true) {
      this.#sim.violated('nothing-after-gap', `data of connection ${connection} after its gap`)
    }
  }

  subscriptionFrames(what: 'replay' | 'change', requests: readonly WsSubscriptionRequest[]): void {
    const { connection } = this.#life.actor
    for (const { requestId } of requests) this.subscriptionIds.set(requestId, { what, connection })
  }

  outcome(ask: AskRecord, outcome: WsOutcome): void {
    ask.outcomes.push(outcome)
    this.#sim.ledger.open.delete(ask)
    const reason = 'reason' in outcome ? `/${outcome.reason}` : ''
    this.#sim.trace.add(`outcome ${ask.mark}: ${outcome.kind}${reason}, delivery ${outcome.delivery}`)
    checkOutcome(this.#life, ask, outcome)
  }

  gapTold(connection: number): void {
    const record = this.connections.get(connection)
    if (record === undefined || record.gapTold)
      this.#sim.violated('gaps-marked', `onGap(${connection}) is one too many`)
    else record.gapTold = true
  }

  status(event: WsStatusEvent): void {
    const more =
      'cause' in event ? event.cause.code : event.kind === 'subscription' ? `${event.item} ${event.state}` : ''
    this.#sim.trace.add(`status ${event.kind} #${event.connection} ${more}`)
    if (this.stopped !== undefined && event.kind !== 'settled')
      this.#sim.violated('stopped-is-final', `status ${event.kind} after stopped`)
    const record = this.connections.get(event.connection)
    if (record?.gap === true && !['stopped', 'backoff', 'settled', 'backpressure'].includes(event.kind)) {
      this.#sim.violated('nothing-after-gap', `status ${event.kind} of connection ${event.connection} after its gap`)
    }
    // What needs authentication is asked for once more, which is no first replay.
    if (event.kind === 'authenticated' && this.#life.actor.status === 'ready') this.userReplays.add(event.connection)
    if (event.kind === 'auth-expired') this.authExpired = true
    else if (event.kind === 'authenticated' || event.kind === 'disconnected') this.authExpired = false
    switch (event.kind) {
      case 'open':
        this.#opened(event.connection)
        break
      case 'draining':
        wasTooSlow(this.#life, event.cause)
        this.leaving = { cause: event.cause, sinceUs: this.#sim.clock.monoUs(), idleSinceUs: Infinity }
        break
      case 'disconnected':
        this.#disconnected(event.cause, record)
        break
      case 'gap':
        // A hole in the sequence of a connection that goes on is one of its gaps, too.
        if (event.scope === 'topic' || (event.cause.kind === 'sequence-gap' && record?.disconnected === false)) {
          this.holes.gap(event)
        } else this.#gap(event, record)
        break
      case 'resumed':
        this.holes.resumed(event.key)
        break
      case 'sends-given-up':
        this.#life.timed.tells(event)
        break
      case 'ready':
        this.readyTcp = this.links.at(-1)?.tcp
        this.readyUs = this.#sim.time.nowUs
        break
      case 'backpressure':
        // Who stops has the socket read again, for the end to be heard.
        this.paused = event.paused
        if (!event.paused) this.resumedUs = this.#sim.time.nowUs
        break
      case 'stall':
        this.stallToldUs = this.#sim.time.nowUs
        break
      case 'topic-silent':
        topicIsSilent(this.#life, event.topic)
        break
      case 'stopped':
        this.stopped = event
        for (const ask of this.#sim.ledger.openOf(this.#life)) {
          if (ask.deadlineUs === Infinity) this.#life.ends.afterwards.add(ask)
        }
        this.#sim.ended(this.#life)
        break
      case 'subscription':
        if (event.state === 'rejected') {
          this.rejected.add(event.item)
          // The feed will not mend it: that is left to the user again.
          this.holes.loosen([event.item])
        }
        if (event.state === 'acked') this.holes.acked(event.item)
        break
      default:
        break
    }
  }

  #disconnected(cause: WsDisconnectCause, record: ConnectionRecord | undefined): void {
    const { leaving } = this
    this.lastCause = cause
    this.leaving = undefined
    if (record === undefined) return
    this.disconnects++
    this.holes.clear()
    record.disconnected = true
    if (leaving?.cause === cause) {
      record.left = { cause, forMs: (this.#sim.clock.monoUs() - leaving.sinceUs) / 1000 }
    }
    checkDisconnect(this.#life, record, cause)
  }

  #opened(n: number): void {
    const link = this.links.at(-1)
    if (link === undefined || link.state === 'connecting' || link.tcp === undefined) {
      this.#sim.violated('no-stale-attempt', `connection ${n} is open, and its link is ${link?.state}`)
      return
    }
    if (this.connections.has(n)) this.#sim.violated('connections-count-up', `connection ${n} opens twice`)
    const others = this.#sim.tcps.filter((tcp) => tcp !== link.tcp && !tcp.destroyed)
    if (others.length > 0) this.#sim.violated('one-connection', `tcp ${others.map(({ id }) => id)} is open as well`)
    this.rejected.clear()
    this.holes.clear()
    this.lastTopicData.clear()
    this.unwatched.clear()
    this.lastConnection = {
      n,
      link,
      openedUs: this.#sim.time.nowUs,
      receivedUs: 0,
      disconnected: false,
      gap: false,
      gapTold: false,
      left: undefined,
    }
    this.connections.set(n, this.lastConnection)
  }

  #gap(event: Extract<WsStatusEvent, { kind: 'gap' }>, record: ConnectionRecord | undefined): void {
    if (record === undefined || record.gap || !record.disconnected) {
      this.#sim.violated(
        'gaps-marked',
        `gap of connection ${event.connection}, which ${record === undefined ? 'never opened' : 'has not ended once'}`,
      )
      return
    }
    record.gap = true
    this.#sim.ledger.lost(this.#life, event.connection)
    this.#life.timed.connectionOver(event.connection)
    if (event.fromUs > event.toUs) this.#sim.violated('gaps-marked', `a gap from ${event.fromUs} to ${event.toUs}`)
  }

  /** The current connection's TCP, while its link has not ended. */
  get liveTcp(): Tcp | undefined {
    const link = this.links.at(-1)
    return link === undefined || link.told ? undefined : link.tcp
  }
}
