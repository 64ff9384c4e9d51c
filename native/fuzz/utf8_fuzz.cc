#include "core/utf8.h"
#include "support.h"

// Texts, valid and not, against the reference: validated at once with every set of vector instructions and
// from every alignment, and in pieces, where bad text must be told at the first byte that no valid text can
// have there. Input: one byte that seeds the pieces and chooses how often the text is repeated, then the
// text.
namespace shared_ws::fuzz {
namespace {

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
}

void CheckAtOnce(std::string_view text, Utf8Verdict verdict) {
  const Utf8Result expected = verdict != Utf8Verdict::kValid ? Utf8Result::kInvalid
                              : IsAscii(text)                ? Utf8Result::kAscii
                                                             : Utf8Result::kUtf8;
  for (const size_t shift : {0, 1, 7}) {
    // Ends where its memory ends: nothing behind the text may be read.
    const std::unique_ptr<uint8_t[]> memory(new uint8_t[shift + text.size()]);
    if (!text.empty()) std::memcpy(memory.get() + shift, text.data(), text.size());
    test::OnEverySimd(
        [&] { CHECK(ValidateUtf8(memory.get() + shift, text.size()) == expected, SimdName()); });
  }
}

void CheckInPieces(std::string_view text, uint8_t seed, size_t longest) {
  text = text.substr(0, 600);  // the reference judges every beginning of it
  test::Random random(seed);
  Utf8Validator validator;
  for (size_t at = 0; at < text.size();) {
    const size_t size = std::min(text.size() - at, random.Below(longest + 1));
    const std::unique_ptr<uint8_t[]> memory(new uint8_t[size]);
    if (size > 0) std::memcpy(memory.get(), text.data() + at, size);
    at += size;
    const std::string_view so_far = text.substr(0, at);
    const Utf8Verdict verdict = JudgeUtf8(so_far);
    CHECK_EQ(validator.Push(memory.get(), size), verdict != Utf8Verdict::kHopeless,
             std::to_string(at) + " bytes");
    if (verdict == Utf8Verdict::kHopeless) return;
    CHECK_EQ(validator.Complete(), verdict == Utf8Verdict::kValid, std::to_string(at) + " bytes");
    CHECK_EQ(validator.ascii(), IsAscii(so_far));
  }
}

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws::fuzz;
  Input input(data, size);
  const uint8_t seed = input.Byte();
  const std::string_view part = input.Rest();
  // Long enough for the roads of long texts, which no short input takes.
  std::string text;
  for (size_t copies = seed % 4 == 3 ? 1 + 300 / (part.size() + 1) : 1; copies > 0; copies--) text += part;
  CheckAtOnce(text, JudgeUtf8(text));
  for (const size_t longest : {1, 3, 40}) CheckInPieces(text, seed, longest);
  return 0;
}
