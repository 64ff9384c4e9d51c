#include "json_scan.h"

#include <bit>
#include <cstring>

#include "json_pieces.h"
#include "json_text.h"
#include "simd.h"

namespace shared_ws {
namespace {

using namespace json_pieces;
using Set = JsonPaths::Set;

using ContainerPasser = const uint8_t* (*)(const uint8_t* at, const uint8_t* end);

// One scan. Every step moves `at_`, or sets it to null: undecided.
template <class Finder>
class Scan {
 public:
  Scan(const JsonPaths& paths, const uint8_t* data, size_t n, ContainerPasser pass, JsonValues* values)
      : paths_(paths),
        at_(data),
        end_(data + n),
        strings_(end_),
        pass_(pass),
        values_(*values),
        unresolved_(paths.all()) {
    for (size_t i = 0; i < paths.size(); i++) values_.at[i].kind = JsonValue::kAbsent;
  }

  SHARED_WS_INLINE bool Run() {
    if (unresolved_ == 0) return true;
    if (!SkipSpace() || !IsOpening(*at_)) return false;
    Enter(paths_.all());
    return Walk();
  }

 private:
  // A container that is scanned in detail.
  struct Level {
    uint32_t index;  // of the value in an array
    Set set;
    bool array;
  };

  // False at the end of the text.
  SHARED_WS_INLINE bool SkipSpace() {
    while (at_ < end_) {
      if (!IsSpace(*at_)) return true;
      at_++;
    }
    return false;
  }

  SHARED_WS_INLINE void Enter(Set set) { levels_[depth_++] = {0, set, *at_++ == '['}; }

  SHARED_WS_INLINE bool Walk() {
    bool first = true;
    while (SkipSpace()) {
      Level& level = levels_[depth_ - 1];
      const uint8_t closing = level.array ? ']' : '}';
      if (first && *at_ == closing) {
        if (Leave()) return true;
      } else {
        Set matched;
        if (level.array) {
          matched = paths_.MatchingIndex(level.set & unresolved_, depth_ - 1, level.index);
        } else if (!Key(level.set & unresolved_, &matched)) {
          return false;
        }
        const Passed passed = matched == 0 ? PassOver() : Value(matched);
        if (passed == Passed::kDecided) return true;
        if (passed == Passed::kUndecided) return false;
        first = passed == Passed::kEntered;
        if (first) continue;
      }
      // Behind a value: the next one of its container, or of an outer one.
      while (true) {
        Level& over = levels_[depth_ - 1];
        if ((over.set & unresolved_) == 0) {
          at_ = pass_(at_, end_);
          if (at_ == nullptr) return false;
          depth_--;
          continue;
        }
        if (!SkipSpace()) return false;
        if (*at_ == ',') {
          at_++;
          over.index++;
          first = false;
          break;
        }
        if (*at_ != (over.array ? ']' : '}')) return false;
        if (Leave()) return true;
      }
    }
    return false;
  }

  // At the closing bracket of a container. True: all is decided.
  SHARED_WS_INLINE bool Leave() {
    at_++;
    unresolved_ &= static_cast<Set>(~levels_[--depth_].set);
    return unresolved_ == 0;
  }

  // From a key to its value.
  SHARED_WS_INLINE bool Key(Set set, Set* matched) {
    if (*at_ != '"') return false;
    const uint8_t* const text = ++at_;
    bool escapes = false;
    at_ = strings_.End(at_, &escapes);
    if (at_ == nullptr) return false;
    if (!escapes) {
      *matched = paths_.Matching(set, depth_ - 1, text, static_cast<size_t>(at_ - text));
    } else {
      uint8_t decoded[JsonPaths::kMaxPathBytes + sizeof(uint64_t)] = {};
      size_t length;
      if (!DecodeJsonText(text, at_, decoded, JsonPaths::kMaxPathBytes, &length)) return false;
      *matched =
          length > JsonPaths::kMaxPathBytes ? Set{0} : paths_.Matching(set, depth_ - 1, decoded, length);
    }
    at_++;
    if (!SkipSpace() || *at_ != ':') return false;
    at_++;
    return true;
  }

  enum class Passed : uint8_t { kUndecided, kDecided, kEntered, kOver };

  // A value that nobody asked for.
  SHARED_WS_INLINE Passed PassOver() {
    if (!SkipSpace()) return Passed::kUndecided;
    if (*at_ == '"') {
      bool escapes;
      at_ = strings_.End(at_ + 1, &escapes);
      if (at_ != nullptr) at_++;
    } else if (IsOpening(*at_)) {
      at_ = pass_(at_ + 1, end_);
    } else {
      if (EndsScalar(*at_)) return Passed::kUndecided;
      at_ = ScalarEnd<Finder>(at_, end_);
    }
    return at_ == nullptr ? Passed::kUndecided : Passed::kOver;
  }

  SHARED_WS_INLINE Passed Value(Set matched) {
    if (!SkipSpace()) return Passed::kUndecided;
    const Set here = matched & paths_.ending_at(depth_ - 1);
    const Set texts = here & paths_.wanting_text();
    const Set deeper = matched & static_cast<Set>(~here);
    const bool container = IsOpening(*at_);
    if (!container && EndsScalar(*at_)) return Passed::kUndecided;
    const Set present = container ? here : here & static_cast<Set>(~texts);
    if (present != 0) {
      Resolve(present, {JsonValue::kPresent, 0, nullptr});
      if (unresolved_ == 0) return Passed::kDecided;
    }
    if (container && deeper != 0) {
      Enter(deeper);
      return Passed::kEntered;
    }
    const uint8_t* text = at_;
    bool escapes = false;
    if (container || texts == 0) {
      if (PassOver() == Passed::kUndecided) return Passed::kUndecided;
    } else if (*at_ == '"') {
      const uint8_t* const close = strings_.End(++text, &escapes);
      if (close == nullptr) return Passed::kUndecided;
      at_ = close + 1;
      if (!ResolveText(texts, text, close, escapes)) return Passed::kUndecided;
    } else {
      at_ = ScalarEnd<Finder>(at_, end_);
      if (at_ == nullptr) return Passed::kUndecided;
      ResolveText(texts, text, at_, false);
    }
    unresolved_ &= static_cast<Set>(~deeper);
    return unresolved_ == 0 ? Passed::kDecided : Passed::kOver;
  }

  SHARED_WS_INLINE void Resolve(Set set, const JsonValue& value) {
    unresolved_ &= static_cast<Set>(~set);
    for (unsigned left = set; left != 0; left &= left - 1) values_.at[std::countr_zero(left)] = value;
  }

  SHARED_WS_INLINE bool ResolveText(Set set, const uint8_t* text, const uint8_t* close, bool escapes) {
    size_t length = static_cast<size_t>(close - text);
    if (escapes) {
      uint8_t* const decoded = values_.decoded[std::countr_zero(static_cast<unsigned>(set))];
      if (!DecodeJsonText(text, close, decoded, JsonValues::kMaxTextBytes, &length)) return false;
      text = decoded;
    }
    if (length > JsonValues::kMaxTextBytes) {
      Resolve(set, {JsonValue::kTooLong, 0, nullptr});
    } else {
      Resolve(set, {JsonValue::kText, static_cast<uint16_t>(length), text});
    }
    return true;
  }

  const JsonPaths& paths_;
  const uint8_t* at_;
  const uint8_t* const end_;
  Strings<Finder> strings_;
  const ContainerPasser pass_;
  JsonValues& values_;
  Set unresolved_;
  size_t depth_ = 0;
  Level levels_[JsonPaths::kMaxDepth];
};

uint64_t Load8(const uint8_t* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// "0", "1", … "999999999", or `none`.
uint32_t IndexOf(std::string_view text, uint32_t none) {
  if (text.empty() || text.size() > 9 || (text[0] == '0' && text.size() > 1)) return none;
  uint32_t index = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return none;
    index = index * 10 + static_cast<uint32_t>(digit - '0');
  }
  return index;
}

}  // namespace

bool JsonPaths::Add(const std::string_view* elements, size_t count, bool wants_text) {
  if (size_ == kMaxPaths || count == 0 || count > kMaxDepth) return false;
  size_t bytes = used_bytes_;
  for (size_t depth = 0; depth < count; depth++) {
    if (elements[depth].size() > kMaxPathBytes - bytes) return false;
    bytes += elements[depth].size();
  }
  for (size_t depth = 0; depth < count; depth++) {
    const std::string_view text = elements[depth];
    Element& element = elements_[depth][size_];
    element.index = IndexOf(text, kNoIndex);
    element.length = static_cast<uint16_t>(text.size());
    element.offset = static_cast<uint16_t>(used_bytes_);
    const size_t head = text.size() < sizeof(uint64_t) ? text.size() : sizeof(uint64_t);
    if (head > 0) {
      std::memcpy(&element.head, text.data(), head);
      std::memset(&element.head_mask, 0xFF, head);
      std::memcpy(bytes_.data() + used_bytes_, text.data(), text.size());
    }
    used_bytes_ += text.size();
  }
  const auto bit = static_cast<Set>(1u << size_++);
  ends_at_[count - 1] |= bit;
  if (wants_text) wanting_text_ |= bit;
  return true;
}

JsonPaths::Set JsonPaths::Matching(Set set, size_t depth, const uint8_t* key, size_t length) const {
  Set matched = 0;
  const uint64_t head = Load8(key);
  for (unsigned left = set; left != 0; left &= left - 1) {
    const Element& element = elements_[depth][static_cast<size_t>(std::countr_zero(left))];
    if (element.length != length || ((head ^ element.head) & element.head_mask) != 0) continue;
    if (length > sizeof head && std::memcmp(bytes_.data() + element.offset, key, length) != 0) continue;
    matched |= static_cast<Set>(left & -left);
  }
  return matched;
}

JsonPaths::Set JsonPaths::MatchingIndex(Set set, size_t depth, uint32_t index) const {
  Set matched = 0;
  for (unsigned left = set; left != 0; left &= left - 1) {
    const Element& element = elements_[depth][static_cast<size_t>(std::countr_zero(left))];
    if (element.index == index) matched |= static_cast<Set>(left & -left);
  }
  return matched;
}

bool ScanJson(const JsonPaths& paths, const uint8_t* data, size_t n, JsonValues* values) {
  switch (ActiveSimd()) {
#if defined(__x86_64__)
    case Simd::kAvx2:
      return Scan<Vectors>(paths, data, n, json_blocks::PassContainer, values).Run();
    case Simd::kSse2:
      return Scan<Vectors>(paths, data, n, PassContainer<Vectors>, values).Run();
#elif defined(__aarch64__)
    case Simd::kNeon:
      return Scan<Vectors>(paths, data, n, json_blocks::PassContainer, values).Run();
#endif
    default:
      return Scan<Bytewise>(paths, data, n, PassContainer<Bytewise>, values).Run();
  }
}

}  // namespace shared_ws
