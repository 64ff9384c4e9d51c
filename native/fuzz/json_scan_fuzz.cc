#include "core/json_scan.h"
#include "support.h"
#include "test/core_json_reference.h"

// Texts that are JSON, nearly, or not at all, and up to eight paths: what is found must be what the reference
// finds, with every set of vector instructions, from every alignment, and cut short anywhere. Input: one byte
// for the number of paths, one per path, one that seeds the cut and stretches the text, then the text; if
// that one has its high bit, a byte for each piece of it.
namespace shared_ws::fuzz {
namespace {

const std::vector<std::vector<std::string>>& Paths() {
  static const std::vector<std::vector<std::string>> paths{
      {"a"},      {"b"},          {"a", "b"},      {"a", "a", "a"}, {"0"}, {"1"},
      {"0", "a"}, {"1", "0"},     {"a", "0", "b"}, {"b", "1"},      {""},  {"10"},
      {"a", "1"}, {"longer key"}, {"é"},           {"b", "a", "0"}};
  return paths;
}

// Spaces become many, so that what is around them stands at any place of a block, also several blocks away.
std::string Stretched(std::string_view text, size_t times) {
  std::string stretched;
  for (const char c : text) stretched.append(c == ' ' ? times : 1, c);
  return stretched;
}

// What matters to a scan. Fuzzing finds its way to structures faster than through single bytes.
std::string OfPieces(std::string_view choices) {
  static constexpr const char* kPieces[] = {"{",         "}",         "[",      "]",       ",",
                                            ":",         "\"",        "\\",     " ",       "{\"a\":",
                                            ",\"b\":",   "\"a\":",    "\"b\"",  "\"x\"",   "1",
                                            "0,1",       "\"\\",      "\"]\"",  "[[1,2]]", "\"\\u0061\":",
                                            "\"\\ud83d", "\\ude00\"", "\\n",    "\\x",     "null",
                                            "\n",        "\" ]\"",    "[\" \"", "{}",      "\"b\":[\"",
                                            "\x01",      "é",         "\",",    "\":",     "]}",
                                            "{\"b\":"};
  std::string text;
  for (const char choice : choices) text += kPieces[static_cast<uint8_t>(choice) % std::size(kPieces)];
  return text;
}

void Compare(const std::vector<test::ReferencePath>& paths, std::string_view text, size_t shift) {
  const std::string expected = test::Show(test::ReferenceScan(paths, text));
  test::OnEverySimd([&] {
    CHECK_EQ(test::Show(test::ScannedValues(paths, text, shift)), expected,
             std::string(SimdName()) + ": " + std::string(text));
  });
}

}  // namespace
}  // namespace shared_ws::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace shared_ws::fuzz;
  Input input(data, size);
  std::vector<shared_ws::test::ReferencePath> paths;
  for (size_t count = input.Below(8) + 1; count > 0; count--) {
    const uint8_t choice = input.Byte();
    paths.push_back({Paths()[choice % 16], (choice & 16) == 0});
  }
  const uint8_t seed = input.Byte();
  const std::string_view rest = input.Rest();
  const std::string given = (seed & 0x80) == 0 ? std::string(rest) : OfPieces(rest.substr(0, 500));
  const std::string text = Stretched(given, seed % 5 == 4 ? seed & 0x7F : 1);
  Compare(paths, text, seed % 64);
  shared_ws::test::Random random(seed);
  for (int cuts = 0; cuts < 3; cuts++) {
    Compare(paths, std::string_view(text).substr(0, random.Below(text.size() + 1)), random.Below(64));
  }
  return 0;
}
