import { SharedWsError } from '../errors/errors.ts'
import { describe } from '../support/check.ts'
import { disown } from '../support/promised.ts'
import type { WsPayload, WsPayloadWriter } from './transport.ts'

/** No outbound frame is larger; a writer that asks for more has a defect. */
export const MAX_OUTBOUND_BYTES = 2 ** 30

const SCRATCH_BYTES = 16 * 1024
let scratch: Buffer | undefined = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/**
 * The payload's bytes, in memory of their own. Unpaired surrogates of a string become U+FFFD. Throws
 * `ERR_PAYLOAD_TYPE` for what is no payload and `ERR_PAYLOAD_WRITER` for a writer that breaks its contract.
 */
export function payloadBytes(payload: WsPayload): Buffer {
  if (typeof payload === 'string') return Buffer.from(payload)
  if (payload instanceof Uint8Array) return Buffer.from(payload)
  if (typeof payload !== 'function') {
    throw new SharedWsError(
      'ERR_PAYLOAD_TYPE',
      `a payload is a string, a Uint8Array or a function, not ${typeof payload}`,
    )
  }
  // Taken for the time of the call: a writer may itself offer a frame whose writer needs one.
  const into = scratch ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  scratch = undefined
  try {
    return Buffer.from(runWriter(payload, into))
  } finally {
    scratch = into
  }
}

/** Throws `ERR_PAYLOAD_TYPE` for what is neither string nor function nor bytes. */
export function checkPayload(payload: unknown): asserts payload is Uint8Array {
  if (payload instanceof Uint8Array) return
  throw new SharedWsError(
    'ERR_PAYLOAD_TYPE',
    `a payload is a string, a Uint8Array or a function, not ${typeof payload}`,
  )
}

/**
 * Lets `writer` write into `into`, or, when that is too small, into new memory of the size it asks for. Returns the
 * bytes written, a view of either. Throws `ERR_PAYLOAD_WRITER`.
 */
export function runWriter(writer: WsPayloadWriter, into: Uint8Array): Uint8Array {
  const first = writer(into)
  if (isLength(first, into)) return into.subarray(0, first)
  const needed = -first
  if (!Number.isInteger(needed) || needed <= into.byteLength) throw badReturn(first, into)
  if (needed > MAX_OUTBOUND_BYTES) {
    throw new SharedWsError(
      'ERR_PAYLOAD_WRITER',
      `a payload writer asked for ${needed} bytes; a frame holds at most ${MAX_OUTBOUND_BYTES}`,
    )
  }
  const larger = Buffer.allocUnsafeSlow(needed)
  const second = writer(larger)
  if (!isLength(second, larger)) throw badReturn(second, larger)
  return larger.subarray(0, second)
}

function isLength(returned: unknown, into: Uint8Array): boolean {
  return Number.isInteger(returned) && (returned as number) >= 0 && (returned as number) <= into.byteLength
}

function badReturn(returned: unknown, into: Uint8Array): SharedWsError {
  disown(returned)
  return new SharedWsError(
    'ERR_PAYLOAD_WRITER',
    `a payload writer must return the bytes it wrote (0 to ${into.byteLength}) or the negated size it needs; it returned ${typeof returned === 'number' ? returned : describe(returned)}`,
  )
}
