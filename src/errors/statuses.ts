// Generated from native/core/statuses.json by scripts/generate-statuses.mjs. Edit the table, not this file.

/** One protocol violation: its stable code, the close code it is answered with, and the rule it breaks. */
export interface ProtocolStatus {
  readonly name: string
  readonly code: string
  readonly closeCode: number
  readonly rfc: string
  readonly message: string
}

/** Indexed by the status number that the addon reports. */
export const PROTOCOL_STATUSES = [
  {
    name: 'Ok',
    code: 'OK',
    closeCode: 0,
    rfc: '',
    message: 'no violation',
  },
  {
    name: 'ReservedBits',
    code: 'ERR_WS_RESERVED_BITS',
    closeCode: 1002,
    rfc: 'RFC 6455 5.2',
    message: 'the server set a reserved bit that no negotiated extension defines',
  },
  {
    name: 'ReservedOpcode',
    code: 'ERR_WS_RESERVED_OPCODE',
    closeCode: 1002,
    rfc: 'RFC 6455 5.2',
    message: 'the server sent a frame with a reserved opcode',
  },
  {
    name: 'MaskedFrame',
    code: 'ERR_WS_MASKED_FRAME',
    closeCode: 1002,
    rfc: 'RFC 6455 5.1',
    message: 'the server masked a frame; only clients may',
  },
  {
    name: 'NonMinimalLength',
    code: 'ERR_WS_NON_MINIMAL_LENGTH',
    closeCode: 1002,
    rfc: 'RFC 6455 5.2',
    message: 'the server encoded a payload length in more bytes than it needs',
  },
  {
    name: 'LengthTopBit',
    code: 'ERR_WS_LENGTH_TOP_BIT',
    closeCode: 1002,
    rfc: 'RFC 6455 5.2',
    message: 'the server sent a 64-bit payload length with its most significant bit set',
  },
  {
    name: 'ControlTooLong',
    code: 'ERR_WS_CONTROL_TOO_LONG',
    closeCode: 1002,
    rfc: 'RFC 6455 5.5',
    message: 'the server sent a control frame with more than 125 payload bytes',
  },
  {
    name: 'ControlFragmented',
    code: 'ERR_WS_CONTROL_FRAGMENTED',
    closeCode: 1002,
    rfc: 'RFC 6455 5.5',
    message: 'the server fragmented a control frame',
  },
  {
    name: 'UnexpectedContinuation',
    code: 'ERR_WS_UNEXPECTED_CONTINUATION',
    closeCode: 1002,
    rfc: 'RFC 6455 5.4',
    message: 'the server sent a continuation frame outside a fragmented message',
  },
  {
    name: 'ExpectedContinuation',
    code: 'ERR_WS_EXPECTED_CONTINUATION',
    closeCode: 1002,
    rfc: 'RFC 6455 5.4',
    message: 'the server began a new message inside a fragmented one',
  },
  {
    name: 'CloseTooShort',
    code: 'ERR_WS_CLOSE_TOO_SHORT',
    closeCode: 1002,
    rfc: 'RFC 6455 5.5.1',
    message: 'the server sent a close frame whose payload is one byte long',
  },
  {
    name: 'CloseCodeInvalid',
    code: 'ERR_WS_CLOSE_CODE_INVALID',
    closeCode: 1002,
    rfc: 'RFC 6455 7.4',
    message: 'the server sent a close frame with a code that must not appear on the wire',
  },
  {
    name: 'CloseReasonNotUtf8',
    code: 'ERR_WS_CLOSE_REASON_NOT_UTF8',
    closeCode: 1007,
    rfc: 'RFC 6455 5.5.1',
    message: 'the server sent a close reason that is not valid UTF-8',
  },
  {
    name: 'TextNotUtf8',
    code: 'ERR_WS_TEXT_NOT_UTF8',
    closeCode: 1007,
    rfc: 'RFC 6455 8.1',
    message: 'the server sent a text message that is not valid UTF-8',
  },
  {
    name: 'FrameTooLarge',
    code: 'ERR_WS_FRAME_TOO_LARGE',
    closeCode: 1009,
    rfc: 'RFC 6455 7.4.1',
    message: 'the server announced a frame larger than maxFrameBytes',
  },
  {
    name: 'MessageTooLarge',
    code: 'ERR_WS_MESSAGE_TOO_LARGE',
    closeCode: 1009,
    rfc: 'RFC 6455 7.4.1',
    message: 'the server sent a message larger than maxMessageBytes',
  },
  {
    name: 'OutOfMemory',
    code: 'ERR_WS_OUT_OF_MEMORY',
    closeCode: 1011,
    rfc: 'RFC 6455 7.4.1',
    message: 'no memory was left for a partial or compressed message',
  },
  {
    name: 'DeflateCorrupt',
    code: 'ERR_WS_DEFLATE_CORRUPT',
    closeCode: 1007,
    rfc: 'RFC 7692 7.2.2',
    message: 'the server sent a compressed message that is not DEFLATE data',
  },
  {
    name: 'DeflateTruncated',
    code: 'ERR_WS_DEFLATE_TRUNCATED',
    closeCode: 1007,
    rfc: 'RFC 7692 7.2.1',
    message: 'the server sent a compressed message that ends inside a DEFLATE block',
  },
  {
    name: 'BinaryCorrupt',
    code: 'ERR_WS_BINARY_CORRUPT',
    closeCode: 1007,
    rfc: 'RFC 6455 7.4.1',
    message: 'the server sent a binary message that is not of the format that inflateBinary names',
  },
  {
    name: 'BinaryTruncated',
    code: 'ERR_WS_BINARY_TRUNCATED',
    closeCode: 1007,
    rfc: 'RFC 6455 7.4.1',
    message: 'the server sent a binary message whose compressed data ends early',
  },
  {
    name: 'BinaryTrailing',
    code: 'ERR_WS_BINARY_TRAILING',
    closeCode: 1007,
    rfc: 'RFC 6455 7.4.1',
    message: 'the server sent a binary message with bytes behind its compressed data',
  },
  {
    name: 'BinaryNotUtf8',
    code: 'ERR_WS_BINARY_NOT_UTF8',
    closeCode: 1007,
    rfc: 'RFC 6455 8.1',
    message: 'the server sent a binary message that inflates to what is not valid UTF-8',
  },
] as const satisfies readonly ProtocolStatus[]

/** The code of a protocol violation, such as `ERR_WS_RESERVED_BITS`. */
export type ProtocolStatusCode = (typeof PROTOCOL_STATUSES)[number]['code']
