import type { WsTlsConfig } from './request.ts'

/** A {@link WsTlsConfig} with every default filled in, as transports hand it to OpenSSL. */
export interface PreparedTls {
  /** Equal for configurations that can share one context: the cache key. */
  readonly contextKey: string
  /** PEM. The user's own, or the default roots. */
  readonly ca: readonly string[]
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly passphrase: string | undefined
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3' | undefined
  readonly ciphers: string | undefined
  readonly verify: boolean
  /** SNI; undefined for an IP literal. */
  readonly serverName: string | undefined
  /** Name or IP literal the certificate must carry; undefined when `verify` is false. */
  readonly verifyHost: string | undefined
}

export declare function prepareTls(config: WsTlsConfig, host: string): PreparedTls
