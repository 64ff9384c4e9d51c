#include "topic_table.h"

#include <cstring>

namespace shared_ws {
namespace {

template <class Word>
uint64_t Load(const uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Both halves of the product of two words, folded: every bit depends on every other.
uint64_t Fold(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr size_t kMinSlots = 64;

}  // namespace

// Multiply and fold, 16 bytes at a time, as in Wang Yi's wyhash (2019): who does not know the seeds cannot
// choose topics that collide. The last block overlaps the one before it.
uint32_t TopicTable::Hash(const uint8_t* topic, size_t n) const {
  uint64_t hash = seed_a_ ^ n;
  uint64_t first = 0, last = 0;
  if (n >= 16) {
    for (size_t i = 0; i + 16 < n; i += 16) {
      hash = Fold(Load<uint64_t>(topic + i) ^ seed_b_, Load<uint64_t>(topic + i + 8) ^ hash);
    }
    first = Load<uint64_t>(topic + n - 16);
    last = Load<uint64_t>(topic + n - 8);
  } else if (n >= 8) {
    first = Load<uint64_t>(topic);
    last = Load<uint64_t>(topic + n - 8);
  } else if (n >= 4) {
    first = Load<uint32_t>(topic);
    last = Load<uint32_t>(topic + n - 4);
  } else if (n > 0) {
    first = uint64_t{topic[0]} << 16 | uint64_t{topic[n / 2]} << 8 | topic[n - 1];
  }
  hash = Fold(first ^ seed_b_, last ^ hash);
  hash = Fold(hash ^ seed_a_, seed_b_);
  return static_cast<uint32_t>(hash >> 32 ^ hash);
}

size_t TopicTable::Find(uint32_t hash, const uint8_t* topic, size_t n) const {
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  while (slots_[at].entry != kNone) {
    if (slots_[at].hash == hash) {
      const Entry& entry = entries_[slots_[at].entry];
      if (entry.length == n && (n == 0 || std::memcmp(entry.topic.get(), topic, n) == 0)) break;
    }
    at = (at + 1) & mask;
  }
  return at;
}

uint32_t TopicTable::Watch(std::string_view topic) {
  if (slots_.empty() || (size_ * 2 >= slots_.size() && size_ < kMaxTopics)) Grow();
  const auto* bytes = reinterpret_cast<const uint8_t*>(topic.data());
  const uint32_t hash = Hash(bytes, topic.size());
  const size_t at = Find(hash, bytes, topic.size());
  if (const uint32_t index = slots_[at].entry; index != kNone) return HandleOf(index);
  if (size_ == kMaxTopics) return 0;
  uint32_t index = first_free_;
  if (index == kNone) {
    index = static_cast<uint32_t>(entries_.size());
    entries_.emplace_back();
  } else {
    first_free_ = entries_[index].next_free;
  }
  Entry& entry = entries_[index];
  entry.seen_us = 0;
  entry.topic.reset(new char[topic.size()]);
  if (!topic.empty()) std::memcpy(entry.topic.get(), topic.data(), topic.size());
  entry.length = topic.size();
  entry.hash = hash;
  if (++entry.generation == 0) entry.generation = 1;
  entry.watched = true;
  entry.told = Told::kAlways;
  slots_[at] = {hash, index};
  size_++;
  topic_bytes_ += topic.size();
  return HandleOf(index);
}

void TopicTable::Grow() {
  std::vector<Slot> grown(slots_.empty() ? kMinSlots : slots_.size() * 2);
  const size_t mask = grown.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.entry == kNone) continue;
    size_t at = slot.hash & mask;
    while (grown[at].entry != kNone) at = (at + 1) & mask;
    grown[at] = slot;
  }
  slots_ = std::move(grown);
}

void TopicTable::Unwatch(uint32_t handle) {
  Entry* entry = Of(handle);
  if (entry == nullptr) return;
  const size_t mask = slots_.size() - 1;
  size_t hole = Find(entry->hash, reinterpret_cast<const uint8_t*>(entry->topic.get()), entry->length);
  // What stands behind the hole moves into it unless that is in front of where its search begins.
  for (size_t at = (hole + 1) & mask; slots_[at].entry != kNone; at = (at + 1) & mask) {
    const size_t home = slots_[at].hash & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = Slot{};
  topic_bytes_ -= entry->length;
  entry->topic.reset();
  entry->watched = false;
  entry->next_free = first_free_;
  first_free_ = handle & 0xFFFF;
  size_--;
}

void TopicTable::Arm(uint32_t handle) {
  if (Entry* entry = Of(handle)) entry->told = Told::kOnce;
}

double TopicTable::SeenUs(uint32_t handle) const {
  const Entry* entry = const_cast<TopicTable*>(this)->Of(handle);
  return entry == nullptr ? 0 : entry->seen_us;
}

TopicTable::Entry* TopicTable::Of(uint32_t handle) {
  const uint32_t index = handle & 0xFFFF;
  if (index >= entries_.size()) return nullptr;
  Entry& entry = entries_[index];
  return entry.watched && entry.generation == handle >> 16 ? &entry : nullptr;
}

uint32_t TopicTable::See(const uint8_t* topic, size_t n, double now_us) {
  if (size_ == 0) return 0;
  const uint32_t index = slots_[Find(Hash(topic, n), topic, n)].entry;
  if (index == kNone) return 0;
  Entry& entry = entries_[index];
  entry.seen_us = now_us;
  if (entry.told == Told::kNever) return 0;
  if (entry.told == Told::kOnce) entry.told = Told::kNever;
  return HandleOf(index);
}

}  // namespace shared_ws
