#include "utf8.h"

#include <cstring>

#include "simd.h"
#include "utf8_lookup.h"

namespace shared_ws {
namespace {

uint64_t Load8(const uint8_t* from) {
  uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint32_t Load4(const uint8_t* from) {
  uint32_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

bool IsWordAscii(uint64_t word) {
  return (word & 0x8080808080808080) == 0;
}

// n < 32.
bool IsShortAscii(const uint8_t* data, size_t n) {
  if (n >= 16) {
    return IsWordAscii(Load8(data) | Load8(data + 8) | Load8(data + n - 16) | Load8(data + n - 8));
  }
  if (n >= 8) return IsWordAscii(Load8(data) | Load8(data + n - 8));
  if (n >= 4) return IsWordAscii(Load4(data) | Load4(data + n - 4));
  uint8_t any = 0;
  for (size_t i = 0; i < n; i++) any |= data[i];
  return any < 0x80;
}

Utf8Result ValidateScalar(const uint8_t* data, size_t n) {
  Utf8Validator state;
  size_t i = 0;
  while (i < n) {
    if (state.Complete() && n - i >= 8 && IsWordAscii(Load8(data + i))) {
      i += 8;
    } else if (!state.Step(data[i++])) {
      return Utf8Result::kInvalid;
    }
  }
  if (!state.Complete()) return Utf8Result::kInvalid;
  return state.ascii() ? Utf8Result::kAscii : Utf8Result::kUtf8;
}

#if defined(__x86_64__)

// For the rare machine without AVX2: vectors skip the ASCII in front, the rest is taken byte by byte.
Utf8Result ValidateSse2(const uint8_t* data, size_t n) {
  const auto load = [](const uint8_t* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  size_t at = 0;
  while (at + 16 <= n && _mm_movemask_epi8(load(data + at)) == 0) at += 16;
  return ValidateScalar(data + at, n - at);
}

#endif

// Bytes at the end that begin a character which n cuts short, as far as their first bits tell: 0 to 3.
size_t CutShort(const uint8_t* data, size_t n) {
  for (size_t back = 1; back <= 3 && back <= n; back++) {
    const uint8_t byte = data[n - back];
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;
    const size_t length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

// RFC 3629 section 4: only the first continuation byte of a character has limits narrower than 80 … BF.
bool Utf8Validator::Step(uint8_t byte) {
  if (needed_ > 0) {
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xBF;
    needed_--;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xC2 || byte > 0xF4) return false;
  ascii_ = false;
  needed_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  if (byte == 0xE0) low_ = 0xA0;   // below: overlong
  if (byte == 0xED) high_ = 0x9F;  // above: surrogates
  if (byte == 0xF0) low_ = 0x90;   // below: overlong
  if (byte == 0xF4) high_ = 0x8F;  // above: beyond U+10FFFF
  return true;
}

bool Utf8Validator::Push(const uint8_t* data, size_t n) {
  size_t at = 0;
  while (at < n && needed_ > 0) {
    if (!Step(data[at++])) return false;
  }
  const size_t cut = CutShort(data + at, n - at);
  const Utf8Result whole = ValidateUtf8(data + at, n - at - cut);
  if (whole == Utf8Result::kInvalid) return false;
  if (whole == Utf8Result::kUtf8) ascii_ = false;
  for (at = n - cut; at < n; at++) {
    if (!Step(data[at])) return false;
  }
  return true;
}

Utf8Result ValidateUtf8(const uint8_t* data, size_t n) {
  if (n < 32 && IsShortAscii(data, n)) return Utf8Result::kAscii;
  switch (ActiveSimd()) {
#if defined(__x86_64__)
    case Simd::kAvx2:
      return utf8_lookup::Validate(data, n);
    case Simd::kSse2:
      return ValidateSse2(data, n);
#elif defined(__aarch64__)
    case Simd::kNeon:
      return utf8_lookup::Validate(data, n);
#endif
    default:
      return ValidateScalar(data, n);
  }
}

}  // namespace shared_ws
