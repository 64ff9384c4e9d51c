import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'

/** The certificates that Node itself would trust. */
export interface DefaultRoots {
  readonly pem: readonly string[]
  /** SHA-256 over all of them: hashing 200 KB for each connection would cost more than the rest of its TLS options. */
  readonly digest: string
}

/** The part of `node:tls` that knows roots. */
export interface RootSource {
  readonly rootCertificates: readonly string[]
  /** Node >= 22.15: bundled, `--use-system-ca`, `NODE_EXTRA_CA_CERTS` and `tls.setDefaultCACertificates` in one list. */
  readonly getCACertificates?: (type: 'default') => readonly string[]
}

export class RootStore {
  readonly #source: RootSource
  readonly #extraFile: string | undefined
  #assembled: readonly string[] | undefined
  #cached: DefaultRoots | undefined

  /** `extraFile`: what `NODE_EXTRA_CA_CERTS` names; read once, at the first use, and only where Node does not do it. */
  constructor(source: RootSource, extraFile: string | undefined) {
    this.#source = source
    this.#extraFile = extraFile
  }

  get(): DefaultRoots {
    const pem = this.#source.getCACertificates?.('default') ?? this.#assemble()
    // Node hands out the same array until its defaults are changed at run time.
    if (this.#cached?.pem !== pem) this.#cached = { pem, digest: digestOf(pem) }
    return this.#cached
  }

  #assemble(): readonly string[] {
    this.#assembled ??= [...this.#source.rootCertificates, ...extraRoots(this.#extraFile)]
    return this.#assembled
  }
}

const store = new RootStore(tls as RootSource, process.env['NODE_EXTRA_CA_CERTS'])

export function defaultRoots(): DefaultRoots {
  return store.get()
}

export function digestOf(pem: readonly string[]): string {
  const hash = createHash('sha256')
  for (const text of pem) hash.update(`${Buffer.byteLength(text)}:`).update(text)
  return hash.digest('hex')
}

/** As in Node, a file that cannot be used is a warning: a wrong environment must not stop connections that do without. */
function extraRoots(path: string | undefined): string[] {
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
