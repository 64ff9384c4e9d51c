#include "support.h"

#include <sanitizer/allocator_interface.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace shared_ws::test {

// The checks of the native tests end a fuzz target: the fuzzer keeps the input and the report names the line.
void Fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "CHECK FAILED %s:%d: %s\n", file, line, what.c_str());
  std::abort();
}

}  // namespace shared_ws::test

namespace shared_ws::fuzz {
namespace {

struct Block {
  const volatile void* memory;
  size_t size;
};

// Plain memory: a hook must not allocate.
struct Meter {
  bool counts = false;
  size_t live = 0;
  size_t peak = 0;
  size_t blocks = 0;
  Block table[64] = {};
};

constinit Meter meter;

void OnMalloc(const volatile void* memory, size_t size) {
  if (!meter.counts || memory == nullptr) return;
  if (meter.blocks == std::size(meter.table)) {
    meter.counts = false;
    CHECK(false, "the code under test holds more blocks than a connection should have");
  }
  meter.table[meter.blocks++] = {memory, size};
  meter.live += size;
  meter.peak = std::max(meter.peak, meter.live);
}

void OnFree(const volatile void* memory) {
  for (size_t i = 0; i < meter.blocks; i++) {
    if (meter.table[i].memory != memory) continue;
    meter.live -= meter.table[i].size;
    meter.table[i] = meter.table[--meter.blocks];
    return;
  }
}

}  // namespace

void MemoryMeter::Reset() {
  [[maybe_unused]] static const int installed = __sanitizer_install_malloc_and_free_hooks(OnMalloc, OnFree);
  CHECK(installed > 0, "the sanitizer has no room for another allocation hook");
  meter.blocks = meter.live = meter.peak = 0;
}

size_t MemoryMeter::live() {
  return meter.live;
}
size_t MemoryMeter::peak() {
  return meter.peak;
}
MemoryMeter::Scope::Scope() : before(std::exchange(meter.counts, true)) {}
MemoryMeter::Scope::~Scope() {
  meter.counts = before;
}
MemoryMeter::Pause::Pause() : before(std::exchange(meter.counts, false)) {}
MemoryMeter::Pause::~Pause() {
  meter.counts = before;
}

Utf8Verdict JudgeUtf8(std::string_view text) {
  const auto byte = [text](size_t at) { return static_cast<uint8_t>(text[at]); };
  for (size_t i = 0; i < text.size();) {
    const uint8_t first = byte(i);
    size_t length = 0;
    uint8_t low = 0x80, high = 0xBF;  // of the second byte
    if (first < 0x80) {
      length = 1;
    } else if (first >= 0xC2 && first <= 0xDF) {
      length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
      length = 3;
      if (first == 0xE0) low = 0xA0;
      if (first == 0xED) high = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
      length = 4;
      if (first == 0xF0) low = 0x90;
      if (first == 0xF4) high = 0x8F;
    } else {
      return Utf8Verdict::kHopeless;
    }
    for (size_t k = 1; k < length; k++) {
      if (i + k == text.size()) return Utf8Verdict::kCutShort;
      if (byte(i + k) < low || byte(i + k) > high) return Utf8Verdict::kHopeless;
      low = 0x80;
      high = 0xBF;
    }
    i += length;
  }
  return Utf8Verdict::kValid;
}

Extensions ExtensionsOf(uint8_t choice) {
  Extensions extensions;
  if (const int deflate = choice & 3; deflate > 0) {
    extensions.deflate.emplace();
    extensions.deflate->server_no_context_takeover = deflate == 2;
    extensions.deflate->server_max_window_bits = deflate == 3 ? 9 : 15;
  }
  extensions.inflate_binary = static_cast<BinaryFormat>(choice >> 2 & 3);
  return extensions;
}

size_t MemoryBound(const Limits& limits, const Extensions& extensions, size_t received) {
  constexpr size_t kZlibState = 44 * 1024;     // window and tables, of each of two streams
  constexpr uint64_t kMostPerByte = 1032 + 1;  // DEFLATE cannot say more in a byte
  uint64_t held = received;
  size_t state = 0;
  if (extensions.deflate.has_value()) {
    held *= kMostPerByte;
    state += kZlibState;
  }
  if (extensions.inflate_binary != BinaryFormat::kAsIs) {
    held *= kMostPerByte;
    state += kZlibState;
  }
  if (state > 0) held = std::min<uint64_t>(held, limits.max_message_bytes) + 1024;
  return 3 * (static_cast<size_t>(held) + 400) + state;
}

bool Witness::Accepts() {
  const MemoryMeter::Pause pause;
  return recorder_.Accepts();
}

void Witness::Judge(Opcode opcode, bool ascii, const uint8_t* payload, size_t n) {
  CHECK(n <= limits_.max_message_bytes, "a message is larger than maxMessageBytes");
  if (opcode != Opcode::kText) return;
  const std::string_view text(reinterpret_cast<const char*>(payload), n);
  CHECK(JudgeUtf8(text) == Utf8Verdict::kValid, "a text is not valid UTF-8");
  CHECK_EQ(ascii,
           std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; }));
}

void Witness::OnMessage(Opcode opcode, bool ascii, const uint8_t* payload, size_t n) {
  const MemoryMeter::Pause pause;
  Judge(opcode, ascii, payload, n);
  recorder_.OnMessage(opcode, ascii, payload, n);
}

void Witness::OnAssembled(Opcode opcode, bool ascii, Bytes&& payload) {
  const MemoryMeter::Pause pause;
  Judge(opcode, ascii, payload.data(), payload.size());
  recorder_.OnAssembled(opcode, ascii, std::move(payload));
}

InflateRoom Witness::Room() {
  const MemoryMeter::Pause pause;
  room_ = recorder_.Room();
  return room_;
}

void Witness::OnInflated(Opcode opcode, bool ascii, size_t n) {
  const MemoryMeter::Pause pause;
  Judge(opcode, ascii, room_.data, n);
  recorder_.OnInflated(opcode, ascii, n);
}

void Witness::OnPing(const uint8_t* payload, size_t n) {
  const MemoryMeter::Pause pause;
  CHECK(n <= kMaxControlPayloadBytes);
  recorder_.OnPing(payload, n);
}

void Witness::OnPong(const uint8_t* payload, size_t n) {
  const MemoryMeter::Pause pause;
  CHECK(n <= kMaxControlPayloadBytes);
  recorder_.OnPong(payload, n);
}

void Witness::OnClose(uint16_t code, const uint8_t* reason, size_t n) {
  const MemoryMeter::Pause pause;
  CHECK(code == kNoCloseCode ? n == 0 : IsWireCloseCode(code), "a close code that may not be on the wire");
  CHECK(JudgeUtf8({reinterpret_cast<const char*>(reason), n}) == Utf8Verdict::kValid,
        "a reason is not UTF-8");
  recorder_.OnClose(code, reason, n);
  over_ = true;
}

void Witness::OnViolation(Status status) {
  const MemoryMeter::Pause pause;
  CHECK(status != Status::kOk);
  recorder_.OnViolation(status);
  over_ = true;
}

void Feed(Connection& connection, Witness& witness, std::string_view chunk) {
  do {
    const std::unique_ptr<uint8_t[]> memory(new uint8_t[chunk.size()]);
    if (!chunk.empty()) std::memcpy(memory.get(), chunk.data(), chunk.size());
    witness.recorder().chunk = memory.get();
    witness.recorder().chunk_size = chunk.size();
    const Status before = connection.status();
    size_t used;
    {
      const MemoryMeter::Scope scope;
      used = connection.Consume(memory.get(), chunk.size(), witness);
    }
    CHECK(used <= chunk.size());
    CHECK(used == chunk.size() || witness.recorder().refuse_one_in > 0 || connection.inflates(),
          "bytes are left though the sink accepts");
    CHECK(before == Status::kOk || connection.status() == before, "a violation is not latched");
    CHECK_EQ(witness.over(), connection.close_received() || connection.status() != Status::kOk);
    chunk.remove_prefix(used);
  } while (!chunk.empty());
}

void FeedChopped(Connection& connection, Witness& witness, std::string_view stream, uint8_t seed) {
  if (seed == 0) return Feed(connection, witness, stream);
  test::Random random(seed);
  constexpr size_t kLongest[] = {1, 2, 5, 30, 400, 5000};
  const size_t longest = kLongest[random.Below(std::size(kLongest))];
  witness.recorder().random = test::Random(seed);
  witness.recorder().refuse_one_in = random.OneIn(2) ? 3 : 0;
  constexpr size_t kRooms[] = {2048, 100, 7, 1, 70000};
  witness.recorder().room_bytes = kRooms[random.Below(std::size(kRooms))];
  witness.recorder().lends_memory = !random.OneIn(4);
  while (!stream.empty()) {
    const size_t size = std::min(stream.size(), 1 + random.Below(longest));
    Feed(connection, witness, stream.substr(0, size));
    stream.remove_prefix(size);
  }
}

}  // namespace shared_ws::fuzz
