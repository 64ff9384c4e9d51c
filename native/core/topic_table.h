#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace shared_ws {

// When the topics that somebody watches were last seen. Messages look topics up, and a peer chooses what is
// looked up: so the hash is seeded, nothing grows by a lookup, and one costs a few probes however long the
// table.
class TopicTable {
 public:
  static constexpr size_t kMaxTopics = 65536;

  // The seed must be unpredictable to peers.
  TopicTable(uint64_t seed_a, uint64_t seed_b) : seed_a_(seed_a), seed_b_(seed_b | 1) {}

  // A handle, never 0. From now on each message of the topic is told, until the first Arm(). Of a topic that
  // is watched already: its handle, and nothing changes. 0: there are kMaxTopics. The only call that
  // allocates.
  uint32_t Watch(std::string_view topic);
  // A handle that is not, or no longer, of a topic is nobody's: it does nothing. A place is used again under
  // another handle, so that one on its way to somebody names no other topic.
  void Unwatch(uint32_t handle);
  // The next message is told, and then none until the next Arm().
  void Arm(uint32_t handle);
  // Time of the last See() since Watch(); 0: none.
  double SeenUs(uint32_t handle) const;

  // A message of `topic` came. Its handle, if it is watched and to be told; else 0.
  uint32_t See(const uint8_t* topic, size_t n, double now_us);

  size_t size() const { return size_; }
  // What it takes, but for what the allocator adds.
  size_t memory_bytes() const {
    return slots_.capacity() * sizeof(Slot) + entries_.capacity() * sizeof(Entry) + topic_bytes_;
  }

 private:
  enum class Told : uint8_t { kAlways, kOnce, kNever };
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Entry {
    double seen_us = 0;
    std::unique_ptr<char[]> topic;
    size_t length = 0;
    uint32_t hash = 0;
    uint32_t next_free = kNone;
    uint16_t generation = 0;
    bool watched = false;
    Told told = Told::kAlways;
  };
  struct Slot {
    uint32_t hash = 0;
    uint32_t entry = kNone;
  };

  uint32_t Hash(const uint8_t* topic, size_t n) const;
  // The slot of this topic, or the empty one that ends the search for it.
  size_t Find(uint32_t hash, const uint8_t* topic, size_t n) const;
  Entry* Of(uint32_t handle);
  uint32_t HandleOf(uint32_t index) const { return uint32_t{entries_[index].generation} << 16 | index; }
  void Grow();

  const uint64_t seed_a_, seed_b_;
  std::vector<Slot> slots_;  // open addressing; a power of two, at most half of them taken
  std::vector<Entry> entries_;
  uint32_t first_free_ = kNone;
  size_t size_ = 0;
  size_t topic_bytes_ = 0;
};

}  // namespace shared_ws
