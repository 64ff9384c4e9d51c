#include "json_text.h"

namespace shared_ws {
namespace {

// Four hexadecimal digits, or -1.
int32_t UnitAt(const uint8_t* text, const uint8_t* end) {
  if (end - text < 4) return -1;
  int32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    const uint8_t digit = text[i], letter = digit | 0x20;
    if (digit >= '0' && digit <= '9')
      unit = unit << 4 | (digit - '0');
    else if (letter >= 'a' && letter <= 'f')
      unit = unit << 4 | (letter - 'a' + 10);
    else
      return -1;
  }
  return unit;
}

bool IsHighSurrogate(int32_t unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool IsLowSurrogate(int32_t unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

// The character of \u at `*at`, which moves behind it; -1: there is none.
int32_t EscapedCharacter(const uint8_t** at, const uint8_t* end) {
  const int32_t unit = UnitAt(*at, end);
  if (unit < 0 || IsLowSurrogate(unit)) return -1;
  *at += 4;
  if (!IsHighSurrogate(unit)) return unit;
  const uint8_t* next = *at;
  if (end - next < 2 || next[0] != '\\' || next[1] != 'u') return -1;
  const int32_t low = UnitAt(next + 2, end);
  if (!IsLowSurrogate(low)) return -1;
  *at = next + 6;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

class Output {
 public:
  Output(uint8_t* out, size_t capacity) : out_(out), capacity_(capacity) {}
  void Byte(int32_t byte) {
    if (length_ < capacity_) out_[length_] = static_cast<uint8_t>(byte);
    length_++;
  }
  void Character(int32_t character) {
    if (character < 0x80) return Byte(character);
    if (character < 0x800) {
      Byte(0xC0 | character >> 6);
    } else {
      if (character < 0x10000) {
        Byte(0xE0 | character >> 12);
      } else {
        Byte(0xF0 | character >> 18);
        Byte(0x80 | (character >> 12 & 0x3F));
      }
      Byte(0x80 | (character >> 6 & 0x3F));
    }
    Byte(0x80 | (character & 0x3F));
  }
  size_t length() const { return length_; }

 private:
  uint8_t* const out_;
  const size_t capacity_;
  size_t length_ = 0;
};

// What a \ and one letter stand for, or 0.
uint8_t ShortEscape(uint8_t letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

}  // namespace

bool DecodeJsonText(const uint8_t* text, const uint8_t* end, uint8_t* out, size_t capacity, size_t* length) {
  Output output(out, capacity);
  while (text < end) {
    const uint8_t byte = *text++;
    if (byte != '\\') {
      output.Byte(byte);
      continue;
    }
    if (text == end) return false;
    const uint8_t letter = *text++;
    if (letter == 'u') {
      const int32_t character = EscapedCharacter(&text, end);
      if (character < 0) return false;
      output.Character(character);
    } else if (const uint8_t meant = ShortEscape(letter); meant != 0) {
      output.Byte(meant);
    } else {
      return false;
    }
  }
  *length = output.length();
  return true;
}

}  // namespace shared_ws
