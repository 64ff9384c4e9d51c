#include "core/frame_encoder.h"
#include "core/mask.h"
#include "support.h"

// Frames that we send, read again by a reader of masked frames that is written here: a payload of any size at
// any alignment, copied or masked where it lies, with every set of vector instructions; and masks that go on
// over pieces.
namespace shared_ws::fuzz {
namespace {

struct ReadFrame {
  uint8_t first = 0;
  std::string payload;
  size_t bytes = 0;
};

// RFC 6455 5.2 and 5.3, for one frame that must be whole, masked, and in the shortest form.
ReadFrame Read(const uint8_t* in, size_t n) {
  ReadFrame frame;
  CHECK(n >= 6);
  frame.first = in[0];
  CHECK(in[1] & 0x80, "a client's frame is masked");
  uint64_t size = in[1] & 0x7F;
  size_t at = 2;
  if (size >= 126) {
    const size_t length_bytes = size == 126 ? 2 : 8;
    size = 0;
    for (size_t i = 0; i < length_bytes; i++) size = size << 8 | in[at++];
    CHECK(size > (length_bytes == 2 ? 125u : 0xFFFFu), "not the shortest form");
  }
  const uint8_t* key = in + at;
  at += 4;
  CHECK_EQ(n, at + size);
  for (size_t i = 0; i < size; i++) frame.payload.push_back(static_cast<char>(in[at + i] ^ key[i % 4]));
  frame.bytes = n;
  return frame;
}

void CheckFrame(const std::string& payload, Opcode opcode, const uint8_t key[4], size_t shift) {
  const size_t header = FrameHeaderBytes(payload.size());
  const size_t size = header + payload.size();
  const std::unique_ptr<uint8_t[]> copied(new uint8_t[shift + size]);
  CHECK_EQ(EncodeFrame(copied.get() + shift, opcode, test::Raw(payload), payload.size(), key), size);
  const ReadFrame read = Read(copied.get() + shift, size);
  CHECK_EQ(static_cast<int>(read.first), 0x80 | static_cast<int>(opcode));
  CHECK(read.payload == payload, "the payload is another");

  // The payload already lies where it goes.
  const std::unique_ptr<uint8_t[]> placed(new uint8_t[shift + size]);
  if (!payload.empty()) std::memcpy(placed.get() + shift + header, payload.data(), payload.size());
  CHECK_EQ(EncodeFrame(placed.get() + shift, opcode, placed.get() + shift + header, payload.size(), key),
           size);
  CHECK(std::memcmp(placed.get() + shift, copied.get() + shift, size) == 0, "in place it is another frame");
}

void CheckMask(const std::string& payload, const uint8_t key[4], size_t in_shift, size_t out_shift) {
  const size_t n = payload.size();
  const std::unique_ptr<uint8_t[]> in(new uint8_t[in_shift + n]);
  const std::unique_ptr<uint8_t[]> out(new uint8_t[out_shift + n]);
  if (n > 0) std::memcpy(in.get() + in_shift, payload.data(), n);
  MaskCopy(out.get() + out_shift, in.get() + in_shift, n, key);
  for (size_t i = 0; i < n; i++) {
    CHECK_EQ(out[out_shift + i], static_cast<uint8_t>(in[in_shift + i] ^ key[i % 4]), std::to_string(i));
  }
}

// Code and reason are what the key and the payload begin with.
void CheckClose(const std::string& payload, const uint8_t key[4]) {
  const uint16_t code = static_cast<uint16_t>(key[0] << 8 | key[1]);
  const std::string reason = code == 0 ? "" : payload.substr(0, kMaxCloseReasonBytes);
  const size_t size = code == 0 ? 0 : 2 + reason.size();
  const std::unique_ptr<uint8_t[]> out(new uint8_t[FrameHeaderBytes(size) + size]);
  const size_t written = EncodeClose(out.get(), code, test::Raw(reason), reason.size(), key);
  const ReadFrame read = Read(out.get(), written);
  CHECK_EQ(static_cast<int>(read.first), 0x88);
  CHECK(read.payload == (code == 0 ? "" : test::BytesOf({code >> 8, code & 0xFF}) + reason));
}

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws;
  using namespace shared_ws::fuzz;
  Input input(data, size);
  uint8_t key[4];
  for (uint8_t& byte : key) byte = input.Byte();
  constexpr Opcode kOpcodes[] = {Opcode::kText, Opcode::kBinary, Opcode::kPing, Opcode::kPong};
  const Opcode opcode = kOpcodes[input.Below(std::size(kOpcodes))];
  const size_t shift = input.Below(17);
  const size_t other_shift = input.Below(17);
  size_t length = input.Word();
  length = length > 0xFF00 ? length + 0xFF : length % 3000;
  if (static_cast<uint8_t>(opcode) >= 8) length = std::min(length, kMaxControlPayloadBytes);
  const std::string_view pattern = input.Rest();
  std::string payload;
  while (payload.size() < length) payload += pattern.empty() ? std::string_view("x") : pattern;
  payload.resize(length);
  CheckClose(payload, key);
  test::OnEverySimd([&] {
    CheckFrame(payload, opcode, key, shift);
    CheckMask(payload, key, shift, other_shift);
  });
  return 0;
}
