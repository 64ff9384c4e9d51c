#include "test/core_json_reference.h"

#include <cstring>
#include <memory>

#include "core/bytes.h"

namespace shared_ws::test {
namespace {

struct Decided {};
struct Undecided {};

class Reference {
 public:
  Reference(const std::vector<ReferencePath>& paths, std::string_view text)
      : paths_(paths), text_(text), values_(paths.size()), resolved_(paths.size(), false) {}

  std::optional<std::vector<ReferenceValue>> Run() {
    try {
      std::vector<size_t> all;
      for (size_t i = 0; i < paths_.size(); i++) all.push_back(i);
      StopWhenDecided();
      Space();
      if (Peek() != '{' && Peek() != '[') throw Undecided{};
      Container(all, 0);
      throw Undecided{};  // never: the end of the root decides
    } catch (Decided) {
      return values_;
    } catch (Undecided) {
      return std::nullopt;
    }
  }

 private:
  char Peek() const {
    if (at_ >= text_.size()) throw Undecided{};
    return text_[at_];
  }
  void Expect(char wanted) {
    if (Peek() != wanted) throw Undecided{};
    at_++;
  }
  void Space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      at_++;
  }
  static bool EndsScalar(char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == ',' || c == ']' || c == '}';
  }

  // What is between the quotes, as it stands.
  std::string RawString() {
    Expect('"');
    std::string raw;
    while (Peek() != '"') {
      if (Peek() == '\\') raw += text_[at_++];
      raw += Peek();
      at_++;
    }
    at_++;
    return raw;
  }
  std::string RawScalar() {
    std::string raw;
    while (!EndsScalar(Peek())) raw += text_[at_++];
    if (raw.empty()) throw Undecided{};
    return raw;
  }
  void SkipBalanced(int depth) {
    while (depth > 0) {
      const char c = Peek();
      if (c == '"') {
        RawString();
        continue;
      }
      at_ += c == '\\' ? 2 : 1;
      if (c == '{' || c == '[') depth++;
      if (c == '}' || c == ']') depth--;
    }
  }

  static unsigned Unit(const std::string& raw, size_t at) {
    const std::string digits = raw.substr(at, 4);
    if (digits.size() < 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      throw Undecided{};
    return static_cast<unsigned>(std::stoul(digits, nullptr, 16));
  }
  static std::string Utf8(unsigned c) {
    if (c < 0x80) return {static_cast<char>(c)};
    std::string tail;
    unsigned lead = 0xC0, limit = 0x20;
    while (true) {
      tail.insert(tail.begin(), static_cast<char>(0x80 | (c & 0x3F)));
      c >>= 6;
      if (c < limit) return std::string(1, static_cast<char>(lead | c)) + tail;
      lead = lead >> 1 | 0x80;
      limit /= 2;
    }
  }
  static std::string Decode(const std::string& raw) {
    static const std::string letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    std::string text;
    for (size_t i = 0; i < raw.size(); i++) {
      if (raw[i] != '\\') {
        text += raw[i];
        continue;
      }
      i++;
      if (raw[i] == 'u') {
        unsigned c = Unit(raw, i + 1);
        i += 4;
        if (c >= 0xDC00 && c < 0xE000) throw Undecided{};
        if (c >= 0xD800 && c < 0xDC00) {
          if (raw.substr(i + 1, 2) != "\\u") throw Undecided{};
          const unsigned low = Unit(raw, i + 3);
          if (low < 0xDC00 || low >= 0xE000) throw Undecided{};
          c = 0x10000 + (c - 0xD800) * 0x400 + (low - 0xDC00);
          i += 6;
        }
        text += Utf8(c);
      } else {
        const size_t which = letters.find(raw[i]);
        if (which == std::string::npos) throw Undecided{};
        text += meant[which];
      }
    }
    return text;
  }

  void Resolve(size_t path, ReferenceValue value) {
    values_[path] = std::move(value);
    resolved_[path] = true;
  }
  void StopWhenDecided() const {
    for (const bool resolved : resolved_) {
      if (!resolved) return;
    }
    throw Decided{};
  }
  bool AllResolved(const std::vector<size_t>& paths) const {
    for (const size_t path : paths) {
      if (!resolved_[path]) return false;
    }
    return true;
  }

  // At the opening bracket; to behind the closing one.
  void Container(const std::vector<size_t>& paths, size_t depth) {
    const bool array = Peek() == '[';
    const char closing = array ? ']' : '}';
    at_++;
    Space();
    if (Peek() == closing) {
      at_++;
      return Close(paths);
    }
    for (size_t index = 0;; index++) {
      Space();
      std::string name = std::to_string(index);
      if (!array) {
        name = Decode(RawString());
        Space();
        Expect(':');
        Space();
      }
      std::vector<size_t> matched;
      for (const size_t path : paths) {
        if (!resolved_[path] && paths_[path].elements[depth] == name) matched.push_back(path);
      }
      if (array && index > 999'999'999) matched.clear();
      Value(matched, depth);
      if (AllResolved(paths)) return SkipBalanced(1);
      Space();
      if (Peek() != ',') {
        Expect(closing);
        return Close(paths);
      }
      at_++;
    }
  }

  void Close(const std::vector<size_t>& paths) {
    for (const size_t path : paths) {
      if (!resolved_[path]) Resolve(path, {});
    }
    StopWhenDecided();
  }

  void Value(const std::vector<size_t>& matched, size_t depth) {
    const char first = Peek();
    if (EndsScalar(first)) throw Undecided{};
    const bool container = first == '{' || first == '[';
    std::vector<size_t> texts, deeper;
    for (const size_t path : matched) {
      if (paths_[path].elements.size() > depth + 1) {
        deeper.push_back(path);
      } else if (container || !paths_[path].wants_text) {
        Resolve(path, {JsonValue::kPresent, ""});
      } else {
        texts.push_back(path);
      }
    }
    StopWhenDecided();
    if (container && !deeper.empty()) return Container(deeper, depth + 1);
    if (container) {
      at_++;
      return SkipBalanced(1);
    }
    std::string raw = first == '"' ? RawString() : RawScalar();
    if (!texts.empty()) {
      if (first == '"') raw = Decode(raw);
      for (const size_t path : texts) {
        if (raw.size() > 256)
          Resolve(path, {JsonValue::kTooLong, ""});
        else
          Resolve(path, {JsonValue::kText, raw});
      }
    }
    for (const size_t path : deeper) Resolve(path, {});
    StopWhenDecided();
  }

  const std::vector<ReferencePath>& paths_;
  const std::string_view text_;
  size_t at_ = 0;
  std::vector<ReferenceValue> values_;
  std::vector<bool> resolved_;
};

// Memory of exactly this text at `shift`, and the padding behind it: a quote or a bracket taken for a part of
// the text would show.
class Padded {
 public:
  Padded(std::string_view text, size_t shift) : memory_(new uint8_t[shift + text.size() + kPaddingBytes]) {
    data_ = memory_.get() + shift;
    if (!text.empty()) std::memcpy(data_, text.data(), text.size());
    static constexpr std::string_view kMisleading = "\"}]:\",\\ {[0";
    for (size_t i = 0; i < kPaddingBytes; i++) {
      data_[text.size() + i] =
          static_cast<uint8_t>(kMisleading[(text.size() + i + shift) % kMisleading.size()]);
    }
  }
  const uint8_t* data() const { return data_; }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  uint8_t* data_;
};

}  // namespace

std::optional<std::vector<ReferenceValue>> ReferenceScan(const std::vector<ReferencePath>& paths,
                                                         std::string_view text) {
  return Reference(paths, text).Run();
}

std::string ReferenceTopic(const TopicSource& source, std::string_view message) {
  using Condition = TopicSource::Condition;
  std::vector<ReferencePath> paths;
  for (const std::vector<std::string>& elements : source.paths) paths.push_back({elements, false});
  for (const TopicSource::Part& part : source.key) {
    if (part.path.has_value()) paths[*part.path].wants_text = true;
  }
  for (const Condition& condition : source.when) {
    if (condition.kind != Condition::kPresent) paths[condition.path].wants_text = true;
  }
  const auto values = ReferenceScan(paths, message);
  if (!values.has_value()) return "";
  for (const Condition& condition : source.when) {
    const ReferenceValue& value = (*values)[condition.path];
    const bool equal = value == ReferenceValue{JsonValue::kText, condition.operand};
    const bool holds = condition.kind == Condition::kPresent ? value.kind != JsonValue::kAbsent
                       : condition.kind == Condition::kIs    ? equal
                                                             : !equal;
    if (!holds) return "";
  }
  std::string topic;
  for (const TopicSource::Part& part : source.key) {
    if (part.path.has_value() && (*values)[*part.path].kind != JsonValue::kText) return "";
    topic += part.path.has_value() ? (*values)[*part.path].text : part.literal;
  }
  return topic.size() <= 256 ? topic : "";
}

std::optional<std::vector<ReferenceValue>> ScannedValues(const std::vector<ReferencePath>& paths,
                                                         std::string_view text, size_t shift) {
  JsonPaths compiled;
  for (const ReferencePath& path : paths) {
    const std::vector<std::string_view> elements(path.elements.begin(), path.elements.end());
    if (!compiled.Add(elements.data(), elements.size(), path.wants_text)) return std::nullopt;
  }
  const Padded padded(text, shift);
  const auto values = std::make_unique<JsonValues>();
  if (!ScanJson(compiled, padded.data(), text.size(), values.get())) return std::nullopt;
  std::vector<ReferenceValue> found;
  for (size_t i = 0; i < paths.size(); i++) {
    const JsonValue& value = values->at[i];
    found.push_back({value.kind, value.kind == JsonValue::kText
                                     ? std::string(reinterpret_cast<const char*>(value.text), value.length)
                                     : std::string()});
  }
  return found;
}

std::string ProgramTopic(const TopicProgram& program, std::string_view message) {
  const Padded padded(message, message.size() % 7);
  const std::unique_ptr<uint8_t[]> topic(new uint8_t[TopicProgram::kMaxTopicBytes]);
  const size_t size = program.TopicOf(padded.data(), message.size(), topic.get());
  return std::string(reinterpret_cast<const char*>(topic.get()), size);
}

std::string Show(const std::optional<std::vector<ReferenceValue>>& values) {
  if (!values.has_value()) return "undecided";
  std::string lines;
  for (const ReferenceValue& value : *values) {
    lines += std::to_string(static_cast<int>(value.kind)) + " '" + value.text + "' ";
  }
  return lines;
}

}  // namespace shared_ws::test
