import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import type { WsGapReport, WsGapReported } from '../errors/gap-report.ts'
import type { WsHealthMonitor } from '../health/health-monitor.ts'
import type { WsHeartbeat } from '../health/ping-pong.ts'
import type { WsIngressSink, WsIngressVerdict } from '../ingress/ingress.ts'
import type { WsOutcomeItem } from '../requests/outcome.ts'
import type { PendingRequests } from '../requests/pending-requests.ts'
import type { WsReplyMatch } from '../requests/reply-match.ts'
import type { WsErrorAction, WsParsed, WsServerError, WsSession } from '../session/endpoint-handler.ts'
import type { WsFrame } from '../transport/frame.ts'
import type { WsBatch } from '../transport/transport.ts'
import { reconnectRequested, serverFault, shutdownByIngress } from './causes.ts'
import type { Hooks } from './hooks.ts'
import type { LiveConnection } from './live-connection.ts'
import type { ResolvedActorOptions } from './resolve.ts'
import type { Next } from './state.ts'
import type { Topics } from './topics.ts'

/** What the way in needs of the actor. */
export interface InboundOwner {
  readonly table: PendingRequests
  /** False once nothing of this connection may be delivered. */
  wanted(live: LiveConnection): boolean
  /** The venue has refused something. */
  refused(error: WsServerError): void
  /** A subscription message has no answer yet. */
  awaitsAnswers(): boolean
  /** A frame may answer a subscription message. True: it did. */
  subscriptionAnswer(frame: WsFrame): boolean
  leave(cause: WsDisconnectCause, next: Next): void
  topics(): Topics
  /** It has the id of an ask, and settles nothing. */
  replyIgnored(requestId: string, why: 'neither' | 'other-connection' | 'too-early'): void
  rtt(rttUs: number, atUs: number): void
}

const VERDICTS = "'ignore', 'emit', 'forward', 'reconnect' or 'shutdown'"

/**
 * The way of a data frame: heartbeat, reply, subscription answer, ingress, handler. Everything runs before the batch is
 * given back, on borrowed frames, and nothing here allocates for a frame that the ingress ignores: hooks are called in
 * methods of their own, without closures.
 */
export class Inbound<M, E> implements WsIngressSink<E> {
  readonly #options: ResolvedActorOptions
  readonly #hooks: Hooks
  readonly #health: WsHealthMonitor
  readonly #owner: InboundOwner
  /** Somebody looks at single frames, always. */
  readonly #perFrame: boolean
  /** They are looked at while a subscription message waits for its answer. */
  readonly #forAnswers: boolean
  #connection = 0
  #untilSample = 1
  /** Replies are looked for once there has been something to reply to. */
  expectsReplies = false

  constructor(options: ResolvedActorOptions, hooks: Hooks, health: WsHealthMonitor, owner: InboundOwner) {
    this.#options = options
    this.#hooks = hooks
    this.#health = health
    this.#owner = owner
    const { handler, ingress, subscriptionManager, pingPong, topics } = options
    const lookers = [handler, ingress, pingPong?.onFrame, topics?.topicOf]
    this.#perFrame = lookers.some((looker) => looker !== undefined)
    this.#forAnswers = subscriptionManager?.response !== undefined
  }

  deliver(batch: WsBatch, live: LiveConnection, session: WsSession): void {
    const { length } = batch
    const { onBatch, messages } = this.#options.callbacks
    this.#connection = live.connection
    this.#health.count.messagesReceived += length
    // Of all that one read brought, the last came last.
    const receivedUs = batch.at(length - 1).receivedMonoUs
    live.received(receivedUs)
    if (onBatch !== undefined) this.#hooks.notify('onBatch', onBatch, batch, live.connection)
    const perFrame = this.#perFrame || (this.#forAnswers && this.#owner.awaitsAnswers())
    let data = !perFrame
    if (!perFrame && this.#forAnswers) this.#health.count.framesIgnored += length
    if (perFrame) {
      const taker = messages?.isWanted === true ? messages : undefined
      for (let i = 0; i < length && this.#owner.wanted(live); i++) {
        const frame = batch.at(i)
        live.frame = frame
        if (this.#frame(frame, live, session)) data = true
        taker?.take(frame, live.connection)
      }
      taker?.done()
      live.frame = undefined
    }
    if (data) {
      live.dataSeen = true
      live.dataReads++
      this.dataUntilUs = receivedUs
    }
  }

  /** Receive time of the last application data; for the liveness of the connection. */
  dataUntilUs = 0
  /** Frames of which the ping-pong strategy has made something, be it an exception: it may be due at another time. */
  heartbeats = 0

  /** Called by the ingress, inside `onFrame`. */
  emit(event: E): void {
    this.#health.count.eventsEmitted++
    this.#hooks.notify(
      'onEvent',
      this.#options.callbacks.onEvent as (event: E, n: number) => void,
      event,
      this.#connection,
    )
  }

  /** Called by the ingress. */
  reportGap(gap: WsGapReport): WsGapReported {
    return this.#owner.topics().sequences.report(gap)
  }

  /** Called by the ingress. */
  reportResumed(key?: string): boolean {
    return this.#owner.topics().sequences.mended(key)
  }

  /** True: application data, and not only what keeps the session going. */
  #frame(frame: WsFrame, live: LiveConnection, session: WsSession): boolean {
    if (this.#heartbeat(frame, live)) return false
    const isReply = this.expectsReplies && this.#reply(frame, live)
    if (!isReply && this.#owner.subscriptionAnswer(frame)) return false
    if (this.#options.topics?.topicOf !== undefined && !isReply) this.#topic(frame)
    if (this.#options.handler?.samplePayloadTimestampsUs !== undefined) this.#sample(frame)
    switch (this.#ingress(frame)) {
      case 'forward':
        this.#health.count.framesForwarded++
        this.#handle(frame, session)
        break
      case 'reconnect':
        this.#owner.leave(reconnectRequested('ingress', ''), 'reconnect')
        break
      case 'shutdown':
        this.#owner.leave(shutdownByIngress(), 'stop')
        break
      case 'ignore':
        this.#health.count.framesIgnored++
        break
      case 'emit':
        break
    }
    return !isReply
  }

  #heartbeat(frame: WsFrame, live: LiveConnection): boolean {
    const { pingPong } = this.#options
    if (pingPong?.onFrame === undefined) return false
    let heartbeat: WsHeartbeat | undefined
    try {
      heartbeat = pingPong.onFrame(frame, live)
    } catch (error) {
      this.heartbeats++
      this.#hooks.failed('pingPong.onFrame', error)
      return false
    }
    if (heartbeat === undefined) return false
    this.heartbeats++
    if (heartbeat?.kind !== 'heartbeat' || !(heartbeat.rttUs === undefined || Number.isFinite(heartbeat.rttUs))) {
      this.#hooks.nonsense('pingPong.onFrame', heartbeat, "{ kind: 'heartbeat', rttUs? } or undefined")
      return false
    }
    this.#health.count.heartbeats++
    live.answerSeen = true
    if (heartbeat.rttUs !== undefined) this.#owner.rtt(heartbeat.rttUs, frame.receivedMonoUs)
    return true
  }

  #reply(frame: WsFrame, live: LiveConnection): boolean {
    const { handler, clock } = this.#options
    if (handler?.matchReply === undefined) return false
    let match: WsReplyMatch | undefined
    let makesSense = false
    try {
      match = handler.matchReply(frame)
      makesSense = match === undefined || isReplyMatch(match)
    } catch (error) {
      this.#hooks.failed('handler.matchReply', error)
      return false
    }
    if (match === undefined) return false
    if (!makesSense) {
      this.#hooks.nonsense(
        'handler.matchReply',
        match,
        '{ requestId, verdict, … } with requestId a string, or undefined',
      )
      return false
    }
    // Most frames know when they were read, and may have lain in the socket for as long as this thread was away.
    const receiveTime = frame.receivedAtIsUpperBound ? 'upper-bound' : 'exact'
    const effect = this.#owner.table.reply(live.connection, match, frame, clock.monoUs(), receiveTime)
    if (effect === 'settled' || effect === 'late') live.answerSeen = true
    else this.#health.count.unmatchedReplies++
    if (effect === 'neither' || effect === 'other-connection' || effect === 'too-early') {
      this.#owner.replyIgnored(match.requestId, effect)
    }
    if (effect === 'settled' && match.verdict === 'rejected') {
      const { code, message = '' } = match
      this.#owner.refused(code === undefined ? { message } : { code, message })
    }
    // Ids of which the table knows nothing are perhaps of the user's own making: such a frame is data like others.
    return effect !== 'unknown'
  }

  #ingress(frame: WsFrame): WsIngressVerdict {
    const { ingress } = this.#options
    if (ingress === undefined) return this.#options.handler === undefined ? 'ignore' : 'forward'
    let verdict: WsIngressVerdict
    try {
      verdict = ingress.onFrame(frame, this as WsIngressSink<unknown>)
    } catch (error) {
      this.#hooks.failed('ingress.onFrame', error)
      return 'ignore'
    }
    if (verdict === 'ignore' || verdict === 'forward' || verdict === 'emit') return verdict
    if (verdict === 'reconnect' || verdict === 'shutdown') return verdict
    this.#hooks.nonsense('ingress.onFrame', verdict, VERDICTS)
    return 'ignore'
  }

  #handle(frame: WsFrame, session: WsSession): void {
    const { handler } = this.#options
    if (handler === undefined) return
    let parsed: WsParsed<M> | undefined
    try {
      parsed = handler.parse(frame) as WsParsed<M> | undefined
    } catch (error) {
      this.#hooks.failed('handler.parse', error)
      return
    }
    if (parsed === undefined) return
    if (parsed?.kind === 'message') this.#message(parsed.message, session)
    else if (parsed?.kind === 'server-error') this.#serverError(parsed, session)
    else this.#hooks.nonsense('handler.parse', parsed, "undefined or { kind: 'message' | 'server-error', … }")
  }

  #message(message: M, session: WsSession): void {
    try {
      const result: unknown = this.#options.handler?.handleMessage(message, session)
      if (result !== undefined) this.#hooks.watch('handler.handleMessage', result)
    } catch (error) {
      this.#hooks.failed('handler.handleMessage', error)
    }
  }

  #serverError({ error }: Extract<WsParsed<M>, { kind: 'server-error' }>, session: WsSession): void {
    const { handler } = this.#options
    if (handler?.handleServerError === undefined) {
      this.#owner.refused(error)
      return
    }
    let action: WsErrorAction
    try {
      action = handler.handleServerError(error, session)
    } catch (thrown) {
      this.#hooks.failed('handler.handleServerError', thrown)
      return
    }
    if (action === 'reconnect') this.#owner.leave(serverFault(error), 'reconnect')
    else if (action === 'fatal') this.#owner.leave(serverFault(error), 'stop')
    else if (action === 'reauthenticate') session.authExpired()
    else if (action === 'continue') this.#owner.refused(error)
    else {
      const want = "'continue', 'reconnect', 'reauthenticate' or 'fatal'"
      this.#hooks.nonsense('handler.handleServerError', action, want)
    }
  }

  #topic(frame: WsFrame): void {
    let topic: string | undefined
    try {
      topic = this.#options.topics?.topicOf?.(frame)
    } catch (error) {
      this.#hooks.failed('topics.topicOf', error)
      return
    }
    if (typeof topic === 'string') this.#owner.topics().data(topic, frame.receivedMonoUs)
    else if (topic !== undefined) this.#hooks.nonsense('topics.topicOf', topic, 'a string, or undefined')
  }

  #sample(frame: WsFrame): void {
    if (--this.#untilSample > 0) return
    this.#untilSample = this.#options.payloadLagEvery
    try {
      const us = this.#options.handler?.samplePayloadTimestampsUs?.(frame)
      if (us === undefined) return
      if (Number.isFinite(us)) this.#health.recordPayloadLagUs(frame.receivedAtUs - us)
      else this.#hooks.nonsense('handler.samplePayloadTimestampsUs', us, 'Unix epoch µs, or undefined')
    } catch (error) {
      this.#hooks.failed('handler.samplePayloadTimestampsUs', error)
    }
  }
}

function isReplyMatch(match: unknown): match is WsReplyMatch {
  const { requestId, verdict, code, message, items } = Object(match) as Partial<Record<keyof WsReplyMatch, unknown>>
  if (typeof requestId !== 'string' || !REPLY_VERDICTS.has(verdict)) return false
  return (items === undefined || (Array.isArray(items) && items.every(isItem))) && isText(code) && isText(message)
}

function isItem(item: unknown): boolean {
  const { ok, code, message } = Object(item) as Partial<Record<keyof WsOutcomeItem, unknown>>
  return typeof ok === 'boolean' && isText(code) && isText(message)
}

/** Venues give numbers for codes, and they are turned into the text that was promised. */
const isText = (value: unknown): boolean => value === undefined || value === null || typeof value !== 'object'

const REPLY_VERDICTS: ReadonlySet<unknown> = new Set(['confirmed', 'partial', 'rejected', 'status-unknown', 'neither'])
