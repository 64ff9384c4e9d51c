import { toError } from '../actor/causes.ts'
import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'

/** The ends that the front door itself brings about; those that actors know are in `actor/causes.ts`. */

/** RFC 6455 7.1.5: no close handshake. */
const ABNORMAL = 1006

export function queueOverflowed(): WsDisconnectCause {
  const message =
    'the queue of the iterator was full (queue.whenFull is "close"); take messages faster, raise queue, or use onBatch'
  return { kind: 'local-stop', code: 'ERR_QUEUE_FULL', message, closeCode: ABNORMAL, closeReason: '' }
}

/** `callback` is the option's name. */
export function callbackThrew(callback: string, thrown: unknown, policy: 'reconnect' | 'close'): WsDisconnectCause {
  const error = toError(thrown)
  const message = `${callback} threw, and whenCallbackThrows is "${policy}": ${error.message}`
  return { kind: 'internal-error', code: 'ERR_CALLBACK_THREW', message, context: callback, error }
}

/** RFC 6455 7.1.5: the code of the peer's CLOSE. Of a violation we know only what we answered. */
export function closeCodeOf(cause: WsDisconnectCause): number {
  return cause.kind === 'remote-closed' || cause.kind === 'local-stop' ? cause.closeCode : ABNORMAL
}
