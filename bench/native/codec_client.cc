// The library's codec alone, as a client process that takes the task `codec` (see client.c, whose answers
// these are). Compiled against the native/ folder of the tree that is measured, with the addon's flags.
// `codec_client OP SIZE N` does one task and ends: for counting instructions.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/connection.h"
#include "core/frame_encoder.h"
#include "wire.h"

namespace {

using shared_ws::Bytes;
using shared_ws::Connection;
using shared_ws::EncodeFrame;
using shared_ws::InflateRoom;
using shared_ws::Limits;
using shared_ws::Opcode;
using shared_ws::Status;

constexpr size_t kReadBytes = 256 * 1024;
constexpr uint8_t kKey[4] = {0x37, 0xfa, 0x21, 0x3d};

struct SummingSink {
  int64_t count = 0;
  int64_t sum = 0;
  bool failed = false;
  bool Accepts() { return true; }
  void OnMessage(Opcode, bool ascii, const uint8_t* payload, size_t n) {
    sum += payload[0] + static_cast<int64_t>(n);
    count += ascii;  // the bench sends nothing else
  }
  void OnAssembled(Opcode, bool, Bytes&&) { failed = true; }
  InflateRoom Room() { return {}; }
  void OnInflated(Opcode, bool, size_t) { failed = true; }
  void OnPing(const uint8_t*, size_t) { failed = true; }
  void OnPong(const uint8_t*, size_t) { failed = true; }
  void OnClose(uint16_t, const uint8_t*, size_t) { failed = true; }
  void OnViolation(Status) { failed = true; }
};

struct Answer {
  int64_t count = 0;
  int64_t sum = 0;
  int64_t cpu_ns = 0;
  int64_t wall_ns = 0;
};

Answer Decode(size_t size, int64_t n) {
  const size_t slots = kReadBytes / (size + 14) + 1;
  const std::vector<uint8_t> payload(size, 'x');
  std::vector<uint8_t> stream(slots * (size + 14));
  std::vector<size_t> ends = {0};
  for (size_t i = 0; i < slots; i++) {
    ends.push_back(ends.back() +
                   build_frame(stream.data() + ends.back(), 0x80 | OP_TEXT, payload.data(), size, nullptr));
  }
  Connection connection{Limits{}};
  SummingSink sink;
  const int64_t cpu = process_cpu_ns(), wall = mono_ns();
  for (int64_t left = n; left > 0;) {
    const size_t frames = left < static_cast<int64_t>(slots) ? static_cast<size_t>(left) : slots;
    connection.Consume(stream.data(), ends[frames], sink);
    left -= static_cast<int64_t>(frames);
  }
  if (sink.failed) die("the decoder saw something else than text");
  return {sink.count, sink.sum, process_cpu_ns() - cpu, mono_ns() - wall};
}

Answer Encode(size_t size, int64_t n) {
  const size_t slots = kReadBytes / (size + 14) + 1;
  const std::vector<uint8_t> payload(size, 'x');
  std::vector<uint8_t> stream(slots * (size + 14));
  Answer answer;
  const int64_t cpu = process_cpu_ns(), wall = mono_ns();
  while (answer.count < n) {
    size_t at = 0;
    for (size_t i = 0; i < slots && answer.count < n; i++, answer.count++) {
      at += EncodeFrame(stream.data() + at, Opcode::kText, payload.data(), size, kKey);
      asm volatile("" : : "r"(stream.data()) : "memory");
    }
  }
  answer.cpu_ns = process_cpu_ns() - cpu;
  answer.wall_ns = mono_ns() - wall;
  return answer;
}

Answer Run(const std::string& op, size_t size, int64_t n) {
  if (size == 0 || n <= 0) die("size and n must be positive");
  if (op == "decode") return Decode(size, n);
  if (op == "encode") return Encode(size, n);
  die("no such op: %s", op.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) {
    const Answer answer = Run(argv[1], static_cast<size_t>(atol(argv[2])), atoll(argv[3]));
    return answer.count == atoll(argv[3]) ? 0 : 1;
  }
  std::printf("{\"ready\":true}\n");
  std::fflush(stdout);
  char line[4096], op[16];
  while (std::fgets(line, sizeof line, stdin)) {
    line[std::strcspn(line, "\n")] = 0;
    if (!field_text(line, ' ', "op", op, sizeof op)) die("no op in: %s", line);
    const int64_t n = field_number(line, ' ', "n", 0);
    const Answer answer = Run(op, static_cast<size_t>(field_number(line, ' ', "size", 0)), n);
    std::printf("{\"ok\":true,\"count\":%lld,\"sum\":%lld,\"n\":%lld,\"cpuNs\":%lld,\"wallNs\":%lld}\n",
                static_cast<long long>(answer.count), static_cast<long long>(answer.sum),
                static_cast<long long>(n), static_cast<long long>(answer.cpu_ns),
                static_cast<long long>(answer.wall_ns));
    std::fflush(stdout);
  }
}
