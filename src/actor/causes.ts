import type { WsDisconnectCause, WsSessionStage } from '../errors/disconnect-cause.ts'
import { SharedWsError } from '../errors/errors.ts'
import type { WsGapReport } from '../errors/gap-report.ts'
import type { WsLatencyVerdict } from '../health/latency-policy.ts'
import type { LivenessVerdict } from '../health/liveness.ts'
import type { SilentTopic } from '../health/topic-watch.ts'
import { WsAuthRefusedError, type WsServerError } from '../session/endpoint-handler.ts'
import { quoteText } from '../support/redact.ts'

/** The ends that an actor itself brings about. Those that transports know are in `transport/end-causes.ts`. */

type LocalStop = Extract<WsDisconnectCause, { kind: 'local-stop' }>
export type WentSilent = Extract<WsDisconnectCause, { kind: 'went-silent' }>

/** RFC 6455 7.1.5: no close handshake, unless the link tells better. */
const ABNORMAL = 1006

/** Of a sequence number in a cause: more is not one, and causes are kept. */
const MAX_NUMBER_CHARS = 64

export function stoppedByUser(): LocalStop {
  return { kind: 'local-stop', code: 'LOCAL_CLOSE', message: 'stopped by us', closeCode: ABNORMAL, closeReason: '' }
}

export function stoppedBySignal(reason: unknown): LocalStop {
  const why = reason instanceof Error ? reason.message : typeof reason === 'string' ? reason : ''
  const message = `the signal aborted${why === '' ? '' : `: ${why}`}`
  return { kind: 'local-stop', code: 'ERR_ABORTED', message, closeCode: ABNORMAL, closeReason: '' }
}

/** The server did not take what was queued before CLOSE, in the time that `close` or its option gives. */
export function closeTookTooLong(why: WsDisconnectCause): LocalStop {
  const message = `${why.message}; the server did not take in time what was queued before CLOSE`
  // The signal's word stands: by it, promises know to reject with the signal's reason.
  const code = why.code === 'ERR_ABORTED' ? why.code : 'ERR_CLOSE_TIMEOUT'
  return { kind: 'local-stop', code, message, closeCode: ABNORMAL, closeReason: '' }
}

/** A stop that user code asked for. */
export function shutdownByIngress(): LocalStop {
  const message = 'ingress.onFrame asked for the end'
  return { kind: 'local-stop', code: 'ERR_SHUTDOWN_REQUESTED', message, closeCode: ABNORMAL, closeReason: '' }
}

/** `handler.handleServerError` did not let it pass. What `parse` made of the frame is user code's word: it may lack anything. */
export function serverFault(error: WsServerError): WsDisconnectCause {
  const { code, message } = Object(error) as Partial<WsServerError>
  const serverCode = code === undefined || code === null ? undefined : String(code)
  const serverMessage = typeof message === 'string' ? message : ''
  const said = [serverCode, serverMessage].filter((part) => part).join(': ')
  return {
    kind: 'server-error',
    code: 'ERR_SERVER_ERROR',
    message: `the venue complained, and handler.handleServerError would not have it${said === '' ? '' : `: ${quoteText(said)}`}`,
    ...(serverCode === undefined ? {} : { serverCode }),
    serverMessage,
  }
}

export function reconnectRequested(by: 'user' | 'ingress' | 'handler', why: string): WsDisconnectCause {
  const message = `the ${by} asked for another connection${why === '' ? '' : `: ${why}`}`
  return { kind: 'reconnect-requested', code: 'ERR_RECONNECT_REQUESTED', message, by }
}

export function wentSilent({ kind, silentForMs }: LivenessVerdict): WentSilent {
  const ms = Math.round(silentForMs)
  return kind === 'silent'
    ? { kind: 'went-silent', code: 'ERR_SILENT', message: `no byte came for ${ms} ms (silentAfterMs)`, silentForMs }
    : {
        kind: 'went-silent',
        code: 'ERR_STALE',
        message: `no application data for ${ms} ms (staleAfterMs)`,
        silentForMs,
      }
}

export function pongTimedOut(silentForMs: number): WentSilent {
  const message = `a heartbeat was not answered within ${Math.round(silentForMs)} ms`
  return { kind: 'went-silent', code: 'ERR_PONG_TIMEOUT', message, silentForMs }
}

export function topicSilent({ topic, silentForMs }: SilentTopic): WsDisconnectCause {
  const message = `nothing of topic ${quoteText(topic)} for ${Math.round(silentForMs)} ms (topics.silentAfterMs)`
  return { kind: 'topic-silent', code: 'ERR_TOPIC_SILENT', message, topic, silentForMs }
}

/** `of`: as somebody reported it; numbers may be of the venue's making. */
export function sequenceGap({ key, expected, received }: WsGapReport): WsDisconnectCause {
  const [want, came] = [expected, received].map((value) => (value === undefined ? undefined : String(value)))
  const of = key === undefined ? 'the connection' : `topic ${quoteText(key)}`
  const numbers = [
    ...(want === undefined ? [] : [`${quoteText(want)} was expected`]),
    ...(came === undefined ? [] : [`${quoteText(came)} came`]),
  ]
  const message = `a hole in the sequence of ${of}${numbers.length === 0 ? '' : `: ${numbers.join(', ')}`}`
  return {
    kind: 'sequence-gap',
    code: 'ERR_SEQUENCE_GAP',
    message,
    ...(key === undefined ? {} : { key }),
    ...(want === undefined ? {} : { expected: want.slice(0, MAX_NUMBER_CHARS) }),
    ...(came === undefined ? {} : { received: came.slice(0, MAX_NUMBER_CHARS) }),
  }
}

export function tooSlow({ percentile, rttUs, limitUs }: WsLatencyVerdict): WsDisconnectCause {
  const ms = (us: number): number => Math.round(us / 1000)
  const message = `percentile ${percentile} of the round trips is ${ms(rttUs)} ms, more than ${ms(limitUs)} (latencyPolicy)`
  return { kind: 'high-latency', code: 'ERR_HIGH_LATENCY', message, percentile, rttUs, limitUs }
}

export function phaseTimedOut(phase: 'authenticate' | 'on-ready', timeoutMs: number): WsDisconnectCause {
  return phase === 'authenticate'
    ? sessionFailed(phase, 'ERR_AUTH_TIMEOUT', `authentication took longer than ${timeoutMs} ms (authTimeoutMs)`)
    : sessionFailed(phase, 'ERR_ON_READY_TIMEOUT', `onReady took longer than ${timeoutMs} ms (onReadyTimeoutMs)`)
}

/** The handler's `authenticate` or `onReady` rejected. */
export function phaseFailed(phase: 'authenticate' | 'on-ready', thrown: unknown): WsDisconnectCause {
  const error = toError(thrown)
  if (phase === 'on-ready')
    return sessionFailed(phase, 'ERR_ON_READY_FAILED', `onReady failed: ${error.message}`, error)
  return error instanceof WsAuthRefusedError
    ? sessionFailed(phase, 'ERR_AUTH_REFUSED', `the credentials were refused: ${error.message}`, error)
    : sessionFailed(phase, 'ERR_AUTH_FAILED', `authentication failed: ${error.message}`, error)
}

/** Of the gaps that the topics have which needed it. */
export function authExpired(): WsDisconnectCause {
  return sessionFailed('authenticate', 'ERR_AUTH_EXPIRED', 'the venue says that our authentication has expired')
}

/** Of the gap of the topic. */
export function subscriptionRevoked({ code, message }: { code?: string; message?: string }): WsDisconnectCause {
  const why = [code, message].filter((part) => part !== undefined).join(': ')
  const said = `the venue has taken its acknowledgement back${why === '' ? '' : `: ${why}`}`
  return sessionFailed('subscribe', 'ERR_SUBSCRIPTION_REVOKED', said)
}

export function subscriptionsUnanswered(items: readonly string[], timeoutMs: number): WsDisconnectCause {
  const message = `no answer to a subscription within ${timeoutMs} ms (subscriptionTimeoutMs): ${items.length} item(s)`
  return sessionFailed('subscribe', 'ERR_SUBSCRIBE_TIMEOUT', message)
}

/** The manager threw, or returned nonsense, as `onHookError` has heard; `update` more than once. */
export function subscriptionsFailed(member: 'initial' | 'update'): WsDisconnectCause {
  const so =
    member === 'initial' ? 'so nothing is subscribed' : 'and again, so what is subscribed is not what is desired'
  return sessionFailed('subscribe', 'ERR_SUBSCRIBE_FAILED', `subscriptionManager.${member} failed, ${so}`)
}

/** The replay does not fit into the lane: what follows it would be a feed with holes. */
export function subscriptionsNotSent(): WsDisconnectCause {
  const message = 'the subscriptions did not fit into the outbound lane; raise lanes.normalBytes'
  return sessionFailed('subscribe', 'ERR_QUEUE_FULL', message)
}

/** By policy: an exception of user code ends the connection or the actor. */
export function hookThrew(hook: string, thrown: unknown): WsDisconnectCause {
  const error = toError(thrown)
  return {
    kind: 'internal-error',
    code: 'ERR_CALLBACK_THREW',
    message: `${hook} threw, and whenHookThrows says so: ${error.message}`,
    context: hook,
    error,
  }
}

/** `WsTransport.connect` broke its contract, or refused the request. */
export function transportThrew(context: string, thrown: unknown): WsDisconnectCause {
  const error = toError(thrown)
  const code = error instanceof SharedWsError ? error.code : 'ERR_INTERNAL'
  return { kind: 'internal-error', code, message: `${context} threw: ${error.message}`, context, error }
}

/** Its links are those of another contract: each attempt would end in this way. */
export function transportFollowsNoTopics(name: string): WsDisconnectCause {
  const message = `links of transport ${name} have no watchTopic, unwatchTopic, armTopic or topicSeenUs, which plan.topic needs; give topics.topicOf instead`
  const context = `connect of transport ${name}`
  const error = new SharedWsError('ERR_TRANSPORT_NO_TOPICS', message)
  return { kind: 'internal-error', code: error.code, message, context, error }
}

function sessionFailed(stage: WsSessionStage, code: string, message: string, error?: Error): WsDisconnectCause {
  return { kind: 'session-failed', stage, code, message, ...(error === undefined ? {} : { error }) }
}

export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`a value that is no Error was thrown (${typeof thrown})`)
}
