#pragma once

#include <cstddef>
#include <cstdint>

#include "frame.h"
#include "status.h"

namespace shared_ws {

// The header of a server frame: servers do not mask, so 2, 4 or 10 bytes.
inline constexpr size_t kMaxServerHeaderBytes = 10;

struct FrameHeader {
  uint64_t payload;
  Opcode opcode;
  bool fin;
  bool compressed;  // RSV1 (RFC 7692 section 6); only on the first frame of a message
  uint8_t bytes;    // of the header itself

  bool IsControl() const { return static_cast<uint8_t>(opcode) & 0x8; }
};

enum class HeaderParse : uint8_t { kNeedsMore, kDone, kViolation };

// Reads the header at the start of [in, in + n), n > 0. The checks run in the order of RFC 6455 section 5,
// each as soon as the bytes it needs are there, so the verdict does not depend on how the stream was cut.
// kNeedsMore only for n < kMaxServerHeaderBytes. Writes `header` for kDone, `violation` for kViolation.
// `may_compress`: permessage-deflate was negotiated.
inline HeaderParse ParseFrameHeader(const uint8_t* in, size_t n, uint64_t max_frame_bytes,
                                    FrameHeader* header, Status* violation, bool may_compress = false) {
  const auto refuse = [violation](Status status) {
    *violation = status;
    return HeaderParse::kViolation;
  };

  const uint8_t first = in[0];
  const bool begins_message = (first & 0x0F) == 1 || (first & 0x0F) == 2;
  const uint8_t reserved = may_compress && begins_message ? 0x30 : 0x70;
  if (first & reserved) return refuse(Status::kReservedBits);
  if ((first & 0x7) > 2) return refuse(Status::kReservedOpcode);
  header->opcode = static_cast<Opcode>(first & 0x0F);
  header->fin = first & 0x80;
  header->compressed = may_compress && (first & 0x40);

  if (n < 2) return HeaderParse::kNeedsMore;
  if (in[1] & 0x80) return refuse(Status::kMaskedFrame);
  uint64_t payload = in[1];
  header->bytes = 2;
  if (header->IsControl()) {
    // A longer form of the length is one too many: it is not waited for.
    if (payload > kMaxControlPayloadBytes) return refuse(Status::kControlTooLong);
    if (!header->fin) return refuse(Status::kControlFragmented);
  }
  if (payload == 126) {
    if (n < 4) return HeaderParse::kNeedsMore;
    payload = static_cast<uint64_t>(in[2]) << 8 | in[3];
    if (payload < 126) return refuse(Status::kNonMinimalLength);
    header->bytes = 4;
  } else if (payload == 127) {
    if (n < 10) return HeaderParse::kNeedsMore;
    payload = 0;
    for (int i = 2; i < 10; i++) payload = payload << 8 | in[i];
    if (payload <= 0xFFFF) return refuse(Status::kNonMinimalLength);
    if (payload >> 63) return refuse(Status::kLengthTopBit);
    header->bytes = 10;
  }
  header->payload = payload;

  if (payload > max_frame_bytes) return refuse(Status::kFrameTooLarge);
  return HeaderParse::kDone;
}

}  // namespace shared_ws
