import type { WsDisconnectCause } from '../errors/disconnect-cause.ts'
import { PROTOCOL_STATUSES, type ProtocolStatus, type ProtocolStatusCode } from '../errors/statuses.ts'

/** Causes of connections that end after they were open, made here alone, so that every transport tells the same story. */

export type LocalStop = Extract<WsDisconnectCause, { kind: 'local-stop' }>

/** `close()` came first and the handshake was completed; the peer's CLOSE carried this code (1005: none). */
export function localClosed(closeCode: number, closeReason: string): LocalStop {
  return { kind: 'local-stop', code: 'LOCAL_CLOSE', message: 'we closed the connection', closeCode, closeReason }
}

/** `close()` came first, and the peer ended TCP without a CLOSE. */
export function localCloseUnanswered(): LocalStop {
  const message = 'we closed the connection; the server ended TCP without answering our CLOSE'
  return { kind: 'local-stop', code: 'LOCAL_CLOSE', message, closeCode: 1006, closeReason: '' }
}

/** The peer did not finish the close handshake in time, so we ended TCP. */
export function closeTimedOut(timeoutMs: number): LocalStop {
  // What the user's timeout has left for it: no round number.
  const ms = Math.round(timeoutMs)
  const message = `we closed the connection; the server did not finish the close handshake within ${ms} ms`
  return { kind: 'local-stop', code: 'ERR_CLOSE_TIMEOUT', message, closeCode: 1006, closeReason: '' }
}

export function closedWhileConnecting(): LocalStop {
  const message = 'we gave the connection up before it was open'
  return { kind: 'local-stop', code: 'LOCAL_CLOSE', message, closeCode: 1006, closeReason: '' }
}

/** The peer's CLOSE came first; 1005 for one without a code. */
export function remoteClosed(closeCode: number, closeReason: string): WsDisconnectCause {
  const code = closeCode === 1005 ? 'no code' : `code ${closeCode}`
  const message = `the server closed the connection with ${code}${closeReason === '' ? '' : `: ${closeReason}`}`
  return { kind: 'remote-closed', code: 'REMOTE_CLOSE', message, closeCode, closeReason, clean: true }
}

/** The stream ended without a CLOSE (RFC 6455 7.1.5). */
export function remoteDropped(): WsDisconnectCause {
  const message = 'the server ended the TCP connection without a CLOSE frame'
  return {
    kind: 'remote-closed',
    code: 'ERR_CLOSED_ABNORMALLY',
    message,
    closeCode: 1006,
    closeReason: '',
    clean: false,
  }
}

/** The stream has ended; `closeCode` is that of the peer's CLOSE, and 1006 where there was none. */
export function endOfStream(closedByUs: boolean, closeCode: number, closeReason: string): WsDisconnectCause {
  if (closedByUs) return closeCode === 1006 ? localCloseUnanswered() : localClosed(closeCode, closeReason)
  return closeCode === 1006 ? remoteDropped() : remoteClosed(closeCode, closeReason)
}

/** `code` is the system's or OpenSSL's. */
export function readFailure(code: string, message: string): WsDisconnectCause {
  return { kind: 'read-failure', code, message }
}

export function protocolViolation(status: ProtocolStatus): WsDisconnectCause {
  const { code, closeCode, rfc } = status
  return { kind: 'protocol-violation', code, message: `${status.message} (${rfc})`, closeCode, rfc }
}

export function protocolStatus(code: ProtocolStatusCode): ProtocolStatus {
  return PROTOCOL_STATUSES.find((status) => status.code === code) as ProtocolStatus
}

/** A defect of this library. */
export function internalError(context: string, error: Error): WsDisconnectCause {
  const message = `a defect of shared-ws in ${context}: ${error.message}`
  return { kind: 'internal-error', code: 'ERR_INTERNAL', message, context, error }
}
