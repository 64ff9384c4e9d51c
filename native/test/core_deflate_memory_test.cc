// What compression costs in memory, and what happens when there is none.
#include "core/deflate.h"
#include "core_allocations.h"
#include "core_support.h"
#include "harness.h"
#include "zlib_peer.h"

namespace shared_ws::test {
namespace {

constexpr uint8_t kRsv1 = 0x40;
const Extensions kDeflate{.deflate = DeflateOptions{}};

std::string Compressed(std::string_view payload) {
  return Frame(kFin | kRsv1 | 1, payload);
}

DeflateOptions Compressing(int window_bits = 15, int mem_level = 8) {
  DeflateOptions options;
  options.client_max_window_bits = window_bits;
  options.compress.emplace();
  options.compress->mem_level = mem_level;
  return options;
}

}  // namespace

TEST(deflate_memory_comes_with_the_first_compressed_message) {
  for (const auto& [bits, most] : {std::pair{15, 42'000}, std::pair{9, 9'000}}) {
    Extensions extensions = kDeflate;
    extensions.deflate->server_max_window_bits = bits;
    extensions.inflate_binary = BinaryFormat::kGzip;
    Connection connection(Limits{}, extensions);
    Recorder recorder;
    PeerDeflate peer(bits);
    const std::string first = Compressed(peer.Message(Ticker(1)));
    std::string later;
    for (int i = 2; i < 500; i++) later += Compressed(peer.Message(Ticker(i)));
    const std::string gzip = Binary(Packed(Ticker(1)));

    allocations = {};
    Feed(connection, recorder, Text("plain") + Compressed("") + Ping("p"));
    CHECK_EQ(allocations.calls, size_t{0});
    Feed(connection, recorder, first);
    CHECK(allocations.calls > 0);
    CHECK(allocations.live_bytes <= most, std::to_string(allocations.live_bytes));
    const size_t calls = allocations.calls;
    Feed(connection, recorder, later);
    CHECK_EQ(allocations.calls, calls, "nothing more, message after message");
    allocations = {};
    Feed(connection, recorder, gzip + gzip);
    CHECK(allocations.live_bytes > 0 && allocations.live_bytes <= 42'000,
          std::to_string(allocations.live_bytes));
    CHECK_EQ(recorder.inflated, 502);
  }
}

TEST(deflate_memory_of_a_compressor) {
  const std::string text = Ticker(1);
  for (const auto& [bits, mem_level] : {std::pair{15, 8}, std::pair{9, 1}, std::pair{12, 5}}) {
    allocations = {};
    const size_t blocks = LiveBlocks();
    {
      Deflater deflater(Compressing(bits, mem_level));
      Bytes out;
      CHECK_EQ(allocations.calls, size_t{0});
      CHECK(deflater.Compress(Raw(text), text.size(), out));
      const ptrdiff_t formula = (1 << (bits + 2)) + (1 << (mem_level + 9));
      CHECK(allocations.live_bytes <= formula + 8'000, std::to_string(allocations.live_bytes));
      const size_t calls = allocations.calls;
      for (int i = 0; i < 100; i++) CHECK(deflater.Compress(Raw(text), text.size(), out));
      CHECK_EQ(allocations.calls, calls);
    }
    CHECK_EQ(LiveBlocks(), blocks);
  }
}

TEST(deflate_memory_is_freed_when_the_stream_ends) {
  PeerDeflate peer;
  const std::string message = Compressed(peer.Message(Ticker(1)));
  const std::string begun = Frame(kRsv1 | 1, peer.Message(std::string(5000, 'x')));
  for (const std::string& end : {Close(1000), Frame(kFin | 3, ""), Frame(kFin, BytesOf({0x06}))}) {
    const size_t before = LiveBlocks();
    Connection connection(Limits{}, kDeflate);
    Recorder recorder;
    Feed(connection, recorder, message + begun);
    CHECK(LiveBlocks() > before + 1);
    Feed(connection, recorder, end);
    CHECK_EQ(LiveBlocks(), before, "while the connection still exists");
  }
}

// 64 KB that stand for 64 MB: refused at the limit, with memory for no more than that, wherever it lies.
TEST(deflate_bombs_are_refused_before_they_are_inflated) {
  PeerDeflate peer(15, 9);
  const std::string zeros(64 << 20, '0');
  const std::string bomb = peer.Message(zeros);
  const std::string packed = Packed(zeros, kGzipBits, 9);
  const std::string nested = PeerDeflate(15, 9).Message(packed);
  CHECK(bomb.size() < 70'000);
  constexpr int kLimit = 1'000'000;
  const Limits limits = {.max_frame_bytes = 1 << 20, .max_message_bytes = kLimit};
  Extensions extensions = kDeflate;
  extensions.inflate_binary = BinaryFormat::kGzip;
  for (const std::string& stream :
       {Compressed(bomb), Frame(kRsv1 | 1, bomb.substr(0, 100)) + Frame(kFin, bomb.substr(100)),
        Frame(kFin | kRsv1 | 2, bomb), Binary(packed), Frame(kFin | kRsv1 | 2, nested)}) {
    for (size_t chunk : {SIZE_MAX, size_t{1000}}) {
      for (const bool lends_memory : {true, false}) {
        Connection connection(limits, extensions);
        Recorder recorder;
        recorder.lends_memory = lends_memory;
        allocations = {};
        for (size_t at = 0; at < stream.size(); at += std::min(chunk, stream.size() - at)) {
          Feed(connection, recorder, std::string_view(stream).substr(at, chunk));
        }
        CHECK(recorder.log == ViolationLine(Status::kMessageTooLarge) ||
              recorder.log == ViolationLine(Status::kBinaryCorrupt));  // zeros are no gzip
        // Doubling keeps the old block until the new one is filled.
        CHECK(allocations.peak_bytes < 2 * kLimit + 200'000, std::to_string(allocations.peak_bytes));
        CHECK(allocations.largest < size_t{2 * kLimit}, std::to_string(allocations.largest));
      }
    }
  }
  allocations = {};
}

TEST(deflate_memory_that_is_refused_ends_the_connection) {
  PeerDeflate peer;
  std::string stream = Compressed(peer.Message(Ticker(1)));
  const std::string fragmented = peer.Message(std::string(3000, 'f') + Ticker(2));
  stream += Frame(kRsv1 | 1, fragmented.substr(0, 5)) + Frame(kFin, fragmented.substr(5));
  stream += Binary(Packed(Ticker(3))) + Frame(kFin | kRsv1 | 2, peer.Message(Packed(Ticker(4))));
  const std::string all = TextLine(true, Ticker(1)) + TextLine(true, std::string(3000, 'f') + Ticker(2)) +
                          TextLine(true, Ticker(3)) + TextLine(true, Ticker(4));
  Extensions extensions = kDeflate;
  extensions.inflate_binary = BinaryFormat::kGzip;
  const std::string refused = ViolationLine(Status::kOutOfMemory);
  size_t ends = 0;
  for (size_t call = 0;; call++) {
    const size_t before = LiveBlocks();
    allocations = {.refuse_call = call};
    std::string log;
    {
      Connection connection(Limits{}, extensions);
      Recorder recorder;
      recorder.room_bytes = 500;
      Feed(connection, recorder, stream);
      log = recorder.log;
    }
    allocations = {};
    CHECK_EQ(LiveBlocks(), before);
    if (log == all) break;
    ends++;
    CHECK(log.size() >= refused.size() && log.substr(log.size() - refused.size()) == refused, log);
    CHECK_EQ(all.substr(0, log.size() - refused.size()), log.substr(0, log.size() - refused.size()));
  }
  CHECK(ends >= 5);
}

TEST(deflate_memory_that_is_refused_leaves_messages_uncompressed) {
  const std::string text = Ticker(1);
  for (size_t call = 0;; call++) {
    Deflater deflater(Compressing());
    Bytes out;
    allocations = {.refuse_call = call};
    const bool good = deflater.Compress(Raw(text), text.size(), out);
    allocations = {};
    // It works once there is memory, and refers to nothing that was lost.
    CHECK(deflater.Compress(Raw(text), text.size(), out));
    if (good) {
      CHECK(call >= 5, "zlib asks for several blocks");
      break;
    }
    PeerInflate inflate;
    CHECK_EQ(inflate.Message(std::string(out.data(), out.data() + out.size())), text);
  }
}

}  // namespace shared_ws::test
