#include <vector>

#include "core/frame_decoder.h"
#include "core/frame_encoder.h"
#include "core/mask.h"
#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {
namespace {

constexpr uint8_t kKey[4] = {0x12, 0x34, 0x56, 0x78};
constexpr size_t kBoundaries[] = {0, 1, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 100000};

// Turns a client frame into the server frame with the same content, which our decoder reads: mask off, key
// out.
std::string Unmasked(std::string frame) {
  const size_t length_bytes = (frame[1] & 0x7F) == 126 ? 2 : (frame[1] & 0x7F) == 127 ? 8 : 0;
  CHECK(frame[1] & 0x80, "client frames are masked");
  frame[1] = static_cast<char>(frame[1] & 0x7F);
  const std::string key = frame.substr(2 + length_bytes, 4);
  frame.erase(2 + length_bytes, 4);
  for (size_t i = 2 + length_bytes; i < frame.size(); i++) {
    frame[i] = static_cast<char>(frame[i] ^ key[(i - 2 - length_bytes) % 4]);
  }
  return frame;
}

std::string Encoded(Opcode opcode, std::string_view payload) {
  std::vector<uint8_t> out(FrameHeaderBytes(payload.size()) + payload.size());
  CHECK_EQ(EncodeFrame(out.data(), opcode, Raw(payload), payload.size(), kKey), out.size());
  return std::string(out.begin(), out.end());
}

std::string EncodedClose(uint16_t code, std::string_view reason) {
  uint8_t out[kMaxFrameHeaderBytes + kMaxControlPayloadBytes];
  const size_t size = EncodeClose(out, code, Raw(reason), reason.size(), kKey);
  return std::string(out, out + size);
}

Status StatusOf(const std::string& bytes, uint64_t max_frame_bytes = 1 << 20) {
  FrameHeader header;
  Status violation = Status::kOk;
  const HeaderParse parse = ParseFrameHeader(Raw(bytes), bytes.size(), max_frame_bytes, &header, &violation);
  CHECK(parse != HeaderParse::kNeedsMore);
  return parse == HeaderParse::kDone ? Status::kOk : violation;
}

TEST(encoder_header_takes_the_shortest_length) {
  CHECK_EQ(FrameHeaderBytes(0), size_t{6});
  CHECK_EQ(FrameHeaderBytes(125), size_t{6});
  CHECK_EQ(FrameHeaderBytes(126), size_t{8});
  CHECK_EQ(FrameHeaderBytes(65535), size_t{8});
  CHECK_EQ(FrameHeaderBytes(65536), size_t{14});
  for (size_t payload : kBoundaries) {
    uint8_t out[kMaxFrameHeaderBytes + 1] = {};
    out[FrameHeaderBytes(payload)] = 0xA5;
    CHECK_EQ(WriteFrameHeader(out, Opcode::kBinary, true, 0, payload, kKey), FrameHeaderBytes(payload));
    CHECK_EQ(out[FrameHeaderBytes(payload)], 0xA5);
  }
  uint8_t out[kMaxFrameHeaderBytes];
  const size_t size = WriteFrameHeader(out, Opcode::kBinary, true, 0, 0x0102030405060708, kKey);
  CHECK_EQ(std::string(out, out + size),
           BytesOf({0x82, 0xFF, 1, 2, 3, 4, 5, 6, 7, 8, 0x12, 0x34, 0x56, 0x78}));
}

TEST(encoder_writes_fin_and_reserved_bits) {
  uint8_t out[kMaxFrameHeaderBytes];
  WriteFrameHeader(out, Opcode::kText, false, 0x40, 3, kKey);
  CHECK_EQ(out[0], 0x41);
  WriteFrameHeader(out, Opcode::kContinuation, true, 0, 3, kKey);
  CHECK_EQ(out[0], 0x80);
  CHECK_EQ(out[1], 0x83);
}

TEST(encoder_matches_the_example_of_the_rfc) {
  const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};  // RFC 6455 5.7
  uint8_t out[11];
  CHECK_EQ(EncodeFrame(out, Opcode::kText, Raw("Hello"), 5, key), size_t{11});
  CHECK_EQ(std::string(out, out + 11),
           BytesOf({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}));
}

TEST(encoder_round_trip_at_the_boundaries) {
  OnEverySimd([] {
    for (size_t n : kBoundaries) {
      std::string payload(n, 0);
      Random random(n + 1);
      for (char& c : payload) c = static_cast<char>(random.Byte());
      CHECK(LogOf(Unmasked(Encoded(Opcode::kBinary, payload))) == BinaryLine(payload), std::to_string(n));
      const std::string text(n, 'x');
      CHECK(LogOf(Unmasked(Encoded(Opcode::kText, text))) == TextLine(true, text), std::to_string(n));
    }
  });
}

TEST(encoder_masks_a_payload_already_in_place) {
  const std::string expected = Encoded(Opcode::kText, "already there");
  std::string out = std::string(6, '\0') + "already there";
  auto* bytes = reinterpret_cast<uint8_t*>(out.data());
  CHECK_EQ(EncodeFrame(bytes, Opcode::kText, bytes + 6, out.size() - 6, kKey), out.size());
  CHECK_EQ(out, expected);
}

TEST(encoder_control_frames) {
  CHECK_EQ(LogOf(Unmasked(Encoded(Opcode::kPing, ""))), "ping \n");
  CHECK_EQ(LogOf(Unmasked(Encoded(Opcode::kPong, "nonce"))), "pong nonce\n");
  CHECK_EQ(LogOf(Unmasked(EncodedClose(0, ""))), "close 1005 \n");
  CHECK_EQ(LogOf(Unmasked(EncodedClose(1000, ""))), "close 1000 \n");
  CHECK_EQ(LogOf(Unmasked(EncodedClose(4999, "done"))), "close 4999 done\n");
  const std::string longest(kMaxCloseReasonBytes, 'r');
  CHECK_EQ(LogOf(Unmasked(EncodedClose(1001, longest))), "close 1001 " + longest + "\n");
}

TEST(decoder_reads_every_length_form) {
  for (size_t n : kBoundaries) {
    const std::string bytes = Header(kFin | 2, n);
    for (size_t have = 1; have <= bytes.size(); have++) {
      FrameHeader header;
      Status violation = Status::kOk;
      const HeaderParse parse = ParseFrameHeader(Raw(bytes), have, 1 << 20, &header, &violation);
      CHECK(parse == (have < bytes.size() ? HeaderParse::kNeedsMore : HeaderParse::kDone));
      if (parse != HeaderParse::kDone) continue;
      CHECK_EQ(header.payload, n);
      CHECK_EQ(size_t{header.bytes}, bytes.size());
      CHECK(header.opcode == Opcode::kBinary && header.fin && !header.IsControl());
    }
  }
}

TEST(decoder_judges_every_first_byte) {
  for (int first = 0; first < 256; first++) {
    const int opcode = first & 15;
    const bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    const Status expected = (first & 0x70)                   ? Status::kReservedBits
                            : !known                         ? Status::kReservedOpcode
                            : opcode >= 8 && !(first & 0x80) ? Status::kControlFragmented
                                                             : Status::kOk;
    CHECK_EQ(StatusOf(BytesOf({first, 0})), expected, "first byte " + std::to_string(first));
  }
}

TEST(decoder_checks_in_the_order_of_the_rfc) {
  const auto with_mask = [](std::string header) {
    header[1] = static_cast<char>(header[1] | 0x80);
    return header;
  };
  // Each of these also breaks all rules that the lines below it break.
  CHECK_EQ(StatusOf(with_mask(Header(0x7F, 5, 8))), Status::kReservedBits);
  CHECK_EQ(StatusOf(with_mask(Header(0x0F, 5, 8))), Status::kReservedOpcode);
  CHECK_EQ(StatusOf(with_mask(Header(0x09, 5, 8))), Status::kMaskedFrame);
  CHECK_EQ(StatusOf(Header(0x09, 5, 8), 1), Status::kControlTooLong);
  CHECK_EQ(StatusOf(Header(0x09, uint64_t{1} << 63, 8), 1), Status::kControlTooLong);
  CHECK_EQ(StatusOf(Header(0x09, 125), 1), Status::kControlFragmented);
  CHECK_EQ(StatusOf(Header(0x82, 5, 8), 1), Status::kNonMinimalLength);
  CHECK_EQ(StatusOf(Header(0x82, uint64_t{1} << 63, 8), 1), Status::kLengthTopBit);
  CHECK_EQ(StatusOf(Header(0x82, 125), 1), Status::kFrameTooLarge);
}

TEST(decoder_length_edges) {
  CHECK_EQ(StatusOf(Header(kFin | 2, 125, 2)), Status::kNonMinimalLength);
  CHECK_EQ(StatusOf(Header(kFin | 2, 126, 2)), Status::kOk);
  CHECK_EQ(StatusOf(Header(kFin | 2, 65535, 8)), Status::kNonMinimalLength);
  CHECK_EQ(StatusOf(Header(kFin | 2, 65536, 8)), Status::kOk);
  CHECK_EQ(StatusOf(Header(kFin | 2, UINT64_MAX, 8), UINT64_MAX), Status::kLengthTopBit);
  CHECK_EQ(StatusOf(Header(kFin | 2, UINT64_MAX >> 1, 8), UINT64_MAX), Status::kOk);
  CHECK_EQ(StatusOf(Header(kFin | 9, 125)), Status::kOk);
  CHECK_EQ(StatusOf(Header(kFin | 9, 126)), Status::kControlTooLong);
  CHECK_EQ(StatusOf(Header(kFin | 2, 1000), 1000), Status::kOk);
  CHECK_EQ(StatusOf(Header(kFin | 2, 1001), 1000), Status::kFrameTooLarge);
}

TEST(decoder_needs_no_more_bytes_than_a_verdict_does) {
  CHECK_EQ(StatusOf(BytesOf({0xC1})), Status::kReservedBits);
  CHECK_EQ(StatusOf(BytesOf({0x83})), Status::kReservedOpcode);
  CHECK_EQ(StatusOf(BytesOf({0x82, 0xFF})), Status::kMaskedFrame);
  CHECK_EQ(StatusOf(BytesOf({0x89, 126})), Status::kControlTooLong);
  CHECK_EQ(StatusOf(BytesOf({0x0A, 127})), Status::kControlTooLong);
  CHECK_EQ(StatusOf(BytesOf({0x08, 1})), Status::kControlFragmented);
}

}  // namespace
}  // namespace shared_ws::test
