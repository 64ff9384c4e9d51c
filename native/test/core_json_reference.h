#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/topic_program.h"

// What core/json_scan.h defines, once more: for clarity, with recursion, exceptions and copies, one byte
// after the other. The scan is held against it.
namespace shared_ws::test {

// Of a path: nothing there, something, a text that is too long, or the text.
struct ReferenceValue {
  JsonValue::Kind kind = JsonValue::kAbsent;
  std::string text;
  bool operator==(const ReferenceValue&) const = default;
};

struct ReferencePath {
  std::vector<std::string> elements;
  bool wants_text = true;
};

// One value per path, or nothing: undecided.
std::optional<std::vector<ReferenceValue>> ReferenceScan(const std::vector<ReferencePath>& paths,
                                                         std::string_view text);

// "" for a message without a topic.
std::string ReferenceTopic(const TopicSource& source, std::string_view message);

// Both, by the code under test, from memory that ends kPaddingBytes behind the text, which hold what would
// mislead it most.
std::optional<std::vector<ReferenceValue>> ScannedValues(const std::vector<ReferencePath>& paths,
                                                         std::string_view text, size_t shift = 0);
std::string ProgramTopic(const TopicProgram& program, std::string_view message);

// A line per path, for messages of checks.
std::string Show(const std::optional<std::vector<ReferenceValue>>& values);

}  // namespace shared_ws::test
