// What naming the topic of a message costs: ns per message, on messages as exchanges send them, from its
// bytes to its entry in a table of 1000 topics. No socket, one thread. Run it with: node
// scripts/test-native.mjs --bench
#include <cstring>
#include <string>
#include <vector>

#include "bench/measure.h"
#include "core/bytes.h"
#include "core/simd.h"
#include "core/topic_program.h"
#include "core/topic_table.h"

namespace shared_ws {
namespace {

using Condition = TopicSource::Condition;

// Levels of a book, to about `bytes`.
std::string Levels(size_t bytes) {
  std::string levels = "[";
  for (size_t i = 0; levels.size() < bytes; i++) {
    if (i > 0) levels += ",";
    levels += "[\"" + std::to_string(27123 + i % 50) + ".4\",\"" + std::to_string(i * 7919 % 4000) +
              "\",\"0\",\"" + std::to_string(i % 9) + "\"]";
  }
  return levels + "]";
}

struct Case {
  const char* name;
  TopicSource source;
  std::string message;
};

std::vector<Case> Cases() {
  const TopicSource okx{{{"arg", "channel"}, {"arg", "instId"}, {"data"}},
                        {{"", 0}, {":", {}}, {"", 1}},
                        {{2, Condition::kPresent, ""}}};
  const TopicSource behind{{{"topic"}}, {{"", 0}}, {}};
  const std::string book = "{\"asks\":" + Levels(1000) + ",\"bids\":" + Levels(1000) + "}";
  return {
      {"ticker, topic in front",
       {{{"params", "channel"}}, {{"", 0}}, {}},
       "{\"jsonrpc\":\"2.0\",\"method\":\"subscription\",\"params\":{\"channel\":\"ticker.BTC-PERPETUAL."
       "raw\","
       "\"data\":{\"timestamp\":1626993723632,\"state\":\"open\",\"mark_price\":32104.51,\"last_price\":"
       "32110.0}}}"},
      {"ticker, first key",
       {{{"e"}, {"s"}}, {{"", 0}, {"@", {}}, {"", 1}}, {}},
       "{\"e\":\"bookTicker\",\"s\":\"BTCUSDT\",\"u\":400900217,\"b\":\"25.35190000\",\"B\":\"31."
       "21000000\"}"},
      {"pair of an array",
       {{{"0"}, {"1"}}, {{"", 0}}, {{1, Condition::kIsNot, "hb"}}},
       "[266343,[[27123.4,3,0.5],[27122,1,1.25]]]"},
      {"book, `when` it has data", okx,
       "{\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"},\"action\":\"update\",\"data\":[" + book +
           "]}"},
      {"key behind a book", behind, "{\"data\":" + book + ",\"topic\":\"orderbook.50.BTCUSDT\"}"},
      {"book without the key", behind, "{\"type\":\"snapshot\",\"data\":" + book + ",\"ts\":1672304484978}"},
      {"key behind text", behind, "{\"data\":\"" + std::string(2000, 'x') + "\",\"topic\":\"a\"}"},
      {"key behind numbers", behind,
       "{\"data\":[" +
           [] {
             std::string numbers = "0";
             while (numbers.size() < 2000) numbers += ",27123.45";
             return numbers;
           }() +
           "],\"topic\":\"a\"}"},
      {"acknowledgement", okx,
       "{\"event\":\"subscribe\",\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"}}"},
  };
}

void MeasureCase(const Case& it) {
  TopicProgram program;
  if (const char* error = program.Compile(it.source)) {
    std::printf("%s: %s\n", it.name, error);
    return;
  }
  TopicTable table(0x9E3779B97F4A7C15, 0xD1B54A32D192ED03);
  for (int i = 0; i < 1000; i++) table.Watch("books:COIN" + std::to_string(i) + "-USDT");
  Bytes message;
  if (!message.Append(reinterpret_cast<const uint8_t*>(it.message.data()), it.message.size())) return;
  uint8_t topic[TopicProgram::kMaxTopicBytes];
  if (const size_t size = program.TopicOf(message.data(), message.size(), topic); size > 0) {
    table.Watch({reinterpret_cast<const char*>(topic), size});
  }
  double now = 1;
  bench::Measure(it.name, message.size(), 1, [&] {
    bench::Used(message.data());
    const size_t size = program.TopicOf(message.data(), message.size(), topic);
    const uint32_t handle = size == 0 ? 0 : table.See(topic, size, now++);
    bench::Used(&handle);
  });
}

}  // namespace
}  // namespace shared_ws

int main() {
  for (shared_ws::Simd simd : {shared_ws::ActiveSimd(), shared_ws::Simd::kSse2, shared_ws::Simd::kScalar}) {
    if (!shared_ws::ForceSimd(simd)) continue;
    shared_ws::bench::PrintHead(shared_ws::SimdName());
    for (const shared_ws::Case& it : shared_ws::Cases()) shared_ws::MeasureCase(it);
  }
}
