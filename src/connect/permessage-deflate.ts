import { type Checker, describe } from '../support/check.ts'
import { quoteText } from '../support/redact.ts'
import { type Extension, parseExtensions } from './extension-list.ts'

/** How permessage-deflate (RFC 7692) is offered, and what is done when the server takes the offer. */
export interface WsPerMessageDeflateOptions {
  /** The server shall compress each message by itself: larger, but 32 KiB less here. Default false. */
  readonly serverNoContextTakeover?: boolean
  /** We compress each message by itself, and tell the server so. Default false; a server may demand it in any case. */
  readonly clientNoContextTakeover?: boolean
  /** 8–15: the largest LZ77 window, as a power of two, that the server may use. Default: not asked for, so 15. */
  readonly serverMaxWindowBits?: number
  /**
   * 8–15: the largest window that we use ourselves. `true` (default) lets the server name one; `false` leaves the
   * parameter out, for servers that want to see `permessage-deflate` and nothing else.
   */
  readonly clientMaxWindowBits?: number | boolean
  /** Compress what we send. Default false; `true` takes the defaults of each field. */
  readonly compress?: boolean | WsDeflateCompression
  /** End the attempt with `ERR_UPGRADE_DEFLATE_DECLINED` when the server declines. Default false: go on uncompressed. */
  readonly required?: boolean
}

export interface WsDeflateCompression {
  /**
   * Messages below are sent as they are. Default 1024 bytes: what fits one TCP segment leaves in one packet either way,
   * and compressing it would only make it later.
   */
  readonly thresholdBytes?: number
  /** zlib's 1 (fastest) to 9 (smallest). Default 1. */
  readonly level?: number
  /** zlib's 1 (least memory) to 9. Default 8: with a window of 15 about 256 KiB, allocated with the first such message. */
  readonly memLevel?: number
}

/** {@link WsPerMessageDeflateOptions}, checked, with every default filled in. */
export interface WsDeflateOffer {
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  readonly serverMaxWindowBits: number | undefined
  readonly clientMaxWindowBits: number | boolean
  readonly compress: Required<WsDeflateCompression> | undefined
  readonly required: boolean
}

/** What both sides agreed upon. */
export interface WsNegotiatedDeflate {
  readonly serverNoContextTakeover: boolean
  readonly serverMaxWindowBits: number
  readonly clientNoContextTakeover: boolean
  readonly clientMaxWindowBits: number
  /** Undefined: we send everything uncompressed. */
  readonly compress: Required<WsDeflateCompression> | undefined
}

const NAME = 'permessage-deflate'
const MAX_WINDOW_BITS = 15
/** zlib inflates a window of 8 and cannot compress with one. */
const MIN_COMPRESS_BITS = 9
const COMPRESSION: Required<WsDeflateCompression> = { thresholdBytes: 1024, level: 1, memLevel: 8 }
const MAX_SIZE = 2 ** 31 - 1

const OPTIONS = [
  'serverNoContextTakeover',
  'clientNoContextTakeover',
  'serverMaxWindowBits',
  'clientMaxWindowBits',
  'compress',
  'required',
] as const satisfies readonly (keyof WsPerMessageDeflateOptions)[]

/** The option of the user; undefined: not offered. */
export function checkPerMessageDeflate(check: Checker, value: unknown): WsDeflateOffer | undefined {
  const field = 'perMessageDeflate'
  if (value === undefined || value === false) return undefined
  const given = optionsOf(check, field, value, OPTIONS)
  const flag = (name: keyof typeof given): boolean => check.boolean(`${field}.${name}`, given[name], false)
  const bits = (name: keyof typeof given): number | undefined =>
    check.integer(`${field}.${name}`, given[name], 8, MAX_WINDOW_BITS, 0) || undefined
  const client = given.clientMaxWindowBits
  const offer = {
    serverNoContextTakeover: flag('serverNoContextTakeover'),
    clientNoContextTakeover: flag('clientNoContextTakeover'),
    serverMaxWindowBits: bits('serverMaxWindowBits'),
    clientMaxWindowBits: typeof client === 'boolean' ? client : (bits('clientMaxWindowBits') ?? true),
    compress: checkCompress(check, given.compress),
    required: flag('required'),
  }
  if (offer.compress !== undefined && offer.clientMaxWindowBits === 8) {
    check.add(`${field}.clientMaxWindowBits`, 'must be 9 or more to compress: zlib has no window of 8 for that')
  }
  return offer
}

/** Of `true` there are none. */
function optionsOf<K extends string>(
  check: Checker,
  field: string,
  value: unknown,
  known: readonly K[],
): Partial<Record<K, unknown>> {
  if (typeof value === 'object' && value !== null) return check.object(field, value, known) ?? {}
  if (value !== true) check.add(field, `must be true, false or an object, is ${describe(value)}`)
  return {}
}

function checkCompress(check: Checker, value: unknown): Required<WsDeflateCompression> | undefined {
  if (value === undefined || value === false) return undefined
  const field = 'perMessageDeflate.compress'
  const known = ['thresholdBytes', 'level', 'memLevel'] as const
  const given = optionsOf(check, field, value, known)
  const { thresholdBytes, level, memLevel } = COMPRESSION
  return {
    thresholdBytes: check.integer(`${field}.thresholdBytes`, given.thresholdBytes, 0, MAX_SIZE, thresholdBytes),
    level: check.integer(`${field}.level`, given.level, 1, 9, level),
    memLevel: check.integer(`${field}.memLevel`, given.memLevel, 1, 9, memLevel),
  }
}

/** The value of our `Sec-WebSocket-Extensions` (RFC 7692 5.1, 7.1). */
export function offerHeader(offer: WsDeflateOffer): string {
  const { clientMaxWindowBits } = offer
  const parts = [NAME]
  if (offer.serverNoContextTakeover) parts.push('server_no_context_takeover')
  if (offer.clientNoContextTakeover) parts.push('client_no_context_takeover')
  if (offer.serverMaxWindowBits !== undefined) parts.push(`server_max_window_bits=${offer.serverMaxWindowBits}`)
  if (clientMaxWindowBits === true) parts.push('client_max_window_bits')
  else if (clientMaxWindowBits !== false) parts.push(`client_max_window_bits=${clientMaxWindowBits}`)
  return parts.join('; ')
}

/** Why the server's answer is no answer to our offer. */
export interface ExtensionProblem {
  readonly problem: readonly [code: string, message: string]
}

const problem = (code: string, message: string): ExtensionProblem => ({ problem: [code, message] })

/** What the server's `Sec-WebSocket-Extensions` lines make of `offer` (RFC 7692 5.1, 7.1); undefined: none is used. */
export function judgeExtensions(
  lines: readonly string[],
  offer: WsDeflateOffer | undefined,
): { readonly negotiated: WsNegotiatedDeflate | undefined } | ExtensionProblem {
  const extensions = parseExtensions(lines)
  if (typeof extensions === 'string') {
    return problem('ERR_UPGRADE_EXTENSION_SYNTAX', `the server's Sec-WebSocket-Extensions is malformed: ${extensions}`)
  }
  const other = extensions.find(({ name }) => offer === undefined || name !== NAME)
  if (other !== undefined) {
    return problem(
      'ERR_UPGRADE_EXTENSION',
      `the server chose an extension that was not offered: ${quoteText(other.name)}`,
    )
  }
  const [chosen] = extensions
  if (extensions.length > 1) {
    return problem(
      'ERR_UPGRADE_EXTENSION_DUPLICATE',
      `the server chose ${NAME} ${extensions.length} times; it was offered once`,
    )
  }
  if (chosen !== undefined) return judgeParameters(chosen, offer as WsDeflateOffer)
  if (offer?.required !== true) return { negotiated: undefined }
  return problem('ERR_UPGRADE_DEFLATE_DECLINED', `the server declined ${NAME}, which perMessageDeflate.required wants`)
}

function judgeParameters(
  { parameters }: Extension,
  offer: WsDeflateOffer,
): { readonly negotiated: WsNegotiatedDeflate } | ExtensionProblem {
  const seen = new Map<string, string | undefined>()
  for (const [name, value] of parameters) {
    if (seen.has(name))
      return problem('ERR_UPGRADE_DEFLATE_DUPLICATE', `the server gave the parameter ${name} of ${NAME} twice`)
    seen.set(name, value)
    const wrong = wrongValue(name, value)
    if (wrong !== undefined) return wrong
  }
  const windowOf = (name: string): number | undefined => (seen.has(name) ? Number(seen.get(name)) : undefined)
  const server = windowOf('server_max_window_bits')
  const client = windowOf('client_max_window_bits')

  if (client !== undefined && offer.clientMaxWindowBits === false) {
    return problem(
      'ERR_UPGRADE_DEFLATE_NOT_OFFERED',
      'the server answered with client_max_window_bits, which was not offered',
    )
  }
  if (offer.serverMaxWindowBits !== undefined && (server === undefined || server > offer.serverMaxWindowBits)) {
    const asked = `server_max_window_bits=${offer.serverMaxWindowBits} was asked for`
    return problem(
      'ERR_UPGRADE_DEFLATE_IGNORED',
      `${asked}, and the server took the offer with ${server ?? 'none'} (RFC 7692 7.1.2.1)`,
    )
  }
  if (offer.serverNoContextTakeover && !seen.has('server_no_context_takeover')) {
    const asked = 'server_no_context_takeover was asked for'
    return problem(
      'ERR_UPGRADE_DEFLATE_IGNORED',
      `${asked}, and the server took the offer without it (RFC 7692 7.1.1.1)`,
    )
  }
  // What we offered about ourselves is a promise: it holds whatever the server says (RFC 7692 7.1.1.2, 7.1.2.2).
  const offered = typeof offer.clientMaxWindowBits === 'number' ? offer.clientMaxWindowBits : MAX_WINDOW_BITS
  const clientMaxWindowBits = Math.min(client ?? MAX_WINDOW_BITS, offered)
  return {
    negotiated: {
      serverNoContextTakeover: seen.has('server_no_context_takeover'),
      serverMaxWindowBits: server ?? MAX_WINDOW_BITS,
      clientNoContextTakeover: offer.clientNoContextTakeover || seen.has('client_no_context_takeover'),
      clientMaxWindowBits,
      compress: clientMaxWindowBits < MIN_COMPRESS_BITS ? undefined : offer.compress,
    },
  }
}

function wrongValue(name: string, value: string | undefined): ExtensionProblem | undefined {
  const given = value === undefined ? 'without a value' : `with the value ${quoteText(value)}`
  switch (name) {
    case 'server_no_context_takeover':
    case 'client_no_context_takeover':
      if (value === undefined) return undefined
      return problem('ERR_UPGRADE_DEFLATE_VALUE', `the server gave ${name} ${given}; it has none (RFC 7692 7.1.1)`)
    case 'server_max_window_bits':
    case 'client_max_window_bits':
      if (value !== undefined && /^([89]|1[0-5])$/.test(value)) return undefined
      return problem(
        'ERR_UPGRADE_DEFLATE_VALUE',
        `the server gave ${name} ${given}; it must be 8 to 15 (RFC 7692 7.1.2)`,
      )
    default:
      return problem(
        'ERR_UPGRADE_DEFLATE_PARAMETER',
        `the server gave ${NAME} a parameter that it does not have: ${quoteText(name)}`,
      )
  }
}
