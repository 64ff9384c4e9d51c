import { SharedWsError } from '../errors/errors.ts'

/** RFC 6455 5.5: what a control frame carries at most. */
export const MAX_CONTROL_BYTES = 125

/** How long a peer that has closed, or was refused, may take to end TCP after our CLOSE (RFC 6455 7.1.1). */
export const LINGER_MS = 1_000

/** Codes that an endpoint may put on the wire (RFC 6455 7.4, IANA registry). */
export function isSendableCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
  )
}

/** Throws `ERR_CLOSE_ARGUMENT` for what no CLOSE frame can carry. Code 0: a CLOSE without code and reason. */
export function checkClose(code: number, reason: string): void {
  if (code !== 0 && !isSendableCloseCode(code)) {
    throw new SharedWsError(
      'ERR_CLOSE_ARGUMENT',
      `close code ${code} may not be sent: use 1000, another of 1001–1014 but 1004–1006, or 3000–4999`,
    )
  }
  const bytes = Buffer.byteLength(reason)
  if (bytes > MAX_CONTROL_BYTES - 2) {
    throw new SharedWsError(
      'ERR_CLOSE_ARGUMENT',
      `a close reason holds at most 123 bytes of UTF-8, this one has ${bytes}`,
    )
  }
  if (code === 0 && bytes > 0) {
    throw new SharedWsError('ERR_CLOSE_ARGUMENT', 'a close reason needs a code (RFC 6455 5.5.1), such as 1000')
  }
}

/** Throws `ERR_CONTROL_PAYLOAD` for what a ping or pong cannot carry. */
export function checkControlPayload(payload: Uint8Array): void {
  if (payload.byteLength <= MAX_CONTROL_BYTES) return
  throw new SharedWsError(
    'ERR_CONTROL_PAYLOAD',
    `a ping or pong carries at most ${MAX_CONTROL_BYTES} bytes, this one has ${payload.byteLength}`,
  )
}
