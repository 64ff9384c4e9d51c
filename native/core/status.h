// Generated from native/core/statuses.json by scripts/generate-statuses.mjs. Edit the table, not this file.
#pragma once

#include <cstdint>

namespace shared_ws {

enum class Status : uint8_t {
  kOk = 0,  // no violation
  kReservedBits = 1,  // RFC 6455 5.2: the server set a reserved bit that no negotiated extension defines
  kReservedOpcode = 2,  // RFC 6455 5.2: the server sent a frame with a reserved opcode
  kMaskedFrame = 3,  // RFC 6455 5.1: the server masked a frame; only clients may
  kNonMinimalLength = 4,  // RFC 6455 5.2: the server encoded a payload length in more bytes than it needs
  kLengthTopBit = 5,  // RFC 6455 5.2: the server sent a 64-bit payload length with its most significant bit set
  kControlTooLong = 6,  // RFC 6455 5.5: the server sent a control frame with more than 125 payload bytes
  kControlFragmented = 7,  // RFC 6455 5.5: the server fragmented a control frame
  kUnexpectedContinuation = 8,  // RFC 6455 5.4: the server sent a continuation frame outside a fragmented message
  kExpectedContinuation = 9,  // RFC 6455 5.4: the server began a new message inside a fragmented one
  kCloseTooShort = 10,  // RFC 6455 5.5.1: the server sent a close frame whose payload is one byte long
  kCloseCodeInvalid = 11,  // RFC 6455 7.4: the server sent a close frame with a code that must not appear on the wire
  kCloseReasonNotUtf8 = 12,  // RFC 6455 5.5.1: the server sent a close reason that is not valid UTF-8
  kTextNotUtf8 = 13,  // RFC 6455 8.1: the server sent a text message that is not valid UTF-8
  kFrameTooLarge = 14,  // RFC 6455 7.4.1: the server announced a frame larger than maxFrameBytes
  kMessageTooLarge = 15,  // RFC 6455 7.4.1: the server sent a message larger than maxMessageBytes
  kOutOfMemory = 16,  // RFC 6455 7.4.1: no memory was left for a partial or compressed message
  kDeflateCorrupt = 17,  // RFC 7692 7.2.2: the server sent a compressed message that is not DEFLATE data
  kDeflateTruncated = 18,  // RFC 7692 7.2.1: the server sent a compressed message that ends inside a DEFLATE block
  kBinaryCorrupt = 19,  // RFC 6455 7.4.1: the server sent a binary message that is not of the format that inflateBinary names
  kBinaryTruncated = 20,  // RFC 6455 7.4.1: the server sent a binary message whose compressed data ends early
  kBinaryTrailing = 21,  // RFC 6455 7.4.1: the server sent a binary message with bytes behind its compressed data
  kBinaryNotUtf8 = 22,  // RFC 6455 8.1: the server sent a binary message that inflates to what is not valid UTF-8
};

inline constexpr uint8_t kStatusCount = 23;

// The close code a client answers this violation with (RFC 6455 7.4.1); 0 for kOk.
constexpr uint16_t CloseCodeOf(Status status) {
  constexpr uint16_t kCodes[kStatusCount] = {0, 1002, 1002, 1002, 1002, 1002, 1002, 1002, 1002, 1002, 1002, 1002, 1007, 1007, 1009, 1009, 1011, 1007, 1007, 1007, 1007, 1007, 1007};
  return kCodes[static_cast<uint8_t>(status)];
}

}  // namespace shared_ws
