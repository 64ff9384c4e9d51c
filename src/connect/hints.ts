import type { WsConnectStage, WsHttpRefusal } from '../errors/disconnect-cause.ts'
import { quoteText, redactUrl } from '../support/redact.ts'

/** What a user can do about a failure, by its code. Codes are those of Node and OpenSSL. */

const UNTRUSTED =
  'add the certificate of its issuer to tls.ca, or to the file that NODE_EXTRA_CA_CERTS names (validateCerts: false is for tests only)'
const VALIDITY = "renew the server's certificate, or set this machine's clock"
const NO_COMMON_GROUND = 'the server may want another tls.minVersion, other tls.ciphers, or another tls.serverName'
const CLIENT_CERTIFICATE = 'the server wants a client certificate that it knows: check tls.cert and tls.key'
const UNREACHABLE = 'check the network, the routes and the firewall of this machine'

const BY_CODE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'check the spelling of the host name',
  EAI_NONAME: 'check the spelling of the host name',
  EAI_AGAIN: 'the name server did not answer: check the network and resolver of this machine',
  ECONNREFUSED: 'nothing listens there: check host and port, and that the server runs',
  ENETUNREACH: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  EADDRNOTAVAIL: 'this machine has no free local port or address left',
  EMFILE: 'this process has too many open files: raise its limit (ulimit -n)',

  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED: VALIDITY,
  CERT_NOT_YET_VALID: VALIDITY,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'connect by a name that the certificate carries, or give that name as tls.serverName (validateCerts: false is for tests only)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there does not speak TLS: check the port, or use ws://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what answers there does not speak TLS: check the port, or use ws://',
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_COMMON_GROUND,
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_COMMON_GROUND,
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: NO_COMMON_GROUND,
  ERR_SSL_SSL_TLS_ALERT_HANDSHAKE_FAILURE: NO_COMMON_GROUND,
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'the server does not know this name: check the host, or tls.serverName',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: CLIENT_CERTIFICATE,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CLIENT_CERTIFICATE,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: CLIENT_CERTIFICATE,
}

/** The peer hung up; what that means depends on how far we were. */
const HUNG_UP: Readonly<Partial<Record<WsConnectStage, string>>> = {
  proxy: 'the proxy hung up: check its scheme and port, and whether it allows this host and port',
  tls: 'the server hung up during the TLS handshake: check the port, tls.serverName, and whether it blocks this address',
  upgrade:
    'the server hung up instead of answering: check the port, whether it wants wss://, and whether it blocks this address',
}

export function failureHint(stage: WsConnectStage, code: string): string | undefined {
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_SOCKET_ENDED') return HUNG_UP[stage]
  const hint = Object.hasOwn(BY_CODE, code) ? BY_CODE[code] : undefined
  // The same faults, of the proxy's certificate.
  return stage === 'proxy' ? hint?.replaceAll('tls.', 'proxy.tls.').replace('use ws://', 'use an http:// proxy') : hint
}

/** What a status other than 101 usually means to somebody who wanted a WebSocket. */
export function refusalHint(http: WsHttpRefusal): string {
  const { status } = http
  const retryAfter = header(http, 'retry-after')
  const wait = retryAfter === undefined ? '' : ` (Retry-After: ${quoteText(retryAfter)})`
  if (status >= 200 && status < 300) return 'what answers there is plain HTTP, not a WebSocket: check path and port'
  if (status >= 300 && status < 400) {
    const location = header(http, 'location')
    if (location === undefined) return 'redirects are not followed'
    return `redirects are not followed: connect to "${redactUrl(location)}" instead`
  }
  switch (status) {
    case 401:
      return 'check the credentials in headers or URL'
    case 403:
      return 'check the permissions of the credentials, and whether this IP address or region is blocked'
    case 404:
      return 'check the path of the URL'
    case 407:
      return 'a proxy on the way wants credentials'
    case 418:
    case 429:
      return `too many requests from this address or account: wait before the next attempt${wait}`
    case 426: {
      const versions = header(http, 'sec-websocket-version')
      return `the server wants another protocol${versions === undefined ? '' : ` (Sec-WebSocket-Version: ${quoteText(versions)})`}`
    }
    case 451:
      return 'the server may not serve this region for legal reasons'
    case 502:
    case 504:
      return `a proxy in front of the server cannot reach it: try again later${wait}`
    case 503:
      return `the server is overloaded or under maintenance: try again later${wait}`
  }
  if (status >= 500) return `the server failed: try again later${wait}`
  return 'check path, query and headers of the request'
}

function header(http: WsHttpRefusal, name: string): string | undefined {
  return http.headers.find(([key]) => key.toLowerCase() === name)?.[1]
}
