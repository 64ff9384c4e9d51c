import type { Established } from '../../../src/connect/establish.ts'
import type { WsConnectRequest } from '../../../src/connect/request.ts'
import type { WsDisconnectCause } from '../../../src/errors/disconnect-cause.ts'
import type { ProtocolStatus } from '../../../src/errors/statuses.ts'
import type { ClockTimer } from '../../../src/support/clock.ts'
import { checkClose, checkControlPayload, LINGER_MS } from '../../../src/transport/control.ts'
import {
  closedWhileConnecting,
  closeTimedOut,
  localClosed,
  localCloseUnanswered,
  protocolViolation,
  readFailure,
  remoteClosed,
  remoteDropped,
} from '../../../src/transport/end-causes.ts'
import { closePayload } from '../../../src/transport/frame-encoder.ts'
import { MessageDecoder, type MessageSink } from '../../../src/transport/message-decoder.ts'
import { payloadBytes } from '../../../src/transport/payload.ts'
import { TopicFollower } from '../../../src/transport/topic-follower.ts'
import {
  OFFER_CLOSED,
  type WsDelivery,
  type WsLink,
  type WsLinkEvents,
  type WsOfferOptions,
  type WsPayload,
} from '../../../src/transport/transport.ts'
import { Arrivals } from './arrivals.ts'
import type { ClientLoop } from './loop.ts'
import type { SimRawLink } from './raw-link.ts'
import { type KernelWitness, SimSender } from './sender.ts'
import type { Tcp } from './socket.ts'

const PING = 9
const PONG = 10
const HAND_OVER_BYTES = 16 * 1024

/** How a link of the `native` transport behaves, or one of `ws`. */
export type Flavour = 'native' | 'ws'

/** The client's end of a simulated WebSocket. It reads and writes a kernel's buffers when the loop comes round to it. */
export class SimLink extends TopicFollower implements WsLink, MessageSink {
  readonly #request: WsConnectRequest
  readonly #events: WsLinkEvents
  readonly #flavour: Flavour
  readonly #loop: ClientLoop
  readonly #witness: KernelWitness
  readonly #decoder: MessageDecoder
  readonly #arrivals: Arrivals
  readonly #abort = new AbortController()
  #tcp: Tcp | undefined
  #sender: SimSender | undefined
  #state: 'connecting' | 'open' | 'closing' | 'ended' = 'connecting'
  #cause: WsDisconnectCause | undefined
  #closedByUs = false
  #paused = false
  #reading = false
  #timer: ClockTimer | undefined
  #receivedBefore = 0
  /** Receive time of what is being decoded, the client's monotonic µs. */
  #receivedUs = 0
  #clockSettings = 0
  pongsSent = 0
  /** `onEnd` has been called. */
  told = false
  /** World time of its opening, of the last read that brought bytes, and of the last thing told: a message, a ping, a pong. */
  openedUs = 0
  lastReadUs = 0
  lastToldUs = 0
  /** World time since which bytes had lain unread when it was given up; Infinity for none. */
  unreadAtEndSinceUs = Infinity
  /** World time: when the turn of the loop began in which that was done, or over `ws`, which reads only when polled, the last poll. */
  givenUpInTurnUs = 0

  constructor(
    request: WsConnectRequest,
    events: WsLinkEvents,
    flavour: Flavour,
    loop: ClientLoop,
    witness: KernelWitness,
  ) {
    super(request.plan)
    this.#request = request
    this.#events = events
    this.#flavour = flavour
    this.#loop = loop
    this.#witness = witness
    this.#arrivals = new Arrivals(request.clock, request.timestampSource)
    this.#decoder = new MessageDecoder(request.limits, this)
  }

  get state(): 'connecting' | 'open' | 'closing' | 'ended' {
    return this.#state
  }

  get isPaused(): boolean {
    return this.#paused
  }

  /** The connection under it, once the server has switched protocols. */
  get tcp(): Tcp | undefined {
    return this.#tcp
  }

  get abortSignal(): AbortSignal {
    return this.#abort.signal
  }

  // — before it is open: called by the transport —

  failed(cause: WsDisconnectCause): void {
    this.#end(this.#cause ?? cause)
  }

  established({ link: raw, subprotocol, responseHeaders, glued, tls }: Established<SimRawLink>): void {
    if (this.#cause !== undefined) {
      raw.destroy()
      this.#end(this.#cause)
      return
    }
    const tcp = raw.handOver()
    this.#tcp = tcp
    this.#clockSettings = this.#loop.clockSettings
    this.#receivedBefore = tcp.readBytes - glued.length
    const { maxLinkBytes } = this.#request.limits
    const handOverBytes = this.#flavour === 'ws' ? HAND_OVER_BYTES : 0
    this.#sender = new SimSender(tcp, { maxLinkBytes, handOverBytes }, this.#witness, () =>
      this.#loop.later(() => {
        if (this.#state === 'open') this.#events.onWritable()
      }),
    )
    tcp.onReady = () => this.#ready()
    this.#state = 'open'
    this.openedUs = this.#loop.turnStartUs
    this.#events.onOpen({ subprotocol, responseHeaders, ...raw.addresses(), ...(tls === undefined ? {} : { tls }) })
    if (glued.length > 0) {
      this.#reading = true
      this.#received(glued)
      this.#deliver()
      this.#reading = false
    }
    tcp.rearm()
  }

  // — WsLink —

  offer(payload: WsPayload, options: WsOfferOptions = {}): number {
    if (this.#state !== 'open') return OFFER_CLOSED
    const bytes = payloadBytes(payload)
    const sender = this.#openSender
    if (sender === undefined) return OFFER_CLOSED
    const sequence = sender.offer(bytes, options.binary ?? payload instanceof Uint8Array, options.more === true)
    if (sequence > 0) this.#witness.offered('data')
    return sequence
  }

  flush(): void {
    this.#openSender?.flush()
  }

  withdraw(sequence: number): boolean {
    return this.#sender?.withdraw(sequence) ?? false
  }

  delivery(sequence: number): WsDelivery {
    return this.#sender?.delivery(sequence) ?? 'none'
  }

  ping(payload: Uint8Array): number {
    checkControlPayload(payload)
    const taken = this.#openSender?.control(PING, payload) ?? OFFER_CLOSED
    if (taken > 0) this.#witness.offered('ping')
    return taken
  }

  pong(payload: Uint8Array): number {
    checkControlPayload(payload)
    return this.#openSender?.control(PONG, payload) ?? OFFER_CLOSED
  }

  close(code: number, reason: string, timeoutMs: number): void {
    checkClose(code, reason)
    if (this.#state === 'connecting') this.terminate(closedWhileConnecting())
    if (this.#state === 'closing' && !this.#closedByUs) this.#linger(Math.min(timeoutMs, LINGER_MS))
    const sender = this.#openSender
    if (sender === undefined) return
    this.#closedByUs = true
    this.#state = 'closing'
    sender.close(closePayload(code, reason), () => {})
    this.#timer = this.#request.clock.setTimer(timeoutMs, () => this.terminate(this.#cause ?? closeTimedOut(timeoutMs)))
  }

  terminate(cause: WsDisconnectCause): void {
    if (this.#state === 'ended') return
    this.#cause ??= cause
    const latched = this.#cause
    if (this.#tcp === undefined) {
      this.#abort.abort()
      return
    }
    this.#letGo('reset')
    if (this.#flavour === 'native') queueMicrotask(() => this.#tell(latched))
    else this.#loop.later(() => this.#tell(latched))
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#tcp?.rearm()
  }

  drain(): boolean {
    if (this.#flavour === 'ws' || this.#reading) return false
    this.#read()
    return true
  }

  get queuedBytes(): number {
    return this.#state === 'ended' ? 0 : (this.#sender?.queuedBytes ?? 0)
  }

  /** World time at which the kernel last had no room. */
  get stuckUs(): number {
    return this.#tcp?.fullUs ?? 0
  }

  get bytesReceived(): number {
    return (this.#tcp?.readBytes ?? this.#receivedBefore) - this.#receivedBefore
  }

  get bytesSent(): number {
    return this.#sender?.bytesSent ?? 0
  }

  get messagesSent(): number {
    return this.#sender?.messagesSent ?? 0
  }

  get #openSender(): SimSender | undefined {
    return this.#state === 'open' ? this.#sender : undefined
  }

  // — inbound —

  #ready(): void {
    if (this.#state === 'open' || this.#state === 'closing') this.#sender?.pump()
    this.#read()
  }

  #read(): void {
    const tcp = this.#tcp
    if (this.#paused || this.#reading || tcp === undefined) return
    if (this.#state !== 'open' && this.#state !== 'closing') return
    this.#reading = true
    try {
      const bytes = tcp.read()
      if (bytes !== undefined) this.#received(bytes, this.#arrivalUs(tcp))
      this.#deliver()
      if (tcp.ended !== undefined && !this.#over) this.#peerEnded(tcp.ended)
    } finally {
      this.#reading = false
      // A callback may have paused, blocked, or resumed.
      if (!this.#paused) tcp.rearm()
    }
  }

  /** What the kernel says of a read. Undefined: it was not asked, or its stamp is from before the clock was set. */
  #arrivalUs(tcp: Tcp): number | undefined {
    const { clockSettings } = this.#loop
    const isTrusted = clockSettings === this.#clockSettings
    this.#clockSettings = clockSettings
    if (this.#request.timestampSource !== 'kernel' || !isTrusted) return undefined
    return this.#loop.monoUsAt(tcp.readUntilUs)
  }

  #received(bytes: Uint8Array, arrivalUs?: number): void {
    this.lastReadUs = this.#loop.turnStartUs
    this.#receivedUs = arrivalUs ?? this.#request.clock.monoUs()
    this.#decoder.feed(bytes)
    if (arrivalUs !== undefined && this.#decoder.endedWithMessage) this.#arrivals.markNewestExact()
    const { violation } = this.#decoder
    if (violation === undefined || this.#cause !== undefined) return
    this.#deliver()
    this.#violated(violation)
  }

  onMessage(payload: Buffer, binary: boolean): void {
    const topic = this.topicToTell(payload, binary, this.#receivedUs)
    if (topic !== 0 && this.#flavour === 'ws') this.#deliver()
    this.#arrivals.add(payload, binary, this.#receivedUs, topic)
  }

  onPing(payload: Buffer): void {
    this.#deliver()
    if (this.#over) return
    this.lastToldUs = this.#loop.turnStartUs
    if (this.#sender?.control(PONG, payload) === 1) this.pongsSent++
    this.#witness.offered('pong')
    this.#events.onPing(new Uint8Array(payload), this.#arrivals.toldAtOnceUs(this.#receivedUs))
  }

  onPong(payload: Buffer): void {
    this.#deliver()
    this.lastToldUs = this.#loop.turnStartUs
    if (!this.#over) this.#events.onPong(new Uint8Array(payload), this.#arrivals.toldAtOnceUs(this.#receivedUs))
  }

  onClose(code: number, reason: string): void {
    this.#deliver()
    if (this.#over) return
    this.#cause ??= this.#closedByUs ? localClosed(code, reason) : remoteClosed(code, reason)
    this.#peerLeaves(closePayload(code, ''))
  }

  #deliver(): void {
    if (this.#arrivals.isEmpty) return
    this.lastToldUs = this.#loop.turnStartUs
    this.#arrivals.deliver({
      onTopic: (topic, us) => {
        if (!this.#over) this.#events.onTopic(topic, us)
      },
      onMessages: (batch) => {
        if (!this.#over) this.#events.onMessages(batch)
      },
    })
  }

  // — the end —

  get #over(): boolean {
    return this.#state === 'ended'
  }

  #peerLeaves(close: Buffer): void {
    // A message before it may have made the user end it.
    if (this.#over) return
    if (this.#state === 'open') {
      this.#state = 'closing'
      this.#sender?.close(close, () => {})
    }
    if (this.#timer === undefined) this.#linger(LINGER_MS)
  }

  #linger(ms: number): void {
    this.#timer?.cancel()
    this.#timer = this.#request.clock.setTimer(ms, () => this.#end(this.#cause as WsDisconnectCause))
  }

  #violated(status: ProtocolStatus): void {
    this.#cause ??= protocolViolation(status)
    this.#peerLeaves(closePayload(status.closeCode, ''))
  }

  #peerEnded(how: 'fin' | 'reset'): void {
    const failure = how === 'fin' ? remoteDropped() : readFailure('ECONNRESET', 'the peer reset the connection')
    this.#end(this.#cause ?? (this.#closedByUs ? localCloseUnanswered() : failure))
  }

  #end(cause: WsDisconnectCause): void {
    if (this.#over) return
    this.#letGo('fin')
    this.#tell(cause)
  }

  #tell(cause: WsDisconnectCause): void {
    this.told = true
    this.#events.onEnd(cause)
  }

  #letGo(how: 'fin' | 'reset'): void {
    this.#state = 'ended'
    const { turnStartUs, polledUs } = this.#loop
    this.givenUpInTurnUs = this.#flavour === 'ws' ? Math.min(turnStartUs, polledUs) : turnStartUs
    this.#timer?.cancel()
    if (!this.#paused) this.unreadAtEndSinceUs = this.#tcp?.unreadSinceUs ?? Infinity
    this.#tcp?.destroy(how)
  }
}
