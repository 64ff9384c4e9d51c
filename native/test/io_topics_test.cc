// Links that follow topics: what is told in front of a message, and that nothing is lost for it.
#include <algorithm>

#include "core_support.h"
#include "io/clock.h"
#include "io_peer.h"
#include "io_tls_peer.h"
#include "io_world.h"
#include "zlib_peer.h"

namespace shared_ws::test {
namespace {

TopicsReference MakeTopics(World& world) {
  const char* error = nullptr;
  const TopicSource source{{{"t"}, {"d"}}, {{"", 0}}, {{1, TopicSource::Condition::kPresent, ""}}};
  return TopicsReference(Topics::Create(source, world.loop().entropy(), &error));
}

std::string Data(const std::string& topic, const std::string& data = "0") {
  return "{\"t\":\"" + topic + "\",\"d\":" + data + "}";
}

// What came: a topic's number, or the length of a message.
std::vector<std::string> Told(const World& world, uint32_t link) {
  std::vector<std::string> told;
  for (const Event& event : world.Of(link)) {
    if (event.kind == RecordKind::kTopic) told.push_back("topic " + std::to_string(event.slot));
    if (event.kind == RecordKind::kMessage) told.push_back("message " + std::to_string(event.payload.size()));
    if (event.kind == RecordKind::kPing) told.push_back("ping");
  }
  return told;
}

std::string TopicLine(uint32_t topic) {
  return "topic " + std::to_string(topic);
}
std::string MessageLine(const std::string& message) {
  return "message " + std::to_string(message.size());
}

}  // namespace

TEST(topics_are_told_in_front_of_their_message) {
  World world;
  const TopicsReference topics = MakeTopics(world);
  const uint32_t a = topics->table().Watch("a"), b = topics->table().Watch("b");
  Pair pair(&world, 64 * 1024, {}, 0, {}, topics.get());
  const double before = MonotonicMicros();
  // Whole, in fragments, not watched, no data, binary.
  pair.peer->Send(TextFrame(Data("a")) + ServerFrame(0x01, Data("b").substr(0, 5)) + PingFrame("p") +
                  ServerFrame(0x80, Data("b").substr(5)) + TextFrame(Data("c")) + TextFrame("{\"t\":\"a\"}") +
                  BinaryFrame(Data("a")) + TextFrame("") + TextFrame("no JSON"));
  UNTIL(world, world.Messages(pair.id).size() == 7);
  const std::vector<std::string> expected{TopicLine(a), MessageLine(Data("a")), "ping",
                                          TopicLine(b), MessageLine(Data("b")), MessageLine(Data("c")),
                                          "message 9",  MessageLine(Data("a")), "message 0",
                                          "message 7"};
  CHECK(Told(world, pair.id) == expected);
  const Event told = world.First(pair.id, RecordKind::kTopic);
  CHECK(told.received_mono_us >= before);
  CHECK_EQ(told.received_mono_us, topics->table().SeenUs(a));
  CHECK_EQ(pair.counters().messages_received, 7.0, "a topic is no message");
  topics->table().Arm(a);
  pair.peer->Send(TextFrame(Data("a")) + TextFrame(Data("a")));
  UNTIL(world, world.Messages(pair.id).size() == 9);
  CHECK_EQ(world.Count(pair.id, RecordKind::kTopic), 3u, "armed, it is told once");
}

TEST(topics_of_frames_split_at_every_byte) {
  World world;
  const std::string stream = TextFrame(Data("a", "\"" + std::string(130, 'x') + "\"")) +
                             ServerFrame(0x01, Data("a").substr(0, 7)) +
                             ServerFrame(0x80, Data("a").substr(7));
  for (size_t cut = 1; cut < stream.size(); cut++) {
    const TopicsReference topics = MakeTopics(world);
    const uint32_t a = topics->table().Watch("a");
    Pair pair(&world, 64 * 1024, {}, 0, {}, topics.get());
    pair.peer->Send(stream.substr(0, cut));
    world.Settle(3);
    pair.peer->Send(stream.substr(cut));
    UNTIL(world, world.Messages(pair.id).size() == 2);
    const std::vector<std::string> told = Told(world, pair.id);
    CHECK(told.size() == 4 && told[0] == TopicLine(a) && told[2] == TopicLine(a),
          "cut at " + std::to_string(cut));
    world.Destroy(pair.id);
  }
}

TEST(topics_of_messages_that_were_inflated_or_are_large) {
  World world;
  const TopicsReference topics = MakeTopics(world);
  const uint32_t a = topics->table().Watch("a");
  Pair pair(&world, 64 * 1024, {}, 0, {.deflate = DeflateOptions{}, .inflate_binary = BinaryFormat::kGzip},
            topics.get());
  Random random(3);
  PeerDeflate peer;
  std::vector<std::string> sent;
  for (int i = 0; i < 60; i++) {
    const size_t size = i % 20 == 19 ? LoopMemory::kSlabBytes + random.Below(100'000) : random.Below(3000);
    std::string text =
        Data(i % 3 == 0 ? "other" : "a", "\"" + std::string(size, static_cast<char>('a' + i % 26)) + "\"");
    if (i % 4 == 0)
      pair.peer->Send(BinaryFrame(Packed(text)));
    else
      pair.peer->Send(i % 4 == 1 ? TextFrame(text) : ServerFrame(0xC1, peer.Message(text)));
    sent.push_back(std::move(text));
  }
  UNTIL(world, world.Messages(pair.id).size() == sent.size());
  CHECK(world.Messages(pair.id) == sent);
  CHECK(world.blocks > 0);
  bool told = false;
  for (const Event& event : world.Of(pair.id)) {
    if (event.kind == RecordKind::kMessage) CHECK_EQ(told, event.payload.find("\"a\"") == 5);
    told = event.kind == RecordKind::kTopic;
    if (told) CHECK_EQ(event.slot, a);
  }
}

// Two records for a message, and a batch with an odd number of places: none may be lost, nor any other
// record.
TEST(topics_of_a_flood_come_in_bounded_batches) {
  World world;
  std::vector<TopicsReference> topics;
  std::vector<std::unique_ptr<Pair>> pairs;
  constexpr size_t kFrames = 20'000;
  for (int i = 0; i < 3; i++) {
    topics.push_back(MakeTopics(world));
    topics.back()->table().Watch("a");
    pairs.push_back(
        std::make_unique<Pair>(&world, 64 * 1024, Limits{}, 0, Extensions{}, topics.back().get()));
    std::string stream;
    for (size_t n = 0; n < kFrames; n++) stream += TextFrame(Data("a"));
    // Each begins at another place of the batch, and ends with what must not be lost either.
    for (int k = 0; k < i; k++) stream = PingFrame("") + stream;
    pairs.back()->peer->Send(stream + ServerFrame(0xF1, "reserved bits"));
  }
  for (const auto& pair : pairs) UNTIL(world, world.Has(pair->id, RecordKind::kViolation));
  CHECK(world.largest_batch <= LoopMemory::kMaxRecords);
  CHECK(world.largest_batch > LoopMemory::kMaxRecords / 2, "no batch was ever full");
  for (const auto& pair : pairs) {
    CHECK_EQ(world.Count(pair->id, RecordKind::kMessage), kFrames);
    CHECK_EQ(world.Count(pair->id, RecordKind::kTopic), kFrames);
  }
  RecordKind last = RecordKind::kMessage;
  for (const Event& event : world.Of(pairs[0]->id)) {
    if (event.kind == RecordKind::kMessage) CHECK(last == RecordKind::kTopic);
    last = event.kind;
  }
}

TEST(topics_live_as_long_as_whoever_needs_them) {
  World world;
  TopicsReference kept = MakeTopics(world), dropped = MakeTopics(world);
  const uint32_t a = kept->table().Watch("a");
  dropped->table().Watch("a");
  Pair first(&world, 64 * 1024, {}, 0, {}, kept.get());
  Pair second(&world, 64 * 1024, {}, 0, {}, dropped.get());
  dropped.reset();
  for (Pair* pair : {&first, &second}) pair->peer->Send(TextFrame(Data("a")) + CloseFrame(1000, ""));
  UNTIL(world, world.Has(first.id, RecordKind::kClose) && world.Has(second.id, RecordKind::kClose));
  CHECK_EQ(world.Count(second.id, RecordKind::kTopic), 1u, "the link keeps them");
  world.Destroy(first.id);
  world.Destroy(second.id);
  world.Settle();
  CHECK(kept->table().SeenUs(a) > 0, "after the link");
}

}  // namespace shared_ws::test
