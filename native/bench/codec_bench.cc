// What the codec costs alone: ns per frame and GB/s of payload, at sizes from a ticker to a snapshot. No
// socket, one thread. Run it with: node scripts/test-native.mjs --bench
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "core/connection.h"
#include "core/deflate.h"
#include "core/frame_encoder.h"
#include "core/mask.h"
#include "core/utf8.h"

namespace shared_ws {
namespace {

using bench::Measure;
using bench::Used;

constexpr uint8_t kKey[4] = {0x12, 0x34, 0x56, 0x78};

struct CountingSink {
  uint64_t sum = 0;
  std::vector<uint8_t> room = std::vector<uint8_t>(64 * 1024);
  bool Accepts() { return true; }
  void OnMessage(Opcode, bool ascii, const uint8_t* payload, size_t n) { sum += n + ascii + payload[0]; }
  void OnAssembled(Opcode, bool ascii, Bytes&& payload) { sum += payload.size() + ascii; }
  InflateRoom Room() { return {room.data(), room.size()}; }
  void OnInflated(Opcode, bool ascii, size_t n) { sum += n + ascii + room[0]; }
  void OnPing(const uint8_t*, size_t) {}
  void OnPong(const uint8_t*, size_t) {}
  void OnClose(uint16_t, const uint8_t*, size_t) {}
  void OnViolation(Status) {}
};

std::vector<uint8_t> TextOf(size_t bytes, const char* unit) {
  std::vector<uint8_t> text;
  while (text.size() + std::strlen(unit) <= bytes) text.insert(text.end(), unit, unit + std::strlen(unit));
  text.resize(bytes, '.');
  return text;
}

void AppendServerFrame(std::vector<uint8_t>& out, uint8_t first, const std::vector<uint8_t>& payload) {
  uint8_t header[kMaxFrameHeaderBytes];
  const size_t size = WriteFrameHeader(header, Opcode::kText, true, 0, payload.size(), kKey) - sizeof kKey;
  header[0] = first;
  header[1] &= 0x7F;
  out.insert(out.end(), header, header + size);
  out.insert(out.end(), payload.begin(), payload.end());
}

void Decode(const char* name, uint8_t first, const std::vector<uint8_t>& payload, size_t read_bytes) {
  const size_t frames = std::max<size_t>(4, 32768 / (payload.size() + 4));
  std::vector<uint8_t> stream;
  for (size_t i = 0; i < frames; i++) AppendServerFrame(stream, first, payload);
  Connection connection{Limits{}};
  CountingSink sink;
  Measure(name, payload.size(), frames, [&] {
    for (size_t at = 0; at < stream.size(); at += read_bytes) {
      connection.Consume(stream.data() + at, std::min(read_bytes, stream.size() - at), sink);
    }
    Used(&sink);
  });
}

// Messages that differ a little, as tickers do: inflated by a connection, compressed as a link does it. The
// stream is read over and over, which is legal: its first message refers to nothing.
void MeasureDeflate(size_t bytes, bool takeover) {
  DeflateOptions options;
  options.compress.emplace();
  options.server_no_context_takeover = options.client_no_context_takeover = !takeover;
  const size_t frames = std::max<size_t>(8, 32768 / bytes);
  std::vector<std::vector<uint8_t>> texts;
  for (size_t i = 0; i < frames; i++) {
    std::string text = "{\"n\":" + std::to_string(i * 7919) + ",";
    for (size_t k = 0; text.size() < bytes; k++) {
      text += "\"p" + std::to_string(k) + "\":\"" + std::to_string(27123 + (i * k) % 50) + ".45\",";
    }
    text.resize(bytes);
    texts.emplace_back(text.begin(), text.end());
  }
  Deflater deflater(options);
  Bytes out;
  std::vector<uint8_t> stream;
  for (const std::vector<uint8_t>& text : texts) {
    if (!deflater.Compress(text.data(), text.size(), out)) return;
    AppendServerFrame(stream, 0xC1, {out.data(), out.data() + out.size()});
  }
  Extensions extensions{.deflate = options};
  Connection connection(Limits{}, extensions);
  CountingSink sink;
  Measure(takeover ? "inflate, takeover" : "inflate, no takeover", bytes, frames, [&] {
    connection.Consume(stream.data(), stream.size(), sink);
    Used(&sink);
  });
  Measure(takeover ? "deflate, takeover" : "deflate, no takeover", bytes, frames, [&] {
    for (const std::vector<uint8_t>& text : texts) {
      if (deflater.Compress(text.data(), text.size(), out)) Used(out.data());
    }
  });
}

void MeasureSize(size_t bytes) {
  const std::vector<uint8_t> ascii = TextOf(bytes, "{\"e\":\"trade\",\"p\":\"27123.45\"},");
  const std::vector<uint8_t> mixed = TextOf(bytes, "\"Größe 價\",");
  const std::vector<uint8_t> dense = TextOf(bytes, "Цена");
  std::vector<uint8_t> out(bytes + kMaxFrameHeaderBytes);

  Measure("memcpy", bytes, 1, [&] {
    std::memcpy(out.data(), ascii.data(), bytes);
    Used(out.data());
  });
  Measure("mask", bytes, 1, [&] {
    MaskCopy(out.data(), ascii.data(), bytes, kKey);
    Used(out.data());
  });
  const auto utf8 = [&](const char* name, const std::vector<uint8_t>& text) {
    Measure(name, bytes, 1, [&] {
      Used(text.data());
      const Utf8Result result = ValidateUtf8(text.data(), bytes);
      Used(&result);
    });
  };
  utf8("utf8, ASCII", ascii);
  utf8("utf8, some not ASCII", mixed);
  utf8("utf8, none ASCII", dense);
  Measure("encode", bytes, 1, [&] {
    EncodeFrame(out.data(), Opcode::kText, ascii.data(), bytes, kKey);
    Used(out.data());
  });
  Decode("decode, binary", 0x82, ascii, SIZE_MAX >> 1);
  Decode("decode, text ASCII", 0x81, ascii, SIZE_MAX >> 1);
  Decode("decode, some not ASCII", 0x81, mixed, SIZE_MAX >> 1);
  Decode("decode, reads of 1460", 0x81, ascii, 1460);
}

}  // namespace
}  // namespace shared_ws

int main() {
  for (shared_ws::Simd simd : {shared_ws::ActiveSimd(), shared_ws::Simd::kSse2}) {
    if (!shared_ws::ForceSimd(simd)) continue;
    shared_ws::bench::PrintHead(shared_ws::SimdName());
    for (size_t bytes : {20, 150, 400, 2048, 65536}) shared_ws::MeasureSize(bytes);
  }
  std::printf("zlib\n");
  for (size_t bytes : {150, 2048}) {
    for (bool takeover : {true, false}) shared_ws::MeasureDeflate(bytes, takeover);
  }
}
