#include "topic_program.h"

#include <cstring>
#include <string_view>

namespace shared_ws {

const char* TopicProgram::Compile(const TopicSource& source) {
  uint32_t wanting_text = 0;
  const size_t paths = source.paths.size();
  if (paths > JsonPaths::kMaxPaths) return "a plan has at most 8 paths";
  for (const TopicSource::Part& part : source.key) {
    if (!part.path.has_value()) continue;
    if (*part.path >= paths) return "a part of the key names no path";
    wanting_text |= 1u << *part.path;
  }
  for (const TopicSource::Condition& condition : source.when) {
    if (condition.path >= paths) return "a condition names no path";
    if (condition.kind != TopicSource::Condition::kPresent) wanting_text |= 1u << condition.path;
    if (condition.operand.size() > JsonValues::kMaxTextBytes) return "an operand has at most 256 bytes";
  }
  if (source.when.size() > kMaxConditions) return "a plan has at most 16 conditions";
  if (source.key.empty() || source.key.size() > kMaxParts) return "a key has 1 to 32 parts";

  for (size_t i = 0; i < paths; i++) {
    const std::vector<std::string_view> elements(source.paths[i].begin(), source.paths[i].end());
    if (!paths_.Add(elements.data(), elements.size(), (wanting_text >> i & 1) != 0)) {
      return "a path has 1 to 16 elements, and all paths together at most 256 bytes";
    }
  }
  size_t literal_bytes = 0;
  for (const TopicSource::Part& part : source.key) {
    Part& compiled = parts_[part_count_++];
    if (part.path.has_value()) {
      compiled.path = static_cast<int8_t>(*part.path);
      continue;
    }
    if (part.literal.size() > kMaxTopicBytes - literal_bytes) return "a key has at most 256 bytes";
    compiled.offset = static_cast<uint16_t>(literal_bytes);
    compiled.length = static_cast<uint16_t>(part.literal.size());
    if (compiled.length > 0)
      std::memcpy(literals_.data() + literal_bytes, part.literal.data(), compiled.length);
    literal_bytes += compiled.length;
  }
  for (const TopicSource::Condition& condition : source.when) {
    conditions_.push_back({condition.kind, static_cast<uint8_t>(condition.path), condition.operand});
  }
  return nullptr;
}

bool TopicProgram::Holds(const Condition& condition, const JsonValue& value) const {
  if (condition.kind == TopicSource::Condition::kPresent) return value.kind != JsonValue::kAbsent;
  const bool equal = value.kind == JsonValue::kText && value.length == condition.operand.size() &&
                     std::memcmp(value.text, condition.operand.data(), value.length) == 0;
  return equal == (condition.kind == TopicSource::Condition::kIs);
}

size_t TopicProgram::TopicOf(const uint8_t* message, size_t n, uint8_t* topic) const {
  JsonValues values;
  if (!ScanJson(paths_, message, n, &values)) return 0;
  for (const Condition& condition : conditions_) {
    if (!Holds(condition, values.at[condition.path])) return 0;
  }
  size_t length = 0;
  for (size_t i = 0; i < part_count_; i++) {
    const Part& part = parts_[i];
    const uint8_t* text = literals_.data() + part.offset;
    size_t size = part.length;
    if (part.path >= 0) {
      const JsonValue& value = values.at[part.path];
      if (value.kind != JsonValue::kText) return 0;
      text = value.text;
      size = value.length;
    }
    if (size > kMaxTopicBytes - length) return 0;
    std::memcpy(topic + length, text, size);
    length += size;
  }
  return length;
}

}  // namespace shared_ws
