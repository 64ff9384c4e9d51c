#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shared_ws {

// Finds the values at a few paths of a JSON text in one forward pass that stops as soon as all are decided.
// It is a structural scan, not a validator: texts that are not JSON have a result too, and src/plan has a
// twin that must come to the same one for every input. So this is the definition.
//
// The text is UTF-8 that has been checked, and compared byte by byte. Space is 20 09 0A 0D. `Undecided` below
// ends the scan: nothing was found.
//
// A STRING begins at `"` and ends at the first `"` that is not escaped: a `\` takes the byte behind it with
//   it, whatever that is. Without an end: undecided. Its TEXT is what lies between, with the escapes of RFC
//   8259 section 7 decoded. Text is looked at only in keys of containers that are scanned in detail, and in
//   values of paths that want it; there any other escape, and one of a surrogate without its other half, is
//   undecided.
// A SCALAR ends before the next `,` `]` `}` or byte up to 20. Empty, or not ended by such a byte: undecided.
//   Its text is its bytes, whatever they are.
// A SKIPPED CONTAINER ends where its brackets balance, `{` and `[` being taken for one another, and `}` and
//   `]`. A `\` takes the byte behind it with it, inside strings and outside; other bytes are ignored. Without
//   an end: undecided.
// A VALUE that begins with `"` is a string, with `{` or `[` a container, with a byte that ends a scalar (or
//   not at all) undecided, with any other a scalar.
//
// The scan. All paths are unresolved; without paths everything is decided. Behind space a container must
// begin; it is scanned in detail with all paths at depth 0. In detail, with paths S at depth d:
// - an object is `{}` or `{`key`:`value`,`…`}`, an array `[]` or `[`value`,`…`]`, with space anywhere
//   between; anything else is undecided, `,}` and the other kind's bracket too.
// - M are the unresolved paths of S whose element d is the key's text, or in an array the index of the value
//   in decimal (nine digits at most).
// - paths of M that end here and do not want text are resolved, present, at the first byte of the value.
// - a container: paths of M that end here and want text are resolved, present, at its bracket. If others of M
//   lead on, it is scanned in detail with these at depth d + 1, else skipped. Behind it these are resolved:
//   absent, unless found. So of equal keys the first counts.
// - a string or scalar, behind its end: paths of M that end here and want text are resolved with it; if it is
//   longer than kMaxTextBytes, as too long; those that lead on are absent. For strings text is looked at even
//   when it is too long.
// - where M is empty, strings, scalars and containers are passed over.
// - at its end what is unresolved of S is resolved: absent.
// - when no path of S is unresolved any more, the rest of the container is skipped from behind that value.
// The moment when no path at all is unresolved everything is decided, and what follows does not matter.

class JsonPaths {
 public:
  static constexpr size_t kMaxPaths = 8;
  static constexpr size_t kMaxDepth = 16;
  static constexpr size_t kMaxPathBytes = 256;  // elements of all paths together
  using Set = uint8_t;                          // bit i: path i

  // Adds path number size(). False, and nothing is added, beyond the bounds above.
  [[nodiscard]] bool Add(const std::string_view* elements, size_t count, bool wants_text);
  size_t size() const { return size_; }

  Set all() const { return static_cast<Set>((1u << size_) - 1); }
  Set ending_at(size_t depth) const { return ends_at_[depth]; }
  Set wanting_text() const { return wanting_text_; }
  // The paths of `set` whose element at `depth` is this. Eight bytes from `key` on are readable.
  Set Matching(Set set, size_t depth, const uint8_t* key, size_t length) const;
  Set MatchingIndex(Set set, size_t depth, uint32_t index) const;

 private:
  static constexpr uint32_t kNoIndex = UINT32_MAX;
  struct Element {
    uint64_t head = 0;  // its first eight bytes, as they lie
    uint64_t head_mask = 0;
    uint32_t index = kNoIndex;
    uint16_t length = 0;
    uint16_t offset = 0;  // in bytes_
  };
  std::array<std::array<Element, kMaxPaths>, kMaxDepth> elements_;
  std::array<Set, kMaxDepth> ends_at_ = {};
  std::array<uint8_t, kMaxPathBytes> bytes_ = {};
  size_t size_ = 0;
  size_t used_bytes_ = 0;
  Set wanting_text_ = 0;
};

struct JsonValue {
  enum Kind : uint8_t { kAbsent, kPresent, kTooLong, kText };
  Kind kind;
  uint16_t length;      // of a kText
  const uint8_t* text;  // in the scanned bytes, or in JsonValues::decoded
};

// Of path i, the value at i. Not to be moved: values point into it.
struct JsonValues {
  static constexpr size_t kMaxTextBytes = 256;
  JsonValue at[JsonPaths::kMaxPaths];
  uint8_t decoded[JsonPaths::kMaxPaths][kMaxTextBytes];
};

// False: undecided, and `values` says nothing. Of a JsonPaths nothing is looked up without its being wanted,
// so the cost is that of the bytes before the last value wanted. kPaddingBytes behind the text are readable;
// what they hold does not matter. No allocation, no recursion.
bool ScanJson(const JsonPaths& paths, const uint8_t* data, size_t n, JsonValues* values);

}  // namespace shared_ws
