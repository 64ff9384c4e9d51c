#include "io/topics.h"

#include <cstring>
#include <new>

namespace shared_ws {
namespace {

uint64_t Seed(Entropy& entropy) {
  uint64_t seed = 0;
  for (int i = 0; i < 2; i++) {
    uint32_t half;
    std::memcpy(&half, entropy.NextKey(), sizeof half);
    seed = seed << 32 | half;
  }
  return seed;
}

}  // namespace

Topics* Topics::Create(const TopicSource& source, Entropy& entropy, const char** error) {
  const uint64_t seed_a = Seed(entropy), seed_b = Seed(entropy);
  TopicsReference topics(new (std::nothrow) Topics(seed_a, seed_b));
  *error = topics == nullptr ? "no memory for the plan" : topics->program_.Compile(source);
  return *error == nullptr ? topics.release() : nullptr;
}

uint32_t Topics::SeeWatched(const uint8_t* message, size_t n, double now_us) {
  uint8_t topic[TopicProgram::kMaxTopicBytes];
  const size_t size = program_.TopicOf(message, n, topic);
  return size == 0 ? 0 : table_.See(topic, size, now_us);
}

}  // namespace shared_ws
