import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { WsConfigError } from '../errors/errors.ts'
import { defaultRoots, digestOf } from './default-roots.ts'
import { withoutBrackets } from './dns.ts'
import type { WsTlsConfig } from './request.ts'
import { checkTls, pemText } from './tls-check.ts'

/** A {@link WsTlsConfig} with every default filled in, as transports hand it to OpenSSL. */
export interface PreparedTls {
  /** Equal for configurations that can share one context: the cache key. */
  readonly contextKey: string
  /** PEM. The user's own, or the default roots; then the extra ones. */
  readonly ca: readonly string[]
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly passphrase: string | undefined
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3' | undefined
  readonly ciphers: string | undefined
  readonly verify: boolean
  /** The secrets of connections are wanted. */
  readonly keyLog: boolean
  /** SNI; undefined for an IP literal. */
  readonly serverName: string | undefined
  /** Name or IP literal the certificate must carry; without `verify` it is looked at all the same, for `authorized`. */
  readonly verifyHost: string
}

/** What does not depend on the host. */
interface PreparedContext extends Omit<PreparedTls, 'serverName' | 'verifyHost'> {
  readonly nameToVerify: string | undefined
  /** Of the default roots, when those are used: they can be changed at run time. */
  readonly rootsDigest: string | undefined
}

/** Certificates and keys are parsed to check them, which costs more than the rest of a handshake: once per object. */
const known = new WeakMap<WsTlsConfig, PreparedContext>()

/**
 * Fills in every default. `host` is the URL's (`url.hostname`; brackets of IPv6 are removed here). Throws
 * `WsConfigError` with every mistake in `config`; `checkTls` tells them without throwing. An object is looked at once: what is
 * changed in it afterwards has no effect.
 */
export function prepareTls(config: WsTlsConfig, host: string): PreparedTls {
  const { nameToVerify, rootsDigest: _, ...context } = contextOf(config)
  // Certificates and SNI name hosts without the root's dot; in URLs "example.com." is valid, and means the same host.
  const name = nameToVerify ?? withoutBrackets(host).replace(/\.$/, '')
  return {
    ...context,
    // RFC 6066 section 3: literal addresses are not permitted in SNI.
    serverName: isIP(name) === 0 ? name : undefined,
    verifyHost: name,
  }
}

function contextOf(config: WsTlsConfig): PreparedContext {
  const kept = known.get(config)
  if (kept !== undefined && (kept.rootsDigest === undefined || kept.rootsDigest === defaultRoots().digest)) return kept
  const made = makeContext(config)
  known.set(config, made)
  return made
}

function makeContext(config: WsTlsConfig): PreparedContext {
  const problems = checkTls(config)
  if (problems.length > 0) throw new WsConfigError(problems)

  const roots = config.ca === undefined ? defaultRoots() : undefined
  const own = [config.ca ?? []].flat().map(pemText)
  const base = roots?.pem ?? own
  const extra = [config.extraCa ?? []].flat().map(pemText)
  const context = {
    cert: config.cert === undefined ? undefined : pemText(config.cert),
    key: config.key === undefined ? undefined : pemText(config.key),
    passphrase: config.passphrase,
    minVersion: config.minVersion ?? 'TLSv1.2',
    maxVersion: config.maxVersion,
    ciphers: config.ciphers,
    verify: config.validateCerts ?? true,
    keyLog: config.keyLog !== undefined,
  } as const
  return {
    ...context,
    ca: extra.length === 0 ? base : [...base, ...extra],
    contextKey: keyOf(context, [roots?.digest ?? digestOf(own), digestOf(extra)]),
    nameToVerify: config.serverName,
    rootsDigest: roots?.digest,
  }
}

/** A digest, not the values: it may end up in a log or a heap snapshot, and one of them is a private key. */
function keyOf(context: Readonly<Record<string, string | boolean | undefined>>, caDigests: readonly string[]): string {
  // JSON keeps values apart that would collide when strung together; undefined becomes null.
  const values = Object.keys(context)
    .sort()
    .map((name) => [name, context[name] ?? null])
  return createHash('sha256')
    .update(JSON.stringify([values, caDigests]))
    .digest('hex')
}
