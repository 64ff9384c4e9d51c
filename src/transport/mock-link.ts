import type { WsConnectRequest } from '../connect/request.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { ProtocolStatus } from '../errors/statuses.ts'
import type { ClockTimer } from '../support/clock.ts'
import { checkClose, checkControlPayload, LINGER_MS } from './control.ts'
import {
  closedWhileConnecting,
  closeTimedOut,
  localClosed,
  localCloseUnanswered,
  protocolViolation,
  readFailure,
  remoteClosed,
  remoteDropped,
} from './end-causes.ts'
import { closePayload } from './frame-encoder.ts'
import { FrameSender } from './frame-sender.ts'
import { MessageBatch } from './message-batch.ts'
import { MessageDecoder, type MessageSink } from './message-decoder.ts'
import { clientContext, MessageDeflater, MessageInflater, serverContext } from './message-deflate.ts'
import type { MockWire } from './mock-wire.ts'
import { payloadBytes } from './payload.ts'
import { TopicFollower } from './topic-follower.ts'
import {
  OFFER_CLOSED,
  type WsDelivery,
  type WsLink,
  type WsLinkEvents,
  type WsOfferOptions,
  type WsOpenInfo,
  type WsPayload,
} from './transport.ts'

const PING = 9
const PONG = 10
/** What a view that was kept after its callback shows. */
const OVERWRITTEN = 0xdd

/** The client's end of a mock connection. Everything it tells comes from the clock, but for {@link drain}. */
export class MockLink extends TopicFollower implements WsLink, MessageSink {
  readonly #request: WsConnectRequest
  readonly #events: WsLinkEvents
  readonly #wire: MockWire
  readonly #sender: FrameSender
  readonly #decoder: MessageDecoder
  readonly #batch: MessageBatch
  /** Payloads of the batch, to be overwritten behind it. */
  #lent: Buffer[] = []
  /** `closing`: our CLOSE is queued, or the peer has begun to leave. `ended`: `onEnd` has been or will be called. */
  #state: 'connecting' | 'open' | 'closing' | 'ended' = 'connecting'
  /** Latched: the first reason counts. Undefined while the reason is still the peer's to give. */
  #cause: WsDisconnectCause | undefined
  #closedByUs = false
  #paused = false
  #reading = false
  #timer: ClockTimer | undefined
  #bytesReceived = 0
  /** Receive time of the piece that is being decoded. */
  #receivedUs = 0
  pongsSent = 0

  constructor(request: WsConnectRequest, events: WsLinkEvents, wire: MockWire) {
    super(request.plan)
    this.#request = request
    this.#events = events
    this.#wire = wire
    this.#batch = new MessageBatch(request.clock, request.timestampSource)
    this.#decoder = new MessageDecoder(request.limits, this, request.inflateBinary)
    this.#sender = new FrameSender(wire, request.limits, () =>
      this.#later(() => {
        if (this.#state === 'open') this.#events.onWritable()
      }),
    )
    wire.toClient.onArrival = () => this.#poll()
    wire.onWindow = () => this.#sender.pump()
  }

  // ---- Called by the server's end, on the clock ----

  get isConnecting(): boolean {
    return this.#state === 'connecting'
  }

  opened(info: WsOpenInfo): void {
    this.#state = 'open'
    const { perMessageDeflate } = info
    if (perMessageDeflate !== undefined) {
      const { maxMessageBytes } = this.#request.limits
      this.#decoder.inflateWith(new MessageInflater(serverContext(perMessageDeflate), maxMessageBytes))
      const { compress } = perMessageDeflate
      if (compress) this.#sender.deflateWith(new MessageDeflater(clientContext(perMessageDeflate), compress))
    }
    this.#events.onOpen(info)
    this.#poll()
  }

  failed(cause: WsDisconnectCause): void {
    this.#end(cause)
  }

  // ---- WsLink ----

  offer(payload: WsPayload, options: WsOfferOptions = {}): number {
    if (this.#state !== 'open') return OFFER_CLOSED
    const bytes = payloadBytes(payload)
    // Asked again: a payload function is user code, and may have closed the link.
    if (!this.#isOpen) return OFFER_CLOSED
    return this.#sender.offer(bytes, options.binary ?? payload instanceof Uint8Array, options.more === true)
  }

  flush(): void {
    if (this.#isOpen) this.#sender.flush()
  }

  withdraw(sequence: number): boolean {
    return this.#sender.withdraw(sequence)
  }

  delivery(sequence: number): WsDelivery {
    return this.#sender.delivery(sequence)
  }

  ping(payload: Uint8Array): number {
    checkControlPayload(payload)
    return this.#isOpen ? this.#sender.control(PING, payload) : OFFER_CLOSED
  }

  pong(payload: Uint8Array): number {
    checkControlPayload(payload)
    return this.#isOpen ? this.#sender.control(PONG, payload) : OFFER_CLOSED
  }

  close(code: number, reason: string, timeoutMs: number): void {
    checkClose(code, reason)
    if (this.#state === 'connecting') this.#endLater(closedWhileConnecting())
    if (this.#state === 'closing' && !this.#closedByUs) this.#linger(Math.min(timeoutMs, LINGER_MS))
    if (!this.#isOpen) return
    this.#closedByUs = true
    this.#state = 'closing'
    this.#sender.close(closePayload(code, reason), () => {})
    this.#timer = this.#request.clock.setTimer(timeoutMs, () => this.#end(this.#cause ?? closeTimedOut(timeoutMs)))
  }

  terminate(cause: WsDisconnectCause): void {
    this.#endLater(cause)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#wire.toClient.arm()
  }

  /** Also finds what the server's end {@link MockServerLink.hold holds back} from the loop. */
  drain(): boolean {
    if (this.#reading) return false
    this.#read(true)
    return true
  }

  get queuedBytes(): number {
    return this.#sender.queuedBytes
  }

  get bytesReceived(): number {
    return this.#bytesReceived
  }

  get bytesSent(): number {
    return this.#sender.bytesSent
  }

  get messagesSent(): number {
    return this.#sender.messagesSent
  }

  get #isOpen(): boolean {
    return this.#state === 'open'
  }

  // ---- Inbound ----

  #poll(): void {
    // Chopped pieces come one by one: each is a turn of the loop of its own.
    if (!this.#wire.held) this.#read(this.#wire.toClient.chop === undefined)
  }

  #read(all: boolean): void {
    if (this.#paused || this.#reading || (this.#state !== 'open' && this.#state !== 'closing')) return
    this.#reading = true
    try {
      do {
        const item = this.#wire.toClient.take()
        if (item === undefined) break
        if (item === 'fin') this.#peerEnded()
        else if (item === 'reset') this.#peerReset()
        else this.#received(item)
      } while (all)
      this.#deliver()
    } finally {
      this.#reading = false
      if (!this.#paused && !this.#wire.held) this.#wire.toClient.arm()
    }
  }

  #received(bytes: Uint8Array): void {
    this.#bytesReceived += bytes.length
    const isKernels = this.#request.timestampSource === 'kernel'
    this.#receivedUs = isKernels ? this.#wire.toClient.arrivedUs : this.#request.clock.monoUs()
    this.#decoder.feed(bytes)
    if (isKernels && this.#decoder.endedWithMessage) this.#batch.markNewestExact()
    const { violation } = this.#decoder
    if (violation === undefined || this.#cause !== undefined) return
    this.#deliver()
    this.#violated(violation)
  }

  onMessage(payload: Buffer, binary: boolean): void {
    const topic = this.topicToTell(payload, binary, this.#receivedUs)
    if (topic !== 0) {
      this.#deliver()
      if (this.#state !== 'ended') this.#events.onTopic(topic, this.#batch.toldAtOnceUs(this.#receivedUs))
    }
    this.#batch.add(payload, binary, this.#receivedUs)
    this.#lent.push(payload)
  }

  onPing(payload: Buffer): void {
    this.#deliver()
    if (this.#state === 'ended') return
    if (this.#sender.control(PONG, payload) === 1) this.pongsSent++
    this.#events.onPing(new Uint8Array(payload), this.#batch.toldAtOnceUs(this.#receivedUs))
  }

  onPong(payload: Buffer): void {
    this.#deliver()
    if (this.#state !== 'ended')
      this.#events.onPong(new Uint8Array(payload), this.#batch.toldAtOnceUs(this.#receivedUs))
  }

  onClose(code: number, reason: string): void {
    this.#deliver()
    this.#cause ??= this.#closedByUs ? localClosed(code, reason) : remoteClosed(code, reason)
    this.#peerLeaves(closePayload(code, ''), () => {})
  }

  #deliver(): void {
    if (this.#batch.length === 0) return
    const lent = this.#lent
    this.#lent = []
    try {
      this.#batch.lend((batch) => {
        if (this.#state !== 'ended') this.#events.onMessages(batch)
      })
    } finally {
      for (const payload of lent) payload.fill(OVERWRITTEN)
    }
  }

  // ---- The end ----

  /** The outcome is known. Our CLOSE goes out behind what is queued; TCP is the peer's to end, but not without end. */
  #peerLeaves(close: Buffer, done: () => void): void {
    // A message before it may have made the user end it.
    if (this.#state === 'ended') return
    if (this.#state === 'open') {
      this.#state = 'closing'
      this.#sender.close(close, done)
    }
    if (this.#timer === undefined) this.#linger(LINGER_MS)
  }

  #linger(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#request.clock.setTimer(ms, () => this.#end(this.#cause as WsDisconnectCause))
  }

  #violated(status: ProtocolStatus): void {
    this.#cause ??= protocolViolation(status)
    this.#peerLeaves(closePayload(status.closeCode, ''), () => this.#wire.toServer.write('fin'))
  }

  #peerEnded(): void {
    this.#deliver()
    this.#end(this.#cause ?? (this.#closedByUs ? localCloseUnanswered() : remoteDropped()))
  }

  #peerReset(): void {
    this.#deliver()
    const failure = (): WsDisconnectCause => readFailure('ECONNRESET', 'the peer reset the connection (ECONNRESET)')
    this.#end(this.#cause ?? (this.#closedByUs ? localCloseUnanswered() : failure()))
  }

  #end(cause: WsDisconnectCause): void {
    if (this.#state === 'ended') return
    this.#letGo()
    this.#events.onEnd(cause)
  }

  #endLater(cause: WsDisconnectCause): void {
    if (this.#state === 'ended') return
    this.#letGo()
    this.#later(() => this.#events.onEnd(cause))
  }

  #letGo(): void {
    this.#state = 'ended'
    this.#timer?.cancel()
    this.#wire.toClient.cut()
    // What the kernel has taken still arrives, and the end behind it.
    this.#wire.toServer.write('fin')
  }

  #later(event: () => void): void {
    this.#request.clock.setTimer(0, event)
  }
}
