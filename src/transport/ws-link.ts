import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Established } from '../connect/establish.ts'
import type { WsConnectRequest } from '../connect/request.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { ProtocolStatus } from '../errors/statuses.ts'
import type { ClockTimer } from '../support/clock.ts'
import { checkClose, checkControlPayload, LINGER_MS } from './control.ts'
import {
  closedWhileConnecting,
  closeTimedOut,
  endOfStream,
  internalError,
  protocolStatus,
  protocolViolation,
  readFailure,
  remoteDropped,
} from './end-causes.ts'
import { FrameGuard } from './frame-guard.ts'
import { InflatedFrames } from './inflated-frames.ts'
import { MessageBatch } from './message-batch.ts'
import { inflateMessage, MessageInflater, serverContext } from './message-deflate.ts'
import type { NodeRawLink } from './node-raw-link.ts'
import { payloadBytes } from './payload.ts'
import { TopicFollower } from './topic-follower.ts'
import {
  OFFER_CLOSED,
  type WsDelivery,
  type WsLink,
  type WsLinkEvents,
  type WsOfferOptions,
  type WsPayload,
} from './transport.ts'
import { UpgradedStream } from './upgraded-stream.ts'
import { MAX_WS_MESSAGE_BYTES, MAX_WS_MESSAGE_PARTS, wsClient, wsOptions } from './ws-package.ts'
import { compressionFor, WsSender } from './ws-sender.ts'

/** What there is once the server has switched protocols. */
interface Carrier {
  readonly socket: Socket
  readonly stream: UpgradedStream
  readonly ws: WebSocket
  readonly sender: WsSender
  /** Undefined when nothing that comes is compressed. */
  readonly inflated: InflatedFrames | undefined
}

/** One connection over the `ws` package. */
export class WsPackageLink extends TopicFollower implements WsLink {
  readonly #request: WsConnectRequest
  readonly #events: WsLinkEvents
  readonly #abort = new AbortController()
  readonly #batch: MessageBatch
  readonly #guard: FrameGuard
  readonly #maxMessageBytes: number
  /** `closing`: our CLOSE is queued, or the peer has begun to leave. `ended`: `onEnd` has been called. */
  #state: 'connecting' | 'open' | 'closing' | 'ended' = 'connecting'
  #carrier: Carrier | undefined
  /** Latched: the first reason counts. Undefined while the reason is still the peer's to give. */
  #cause: WsDisconnectCause | undefined
  /** The peer broke a rule: nothing more of it is looked at. */
  #refused = false
  /** By `terminate()` or a deadline: nothing but `onEnd` follows. */
  #givenUp = false
  #closedByUs = false
  #paused = false
  #timer: ClockTimer | undefined
  #readAtUs = 0
  #flushScheduled = false
  #bytesReceived = 0

  constructor(request: WsConnectRequest, events: WsLinkEvents) {
    super(request.plan)
    this.#request = request
    this.#events = events
    this.#batch = new MessageBatch(request.clock, request.timestampSource)
    this.#maxMessageBytes = Math.min(request.limits.maxMessageBytes, MAX_WS_MESSAGE_BYTES)
    const { maxFrameBytes } = request.limits
    const maxMessageParts = MAX_WS_MESSAGE_PARTS
    this.#guard = new FrameGuard({ maxFrameBytes, maxMessageBytes: this.#maxMessageBytes, maxMessageParts })
  }

  // ---- Before it is open: called by the transport ----

  get abortSignal(): AbortSignal {
    return this.#abort.signal
  }

  failed(cause: WsDisconnectCause): void {
    this.#end(this.#cause ?? cause)
  }

  /** The server has switched protocols: puts `ws` on top. */
  established(established: Established<NodeRawLink>): void {
    const { link: raw, subprotocol, perMessageDeflate, responseHeaders, glued, tls } = established
    const { limits, random } = this.#request
    const stream = new UpgradedStream(raw.socket, subprotocol)
    const ws = new (wsClient())('ws://upgraded.invalid/', subprotocol === '' ? [] : [subprotocol], {
      ...wsOptions(this.#maxMessageBytes),
      createConnection: () => stream as unknown as Socket,
    })
    let inflated: InflatedFrames | undefined
    if (perMessageDeflate !== undefined) {
      this.#guard.admitCompressed()
      inflated = new InflatedFrames(new MessageInflater(serverContext(perMessageDeflate), this.#maxMessageBytes))
    }
    const writable = (): void => {
      if (this.#state === 'open') this.#events.onWritable()
    }
    const compression = compressionFor(perMessageDeflate, random)
    const sender = new WsSender(ws, stream, limits.maxLinkBytes, writable, compression)
    this.#carrier = { socket: raw.socket, stream, ws, sender, inflated }
    ws.on('error', (error) => this.#wsFailed(error))
    ws.on('close', (code, reason) => this.#wsClosed(code, reason.toString()))
    ws.on('message', (data, isBinary) => this.#message(data as Buffer, isBinary))
    ws.on('ping', (data) => this.#ping(data))
    ws.on('pong', (data) => this.#pong(data))
    ws.on('open', () => {
      if (this.#givenUp) return
      this.#state = 'open'
      this.#events.onOpen({
        subprotocol,
        responseHeaders,
        ...raw.addresses(),
        ...(perMessageDeflate === undefined ? {} : { perMessageDeflate }),
        ...(tls === undefined ? {} : { tls }),
      })
      this.#startReading(raw, glued)
    })
    // terminate() came while the last stage finished.
    if (this.#givenUp) this.#destroy()
  }

  // ---- WsLink ----

  offer(payload: WsPayload, options: WsOfferOptions = {}): number {
    if (this.#state !== 'open') return OFFER_CLOSED
    const bytes = payloadBytes(payload)
    // Asked again: a payload function is user code, and may have closed the link.
    const sender = this.#openSender()
    if (sender === undefined) return OFFER_CLOSED
    return sender.offer(bytes, options.binary ?? payload instanceof Uint8Array, options.more === true)
  }

  flush(): void {
    this.#openSender()?.flush()
  }

  withdraw(sequence: number): boolean {
    return this.#carrier?.sender.withdraw(sequence) ?? false
  }

  delivery(sequence: number): WsDelivery {
    return this.#carrier?.sender.delivery(sequence) ?? 'none'
  }

  ping(payload: Uint8Array): number {
    checkControlPayload(payload)
    return this.#openSender()?.control('ping', payload) ?? OFFER_CLOSED
  }

  pong(payload: Uint8Array): number {
    checkControlPayload(payload)
    return this.#openSender()?.control('pong', payload) ?? OFFER_CLOSED
  }

  close(code: number, reason: string, timeoutMs: number): void {
    checkClose(code, reason)
    if (this.#state === 'connecting') this.#giveUp(closedWhileConnecting())
    if (this.#state === 'closing' && !this.#closedByUs) this.#hurry(timeoutMs)
    if (this.#state !== 'open') return
    this.#closedByUs = true
    this.#state = 'closing'
    this.#timer = this.#request.clock.setTimer(timeoutMs, () => {
      // With the peer's CLOSE here, only its FIN is missing: the handshake counts.
      if (this.#guard.closeSeen) this.#destroy()
      else this.#giveUp(closeTimedOut(timeoutMs))
    })
    this.#carrier?.sender.close(code, reason, () => {})
  }

  terminate(cause: WsDisconnectCause): void {
    if (this.#state !== 'ended') this.#giveUp(cause)
  }

  pause(): void {
    this.#paused = true
    this.#carrier?.socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#state === 'open' || this.#state === 'closing') this.#carrier?.socket.resume()
  }

  /**
   * Always false. Node reads sockets only between turns of the event loop, so there is nothing this could read: a
   * verdict that hangs on silence must let one turn pass (`setImmediate`) and then judge by receive times.
   */
  drain(): boolean {
    return false
  }

  get queuedBytes(): number {
    return this.#carrier?.sender.queuedBytes ?? 0
  }

  get bytesReceived(): number {
    return this.#bytesReceived
  }

  get bytesSent(): number {
    return this.#carrier?.stream.bytesSent ?? 0
  }

  get messagesSent(): number {
    return this.#carrier?.sender.messagesSent ?? 0
  }

  get pongsSent(): number {
    return this.#carrier?.sender.pongsSent ?? 0
  }

  #openSender(): WsSender | undefined {
    return this.#state === 'open' ? this.#carrier?.sender : undefined
  }

  // ---- Inbound ----

  #startReading({ socket, failure }: NodeRawLink, glued: Uint8Array): void {
    if (glued.length > 0) this.#received(glued)
    socket.on('data', (bytes: Buffer) => this.#received(bytes))
    socket.on('end', () => this.#peerEnded())
    socket.on('error', (error: NodeJS.ErrnoException) => this.#socketFailed(error.code ?? 'ERR_SOCKET', error.message))
    socket.on('close', () => this.#destroy())
    if (failure !== undefined) this.#socketFailed(failure.code, failure.message)
    else if (this.#paused) socket.pause()
    else socket.resume()
  }

  #received(bytes: Uint8Array): void {
    this.#readAtUs = this.#request.clock.monoUs()
    this.#bytesReceived += bytes.length
    if (this.#refused) return
    const { end, closeAt } = this.#guard.admit(bytes)
    if (closeAt !== undefined) {
      // `ws` answers a CLOSE at once; what comes before it shall be answered before.
      if (closeAt > 0) this.#feed(bytes.subarray(0, closeAt))
      if (this.#refused) return
      this.#flushMessages()
      this.#peerLeaves()
    }
    if (end > (closeAt ?? 0)) this.#feed(bytes.subarray(closeAt ?? 0, end))
    if (this.#guard.violation !== undefined) this.#violated(this.#guard.violation)
  }

  /** Lets `ws` read what the guard has admitted. */
  #feed(bytes: Uint8Array): void {
    const { stream, inflated } = this.#carrier as Carrier
    if (inflated === undefined) {
      stream.push(bytes)
      return
    }
    for (const frame of inflated.rewrite(bytes)) if (!this.#refused) stream.push(frame)
    if (inflated.violation !== undefined) this.#violated(inflated.violation)
  }

  #message(payload: Buffer, isBinary: boolean): void {
    if (this.#refused) return
    const { inflateBinary } = this.#request
    if (!isBinary || inflateBinary === undefined) {
      this.#deliver(payload, isBinary)
      return
    }
    const text = inflateMessage(inflateBinary, payload, this.#maxMessageBytes)
    if (typeof text === 'string') this.#violated(protocolStatus(text))
    else if (isUtf8(text)) this.#deliver(text, false)
    else this.#violated(protocolStatus('ERR_WS_BINARY_NOT_UTF8'))
  }

  #deliver(payload: Buffer, isBinary: boolean): void {
    const topic = this.topicToTell(payload, isBinary, this.#readAtUs)
    if (topic !== 0) {
      this.#flushMessages()
      if (!this.#givenUp) this.#events.onTopic(topic, this.#batch.toldAtOnceUs(this.#readAtUs))
    }
    this.#batch.add(payload, isBinary, this.#readAtUs)
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    // `ws` emits all messages of a read in one go: behind it they are a batch.
    process.nextTick(() => this.#flushMessages())
  }

  #flushMessages(): void {
    this.#flushScheduled = false
    if (this.#batch.length === 0) return
    this.#batch.lend((batch) => {
      if (!this.#givenUp) this.#events.onMessages(batch)
    })
  }

  #ping(payload: Buffer): void {
    if (this.#refused) return
    this.#flushMessages()
    if (this.#givenUp) return
    const copy = new Uint8Array(payload)
    // While our CLOSE waits behind other frames, too: the peer has not heard of it yet.
    this.#carrier?.sender.answerPing(copy)
    this.#events.onPing(copy, this.#batch.toldAtOnceUs(this.#readAtUs))
  }

  #pong(payload: Buffer): void {
    if (this.#refused) return
    this.#flushMessages()
    if (!this.#givenUp) this.#events.onPong(new Uint8Array(payload), this.#batch.toldAtOnceUs(this.#readAtUs))
  }

  // ---- The end ----

  /** The outcome is known, or the peer's to tell by its CLOSE; a peer may not delay the end of TCP for ever. */
  #peerLeaves(): void {
    if (this.#state === 'open') this.#state = 'closing'
    this.#timer ??= this.#request.clock.setTimer(LINGER_MS, () => this.#destroy())
  }

  /** The peer is leaving already, and we do not wait for it as long as we might. */
  #hurry(timeoutMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#request.clock.setTimer(Math.min(timeoutMs, LINGER_MS), () => this.#destroy())
  }

  #peerEnded(): void {
    this.#peerLeaves()
    this.#carrier?.stream.push(null)
  }

  /** Our CLOSE goes out behind what is queued, and FIN behind it (RFC 6455 7.1.7). */
  #violated(status: ProtocolStatus): void {
    if (this.#refused) return
    this.#refused = true
    if (this.#cause !== undefined) return
    this.#flushMessages()
    this.#cause ??= protocolViolation(status)
    this.#peerLeaves()
    const { sender, stream } = this.#carrier as Carrier
    sender.close(status.closeCode, '', () => stream.end())
  }

  #wsFailed(error: Error): void {
    if (this.#givenUp || this.#cause !== undefined) return
    this.#flushMessages()
    const status = this.#guard.statusOf(error)
    this.#cause ??= status === undefined ? internalError('ws', error) : protocolViolation(status)
    // `ws` has answered a violation with CLOSE and FIN; whatever else this is, nothing more will come of it.
    if (status === undefined) this.#destroy()
    else this.#peerLeaves()
  }

  #socketFailed(code: string, message: string): void {
    if (code === 'ERR_SOCKET_ENDED') this.#cause ??= remoteDropped()
    // Behind a CLOSE, ours or the peer's, the handshake tells the cause, and a reset only how TCP went.
    else if (!this.#closedByUs && !this.#guard.closeSeen) this.#cause ??= readFailure(code, message)
    this.#destroy()
  }

  #giveUp(cause: WsDisconnectCause): void {
    this.#givenUp = true
    this.#cause ??= cause
    if (this.#state === 'open') this.#state = 'closing'
    this.#abort.abort()
    this.#destroy()
  }

  /** `onEnd` follows when the socket is gone. */
  #destroy(): void {
    this.#carrier?.ws.terminate()
    this.#carrier?.stream.destroy()
  }

  #wsClosed(code: number, reason: string): void {
    const { stream } = this.#carrier as Carrier
    const end = (): void => this.#end(this.#cause ?? endOfStream(this.#closedByUs, code, reason))
    if (stream.closed) end()
    else stream.once('close', end)
  }

  #end(cause: WsDisconnectCause): void {
    if (this.#state === 'ended') return
    this.#flushMessages()
    this.#state = 'ended'
    this.#timer?.cancel()
    this.#events.onEnd(cause)
  }
}
