#pragma once

#include <cstddef>
#include <cstdint>

#include "frame.h"

namespace shared_ws {

// Bytes of the header of a client frame, mask key included: 6, 8 or 14 (RFC 6455 5.2, shortest length form).
constexpr size_t FrameHeaderBytes(size_t payload) {
  if (payload < 126) return 6;
  return payload <= 0xFFFF ? 8 : 14;
}

// Each of these returns the bytes written; the caller provides the room. `key` is the mask, fresh from a
// CSPRNG for every frame (RFC 6455 5.3).

// `rsv_bits` as they stand in the first byte: 0x40 is RSV1. 0 unless an extension was negotiated.
size_t WriteFrameHeader(uint8_t* out, Opcode opcode, bool fin, uint8_t rsv_bits, size_t payload,
                        const uint8_t key[4]);

// A whole, final frame: FrameHeaderBytes(n) + n bytes. `payload` does not overlap `out`, unless it is exactly
// where the masked bytes go, out + FrameHeaderBytes(n). A control frame carries at most
// kMaxControlPayloadBytes.
size_t EncodeFrame(uint8_t* out, Opcode opcode, const uint8_t* payload, size_t n, const uint8_t key[4]);

// A close frame: empty for code 0, else the code and `n` bytes of reason, at most kMaxCloseReasonBytes of
// UTF-8.
inline constexpr size_t kMaxCloseReasonBytes = kMaxControlPayloadBytes - 2;
size_t EncodeClose(uint8_t* out, uint16_t code, const uint8_t* reason, size_t n, const uint8_t key[4]);

}  // namespace shared_ws
