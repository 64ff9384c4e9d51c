import type { Established } from '../connect/establish.ts'
import type { WsConnectRequest } from '../connect/request.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { PROTOCOL_STATUSES, type ProtocolStatus } from '../errors/statuses.ts'
import { Counter } from '../native/addon.ts'
import type { ClockTimer } from '../support/clock.ts'
import { RecordKind } from '../support/records.ts'
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
import { NativeBatch } from './native-batch.ts'
import { endError } from './native-errors.ts'
import type { NativeLoop, NativeReceiver } from './native-loop.ts'
import type { NativeRawLink } from './native-raw-link.ts'
import { LinkTopics } from './native-topics.ts'
import { checkPayload } from './payload.ts'
import type { WsDelivery, WsLink, WsLinkEvents, WsOfferOptions, WsPayload } from './transport.ts'

const TEXT = 1
const BINARY = 2
const PING = 9
const PONG = 10

/**
 * One connection over the addon. `id` is 0, which the addon does not know, while there is no socket: calls of the addon
 * for an unknown id do nothing and say "closed", so most calls need no state here.
 */
export class NativeLink extends LinkTopics implements WsLink, NativeReceiver {
  readonly #loop: NativeLoop
  readonly #request: WsConnectRequest
  readonly #events: WsLinkEvents
  readonly #batch: NativeBatch
  readonly #abort = new AbortController()
  #id = 0
  /** What the records of TLS still go to. */
  #raw: NativeRawLink | undefined
  /** Latched: the first reason counts. Undefined while the reason is still the peer's to give. */
  #cause: WsDisconnectCause | undefined
  #ended = false
  #paused = false
  #localClose = false
  #timer: ClockTimer | undefined
  /** Bytes of connecting, which are not the WebSocket's. */
  #receivedBefore = 0
  #sentBefore = 0
  /** Counters as they were when the socket went: their row is another link's from then on. */
  #final: Float64Array | undefined

  constructor(loop: NativeLoop, request: WsConnectRequest, events: WsLinkEvents) {
    super(loop, request.plan)
    this.#loop = loop
    this.#request = request
    this.#events = events
    this.#batch = new NativeBatch(loop)
  }

  // ---- Before it is open: called by the transport ----

  get abortSignal(): AbortSignal {
    return this.#abort.signal
  }

  failed(cause: WsDisconnectCause): void {
    this.#end(this.#cause ?? cause)
  }

  established(established: Established<NativeRawLink>): void {
    const { link: raw, subprotocol, perMessageDeflate, responseHeaders, glued, tls } = established
    if (this.#cause !== undefined) {
      // terminate() or close() came while the last stage finished.
      raw.destroy()
      this.#end(this.#cause)
      return
    }
    const { addon } = this.#loop
    const addresses = raw.addresses()
    this.#id = raw.id
    this.#raw = raw
    this.#loop.add(raw.id, this)
    this.#receivedBefore = this.#counter(Counter.bytesReceived) - glued.length
    this.#sentBefore = this.#counter(Counter.bytesSent)
    if (this.#paused) addon.pause(raw.id)
    const { limits, inflateBinary } = this.#request
    const options = { ...limits, deflate: perMessageDeflate, inflateBinary, topics: this.topics }
    addon.startWebSocket(raw.id, options, glued.length === 0 ? undefined : glued)
    this.#events.onOpen({
      subprotocol,
      responseHeaders,
      ...addresses,
      ...(perMessageDeflate === undefined ? {} : { perMessageDeflate }),
      ...(tls === undefined ? {} : { tls }),
    })
  }

  // ---- WsLink ----

  offer(payload: WsPayload, options?: WsOfferOptions): number {
    const { addon } = this.#loop
    const more = options?.more === true
    if (typeof payload === 'string') {
      if (options?.binary !== true) return addon.offerText(this.#id, payload, more)
      return addon.offerBytes(this.#id, BINARY, Buffer.from(payload), more)
    }
    if (typeof payload === 'function') {
      const opcode = options?.binary === true ? BINARY : TEXT
      return this.#loop.withScratch(payload, (bytes, inScratch) =>
        inScratch
          ? addon.offerScratch(this.#id, opcode, bytes.byteLength, more)
          : addon.offerBytes(this.#id, opcode, bytes, more),
      )
    }
    checkPayload(payload)
    return addon.offerBytes(this.#id, options?.binary === false ? TEXT : BINARY, payload, more)
  }

  flush(): void {
    this.#loop.addon.flush(this.#id)
  }

  withdraw(sequence: number): boolean {
    return this.#loop.addon.withdraw(this.#id, sequence)
  }

  delivery(sequence: number): WsDelivery {
    if (sequence <= this.#counter(Counter.taken)) return 'all'
    return sequence <= this.#counter(Counter.begun) ? 'part' : 'none'
  }

  ping(payload: Uint8Array): number {
    checkControlPayload(payload)
    return this.#loop.addon.sendControl(this.#id, PING, payload)
  }

  pong(payload: Uint8Array): number {
    checkControlPayload(payload)
    return this.#loop.addon.sendControl(this.#id, PONG, payload)
  }

  close(code: number, reason: string, timeoutMs: number): void {
    checkClose(code, reason)
    if (this.#ended || this.#localClose) return
    this.#localClose = true
    if (this.#id === 0) {
      this.terminate(closedWhileConnecting())
      return
    }
    this.#loop.addon.close(this.#id, code, reason)
    this.#arm(timeoutMs, () => this.terminate(this.#cause ?? closeTimedOut(timeoutMs)))
  }

  terminate(cause: WsDisconnectCause): void {
    if (this.#ended) return
    this.#cause ??= cause
    if (this.#id === 0) {
      this.#abort.abort()
      return
    }
    this.#ended = true
    this.#letGo()
    const latched = this.#cause
    queueMicrotask(() => this.#events.onEnd(latched))
  }

  pause(): void {
    this.#paused = true
    this.#loop.addon.pause(this.#id)
  }

  resume(): void {
    this.#paused = false
    this.#loop.addon.resume(this.#id)
  }

  drain(): boolean {
    return this.#loop.drain(this.#id)
  }

  get queuedBytes(): number {
    return this.#final === undefined ? this.#counter(Counter.queuedBytes) : 0
  }

  get bytesReceived(): number {
    return this.#counter(Counter.bytesReceived) - this.#receivedBefore
  }

  get bytesSent(): number {
    return this.#counter(Counter.bytesSent) - this.#sentBefore
  }

  get messagesSent(): number {
    return this.#counter(Counter.messagesSent)
  }

  get pongsSent(): number {
    return this.#counter(Counter.pongsSent)
  }

  #counter(field: number): number {
    if (this.#final !== undefined) return this.#final[field] as number
    return this.#id === 0 ? 0 : this.#loop.counter(this.#id, field)
  }

  // ---- Records ----

  takeMessages(word: number, length: number): void {
    try {
      this.#events.onMessages(this.#batch.lend(word, length))
    } finally {
      this.#batch.release()
    }
  }

  takeRecord(index: number): void {
    const loop = this.#loop
    switch (loop.kind(index)) {
      case RecordKind.ping:
        this.#events.onPing(loop.copyPayload(index), loop.receivedMonoUs(index))
        return
      case RecordKind.pong:
        this.#events.onPong(loop.copyPayload(index), loop.receivedMonoUs(index))
        return
      case RecordKind.topic:
        this.#events.onTopic(loop.slot(index), loop.receivedMonoUs(index))
        return
      case RecordKind.writable:
        this.#events.onWritable()
        return
      case RecordKind.close:
        this.#peerClosed(loop.aux(index), loop.textOf(index))
        return
      case RecordKind.violation:
        this.#cause ??= protocolViolation(PROTOCOL_STATUSES[loop.aux(index)] as ProtocolStatus)
        this.#linger()
        return
      case RecordKind.sessions:
      case RecordKind.keyLog:
        this.#raw?.takeTls(index)
        return
      case RecordKind.end:
        this.#socketEnded(loop.opcode(index), loop.aux(index), loop.textOf(index))
        return
    }
  }

  // The addon answers the peer's CLOSE after this batch; then it is the server's turn to end TCP.
  #peerClosed(code: number, reason: string): void {
    this.#cause ??= this.#localClose ? localClosed(code, reason) : remoteClosed(code, reason)
    this.#linger()
  }

  /** The outcome is known; what is left is the end of TCP, which a peer may not delay for ever. */
  #linger(): void {
    if (this.#localClose) return // close() has set a deadline
    this.#arm(LINGER_MS, () => this.terminate(this.#cause as WsDisconnectCause))
  }

  #socketEnded(reason: number, aux: number, text: string): void {
    const error = endError(reason, aux, text)
    const dropped = error === undefined ? remoteDropped() : readFailure(error.code, error.message)
    this.#letGo()
    this.#end(this.#cause ?? (this.#localClose ? localCloseUnanswered() : dropped))
  }

  #end(cause: WsDisconnectCause): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.#events.onEnd(cause)
  }

  #arm(ms: number, expired: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#request.clock.setTimer(ms, expired)
  }

  /** Of the socket, timer and place among the loop's links. */
  #letGo(): void {
    this.#loop.addon.destroy(this.#id, false)
    this.#final = this.#loop.counters(this.#id)
    this.#loop.remove(this.#id)
    this.#timer?.cancel()
    this.#id = 0
  }
}
