// Links that compress: whatever is taken back or never sent, the peer can inflate every frame it gets.
#include <map>

#include "core_support.h"
#include "io_peer.h"
#include "io_tls_peer.h"
#include "io_world.h"
#include "zlib_peer.h"

namespace shared_ws::test {
namespace {

Extensions Compressing(size_t threshold = 0, int window_bits = 15, bool takeover = true) {
  Extensions extensions{.deflate = DeflateOptions{}};
  extensions.deflate->client_max_window_bits = window_bits;
  extensions.deflate->client_no_context_takeover = !takeover;
  extensions.deflate->compress.emplace();
  extensions.deflate->compress->threshold_bytes = threshold;
  return extensions;
}

std::string TextOf(const ClientFrame& frame, PeerInflate& inflate) {
  return frame.compressed ? inflate.Message(frame.payload) : frame.payload;
}

// Offers at random, takes back at random, while the peer reads at random; then checks what it got.
template <class SomePair>
void Storm(uint64_t seed, SomePair& pair, Peer& tcp, PeerInflate& inflate, bool takeover) {
  Random random(seed);
  std::map<int64_t, std::string> sent;  // by sequence: what must arrive, in this order
  std::vector<int64_t> recent;
  int compressed = 0;
  std::vector<std::string> got;
  const auto take = [&] {
    for (const ClientFrame& frame : pair.peer->TakeFrames()) {
      if (frame.opcode != 1) continue;
      compressed += frame.compressed;
      if (!takeover) inflate.Reset();
      got.push_back(TextOf(frame, inflate));
    }
  };
  std::string noise;
  for (int i = 0; i < 40'000; i++) noise.push_back(static_cast<char>(' ' + random.Below(90)));
  for (int i = 0; i < 400; i++) {
    if (random.OneIn(15)) tcp.StopReading();
    if (random.OneIn(10)) tcp.ReadOn();
    std::string text = Ticker(i);
    if (random.OneIn(3)) text += noise.substr(random.Below(10'000), random.Below(30'000));
    if (random.OneIn(6)) text = text.substr(0, 20);
    const int64_t sequence = pair.Offer(text, random.OneIn(4));
    if (sequence > 0) {
      sent[sequence] = text;
      recent.push_back(sequence);
    }
    if (random.OneIn(4) && !recent.empty()) {
      const int64_t back = recent[recent.size() - 1 - random.Below(std::min<size_t>(recent.size(), 4))];
      if (pair.link().Withdraw(static_cast<uint64_t>(back))) sent.erase(back);
    }
    if (random.OneIn(9)) pair.link().SendControl(Opcode::kPing, Raw("p"), 1);
    if (random.OneIn(5)) pair.link().Flush();
    if (random.OneIn(3)) pair.world.Settle(2);
    take();
  }
  pair.link().Flush();
  tcp.ReadOn();
  CHECK(pair.world.RunUntil([&] {
    take();
    return got.size() >= sent.size();
  }));
  CHECK_EQ(got.size(), sent.size(), "seed " + std::to_string(seed));
  size_t at = 0;
  for (const auto& [sequence, text] : sent) {
    if (!CHECK(at < got.size() && got[at] == text,
               "seed " + std::to_string(seed) + ", frame " + std::to_string(at)))
      return;
    at++;
  }
  CHECK(compressed > 20);
  CHECK_EQ(pair.counters().queued_bytes, 0.0);
}

}  // namespace

TEST(deflate_compresses_what_is_long_enough) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 0, Compressing(100));
  PeerInflate inflate;
  CHECK_EQ(pair.Offer(std::string(99, 'a')), 1);
  CHECK_EQ(pair.Offer(std::string(100, 'b')), 2);
  CHECK_EQ(pair.Offer(Ticker(1)), 3);
  CHECK_EQ(pair.Offer(Ticker(2)), 4);
  CHECK_EQ(pair.Offer(""), 5);
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(5);
  CHECK(!frames[0].compressed && frames[1].compressed && frames[2].compressed && frames[3].compressed);
  CHECK(!frames[4].compressed);
  CHECK_EQ(inflate.Message(frames[1].payload), std::string(100, 'b'));
  CHECK_EQ(inflate.Message(frames[2].payload), Ticker(1));
  CHECK_EQ(inflate.Message(frames[3].payload), Ticker(2));
  CHECK(frames[3].payload.size() < 40, "it refers to the ticker before it");
  CHECK_EQ(pair.counters().taken, 5.0);
  CHECK_EQ(pair.counters().bytes_sent,
           6.0 * 5 + 99 +
               static_cast<double>(frames[1].payload.size() + frames[2].payload.size() +
                                   frames[3].payload.size()));
}

TEST(deflate_keeps_to_what_was_negotiated) {
  for (int bits = 8; bits <= 15; bits++) {
    for (const bool takeover : {true, false}) {
      World world;
      Pair pair(&world, 256 * 1024, {}, 0, Compressing(0, bits, takeover));
      PeerInflate inflate(bits);
      for (int i = 0; i < 30; i++) CHECK_EQ(pair.Offer(Ticker(i) + std::string(400, 'x') + Ticker(i)), i + 1);
      const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(30);
      for (int i = 0; i < 30; i++) {
        const ClientFrame& frame = frames[static_cast<size_t>(i)];
        CHECK_EQ(frame.compressed, bits > 8, "zlib has no compressor for 8");
        if (!takeover) inflate.Reset();
        CHECK_EQ(TextOf(frame, inflate), Ticker(i) + std::string(400, 'x') + Ticker(i));
      }
    }
  }
}

TEST(deflate_what_does_not_compress) {
  Random random(8);
  std::string noise;
  for (int i = 0; i < 100'000; i++) noise.push_back(static_cast<char>(random.Byte() & 0x7F));
  for (const bool takeover : {true, false}) {
    World world;
    Extensions extensions = Compressing(0, 15, takeover);
    extensions.deflate->compress->mem_level = 1;
    extensions.deflate->compress->level = 1;
    Pair pair(&world, 1 << 20, {}, 0, extensions);
    std::string bytes;
    for (int i = 0; i < 300; i++) bytes.push_back(static_cast<char>(random.Byte()));
    PeerInflate inflate;
    CHECK_EQ(pair.link().OfferBytes(Opcode::kBinary, Raw(bytes), bytes.size(), false), 1);
    CHECK_EQ(pair.Offer(noise), 2);
    CHECK_EQ(pair.Offer(noise.substr(0, 1)), 3);
    const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(3);
    CHECK_EQ(frames[0].compressed, takeover, "without a window, what does not get smaller is sent as it is");
    const std::string expected[] = {bytes, noise, noise.substr(0, 1)};
    for (size_t i = 0; i < 3; i++) {
      if (!takeover) inflate.Reset();
      CHECK(TextOf(frames[i], inflate) == expected[i]);
    }
  }
}

// The trap: a frame that refers to one which was taken back cannot be inflated.
TEST(deflate_refers_to_nothing_that_was_taken_back) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 0, Compressing());
  CHECK_EQ(pair.Offer(Ticker(1), true), 1);
  CHECK_EQ(pair.Offer(Ticker(2), true), 2);
  CHECK(pair.link().Withdraw(2));
  CHECK_EQ(pair.Offer(Ticker(3), true), 3);
  CHECK(pair.link().Withdraw(1));
  CHECK_EQ(pair.Offer("4", true), 4);
  pair.link().Flush();
  CHECK_EQ(pair.Offer(Ticker(5)), 5);
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(3);
  PeerInflate inflate;
  for (const ClientFrame& frame : frames) CHECK(frame.compressed);
  CHECK_EQ(TextOf(frames[0], inflate), Ticker(3));
  CHECK_EQ(TextOf(frames[1], inflate), "4");
  CHECK_EQ(TextOf(frames[2], inflate), Ticker(5));
}

TEST(deflate_random_offers_and_withdrawals) {
  for (uint64_t seed = 0; seed < 12; seed++) {
    const bool takeover = seed % 3 != 0;
    World world;
    Pair pair(&world, 64 * 1024, {}, 4096, Compressing(30, seed % 2 == 0 ? 15 : 10, takeover));
    PeerInflate inflate;
    Storm(seed, pair, *pair.peer, inflate, takeover);
  }
}

TEST(deflate_random_offers_and_withdrawals_over_tls) {
  for (uint64_t seed = 50; seed < 56; seed++) {
    World world;
    TlsPair pair(&world, 0, 64 * 1024, 4096, Compressing(30));
    PeerInflate inflate;
    Storm(seed, pair, pair.peer->tcp(), inflate, true);
  }
}

}  // namespace shared_ws::test
