#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "core_support.h"
#include "harness.h"
#include "io/outbound.h"
#include "io_outbound_model.h"

namespace shared_ws::test {
namespace {

struct Run {
  explicit Run(uint64_t seed) : random(seed) {}
  Random random;
  Outbound out;
  OutboundModel model;
  uint64_t next_sequence = 1;
  std::string wire, expected;  // what was sealed
  std::set<uint64_t> withdrawn;

  std::string Bytes() {
    std::string bytes(1 + random.Below(random.OneIn(10) ? 5000 : 60), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Byte());
    return bytes;
  }

  void Commit(uint64_t sequence) {
    const std::string bytes = Bytes();
    uint8_t* tail = out.Tail(bytes.size() + random.Below(200));  // a guess may be too large
    std::memcpy(tail, bytes.data(), bytes.size());
    out.Commit(bytes.size(), sequence);
    model.Append(bytes, sequence);
  }

  // Frames that met an empty queue: the kernel took all of it, or a part.
  void PassOrPart() {
    const std::string bytes = Bytes();
    const size_t taken = random.OneIn(2) ? bytes.size() : random.Below(bytes.size());
    const uint64_t sequence = random.OneIn(4) ? 0 : next_sequence++;
    const uint64_t start = model.taken;
    if (taken == bytes.size()) {
      out.Pass(bytes.size(), sequence);
    } else {
      CHECK(out.CommitPartial(Raw(bytes), bytes.size(), taken, sequence));
    }
    model.Append(bytes, sequence);
    wire += bytes.substr(0, taken);
    expected += bytes.substr(0, taken);
    model.Seal(taken);
    model.Take(start + taken);
  }

  void Seal() {
    const size_t count = random.OneIn(3) ? out.size() : random.Below(out.size() + 1);
    wire.append(reinterpret_cast<const char*>(out.data()), count);
    expected += model.Unsealed().substr(0, count);
    out.Seal(count);
    model.Seal(count);
  }

  void Take() {
    const uint64_t offset = model.taken + random.Below(static_cast<size_t>(model.sealed - model.taken) + 1);
    out.Take(offset);
    model.Take(offset);
  }

  void Withdraw() {
    const uint64_t sequence = random.Below(static_cast<size_t>(next_sequence) + 2);
    const bool did = out.Withdraw(sequence);
    CHECK_EQ(did, model.Withdraw(sequence), "sequence " + std::to_string(sequence));
    if (did) CHECK(withdrawn.insert(sequence).second, "withdrawn twice");
  }

  void Step() {
    const bool idle = out.empty() && out.taken_offset() == out.sealed_offset();
    switch (random.Below(9)) {
      case 0:
      case 1:
        return Commit(next_sequence++);
      case 2:
        if (idle) return PassOrPart();
        return Commit(0);
      case 3: {
        const std::string bytes = Bytes();
        CHECK(out.InsertUrgent(Raw(bytes), bytes.size()));
        return model.Insert(bytes);
      }
      case 4:
      case 5:
        return Withdraw();
      case 6:
      case 7:
        return Seal();
      default:
        return Take();
    }
  }

  void Compare() {
    CHECK_EQ(out.size(), model.Unsealed().size());
    CHECK(std::string(reinterpret_cast<const char*>(out.data()), out.size()) == model.Unsealed(),
          "bytes that wait");
    CHECK_EQ(out.taken_offset(), model.taken);
    CHECK_EQ(out.sealed_offset(), model.sealed);
    CHECK_EQ(out.sealed_sequence(), model.sealed_sequence);
    CHECK_EQ(out.taken_sequence(), model.taken_sequence);
    CHECK_EQ(out.taken_frames(), model.taken_frames);
    CHECK_EQ(out.control_frames(), model.ControlFrames());
    for (uint64_t offset : {model.taken, (model.taken + model.sealed) / 2, model.sealed}) {
      CHECK_EQ(out.BegunSequence(offset), model.Begun(offset));
    }
  }
};

}  // namespace

TEST(outbound_agrees_with_its_model) {
  for (uint64_t seed = 1; seed <= 60; seed++) {
    Run run(seed);
    for (int step = 0; step < 600; step++) {
      run.Step();
      run.Compare();
    }
    CHECK(run.wire == run.expected, "seed " + std::to_string(seed));
    CHECK(!run.withdrawn.empty());
  }
}

TEST(outbound_takes_back_only_what_has_a_sequence) {
  Outbound out;
  std::memcpy(out.Tail(4), "pong", 4);
  out.Commit(4, 0);
  CHECK(!out.Withdraw(0), "0 names no frame: the queue's own control frames stay");
  CHECK(!out.Withdraw(1));
  CHECK_EQ(out.size(), 4u);
}

TEST(outbound_urgent_frames_pass_data_but_not_each_other) {
  Outbound out;
  const auto add = [&](const char* text, uint64_t sequence) {
    std::memcpy(out.Tail(2), text, 2);
    out.Commit(2, sequence);
  };
  add("a1", 1);
  add("b2", 2);
  out.Seal(1);  // a1 has begun
  CHECK(out.InsertUrgent(Raw("P1"), 2));
  CHECK(out.InsertUrgent(Raw("P2"), 2));
  CHECK_EQ(std::string(reinterpret_cast<const char*>(out.data()), out.size()), "1P1P2b2");
  CHECK(!out.Withdraw(1));
  CHECK(out.Withdraw(2));
  CHECK_EQ(std::string(reinterpret_cast<const char*>(out.data()), out.size()), "1P1P2");
}

// A stream that never pauses must not keep what it has sent.
TEST(outbound_memory_is_bounded_by_what_waits) {
  Outbound out;
  Random random(7);
  const std::string frame(100, 'x');
  const uint8_t* lowest = nullptr;
  const uint8_t* highest = nullptr;
  for (uint64_t sequence = 1; sequence <= 200'000; sequence++) {
    uint8_t* tail = out.Tail(frame.size());
    std::memcpy(tail, frame.data(), frame.size());
    out.Commit(frame.size(), sequence);
    if (out.size() > 10 * frame.size()) {
      out.Seal(frame.size() + random.Below(200));
      out.Take(out.sealed_offset());
    }
    CHECK(out.size() <= 11 * frame.size());
    // The queue never empties, so its block is never freed: all data lies within what it has grown to.
    if (sequence < 50'000) continue;  // has found its size
    lowest = lowest == nullptr ? tail : std::min<const uint8_t*>(lowest, tail);
    highest = std::max<const uint8_t*>(highest, tail);
  }
  CHECK(highest - lowest < 16 * 1024, std::to_string(highest - lowest) + " bytes apart");
  out.Free();
  CHECK(out.empty());
}

// The rest of a frame of which the kernel has a part cannot be withdrawn, and counts as begun.
TEST(outbound_partial_frame_counts_as_begun) {
  Outbound out;
  out.Pass(10, 1);
  CHECK_EQ(out.taken_sequence(), 1u);
  CHECK(out.CommitPartial(Raw("abcdef"), 6, 2, 2));
  CHECK_EQ(std::string(reinterpret_cast<const char*>(out.data()), out.size()), "cdef");
  CHECK_EQ(out.BegunSequence(out.taken_offset()), 2u);
  CHECK_EQ(out.sealed_sequence(), 2u);
  CHECK_EQ(out.taken_sequence(), 1u);
  CHECK(!out.Withdraw(2));
  out.Seal(4);
  out.Take(out.sealed_offset());
  CHECK_EQ(out.taken_sequence(), 2u);
  // Nothing of it taken: it may still be withdrawn.
  CHECK(out.CommitPartial(Raw("xyz"), 3, 0, 3));
  CHECK_EQ(out.BegunSequence(out.taken_offset()), 2u);
  CHECK(out.Withdraw(3));
  CHECK(out.empty());
}

}  // namespace shared_ws::test
