import type { StreamCase } from '../support/frame-streams.ts'
import type { Receipt } from '../support/receipt.ts'

/** Where `core/` and another receiver may part, and why that is as it should be. */
export interface Difference {
  readonly name: string
  readonly reason: string
  /** The whole of this difference, and nothing else, told apart by what both said. */
  explains(core: Receipt, other: Receipt, stream: StreamCase): boolean
}

/** Both told the same up to here. */
const sameLog = (core: Receipt, other: Receipt): boolean => core.log === other.log

/** The other told more, all of it control frames: of messages, core told all there were. */
const onlyControlFollows = (core: Receipt, other: Receipt): boolean =>
  other.log.startsWith(core.log) && /^(?:$|ping |pong |close )/.test(other.log.slice(core.log.length))

const textAsItComes: Difference = {
  name: 'text is judged as it comes',
  reason:
    'RFC 6455 8.1 lets a client fail at the first byte that no valid text can have; core does, the other waits for the ' +
    'last fragment. Until then it answers pings, may meet another fault, or a CLOSE, or waits.',
  explains: (core, other) => core.why === 'ERR_WS_TEXT_NOT_UTF8' && onlyControlFollows(core, other),
}

const firstHeaderByte: Difference = {
  name: 'the first byte of a header is judged by itself',
  reason: 'Reserved bits and opcodes are wrong whatever follows; the other reads two bytes at a time.',
  explains: (core, other, { bytes }) =>
    sameLog(core, other) &&
    other.end === 'open' &&
    (core.why === 'ERR_WS_RESERVED_BITS' || core.why === 'ERR_WS_RESERVED_OPCODE') &&
    isWrongFirstByte(bytes.at(-1) as number),
}

const wholeHeader: Difference = {
  name: 'the place and the length of a frame are judged when its header is whole',
  reason:
    'A control frame that is too long or not final, a CLOSE of one byte, and a frame that may not stand where it does are ' +
    'known by two bytes; core needs the rest of the header, or the byte. The stream ends before that.',
  explains: (core, other, { bytes }) =>
    sameLog(core, other) &&
    core.end === 'open' &&
    other.closeCode === 1002 &&
    (endsInsideHeader(bytes) || endsWithCloseOfOneByte(bytes)),
}

const sizeBeforePlace: Difference = {
  name: 'a frame that is too large and may not stand where it does',
  reason: 'Two faults in one header: core names the size (1009), the other the place (1002). Both are right.',
  explains: (core, other) =>
    sameLog(core, other) &&
    core.why === 'ERR_WS_FRAME_TOO_LARGE' &&
    other.closeCode === 1002 &&
    ['WS_ERR_INVALID_OPCODE', 'ERR_WS_UNEXPECTED_CONTINUATION', 'ERR_WS_EXPECTED_CONTINUATION'].includes(other.why),
}

const inflatedAsItComes: Difference = {
  name: 'compressed messages are inflated as they come',
  reason:
    'What is corrupt or too large is refused at that byte, before the rest of a bomb is there; the other inflates whole ' +
    'frames, or whole messages. Until then it answers pings, may meet another fault (of one message too, where core names ' +
    'the first), or a CLOSE, or waits.',
  explains: (core, other, { compressions }) =>
    compressions.size > 0 &&
    (core.why === 'ERR_WS_DEFLATE_CORRUPT' || core.why === 'ERR_WS_MESSAGE_TOO_LARGE') &&
    onlyControlFollows(core, other),
}

const compressedBytesCount: Difference = {
  name: 'a message that is larger compressed than it is',
  reason:
    'maxMessageBytes is about the message: core counts what is inflated, and frames have a limit of their own. The other ' +
    'counts the compressed bytes of all frames as well.',
  explains: (core, other, { compressions }) =>
    compressions.size > 0 && other.closeCode === 1009 && core.log.startsWith(other.log),
}

/** Where the package `ws` parts from core, whatever was negotiated. */
export const WS_DIFFERENCES: readonly Difference[] = [
  textAsItComes,
  firstHeaderByte,
  wholeHeader,
  sizeBeforePlace,
  {
    name: 'a length in more bytes than it needs',
    reason: 'RFC 6455 5.2: "the minimal number of bytes MUST be used". ws takes any form, and goes on.',
    explains: (core, ws) => core.why === 'ERR_WS_NON_MINIMAL_LENGTH' && ws.log.startsWith(core.log),
  },
  {
    name: 'a length with its highest bit set',
    reason:
      'RFC 6455 5.2: "the most significant bit MUST be 0", a fault of the protocol (1002). To ws it is too large.',
    explains: (core, ws) =>
      sameLog(core, ws) &&
      core.why === 'ERR_WS_LENGTH_TOP_BIT' &&
      ws.why === 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH' &&
      ws.closeCode === 1009,
  },
]

/** And where permessage-deflate was. */
export const WS_DEFLATE_DIFFERENCES: readonly Difference[] = [
  ...WS_DIFFERENCES,
  inflatedAsItComes,
  compressedBytesCount,
  {
    name: 'a message that ends inside a block',
    reason:
      'RFC 7692 7.2.1: what the sender flushed ends between blocks, so bytes are missing. ws delivers what it has.',
    explains: (core, ws) => core.why === 'ERR_WS_DEFLATE_TRUNCATED' && ws.log.startsWith(core.log),
  },
  {
    name: 'what stands behind a last block',
    reason:
      'RFC 7692 7.2.3.4 has another block follow, the one of the end that was cut off at least. Where none can be read, or ' +
      'that end was eaten by the last block, core refuses the message; ws looks at nothing behind a last block.',
    explains: (core, ws, { compressions }) =>
      core.why === 'ERR_WS_DEFLATE_CORRUPT' &&
      (['truncated', 'flipped', 'garbage'] as const).some((how) => compressions.has(how)) &&
      ws.log.startsWith(core.log) &&
      /^(?:text|ascii|binary) /.test(ws.log.slice(core.log.length)),
  },
  {
    name: 'a last block, or no byte at all, and then context takeover',
    reason:
      'RFC 7692 7.2.3.4 lets a message end in a last block, and the window goes on; ws drops it there. A compressed ' +
      'message of no bytes is an empty one; ws then reads the end that it adds itself as the beginning of a block. What ' +
      'comes next is corrupt to it, or another text.',
    explains: (core, ws, { options, compressions }) =>
      options.deflate?.noContextTakeover === false &&
      (['nothing', 'truncated', 'final-block', 'flipped', 'garbage'] as const).some((how) => compressions.has(how)) &&
      (isInflateFault(ws) || ws.log !== core.log),
  },
]

/** Where our own decoder in TypeScript parts from core. */
export const TYPESCRIPT_DIFFERENCES: readonly Difference[] = [
  textAsItComes,
  firstHeaderByte,
  wholeHeader,
  sizeBeforePlace,
]
export const TYPESCRIPT_DEFLATE_DIFFERENCES: readonly Difference[] = [
  ...TYPESCRIPT_DIFFERENCES,
  inflatedAsItComes,
  compressedBytesCount,
]

/** Compressed data, or what came out of it, is wrong. */
function isInflateFault({ why }: Receipt): boolean {
  return ['ERR_WS_DEFLATE_CORRUPT', 'Z_DATA_ERROR', 'WS_ERR_INVALID_UTF8'].includes(why)
}

function isWrongFirstByte(byte: number): boolean {
  const opcode = byte & 0x0f
  return (byte & 0x70) !== 0 || (opcode > 2 && opcode < 8) || opcode > 10
}

/** Behind the second byte of a header, before its last. */
function endsInsideHeader(bytes: Buffer): boolean {
  return [2, 3, 4, 5, 6, 7, 8, 9].some((back) => {
    const form = (bytes.at(1 - back) ?? 0) & 0x7f
    return back <= bytes.length && form >= 126 && back < (form === 126 ? 4 : 10)
  })
}

function endsWithCloseOfOneByte(bytes: Buffer): boolean {
  return bytes.length >= 2 && bytes.readUInt16BE(bytes.length - 2) === 0x8801
}
