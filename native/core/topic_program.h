#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json_scan.h"

namespace shared_ws {

// How an ingress plan names the topic of a message, as the user wrote it and TypeScript parsed it.
struct TopicSource {
  struct Part {
    std::string literal;
    std::optional<size_t> path;  // instead of the literal: the text there
  };
  struct Condition {
    enum Kind : uint8_t { kPresent, kIs, kIsNot };
    size_t path = 0;
    Kind kind = kPresent;
    std::string operand;
  };
  std::vector<std::vector<std::string>> paths;
  std::vector<Part> key;
  std::vector<Condition> when;
};

// The same, compiled: from the bytes of a message to the bytes of its topic, without an allocation.
class TopicProgram {
 public:
  static constexpr size_t kMaxTopicBytes = 256;
  static constexpr size_t kMaxParts = 32;
  static constexpr size_t kMaxConditions = 16;

  // Null, or what is wrong with `source`.
  const char* Compile(const TopicSource& source);

  // Writes the topic of a text message to `topic`, which has room for kMaxTopicBytes, and returns its length.
  // 0: it has none. kPaddingBytes behind the message are readable.
  size_t TopicOf(const uint8_t* message, size_t n, uint8_t* topic) const;

 private:
  struct Part {
    uint16_t length = 0;  // of the literal
    uint16_t offset = 0;  // in literals_
    int8_t path = -1;     // instead of a literal
  };
  struct Condition {
    TopicSource::Condition::Kind kind = TopicSource::Condition::kPresent;
    uint8_t path = 0;
    std::string operand;
  };

  bool Holds(const Condition& condition, const JsonValue& value) const;

  JsonPaths paths_;
  std::array<uint8_t, kMaxTopicBytes> literals_ = {};
  std::array<Part, kMaxParts> parts_ = {};
  size_t part_count_ = 0;
  std::vector<Condition> conditions_;
};

}  // namespace shared_ws
