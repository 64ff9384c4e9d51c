import type { WsConnectStage, WsDisconnectCause, WsHttpRefusal } from '../errors/disconnect-cause.ts'
import { redactUrl } from '../support/redact.ts'
import { failureHint, refusalHint } from './hints.ts'
import { proxyName, type WsProxy } from './proxy.ts'

/** Where an attempt goes, as messages may show it: no query, no credentials. */
export interface ConnectTarget {
  readonly url: string
  /** `host:port`, IPv6 literals in brackets. The port is there even when it is the scheme's default. */
  readonly hostPort: string
  /** Scheme, host and port of the proxy that leads there. Without one: directly. */
  readonly proxy?: string
}

export type HandshakeFailure = Extract<WsDisconnectCause, { kind: 'handshake-failed' }>
export type LocalStop = Extract<WsDisconnectCause, { kind: 'local-stop' }>

/** A stage that the library times; `total` is the deadline over all of them. */
export type TimedStage = Exclude<WsConnectStage, 'prepare'>

export interface FailureDetails {
  /** Names URL, host and port in the message. Only an attempt whose URL is not known yet has none. */
  readonly target?: ConnectTarget
  readonly http?: WsHttpRefusal
  readonly error?: Error
}

export function connectTarget(url: URL, proxy?: WsProxy): ConnectTarget {
  const target = { url: redactUrl(url), hostPort: `${url.hostname}:${portOf(url)}` }
  return proxy === undefined ? target : { ...target, proxy: proxyName(proxy) }
}

/** The URL's port, or its scheme's default. */
export function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'wss:' ? 443 : 80) : Number(url.port)
}

/**
 * No connection came about. `code` is one of ours, or the system's or OpenSSL's own as Node spells it; for those that
 * have a known remedy the message says it. `message` is a clause without a full stop.
 */
export function handshakeFailed(
  stage: WsConnectStage,
  code: string,
  message: string,
  details: FailureDetails = {},
): HandshakeFailure {
  const { target, http, error } = details
  const hint = failureHint(stage, code)
  const where = target === undefined ? '' : `cannot connect to ${whereTo(target)}: `
  return {
    kind: 'handshake-failed',
    stage,
    code,
    message: `${where}${message}${hint === undefined ? '' : `; ${hint}`}`,
    ...(http === undefined ? {} : { http }),
    ...(error === undefined ? {} : { error }),
  }
}

function whereTo({ url, hostPort, proxy }: ConnectTarget): string {
  return `${url} (${hostPort})${proxy === undefined ? '' : ` through ${proxy}`}`
}

/** The server answered with a status other than 101. `http.status` tells which; the code is the same for all. */
export function refusalCause(http: WsHttpRefusal, target: ConnectTarget): HandshakeFailure {
  const status = http.statusText === '' ? `${http.status}` : `${http.status} ${http.statusText}`
  const message = `the server refused the upgrade with HTTP ${status}; ${refusalHint(http)}`
  return handshakeFailed('upgrade', 'ERR_UPGRADE_REFUSED', message, { target, http })
}

const TIMEOUTS = {
  dns: { code: 'ERR_DNS_TIMEOUT', option: 'timeouts.dnsMs', what: 'the lookup of the host name gave no answer' },
  tcp: { code: 'ERR_TCP_TIMEOUT', option: 'timeouts.tcpMs', what: 'the TCP connection was not accepted' },
  proxy: {
    code: 'ERR_PROXY_TIMEOUT',
    option: 'timeouts.proxyMs',
    what: 'the proxy did not open the way to the server',
  },
  tls: { code: 'ERR_TLS_TIMEOUT', option: 'timeouts.tlsMs', what: 'the TLS handshake did not finish' },
  upgrade: { code: 'ERR_UPGRADE_TIMEOUT', option: 'timeouts.upgradeMs', what: 'the server did not answer the upgrade' },
} as const

/** A stage's own deadline expired. */
export function stageTimeout(stage: TimedStage, ms: number, target: ConnectTarget): HandshakeFailure {
  const { code, option, what } = TIMEOUTS[stage]
  return handshakeFailed(stage, code, `${what} within ${ms} ms (${option})`, { target })
}

/** The deadline over all stages expired, in `stage`. */
export function totalTimeout(stage: TimedStage, ms: number, target: ConnectTarget): HandshakeFailure {
  const message = `not connected within ${ms} ms (timeouts.totalMs); in stage ${stage}, ${TIMEOUTS[stage].what}`
  return handshakeFailed(stage, 'ERR_CONNECT_TIMEOUT', message, { target })
}

/** The user's signal, or `close()`, ended the attempt. `reason` is the signal's. */
export function abortedCause(target: ConnectTarget, reason: unknown): LocalStop {
  const why = reason instanceof Error ? reason.message : typeof reason === 'string' ? reason : ''
  return {
    kind: 'local-stop',
    code: 'ERR_ABORTED',
    message: `connecting to ${whereTo(target)} was aborted${why === '' ? '' : `: ${why}`}`,
    // RFC 6455 7.1.5: there was no close handshake.
    closeCode: 1006,
    closeReason: '',
  }
}
