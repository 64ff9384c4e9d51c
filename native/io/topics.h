#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/topic_program.h"
#include "core/topic_table.h"
#include "io/entropy.h"

namespace shared_ws {

// The topics of one link: how a message names its own, and when each that is watched was last seen. Made
// before the link's WebSocket phase and asked after its end, so it belongs to whoever made it as much as to
// the link; the last of them frees it. One thread: the loop's.
class Topics {
 public:
  // With one reference. Null: `*error` says what is wrong with the source.
  static Topics* Create(const TopicSource& source, Entropy& entropy, const char** error);
  Topics(const Topics&) = delete;
  Topics& operator=(const Topics&) = delete;

  void AddReference() { references_++; }
  void Unreference() {
    if (--references_ == 0) delete this;
  }

  TopicTable& table() { return table_; }
  // A text message came. The handle of its topic, if that is to be told; else 0. kPaddingBytes behind the
  // message are readable.
  uint32_t See(const uint8_t* message, size_t n, double now_us) {
    return table_.size() == 0 ? 0 : SeeWatched(message, n, now_us);
  }

 private:
  Topics(uint64_t seed_a, uint64_t seed_b) : table_(seed_a, seed_b) {}
  ~Topics() = default;
  uint32_t SeeWatched(const uint8_t* message, size_t n, double now_us);

  uint32_t references_ = 1;
  TopicProgram program_;
  TopicTable table_;
};

struct TopicsUnreferencer {
  void operator()(Topics* topics) const { topics->Unreference(); }
};
using TopicsReference = std::unique_ptr<Topics, TopicsUnreferencer>;

}  // namespace shared_ws
