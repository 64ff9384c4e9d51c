#include <algorithm>

#include "core_support.h"
#include "harness.h"

// Random streams, valid and not, chopped at random with a sink that refuses at random, against a reference
// that reads the whole stream at once and shares no code with the decoder. A failure names its seed.
namespace shared_ws::test {
namespace {

constexpr uint64_t kSeeds = 6000;
const Limits kLimits = {.max_frame_bytes = 3000, .max_message_bytes = 5000};

// 0 valid, 1 valid so far but cut short, 2 hopeless. A table of the well-formed sequences (Unicode, table
// 3-7).
int JudgeUtf8(std::string_view text) {
  struct Row {
    int first_low, first_high, second_low, second_high;
    size_t length;
  };
  constexpr Row kRows[] = {
      {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
      {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
      {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
  for (size_t i = 0; i < text.size();) {
    const uint8_t* byte = Raw(text) + i;
    const Row* row = std::find_if(std::begin(kRows), std::end(kRows), [byte](const Row& candidate) {
      return byte[0] >= candidate.first_low && byte[0] <= candidate.first_high;
    });
    if (row == std::end(kRows)) return 2;
    for (size_t k = 1; k < row->length; k++) {
      if (i + k == text.size()) return 1;
      if (byte[k] < (k == 1 ? row->second_low : 0x80) || byte[k] > (k == 1 ? row->second_high : 0xBF))
        return 2;
    }
    i += row->length;
  }
  return 0;
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

// The log that a stream must give. A frame that the stream cuts short gives a line only when it is already
// hopeless.
std::string ReferenceLog(std::string_view stream) {
  std::string log, message;
  int kind = 0;            // opcode of the message begun, 0 for none
  uint64_t announced = 0;  // by its frames
  const auto violation = [&log](Status status) { return log + ViolationLine(status); };
  size_t at = 0;
  const auto left = [&] { return stream.size() - at; };
  while (at < stream.size()) {
    const uint8_t* in = Raw(stream) + at;
    const int opcode = in[0] & 15;
    if (in[0] & 0x70) return violation(Status::kReservedBits);
    if ((opcode > 2 && opcode < 8) || opcode > 10) return violation(Status::kReservedOpcode);
    if (left() < 2) return log;
    if (in[1] & 0x80) return violation(Status::kMaskedFrame);
    const size_t length_bytes = in[1] == 126 ? 2 : in[1] == 127 ? 8 : 0;
    if (left() < 2 + length_bytes) return log;
    uint64_t size = length_bytes == 0 ? in[1] : 0;
    for (size_t i = 0; i < length_bytes; i++) size = size * 256 + in[2 + i];
    if ((length_bytes == 2 && size < 126) || (length_bytes == 8 && size < 65536)) {
      return violation(Status::kNonMinimalLength);
    }
    if (size >= uint64_t{1} << 63) return violation(Status::kLengthTopBit);
    const bool fin = in[0] & 0x80;
    if (opcode >= 8 && size > 125) return violation(Status::kControlTooLong);
    if (opcode >= 8 && !fin) return violation(Status::kControlFragmented);
    if (size > kLimits.max_frame_bytes) return violation(Status::kFrameTooLarge);
    if (opcode == 0 && kind == 0) return violation(Status::kUnexpectedContinuation);
    if ((opcode == 1 || opcode == 2) && kind != 0) return violation(Status::kExpectedContinuation);
    if (opcode < 8 && announced + size > kLimits.max_message_bytes)
      return violation(Status::kMessageTooLarge);
    at += 2 + length_bytes;
    const bool whole = size <= left();
    const std::string payload(stream.substr(at, whole ? size : left()));
    at += payload.size();

    if (opcode < 8) {
      if (opcode != 0) kind = opcode;
      announced += size;
      message += payload;
      const int judged = kind == 1 ? JudgeUtf8(message) : 0;
      if (judged == 2 || (judged == 1 && whole && fin)) return violation(Status::kTextNotUtf8);
      if (!whole || !fin) continue;
      log += kind == 2 ? BinaryLine(message) : TextLine(IsAscii(message), message);
      message.clear();
      kind = 0;
      announced = 0;
    } else if (whole && opcode == 8) {
      if (size == 0) return log + "close 1005 \n";
      if (size == 1) return violation(Status::kCloseTooShort);
      const int code = Raw(payload)[0] * 256 + Raw(payload)[1];
      if (!IsWireCloseCode(static_cast<uint16_t>(code))) return violation(Status::kCloseCodeInvalid);
      const std::string reason = payload.substr(2);
      if (JudgeUtf8(reason) != 0) return violation(Status::kCloseReasonNotUtf8);
      return log + "close " + std::to_string(code) + " " + reason + "\n";
    } else if (whole) {
      log += (opcode == 9 ? "ping " : "pong ") + payload + "\n";
    }
  }
  return log;
}

std::string RandomPayload(Random& random, bool text) {
  constexpr size_t kSizes[] = {0, 1, 2, 20, 124, 125, 126, 127, 128, 150, 200, 400, 1000, 2000};
  const size_t size = kSizes[random.Below(std::size(kSizes))];
  const bool ascii = random.OneIn(2);
  std::string payload;
  while (payload.size() < size) {
    if (!text) {
      payload.push_back(static_cast<char>(random.Byte()));
    } else if (ascii || !random.OneIn(8)) {
      payload.push_back(static_cast<char>(' ' + random.Below(95)));
    } else {
      constexpr const char* kCharacters[] = {"µ",           "€", "😀", "ß", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF",
                                             "\xEE\x80\x80"};
      payload += kCharacters[random.Below(std::size(kCharacters))];
    }
  }
  return payload;
}

std::string RandomStream(Random& random) {
  std::string stream;
  const size_t messages = 1 + random.Below(12);
  const auto control = [&] {
    const std::string payload = RandomPayload(random, false).substr(0, random.Below(126));
    stream += Frame(kFin | (random.OneIn(2) ? 9 : 10), payload);
  };
  for (size_t i = 0; i < messages; i++) {
    if (random.OneIn(4)) control();
    const bool text = !random.OneIn(4);
    std::string payload = RandomPayload(random, text);
    uint8_t first = text ? 1 : 2;
    for (size_t more = random.OneIn(2) ? random.Below(5) : 0; more > 0; more--) {
      const size_t cut = random.Below(payload.size() + 1);  // anywhere, also inside a character
      stream += Frame(first, payload.substr(0, cut));
      payload.erase(0, cut);
      first = 0;
      if (random.OneIn(3)) control();
    }
    stream += Frame(kFin | first, payload);
  }
  if (random.OneIn(2))
    stream += random.OneIn(4) ? Frame(kFin | 8, "") : Close(1000 + static_cast<int>(random.Below(20)), "bye");

  // Half of the streams are damaged: a byte changed, put in or taken out, or the end cut off.
  if (random.OneIn(2)) {
    const size_t at = random.Below(stream.size());
    switch (random.Below(4)) {
      case 0:
        stream[at] = static_cast<char>(stream[at] ^ (1 << random.Below(8)));
        break;
      case 1:
        stream.insert(at, 1, static_cast<char>(random.Byte()));
        break;
      case 2:
        stream.erase(at, 1);
        break;
      default:
        stream.erase(at);
    }
  }
  return stream;
}

TEST(property_random_streams_chopped_at_random) {
  size_t violations = 0, messages = 0, refused = 0;
  OnEverySimd([&] {
    for (uint64_t seed = 1; seed <= kSeeds; seed++) {
      Random random(seed);
      const std::string stream = RandomStream(random);
      const std::string expected = ReferenceLog(stream);
      const std::string context = "seed " + std::to_string(seed);
      if (!CHECK_EQ(LogOf(stream, SIZE_MAX, kLimits), expected, context + ", whole")) return;

      Connection connection(kLimits);
      Recorder recorder;
      recorder.random = Random(seed);
      recorder.refuse_one_in = random.OneIn(2) ? 3 : 0;
      refused += recorder.refuse_one_in > 0;
      constexpr size_t kLongest[] = {1, 3, 20, 200, 3000};
      const size_t longest = kLongest[random.Below(std::size(kLongest))];
      for (size_t at = 0; at < stream.size();) {
        const size_t size = std::min(stream.size() - at, 1 + random.Below(longest));
        Feed(connection, recorder, std::string_view(stream).substr(at, size));
        at += size;
      }
      if (!CHECK_EQ(recorder.log, expected, context + ", chopped")) return;
      violations += connection.status() != Status::kOk;
      messages += static_cast<size_t>(recorder.in_place + recorder.assembled);
    }
  });
  // The generator is worth its time only if it makes both kinds.
  CHECK(violations > kSeeds / 10, std::to_string(violations));
  CHECK(messages > 2 * kSeeds, std::to_string(messages));
  CHECK(refused > kSeeds / 10);
}

}  // namespace
}  // namespace shared_ws::test
