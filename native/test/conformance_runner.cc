// Feeds the vectors of test/conformance to core/, without sockets. test/conformance/core-subject.ts writes to
// it and reads its answers:
//
//   in   ID MAX_FRAME MAX_MESSAGE WINDOW_BITS NO_TAKEOVER BINARY_FORMAT EVERY_SIMD  N size…  N cut…
//   N_SEGMENTS\n
//        and for each segment   BYTES LOG_BYTES\n  the bytes, then the log that Recorder must have when it
//        has got them
//   out  ID CHECKS\n             so many logs were compared, and all were right
//        ID CHECKS what\n        the first that was not
//
// Chunks never reach beyond a segment, so that what is due in the middle of a stream is judged there.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {
namespace {

// What Recorder has found wrong with the calls of Connection.
std::string broken_contract;

struct Segment {
  std::string bytes, log;
};

struct Vector {
  std::string id;
  Limits limits;
  Extensions extensions;
  int every_simd = 0;
  std::vector<size_t> sizes, cuts;
  std::vector<Segment> segments;
};

std::vector<size_t> ReadNumbers(std::istream& in) {
  size_t count = 0;
  in >> count;
  std::vector<size_t> numbers(count);
  for (size_t& number : numbers) in >> number;
  return numbers;
}

std::string ReadBytes(std::istream& in, size_t size) {
  std::string bytes(size, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  return bytes;
}

bool ReadVector(std::istream& in, Vector* vector) {
  if (!(in >> vector->id)) return false;
  in >> vector->limits.max_frame_bytes >> vector->limits.max_message_bytes;
  int window_bits = 0, no_takeover = 0, format = 0;
  in >> window_bits >> no_takeover >> format >> vector->every_simd;
  vector->extensions = Extensions();
  if (window_bits > 0) {
    vector->extensions.deflate.emplace();
    vector->extensions.deflate->server_max_window_bits = window_bits;
    vector->extensions.deflate->server_no_context_takeover = no_takeover != 0;
  }
  vector->extensions.inflate_binary = static_cast<BinaryFormat>(format);
  vector->sizes = ReadNumbers(in);
  vector->cuts = ReadNumbers(in);
  size_t segments = 0;
  in >> segments;
  vector->segments.clear();
  for (size_t i = 0; i < segments; i++) {
    size_t bytes = 0, log = 0;
    in >> bytes >> log;
    in.get();
    Segment segment;
    segment.bytes = ReadBytes(in, bytes);
    segment.log = ReadBytes(in, log);
    vector->segments.push_back(std::move(segment));
  }
  return static_cast<bool>(in);
}

// Printable, and short.
std::string Quoted(const std::string& log) {
  std::string out;
  for (const char byte : log.substr(0, 400)) {
    char text[8];
    const bool plain = byte >= ' ' && byte < 0x7F && byte != '\\';
    std::snprintf(text, sizeof(text),
                  plain          ? "%c"
                  : byte == '\n' ? "\\n"
                                 : "\\x%02x",
                  static_cast<uint8_t>(byte));
    out += text;
  }
  return log.size() > 400 ? out + "…" : out;
}

class Run {
 public:
  explicit Run(const Vector& vector) : vector_(vector) {}

  // Feeds the whole stream to a new connection in chunks that end where `next_cut` says, given an offset.
  template <class NextCut>
  void Feed(const std::string& how, int refuse_one_in, NextCut next_cut) {
    if (!failure_.empty()) return;
    Connection connection(vector_.limits, vector_.extensions);
    Recorder recorder;
    recorder.refuse_one_in = refuse_one_in;
    std::string expected;
    size_t begin = 0;
    for (const Segment& segment : vector_.segments) {
      const size_t end = begin + segment.bytes.size();
      for (size_t at = begin; at < end;) {
        const size_t cut = std::min(end, next_cut(at));
        test::Feed(connection, recorder, std::string_view(segment.bytes).substr(at - begin, cut - at));
        at = cut;
      }
      expected += segment.log;
      checks_++;
      if (recorder.log != expected) {
        failure_ = how + ": after " + std::to_string(end) + " bytes the log is \"" + Quoted(recorder.log) +
                   "\", should be \"" + Quoted(expected) + "\"";
        return;
      }
      begin = end;
    }
    if (!broken_contract.empty()) failure_ = how + ": " + std::exchange(broken_contract, "");
  }

  void Everything() {
    const auto all = [this] {
      for (const size_t size : vector_.sizes) {
        Feed("chunks of " + std::to_string(size), 0, [size](size_t at) { return at + size; });
      }
      for (const size_t cut : vector_.cuts) {
        Feed("cut at " + std::to_string(cut), 0, [cut](size_t at) { return at < cut ? cut : SIZE_MAX; });
      }
    };
    if (vector_.every_simd) {
      OnEverySimd(all);
    } else {
      all();
    }
    // Pieces, because Feed() hands in all of the rest at each refusal.
    Feed("a sink that refuses", 3, [](size_t at) { return at + 4096; });
  }

  void Report() const {
    std::printf("%s %zu%s%s\n", vector_.id.c_str(), checks_, failure_.empty() ? "" : " ", failure_.c_str());
    std::fflush(stdout);
  }

 private:
  const Vector& vector_;
  size_t checks_ = 0;
  std::string failure_;
};

}  // namespace

// The checks of core_support.cc report here.
void Fail(const char* file, int line, const std::string& what) {
  broken_contract = std::string(file) + ":" + std::to_string(line) + ": " + Quoted(what);
}

}  // namespace shared_ws::test

int main() {
  using namespace shared_ws::test;
  std::ios::sync_with_stdio(false);
  Vector vector;
  while (ReadVector(std::cin, &vector)) {
    Run run(vector);
    run.Everything();
    run.Report();
  }
}
