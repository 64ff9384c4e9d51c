#pragma once

#include <cstddef>
#include <cstdint>

namespace shared_ws {

// What a loop delivers: one of these per event, in wire order per link. src/native/addon.ts reads the same
// layout; its layout test compares the two.
enum class RecordKind : uint8_t {
  kMessage = 1,
  kPing = 2,
  kPong = 3,
  kClose = 4,
  kViolation = 5,
  kRaw = 6,
  kConnected = 7,
  kSecure = 8,
  kWritable = 9,
  kEnd = 10,
  kSessions = 11,
  kKeyLog = 12,
  kTopic = 13,
};

enum class EndReason : uint8_t {
  kEof = 0,
  kConnect = 1,
  kSocket = 2,
  kTls = 3,
  kCertificate = 4,
};

inline constexpr uint16_t kFlagAscii = 1;
inline constexpr uint16_t kFlagBlock = 2;
// The receive time is the kernel's of this message's last byte, and not a moment behind it.
inline constexpr uint16_t kFlagExactTime = 4;

struct Record {
  RecordKind kind;
  uint8_t opcode;  // frame opcode, or EndReason of a kEnd
  uint16_t flags;
  uint32_t link;
  uint32_t offset;  // in the slab, or in its block
  uint32_t length;
  double received_mono_us;
  uint32_t slot;  // block index, when kFlagBlock; of a kTopic, its handle
  uint32_t aux;   // close code, protocol status, errno; of a message: messages in the run it begins, else 0
};
static_assert(sizeof(Record) == 32 && offsetof(Record, received_mono_us) == 16 &&
              offsetof(Record, aux) == 28);

// One row per link slot, written by the loop's thread alone, read by JavaScript as doubles (exact to 2^53).
struct LinkCounters {
  double begun;
  double taken;
  double queued_bytes;
  double bytes_received;
  double bytes_sent;
  double messages_received;
  double pongs_sent;
  double sealed;
  double messages_sent;
};
static_assert(sizeof(LinkCounters) == 72);

inline constexpr uint32_t kMaxLinks = 16384;  // a power of two: slot = id % kMaxLinks

}  // namespace shared_ws
