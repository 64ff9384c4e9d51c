#include <algorithm>
#include <memory>
#include <vector>

#include "core/utf8.h"
#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {
namespace {

// The reference: decode by the bit layout of RFC 3629 section 3, then ask whether the code point may stand in
// this form.
bool NaiveIsValid(std::string_view text) {
  const uint8_t* byte = Raw(text);
  for (size_t i = 0; i < text.size();) {
    size_t length = 0;
    uint32_t point = 0;
    if ((byte[i] & 0x80) == 0x00) length = 1, point = byte[i];
    if ((byte[i] & 0xE0) == 0xC0) length = 2, point = byte[i] & 0x1F;
    if ((byte[i] & 0xF0) == 0xE0) length = 3, point = byte[i] & 0x0F;
    if ((byte[i] & 0xF8) == 0xF0) length = 4, point = byte[i] & 0x07;
    if (length == 0 || i + length > text.size()) return false;
    for (size_t k = 1; k < length; k++) {
      if ((byte[i + k] & 0xC0) != 0x80) return false;
      point = point << 6 | (byte[i + k] & 0x3F);
    }
    constexpr uint32_t kLeast[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[length] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    i += length;
  }
  return true;
}

// Whether some bytes after these make a valid text. Continuation bytes at the edges of every range are enough
// to try.
bool NaiveCanBegin(const std::string& text, int more = 3) {
  if (NaiveIsValid(text)) return true;
  if (more == 0) return false;
  for (int next : {0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF}) {
    if (NaiveCanBegin(text + static_cast<char>(next), more - 1)) return true;
  }
  return false;
}

bool NaiveIsAscii(std::string_view text) {
  for (char c : text) {
    if (static_cast<uint8_t>(c) >= 0x80) return false;
  }
  return true;
}

Utf8Result NaiveResult(std::string_view text) {
  if (NaiveIsAscii(text)) return Utf8Result::kAscii;
  return NaiveIsValid(text) ? Utf8Result::kUtf8 : Utf8Result::kInvalid;
}

std::string Hex(std::string_view text) {
  std::string out = SimdName();
  for (char c : text) {
    constexpr char kDigits[] = "0123456789ABCDEF";
    out += {' ', kDigits[static_cast<uint8_t>(c) >> 4], kDigits[static_cast<uint8_t>(c) & 15]};
  }
  return out;
}

// From memory of exactly that size, so that a sanitizer sees a read outside it.
Utf8Result Validate(std::string_view text) {
  const std::unique_ptr<uint8_t[]> memory(new uint8_t[text.size()]);
  std::copy(text.begin(), text.end(), memory.get());
  return ValidateUtf8(memory.get(), text.size());
}

bool CheckWhole(const std::string& text) {
  return CHECK_EQ(Validate(text), NaiveResult(text), Hex(text));
}

// One cut: the first piece is judged by whether it can begin a text, both together like the whole.
bool CheckCut(const std::string& text, size_t cut, bool can_begin, Utf8Result whole) {
  Utf8Validator validator;
  const bool first = validator.Push(Raw(text), cut);
  if (!CHECK_EQ(first, can_begin, Hex(text) + " cut at " + std::to_string(cut))) return false;
  if (!first) return true;
  const bool second = validator.Push(Raw(text) + cut, text.size() - cut);
  const Utf8Result result = !second || !validator.Complete() ? Utf8Result::kInvalid
                            : validator.ascii()              ? Utf8Result::kAscii
                                                             : Utf8Result::kUtf8;
  return CHECK_EQ(result, whole, Hex(text) + " cut at " + std::to_string(cut));
}

bool CheckEverywhere(const std::string& text) {
  if (!CheckWhole(text)) return false;
  for (size_t cut = 0; cut <= text.size(); cut++) {
    if (!CheckCut(text, cut, NaiveCanBegin(text.substr(0, cut)), NaiveResult(text))) return false;
  }
  return true;
}

std::string Encode(uint32_t point) {
  const auto low = [point](int shift) { return static_cast<int>(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) return BytesOf({static_cast<int>(point)});
  if (point < 0x800) return BytesOf({static_cast<int>(0xC0 | point >> 6), low(0)});
  if (point < 0x10000) return BytesOf({static_cast<int>(0xE0 | point >> 12), low(6), low(0)});
  return BytesOf({static_cast<int>(0xF0 | point >> 18), low(12), low(6), low(0)});
}

// What section 6 of the Autobahn suite tries, by its kinds.
std::vector<std::string> Sequences() {
  std::vector<std::string> all = {
      "Hello-µ@ßöäüàá-UTF-8!!",
      "κόσμε",
      BytesOf({0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xF4, 0x90, 0x80, 0x80, 'e',
               'd'}),
      BytesOf({0xCE, 0xBA, 0xE1, 0xBD, 0xB9, 0xCF, 0x83, 0xCE, 0xBC, 0xCE, 0xB5, 0xED, 0xA0, 0x80, 'e', 'd'}),
      // The first and last of five and six bytes, which RFC 3629 does not know.
      BytesOf({0xF8, 0x88, 0x80, 0x80, 0x80}),
      BytesOf({0xFB, 0xBF, 0xBF, 0xBF, 0xBF}),
      BytesOf({0xFC, 0x84, 0x80, 0x80, 0x80, 0x80}),
      BytesOf({0xFD, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF}),
      BytesOf({0xF7, 0xBF, 0xBF, 0xBF}),
      BytesOf({0xFE}),
      BytesOf({0xFF}),
      BytesOf({0xFE, 0xFE, 0xFF, 0xFF}),
      // Overlong forms: of '/', the longest ones, and NUL.
      BytesOf({0xC0, 0xAF}),
      BytesOf({0xE0, 0x80, 0xAF}),
      BytesOf({0xF0, 0x80, 0x80, 0xAF}),
      BytesOf({0xF8, 0x80, 0x80, 0x80, 0xAF}),
      BytesOf({0xFC, 0x80, 0x80, 0x80, 0x80, 0xAF}),
      BytesOf({0xC1, 0xBF}),
      BytesOf({0xE0, 0x9F, 0xBF}),
      BytesOf({0xF0, 0x8F, 0xBF, 0xBF}),
      BytesOf({0xC0, 0x80}),
      BytesOf({0xE0, 0x80, 0x80}),
      BytesOf({0xF0, 0x80, 0x80, 0x80}),
      // Continuation bytes without a lead byte, lead bytes without continuation.
      BytesOf({0x80}),
      BytesOf({0xBF}),
      BytesOf({0x80, 0xBF, 0x80, 0xBF}),
      BytesOf({0xC2, ' '}),
      BytesOf({0xE2, 0x82, ' '}),
      BytesOf({0xF0, 0x9F, 0x98, ' '}),
      BytesOf({0xE2, 0x82}),
      BytesOf({0xF0, 0x9F, 0x98}),
      BytesOf({0xC2, 0xC2, 0x80}),
      BytesOf({0xC2, 0x80, 0x80}),
      BytesOf({0xE2, 0x82, 0xAC, 0x80}),
      BytesOf({0xF0, 0x9F, 0x98, 0x80, 0x80}),
      // Surrogates, alone and in pairs.
      BytesOf({0xED, 0xA0, 0x80}),
      BytesOf({0xED, 0xAF, 0xBF}),
      BytesOf({0xED, 0xB0, 0x80}),
      BytesOf({0xED, 0xBF, 0xBF}),
      BytesOf({0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80}),
      BytesOf({0xED, 0xAF, 0xBF, 0xED, 0xBF, 0xBF}),
      BytesOf({0xF4, 0x90, 0x80, 0x80}),
      BytesOf({0xF5, 0x80, 0x80, 0x80}),
  };
  // A character torn apart by ASCII that fills blocks.
  for (size_t between : {1, 7, 8, 9, 16, 31, 32, 33, 64, 128}) {
    all.push_back(BytesOf({0xC2}) + std::string(between, 'a') + BytesOf({0x80}));
    all.push_back(BytesOf({0xF0, 0x9F}) + std::string(between, 'a') + BytesOf({0x98, 0x80}));
  }
  for (uint32_t point : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu, 0xE000u, 0xFDD0u, 0xFFFDu, 0xFFFEu,
                         0xFFFFu, 0x10000u, 0x1FFFEu, 0xFFFFFu, 0x100000u, 0x10FFFEu, 0x10FFFFu}) {
    all.push_back(Encode(point));
  }
  return all;
}

std::string RandomText(Random& random, size_t bytes, size_t ascii_run) {
  std::string text;
  while (text.size() < bytes) {
    for (size_t i = random.Below(ascii_run + 1); i > 0; i--)
      text.push_back(static_cast<char>(random.Below(0x80)));
    constexpr uint32_t kFrom[4] = {0x80, 0x800, 0xE000, 0x10000}, kTo[4] = {0x800, 0xD800, 0x10000, 0x110000};
    const size_t kind = random.Below(4);
    text += Encode(kFrom[kind] + static_cast<uint32_t>(random.Below(kTo[kind] - kFrom[kind])));
  }
  return text;
}

TEST(utf8_known_sequences_at_every_cut) {
  OnEverySimd([] {
    for (const std::string& sequence : Sequences()) CheckEverywhere(sequence);
  });
}

TEST(utf8_fails_at_the_first_bad_byte) {
  // Autobahn 6.4: the text is refused with the byte that makes it hopeless, not at the end of the message.
  OnEverySimd([] {
    Utf8Validator validator;
    const std::string good = "κόσμε", bad = BytesOf({0xF4, 0x90});
    CHECK(validator.Push(Raw(good), good.size()));
    CHECK(validator.Complete() && !validator.ascii());
    CHECK(validator.Push(Raw(bad), 1));
    CHECK(!validator.Complete());
    CHECK(!validator.Push(Raw(bad) + 1, 1));
    validator.Reset();
    CHECK(validator.Complete() && validator.ascii());
    CHECK(validator.Push(Raw("plain"), 5));
    CHECK(validator.ascii());
  });
}

TEST(utf8_every_sequence_of_one_to_three_bytes) {
  OnEverySimd([] {
    std::string text(3, 0);
    for (uint32_t bits = 0; bits < 1 << 24; bits++) {
      for (int i = 0; i < 3; i++) text[i] = static_cast<char>(bits >> (8 * (2 - i)));
      if (ValidateUtf8(Raw(text), 3) != NaiveResult(text) && !CheckWhole(text)) return;
    }
  });
}

TEST(utf8_every_sequence_of_one_to_three_bytes_at_every_cut) {
  for (int a = 0; a < 256; a++) {
    if (!CheckEverywhere(BytesOf({a}))) return;
    for (int b = 0; b < 256; b++) {
      std::string text = BytesOf({a, b});
      if (!CheckEverywhere(text)) return;
      const bool can_begin[3] = {true, NaiveCanBegin(text.substr(0, 1)), NaiveCanBegin(text)};
      text.push_back(0);
      for (int c = 0; c < 256; c++) {
        text[2] = static_cast<char>(c);
        const Utf8Result expected = NaiveResult(text);
        for (size_t cut = 1; cut < 3; cut++) {
          if (!CheckCut(text, cut, can_begin[cut], expected)) return;
        }
      }
    }
  }
}

TEST(utf8_four_bytes_around_every_boundary) {
  OnEverySimd([] {
    constexpr int kEdges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xF0, 0xFF};
    for (int a = 0xE0; a < 256; a++) {
      for (int b = 0; b < 256; b++) {
        for (int c : kEdges) {
          for (int d : kEdges) {
            const std::string text = BytesOf({a, b, c, d});
            if (ValidateUtf8(Raw(text), 4) != NaiveResult(text) && !CheckWhole(text)) return;
          }
        }
        if (!CheckEverywhere(BytesOf({a, b, 0x80, 0xBF})) || !CheckEverywhere(BytesOf({a, b, 0xBF, 0x7F})))
          return;
      }
    }
  });
}

TEST(utf8_known_sequences_at_every_place_of_the_blocks) {
  // In ASCII and in two-byte characters, so that the sequence lies across every edge of every block size.
  OnEverySimd([] {
    for (const std::string& sequence : Sequences()) {
      for (size_t before = 0; before <= 140; before++) {
        for (size_t after : {0, 1, 2, 3, 15, 31, 32, 64, 129}) {
          std::string text = std::string(before, 'a') + sequence + std::string(after, 'z');
          if (!CheckWhole(text)) return;
          text = before % 2 == 0 ? "" : "a";
          for (size_t i = 0; i < before / 2; i++) text += "µ";
          text += sequence;
          for (size_t i = 0; i < after / 2; i++) text += "ß";
          if (!CheckWhole(text)) return;
        }
      }
    }
  });
}

TEST(utf8_an_error_at_every_place_of_random_texts) {
  OnEverySimd([] {
    Random random(11);
    for (size_t ascii_run : {0, 3, 40, 200}) {
      const std::string text = RandomText(random, 330, ascii_run);
      CHECK_EQ(Validate(text), Utf8Result::kUtf8, Hex(text));
      for (size_t at = 0; at < text.size(); at++) {
        for (int bad : {0x00, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF}) {
          std::string broken = text;
          broken[at] = static_cast<char>(bad);
          if (!CheckWhole(broken)) return;
        }
        std::string broken = text;
        broken[at] = static_cast<char>(random.Byte());
        const size_t cut = random.Below(broken.size());
        if (!CheckCut(broken, cut, NaiveCanBegin(broken.substr(0, cut)), NaiveResult(broken))) return;
        if (!CheckWhole(text.substr(0, at)) || !CheckWhole(text.substr(at))) return;
      }
    }
  });
}

TEST(utf8_random_texts_in_many_pieces) {
  OnEverySimd([] {
    for (uint64_t seed = 1; seed <= 300; seed++) {
      Random random(seed);
      const std::string text = RandomText(random, random.Below(500), random.Below(100));
      Utf8Validator validator;
      for (size_t at = 0; at < text.size();) {
        const size_t piece = std::min(text.size() - at, 1 + random.Below(70));
        if (!CHECK(validator.Push(Raw(text) + at, piece), "seed " + std::to_string(seed))) return;
        at += piece;
      }
      CHECK(validator.Complete(), "seed " + std::to_string(seed));
      CHECK_EQ(validator.ascii(), NaiveIsAscii(text), "seed " + std::to_string(seed));
    }
  });
}

TEST(utf8_ascii_of_every_length) {
  OnEverySimd([] {
    CHECK_EQ(ValidateUtf8(nullptr, 0), Utf8Result::kAscii);
    for (size_t n = 0; n <= 600; n++) {
      std::string text(n, '~');
      if (!CheckWhole(text)) return;
      for (size_t at : {size_t{0}, n / 2, n - 1}) {
        if (n == 0) break;
        std::string broken = text;
        broken[at] = static_cast<char>(0x80);
        if (!CheckWhole(broken)) return;
      }
    }
  });
}

}  // namespace
}  // namespace shared_ws::test
