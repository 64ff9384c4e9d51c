import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { SharedWsError } from '../errors/errors.ts'
import type { LocalStop } from '../transport/end-causes.ts'

/** The ends that the front door itself brings about. Those that transports know are in `transport/end-causes.ts`. */

type InternalError = Extract<WsDisconnectCause, { kind: 'internal-error' }>

/** RFC 6455 7.1.5: no close handshake. */
const ABNORMAL = 1006

export function abortedBySignal(reason: unknown): LocalStop {
  const why = reason instanceof Error ? reason.message : typeof reason === 'string' ? reason : ''
  const message = `the signal given to connect() aborted${why === '' ? '' : `: ${why}`}`
  return { kind: 'local-stop', code: 'ERR_ABORTED', message, closeCode: ABNORMAL, closeReason: '' }
}

/** `close()`, and what was queued did not leave in time, so that CLOSE could not even be sent. */
export function closeStuck(timeoutMs: number): LocalStop {
  const message = `closed by us; the server did not take what was queued before CLOSE within ${timeoutMs} ms`
  return { kind: 'local-stop', code: 'ERR_CLOSE_TIMEOUT', message, closeCode: ABNORMAL, closeReason: '' }
}

export function queueOverflowed(): LocalStop {
  const message =
    'the queue of the iterator was full (queue.whenFull is "close"); take messages faster, raise queue, or use onBatch'
  return { kind: 'local-stop', code: 'ERR_QUEUE_FULL', message, closeCode: ABNORMAL, closeReason: '' }
}

/** `callback` is the option's name. */
export function callbackThrew(callback: string, thrown: unknown): InternalError {
  const error = toError(thrown)
  const message = `${callback} threw, and whenCallbackThrows is "close": ${error.message}`
  return { kind: 'internal-error', code: 'ERR_CALLBACK_THREW', message, context: callback, error }
}

/** `WsTransport.connect` broke its contract, or refused the request. */
export function transportThrew(name: string, thrown: unknown): InternalError {
  const error = toError(thrown)
  const code = error instanceof SharedWsError ? error.code : 'ERR_INTERNAL'
  const context = `connect of transport ${name}`
  return { kind: 'internal-error', code, message: `${context} threw: ${error.message}`, context, error }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`a value that is no Error was thrown (${typeof thrown})`)
}
