// The inbound half of a link: messages, bounds, back-pressure.
#include <algorithm>
#include <cerrno>

#include "core_support.h"
#include "io/clock.h"
#include "io_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

std::string Repeat(const std::string& bytes, size_t times) {
  std::string all;
  all.reserve(bytes.size() * times);
  for (size_t i = 0; i < times; i++) all += bytes;
  return all;
}

}  // namespace

TEST(link_delivers_messages_in_wire_order) {
  World world;
  Pair pair(&world);
  pair.peer->Send(TextFrame("plain") + TextFrame("h\u00e9") + BinaryFrame("bin") + PingFrame("p") +
                  TextFrame("") + ServerFrame(0x8A, "q") + ServerFrame(0x01, "fra") +
                  ServerFrame(0x89, "in") + ServerFrame(0x80, "gment") + TextFrame("last"));
  UNTIL(world, world.Messages(pair.id).size() == 6);
  std::vector<std::string> seen;
  for (const Event& event : world.Of(pair.id)) {
    seen.push_back(std::to_string(static_cast<int>(event.kind)) + event.payload);
  }
  const std::vector<std::string> expected{"7", "1plain", "1h\u00e9", "1bin",      "2p",
                                          "1", "3q",     "2in",      "1fragment", "1last"};
  CHECK(seen == expected);
  const double now = MonotonicMicros();
  for (const Event& event : world.Of(pair.id)) CHECK(event.received_mono_us > now - 60e6);
  CHECK_EQ(pair.counters().messages_received, 6.0);
}

TEST(link_frames_split_at_every_byte) {
  World world;
  Listener listener;
  const std::string stream = TextFrame("alpha") + PingFrame("pi") + ServerFrame(0x01, "be") +
                             ServerFrame(0x8A, "po") + ServerFrame(0x80, "ta") +
                             BinaryFrame(std::string(130, 'g')) + TextFrame("delta");
  const std::vector<std::string> expected{"alpha", "beta", std::string(130, 'g'), "delta"};
  for (size_t cut = 1; cut < stream.size(); cut++) {
    Pair pair(&world);
    pair.peer->Send(stream.substr(0, cut));
    world.Settle(3);
    pair.peer->Send(stream.substr(cut));
    UNTIL(world, world.Messages(pair.id).size() == 4);
    const std::string at = "cut at " + std::to_string(cut);
    CHECK(world.Messages(pair.id) == expected, at);
    CHECK_EQ(world.First(pair.id, RecordKind::kPing).payload, "pi", at);
    CHECK_EQ(world.First(pair.id, RecordKind::kPong).payload, "po", at);
    world.Destroy(pair.id);
  }
}

TEST(link_flood_of_empty_frames_comes_in_bounded_batches) {
  World world;
  Pair pair(&world);
  world.keep_events = false;
  constexpr size_t kFrames = 200'000;
  pair.peer->Send(Repeat(TextFrame(""), kFrames));
  UNTIL(world, world.messages == kFrames);
  CHECK(world.largest_batch <= LoopMemory::kMaxRecords);
  CHECK(world.batches >= kFrames / LoopMemory::kMaxRecords);
  CHECK_EQ(pair.counters().messages_received, static_cast<double>(kFrames));
  CHECK_EQ(pair.counters().bytes_received, 2.0 * kFrames);
}

TEST(link_messages_larger_than_the_slab_come_as_blocks) {
  World world;
  Pair pair(&world);
  Random random(5);
  std::vector<std::string> sent;
  std::string stream;
  for (int i = 0; i < 12; i++) {
    const size_t size = i % 3 == 0 ? 30 : LoopMemory::kSlabBytes + random.Below(500'000);
    sent.emplace_back(size, static_cast<char>('a' + i));
    if (i % 2 == 0) {
      stream += BinaryFrame(sent.back());
    } else {  // in fragments
      stream += ServerFrame(0x01, sent.back().substr(0, size / 3));
      stream += ServerFrame(0x80, sent.back().substr(size / 3));
    }
  }
  pair.peer->Send(stream);
  UNTIL(world, world.Messages(pair.id).size() == sent.size());
  CHECK(world.Messages(pair.id) == sent);
  CHECK(world.blocks >= 8);
}

// A read may fill the slab to its last byte; payloads of control frames must come whole all the same.
TEST(link_control_payloads_survive_a_full_slab) {
  World world;
  std::vector<std::unique_ptr<Pair>> pairs;
  for (int i = 0; i < 4; i++) pairs.push_back(std::make_unique<Pair>(&world));
  // 40-byte messages and pongs, much more than the slab takes in one turn, and not aligned to it.
  const std::string pong(100, 'p');
  const std::string stream = Repeat(TextFrame(std::string(401, 'm')) + ServerFrame(0x8A, pong), 1500);
  for (const auto& pair : pairs) pair->peer->Send(stream + CloseFrame(1000, "the reason"));
  for (const auto& pair : pairs) UNTIL(world, world.Has(pair->id, RecordKind::kClose));
  for (const Event& event : world.events) {
    if (event.kind == RecordKind::kPong) CHECK_EQ(event.payload, pong);
    if (event.kind == RecordKind::kClose) CHECK_EQ(event.payload, "the reason");
  }
  for (const auto& pair : pairs) CHECK_EQ(world.Count(pair->id, RecordKind::kPong), 1500u);
}

TEST(link_pause_stops_and_resume_goes_on) {
  World world;
  Pair pair(&world);
  pair.peer->Send(TextFrame("before"));
  UNTIL(world, world.Messages(pair.id).size() == 1);
  pair.link().Pause();
  pair.peer->Send(TextFrame("while"));
  world.Settle();
  CHECK_EQ(world.Messages(pair.id).size(), 1u);
  pair.link().Resume();
  UNTIL(world, world.Messages(pair.id).size() == 2);
}

// Bytes that the link has read already raise no event when it goes on.
TEST(link_resume_delivers_its_backlog) {
  World world;
  Pair pair(&world);
  world.keep_events = false;
  constexpr size_t kFrames = 30'000;  // in one read, more than a batch
  pair.peer->Send(Repeat(TextFrame(""), kFrames));
  world.on_delivery = [&] { pair.link().Pause(); };
  UNTIL(world, world.messages > 0);
  CHECK(world.messages <= LoopMemory::kMaxRecords);
  while (world.messages < kFrames) {
    const size_t before = world.messages;
    world.Settle(10);
    CHECK_EQ(world.messages, before, "paused");
    pair.link().Resume();
    UNTIL(world, world.messages > before);
    CHECK(world.messages - before <= 2 * LoopMemory::kMaxRecords);
  }
}

// Time is when the bytes were read, not when there was room to decode them.
TEST(link_backlog_keeps_its_receive_time) {
  World world;
  Pair pair(&world);
  const std::string stream = Repeat(TextFrame(""), 8000);
  pair.peer->Send(stream);
  world.on_delivery = [&] {
    if (world.loop().Find(pair.id) != nullptr) pair.link().Pause();
  };
  UNTIL(world, world.Has(pair.id, RecordKind::kMessage));
  world.on_delivery = nullptr;
  const double heard = MonotonicMicros();
  pair.link().Resume();
  UNTIL(world, world.Count(pair.id, RecordKind::kMessage) == 8000);
  for (const Event& event : world.Of(pair.id)) CHECK(event.received_mono_us <= heard);
}

TEST(link_drain_reads_at_once_and_not_inside_a_delivery) {
  World world;
  Pair pair(&world);
  CHECK_EQ(world.Drain(pair.id), 0);
  pair.peer->Send(TextFrame("now"));
  CHECK_EQ(world.Drain(pair.id), 1);
  CHECK_EQ(world.Messages(pair.id).size(), 1u);
  int64_t inside = 0;
  world.on_delivery = [&] { inside = world.loop().Drain(pair.id); };
  pair.peer->Send(TextFrame("later"));
  UNTIL(world, world.Messages(pair.id).size() == 2);
  CHECK_EQ(inside, -1);
  world.on_delivery = nullptr;
  pair.link().Pause();
  pair.peer->Send(TextFrame("unread"));
  CHECK_EQ(world.Drain(pair.id), 0, "paused");
  pair.link().Resume();
  CHECK_EQ(world.Drain(12345), 0, "no such link");
  pair.peer->Close();
  while (!world.Has(pair.id, RecordKind::kEnd)) CHECK(world.Drain(pair.id) > 0);
  CHECK_EQ(world.Messages(pair.id).back(), "unread");
}

TEST(link_drain_reads_all_that_the_batch_takes) {
  World world;
  Pair pair(&world);
  std::string frames;
  for (int i = 0; i < 200; i++) frames += TextFrame(std::string(900, 'x'));
  pair.peer->Send(frames);
  CHECK_EQ(world.Drain(pair.id), 200, "more than one read takes");
  frames.clear();
  for (int i = 0; i < 6000; i++) frames += TextFrame("");
  pair.peer->Send(frames);
  const int64_t first = world.Drain(pair.id);
  pair.peer->Send(TextFrame("answer"));
  CHECK_EQ(world.Drain(pair.id), 6000 - first + 1, "what was held back, and what lies behind it");
  CHECK_EQ(world.Messages(pair.id).back(), "answer");
}

TEST(link_answers_pings_at_once) {
  World world;
  Pair pair(&world);
  pair.peer->Send(PingFrame("") + PingFrame("one") + PingFrame(std::string(125, 'x')));
  const std::vector<ClientFrame> pongs = pair.peer->AwaitFrames(3);
  for (const ClientFrame& pong : pongs) CHECK_EQ(pong.opcode, 0xA);
  CHECK_EQ(pongs[0].payload + "|" + pongs[1].payload, "|one");
  CHECK_EQ(pongs[2].payload, std::string(125, 'x'));
  CHECK_EQ(pair.counters().pongs_sent, 3.0);
  CHECK_EQ(world.Count(pair.id, RecordKind::kPing), 3u);
}

// A server that pings and does not read costs no memory; the newest ping is answered in the end.
TEST(link_ping_flood_is_bounded) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 4096);
  world.keep_events = false;
  pair.peer->StopReading();
  pair.peer->Flood(Repeat(PingFrame(std::string(125, 'f')), 200));
  double most = 0;
  UNTIL(world, pair.counters().queued_bytes > 60 * 131);
  for (int i = 0; i < 200; i++) {
    uv_run(world.uv(), UV_RUN_ONCE);
    most = std::max(most, pair.counters().queued_bytes);
  }
  CHECK(most <= 66.0 * 131, std::to_string(most) + " bytes wait");
  pair.peer->StopFlood();
  pair.peer->Send(PingFrame("newest"));
  pair.peer->ReadOn();
  ClientFrame last{};
  UNTIL(world, [&] {
    for (ClientFrame& frame : pair.peer->TakeFrames()) last = std::move(frame);
    return last.payload == "newest";
  }());
}

TEST(link_answers_close_after_the_batch_with_its_code) {
  World world;
  Pair pair(&world);
  world.on_delivery = [&] {
    // An answer to a message in front of CLOSE still leaves, and in front of the answer to CLOSE.
    if (!world.Has(pair.id, RecordKind::kClose)) return;
    CHECK(pair.Offer("answer") > 0);
    world.on_delivery = nullptr;
  };
  pair.peer->Send(TextFrame("question") + CloseFrame(4321, "because"));
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(2);
  CHECK_EQ(frames[0].payload, "answer");
  CHECK_EQ(frames[1].opcode, 8);
  CHECK_EQ(frames[1].payload, BytesOf({4321 >> 8, 4321 & 0xFF}));
  CHECK_EQ(pair.Offer("too late"), Link::kClosed);
  const Event close = world.First(pair.id, RecordKind::kClose);
  CHECK_EQ(close.aux, 4321u);
  CHECK_EQ(close.payload, "because");
  pair.peer->Send(PingFrame("late") + TextFrame("late"));
  pair.peer->Close();
  UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
  CHECK_EQ(world.Of(pair.id).size(), 4u, "connected, message, close, end");
}

TEST(link_answers_an_empty_close_with_an_empty_one) {
  World world;
  Pair pair(&world);
  pair.peer->Send(ServerFrame(0x88, ""));
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(1);
  CHECK_EQ(frames[0].opcode, 8);
  CHECK_EQ(frames[0].payload, "");
  CHECK_EQ(world.First(pair.id, RecordKind::kClose).aux, static_cast<uint32_t>(kNoCloseCode));
}

TEST(link_violations_end_the_stream_behind_what_was_good) {
  const struct {
    std::string bytes;
    Status status;
    uint16_t code;
  } cases[] = {
      {BytesOf({0xC1, 0}), Status::kReservedBits, 1002},
      {BytesOf({0x83, 0}), Status::kReservedOpcode, 1002},
      {TextFrame("\xFF\xFE"), Status::kTextNotUtf8, 1007},
      {BinaryFrame(std::string(2000, 'x')), Status::kFrameTooLarge, 1009},
      {ServerFrame(0x02, std::string(900, 'x')) + ServerFrame(0x80, std::string(900, 'x')),
       Status::kMessageTooLarge, 1009},
  };
  for (const auto& c : cases) {
    World world;
    Pair pair(&world, 64 * 1024, Limits{1000, 1500});
    bool closed_early = false;
    world.on_delivery = [&] {
      if (!world.Has(pair.id, RecordKind::kViolation)) return;
      closed_early = pair.Offer("still open") <= 0;
      world.on_delivery = nullptr;
    };
    pair.peer->Send(TextFrame("good") + c.bytes + TextFrame("bad") + PingFrame("bad"));
    const std::string at = "status " + std::to_string(static_cast<int>(c.status));
    const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(2);
    CHECK_EQ(frames[0].payload, "still open", at);
    CHECK_EQ(frames[1].opcode, 8, at);
    CHECK_EQ(frames[1].payload, BytesOf({c.code >> 8, c.code & 0xFF}), at);
    CHECK(!closed_early, at);
    pair.peer->Send(TextFrame("bad"));
    world.Settle();
    const std::vector<Event> events = world.Of(pair.id);
    REQUIRE(events.size() == 3, at);  // connected, good, violation
    CHECK_EQ(events[1].payload, "good", at);
    CHECK_EQ(events[2].aux, static_cast<uint32_t>(c.status), at);
    CHECK_EQ(events[1].batch, events[2].batch, at);
    pair.peer->Close();
    UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
  }
}

TEST(link_eof_and_reset_come_behind_the_data) {
  World world;
  for (const bool reset : {false, true}) {
    Pair pair(&world);
    pair.link().Pause();  // all of it is in the socket before the first byte is read
    pair.peer->Send(TextFrame("last words") + TextFrame("and more"));
    reset ? pair.peer->Reset() : pair.peer->Close();
    world.Settle();
    pair.link().Resume();
    UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
    CHECK_EQ(world.Messages(pair.id).size(), 2u);
    const Event end = world.First(pair.id, RecordKind::kEnd);
    CHECK_EQ(end.opcode, static_cast<uint8_t>(reset ? EndReason::kSocket : EndReason::kEof));
    CHECK_EQ(end.aux, static_cast<uint32_t>(reset ? ECONNRESET : 0));
  }
}

// More than one read is in the socket when libuv, which saw the reset, has stopped watching it.
TEST(link_reads_to_the_end_after_a_reset) {
  World world;
  Pair pair(&world);
  world.keep_events = false;
  const std::string chunk = TextFrame(std::string(9996, 'd'));
  size_t sent = 0;
  const auto send = [&](size_t count) { pair.peer->Send(Repeat(chunk, count)), sent += count; };
  for (int i = 0; i < 40; i++) {  // the kernel lets the receive buffer grow for a reader that keeps up
    send(50);
    UNTIL(world, world.messages == sent);
  }
  pair.link().Pause();
  send(40);
  CHECK(pair.peer->AwaitAcknowledged());
  pair.peer->Reset();
  world.Settle();
  pair.link().Resume();
  UNTIL(world, world.loop().Find(pair.id) == nullptr);
  CHECK_EQ(world.messages, sent);
}

// send() meets the error first, and Linux tells an error once.
TEST(link_data_is_delivered_when_writing_has_failed) {
  World world;
  for (const bool reset : {false, true}) {
    Pair pair(&world);
    pair.link().Pause();
    pair.peer->Send(Repeat(TextFrame("data"), 6000));  // more than one batch, all of it in our socket
    CHECK(pair.peer->AwaitAcknowledged());
    reset ? pair.peer->Reset() : pair.peer->Close();
    world.Settle(2);
    int64_t result = pair.Offer("into the void");
    for (int i = 0; i < 50 && result > 0; i++) world.Settle(1), result = pair.Offer("into the void");
    CHECK_EQ(result, Link::kClosed);
    CHECK_EQ(world.Count(pair.id, RecordKind::kEnd), 0u);
    CHECK_EQ(pair.link().SendControl(Opcode::kPing, nullptr, 0), Link::kClosed);
    pair.link().Resume();
    UNTIL(world, world.Has(pair.id, RecordKind::kEnd));
    CHECK_EQ(world.Messages(pair.id).size(), 6000u);
    const Event end = world.First(pair.id, RecordKind::kEnd);
    // A server that closed in order and then refused our bytes has closed; one that reset has reset.
    CHECK_EQ(end.opcode, static_cast<uint8_t>(reset ? EndReason::kSocket : EndReason::kEof));
    if (reset) CHECK_EQ(end.aux, static_cast<uint32_t>(ECONNRESET));
  }
}

}  // namespace shared_ws::test
