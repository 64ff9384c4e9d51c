import type { WsPingPongLink } from '../health/ping-pong.ts'
import type { PendingRequest, RequestCarrier } from '../requests/pending-request.ts'
import type { RandomSource } from '../support/random.ts'
import type { WsFrame } from '../transport/frame.ts'
import { OFFER_FULL, type WsDelivery, type WsLink, type WsOpenInfo, type WsPayload } from '../transport/transport.ts'
import type { Lanes } from './lanes.ts'
import type { PingCarrier } from './pings.ts'

/** What there is from the moment a link has opened until it has ended, and what is known of it. */
export class LiveConnection implements RequestCarrier, WsPingPongLink {
  readonly connection: number
  readonly generation: number
  readonly info: WsOpenInfo
  readonly link: WsLink
  readonly nextRequestId: () => string
  readonly random: RandomSource
  readonly openedUs: number
  readonly #lanes: Lanes
  /** Application data has come. */
  dataSeen = false
  /** Reads that brought some. */
  dataReads = 0
  /** What hooks are looking at. */
  frame: WsFrame | undefined
  /** The user has been told that data flows again. */
  resumed = false
  /** The server has answered something since it answered the last subscription: a pong, a heartbeat, a reply. */
  answerSeen = false
  /** The same of control pings of the server's. */
  pingSeen = false
  /** Public subscriptions have been replayed; all of them. */
  replayed: 'nothing' | 'public' | 'all' = 'nothing'
  /** When the last byte is known to have come. */
  lastByteUs: number
  #bytesSeen = 0
  /** Made when somebody asks for its signal, which most users never do. */
  #ended: AbortController | undefined
  #hasEnded = false

  constructor(
    about: Pick<LiveConnection, 'connection' | 'generation' | 'info' | 'nextRequestId'>,
    link: WsLink,
    lanes: Lanes,
    random: RandomSource,
    nowUs: number,
  ) {
    this.connection = about.connection
    this.generation = about.generation
    this.info = about.info
    this.nextRequestId = about.nextRequestId
    this.link = link
    this.random = random
    this.openedUs = nowUs
    this.lastByteUs = nowUs
    this.#lanes = lanes
  }

  /** Fires when the connection has ended. */
  get signal(): AbortSignal {
    this.#ended ??= new AbortController()
    if (this.#hasEnded) this.#ended.abort()
    return this.#ended.signal
  }

  end(): void {
    this.#hasEnded = true
    this.#ended?.abort()
  }

  /** Something was received, and with it all bytes so far. */
  received(atUs: number): void {
    this.#bytesSeen = this.link.bytesReceived
    this.lastByteUs = Math.max(this.lastByteUs, atUs)
  }

  /** Bytes have come that were no whole message (yet): when, is not known better than now. */
  bytesHaveCome(nowUs: number): boolean {
    const { bytesReceived } = this.link
    if (bytesReceived === this.#bytesSeen) return false
    this.#bytesSeen = bytesReceived
    this.lastByteUs = nowUs
    return true
  }

  // ---- RequestCarrier ----

  withdraw(request: PendingRequest): boolean {
    if (request.sequence !== undefined) return this.link.withdraw(request.sequence)
    this.#lanes.withdraw(request)
    return true
  }

  delivery(sequence: number): WsDelivery {
    return this.link.delivery(sequence)
  }

  /** For pings of the user's: they keep to the budget of frames like everything else. */
  get userPings(): PingCarrier {
    const { link } = this
    return {
      ping: (payload) => {
        if (!this.#lanes.hasFrame) return OFFER_FULL
        this.#lanes.beforeOffer?.()
        const sent = link.ping(payload)
        if (sent === 1) this.#lanes.countPing()
        return sent
      },
      drain: () => link.drain(),
      get bytesReceived() {
        return link.bytesReceived
      },
    }
  }

  // ---- WsPingPongLink ----

  ping(payload: Uint8Array): boolean {
    if (!this.#lanes.hasFrameForPing()) return false
    this.#lanes.beforeOffer?.()
    if (this.link.ping(payload) !== 1) return false
    this.#lanes.countPing()
    return true
  }

  send(payload: WsPayload, onTaken?: (atUs: number) => void): boolean {
    const result = this.#lanes.send({ payload, urgent: true, own: true, onTaken }, false)
    return result === 'taken' || result === 'queued'
  }

  get bytesSent(): number {
    return this.link.bytesSent
  }

  get bytesReceived(): number {
    return this.link.bytesReceived
  }

  get queuedBytes(): number {
    return this.link.queuedBytes
  }
}
