import { WsConnectError, type WsConnectStage } from '../errors/disconnect-cause.ts'
import { withDeadline } from '../support/deadline.ts'
import { type ConnectTarget, type HandshakeFailure, handshakeFailed, stageTimeout, type TimedStage } from './causes.ts'
import type { WsConnectRequest } from './request.ts'

/** One attempt on its way through the stages. */
export interface Attempt {
  readonly request: WsConnectRequest
  readonly target: ConnectTarget
  readonly progress: Progress
  /** Fires when the attempt as a whole is given up; its reason is a `WsConnectError`. */
  readonly signal: AbortSignal
}

/** What a deadline must know to say what it interrupted. */
export interface Progress {
  stage: TimedStage
  /** A refusal, as far as it has come, while its body is being read: it tells more than a timeout. */
  failureSoFar(): HandshakeFailure | undefined
}

/** Runs one stage under its deadline. `work` must reject with `WsConnectError` only. */
export function inStage<T>(
  { request, target, progress, signal }: Attempt,
  stage: TimedStage,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  progress.stage = stage
  const ms = request.timeouts[`${stage}Ms`]
  const expired = (): Error => timeoutError(progress, stageTimeout(stage, ms, target))
  return withDeadline({ clock: request.clock, ms, expired }, signal, work)
}

/** A deadline expired. A refusal of which only the body is incomplete is reported instead. */
export function timeoutError(progress: Progress, timeout: HandshakeFailure): WsConnectError {
  return new WsConnectError(progress.failureSoFar() ?? timeout)
}

/** Whatever was thrown, as a failure of `stage`; `what` says in front of its message what was being done. */
export function stageError(
  stage: WsConnectStage,
  target: ConnectTarget,
  what: string,
  thrown: unknown,
): WsConnectError {
  const { code, message, error } = describe(thrown, `ERR_${stage.toUpperCase()}_FAILED`)
  return new WsConnectError(
    handshakeFailed(stage, code, `${what}: ${message}`, error === undefined ? { target } : { target, error }),
  )
}

/** OpenSSL ends its messages with a line feed, and nothing keeps a user's lookup from throwing a page of text. */
const MAX_MESSAGE_CHARS = 500

/** Code and message, on one line, of anything that can be thrown. */
export function describe(
  thrown: unknown,
  fallbackCode: string,
): { readonly code: string; readonly message: string; readonly error?: Error } {
  if (!(thrown instanceof Error)) {
    return { code: fallbackCode, message: `something was thrown that is no Error: ${typeof thrown}` }
  }
  const { code } = thrown as { code?: unknown }
  const text = thrown.message === '' ? thrown.name : thrown.message
  const message = text.slice(0, MAX_MESSAGE_CHARS).replace(/\s+/g, ' ').trim()
  if (typeof code !== 'string' || code === '') return { code: fallbackCode, message, error: thrown }
  return { code, message: message.includes(code) ? message : `${message} (${code})`, error: thrown }
}
