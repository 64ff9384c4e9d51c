#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "core/connection.h"
#include "test/core_support.h"
#include "test/harness.h"

// What the fuzz targets share. A target is one file NAME_fuzz.cc with LLVMFuzzerTestOneInput; it states what
// must hold with CHECK and CHECK_EQ, which print what was expected and abort.
namespace shared_ws::fuzz {

// Reads an input from its front, so that a seed can be written by hand. Past its end everything is 0.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return byte;
  }
  bool Bool() { return Byte() & 1; }
  // Two bytes, big-endian.
  uint16_t Word() {
    const int high = Byte();
    return static_cast<uint16_t>(high << 8 | Byte());
  }
  // Below `limit`, which is at most 65536: one byte where that is enough.
  size_t Below(size_t limit) { return limit <= 256 ? Byte() % limit : Word() % limit; }
  std::string_view Bytes(size_t count) {
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string_view Rest() { return Bytes(rest_.size()); }

 private:
  std::string_view rest_;
};

// Bytes that the code under test holds. Only allocations made inside a Scope count, wherever they are freed.
class MemoryMeter {
 public:
  static void Reset();
  static size_t live();
  // The most that was alive at once since Reset().
  static size_t peak();

  struct Scope {
    Scope();
    ~Scope();
    bool before;
  };
  // Inside a Scope, leaves it: what a sink allocates is not the connection's.
  struct Pause {
    Pause();
    ~Pause();
    bool before;
  };
};

// The reference that ValidateUtf8 is held against, written from table 3-7 of the Unicode standard.
enum class Utf8Verdict { kValid, kCutShort, kHopeless };
Utf8Verdict JudgeUtf8(std::string_view text);

// permessage-deflate, or not, and a format of binary messages, or none, as the bits of an input's byte say.
Extensions ExtensionsOf(uint8_t choice);

// The most that a connection may hold after `received` bytes: what it keeps of them, or what it inflated from
// them up to the limit; twice over, since a block grows to twice its size, and once more while it moves; and
// zlib's state.
size_t MemoryBound(const Limits& limits, const Extensions& extensions, size_t received);

// Keeps the log of a connection and judges each event by itself: the contract of Connection's sink (through
// Recorder), the limits, and UTF-8 by the reference.
class Witness {
 public:
  explicit Witness(const Limits& limits) : limits_(limits) {}

  bool Accepts();
  void OnMessage(Opcode opcode, bool ascii, const uint8_t* payload, size_t n);
  void OnAssembled(Opcode opcode, bool ascii, Bytes&& payload);
  InflateRoom Room();
  void OnInflated(Opcode opcode, bool ascii, size_t n);
  void OnPing(const uint8_t* payload, size_t n);
  void OnPong(const uint8_t* payload, size_t n);
  void OnClose(uint16_t code, const uint8_t* reason, size_t n);
  void OnViolation(Status status);

  const std::string& log() const { return recorder_.log; }
  test::Recorder& recorder() { return recorder_; }
  bool over() const { return over_; }

 private:
  void Judge(Opcode opcode, bool ascii, const uint8_t* payload, size_t n);

  const Limits limits_;
  test::Recorder recorder_;
  InflateRoom room_;
  bool over_ = false;  // a close frame or a violation came
};

// Feeds one chunk from memory that ends where the chunk ends, and again what the witness refused. Checks that
// a verdict is latched.
void Feed(Connection& connection, Witness& witness, std::string_view chunk);

// Feeds the stream in chunks whose sizes follow from `seed`, as does whether the sink refuses now and then
// and what it lends for inflating; 0 is the whole stream at once.
void FeedChopped(Connection& connection, Witness& witness, std::string_view stream, uint8_t seed);

}  // namespace shared_ws::fuzz
