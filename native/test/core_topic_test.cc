#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/topic_program.h"
#include "core/topic_table.h"
#include "test/core_json_reference.h"
#include "test/core_support.h"
#include "test/harness.h"

namespace shared_ws::test {
namespace {

using Condition = TopicSource::Condition;

std::string TopicOf(const TopicSource& source, std::string_view message) {
  const auto program = std::make_unique<TopicProgram>();
  const char* error = program->Compile(source);
  if (error != nullptr) return std::string("refused: ") + error;
  const std::string topic = ProgramTopic(*program, message);
  CHECK_EQ(topic, ReferenceTopic(source, message), std::string(message));
  return topic;
}

const TopicSource kOkx{{{"arg", "channel"}, {"arg", "instId"}, {"data"}},
                       {{"", 0}, {":", {}}, {"", 1}},
                       {{2, Condition::kPresent, ""}}};

uint32_t See(TopicTable& table, std::string_view topic, double now_us) {
  return table.See(Raw(topic), topic.size(), now_us);
}

}  // namespace

TEST(topic_program_makes_the_topic_of_its_key) {
  CHECK_EQ(TopicOf(kOkx, R"({"arg":{"channel":"books","instId":"BTC-USDT"},"data":[]})"), "books:BTC-USDT");
  CHECK_EQ(TopicOf(kOkx, R"({"data":[],"arg":{"instId":"BTC-USDT","channel":"books"}})"), "books:BTC-USDT");
  CHECK_EQ(TopicOf(kOkx, R"({"arg":{"channel":"books"},"data":[]})"), "");
  CHECK_EQ(TopicOf(kOkx, R"({"arg":{"channel":"books","instId":[1]},"data":[]})"), "");
  CHECK_EQ(TopicOf(kOkx, "pong"), "");
  CHECK_EQ(TopicOf({{{"a"}}, {{"", 0}, {"-", {}}, {"", 0}}, {}}, R"({"a":1.0})"), "1.0-1.0");
  CHECK_EQ(TopicOf({{{"a"}}, {{"", 0}}, {}}, R"({"a":""})"), "", "an empty topic is none");
  CHECK_EQ(TopicOf({{}, {{"all", {}}}, {}}, "not JSON"), "all");
}

TEST(topic_program_asks_its_conditions) {
  CHECK_EQ(TopicOf(kOkx, R"({"event":"subscribe","arg":{"channel":"b","instId":"X"}})"), "");
  CHECK_EQ(TopicOf(kOkx, R"({"arg":{"channel":"b","instId":"X"},"data":null})"), "b:X", "null is there");
  const TopicSource bitfinex{{{"0"}, {"1"}}, {{"", 0}}, {{1, Condition::kIsNot, "hb"}}};
  CHECK_EQ(TopicOf(bitfinex, "[266343,[1,2]]"), "266343");
  CHECK_EQ(TopicOf(bitfinex, "[266343,\"te\",[1,2]]"), "266343");
  CHECK_EQ(TopicOf(bitfinex, "[266343,\"hb\"]"), "");
  CHECK_EQ(TopicOf(bitfinex, "[266343,\"h\\u0062\"]"), "");
  CHECK_EQ(TopicOf(bitfinex, "[266343]"), "266343", "absent is not it");
  const TopicSource is{{{"t"}, {"s"}}, {{"", 1}}, {{0, Condition::kIs, "1.0"}}};
  CHECK_EQ(TopicOf(is, R"({"s":"x","t":1.0})"), "x");
  CHECK_EQ(TopicOf(is, R"({"s":"x","t":"1.0"})"), "x");
  CHECK_EQ(TopicOf(is, R"({"s":"x","t":1.00})"), "", "as it is written");
  CHECK_EQ(TopicOf(is, R"({"s":"x"})"), "");
  CHECK_EQ(TopicOf(is, R"({"s":"x","t":{}})"), "");
  const std::string just(256, 'x');
  const TopicSource is_long{
      {{"t"}, {"s"}}, {{"", 1}}, {{0, Condition::kIs, just}, {0, Condition::kIsNot, "y"}}};
  CHECK_EQ(TopicOf(is_long, "{\"s\":1,\"t\":\"" + just + "\"}"), "1");
  CHECK_EQ(TopicOf(is_long, "{\"s\":1,\"t\":\"" + just + "x\"}"), "");
}

TEST(topic_program_bounds_topics) {
  const TopicSource pair{{{"a"}, {"b"}}, {{"", 0}, {":", {}}, {"", 1}}, {}};
  const std::string half(127, 'h');
  CHECK_EQ(TopicOf(pair, "{\"a\":\"" + half + "\",\"b\":\"" + half + "b\"}"), half + ":" + half + "b",
           "256 bytes");
  CHECK_EQ(TopicOf(pair, "{\"a\":\"" + half + "\",\"b\":\"" + half + "bb\"}"), "");
  CHECK_EQ(TopicOf(pair, "{\"a\":\"x\",\"b\":\"" + half + half + half + "\"}"), "");
}

TEST(topic_program_refuses_sources_that_make_no_sense) {
  const auto refused = [](const TopicSource& source) {
    return std::make_unique<TopicProgram>()->Compile(source) != nullptr;
  };
  const TopicSource good{{{"a"}}, {{"", 0}}, {{0, Condition::kPresent, ""}}};
  CHECK(!refused(good));
  TopicSource bad = good;
  bad.key[0].path = 1;
  CHECK(refused(bad));
  bad = good;
  bad.when[0].path = SIZE_MAX;
  CHECK(refused(bad));
  bad = good;
  bad.when[0].operand.assign(257, 'x');
  CHECK(refused(bad));
  bad = good;
  bad.when.assign(17, good.when[0]);
  CHECK(refused(bad));
  bad = good;
  bad.key.clear();
  CHECK(refused(bad));
  bad.key.assign(33, good.key[0]);
  CHECK(refused(bad));
  bad.key.assign(2, {std::string(129, 'x'), {}});
  CHECK(refused(bad));
  bad = good;
  bad.paths.assign(9, {"a"});
  CHECK(refused(bad));
  bad.paths.assign(1, {});
  CHECK(refused(bad));
  bad.paths.assign(1, std::vector<std::string>(17, "a"));
  CHECK(refused(bad));
  bad.paths.assign(2, {std::string(129, 'x')});
  CHECK(refused(bad));
}

TEST(topic_table_remembers_what_is_watched) {
  TopicTable table(1, 2);
  CHECK_EQ(See(table, "a", 1), 0u, "nobody watches it");
  const uint32_t a = table.Watch("a"), b = table.Watch("b");
  CHECK(a != 0 && b != 0 && a != b);
  CHECK_EQ(table.Watch("a"), a);
  CHECK_EQ(table.SeenUs(a), 0.0, "it came before");
  CHECK_EQ(See(table, "a", 5), a);
  CHECK_EQ(See(table, "c", 6), 0u);
  CHECK_EQ(table.SeenUs(a), 5.0);
  CHECK_EQ(table.SeenUs(b), 0.0);
  const uint32_t empty = table.Watch("");
  CHECK_EQ(See(table, "", 7), empty);
  const std::string large(5000, 'x');
  CHECK(table.Watch(large) != 0);
  CHECK_EQ(table.Watch(large), table.Watch(large));
  CHECK_EQ(table.size(), size_t{4});
  CHECK(table.memory_bytes() > large.size());
  table.Unwatch(table.Watch(large));
  CHECK(table.memory_bytes() < large.size(), "and gives it back");
}

TEST(topic_table_tells_always_then_once) {
  TopicTable table(3, 4);
  const uint32_t a = table.Watch("a");
  CHECK_EQ(See(table, "a", 1), a);
  CHECK_EQ(See(table, "a", 2), a);
  table.Arm(a);
  CHECK_EQ(See(table, "a", 3), a);
  CHECK_EQ(See(table, "a", 4), 0u);
  CHECK_EQ(table.Watch("a"), a);
  CHECK_EQ(See(table, "a", 5), 0u, "to watch it again changes nothing");
  CHECK_EQ(table.SeenUs(a), 5.0);
  table.Arm(a);
  table.Arm(a);
  CHECK_EQ(See(table, "a", 6), a);
  CHECK_EQ(See(table, "a", 7), 0u);
}

TEST(topic_table_handles_name_one_topic_only) {
  TopicTable table(5, 6);
  const uint32_t a = table.Watch("a");
  See(table, "a", 1);
  table.Unwatch(a);
  table.Unwatch(a);
  CHECK_EQ(table.size(), size_t{0});
  CHECK_EQ(table.SeenUs(a), 0.0);
  CHECK_EQ(See(table, "a", 2), 0u);
  const uint32_t b = table.Watch("b");
  CHECK(b != a);
  table.Arm(a);
  CHECK_EQ(See(table, "b", 3), b);
  CHECK_EQ(See(table, "b", 3), b, "the old handle arms nothing");
  table.Unwatch(a);
  CHECK_EQ(table.SeenUs(b), 3.0);
  const uint32_t again = table.Watch("a");
  CHECK(again != a && again != b);
  CHECK_EQ(table.SeenUs(again), 0.0);
  for (const uint32_t wrong : {0u, 1u, UINT32_MAX, 0xFFFFu, 0x10000u ^ 0xFFFFu}) {
    table.Unwatch(wrong);
    table.Arm(wrong);
    CHECK_EQ(table.SeenUs(wrong), 0.0);
  }
  CHECK_EQ(table.size(), size_t{2});
  // Its places go round; a handle is never 0.
  uint32_t last = again;
  for (int i = 0; i < 70'000; i++) {
    table.Unwatch(last);
    const uint32_t next = table.Watch("a");
    if (next == 0 || next == last) CHECK(false, std::to_string(i));
    last = next;
  }
}

TEST(topic_table_is_bounded) {
  TopicTable table(7, 8);
  std::vector<uint32_t> handles;
  for (size_t i = 0; i < TopicTable::kMaxTopics; i++) handles.push_back(table.Watch("t" + std::to_string(i)));
  CHECK_EQ(std::set<uint32_t>(handles.begin(), handles.end()).size(), TopicTable::kMaxTopics);
  CHECK_EQ(table.Watch("one more"), 0u);
  CHECK_EQ(table.Watch("t17"), handles[17], "it is watched already");
  CHECK_EQ(See(table, "t65535", 1), handles[65535]);
  table.Unwatch(handles[3]);
  CHECK(table.Watch("one more") != 0);
  CHECK_EQ(table.Watch("t3"), 0u);
  for (size_t i = 0; i < handles.size(); i++) {
    if (i == 3) continue;
    if (See(table, "t" + std::to_string(i), 2) != handles[i]) CHECK(false, std::to_string(i));
  }
}

// Against a map, with few topics and many operations, so that chains form and are closed up again.
TEST(topic_table_does_as_a_map) {
  struct Row {
    uint32_t handle;
    double seen_us;
    int told;  // 2 always, 1 once, 0 never
  };
  for (uint64_t seed = 0; seed < 20; seed++) {
    Random random(seed);
    TopicTable table(random.Next(), random.Next());
    std::map<std::string, Row> model;
    for (int step = 1; step <= 4000; step++) {
      const std::string topic = std::string(random.Below(20), 't') + std::to_string(random.Below(40));
      const auto row = model.find(topic);
      switch (random.Below(5)) {
        case 0: {
          const uint32_t handle = table.Watch(topic);
          if (row == model.end())
            model[topic] = {handle, 0, 2};
          else
            CHECK_EQ(handle, row->second.handle);
          break;
        }
        case 1:
          if (row == model.end()) break;
          table.Unwatch(row->second.handle);
          model.erase(row);
          break;
        case 2:
          if (row == model.end()) break;
          table.Arm(row->second.handle);
          row->second.told = 1;
          break;
        default: {
          const uint32_t told = See(table, topic, step);
          if (row == model.end()) {
            CHECK_EQ(told, 0u);
            break;
          }
          CHECK_EQ(told, row->second.told > 0 ? row->second.handle : 0u);
          row->second.seen_us = step;
          if (row->second.told == 1) row->second.told = 0;
        }
      }
      if (step % 100 != 0) continue;
      CHECK_EQ(table.size(), model.size());
      for (const auto& [name, expected] : model)
        CHECK_EQ(table.SeenUs(expected.handle), expected.seen_us, name);
    }
  }
}

}  // namespace shared_ws::test
