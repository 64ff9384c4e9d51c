#include "frame_mutator.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "test/core_support.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace shared_ws::fuzz {
namespace {

using test::Random;

struct Frame {
  uint8_t first = 0x82;
  bool masked = false;
  int length_bytes = -1;  // -1: the shortest form
  int64_t lie = 0;        // added to the length that is announced
  std::string payload;
};

// Whatever is no whole frame stays as it is, behind the frames.
std::vector<Frame> Parse(std::string_view stream, std::string* rest) {
  std::vector<Frame> frames;
  while (stream.size() >= 2) {
    const uint8_t* in = test::Raw(stream);
    const int form = in[1] & 0x7F;
    const size_t length_bytes = form == 126 ? 2 : form == 127 ? 8 : 0;
    if (stream.size() < 2 + length_bytes) break;
    uint64_t size = length_bytes == 0 ? static_cast<uint64_t>(form) : 0;
    for (size_t i = 0; i < length_bytes; i++) size = size << 8 | in[2 + i];
    if (size > stream.size() - 2 - length_bytes) break;
    Frame frame;
    frame.first = in[0];
    frame.masked = in[1] & 0x80;
    const int shortest = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
    if (static_cast<int>(length_bytes) != shortest) frame.length_bytes = static_cast<int>(length_bytes);
    frame.payload = stream.substr(2 + length_bytes, static_cast<size_t>(size));
    frames.push_back(std::move(frame));
    stream.remove_prefix(2 + length_bytes + static_cast<size_t>(size));
  }
  *rest = stream;
  return frames;
}

std::string Write(const std::vector<Frame>& frames) {
  std::string stream;
  for (const Frame& frame : frames) {
    const auto announced = static_cast<uint64_t>(static_cast<int64_t>(frame.payload.size()) + frame.lie);
    const bool fits = frame.length_bytes < 0 || (frame.length_bytes == 0 && announced < 126) ||
                      (frame.length_bytes == 2 && announced <= 0xFFFF) || frame.length_bytes == 8;
    std::string header = test::Header(frame.first, announced, fits ? frame.length_bytes : -1);
    if (frame.masked) header[1] = static_cast<char>(header[1] | 0x80);
    stream += header + frame.payload;
  }
  return stream;
}

// Texts at the edges of UTF-8: whole characters, beginnings of them, and what is none.
std::string EdgeText(Random& random) {
  constexpr std::string_view kEdges[] = {"a",
                                         "\xC2\x80",
                                         "\xDF\xBF",
                                         "\xE0\xA0\x80",
                                         "\xED\x9F\xBF",
                                         "\xEE\x80\x80",
                                         "\xEF\xBF\xBF",
                                         "\xF0\x90\x80\x80",
                                         "\xF4\x8F\xBF\xBF",
                                         "\xC3",
                                         "\xE2\x82",
                                         "\xF0\x9F\x98",
                                         "\xC0\x80",
                                         "\xE0\x80\x80",
                                         "\xED\xA0\x80",
                                         "\xF4\x90\x80\x80",
                                         "\xFF",
                                         "\x80"};
  std::string text;
  for (size_t n = random.Below(40); n > 0; n--) {
    text += random.OneIn(4) ? kEdges[random.Below(std::size(kEdges))] : "plain text, ";
  }
  return text;
}

Frame NewFrame(Random& random) {
  Frame frame;
  switch (random.Below(4)) {
    case 0: {  // a control frame
      constexpr uint8_t kFirst[] = {0x89, 0x8A, 0x88};
      frame.first = kFirst[random.Below(std::size(kFirst))];
      if (frame.first == 0x88 && !random.OneIn(4)) {
        constexpr int kCodes[] = {0,    999,  1000, 1001, 1003, 1004, 1005, 1006, 1007,
                                  1011, 1012, 1014, 1015, 2999, 3000, 4999, 5000};
        const int code = kCodes[random.Below(std::size(kCodes))];
        frame.payload = test::BytesOf({code >> 8, code & 0xFF}) + EdgeText(random).substr(0, 123);
      } else {
        frame.payload = std::string(random.Below(127), 'p');
      }
      break;
    }
    case 1:
      frame.first = 0x81;
      frame.payload = EdgeText(random);
      break;
    default: {
      constexpr size_t kSizes[] = {0, 1, 124, 125, 126, 127, 128, 255, 256, 600, 1000};
      frame.first = static_cast<uint8_t>(random.OneIn(2) ? 0x82 : 0x02);
      frame.payload = std::string(kSizes[random.Below(std::size(kSizes))], static_cast<char>(random.Byte()));
    }
  }
  return frame;
}

void Fragment(std::vector<Frame>& frames, size_t at, Random& random) {
  Frame rest = frames[at];
  const size_t cut = random.Below(rest.payload.size() + 1);
  frames[at].payload.resize(cut);
  frames[at].first = static_cast<uint8_t>(frames[at].first & 0x7F);
  rest.payload.erase(0, cut);
  rest.first = static_cast<uint8_t>(rest.first & 0x80);
  frames.insert(frames.begin() + static_cast<ptrdiff_t>(at) + 1, std::move(rest));
}

void MutatePayload(std::string& payload, Random& random) {
  const size_t size = payload.size();
  payload.resize(size + 1 + random.Below(64));
  payload.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(payload.data()), size, payload.size()));
}

void MutateOnce(std::vector<Frame>& frames, Random& random) {
  if (frames.empty() || random.OneIn(8)) {
    const size_t at = random.Below(frames.size() + 1);
    frames.insert(frames.begin() + static_cast<ptrdiff_t>(at), NewFrame(random));
    return;
  }
  const size_t at = random.Below(frames.size());
  const auto place = frames.begin() + static_cast<ptrdiff_t>(at);
  Frame& frame = frames[at];
  switch (random.Below(12)) {
    case 0:
      frames.erase(place);
      return;
    case 1: {
      Frame twin = frame;
      frames.insert(frames.begin() + static_cast<ptrdiff_t>(random.Below(frames.size() + 1)),
                    std::move(twin));
      return;
    }
    case 2:
      std::swap(frame, frames[random.Below(frames.size())]);
      return;
    case 3:
    case 4:
      return Fragment(frames, at, random);
    case 5:
      frame.first = static_cast<uint8_t>((frame.first & 0xF0) | random.Below(16));
      return;
    case 6:
      frame.first = static_cast<uint8_t>(frame.first ^ (0x10 << random.Below(4)));  // FIN or a reserved bit
      return;
    case 7:
      if (random.OneIn(3)) {
        frame.masked = !frame.masked;
      } else {
        constexpr int kForms[] = {-1, 2, 8};
        frame.length_bytes = kForms[random.Below(3)];
      }
      return;
    case 8: {
      constexpr int64_t kLies[] = {-1, 1, 125, 1 << 16, int64_t{1} << 40, INT64_MIN};
      frame.lie = kLies[random.Below(std::size(kLies))];
      return;
    }
    case 9:
      frame.payload = EdgeText(random);
      return;
    default:
      return MutatePayload(frame.payload, random);
  }
}

}  // namespace

size_t MutateFrames(uint8_t* data, size_t size, size_t max_size, unsigned seed, size_t settings) {
  Random random(seed);
  if (size < settings || random.OneIn(5)) return LLVMFuzzerMutate(data, size, max_size);
  if (random.OneIn(8)) {
    data[random.Below(settings)] = random.Byte();
    return size;
  }
  std::string rest;
  std::vector<Frame> frames = Parse({reinterpret_cast<const char*>(data) + settings, size - settings}, &rest);
  for (size_t changes = 1 + random.Below(3); changes > 0; changes--) MutateOnce(frames, random);
  if (random.OneIn(3)) rest.clear();
  const std::string stream = (Write(frames) + rest).substr(0, max_size - settings);
  std::memcpy(data + settings, stream.data(), stream.size());
  return settings + stream.size();
}

}  // namespace shared_ws::fuzz
