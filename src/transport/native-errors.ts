import { getSystemErrorName } from 'node:util'
import { RawLinkError } from '../connect/raw-link.ts'
import { EndReason } from '../native/addon.ts'
import { certificateCode } from './certificate-codes.ts'

/** An `end` record in Node's words; undefined for a plain end of the stream. */
export function endError(reason: number, aux: number, text: string): RawLinkError | undefined {
  switch (reason) {
    case EndReason.eof:
      return undefined
    case EndReason.certificate: {
      const code = certificateCode(aux)
      const mismatch = code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      const message = mismatch
        ? 'the certificate does not carry the name of the host'
        : `the certificate was refused: ${text}`
      return new RawLinkError(code, message)
    }
    case EndReason.tls:
      return new RawLinkError(`ERR_SSL_${text.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}`, `TLS failed: ${text}`)
    default: {
      const code = systemCode(aux)
      return new RawLinkError(code, reason === EndReason.connect ? `connect failed: ${code}` : socketErrorText(code))
    }
  }
}

function systemCode(errno: number): string {
  try {
    return getSystemErrorName(-errno)
  } catch {
    return `ERRNO_${errno}`
  }
}

function socketErrorText(code: string): string {
  switch (code) {
    case 'ECONNRESET':
      return 'the server reset the TCP connection (ECONNRESET)'
    case 'ETIMEDOUT':
      return 'the server stopped acknowledging data (ETIMEDOUT)'
    default:
      return `the socket failed (${code})`
  }
}
