#include "core_support.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "harness.h"

namespace shared_ws::test {

std::string Header(uint8_t first, uint64_t payload, int length_bytes) {
  if (length_bytes < 0) length_bytes = payload < 126 ? 0 : payload < 65536 ? 2 : 8;
  std::string out(1, static_cast<char>(first));
  out.push_back(static_cast<char>(length_bytes == 0 ? payload : length_bytes == 2 ? 126 : 127));
  for (int i = length_bytes - 1; i >= 0; i--) out.push_back(static_cast<char>(payload >> (8 * i)));
  return out;
}

std::string Frame(uint8_t first, std::string_view payload, int length_bytes) {
  return Header(first, payload.size(), length_bytes).append(payload);
}

std::string TextLine(bool ascii, std::string_view payload) {
  return std::string(ascii ? "ascii " : "text ").append(payload).append("\n");
}

std::string BinaryLine(std::string_view payload) {
  return std::string("binary ").append(payload).append("\n");
}

std::string ViolationLine(Status status) {
  return "violation " + std::to_string(static_cast<int>(status)) + "\n";
}

bool Recorder::Accepts() {
  CHECK(!over_, "asked again after the end");
  may_report_ = refuse_one_in == 0 || !random.OneIn(static_cast<size_t>(refuse_one_in));
  return may_report_;
}

void Recorder::Event() {
  CHECK(may_report_, "reported without being accepted");
  CHECK(!over_, "reported after the end");
  may_report_ = false;
}

void Recorder::Line(std::string_view kind, const uint8_t* payload, size_t n) {
  Event();
  log.append(kind).append(" ");
  if (n > 0) log.append(reinterpret_cast<const char*>(payload), n);
  log.append("\n");
}

void Recorder::OnMessage(Opcode opcode, bool ascii, const uint8_t* payload, size_t n) {
  CHECK(payload >= chunk && payload + n <= chunk + chunk_size, "a payload in place lies in the chunk");
  CHECK(opcode == Opcode::kText || (opcode == Opcode::kBinary && !ascii));
  in_place++;
  Line(opcode == Opcode::kBinary ? "binary" : ascii ? "ascii" : "text", payload, n);
}

void Recorder::OnAssembled(Opcode opcode, bool ascii, Bytes&& payload) {
  CHECK(opcode == Opcode::kText || (opcode == Opcode::kBinary && !ascii));
  assembled++;
  Bytes taken = std::move(payload);
  if (taken.size() > 0)
    std::memset(taken.data() + taken.size(), 0xFF, kPaddingBytes);  // the padding is there
  Line(opcode == Opcode::kBinary ? "binary" : ascii ? "ascii" : "text", taken.data(), taken.size());
}

InflateRoom Recorder::Room() {
  CHECK(may_report_, "asked for room without being accepted");
  if (refuse_one_in > 0 && random.OneIn(static_cast<size_t>(refuse_one_in))) return {};
  room_.reset(lends_memory ? new uint8_t[room_bytes] : nullptr);
  return {room_.get(), room_bytes};
}

void Recorder::OnInflated(Opcode opcode, bool ascii, size_t n) {
  CHECK(opcode == Opcode::kText || (opcode == Opcode::kBinary && !ascii));
  CHECK(room_ != nullptr && n <= room_bytes);
  inflated++;
  Line(opcode == Opcode::kBinary ? "binary" : ascii ? "ascii" : "text", room_.get(), n);
}

void Recorder::OnPing(const uint8_t* payload, size_t n) {
  Line("ping", payload, n);
}

void Recorder::OnPong(const uint8_t* payload, size_t n) {
  Line("pong", payload, n);
}

void Recorder::OnClose(uint16_t code, const uint8_t* reason, size_t n) {
  Line("close " + std::to_string(code), reason, n);
  over_ = true;
}

void Recorder::OnViolation(Status status) {
  Event();
  log += ViolationLine(status);
  over_ = true;
}

void Feed(Connection& connection, Recorder& recorder, std::string_view chunk) {
  while (true) {
    const std::unique_ptr<uint8_t[]> memory(new uint8_t[chunk.size()]);
    if (!chunk.empty()) std::memcpy(memory.get(), chunk.data(), chunk.size());
    recorder.chunk = memory.get();
    recorder.chunk_size = chunk.size();
    const size_t used = connection.Consume(memory.get(), chunk.size(), recorder);
    CHECK(used <= chunk.size());
    CHECK(used == chunk.size() || recorder.refuse_one_in > 0 || connection.inflates(),
          "all is consumed unless the sink refuses");
    chunk.remove_prefix(used);
    if (chunk.empty()) return;
  }
}

std::string LogOf(std::string_view stream, size_t chunk_size, const Limits& limits,
                  const Extensions& extensions) {
  Connection connection(limits, extensions);
  Recorder recorder;
  for (size_t at = 0; at < stream.size(); at += std::min(chunk_size, stream.size() - at)) {
    Feed(connection, recorder, stream.substr(at, chunk_size));
  }
  return recorder.log;
}

namespace {

std::string LogOfCut(std::string_view stream, size_t cut, const Limits& limits, const Extensions& extensions,
                     size_t room_bytes, bool lends_memory) {
  Connection connection(limits, extensions);
  Recorder recorder;
  recorder.room_bytes = room_bytes;
  recorder.lends_memory = lends_memory;
  Feed(connection, recorder, stream.substr(0, cut));
  Feed(connection, recorder, stream.substr(cut));
  return recorder.log;
}

}  // namespace

void CheckEveryCut(const char* file, int line, std::string_view stream, const std::string& expected,
                   const Limits& limits, const Extensions& extensions) {
  for (size_t size = stream.size(); size > 0; size--) {
    const std::string log = LogOf(stream, size, limits, extensions);
    if (!CheckEqual(file, line, "log", log, expected, CONTEXT("chunks of " + std::to_string(size)))) return;
  }
  // With room for all, for a part, for nothing; and, every other time, with no memory there.
  constexpr size_t kRooms[] = {2048, 100, 1};
  for (size_t cut = 0; cut <= stream.size(); cut++) {
    const size_t room = kRooms[cut % 3];
    const std::string log = LogOfCut(stream, cut, limits, extensions, room, cut % 2 == 0);
    const auto context = CONTEXT("cut at " + std::to_string(cut) + ", room " + std::to_string(room));
    if (!CheckEqual(file, line, "log", log, expected, context)) return;
  }
}

}  // namespace shared_ws::test
