import type { WsDisconnectAction } from '../errors/disconnect-action.ts'
import type { WsDisconnectCause, WsHttpRefusal } from '../errors/disconnect-cause.ts'

const RATE_LIMIT_MS = 60_000
const RATE_LIMIT_MAX_MS = 15 * 60_000
const MAX_RETRY_AFTER_MS = 24 * 3600 * 1000
const BLOCKED_MS = 10 * 60_000
const BLOCKED_JITTER_MS = 5 * 60_000
const POLICY_CLOSE_MS = 30_000
const MAX_POLICY_CLOSES = 3
/** Login failed; the key was changed or deleted (OKX). */
const AUTH_CLOSES: ReadonlySet<number> = new Set([4001, 4007])
/**
 * The venue faults what we did: a policy (RFC 6455 7.4.1), an invalid request, too many subscriptions for the key or on the
 * connection (OKX). The next connection will do the same.
 */
const POLICY_CLOSES: ReadonlySet<number> = new Set([1008, 4002, 4003, 4008, 4009])
/**
 * Another connection may do for a while, but we do something wrong: the venue misses our heartbeat, or we take its data too slowly
 * (OKX).
 */
const ALARMING_CLOSES: ReadonlySet<number> = new Set([4004, 4005])
/** Tried once more with credentials that were fetched anew, then given up. */
const MAX_AUTH_REFUSALS = 2

const CREDENTIAL_CODES: ReadonlySet<string> = new Set([
  'ERR_AUTH_REFUSED',
  'ERR_PROXY_AUTH_REQUIRED',
  'ERR_PROXY_AUTH_REFUSED',
])

/** What has happened in a row, this disconnect included, since a connection last proved healthy. */
export interface DisconnectHistory {
  /** HTTP 401 and 407, credentials that a proxy wants or refuses, `WsAuthRefusedError`, and close codes 4001 and 4007. */
  readonly authRefusals: number
  /** Close codes 1008, 4002, 4003, 4008 and 4009. */
  readonly policyCloses: number
  /** HTTP 429 and 418. */
  readonly rateLimits: number
}

export const NO_HISTORY: DisconnectHistory = { authRefusals: 0, policyCloses: 0, rateLimits: 0 }

/** `history` with `cause` counted in. */
export function remember(history: DisconnectHistory, cause: WsDisconnectCause): DisconnectHistory {
  const status = serverStatus(cause)
  const closeCode = cause.kind === 'remote-closed' ? cause.closeCode : 0
  const isRefused = status === 401 || status === 407 || CREDENTIAL_CODES.has(cause.code) || AUTH_CLOSES.has(closeCode)
  return {
    authRefusals: history.authRefusals + Number(isRefused),
    policyCloses: history.policyCloses + Number(POLICY_CLOSES.has(closeCode)),
    rateLimits: history.rateLimits + Number(status === 429 || status === 418),
  }
}

/**
 * What follows a disconnect when the handler has no opinion. Close codes from 4000 on are each venue's own; those that have a
 * row here mean that on the venues that are known to send them.
 *
 * | cause | action |
 * |---|---|
 * | our own stop; 1009, sent or received; a transport that cannot do what `plan` says | stop |
 * | HTTP 401 and 407, refused credentials, a proxy's included; 4001, 4007 | once more, then stop |
 * | HTTP 403, 451 | alarm; the whole host backs off, 10 to 15 minutes |
 * | HTTP 429, 418 | the whole host backs off, at least `Retry-After`, else 60 s doubling to 15 min |
 * | other refusals, a proxy's included | back off, at least `Retry-After` |
 * | 1008; 4002, 4003, 4008, 4009 | back off, at least 30 s; stop after the third |
 * | a hole in a sequence that costs the connection | at once |
 * | 4004, 4005 | alarm; back off |
 * | another connection was asked for, or a faster one; an error of the venue that the handler did not let pass | at once |
 * | all else | back off |
 */
export function classifyDisconnect(cause: WsDisconnectCause, history: DisconnectHistory): WsDisconnectAction {
  switch (cause.kind) {
    case 'local-stop':
      return { kind: 'abort', reason: cause.message }
    case 'server-error':
    case 'sequence-gap':
    case 'reconnect-requested':
    case 'high-latency':
      return { kind: 'immediate-reconnect' }
    case 'protocol-violation':
      return cause.closeCode === 1009
        ? { kind: 'abort', reason: `${cause.message}; raise limits, the next connection would end the same way` }
        : { kind: 'backoff-reconnect' }
    case 'remote-closed':
      return classifyClose(cause.closeCode, cause.message, history)
    case 'session-failed':
      return cause.code === 'ERR_AUTH_REFUSED'
        ? refusedCredentials(cause.message, history)
        : { kind: 'backoff-reconnect' }
    case 'handshake-failed':
      if (CREDENTIAL_CODES.has(cause.code)) return refusedCredentials(cause.message, history)
      if (cause.http === undefined) return { kind: 'backoff-reconnect' }
      // What a proxy refuses says nothing about what the server thinks of us.
      return cause.stage === 'proxy'
        ? { kind: 'backoff-reconnect', minDelayMs: retryAfterMs(cause.http) ?? 0 }
        : classifyRefusal(cause.http, cause.message, history)
    case 'internal-error':
      return cause.code === 'ERR_TRANSPORT_NO_TOPICS'
        ? { kind: 'abort', reason: `${cause.message}; the next connection would end the same way` }
        : { kind: 'backoff-reconnect' }
    default:
      return { kind: 'backoff-reconnect' }
  }
}

function classifyClose(closeCode: number, message: string, history: DisconnectHistory): WsDisconnectAction {
  if (closeCode === 1009) return { kind: 'abort', reason: `${message}; it takes no messages as large as ours` }
  if (AUTH_CLOSES.has(closeCode)) return refusedCredentials(message, history)
  if (ALARMING_CLOSES.has(closeCode)) return { kind: 'backoff-reconnect', alarm: true }
  if (!POLICY_CLOSES.has(closeCode)) return { kind: 'backoff-reconnect' }
  return history.policyCloses >= MAX_POLICY_CLOSES
    ? { kind: 'abort', reason: `${message}; and that ${history.policyCloses} times in a row` }
    : { kind: 'backoff-reconnect', minDelayMs: POLICY_CLOSE_MS }
}

function classifyRefusal(http: WsHttpRefusal, message: string, history: DisconnectHistory): WsDisconnectAction {
  switch (http.status) {
    case 401:
    case 407:
      return refusedCredentials(message, history)
    case 403:
    case 451:
      return {
        kind: 'backoff-reconnect',
        minDelayMs: BLOCKED_MS,
        jitterMs: BLOCKED_JITTER_MS,
        hostWide: true,
        alarm: true,
      }
    case 418:
    case 429: {
      const doubled = Math.min(RATE_LIMIT_MAX_MS, RATE_LIMIT_MS * 2 ** Math.min(history.rateLimits - 1, 10))
      return { kind: 'backoff-reconnect', minDelayMs: retryAfterMs(http) ?? doubled, hostWide: true }
    }
    default:
      return { kind: 'backoff-reconnect', minDelayMs: retryAfterMs(http) ?? 0 }
  }
}

function refusedCredentials(message: string, history: DisconnectHistory): WsDisconnectAction {
  return history.authRefusals >= MAX_AUTH_REFUSALS
    ? { kind: 'abort', reason: `${message}; refused twice, trying on would get the key or the address banned` }
    : { kind: 'backoff-reconnect' }
}

const serverStatus = (cause: WsDisconnectCause): number | undefined =>
  cause.kind === 'handshake-failed' && cause.stage !== 'proxy' ? cause.http?.status : undefined

/**
 * RFC 9110 10.2.3: seconds, or a date, which is measured from the answer's own `Date`: a policy knows no wall clock, and ours
 * need not agree with the server's. At most a day.
 */
function retryAfterMs({ headers }: WsHttpRefusal): number | undefined {
  const header = (wanted: string): string | undefined =>
    headers.find(([name]) => name.toLowerCase() === wanted)?.[1].trim()
  const value = header('retry-after')
  if (value === undefined) return undefined
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.parse(header('date') ?? '')
  return ms >= 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined
}
