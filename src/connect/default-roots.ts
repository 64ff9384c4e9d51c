import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'

/** The certificates that Node itself would trust. */
export interface DefaultRoots {
  readonly pem: readonly string[]
  /** SHA-256 over all of them: hashing 200 KB for each connection would cost more than the rest of its TLS options. */
  readonly digest: string
}

/** Node >= 22.15: bundled, `--use-system-ca`, `NODE_EXTRA_CA_CERTS` and `tls.setDefaultCACertificates` in one list. */
type GetCACertificates = (type: 'default') => readonly string[]

let cached: { readonly source: readonly string[]; readonly roots: DefaultRoots } | undefined
let assembled: readonly string[] | undefined

export function defaultRoots(): DefaultRoots {
  const source = currentRoots()
  // Node hands out the same array until its defaults are changed at run time.
  if (cached?.source !== source) cached = { source, roots: { pem: source, digest: digestOf(source) } }
  return cached.roots
}

export function digestOf(pem: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of pem) hash.update(`${Buffer.byteLength(text)}:`).update(text)
  return hash.digest('hex')
}

function currentRoots(): readonly string[] {
  const getCACertificates = (tls as { getCACertificates?: GetCACertificates }).getCACertificates
  if (getCACertificates !== undefined) return getCACertificates('default')
  // Node reads NODE_EXTRA_CA_CERTS once per process, so do we.
  assembled ??= [...tls.rootCertificates, ...extraRoots(process.env['NODE_EXTRA_CA_CERTS'])]
  return assembled
}

/** As in Node, a file that cannot be used is a warning: a wrong environment must not stop connections that do without. */
export function extraRoots(path: string | undefined): string[] {
  if (path === undefined || path === '') return []
  try {
    const pem = readFileSync(path, 'utf8')
    if (pem.includes('-----BEGIN ')) return [pem]
    process.emitWarning(`the file that NODE_EXTRA_CA_CERTS names holds no PEM certificate: ${path}`)
  } catch (error) {
    process.emitWarning(`the file that NODE_EXTRA_CA_CERTS names cannot be read: ${(error as Error).message}`)
  }
  return []
}
