#include <vector>

#include "core/status.h"
#include "core_allocations.h"
#include "core_support.h"
#include "harness.h"
#include "zlib_peer.h"

namespace shared_ws::test {
namespace {

struct Case {
  Status status;
  uint16_t close_code;
  std::string stream;
  Limits limits = {};
  Extensions extensions = {};
};

const Extensions kDeflate{.deflate = DeflateOptions{}};
const Extensions kGzip{.inflate_binary = BinaryFormat::kGzip};

const Limits kSmall = {.max_frame_bytes = 100, .max_message_bytes = 150};

std::string Masked(std::string frame) {
  frame[1] = static_cast<char>(frame[1] | 0x80);
  return frame;
}

// At least one stream for each status; a message goes before it, which must be delivered.
std::vector<Case> Cases() {
  return {
      {Status::kReservedBits, 1002, Frame(kFin | 0x40 | 1, "rsv1")},
      {Status::kReservedBits, 1002, Frame(kFin | 0x20 | 2, "rsv2")},
      {Status::kReservedBits, 1002, Frame(kFin | 0x10 | 9, "rsv3")},
      {Status::kReservedOpcode, 1002, Frame(kFin | 3, "")},
      {Status::kReservedOpcode, 1002, Frame(kFin | 15, "x")},
      {Status::kMaskedFrame, 1002, Masked(Frame(kFin | 1, "masked"))},
      {Status::kNonMinimalLength, 1002, Frame(kFin | 1, "short", 2)},
      {Status::kNonMinimalLength, 1002, Frame(kFin | 1, std::string(200, 'x'), 8)},
      {Status::kLengthTopBit, 1002, Header(kFin | 2, uint64_t{1} << 63, 8)},
      {Status::kControlTooLong, 1002, Frame(kFin | 9, std::string(126, 'x'))},
      {Status::kControlTooLong, 1002, Frame(kFin | 8, std::string(126, 'x'))},
      {Status::kControlFragmented, 1002, Frame(9, "x")},
      {Status::kUnexpectedContinuation, 1002, Frame(kFin, "x")},
      {Status::kUnexpectedContinuation, 1002, Frame(0, "")},
      {Status::kExpectedContinuation, 1002, Frame(1, "x") + Frame(kFin | 1, "y")},
      {Status::kExpectedContinuation, 1002, Frame(2, "") + Frame(1, "")},
      {Status::kCloseTooShort, 1002, Frame(kFin | 8, "x")},
      {Status::kCloseCodeInvalid, 1002, Close(1005)},
      {Status::kCloseCodeInvalid, 1002, Close(999, "reason")},
      {Status::kCloseReasonNotUtf8, 1007, Close(1000, BytesOf({'x', 0xFF}))},
      {Status::kCloseReasonNotUtf8, 1007, Close(1000, BytesOf({0xE2, 0x82}))},
      {Status::kTextNotUtf8, 1007, Text(BytesOf({'x', 0xC0, 0x80}))},
      {Status::kTextNotUtf8, 1007, Frame(1, BytesOf({0xE2})) + Frame(kFin, "x")},
      {Status::kFrameTooLarge, 1009, Binary(std::string(101, 'x')), kSmall},
      {Status::kFrameTooLarge, 1009, Header(kFin | 1, UINT64_MAX >> 1)},
      {Status::kMessageTooLarge, 1009, Frame(2, std::string(100, 'x')) + Frame(kFin, std::string(51, 'x')),
       kSmall},
      {Status::kMessageTooLarge,
       1009,
       Text(std::string(101, 'x')),
       {.max_frame_bytes = 1000, .max_message_bytes = 100}},
      {Status::kOutOfMemory, 1011, Frame(2, std::string(300, 'x')) + Frame(kFin, std::string(300, 'x'))},
      {Status::kDeflateCorrupt, 1007, Frame(kFin | 0x40 | 1, BytesOf({0x06})), {}, kDeflate},
      {Status::kDeflateTruncated, 1007, Frame(kFin | 0x40 | 1, BytesOf({0x02})), {}, kDeflate},
      {Status::kBinaryCorrupt, 1007, Binary("no gzip"), {}, kGzip},
      {Status::kBinaryTruncated, 1007, Binary(Packed("short").substr(0, 20)), {}, kGzip},
      {Status::kBinaryTrailing, 1007, Binary(Packed("long") + "er"), {}, kGzip},
      {Status::kBinaryNotUtf8, 1007, Binary(Packed(BytesOf({0xFF}))), {}, kGzip},
  };
}

TEST(status_each_is_reached_at_every_cut) {
  for (const Case& c : Cases()) {
    // Memory is never out for the others; for this one, no block of more than 512 bytes is left.
    allocations.refuse_above = c.status == Status::kOutOfMemory ? 512 : SIZE_MAX;
    CHECK_EVERY_CUT(Text("before") + c.stream + Text("after"), "ascii before\n" + ViolationLine(c.status),
                    c.limits, c.extensions);
    CHECK_EQ(CloseCodeOf(c.status), c.close_code);
  }
  allocations.refuse_above = SIZE_MAX;
}

TEST(status_table_is_covered) {
  std::vector<bool> reached(kStatusCount, false);
  for (const Case& c : Cases()) reached[static_cast<size_t>(c.status)] = true;
  for (size_t status = 1; status < kStatusCount; status++) {
    CHECK(reached[status], "add a case for status " + std::to_string(status) + " of statuses.json");
  }
  CHECK_EQ(CloseCodeOf(Status::kOk), 0);
}

TEST(status_limits_allow_exactly_their_value) {
  CHECK_EVERY_CUT(Binary(std::string(100, 'x')), BinaryLine(std::string(100, 'x')), kSmall);
  CHECK_EVERY_CUT(Frame(2, std::string(100, 'x')) + Frame(0, std::string(50, 'x')) + Frame(kFin, ""),
                  BinaryLine(std::string(150, 'x')), kSmall);
  CHECK_EVERY_CUT(Ping(std::string(125, 'p')), "ping " + std::string(125, 'p') + "\n",
                  {.max_frame_bytes = 125, .max_message_bytes = 1});
}

}  // namespace
}  // namespace shared_ws::test
