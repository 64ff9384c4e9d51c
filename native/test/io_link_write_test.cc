// The outbound half of a link: order, delivery counters, back-pressure, withdrawal.
#include <sys/socket.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>

#include "core_support.h"
#include "io_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

// Offers frames until the link is full; returns how many it took.
int64_t Fill(Pair& pair, size_t payload) {
  int64_t last = 0;
  for (int i = 0; i < 200'000; i++) {
    const int64_t sequence = pair.Offer(std::string(payload, static_cast<char>('a' + (last + 1) % 26)));
    if (sequence <= 0) {
      CHECK_EQ(sequence, Link::kFull);
      return last;
    }
    CHECK_EQ(sequence, last + 1);
    last = sequence;
  }
  CHECK(false, "the link never gets full");
  return last;
}

// All frames on this link have `frame` bytes: what the kernel took says exactly which have begun, and which
// are done.
void CheckCounters(const Pair& pair, int64_t offered, double frame) {
  const LinkCounters& counters = pair.counters();
  CHECK_EQ(counters.begun, std::ceil(counters.bytes_sent / frame));
  CHECK_EQ(counters.taken, std::floor(counters.bytes_sent / frame));
  CHECK_EQ(counters.sealed, counters.begun, "without TLS");
  CHECK_EQ(counters.queued_bytes, static_cast<double>(offered) * frame - counters.bytes_sent);
}

}  // namespace

TEST(link_frames_arrive_masked_with_keys_of_their_own) {
  World world;
  Pair pair(&world);
  std::set<uint32_t> keys;
  const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 200'000};
  for (size_t size : sizes) CHECK(pair.Offer(std::string(size, 'z')) > 0);
  for (int i = 0; i < 1000; i++) {
    const std::string text = "message " + std::to_string(i);
    while (pair.Offer(text) <= 0) world.Settle(1);
  }
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(std::size(sizes) + 1000);
  for (size_t i = 0; i < std::size(sizes); i++) CHECK(frames[i].payload == std::string(sizes[i], 'z'));
  for (size_t i = 0; i < 1000; i++) {
    CHECK_EQ(frames[std::size(sizes) + i].payload, "message " + std::to_string(i));
  }
  for (const ClientFrame& frame : frames) keys.insert(frame.key);
  CHECK(keys.size() >= frames.size() - 1, "keys repeat");
}

// The guess decides where the payload is written first; what is sent must not depend on it.
TEST(link_sends_the_same_whatever_was_guessed) {
  World world;
  Pair pair(&world);
  const auto write = [](void* source, uint8_t* into) {
    const auto& text = *static_cast<std::string*>(source);
    std::memcpy(into, text.data(), text.size());
    return text.size();
  };
  std::vector<std::string> sent;
  for (size_t size : {0, 10, 125, 126, 300, 65535, 65536, 70'000}) {
    for (size_t likely : {0, 125, 126, 65535, 65536}) {
      for (bool more : {false, true}) {
        sent.emplace_back(size, static_cast<char>('a' + likely % 26));
        CHECK(pair.link().Offer(Opcode::kBinary, write, &sent.back(), 70'000, likely, more) > 0);
        if (more) pair.link().Flush();
        UNTIL(world, pair.counters().queued_bytes == 0);
      }
    }
  }
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(sent.size());
  for (size_t i = 0; i < sent.size(); i++) {
    CHECK(frames[i].payload == sent[i], std::to_string(i));
    CHECK_EQ(frames[i].opcode, 2);
  }
}

TEST(link_full_then_writable_and_every_frame_once) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 4096);
  pair.peer->StopReading();
  int64_t offered = Fill(pair, 1000);
  CheckCounters(pair, offered, 1008);
  CHECK(pair.counters().queued_bytes <= 64.0 * 1024);
  CHECK(pair.counters().queued_bytes > 63.0 * 1024 - 1014);
  world.Settle();
  CHECK(!world.Has(pair.id, RecordKind::kWritable));

  pair.peer->ReadOn();
  size_t received = 0;
  const auto take = [&] {
    for (const ClientFrame& frame : pair.peer->TakeFrames()) {
      received++;
      CHECK(frame.payload == std::string(1000, static_cast<char>('a' + received % 26)),
            std::to_string(received));
    }
    CheckCounters(pair, offered, 1008);
  };
  for (size_t round = 1; round <= 5; round++) {
    UNTIL(world, (take(), world.Count(pair.id, RecordKind::kWritable) == round));
    CHECK(pair.counters().queued_bytes <= 32.0 * 1024);
    int64_t sequence;
    while ((sequence = pair.Offer(std::string(1000, static_cast<char>('a' + (offered + 1) % 26)))) > 0) {
      CHECK_EQ(sequence, ++offered);
      CheckCounters(pair, offered, 1008);
    }
  }
  UNTIL(world, (take(), received == static_cast<size_t>(offered)));
  UNTIL(world, pair.counters().taken == static_cast<double>(offered));
  CHECK(pair.peer->received.empty());
}

// A frame of which the kernel has a part has begun, and may not be called undelivered.
TEST(link_counts_frames_of_which_the_kernel_has_a_part) {
  World world;
  Pair pair(&world, 4 << 20, {}, 4096);
  pair.peer->StopReading();
  const int64_t offered = Fill(pair, 300'000);
  pair.peer->ReadOn();
  int64_t received = 0, in_part = 0;
  UNTIL(world, [&] {
    received += static_cast<int64_t>(pair.peer->TakeFrames().size());
    CheckCounters(pair, offered, 300'014);
    in_part += pair.counters().begun > pair.counters().taken;
    return received == offered;
  }());
  CHECK(in_part > 0, "the kernel took only whole frames: the test reached nothing");
}

TEST(link_takes_one_frame_larger_than_its_bound_when_none_waits) {
  World world;
  Pair pair(&world, 1000, {}, 4096);
  pair.peer->StopReading();
  const std::string large(20'000'000, 'L');  // more than the kernel buffers
  CHECK_EQ(pair.Offer(large), 1);
  CHECK_EQ(pair.counters().begun, 1.0);
  CHECK_EQ(pair.counters().taken, 0.0);
  CHECK_EQ(pair.Offer("x"), Link::kFull);
  pair.peer->ReadOn();
  UNTIL(world, world.Has(pair.id, RecordKind::kWritable));
  CHECK_EQ(pair.Offer("x"), 2);
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(2);
  CHECK(frames[0].payload == large);
  CHECK_EQ(frames[1].payload, "x");
}

TEST(link_withdraws_what_has_not_begun) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 4096);
  pair.peer->StopReading();
  const int64_t offered = Fill(pair, 500);
  const auto begun = static_cast<int64_t>(pair.counters().begun);
  REQUIRE(begun + 10 < offered);
  CHECK(!pair.link().Withdraw(0));
  CHECK(!pair.link().Withdraw(1), "taken");
  CHECK(!pair.link().Withdraw(static_cast<uint64_t>(begun)), "begun");
  CHECK(!pair.link().Withdraw(static_cast<uint64_t>(offered) + 1), "never offered");
  std::set<int64_t> withdrawn;
  for (int64_t sequence = begun + 1; sequence <= offered; sequence += 3) {
    CHECK(pair.link().Withdraw(static_cast<uint64_t>(sequence)));
    CHECK(!pair.link().Withdraw(static_cast<uint64_t>(sequence)), "twice");
    withdrawn.insert(sequence);
  }
  // Pings go in front of what has not begun, in their own order.
  CHECK_EQ(pair.link().SendControl(Opcode::kPing, Raw("1st"), 3), 1);
  CHECK_EQ(pair.link().SendControl(Opcode::kPong, Raw("2nd"), 3), 1);
  const std::string last = "offered after";
  CHECK_EQ(pair.Offer(last), offered + 1);

  pair.peer->ReadOn();
  const std::vector<ClientFrame> frames =
      pair.peer->AwaitFrames(static_cast<size_t>(offered) - withdrawn.size() + 3);
  std::vector<std::string> data, control;
  for (const ClientFrame& frame : frames) {
    if (frame.opcode == 1) {
      data.push_back(frame.payload);
      continue;
    }
    // Nothing ran between Fill() and the first of them. The kernel may have taken some between the two.
    if (control.empty()) CHECK_EQ(data.size(), static_cast<size_t>(begun));
    control.push_back(frame.payload);
  }
  CHECK(control == (std::vector<std::string>{"1st", "2nd"}));
  std::vector<std::string> expected;
  for (int64_t sequence = 1; sequence <= offered; sequence++) {
    if (withdrawn.count(sequence) == 0) expected.emplace_back(500, static_cast<char>('a' + sequence % 26));
  }
  expected.push_back(last);
  CHECK(data == expected);
  UNTIL(world, pair.counters().taken == static_cast<double>(offered + 1));
  CHECK_EQ(pair.counters().queued_bytes, 0.0);
}

// Nothing else may happen on a connection whose user waits for room.
TEST(link_withdrawing_tells_that_there_is_room) {
  World world;
  Pair pair(&world, 4096, {}, 4096);
  pair.peer->StopReading();
  const int64_t offered = Fill(pair, 500);
  world.Settle();
  CHECK(!world.Has(pair.id, RecordKind::kWritable));
  for (int64_t sequence = 1; sequence <= offered; sequence++)
    pair.link().Withdraw(static_cast<uint64_t>(sequence));
  UNTIL(world, world.Has(pair.id, RecordKind::kWritable));
  CHECK(pair.Offer(std::string(500, 'x')) > 0);
}

// Told too early, the user would offer it again in every turn of the loop, for as long as the peer does not
// read.
TEST(link_tells_of_room_when_what_was_refused_fits) {
  World world;
  Pair pair(&world, 4096, {}, 4096);
  pair.peer->StopReading();
  const int64_t offered = Fill(pair, 1000);
  pair.link().Withdraw(static_cast<uint64_t>(offered));
  pair.link().Withdraw(static_cast<uint64_t>(offered) - 1);
  world.Settle();
  const size_t told = world.Count(pair.id, RecordKind::kWritable);
  CHECK(pair.counters().queued_bytes > 0);
  CHECK(pair.counters().queued_bytes <= 2048);
  for (int i = 0; i < 5; i++) {
    CHECK_EQ(pair.Offer(std::string(4000, 'L')), Link::kFull);
    pair.link().Flush();
    world.Settle();
  }
  CHECK_EQ(world.Count(pair.id, RecordKind::kWritable), told);
  pair.peer->ReadOn();
  UNTIL(world, world.Count(pair.id, RecordKind::kWritable) == told + 1);
  CHECK(pair.Offer(std::string(4000, 'L')) > 0);
}

TEST(link_more_waits_for_flush) {
  World world;
  Pair pair(&world);
  CHECK_EQ(pair.Offer("one", true), 1);
  CHECK_EQ(pair.Offer("two", true), 2);
  CHECK_EQ(pair.Offer("three", true), 3);
  world.Settle();
  CHECK_EQ(pair.peer->total_received, 0u);
  CHECK_EQ(pair.counters().bytes_sent, 0.0);
  CHECK_EQ(pair.counters().begun, 0.0);
  CHECK(pair.counters().queued_bytes > 0);
  CHECK(pair.link().Withdraw(2));
  pair.link().Flush();
  CHECK_EQ(pair.counters().taken, 3.0);
  // In one segment: what a single receive finds.
  char buffer[200];
  ssize_t count;
  while ((count = recv(pair.peer->fd(), buffer, sizeof(buffer), 0)) < 0) CHECK(errno == EAGAIN);
  std::string bytes(buffer, static_cast<size_t>(count));
  const std::vector<ClientFrame> frames = TakeClientFrames(&bytes);
  REQUIRE(frames.size() == 2);
  CHECK_EQ(frames[0].payload + " " + frames[1].payload, "one three");
  CHECK_EQ(pair.Offer("four", true), 4);
  CHECK_EQ(pair.Offer("five"), 5);
  CHECK_EQ(pair.peer->AwaitFrames(2)[1].payload, "five");
}

// `more` holds back at most what the link holds: a batch is as long as the kernel takes, not as the link's
// bound.
TEST(link_that_is_full_of_held_frames_sends_them) {
  World world;
  Pair pair(&world, 4096);
  for (int64_t i = 1; i <= 100; i++) CHECK_EQ(pair.Offer(std::string(500, 'h'), true), i);
  CHECK(pair.peer->AwaitFrames(96).size() >= 96, "without a flush");
  pair.link().Flush();
  UNTIL(world, world.loop().counters(pair.id).taken == 100);
}

// Where the kernel takes nothing, the user waits for writable, not for his own flush.
TEST(link_that_is_full_of_held_frames_waits_for_writable) {
  World world;
  Pair pair(&world, 4096, {}, 4096);
  pair.peer->StopReading();
  int64_t sequence, last = 0;
  while ((sequence = pair.Offer(std::string(500, 'h'), true)) > 0) last = sequence;
  CHECK_EQ(sequence, Link::kFull);
  pair.peer->ReadOn();
  UNTIL(world, world.Has(pair.id, RecordKind::kWritable));
  CHECK_EQ(pair.peer->AwaitFrames(static_cast<size_t>(last)).size(), static_cast<size_t>(last));
}

TEST(link_close_goes_behind_everything_taken) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 4096);
  pair.peer->StopReading();
  const int64_t offered = Fill(pair, 1000);
  pair.link().Close(4000, Raw("done"), 4);
  pair.link().Close(4001, nullptr, 0);
  CHECK_EQ(pair.Offer("x"), Link::kClosed);
  CHECK_EQ(pair.link().SendControl(Opcode::kPing, nullptr, 0), Link::kClosed);
  pair.peer->ReadOn();
  pair.peer->Send(PingFrame("unanswered") + CloseFrame(4000));
  const std::vector<ClientFrame> frames = pair.peer->AwaitFrames(static_cast<size_t>(offered) + 1);
  CHECK_EQ(frames.back().opcode, 8);
  CHECK_EQ(frames.back().payload, BytesOf({4000 >> 8, 4000 & 0xFF}) + "done");
  UNTIL(world, world.Has(pair.id, RecordKind::kClose));
  world.Settle();
  CHECK(pair.peer->TakeFrames().empty(), "one CLOSE is enough");
}

TEST(link_control_frames_are_bounded) {
  World world;
  Pair pair(&world, 64 * 1024, {}, 4096);
  pair.peer->StopReading();
  const int64_t offered = Fill(pair, 1000);
  size_t pings = 0;
  // The kernel may still take some: what is bounded is what waits.
  while (pings < 1'000'000 && pair.link().SendControl(Opcode::kPing, Raw("p"), 1) == 1) pings++;
  CHECK_EQ(pair.link().SendControl(Opcode::kPing, Raw("p"), 1), Link::kFull);
  pair.peer->ReadOn();
  pair.peer->AwaitFrames(static_cast<size_t>(offered) + pings);
  CHECK_EQ(pair.link().SendControl(Opcode::kPing, Raw("p"), 1), 1);
}

}  // namespace shared_ws::test
