#pragma once

#include <cstddef>
#include <cstdint>

namespace shared_ws {

// RFC 6455 5.2.
enum class Opcode : uint8_t {
  kContinuation = 0x0,
  kText = 0x1,
  kBinary = 0x2,
  kClose = 0x8,
  kPing = 0x9,
  kPong = 0xA,
};

inline constexpr size_t kMaxControlPayloadBytes = 125;  // RFC 6455 5.5
inline constexpr size_t kMaxFrameHeaderBytes = 14;      // 2 + 8 (length) + 4 (mask)
inline constexpr uint16_t kNoCloseCode = 1005;          // RFC 6455 7.1.5: a close frame without a code

// Codes that may appear in a close frame (RFC 6455 7.4, and the IANA registry up to 1014).
constexpr bool IsWireCloseCode(uint16_t code) {
  if (code >= 3000 && code <= 4999) return true;
  if (code < 1000 || code > 1014) return false;
  return code != 1004 && code != 1005 && code != 1006;
}

// What every connection is held to. A peer that passes a limit is refused with close code 1009.
struct Limits {
  uint64_t max_frame_bytes = 16u << 20;
  uint64_t max_message_bytes = 16u << 20;
};

}  // namespace shared_ws
