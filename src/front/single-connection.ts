import { checkClose, checkPayload, checkWait, notOpenError, timeoutError } from '../actor/mistakes.ts'
import { Pings } from '../actor/pings.ts'
import { type Endpoint, knownEndpoint, prepareEndpoint } from '../connect/endpoint.ts'
import { WsConnectError, type WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { MAX_TIMER_MS } from '../support/check.ts'
import type { ClockTimer } from '../support/clock.ts'
import { withDeadline } from '../support/deadline.ts'
import { systemRandom } from '../support/random.ts'
import { closedWhileConnecting } from '../transport/end-causes.ts'
import type { WsLink, WsLinkEvents, WsOpenInfo, WsPayload, WsTransport } from '../transport/transport.ts'
import { CallbackGuard } from './callbacks.ts'
import type { WsClosed, WsConnection, WsConnectionState, WsConnectionStats, WsSendResult } from './connection.ts'
import type { WsEvent } from './events.ts'
import { Inbox } from './inbox.ts'
import type { ResolvedOptions } from './resolve.ts'
import { SendQueue } from './send-queue.ts'
import { abortedBySignal, callbackThrew, closeStuck, queueOverflowed, transportThrew } from './stops.ts'

const PING_TIMEOUT_MS = 5000
/** This class lives for one connection, and makes one attempt. */
const CONNECTION = 1
const ATTEMPT = 1

/**
 * One connection over one attempt: `connecting → open → closing → closed`, never back. It is `closing` from the moment
 * at which we decide that it ends, and `#end` is the only way to `closed`. No callback of the user runs inside a call
 * that the user makes, except `onEvent` about back-pressure that the call itself lifts.
 */
export class SingleConnection implements WsConnection {
  readonly transportName: string
  readonly #options: ResolvedOptions
  readonly #transport: WsTransport
  readonly #guard: CallbackGuard
  readonly #inbox: Inbox
  readonly #sendQueue: SendQueue
  readonly #pings: Pings
  readonly #opened = deferred<WsOpenInfo>()
  readonly #closed = deferred<WsClosed>()
  /** Gives the user's url, headers and subprotocols functions up. */
  readonly #preparing = new AbortController()
  #state: WsConnectionState = 'connecting'
  /** Absent while preparing. */
  #link: WsLink | undefined
  /** A polite close that waits until the send queue is empty, at most until its timer. */
  #closeAfterQueue: { code: number; reason: string; deadlineUs: number; timer: ClockTimer } | undefined
  /** Why we end it; a transport knows only that we do. */
  #why: WsDisconnectCause | undefined
  /** Terminated, not closed politely: what still arrives is not delivered. */
  #givenUp = false
  #openedMonoUs: number | undefined
  #endedMonoUs: number | undefined

  constructor(options: ResolvedOptions, transport: WsTransport) {
    this.#options = options
    this.#transport = transport
    this.transportName = transport.name
    this.#guard = new CallbackGuard(
      { ...options.callbacks, whenCallbackThrows: options.whenCallbackThrows },
      (e, name) => this.#giveUp(callbackThrew(name, e)),
    )
    const queueOwner = {
      setPaused: (paused: boolean) => this.#setPaused(paused),
      overflowed: () => this.#giveUp(queueOverflowed()),
    }
    this.#inbox = new Inbox(options, this.#guard, queueOwner, CONNECTION)
    this.#sendQueue = new SendQueue(options.maxSendQueueBytes)
    this.#pings = new Pings(options.clock)
  }

  /** Begins the attempt. Called once, by `connect()`. */
  start(): void {
    const { endpoint, signal } = this.#options
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted) this.#onAbort()
    const known = knownEndpoint(endpoint)
    if (known !== undefined && this.#state === 'connecting') this.#connect(known, this.#options.timeouts.totalMs)
    else void this.#prepareAndConnect()
  }

  get state(): WsConnectionState {
    return this.#state
  }

  async ready(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<WsOpenInfo> {
    const { timeoutMs, signal } = checkWait('ready', options)
    if (timeoutMs === undefined && options?.signal === undefined) return this.#whenOpen()
    const ms = timeoutMs ?? MAX_TIMER_MS
    const expired = (): Error => timeoutError('the connection was not open', ms)
    return withDeadline({ clock: this.#options.clock, ms, expired }, signal, () => this.#whenOpen())
  }

  send(payload: WsPayload, options?: { readonly binary?: boolean }): WsSendResult {
    checkPayload(payload)
    if (this.#state !== 'open') return 'not-open'
    return this.#sendQueue.send(this.#link as WsLink, payload, options?.binary, false)
  }

  sendBatch(payloads: readonly WsPayload[], options?: { readonly binary?: boolean }): number {
    for (const payload of payloads) checkPayload(payload)
    if (this.#state !== 'open') return 0
    const link = this.#link as WsLink
    const last = payloads.length - 1
    let accepted = 0
    try {
      for (const [index, payload] of payloads.entries()) {
        const result = this.#sendQueue.send(link, payload, options?.binary, index < last)
        if (result === 'full' || result === 'not-open') break
        accepted++
      }
    } finally {
      // Stopped early, by a full queue or a payload function that threw: what was taken must not be held back.
      if (accepted <= last) link.flush()
    }
    return accepted
  }

  async ping(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<number> {
    const { timeoutMs, signal } = checkWait('ping', options)
    if (this.#state !== 'open') throw notOpenError('ping')
    return this.#pings.send(this.#link as WsLink, timeoutMs ?? PING_TIMEOUT_MS, signal)
  }

  async close(options?: {
    readonly code?: number
    readonly reason?: string
    readonly timeoutMs?: number
  }): Promise<WsClosed> {
    const { code, reason, timeoutMs } = checkClose(options, this.#options.closeTimeoutMs)
    if (this.#state === 'connecting') this.#giveUp(closedWhileConnecting())
    else if (this.#state === 'open') this.#closePolitely(code, reason, timeoutMs)
    return this.#closed.promise
  }

  closed(): Promise<WsClosed> {
    return this.#closed.promise
  }

  stats(): WsConnectionStats {
    const link = this.#link
    const rttUs = this.#pings.lastRttUs
    const { clock } = this.#options
    const untilUs = this.#endedMonoUs ?? clock.monoUs()
    return {
      state: this.#state,
      messagesReceived: this.#inbox.messagesReceived,
      bytesReceived: link?.bytesReceived ?? 0,
      bytesSent: link?.bytesSent ?? 0,
      queuedBytes: this.#state === 'closed' ? 0 : this.#sendQueue.bytes + (link?.queuedBytes ?? 0),
      queuedMessages: this.#inbox.messagesQueued,
      droppedMessages: this.#inbox.messagesDropped,
      callbackErrors: this.#guard.errors,
      uptimeMs: this.#openedMonoUs === undefined ? 0 : (untilUs - this.#openedMonoUs) / 1000,
      ...(rttUs === undefined ? {} : { rttUs }),
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<WsEvent, undefined> {
    return this.#inbox.iterate(() => this.close())
  }

  // — connecting —

  async #prepareAndConnect(): Promise<void> {
    const { endpoint, clock, timeouts } = this.#options
    const { totalMs } = timeouts
    const startedUs = clock.monoUs()
    try {
      // Not inside connect(): the user's functions may well use what connect() has not returned yet.
      await undefined
      const signal = this.#preparing.signal
      const known = await prepareEndpoint(endpoint, { clock, totalMs, attempt: ATTEMPT, signal })
      // Given up between the last function's answer and now.
      signal.throwIfAborted()
      const spentMs = Math.floor((clock.monoUs() - startedUs) / 1000)
      this.#connect(known, Math.max(1, totalMs - spentMs))
    } catch (error) {
      // Rejects with a cause of its own or with the one that `#giveUp` aborted it with.
      this.#end(error instanceof WsConnectError ? error.disconnectCause : transportThrew('preparation', error))
    }
  }

  #connect(endpoint: Endpoint, totalMs: number): void {
    const { tls, lookup, limits, timeouts, noDelay, clock } = this.#options
    const request = { ...endpoint, tls, lookup, limits, noDelay, clock, random: systemRandom }
    try {
      this.#link = this.#transport.connect({ ...request, timeouts: { ...timeouts, totalMs } }, this.#linkEvents)
    } catch (error) {
      this.#state = 'closing'
      // Not now: connect() has not returned, and callbacks must find the connection in the user's hands.
      queueMicrotask(() => this.#end(transportThrew(this.transportName, error)))
    }
  }

  readonly #wanted = (): boolean => !this.#givenUp

  readonly #linkEvents: WsLinkEvents = {
    onOpen: (info) => this.#onOpen(info),
    onMessages: (batch) => {
      if (!this.#givenUp) this.#inbox.deliver(batch, this.#wanted)
    },
    onPing: (payload) => this.#guard.run('onPing', this.#options.callbacks.onPing, payload),
    onPong: (payload, receivedMonoUs) => {
      this.#pings.answered(payload, receivedMonoUs)
      this.#guard.run('onPong', this.#options.callbacks.onPong, payload)
    },
    onWritable: () => this.#onWritable(),
    onEnd: (cause) => this.#end(this.#ownWords(cause)),
  }

  #onOpen(info: WsOpenInfo): void {
    if (this.#state !== 'connecting') return
    const { clock, callbacks } = this.#options
    this.#state = 'open'
    this.#openedMonoUs = clock.monoUs()
    this.#opened.resolve(info)
    this.#inbox.event({ kind: 'connected', connection: CONNECTION, atUs: clock.epochUs(), info })
    this.#guard.run('onOpen', callbacks.onOpen, info)
  }

  /** `ready()` of a connection that is on its way out, or was open once, waits for the end and tells why. */
  async #whenOpen(): Promise<WsOpenInfo> {
    if (this.#state === 'connecting' || this.#state === 'open') return this.#opened.promise
    throw this.#endError((await this.#closed.promise).cause)
  }

  // — the way out —

  readonly #onAbort = (): void => {
    if (this.#state !== 'connecting' && this.#state !== 'open') return
    const why = abortedBySignal(this.#options.signal?.reason)
    this.#why = why
    if (this.#state === 'connecting') this.#giveUp(why)
    else this.#closePolitely(1001, '', this.#options.closeTimeoutMs)
  }

  /** Everything that `send` has accepted goes out first. */
  #closePolitely(code: number, reason: string, timeoutMs: number): void {
    const link = this.#link as WsLink
    this.#state = 'closing'
    this.#inbox.stopPausing()
    if (this.#sendQueue.isEmpty) {
      link.close(code, reason, timeoutMs)
      return
    }
    const { clock } = this.#options
    const deadlineUs = clock.monoUs() + timeoutMs * 1000
    const timer = clock.setTimer(timeoutMs, () => this.#giveUp(this.#ownWords(closeStuck(timeoutMs))))
    this.#closeAfterQueue = { code, reason, deadlineUs, timer }
  }

  /** Ends it without a close handshake. */
  #giveUp(cause: WsDisconnectCause): void {
    if (this.#givenUp || this.#state === 'closed') return
    this.#givenUp = true
    this.#state = 'closing'
    if (this.#link !== undefined) this.#link.terminate(cause)
    else this.#preparing.abort(new WsConnectError(cause))
  }

  #onWritable(): void {
    const link = this.#link as WsLink
    if (!this.#sendQueue.drain(link)) this.#sendQueue.clear()
    const waiting = this.#closeAfterQueue
    if (waiting === undefined || !this.#sendQueue.isEmpty) return
    this.#closeAfterQueue = undefined
    waiting.timer.cancel()
    link.close(waiting.code, waiting.reason, Math.max(0, (waiting.deadlineUs - this.#options.clock.monoUs()) / 1000))
  }

  #setPaused(paused: boolean): void {
    if (paused) this.#link?.pause()
    else this.#link?.resume()
    const atUs = this.#options.clock.epochUs()
    this.#inbox.event({ kind: 'backpressure', connection: CONNECTION, paused, atUs })
  }

  /** A polite close of ours is reported with our reason and the peer's code. */
  #ownWords(cause: WsDisconnectCause): WsDisconnectCause {
    const why = this.#why
    return why !== undefined && cause.kind === 'local-stop' ? { ...cause, code: why.code, message: why.message } : cause
  }

  #end(cause: WsDisconnectCause): void {
    if (this.#state === 'closed') return
    const { clock, signal } = this.#options
    this.#state = 'closed'
    this.#endedMonoUs = clock.monoUs()
    signal?.removeEventListener('abort', this.#onAbort)
    this.#closeAfterQueue?.timer.cancel()
    this.#sendQueue.clear()
    const error = this.#endError(cause)
    this.#opened.reject(error)
    this.#pings.rejectAll(error)
    this.#closed.resolve({ reason: cause.message, cause, closeCode: closeCodeOf(cause) })
    this.#inbox.event({ kind: 'disconnected', connection: CONNECTION, atUs: clock.epochUs(), cause })
    this.#inbox.end()
  }

  /** What promises reject with: the user's own reason when the user's signal ended it. */
  #endError(cause: WsDisconnectCause): Error {
    return this.#why !== undefined && cause.kind === 'local-stop'
      ? (this.#options.signal?.reason as Error)
      : new WsConnectError(cause)
  }
}

/** RFC 6455 7.1.5: the code of the peer's CLOSE. Of a violation we know only what we answered. */
function closeCodeOf(cause: WsDisconnectCause): number {
  return cause.kind === 'remote-closed' || cause.kind === 'local-stop' ? cause.closeCode : 1006
}

function deferred<T>() {
  let resolve!: (value: T) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((res, rej) => {
    resolve = res
    reject = rej
  })
  // Nobody need be waiting for it.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
