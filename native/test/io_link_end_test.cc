// Ends: by the user at any moment, of the whole loop at any moment; and many links side by side.
#include <sys/resource.h>

#include <cerrno>
#include <map>

#include "core_support.h"
#include "io_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

std::string Repeat(const std::string& bytes, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; i++) all += bytes;
  return all;
}

void FillSocket(Pair& pair) {
  pair.peer->StopReading();
  while (pair.Offer(std::string(1000, 'x')) > 0) continue;
}

// Raises the bound on descriptors for as long as it lives.
struct ManyDescriptors {
  ManyDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit raised = before;
    raised.rlim_cur = before.rlim_max;
    setrlimit(RLIMIT_NOFILE, &raised);
  }
  ~ManyDescriptors() { setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

}  // namespace

TEST(destroy_before_connected_tells_nothing) {
  World world;
  Listener listener;
  for (const bool reset : {false, true}) {
    const uint32_t id = world.Open(listener.port());
    world.Destroy(id, reset);
    UNTIL(world, world.loop().link_count() == 0);
  }
  CHECK(world.events.empty());
}

TEST(destroy_ends_the_stream_and_reset_breaks_it) {
  World world;
  for (const bool reset : {false, true}) {
    Pair pair(&world);
    CHECK(pair.Offer("last words") > 0);
    UNTIL(world, pair.peer->total_received > 0);
    world.Destroy(pair.id, reset);
    UNTIL(world, pair.peer->eof || pair.peer->error != 0);
    CHECK_EQ(pair.peer->error, reset ? ECONNRESET : 0);
    CHECK_EQ(pair.peer->TakeFrames().size(), 1u);
  }
}

TEST(destroy_with_output_under_way) {
  World world;
  for (const bool reset : {false, true}) {
    Pair pair(&world, 64 * 1024, {}, 4096);
    FillSocket(pair);
    CHECK(pair.counters().queued_bytes > 0);
    world.Destroy(pair.id, reset);
    UNTIL(world, world.loop().link_count() == 0);
    pair.peer->ReadOn();
    UNTIL(world, pair.peer->eof || pair.peer->error != 0);
  }
}

// The rest of the batch is the client's to pass over; nothing comes after it.
TEST(destroy_inside_a_delivery) {
  World world;
  Pair pair(&world), other(&world);
  pair.peer->Send(Repeat(TextFrame(""), 20'000));  // a backlog is left behind
  uint32_t opened = 0;
  Listener listener;
  world.on_delivery = [&] {
    if (world.loop().Find(pair.id) == nullptr || !world.Has(pair.id, RecordKind::kMessage)) return;
    world.Destroy(pair.id, true);
    opened = world.Open(listener.port());
  };
  UNTIL(world, world.Has(pair.id, RecordKind::kMessage));
  CHECK(opened % kMaxLinks != pair.id % kMaxLinks, "the slot is free only when uv has let go");
  other.peer->Send(TextFrame("still here"));
  UNTIL(world, world.Messages(other.id).size() == 1);
  UNTIL(world, world.Has(opened, RecordKind::kConnected));
}

TEST(destroy_with_a_close_due) {
  World world;
  Pair pair(&world);
  world.on_delivery = [&] {
    if (world.Has(pair.id, RecordKind::kViolation) && world.loop().Find(pair.id)) world.Destroy(pair.id);
  };
  pair.peer->Send(BytesOf({0xC1, 0}));
  UNTIL(world, pair.peer->eof);
  CHECK(pair.peer->TakeFrames().empty(), "no CLOSE from a link that is gone");
}

// One call reads both: the last frame, and the end of the stream behind it.
TEST(what_comes_with_the_fin_is_answered) {
  const std::pair<std::string, int> lasts[] = {{CloseFrame(1001), 1001}, {BytesOf({0xA1, 0}), 1002}};
  for (const auto& [last, code] : lasts) {
    World world;
    Pair pair(&world);
    world.on_delivery = [&] {
      if (world.Messages(pair.id).size() == 1) CHECK(pair.Offer("answer") > 0, "the link is still open");
      world.on_delivery = nullptr;
    };
    pair.peer->Send(TextFrame("question") + last);
    pair.peer->HalfClose();
    REQUIRE(pair.peer->AwaitAcknowledged());
    world.Drain(pair.id);
    CHECK_EQ(world.Messages(pair.id).size(), 1u);
    UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
    CHECK_EQ(world.First(pair.id, RecordKind::kEnd).opcode, static_cast<uint8_t>(EndReason::kEof));
    UNTIL(world, pair.peer->eof);
    const std::vector<ClientFrame> frames = pair.peer->TakeFrames();
    REQUIRE(frames.size() == 2);
    CHECK_EQ(frames[0].payload, "answer");
    CHECK_EQ(frames[1].payload, BytesOf({code >> 8, code & 255}));
  }
}

// There is nothing to answer, so nothing to wait for.
TEST(a_fin_behind_both_closes_ends_the_link) {
  World world;
  Pair pair(&world);
  pair.link().Close(1000, nullptr, 0);
  pair.peer->Send(CloseFrame(1000));
  pair.peer->HalfClose();
  REQUIRE(pair.peer->AwaitAcknowledged());
  world.Drain(pair.id);
  UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
  UNTIL(world, pair.peer->eof);
  CHECK_EQ(pair.peer->TakeFrames().size(), 1u);
}

TEST(shutdown_with_links_in_every_phase) {
  for (int round = 0; round < 4; round++) {
    std::vector<std::unique_ptr<Peer>> peers;
    std::vector<std::unique_ptr<Pair>> pairs;
    Listener listener;
    const auto world = std::make_unique<World>();
    const uint32_t raw = world->Open(listener.port());
    peers.push_back(listener.Accept(world.get()));
    UNTIL(*world, world->Has(raw, RecordKind::kConnected));
    for (int i = 0; i < 5; i++)
      pairs.push_back(std::make_unique<Pair>(world.get(), 64 * 1024, Limits{}, 4096));
    FillSocket(*pairs[0]);
    pairs[1]->peer->Send(Repeat(TextFrame(""), 20'000));    // a backlog
    pairs[2]->peer->Send(Repeat(TextFrame("unread"), 10));  // never read
    pairs[3]->peer->Send(CloseFrame(1000));                 // a CLOSE that is due
    pairs[4]->link().Destroy(false);                        // closing already
    const uint32_t refused = world->Open(ClosedPort());     // will have an end to tell
    const uint32_t connecting = world->Open(listener.port());
    CHECK(refused != 0 && connecting != 0);
    if (round == 1) world->Settle(1);
    if (round == 2) UNTIL(*world, world->Has(pairs[1]->id, RecordKind::kMessage));
    if (round == 3) {
      // From inside a delivery: the loop lives on until its handles are closed.
      bool done = false;
      world->on_delivery = [&] { done = true, world->Shutdown(); };
      UNTIL(*world, done);
    }
    for (auto& pair : pairs) pair->peer.reset();
    peers.clear();
    // ~World checks that everything is gone, and that nothing was delivered.
  }
}

TEST(shutdown_without_links) {
  World world;
}

// A flood on some links must not silence the others: tiny frames take all records, large ones all of the
// slab.
TEST(links_that_are_flooded_leave_room_for_others) {
  for (const bool tiny : {true, false}) {
    World world;
    std::vector<std::unique_ptr<Pair>> flooded;
    for (int i = 0; i < 4; i++) flooded.push_back(std::make_unique<Pair>(&world));
    Pair quiet(&world);
    world.keep_events = false;
    const std::string flood =
        tiny ? Repeat(TextFrame(""), 200'000) : Repeat(TextFrame(std::string(5000, 'f')), 200);
    for (const auto& pair : flooded) pair->peer->Flood(flood);
    const size_t start = world.batches;
    UNTIL(world, world.batches > start + 50);
    std::map<uint32_t, double> before;
    for (const auto& pair : flooded) before[pair->id] = pair->counters().messages_received;
    for (int round = 1; round <= 20; round++) {
      const size_t sent_at = world.batches;
      quiet.peer->Send(TextFrame("order filled"));
      UNTIL(world, quiet.counters().messages_received == round);
      CHECK(world.batches - sent_at <= 8, std::to_string(world.batches - sent_at) + " batches later");
    }
    const size_t later = world.batches;
    UNTIL(world, world.batches > later + 50);
    for (const auto& pair : flooded) {
      CHECK(pair->counters().messages_received > before[pair->id], "a flooded link starves");
      pair->peer->StopFlood();
    }
  }
}

TEST(five_hundred_links_at_once) {
  const ManyDescriptors raised;
  World world;
  constexpr size_t kLinks = 500;
  constexpr size_t kMessages = 40;
  std::vector<std::unique_ptr<Pair>> pairs;
  for (size_t i = 0; i < kLinks; i++) pairs.push_back(std::make_unique<Pair>(&world));
  CHECK_EQ(world.loop().link_count(), kLinks);
  world.events.clear();
  for (size_t i = 0; i < kLinks; i++) {
    std::string stream;
    for (size_t k = 0; k < kMessages; k++) {
      stream += TextFrame(std::to_string(i) + ":" + std::to_string(k) + std::string(i, '.'));
    }
    pairs[i]->peer->Send(stream);
    CHECK(pairs[i]->Offer("hello from " + std::to_string(i)) > 0);
  }
  const size_t first_batch = world.batches;
  UNTIL(world, world.messages == kLinks * kMessages);
  CHECK(world.batches - first_batch <= 3 * kLinks, "every batch should carry much");
  std::map<uint32_t, size_t> next;
  std::map<uint32_t, size_t> index;
  for (size_t i = 0; i < kLinks; i++) index[pairs[i]->id] = i;
  for (const Event& event : world.events) {
    const std::string expected = std::to_string(index[event.link]) + ":" + std::to_string(next[event.link]++);
    CHECK(event.payload == expected + std::string(index[event.link], '.'), expected);
  }
  for (size_t i = 0; i < kLinks; i++) {
    const std::vector<ClientFrame> frames = pairs[i]->peer->AwaitFrames(1);
    CHECK_EQ(frames[0].payload, "hello from " + std::to_string(i));
  }
  for (const auto& pair : pairs) pair->peer->Close();
  UNTIL(world, world.loop().link_count() == 0);
}

}  // namespace shared_ws::test
