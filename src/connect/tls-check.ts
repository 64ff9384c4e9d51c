import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { WsConfigProblem } from '../errors/errors.ts'
import { typeName } from './checked.ts'
import type { WsTlsConfig } from './request.ts'

type Raw = Readonly<Record<string, unknown>>

const FIELDS: ReadonlySet<string> = new Set([
  'validateCerts',
  'ca',
  'extraCa',
  'cert',
  'key',
  'passphrase',
  'serverName',
  'minVersion',
  'maxVersion',
  'ciphers',
  'sessionResumption',
  'keyLog',
] satisfies (keyof WsTlsConfig)[])

/** What the same thing is called in Node's TLS options. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  rejectUnauthorized: 'validateCerts',
  servername: 'serverName',
  session: 'sessionResumption (it keeps them by itself)',
  pfx: 'cert and key (PEM)',
}

const VERSIONS = ['TLSv1.2', 'TLSv1.3']
const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[\s\S]*?-----END \1-----/g
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/

/** Digests of certificates that can be read. */
const sound = new Set<string>()
/** Some times what a machine trusts by default. */
const MAX_SOUND = 1024

/** Every mistake in a {@link WsTlsConfig}. Messages show no part of a key. */
export function checkTls(config: unknown, field = 'tls'): WsConfigProblem[] {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    return [{ field, message: `must be an object, not ${typeName(config)}` }]
  }
  const problems: WsConfigProblem[] = []
  const report = (name: string, message: string): void => {
    problems.push({ field: `${field}.${name}`, message })
  }
  const raw = config as Raw
  checkNames(raw, report)
  checkTypes(raw, report)
  checkCa('ca', raw['ca'], report)
  checkCa('extraCa', raw['extraCa'], report)
  checkClientCertificate(raw, report)
  checkServerName(raw['serverName'], report)
  checkVersions(raw, report)
  checkCiphers(raw['ciphers'], report)
  return problems
}

/** PEM given as bytes is text all the same. */
export function pemText(pem: string | Uint8Array): string {
  return typeof pem === 'string' ? pem : Buffer.from(pem.buffer, pem.byteOffset, pem.byteLength).toString('latin1')
}

type Report = (name: string, message: string) => void

function checkNames(raw: Raw, report: Report): void {
  for (const name of Object.keys(raw)) {
    if (FIELDS.has(name)) continue
    const other = Object.hasOwn(OTHER_NAMES, name)
      ? `it is called ${OTHER_NAMES[name]} here`
      : 'there is no such option'
    report(name, other)
  }
}

function checkTypes(raw: Raw, report: Report): void {
  const { passphrase, keyLog } = raw
  for (const name of ['validateCerts', 'sessionResumption']) {
    const value = raw[name]
    if (value !== undefined && typeof value !== 'boolean') report(name, `must be true or false, not ${typeName(value)}`)
  }
  if (keyLog !== undefined && typeof keyLog !== 'function' && (typeof keyLog !== 'string' || keyLog === '')) {
    report('keyLog', `must be a function or the path of a file, not ${keyLog === '' ? 'empty' : typeName(keyLog)}`)
  }
  if (passphrase !== undefined && typeof passphrase !== 'string') {
    report('passphrase', `must be a string, not ${typeName(passphrase)}`)
  }
}

function checkCa(name: 'ca' | 'extraCa', ca: unknown, report: Report): void {
  if (ca === undefined) return
  if (Array.isArray(ca)) {
    if (ca.length === 0 && name === 'ca')
      report('ca', 'is empty, so no server could be trusted: leave it out to trust the default roots')
    for (const [index, pem] of ca.entries()) checkCertificates(`${name}[${index}]`, pem, report)
  } else {
    checkCertificates(name, ca, report)
  }
}

function checkCertificates(name: string, pem: unknown, report: Report): void {
  const text = pemOf(name, pem, report)
  if (text === undefined) return
  const blocks = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0) report(name, notPem(text, 'CERTIFICATE'))
  for (const [index, block] of blocks.entries()) {
    // Node cannot read this OpenSSL extension, OpenSSL can.
    if (block.startsWith('-----BEGIN TRUSTED')) continue
    const problem = damageOf(block)
    if (problem !== undefined) report(name, `certificate ${index + 1} of ${blocks.length} is damaged: ${problem}`)
  }
}

/** Why a certificate cannot be read. Reading one takes 150 µs: those of a CA bundle are read for the first actor, not for each. */
function damageOf(certificate: string): string | undefined {
  const digest = createHash('sha256').update(certificate).digest('base64')
  if (sound.has(digest)) return undefined
  const problem = failureOf(() => new X509Certificate(certificate))
  if (problem === undefined) {
    if (sound.size === MAX_SOUND) sound.clear()
    sound.add(digest)
  }
  return problem
}

function checkClientCertificate(raw: Raw, report: Report): void {
  const { cert, key, passphrase } = raw
  if (cert !== undefined) checkCertificates('cert', cert, report)
  if (cert !== undefined && key === undefined) report('key', 'is missing: tls.cert needs its private key')
  if (key === undefined) {
    if (passphrase !== undefined) report('passphrase', 'is of no use without tls.key')
    return
  }
  if (cert === undefined) report('cert', 'is missing: tls.key needs its certificate')
  const keyText = pemOf('key', key, report)
  if (keyText === undefined) return
  if (PRIVATE_KEY.test(keyText))
    checkKey(keyText, cert, typeof passphrase === 'string' ? passphrase : undefined, report)
  else report('key', notPem(keyText, 'PRIVATE KEY'))
}

function checkKey(keyText: string, cert: unknown, passphrase: string | undefined, report: Report): void {
  let matches = true
  const problem = failureOf(() => {
    const privateKey = createPrivateKey({ key: keyText, ...(passphrase === undefined ? {} : { passphrase }) })
    const leaf = isPem(cert) ? pemText(cert).match(CERTIFICATE)?.[0] : undefined
    // A damaged certificate has been reported under its own name.
    const certificate = leaf === undefined ? undefined : attempt(() => new X509Certificate(leaf))
    if (certificate !== undefined) matches = certificate.checkPrivateKey(privateKey)
  })
  if (problem !== undefined) report('key', `cannot be read (missing or wrong tls.passphrase?): ${problem}`)
  else if (!matches) report('key', 'is not the key of the first certificate in tls.cert')
}

function checkServerName(serverName: unknown, report: Report): void {
  if (serverName === undefined) return
  if (typeof serverName !== 'string' || serverName === '') {
    report('serverName', `must be a host name, not ${serverName === '' ? 'empty' : typeName(serverName)}`)
  } else if (!/^[A-Za-z0-9_.:-]{1,253}$/.test(serverName)) {
    report('serverName', 'must be a host name in ASCII (url.domainToASCII converts others) without port or brackets')
  }
}

function checkVersions({ minVersion, maxVersion }: Raw, report: Report): void {
  const known = (name: string, version: unknown): boolean => {
    if (version === undefined || VERSIONS.includes(version as string)) return true
    report(name, `must be "TLSv1.2" or "TLSv1.3"${typeof version === 'string' ? '' : `, not ${typeName(version)}`}`)
    return false
  }
  const bothKnown = [known('minVersion', minVersion), known('maxVersion', maxVersion)].every(Boolean)
  if (bothKnown && minVersion === 'TLSv1.3' && maxVersion === 'TLSv1.2') {
    report('minVersion', 'is above tls.maxVersion, so no version is left')
  }
}

function checkCiphers(ciphers: unknown, report: Report): void {
  if (ciphers === undefined) return
  if (typeof ciphers !== 'string' || ciphers === '') {
    report('ciphers', `must be a list in OpenSSL's notation, not ${ciphers === '' ? 'empty' : typeName(ciphers)}`)
    return
  }
  // An empty `ca` keeps Node from loading its roots for this throw-away context.
  const problem = failureOf(() => createSecureContext({ ca: [], ciphers }))
  if (problem !== undefined) report('ciphers', `is refused by OpenSSL: ${problem}`)
}

function pemOf(name: string, pem: unknown, report: Report): string | undefined {
  if (isPem(pem)) return pemText(pem)
  report(name, `must be PEM in a string or a Uint8Array, not ${typeName(pem)}`)
  return undefined
}

function isPem(pem: unknown): pem is string | Uint8Array {
  return typeof pem === 'string' || pem instanceof Uint8Array
}

function notPem(text: string, what: string): string {
  // An ASN.1 SEQUENCE with a two-byte length: what every DER certificate and key begins with.
  if (text.startsWith('\x30\x82')) return `is DER: convert it to PEM (openssl x509 or pkey, -inform der)`
  if (text.length < 4096 && /^[\w./\\~:-]+\.(pem|crt|cer|key)$/i.test(text)) {
    return 'looks like a file name: give what the file holds'
  }
  return `holds no "-----BEGIN ${what}-----" … "-----END ${what}-----"`
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}

function failureOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
