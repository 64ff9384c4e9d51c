import { SharedWsError, WsConfigError } from '../errors/errors.ts'
import { Checker, describe, MAX_TIMER_MS } from '../support/check.ts'
import { disown } from '../support/promised.ts'
import { payloadBytes } from '../transport/payload.ts'
import type { WsPayload, WsPayloadWriter } from '../transport/transport.ts'
import { fingerprintOf } from './fingerprint.ts'
import { WsReply } from './reply.ts'
import { MAX_ID_CHARS, type WsRequestIds } from './request-ids.ts'

/** A request whose fate the library follows. */
export interface WsDelegatedRequest {
  /**
   * What is sent, or a function of the id that returns it. It is made and copied before `ask` returns. A function is
   * called with the id first; one that then returns a number, or cannot work with a string, is a `WsPayloadWriter`.
   * As everywhere, strings and writers are sent as text, a `Uint8Array` as binary.
   *
   * The parameter is typed as both, so that TypeScript knows it without being told: take it for the `string` or the
   * `Uint8Array` that it is in your function.
   */
  readonly frame: string | Uint8Array | ((idOrInto: string & Uint8Array) => WsPayload | number)
  /** 1 to 256 characters. Default: the next of the actor's generator. */
  readonly requestId?: string
  /**
   * What tells this request from another with the same id, 1 to 1024 characters. Default: a hash of the frame's bytes,
   * which cannot recognise a frame with a timestamp or signature in it as the same request.
   */
  readonly fingerprint?: string
  /** `sent`: done when the kernel took every byte. `confirmed`: done when the venue answered. */
  readonly confirmMode: 'sent' | 'confirmed'
  /** From the call to the outcome, at least 1. There is no request without a deadline. */
  readonly timeoutMs: number
  /** Not handed to the kernel by then: withdrawn, `expired-unsent`. Default: only `timeoutMs` counts. */
  readonly sendWithinMs?: number
  /** Gives up waiting, and withdraws the frame if it has not begun and nobody else waits. */
  readonly signal?: AbortSignal
  /** Goes ahead of frames that are not: cancels, say. Default false. */
  readonly urgent?: boolean
  /** Frame and reply appear in no log, error, diagnostic or recording. Default false. */
  readonly sensitive?: boolean
}

/** A checked request whose frame has been made and depends on the caller no more. */
export class PreparedRequest {
  readonly requestId: string
  /** Owned by the library. */
  readonly payload: string | Uint8Array
  readonly binary: boolean
  readonly confirmMode: 'sent' | 'confirmed'
  readonly timeoutMs: number
  readonly sendWithinMs: number | undefined
  readonly signal: AbortSignal | undefined
  readonly urgent: boolean
  readonly sensitive: boolean
  #fingerprint: string | undefined
  readonly #given: string | undefined

  constructor(request: WsDelegatedRequest, requestId: string, frame: OwnedFrame) {
    this.requestId = requestId
    this.payload = frame.payload
    this.binary = frame.binary
    this.confirmMode = request.confirmMode
    this.timeoutMs = request.timeoutMs
    this.sendWithinMs = request.sendWithinMs
    this.signal = request.signal
    this.urgent = request.urgent ?? false
    this.sensitive = request.sensitive ?? false
    this.#given = request.fingerprint
  }

  /** Made when it is first needed, which for an id that is used once is after the frame has left. */
  get fingerprint(): string {
    this.#fingerprint ??= fingerprintOf(this.payload, this.binary, this.#given)
    return this.#fingerprint
  }
}

interface OwnedFrame {
  readonly payload: string | Uint8Array
  readonly binary: boolean
}

const FIELDS = [
  'frame',
  'requestId',
  'fingerprint',
  'confirmMode',
  'timeoutMs',
  'sendWithinMs',
  'signal',
  'urgent',
  'sensitive',
] as const

/**
 * Checks a request and makes its frame. Throws `WsConfigError` with every mistake in it,
 * `ERR_PAYLOAD_WRITER` for a writer that breaks its contract, `ERR_REQUEST_ID_NOT_IN_FRAME` when `requestIdPath` names
 * where the frame has its id and it is not there, and whatever the `frame` function throws.
 */
export function prepareRequest(
  request: WsDelegatedRequest,
  ids: WsRequestIds,
  requestIdPath?: string,
): PreparedRequest {
  const check = new Checker()
  checkFields(check, request)
  if (check.problems.length > 0) throw new WsConfigError(check.problems)
  const requestId = request.requestId ?? ids.next()
  const frame = makeFrame(request.frame, requestId)
  if (requestIdPath !== undefined) checkIdInFrame(frame, requestId, requestIdPath)
  return new PreparedRequest(request, requestId, frame)
}

function checkFields(check: Checker, request: unknown): void {
  if (request === undefined) {
    check.add('request', 'must be an object with frame, confirmMode and timeoutMs, is undefined')
    return
  }
  const given = check.object('request', request, FIELDS)
  if (given === undefined) return
  if (!isPayload(given.frame)) {
    check.add(
      'request.frame',
      `${PAYLOAD_WANTED}, or a function of the id that returns one; is ${describe(given.frame)}`,
    )
  }
  checkText(check, 'request.requestId', given.requestId, MAX_ID_CHARS)
  checkText(check, 'request.fingerprint', given.fingerprint, 1024)
  if (given.confirmMode === undefined) check.add('request.confirmMode', "is missing: say 'sent' or 'confirmed'")
  check.oneOf('request.confirmMode', given.confirmMode, ['sent', 'confirmed'], 'sent')
  if (given.timeoutMs === undefined) {
    check.add('request.timeoutMs', `is missing: give an integer from 1 to ${MAX_TIMER_MS}; no request waits for ever`)
  }
  check.integer('request.timeoutMs', given.timeoutMs, 1, MAX_TIMER_MS, 1)
  check.integer('request.sendWithinMs', given.sendWithinMs, 0, MAX_TIMER_MS, 0)
  check.signal('request.signal', given.signal)
  check.boolean('request.urgent', given.urgent, false)
  check.boolean('request.sensitive', given.sensitive, false)
}

const PAYLOAD_WANTED = 'must be a string, a Uint8Array, a function that writes one'

function isPayload(value: unknown): value is WsPayload {
  return typeof value === 'string' || value instanceof Uint8Array || typeof value === 'function'
}

function checkText(check: Checker, field: string, value: unknown, maxChars: number): void {
  if (value === undefined) return
  if (typeof value === 'string' && value.length >= 1 && value.length <= maxChars) return
  const length = typeof value === 'string' && value !== '' ? `a string of ${value.length}` : describe(value)
  const fix = typeof value === 'number' || typeof value === 'bigint' ? '; ids are text: wrap it in String()' : ''
  check.add(field, `must be a string of 1 to ${maxChars} characters, is ${length}${fix}`)
}

function makeFrame(frame: WsDelegatedRequest['frame'], requestId: string): OwnedFrame {
  if (typeof frame !== 'function') return own(frame)
  let made: unknown
  try {
    made = (frame as (id: string) => unknown)(requestId)
  } catch (error) {
    return ownIfWriter(frame as WsPayloadWriter, error)
  }
  if (typeof made === 'number') return own(frame as WsPayloadWriter)
  if (isPayload(made)) return own(made)
  disown(made)
  const message = `${PAYLOAD_WANTED}; the function returned ${describe(made)}`
  throw new WsConfigError([{ field: 'request.frame', message }])
}

/** A writer that was called with a string has most likely thrown; a function of the id that throws is the caller's defect. */
function ownIfWriter(writer: WsPayloadWriter, error: unknown): OwnedFrame {
  try {
    return own(writer)
  } catch {
    throw error
  }
}

function own(payload: WsPayload): OwnedFrame {
  if (typeof payload === 'string') return { payload, binary: false }
  return { payload: payloadBytes(payload), binary: typeof payload !== 'function' }
}

function checkIdInFrame({ payload }: OwnedFrame, requestId: string, path: string): void {
  const text = typeof payload === 'string' ? payload : Buffer.from(payload).toString()
  if (new WsReply(text).field(path) === requestId) return
  throw new SharedWsError(
    'ERR_REQUEST_ID_NOT_IN_FRAME',
    `the frame does not have its request id at '${path}', where replies are matched by it; build the frame with frame: (id) => …, or give the id that it has as requestId`,
  )
}
