import { SharedWsError, WsConfigError } from '../errors/errors.ts'
import { Checker, describe, MAX_TIMER_MS } from '../support/check.ts'
import { isSendableCloseCode, MAX_CONTROL_BYTES } from '../transport/control.ts'

/** Two bytes of the control frame are the close code (RFC 6455 5.5.1). */
const MAX_CLOSE_REASON_BYTES = MAX_CONTROL_BYTES - 2

export const notOpenError = (call: string): SharedWsError =>
  new SharedWsError('ERR_NOT_OPEN', `${call}() needs an open connection; await ready() first`)

export const timeoutError = (what: string, timeoutMs: number): SharedWsError =>
  new SharedWsError('ERR_TIMEOUT', `${what} within ${timeoutMs} ms`)

/** Throws `ERR_PAYLOAD_TYPE` for what no transport can send. */
export function checkPayload(payload: unknown): void {
  if (typeof payload === 'string' || payload instanceof Uint8Array || typeof payload === 'function') return
  const fix =
    payload instanceof ArrayBuffer
      ? 'wrap it in new Uint8Array(buffer)'
      : ArrayBuffer.isView(payload)
        ? 'wrap it in new Uint8Array(view.buffer, view.byteOffset, view.byteLength)'
        : 'turn it into one, with JSON.stringify for instance'
  const message = `a payload must be a string, a Uint8Array or a function that writes one, is ${describe(payload)}; ${fix}`
  throw new SharedWsError('ERR_PAYLOAD_TYPE', message)
}

/** The payloads of a burst: throws `WsConfigError` and `ERR_PAYLOAD_TYPE`. */
export function checkPayloads(payloads: readonly unknown[]): void {
  if (!Array.isArray(payloads)) {
    const message = `must be a list of payloads, is ${describe(payloads)}`
    throw new WsConfigError([{ field: 'sendBatch.payloads', message }])
  }
  for (const payload of payloads) checkPayload(payload)
}

/** Options of a wait: throws `WsConfigError`. `timeoutMs` is undefined when none was given. */
export function checkWait(call: string, options: unknown): { timeoutMs: number | undefined; signal: AbortSignal } {
  const check = new Checker()
  const given = check.object(call, options, ['timeoutMs', 'signal']) ?? {}
  const timeoutMs = check.integer(`${call}.timeoutMs`, given.timeoutMs, 0, MAX_TIMER_MS, -1)
  const signal = check.signal(`${call}.signal`, given.signal) ?? new AbortController().signal
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  return { timeoutMs: timeoutMs === -1 ? undefined : timeoutMs, signal }
}

/** Options of `close()`: throws `WsConfigError`. */
export function checkClose(
  options: unknown,
  timeoutMsDefault: number,
): { code: number; reason: string; timeoutMs: number } {
  const check = new Checker()
  const { code = 1000, reason = '', timeoutMs } = check.object('close', options, ['code', 'reason', 'timeoutMs']) ?? {}
  if (!isSendableCloseCode(code as number)) {
    check.add('close.code', `must be one of 1000–1014 but 1004–1006, or 3000–4999 (RFC 6455 7.4), is ${describe(code)}`)
  }
  if (typeof reason !== 'string') check.add('close.reason', `must be a string, is ${describe(reason)}`)
  else if (Buffer.byteLength(reason) > MAX_CLOSE_REASON_BYTES) {
    const bytes = Buffer.byteLength(reason)
    check.add('close.reason', `must have at most ${MAX_CLOSE_REASON_BYTES} bytes of UTF-8, has ${bytes}`)
  }
  const checkedMs = check.integer('close.timeoutMs', timeoutMs, 0, MAX_TIMER_MS, timeoutMsDefault)
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  return { code: code as number, reason: reason as string, timeoutMs: checkedMs }
}

/** Items of subscriptions: throws `WsConfigError`. A copy. */
export function checkItems(call: string, items: unknown): readonly string[] {
  if (Array.isArray(items) && items.every((item) => typeof item === 'string' && item !== '')) return [...items]
  throw new WsConfigError([{ field: `${call}.items`, message: 'must be a list of strings that are not empty' }])
}
