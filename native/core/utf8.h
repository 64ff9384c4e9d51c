#pragma once

#include <cstddef>
#include <cstdint>

namespace shared_ws {

enum class Utf8Result : uint8_t { kInvalid, kAscii, kUtf8 };

// Judges a whole text: no overlong forms, no surrogates, nothing above U+10FFFF, no sequence cut short (RFC
// 3629). Reads only [data, data + n). kAscii when every byte is below 0x80, which an empty text fulfils.
Utf8Result ValidateUtf8(const uint8_t* data, size_t n);

// Judges a text that comes in pieces, cut anywhere, also inside a character.
class Utf8Validator {
 public:
  void Reset() { *this = Utf8Validator(); }

  // False as soon as the bytes so far cannot begin a valid text; from then on nothing but Reset() makes
  // sense.
  [[nodiscard]] bool Push(const uint8_t* data, size_t n);

  // The text may end here: no character is cut short.
  bool Complete() const { return needed_ == 0; }

  // Every byte so far is below 0x80.
  bool ascii() const { return ascii_; }

  // Takes one byte; what Push() and the scalar path are made of.
  [[nodiscard]] bool Step(uint8_t byte);

 private:
  uint8_t needed_ = 0;  // continuation bytes that the character begun still lacks
  uint8_t low_ = 0x80;  // the next of them lies in [low_, high_]
  uint8_t high_ = 0xBF;
  bool ascii_ = true;
};

}  // namespace shared_ws
