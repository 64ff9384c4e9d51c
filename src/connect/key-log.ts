import { appendFileSync } from 'node:fs'
import type { WsTlsConfig } from './request.ts'

/** What takes the lines; undefined when nobody wants them. It throws what the user's function throws, or the file system. */
export function keyLogOf({ keyLog }: WsTlsConfig): ((line: string) => void) | undefined {
  if (typeof keyLog !== 'string') return keyLog
  // At once, so that the keys of a process that crashes are there.
  return (line) => appendFileSync(keyLog, `${line}\n`, { mode: 0o600 })
}

/** The same configuration, whose key log goes through `run`. */
export function guardKeyLog(tls: WsTlsConfig, run: (log: (line: string) => void, line: string) => void): WsTlsConfig {
  const log = keyLogOf(tls)
  return log === undefined ? tls : { ...tls, keyLog: (line) => run(log, line) }
}
