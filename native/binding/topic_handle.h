#pragma once

#include <node_api.h>

#include <cstdint>
#include <utility>

#include "io/topics.h"

namespace shared_ws {

// What JavaScript holds of a Topics: a reference, given up by GC.
class TopicsHandle {
 public:
  static napi_value Make(napi_env env, TopicsReference topics);
  // Null for a value that is no such handle; nothing is thrown then.
  static TopicsHandle* Of(napi_env env, napi_value value);

  Topics* topics() const { return topics_.get(); }
  TopicTable& table() const { return topics_->table(); }
  // A collector that knew nothing of the table would have no hurry.
  void TellMemory(napi_env env);

 private:
  static constexpr uint64_t kMark = 0x746F706963732E31;

  explicit TopicsHandle(TopicsReference topics) : topics_(std::move(topics)) {}

  const uint64_t mark_ = kMark;  // in front of all else
  TopicsReference topics_;
  int64_t told_bytes_ = 0;
};

}  // namespace shared_ws
