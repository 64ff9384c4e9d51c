#include "frame_encoder.h"

#include <cassert>
#include <cstring>

#include "mask.h"

namespace shared_ws {

size_t WriteFrameHeader(uint8_t* out, Opcode opcode, bool fin, uint8_t rsv_bits, size_t payload,
                        const uint8_t key[4]) {
  constexpr uint8_t kFin = 0x80;
  constexpr uint8_t kMasked = 0x80;
  out[0] = (fin ? kFin : 0) | rsv_bits | static_cast<uint8_t>(opcode);
  size_t at = 2;
  if (payload < 126) {
    out[1] = kMasked | static_cast<uint8_t>(payload);
  } else if (payload <= 0xFFFF) {
    out[1] = kMasked | 126;
    out[at++] = static_cast<uint8_t>(payload >> 8);
    out[at++] = static_cast<uint8_t>(payload);
  } else {
    out[1] = kMasked | 127;
    for (int shift = 56; shift >= 0; shift -= 8) {
      out[at++] = static_cast<uint8_t>(static_cast<uint64_t>(payload) >> shift);
    }
  }
  std::memcpy(out + at, key, 4);
  return at + 4;
}

size_t EncodeFrame(uint8_t* out, Opcode opcode, const uint8_t* payload, size_t n, const uint8_t key[4]) {
  const size_t header = WriteFrameHeader(out, opcode, true, 0, n, key);
  MaskCopy(out + header, payload, n, key);
  return header + n;
}

size_t EncodeClose(uint8_t* out, uint16_t code, const uint8_t* reason, size_t n, const uint8_t key[4]) {
  assert(n <= kMaxCloseReasonBytes && (code != 0 || n == 0));
  if (code == 0) return EncodeFrame(out, Opcode::kClose, nullptr, 0, key);
  uint8_t* payload = out + FrameHeaderBytes(2 + n);
  payload[0] = static_cast<uint8_t>(code >> 8);
  payload[1] = static_cast<uint8_t>(code);
  if (n > 0) std::memcpy(payload + 2, reason, n);
  return EncodeFrame(out, Opcode::kClose, payload, 2 + n, key);
}

}  // namespace shared_ws
