import { constants, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { chopped, chunkSizes } from './property.ts'
import { encodeServerFrame } from './raw-frames.ts'
import type { ReceiverOptions } from './receipt.ts'

/** A stream as some server might send it, and what its reader is held to. */
export class StreamCase {
  readonly options: ReceiverOptions
  readonly bytes: Buffer
  readonly chunks: readonly Uint8Array[]
  /** How its compressed messages were made; `garbage`: frames that say so, and are nothing of the kind. */
  readonly compressions: ReadonlySet<Compression['how'] | 'garbage'>

  constructor(options: ReceiverOptions, bytes: Buffer, sizes: readonly number[], acts: readonly Act[]) {
    this.options = options
    this.bytes = bytes
    this.chunks = chopped(bytes, sizes)
    this.compressions = new Set(
      acts.flatMap((act) => {
        if (act.kind === 'frame') return (act.frame.rsv & 4) !== 0 ? ['garbage' as const] : []
        return act.message.compression === undefined ? [] : [act.message.compression.how]
      }),
    )
  }

  /** For the report of a failure. */
  [fc.toStringMethod](): string {
    const sizes = this.chunks.map((chunk) => chunk.length)
    return `${JSON.stringify(this.options)} in chunks of ${sizes.join(' ')}: ${this.bytes.toString('hex')}`
  }
}

/** A frame to be written, rightly or wrongly. */
interface FrameSpec {
  readonly opcode: number
  readonly payload: Buffer
  readonly fin: boolean
  readonly rsv: number
  readonly masked: boolean
  /** Bits of the length field; undefined: the shortest that serves. */
  readonly lengthBits: 16 | 64 | undefined
  /** Announced in place of the payload's length. */
  readonly announce: bigint | undefined
}

/** What is said in a row: a message with what stands between its fragments, or something odd. */
type Act =
  | { readonly kind: 'message'; readonly message: MessageSpec }
  | { readonly kind: 'frame'; readonly frame: FrameSpec }

interface MessageSpec {
  readonly binary: boolean
  readonly payload: Buffer
  /** Where it is cut into fragments, in thousandths of its length on the wire. */
  readonly cuts: readonly number[]
  /** One for each cut that has one: stands behind the fragment. */
  readonly between: readonly (FrameSpec | undefined)[]
  readonly compression: Compression | undefined
}

/** `as-is` is RFC 7692 7.2.1; the others are what a server might get wrong, or may do and few do. */
interface Compression {
  readonly level: number
  readonly how: 'as-is' | 'stored' | 'final-block' | 'truncated' | 'flipped' | 'tail-left-on' | 'nothing'
  readonly at: number
}

const frame = (opcode: number, payload: Buffer, odd: Partial<FrameSpec> = {}): FrameSpec => ({
  opcode,
  payload,
  fin: true,
  rsv: 0,
  masked: false,
  lengthBits: undefined,
  announce: undefined,
  ...odd,
})

/** Beginnings, ends and middles of characters, and what is none. */
const textPieces = fc.constantFrom(
  ...['', 'plain ', 'µ', '€', '😀', '\u0000', '\ud7ff', '\ue000', '\u{10ffff}', '{"e":"trade","p":"0.0010"},'].map(
    (text) => Buffer.from(text),
  ),
)
const brokenPieces = fc.constantFrom(
  ...['c3', 'e282', 'f09f98', 'c0af', 'eda080', 'f4908080', 'ff', '80', 'f8888080'].map((hex) =>
    Buffer.from(hex, 'hex'),
  ),
)
const validText = fc.array(textPieces, { maxLength: 12 }).map((pieces) => Buffer.concat(pieces))
const anyText = fc
  .tuple(validText, fc.oneof({ weight: 5, arbitrary: fc.constant(Buffer.alloc(0)) }, brokenPieces), validText)
  .map((pieces) => Buffer.concat(pieces))
const sizes = fc.constantFrom(0, 1, 2, 60, 124, 125, 126, 127, 200, 300)
const blob = fc
  .tuple(sizes, fc.integer({ min: 0, max: 255 }))
  .map(([size, first]) => Buffer.from(Array.from({ length: size }, (_, i) => first + i * 7)))

const closeCodes = fc.constantFrom(
  0,
  999,
  1000,
  1001,
  1003,
  1004,
  1005,
  1006,
  1007,
  1011,
  1014,
  1015,
  2999,
  3000,
  4999,
  5000,
)
const closePayload = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.constant(Buffer.of(3)),
  fc.tuple(closeCodes, anyText).map(([code, reason]) => {
    const payload = Buffer.concat([Buffer.alloc(2), reason.subarray(0, 123)])
    payload.writeUInt16BE(code)
    return payload
  }),
)
const ping = fc.tuple(fc.constantFrom(9, 10), blob).map(([opcode, payload]) => frame(opcode, payload.subarray(0, 125)))
const close = closePayload.map((payload) => frame(8, payload))

/** One thing is wrong with it, as a rule: two at a time hide each other. */
const oddity: fc.Arbitrary<Partial<FrameSpec>> = fc.oneof(
  fc.constant({}),
  fc.constant({ fin: false }),
  fc.constant({ masked: true }),
  fc.record({ rsv: fc.integer({ min: 1, max: 7 }) }),
  fc.record({ lengthBits: fc.constantFrom<16 | 64>(16, 64) }),
  fc.record({ opcode: fc.integer({ min: 0, max: 15 }) }),
  fc.record({
    announce: fc.constantFrom(125n, 126n, 65535n, 65536n, 1n << 31n, 1n << 53n, 1n << 63n, (1n << 64n) - 1n),
  }),
)
const oddFrame = fc
  .tuple(fc.constantFrom(0, 1, 2, 8, 9, 10), fc.oneof(blob, anyText), oddity)
  .map(([opcode, payload, odd]) => frame(opcode, payload, odd))

const garbage = fc
  .tuple(
    fc.constantFrom(1, 2),
    fc.boolean(),
    fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
      anyText,
    ),
  )
  .map(([opcode, fin, payload]) => frame(opcode, payload, { fin, rsv: 4 }))

const compression = fc.record({
  level: fc.constantFrom(0, 1, 6, 9),
  how: fc.oneof(
    { weight: 6, arbitrary: fc.constant('as-is' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom('stored', 'final-block', 'truncated', 'flipped', 'tail-left-on', 'nothing'),
    },
  ) as fc.Arbitrary<Compression['how']>,
  at: fc.integer({ min: 0, max: 999 }),
})

const message = (compressed: boolean): fc.Arbitrary<MessageSpec> =>
  fc
    .tuple(
      fc.boolean(),
      fc.oneof({ weight: 3, arbitrary: validText }, { weight: 1, arbitrary: anyText }, { weight: 1, arbitrary: blob }),
      fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 4 }),
      fc.array(fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, ping, close), { maxLength: 4 }),
      compressed ? fc.option(compression, { nil: undefined, freq: 3 }) : fc.constant(undefined),
    )
    .map(([binary, payload, cuts, between, how]) => ({
      binary,
      payload,
      cuts: [...cuts].sort((a, b) => a - b),
      between,
      compression: how,
    }))

const acts = (compressed: boolean): fc.Arbitrary<Act[]> =>
  fc.array(
    fc.oneof(
      { weight: 8, arbitrary: message(compressed).map((spec): Act => ({ kind: 'message', message: spec })) },
      { weight: 2, arbitrary: ping.map((spec): Act => ({ kind: 'frame', frame: spec })) },
      { weight: 1, arbitrary: close.map((spec): Act => ({ kind: 'frame', frame: spec })) },
      { weight: 2, arbitrary: oddFrame.map((spec): Act => ({ kind: 'frame', frame: spec })) },
      { weight: compressed ? 1 : 0, arbitrary: garbage.map((spec): Act => ({ kind: 'frame', frame: spec })) },
    ),
    { minLength: 1, maxLength: 8 },
  )

const limits = fc.constantFrom(
  { maxFrameBytes: 1 << 24, maxMessageBytes: 1 << 24 },
  { maxFrameBytes: 200, maxMessageBytes: 200 },
  { maxFrameBytes: 126, maxMessageBytes: 126 },
)

/** Streams without permessage-deflate, in which RSV1 is wrong, or with it. */
export function streamCases(compressed: boolean): fc.Arbitrary<StreamCase> {
  const deflate = compressed
    ? fc.record({ noContextTakeover: fc.boolean(), windowBits: fc.constantFrom(9, 15) })
    : fc.constant(undefined)
  return fc
    .record({
      limits,
      deflate,
      acts: acts(compressed),
      left: fc.option(fc.integer({ min: 0, max: 999 }), { freq: 4 }),
      sizes: chunkSizes,
    })
    .map((drawn) => {
      const whole = bytesOf(drawn.acts, drawn.deflate)
      // Some streams break off.
      const bytes = drawn.left === null ? whole : whole.subarray(0, Math.ceil((whole.length * drawn.left) / 1000))
      return new StreamCase({ ...drawn.limits, deflate: drawn.deflate }, bytes, drawn.sizes, drawn.acts)
    })
}

function bytesOf(all: readonly Act[], deflate: ReceiverOptions['deflate']): Buffer {
  const deflater = new Deflater(deflate)
  return Buffer.concat(
    all.flatMap((act) => (act.kind === 'frame' ? [encode(act.frame)] : encodeMessage(act.message, deflater))),
  )
}

function encode({ opcode, payload, fin, rsv, masked, lengthBits, announce }: FrameSpec): Buffer {
  return encodeServerFrame(opcode, payload, {
    fin,
    rsv,
    ...(masked ? { maskKey: Buffer.of(1, 2, 3, 4) } : {}),
    ...(lengthBits === undefined || (lengthBits === 16 && payload.length > 65535) ? {} : { lengthBits }),
    ...(announce === undefined ? {} : { announce }),
  })
}

function encodeMessage(
  { binary, payload, cuts, between, compression: how }: MessageSpec,
  deflater: Deflater,
): Buffer[] {
  const wire = how === undefined ? payload : deflater.deflate(payload, how)
  const ends = [...cuts.map((cut) => Math.floor((cut * wire.length) / 1000)), wire.length]
  let start = 0
  return ends.flatMap((end, i) => {
    const last = i === ends.length - 1
    const opcode = i > 0 ? 0 : binary ? 2 : 1
    const rsv = i === 0 && how !== undefined ? 4 : 0
    const part = encode(frame(opcode, wire.subarray(start, end), { fin: last, rsv }))
    start = end
    const control = last ? undefined : between[i]
    return control === undefined ? [part] : [part, encode(control)]
  })
}

/** The server's half of RFC 7692, and its mistakes. */
class Deflater {
  readonly #noContextTakeover: boolean
  readonly #windowBits: number
  #window: Buffer = Buffer.alloc(0)

  constructor(deflate: ReceiverOptions['deflate']) {
    this.#noContextTakeover = deflate?.noContextTakeover ?? true
    this.#windowBits = deflate?.windowBits ?? 15
  }

  deflate(payload: Buffer, { level, how, at }: Compression): Buffer {
    const options = { level: how === 'stored' ? 0 : level, windowBits: this.#windowBits, ...this.#dictionary() }
    if (!this.#noContextTakeover) {
      this.#window = Buffer.concat([this.#window, payload]).subarray(-(2 ** this.#windowBits))
    }
    const flushed = deflateRawSync(payload, { ...options, finishFlush: constants.Z_SYNC_FLUSH })
    const wire = flushed.subarray(0, -4)
    const place = Math.floor((at * wire.length) / 1000)
    switch (how) {
      case 'final-block': // RFC 7692 7.2.3.4
        return Buffer.concat([deflateRawSync(payload, options), Buffer.of(0)])
      case 'truncated':
        return wire.subarray(0, place)
      case 'flipped': {
        const flipped = Buffer.from(wire)
        if (flipped.length > 0) flipped[place] = (flipped[place] as number) ^ (1 << (at % 8))
        return flipped
      }
      case 'tail-left-on':
        return flushed
      case 'nothing':
        return Buffer.alloc(0)
      default:
        return wire
    }
  }

  #dictionary(): { dictionary?: Buffer } {
    return this.#window.length === 0 ? {} : { dictionary: this.#window }
  }
}
