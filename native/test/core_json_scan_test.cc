#include <memory>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/json_scan.h"
#include "core/json_text.h"
#include "test/core_allocations.h"
#include "test/core_json_reference.h"
#include "test/core_support.h"
#include "test/harness.h"

namespace shared_ws::test {
namespace {

using Paths = std::vector<ReferencePath>;

ReferencePath PathOf(std::string_view dotted, bool wants_text = true) {
  ReferencePath path{{""}, wants_text};
  for (const char c : dotted) {
    if (c == '.')
      path.elements.emplace_back();
    else
      path.elements.back() += c;
  }
  return path;
}

// The values of a scan that must be the same on every vector path, at some alignments, and by the reference.
std::string Scanned(const Paths& paths, std::string_view text) {
  const std::string expected = Show(ReferenceScan(paths, text));
  OnEverySimd([&] {
    for (const size_t shift : {0, 1, 15, 31, 63}) {
      CHECK_EQ(Show(ScannedValues(paths, text, shift)), expected,
               std::string(SimdName()) + " shifted by " + std::to_string(shift) + ": " + std::string(text));
    }
  });
  return expected;
}

std::string TextOf(std::string_view text) {
  return "3 '" + std::string(text) + "' ";
}
const std::string kAbsent = "0 '' ", kPresent = "1 '' ", kTooLong = "2 '' ", kUndecided = "undecided";

}  // namespace

TEST(json_scan_finds_values_where_exchanges_put_them) {
  const std::string deribit =
      R"({"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.X.raw","data":{"bids":[[1,2]]}}})";
  CHECK_EQ(Scanned({PathOf("params.channel")}, deribit), TextOf("book.X.raw"));
  const std::string okx =
      R"({"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["1","2"]]}]})";
  CHECK_EQ(Scanned({PathOf("arg.channel"), PathOf("arg.instId"), PathOf("data", false)}, okx),
           TextOf("books") + TextOf("BTC-USDT") + kPresent);
  CHECK_EQ(Scanned({PathOf("arg.channel"), PathOf("data", false)},
                   R"({"event":"subscribe","arg":{"channel":"b"}})"),
           TextOf("b") + kAbsent);
  CHECK_EQ(Scanned({PathOf("0"), PathOf("1")}, R"([266343,"hb"])"), TextOf("266343") + TextOf("hb"));
  CHECK_EQ(Scanned({PathOf("0"), PathOf("1")}, "[266343,[1,2]]"), TextOf("266343") + kPresent);
  CHECK_EQ(Scanned({PathOf("data.0.s")}, R"({"data":[{"p":1.50,"s":"X"},{"s":"Y"}]})"), TextOf("X"));
  CHECK_EQ(Scanned({PathOf("data.1.s")}, R"({"data":[{"p":1.50,"s":"X"},{"s":"Y"}]})"), TextOf("Y"));
}

TEST(json_scan_takes_values_as_their_text) {
  const Paths a{PathOf("a")};
  CHECK_EQ(Scanned(a, R"({"a":1.10e+2})"), TextOf("1.10e+2"), "numbers stay exact");
  CHECK_EQ(Scanned(a, R"({"a":null})"), TextOf("null"));
  CHECK_EQ(Scanned(a, R"({"a":""})"), TextOf(""));
  CHECK_EQ(Scanned(a, R"({"a":{}})"), kPresent);
  CHECK_EQ(Scanned(a, R"({"a":[1]})"), kPresent);
  CHECK_EQ(Scanned(a, R"({"b":1})"), kAbsent);
  CHECK_EQ(Scanned(a, R"({})"), kAbsent);
  CHECK_EQ(Scanned(a, R"([])"), kAbsent);
  CHECK_EQ(Scanned(a, R"(["a"])"), kAbsent);
  CHECK_EQ(Scanned(a, "\t{\r\n\"a\" :\t\"x\"\n}"), TextOf("x"));
  CHECK_EQ(Scanned({PathOf("0")}, R"({"0":"key"})"), TextOf("key"));
  CHECK_EQ(Scanned({PathOf("00")}, "[5]"), kAbsent);
  CHECK_EQ(Scanned({PathOf("10")}, "[0,1,2,3,4,5,6,7,8,9,\"ten\"]"), TextOf("ten"));
}

TEST(json_scan_stops_when_all_is_decided) {
  const Paths a{PathOf("a")};
  CHECK_EQ(Scanned(a, R"({"a":"x" and nothing that follows matters)"), TextOf("x"));
  CHECK_EQ(Scanned({PathOf("a", false)}, R"({"a":")"), kPresent, "an existing value need not end");
  CHECK_EQ(Scanned(a, R"({"a":[)"), kPresent, "nor a container of which text was wanted");
  CHECK_EQ(Scanned(a, R"({"a":12)"), kUndecided, "a scalar that may go on");
  CHECK_EQ(Scanned(a, R"({"a":12 )"), TextOf("12"));
  CHECK_EQ(Scanned(a, R"({"a":"x)"), kUndecided);
  CHECK_EQ(Scanned(a, R"({"b":1)"), kUndecided);
  CHECK_EQ(Scanned(a, R"({"b":1}})"), kAbsent, "behind the root nothing matters");
  CHECK_EQ(Scanned({}, "not JSON"), "", "nothing is wanted");
}

TEST(json_scan_takes_the_first_of_equal_keys) {
  CHECK_EQ(Scanned({PathOf("a")}, R"({"a":"1","a":"2"})"), TextOf("1"));
  CHECK_EQ(Scanned({PathOf("a.b"), PathOf("c")}, R"({"a":{"x":0},"a":{"b":"2"},"c":3})"),
           kAbsent + TextOf("3"));
  CHECK_EQ(Scanned({PathOf("a.b"), PathOf("c")}, R"({"a":7,"a":{"b":"2"},"c":3})"), kAbsent + TextOf("3"));
  CHECK_EQ(Scanned({PathOf("a"), PathOf("a.b", false), PathOf("a")}, R"({"a":{"b":1}})"),
           kPresent + kPresent + kPresent);
}

TEST(json_scan_decodes_escapes) {
  const Paths a{PathOf("a")};
  CHECK_EQ(Scanned(a, R"({"a":"\"\\\/\b\f\n\r\t"})"), TextOf("\"\\/\b\f\n\r\t"));
  CHECK_EQ(Scanned(a, R"({"a":"\u0041\u00e9\u20AC\uD83d\ude00"})"),
           TextOf("A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  CHECK_EQ(Scanned(a, R"({"\u0061":"x"})"), TextOf("x"));
  CHECK_EQ(Scanned(a, R"({"a\\":"no","\"":1,"a":"x"})"), TextOf("x"));
  for (const char* bad : {R"(\x)", R"(\u12)", R"(\u12g4)", R"(\ud83d)", R"(\ud83d\u0041)", R"(\ud83dxxxxxx)",
                          R"(\ude00)", R"(\ud83d\ud83d)", R"(\ud83d\u12)", R"(\U0041)"}) {
    CHECK_EQ(Scanned(a, "{\"a\":\"" + std::string(bad) + "\"}"), kUndecided);
    CHECK_EQ(Scanned(a, "{\"" + std::string(bad) + "\":1,\"a\":2}"), kUndecided);
    CHECK_EQ(Scanned(a, "{\"b\":\"" + std::string(bad) + "\",\"a\":2}"), TextOf("2"), "nobody looks at it");
    CHECK_EQ(Scanned(a, "{\"b\":[\"" + std::string(bad) + "\"],\"a\":2}"), TextOf("2"));
  }
}

TEST(json_scan_refuses_what_does_not_fit) {
  const Paths a{PathOf("a")};
  for (const char* text : {"",
                           " ",
                           "a",
                           "1",
                           "\"a\"",
                           "null",
                           "\xEF\xBB\xBF{\"a\":1}",
                           ",",
                           "}",
                           "{",
                           "[",
                           "{,",
                           "{a:1}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":,",
                           "{\"a\" 1}",
                           "{\"b\":1,}",
                           "{\"b\":1]",
                           "{\"b\":1 2,\"a\":3}",
                           "{\"b\":\"x\"\"y\",\"a\":3}",
                           "{\"b\":[},\"a\":3",
                           "{]",
                           "[}",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{\"b\":\x01,\"a\":1}",
                           "{\"a\":\x01}",
                           "{\"a\":\x0B"
                           "1}",
                           "{'a':1}",
                           "{\"b\":{\"c\":1}"}) {
    CHECK_EQ(Scanned(a, text), kUndecided);
  }
  CHECK_EQ(Scanned(a, R"({"b":tru"[,"a":1})"), TextOf("1"), "scalars are not looked at");
  CHECK_EQ(Scanned(a, R"({"a"::1})"), TextOf(":1"));
  CHECK_EQ(Scanned(a, R"({"b":1;"a":2})"), kAbsent);
  CHECK_EQ(Scanned(a, R"({"b":[}{],"a":1})"), kUndecided, "brackets balance across kinds: [} is a container");
  CHECK_EQ(Scanned(a, R"({"b":[},"a":1})"), TextOf("1"));
  CHECK_EQ(Scanned(a, R"({"b":[\"],"a":1})"), TextOf("1"), "a backslash hides a quote outside strings");
  CHECK_EQ(Scanned(a, R"({"b":[\]],"a":1})"), TextOf("1"));
  CHECK_EQ(Scanned({PathOf("b.c"), PathOf("a")}, R"({"b":{"c":1 ],"a":2})"), TextOf("1") + TextOf("2"),
           "the rest of a container is skipped");
}

TEST(json_scan_bounds_texts_and_paths) {
  const std::string just(256, 'x');
  CHECK_EQ(Scanned({PathOf("a")}, "{\"a\":\"" + just + "\"}"), TextOf(just));
  CHECK_EQ(Scanned({PathOf("a")}, "{\"a\":\"" + just + "y\"}"), kTooLong);
  CHECK_EQ(Scanned({PathOf("a")}, "{\"a\":" + just + "}"), TextOf(just));
  CHECK_EQ(Scanned({PathOf("a")}, "{\"a\":" + just + "1}"), kTooLong);
  CHECK_EQ(Scanned({PathOf("a")}, "{\"a\":\"" + just.substr(1) + "\\n\"}"), TextOf(just.substr(1) + "\n"));
  CHECK_EQ(Scanned({PathOf("a")}, "{\"a\":\"" + just + "\\n\"}"), kTooLong);
  CHECK_EQ(Scanned({PathOf("a")}, "{\"a\":\"" + just + "\\x\"}"), kUndecided);
  CHECK_EQ(Scanned({PathOf(just)}, "{\"" + just + "\":1}"), TextOf("1"));
  CHECK_EQ(Scanned({PathOf(just)}, "{\"" + just + "x\":1}"), kAbsent);
  CHECK_EQ(Scanned({PathOf(just)}, "{\"" + just + "\\n\":1}"), kAbsent);
  CHECK_EQ(Scanned({PathOf("abcdefgh1"), PathOf("abcdefgh"), PathOf("")},
                   R"({"abcdefgh2":0,"abcdefgh":1,"":2,"abcdefgh1":3})"),
           TextOf("3") + TextOf("1") + TextOf("2"));

  JsonPaths paths;
  const std::vector<std::string_view> deep(JsonPaths::kMaxDepth + 1, "d");
  CHECK(!paths.Add(deep.data(), deep.size(), true));
  CHECK(!paths.Add(deep.data(), 0, true));
  const std::string_view long_element = just;
  CHECK(paths.Add(deep.data(), JsonPaths::kMaxDepth, true));
  CHECK(!paths.Add(&long_element, 1, true), "no room for so many bytes");
  for (size_t i = 1; i < JsonPaths::kMaxPaths; i++) CHECK(paths.Add(deep.data(), 1, true));
  CHECK(!paths.Add(deep.data(), 1, true));
  CHECK_EQ(paths.size(), JsonPaths::kMaxPaths);

  std::string sixteen = "d", open = "{\"d\":", close;
  for (size_t i = 1; i < JsonPaths::kMaxDepth; i++) sixteen += ".d";
  std::string text;
  for (size_t i = 0; i < JsonPaths::kMaxDepth; i++) text += open;
  CHECK_EQ(Scanned({PathOf(sixteen)}, text + "\"deep\""), TextOf("deep"));
}

TEST(json_scan_skips_what_is_large_or_deep) {
  const Paths a{PathOf("a")};
  std::string brackets;
  for (size_t i = 0; i < 100'000; i++) brackets += i % 3 == 0 ? '{' : '[';
  CHECK_EQ(Scanned(a, brackets), kUndecided);
  CHECK_EQ(Scanned(a, "{\"b\":" + brackets), kUndecided);
  CHECK_EQ(Scanned(a, "{\"b\":" + brackets + std::string(brackets.size(), ']') + ",\"a\":1}"), TextOf("1"));
  CHECK_EQ(Scanned(a, "{\"b\":" + brackets + std::string(brackets.size() - 1, ']') + ",\"a\":1}"),
           kUndecided);
  const std::string large(300'000, 'x'), slashes(100'000, '\\');
  CHECK_EQ(Scanned(a, "{\"b\":\"" + large + "\",\"a\":1}"), TextOf("1"));
  CHECK_EQ(Scanned(a, "{\"b\":\"" + slashes + "\",\"a\":1}"), TextOf("1"));
  CHECK_EQ(Scanned(a, "{\"b\":[\"" + slashes + "\"],\"a\":1}"), TextOf("1"));
  CHECK_EQ(Scanned(a, "{\"b\":[\"" + slashes + "\\\"],\"a\":1}"), kUndecided);
  CHECK_EQ(Scanned(a, "{\"b\":" + large + ",\"a\":1}"), TextOf("1"));
  CHECK_EQ(Scanned(a, "{" + std::string(100'000, ' ') + "\"a\":1}"), TextOf("1"));
}

// A container ends, and a string with brackets and backslashes, at every place of a block and its neighbours.
TEST(json_scan_skips_at_every_place_of_a_block) {
  const Paths a{PathOf("a")};
  for (size_t pad = 0; pad < 140; pad++) {
    const std::string fill(pad, ' ');
    CHECK_EQ(Scanned(a, "{\"b\":[" + fill + "],\"a\":1}"), TextOf("1"));
    CHECK_EQ(Scanned(a, "{\"b\":[" + fill + "\"]}\\\\\\\"]\"],\"a\":1}"), TextOf("1"));
    CHECK_EQ(Scanned(a, "{\"b\":[\"" + fill + "\\\\\",[],{},[{}]],\"a\":1}"), TextOf("1"));
    CHECK_EQ(Scanned(a, "{\"b\":\"" + fill + "\\\\\\\"\",\"a\":1}"), TextOf("1"));
    CHECK_EQ(Scanned(a, "{\"b\":[" + fill), kUndecided);
    CHECK_EQ(Scanned(a, "{\"b\":[" + fill + "]"), kUndecided);
    CHECK_EQ(Scanned(a, "{\"b\":[\"" + fill), kUndecided);
    CHECK_EQ(Scanned(a, "{\"b\":\"" + fill), kUndecided);
    CHECK_EQ(Scanned(a, "{\"b\":\"" + fill + "\\"), kUndecided);
  }
}

TEST(json_scan_of_every_prefix_is_the_references) {
  const Paths paths{PathOf("arg.channel"), PathOf("arg.instId"), PathOf("data", false),
                    PathOf("data.0.asks.1.0")};
  const std::string message =
      R"({ "event" : null , "arg":{"channel":"b\u00f6\"ok","x":[[{"]":"\\"}]],"instId":-1.5E3},"a":true,)"
      R"("data":[{"bids":[["1","2"],["3","4"]],"asks":[["5","6"],["7","8"]]},{"asks":[]}],"tail":[1,2]})";
  for (size_t n = 0; n <= message.size(); n++) Scanned(paths, std::string_view(message).substr(0, n));
  CHECK_EQ(Scanned(paths, message), TextOf("b\xC3\xB6\"ok") + TextOf("-1.5E3") + kPresent + TextOf("7"));
}

// Texts that are nearly JSON, of pieces that matter to the scan.
TEST(json_scan_of_any_text_is_the_references) {
  static constexpr const char* kPieces[] = {"{",       "}",        "[",        "]",
                                            ",",       ":",        "\"",       "\\",
                                            " ",       "\"a\"",    "\"b\"",    "\"a\":",
                                            "\"b\":",  "\"\":",    "1,",       "null",
                                            "\"x\"",   "{}",       "[]",       "\"\\u0061\":",
                                            "\n",      "\"\\\\\"", "\"\\\"\"", "[[1,2],[3,4]]",
                                            "{\"a\":", "{\"b\":[", "]}",       "\"\\ud83d\\ude00\"",
                                            "\"\\x\"", "\x01",     "é"};
  const std::vector<Paths> plans{
      {PathOf("a")},
      {PathOf("a.b"), PathOf("b", false)},
      {PathOf("a.a.a"), PathOf("a.b"), PathOf("a", false), PathOf("b.0")},
      {PathOf("0"), PathOf("1.a"), PathOf("1.0")},
      {PathOf("a"), PathOf("b"), PathOf(""), PathOf("a.0"), PathOf("b.1.b"), PathOf("2"), PathOf("b.a"),
       PathOf("x")},
  };
  Random random(6);
  size_t decided = 0;
  for (int round = 0; round < 30'000; round++) {
    std::string text(random.OneIn(3) ? "" : random.OneIn(2) ? "{" : "[");
    for (size_t left = random.Below(40); left > 0; left--) text += kPieces[random.Below(std::size(kPieces))];
    const Paths& paths = plans[random.Below(plans.size())];
    const std::string expected = Show(ReferenceScan(paths, text));
    if (expected != kUndecided) decided++;
    OnEverySimd([&] {
      CHECK_EQ(Show(ScannedValues(paths, text, random.Below(64))), expected,
               std::string(SimdName()) + ": " + text);
    });
  }
  CHECK(decided > 1000, std::to_string(decided));
}

TEST(json_scan_allocates_nothing) {
  JsonPaths paths;
  const std::string_view elements[] = {"b", "c"};
  REQUIRE(paths.Add(elements, 2, true));
  Bytes text;
  const std::string source = R"({"a":[[["\u0061"]]],"b":{"\u0063":"\u00e9"}})";
  REQUIRE(text.Append(Raw(source), source.size()));
  const auto values = std::make_unique<JsonValues>();
  allocations = {};
  CHECK(ScanJson(paths, text.data(), text.size(), values.get()));
  CHECK_EQ(allocations.calls, size_t{0});
}

}  // namespace shared_ws::test
