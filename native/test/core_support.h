#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "core/connection.h"
#include "core/simd.h"

// What the core tests share: frames as a server writes them, a sink that keeps a log, and ways to feed a
// stream.
namespace shared_ws::test {

// xorshift64*; a seed replays a run.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2654435769u + 1) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1D;
  }
  size_t Below(size_t limit) { return static_cast<size_t>((Next() >> 16) % limit); }
  bool OneIn(size_t chances) { return Below(chances) == 0; }
  uint8_t Byte() { return static_cast<uint8_t>(Next() >> 32); }

 private:
  uint64_t state_;
};

// Runs `body` once on every path that this machine can take, then goes back to the best one.
template <class Body>
void OnEverySimd(Body body) {
  const Simd best = ActiveSimd();
  for (Simd simd : {Simd::kScalar, Simd::kSse2, Simd::kNeon, Simd::kAvx2}) {
    if (ForceSimd(simd)) body();
  }
  ForceSimd(best);
}

inline const uint8_t* Raw(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

inline std::string BytesOf(std::initializer_list<int> values) {
  std::string bytes;
  for (int value : values) bytes.push_back(static_cast<char>(value));
  return bytes;
}

constexpr uint8_t kFin = 0x80;

// A server frame; `first` is its first byte: kFin, reserved bits, opcode. The length takes its shortest form,
// or that of `length_bytes`: 0, 2 or 8.
std::string Frame(uint8_t first, std::string_view payload, int length_bytes = -1);

// Only the header of a frame that announces `payload` bytes.
std::string Header(uint8_t first, uint64_t payload, int length_bytes = -1);

inline std::string Text(std::string_view payload) {
  return Frame(kFin | 1, payload);
}
inline std::string Binary(std::string_view payload) {
  return Frame(kFin | 2, payload);
}
inline std::string Ping(std::string_view payload) {
  return Frame(kFin | 9, payload);
}
inline std::string Close(int code, std::string_view reason = "") {
  return Frame(kFin | 8, BytesOf({code >> 8, code & 0xFF}) + std::string(reason));
}

// Lines of a log, as Recorder writes them.
std::string TextLine(bool ascii, std::string_view payload);
std::string BinaryLine(std::string_view payload);
std::string ViolationLine(Status status);

// A sink that writes one line per event and checks what the contract of Connection promises about each call.
class Recorder {
 public:
  bool Accepts();
  void OnMessage(Opcode opcode, bool ascii, const uint8_t* payload, size_t n);
  void OnAssembled(Opcode opcode, bool ascii, Bytes&& payload);
  InflateRoom Room();
  void OnInflated(Opcode opcode, bool ascii, size_t n);
  void OnPing(const uint8_t* payload, size_t n);
  void OnPong(const uint8_t* payload, size_t n);
  void OnClose(uint16_t code, const uint8_t* reason, size_t n);
  void OnViolation(Status status);

  std::string log;
  int in_place = 0;       // messages reported by OnMessage
  int assembled = 0;      // messages reported by OnAssembled
  int inflated = 0;       // messages reported by OnInflated
  int refuse_one_in = 0;  // Accepts() says no that often, by chance; 0 is never
  Random random{1};
  size_t room_bytes = 2048;  // lent for inflating
  bool lends_memory = true;

  // The chunk that Consume() is reading.
  const uint8_t* chunk = nullptr;
  size_t chunk_size = 0;

 private:
  void Event();
  void Line(std::string_view kind, const uint8_t* payload, size_t n);

  std::unique_ptr<uint8_t[]> room_;  // of this size to the byte, for the sanitizer
  bool may_report_ = false;          // Accepts() said yes and nothing was reported since
  bool over_ = false;                // a close frame or a violation was reported
};

// Feeds one chunk from memory that ends where the chunk ends and is freed afterwards, so that a sanitizer
// sees every byte read outside it or later. Hands the rest in again while the recorder refuses.
void Feed(Connection& connection, Recorder& recorder, std::string_view chunk);

// Feeds `stream` to a new connection in chunks of at most `chunk_size` bytes and returns the log.
std::string LogOf(std::string_view stream, size_t chunk_size = SIZE_MAX, const Limits& limits = {},
                  const Extensions& extensions = {});

// Checks that the stream gives `expected` when it is fed whole, in chunks of every size, and cut in two
// anywhere; and, if messages may have to be inflated, also with little room for that.
void CheckEveryCut(const char* file, int line, std::string_view stream, const std::string& expected,
                   const Limits& limits = {}, const Extensions& extensions = {});
#define CHECK_EVERY_CUT(...) shared_ws::test::CheckEveryCut(__FILE__, __LINE__, __VA_ARGS__)

}  // namespace shared_ws::test
