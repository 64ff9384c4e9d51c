#include <zlib.h>

#include "support.h"
#include "test/zlib_peer.h"

// Binary messages that are streams of gzip, zlib or raw DEFLATE, right and wrong, against zlib at once over
// the whole payload with room for all of it. Input: one byte for the format, one for the limit, one that
// seeds the chopping; the payload.
namespace shared_ws::fuzz {
namespace {

struct Outcome {
  Status status = Status::kOk;
  std::string text;
};

// One stream of the format, for gzip one after the other. What comes first in the text counts first.
Outcome Reference(std::string_view payload, BinaryFormat format, size_t limit) {
  Outcome outcome;
  z_stream stream = {};
  const int bits = format == BinaryFormat::kGzip   ? test::kGzipBits
                   : format == BinaryFormat::kZlib ? test::kZlibBits
                                                   : test::kRawBits;
  CHECK_EQ(inflateInit2(&stream, bits), Z_OK);
  stream.next_in = const_cast<Bytef*>(test::Raw(payload));
  stream.avail_in = static_cast<uInt>(payload.size());
  std::string out(limit + 1, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int result;
  while ((result = inflate(&stream, Z_NO_FLUSH)) == Z_OK || result == Z_STREAM_END) {
    if (stream.avail_out == 0) break;
    if (result != Z_STREAM_END) continue;
    if (stream.avail_in == 0) break;
    if (format != BinaryFormat::kGzip || *stream.next_in != 0x1F) {
      outcome.status = Status::kBinaryTrailing;
      break;
    }
    inflateReset(&stream);
  }
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  if (outcome.status == Status::kOk) {
    if (out.size() > limit) {
      outcome.status = Status::kMessageTooLarge;
      out.resize(limit);
    } else if (result != Z_STREAM_END) {
      outcome.status =
          result == Z_DATA_ERROR || result == Z_NEED_DICT ? Status::kBinaryCorrupt : Status::kBinaryTruncated;
    }
  }
  const Utf8Verdict verdict = JudgeUtf8(out);
  if (verdict == Utf8Verdict::kHopeless ||
      (verdict == Utf8Verdict::kCutShort && outcome.status == Status::kOk)) {
    outcome.status = Status::kBinaryNotUtf8;
  }
  outcome.text = std::move(out);
  return outcome;
}

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws;
  using namespace shared_ws::fuzz;
  if (size < 4) return -1;
  Input input(data, size);
  const auto format = static_cast<BinaryFormat>(1 + input.Below(3));
  constexpr size_t kLimits[] = {1 << 16, 1000, 60};
  const Limits limits{.max_frame_bytes = 1 << 16,
                      .max_message_bytes = kLimits[input.Below(std::size(kLimits))]};
  const uint8_t seed = input.Byte();
  const std::string payload(input.Rest());
  const Extensions extensions{.inflate_binary = format};
  Outcome outcome;
  // The limit holds for what is sent as well, by its header.
  const bool sent_too_large = payload.size() > limits.max_message_bytes;
  if (sent_too_large) {
    outcome.status = Status::kMessageTooLarge;
  } else {
    outcome = Reference(payload, format, limits.max_message_bytes);
  }
  const bool ascii = std::all_of(outcome.text.begin(), outcome.text.end(),
                                 [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  const std::string expected = outcome.status == Status::kOk ? test::TextLine(ascii, outcome.text)
                                                             : test::ViolationLine(outcome.status);
  for (const uint8_t chop : {uint8_t{0}, seed}) {
    MemoryMeter::Reset();
    Connection connection(limits, extensions);
    Witness witness(limits);
    // In two fragments when it is chopped, unless the second one's header would be judged behind the first
    // one's text.
    const size_t half = payload.size() / 2;
    const std::string stream = chop == 0 || sent_too_large ? test::Binary(payload)
                                                           : test::Frame(2, payload.substr(0, half)) +
                                                                 test::Frame(0x80, payload.substr(half));
    FeedChopped(connection, witness, stream, chop);
    CHECK_EQ(witness.log(), expected);
    CHECK(MemoryMeter::peak() <= MemoryBound(limits, extensions, stream.size()),
          std::to_string(MemoryMeter::peak()));
  }
  return 0;
}
