// Links whose messages have to be inflated: what fits into a turn, and what waits.
#include <algorithm>

#include "core_support.h"
#include "io_peer.h"
#include "io_tls_peer.h"
#include "io_world.h"
#include "zlib_peer.h"

namespace shared_ws::test {
namespace {

const Extensions kDeflate{.deflate = DeflateOptions{}};
const Extensions kGzip{.inflate_binary = BinaryFormat::kGzip};

std::string CompressedFrame(std::string_view payload) {
  return ServerFrame(0xC1, payload);
}

// Tickers and books, and now and then something uncompressed or larger than a turn's room.
struct Stream {
  explicit Stream(uint64_t seed, int messages) {
    Random random(seed);
    PeerDeflate peer;
    for (int i = 0; i < messages; i++) {
      std::string text = Ticker(i);
      if (random.OneIn(10)) text += std::string(random.Below(30'000), static_cast<char>('a' + i % 26));
      if (random.OneIn(100)) text += std::string(random.Below(600'000), '.');
      if (random.OneIn(20)) {
        bytes += TextFrame(text);
      } else {
        bytes += CompressedFrame(peer.Message(text));
      }
      if (random.OneIn(7)) bytes += PingFrame("p");
      texts.push_back(std::move(text));
    }
  }
  std::string bytes;
  std::vector<std::string> texts;
};

}  // namespace

TEST(inflate_messages_of_a_link) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 0, kDeflate);
  PeerDeflate peer;
  std::vector<std::string> sent;
  for (int i = 0; i < 50; i++) {
    sent.push_back(Ticker(i));
    pair.peer->Send(CompressedFrame(peer.Message(sent.back())));
  }
  UNTIL(world, world.Messages(pair.id).size() == sent.size());
  CHECK(world.Messages(pair.id) == sent);
  CHECK_EQ(world.blocks, 0u);
  CHECK_EQ(pair.counters().messages_received, 50.0);
  CHECK(pair.counters().bytes_received < 50.0 * 60, "counts what is on the wire");
}

TEST(inflate_frames_split_at_every_byte) {
  World world;
  PeerDeflate peer;
  std::string stream = CompressedFrame(peer.Message("alpha"));
  stream += PingFrame("pi");
  const std::string beta = peer.Message("beta and more of it");
  stream +=
      ServerFrame(0x41, beta.substr(0, 3)) + ServerFrame(0x8A, "po") + ServerFrame(0x80, beta.substr(3));
  const std::vector<std::string> expected{"alpha", "beta and more of it"};
  for (size_t cut = 1; cut < stream.size(); cut++) {
    Pair pair(&world, 64 * 1024, {}, 0, kDeflate);
    pair.peer->Send(stream.substr(0, cut));
    world.Settle(3);
    pair.peer->Send(stream.substr(cut));
    UNTIL(world, world.Messages(pair.id).size() == 2);
    CHECK(world.Messages(pair.id) == expected, "cut at " + std::to_string(cut));
    world.Destroy(pair.id);
  }
}

TEST(inflate_floods_on_several_links_keep_batches_bounded) {
  World world;
  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<Stream> feeds;
  for (uint64_t i = 0; i < 3; i++) {
    feeds.emplace_back(i, 700);
    pairs.push_back(std::make_unique<Pair>(&world, 64 * 1024, Limits{}, 0, kDeflate));
  }
  for (size_t i = 0; i < pairs.size(); i++) pairs[i]->peer->Send(feeds[i].bytes);
  for (size_t i = 0; i < pairs.size(); i++) {
    UNTIL(world, world.Messages(pairs[i]->id).size() == feeds[i].texts.size());
    CHECK(world.Messages(pairs[i]->id) == feeds[i].texts);
  }
  CHECK(world.blocks > 0 && world.batches > 10);
}

TEST(inflate_goes_on_after_pauses_and_drains) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 0, kDeflate);
  const Stream feed(9, 400);
  size_t paused = 0;
  world.on_delivery = [&] {
    if (paused++ % 3 == 0) pair.link().Pause();
  };
  pair.peer->Send(feed.bytes);
  Random random(2);
  for (int i = 0; world.Messages(pair.id).size() < feed.texts.size() && i < 20'000; i++) {
    world.Settle(2);
    if (random.OneIn(3)) world.Drain(pair.id);
    pair.link().Resume();
  }
  CHECK(world.Messages(pair.id) == feed.texts);
}

// 60 KB on the wire that stand for 60 MB.
TEST(inflate_a_little_that_stands_for_much_is_spread_over_turns) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 0, kDeflate);
  PeerDeflate peer(15, 9);
  const std::string zeros(1 << 20, '0');
  std::string stream;
  constexpr size_t kMessages = 60;
  for (size_t i = 0; i < kMessages; i++) stream += CompressedFrame(peer.Message(zeros));
  CHECK(stream.size() < 100'000);
  world.keep_events = false;
  size_t largest = 0, seen = 0;
  world.on_delivery = [&] {
    largest = std::max(largest, world.messages - seen);
    seen = world.messages;
  };
  pair.peer->Send(stream);
  UNTIL(world, world.messages == kMessages);
  CHECK_EQ(largest, 1u, "a block to a batch, not all that one read stood for");
  CHECK_EQ(world.blocks, kMessages);
}

TEST(inflate_refuses_a_bomb_and_closes) {
  World world;
  Pair pair(&world, 64 * 1024, {.max_frame_bytes = 1 << 20, .max_message_bytes = 100'000}, 0, kDeflate);
  PeerDeflate peer(15, 9);
  pair.peer->Send(CompressedFrame(peer.Message("before")) +
                  CompressedFrame(PeerDeflate(15, 9).Message(std::string(64 << 20, '0'))) +
                  TextFrame("after"));
  UNTIL(world, world.Has(pair.id, RecordKind::kViolation));
  CHECK(world.Messages(pair.id) == std::vector<std::string>{"before"});
  CHECK_EQ(world.First(pair.id, RecordKind::kViolation).aux, static_cast<uint32_t>(Status::kMessageTooLarge));
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(1);
  CHECK_EQ(frames[0].opcode, 8);
  CHECK_EQ(frames[0].payload, BytesOf({1009 >> 8, 1009 & 0xFF}));
}

TEST(inflate_what_came_before_an_end_is_delivered_first) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 0, kDeflate);
  const Stream feed(4, 300);
  pair.peer->Send(feed.bytes);
  UNTIL(world, pair.peer->sent_all());
  pair.peer->HalfClose();
  UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
  CHECK(world.Messages(pair.id) == feed.texts);
}

TEST(inflate_over_tls) {
  World world;
  TlsPair pair(&world, 0, 64 * 1024, 0, kDeflate);
  const Stream feed(6, 500);
  pair.peer->Send(feed.bytes);
  UNTIL(world, world.Messages(pair.id).size() == feed.texts.size());
  CHECK(world.Messages(pair.id) == feed.texts);
}

TEST(inflate_binary_messages_to_text) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 0, kGzip);
  std::vector<std::string> sent;
  std::string stream;
  for (int i = 0; i < 200; i++) {
    sent.push_back(i % 50 == 0 ? Ticker(i) + std::string(300'000, 'b') : Ticker(i));
    stream += BinaryFrame(Packed(sent.back())) + TextFrame("text");
    sent.push_back("text");
  }
  pair.peer->Send(stream);
  UNTIL(world, world.Messages(pair.id).size() == sent.size());
  CHECK(world.Messages(pair.id) == sent);
  for (const Event& event : world.Of(pair.id)) {
    if (event.kind != RecordKind::kMessage) continue;
    CHECK_EQ(event.opcode, static_cast<uint8_t>(Opcode::kText));
    CHECK((event.flags & kFlagAscii) != 0);
  }
}

}  // namespace shared_ws::test
