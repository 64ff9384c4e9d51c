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
  /** Name or IP literal the certificate must carry; undefined when `verify` is false. */
  readonly verifyHost: string | undefined
}

/**
 * Fills in every default. `host` is the URL's (`url.hostname`; brackets of IPv6 are removed here). Throws
 * `WsConfigError` with every mistake in `config`; `checkTls` tells them without throwing.
 */
export function prepareTls(config: WsTlsConfig, host: string): PreparedTls {
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
  // Certificates and SNI name hosts without the root's dot; in URLs "example.com." is valid, and means the same host.
  const name = config.serverName ?? withoutBrackets(host).replace(/\.$/, '')
  return {
    ...context,
    ca: extra.length === 0 ? base : [...base, ...extra],
    contextKey: keyOf(context, [roots?.digest ?? digestOf(own), digestOf(extra)]),
    // RFC 6066 section 3: literal addresses are not permitted in SNI.
    serverName: isIP(name) === 0 ? name : undefined,
    verifyHost: context.verify ? name : undefined,
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
