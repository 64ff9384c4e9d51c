import type { PreparedTls } from './tls.ts'

/** What a server gave out so that a later handshake can be a short one. A secret: it belongs in no log and no message. */
export interface TlsSession {
  /** For the TLS implementation that made it: an object of the addon's, or what Node's `session` option takes. */
  readonly handle: unknown
  /** Serialized. */
  readonly byteLength: number
  /** Unix epoch, ms: when the ticket or the certificate behind it ends. */
  readonly expiresAtMs: number
  /** A ticket of TLS 1.3: offering it twice would let an observer link the two connections (RFC 8446 C.4). */
  readonly singleUse: boolean
}

export interface TlsSessionBounds {
  readonly maxSessions: number
  readonly maxBytes: number
  /** Of one key. Servers give out two tickets a connection, and connections of one host break together. */
  readonly maxPerKey: number
}

/** RFC 8446 4.6.1: no session is older, whatever its ticket says. */
const MAX_AGE_MS = 7 * 24 * 3600 * 1000

const BOUNDS: TlsSessionBounds = { maxSessions: 256, maxBytes: 1024 * 1024, maxPerKey: 32 }

/**
 * Sessions by what they may be resumed for; see {@link tlsSessionKey}. Bounded: beyond it the oldest sessions of the key that
 * was used longest ago go first.
 */
export class TlsSessionCache {
  readonly #bounds: TlsSessionBounds
  /** The least recently used key first; within a key the oldest session first. */
  readonly #byKey = new Map<string, TlsSession[]>()
  #size = 0
  #bytes = 0

  constructor(bounds: Partial<TlsSessionBounds> = {}) {
    this.#bounds = { ...BOUNDS, ...bounds }
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The newest session of `key`, which is the cache's no longer if it serves only once. */
  take(key: string, nowMs: number): TlsSession | undefined {
    const sessions = this.#touch(key)
    let session = sessions.at(-1)
    while (session !== undefined && session.expiresAtMs <= nowMs) {
      this.#remove(key, sessions.length - 1)
      session = sessions.at(-1)
    }
    if (session?.singleUse === true) this.#remove(key, sessions.length - 1)
    return session
  }

  put(key: string, session: TlsSession, nowMs: number): void {
    const { maxSessions, maxBytes, maxPerKey } = this.#bounds
    if (!(session.expiresAtMs > nowMs) || session.byteLength > maxBytes) return
    const expiresAtMs = Math.min(session.expiresAtMs, nowMs + MAX_AGE_MS)
    // One that serves for long makes those before it useless, and is of another version than tickets for one use.
    if (this.#touch(key).some(({ singleUse }) => !singleUse || !session.singleUse)) this.drop(key)
    const sessions = this.#touch(key)
    sessions.push({ ...session, expiresAtMs })
    this.#byKey.set(key, sessions)
    this.#size++
    this.#bytes += session.byteLength
    if (sessions.length > maxPerKey) this.#remove(key, 0)
    while (this.#size > maxSessions || this.#bytes > maxBytes) {
      this.#remove(this.#byKey.keys().next().value as string, 0)
    }
  }

  /** After a handshake that failed with a session of this key: whatever is wrong with them, the next one is a full one. */
  drop(key: string): void {
    for (let left = this.#byKey.get(key)?.length ?? 0; left > 0; left--) this.#remove(key, 0)
  }

  /** Moves the key behind all others. Its sessions; a list of its own where there are none. */
  #touch(key: string): TlsSession[] {
    const sessions = this.#byKey.get(key)
    if (sessions === undefined) return []
    this.#byKey.delete(key)
    this.#byKey.set(key, sessions)
    return sessions
  }

  #remove(key: string, index: number): void {
    const sessions = this.#byKey.get(key) as TlsSession[]
    const [removed] = sessions.splice(index, 1)
    this.#size--
    this.#bytes -= (removed as TlsSession).byteLength
    if (sessions.length === 0) this.#byKey.delete(key)
  }
}

/** This environment's: every connection's. A Worker has one of its own. */
export const tlsSessions = new TlsSessionCache()

/**
 * A resumed handshake verifies nothing and shows no certificate, of either side. So a session is good only for the same
 * server, checked in the same way, by the same client over the same transport: roots, certificate, key, versions and ciphers are in `contextKey`.
 */
export function tlsSessionKey(tls: PreparedTls, tlsName: string, hostPort: string): string {
  const { contextKey, serverName, verifyHost } = tls
  return JSON.stringify([hostPort, tlsName, serverName ?? null, verifyHost, contextKey])
}
