#pragma once

// Validation of UTF-8 with vectors, for utf8.cc alone. The method is the one of J. Keiser and D. Lemire,
// "Validating UTF-8 In Less Than One Instruction Per Byte" (2021): most errors show in two adjacent bytes, so
// each pair is looked up by three of its nibbles; what remains is whether continuation bytes stand where a
// longer character needs them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define SHARED_WS_VECTOR __attribute__((target("avx2"))) inline
#elif defined(__aarch64__)
#include <arm_neon.h>
#define SHARED_WS_VECTOR inline
#endif

#if defined(SHARED_WS_VECTOR)

namespace shared_ws::utf8_lookup {

using Table = std::array<uint8_t, 16>;

#if defined(__x86_64__)

using Vector = __m256i;
inline constexpr size_t kWidth = 32;

SHARED_WS_VECTOR Vector Load(const uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
SHARED_WS_VECTOR Vector Zero() {
  return _mm256_setzero_si256();
}
SHARED_WS_VECTOR Vector Or(Vector a, Vector b) {
  return _mm256_or_si256(a, b);
}
SHARED_WS_VECTOR Vector And(Vector a, Vector b) {
  return _mm256_and_si256(a, b);
}
SHARED_WS_VECTOR Vector Xor(Vector a, Vector b) {
  return _mm256_xor_si256(a, b);
}
SHARED_WS_VECTOR Vector Repeat(uint8_t byte) {
  return _mm256_set1_epi8(static_cast<char>(byte));
}
SHARED_WS_VECTOR Vector LowNibbles(Vector v) {
  return And(v, Repeat(0x0F));
}
SHARED_WS_VECTOR Vector HighNibbles(Vector v) {
  return LowNibbles(_mm256_srli_epi16(v, 4));
}
SHARED_WS_VECTOR Vector SubtractToZero(Vector a, Vector b) {
  return _mm256_subs_epu8(a, b);
}
SHARED_WS_VECTOR bool IsAscii(Vector v) {
  return _mm256_movemask_epi8(v) == 0;
}
SHARED_WS_VECTOR bool IsZero(Vector v) {
  return _mm256_testz_si256(v, v);
}
SHARED_WS_VECTOR Vector LookUp(const Table& table, Vector nibbles) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data()));
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(half), nibbles);
}

#else

using Vector = uint8x16_t;
inline constexpr size_t kWidth = 16;

SHARED_WS_VECTOR Vector Load(const uint8_t* from) {
  return vld1q_u8(from);
}
SHARED_WS_VECTOR Vector Zero() {
  return vdupq_n_u8(0);
}
SHARED_WS_VECTOR Vector Or(Vector a, Vector b) {
  return vorrq_u8(a, b);
}
SHARED_WS_VECTOR Vector And(Vector a, Vector b) {
  return vandq_u8(a, b);
}
SHARED_WS_VECTOR Vector Xor(Vector a, Vector b) {
  return veorq_u8(a, b);
}
SHARED_WS_VECTOR Vector Repeat(uint8_t byte) {
  return vdupq_n_u8(byte);
}
SHARED_WS_VECTOR Vector LowNibbles(Vector v) {
  return And(v, Repeat(0x0F));
}
SHARED_WS_VECTOR Vector HighNibbles(Vector v) {
  return vshrq_n_u8(v, 4);
}
SHARED_WS_VECTOR Vector SubtractToZero(Vector a, Vector b) {
  return vqsubq_u8(a, b);
}
SHARED_WS_VECTOR bool IsAscii(Vector v) {
  return vmaxvq_u8(v) < 0x80;
}
SHARED_WS_VECTOR bool IsZero(Vector v) {
  return vmaxvq_u8(v) == 0;
}
SHARED_WS_VECTOR Vector LookUp(const Table& table, Vector nibbles) {
  return vqtbl1q_u8(vld1q_u8(table.data()), nibbles);
}

#endif

// A pair of adjacent bytes breaks a rule when the first one's high and low nibble and the second one's high
// nibble are each in its set; bit i of a set stands for nibble i. The eight rules take one bit each of a
// byte. The last is no error by itself: two continuation bytes in a row are one unless a character of three
// or four bytes needs the second.
struct Rule {
  uint16_t first_high, first_low, second_high;
};

inline constexpr uint16_t kAny = 0xFFFF;
inline constexpr uint16_t kAscii = 0x00FF;
inline constexpr uint16_t kContinuation = 0x0F00;
inline constexpr uint16_t kLead = 0xF000;

inline constexpr Rule kRules[8] = {
    {kLead, kAny, kAscii | kLead},        // a lead byte without its continuation
    {kAscii, kAny, kContinuation},        // a continuation without its lead byte
    {1 << 0xC, 0x0003, kContinuation},    // C0, C1: overlong
    {1 << 0xE, 0x0001, 0x0300},           // E0 80 … E0 9F: overlong
    {1 << 0xE, 0x2000, 0x0C00},           // ED A0 … ED BF: surrogates
    {1 << 0xF, 0xFFF0, 0x0E00},           // F4 90 … and F5 … FF before 90 … BF: beyond U+10FFFF
    {1 << 0xF, 0xFFE1, 0x0100},           // before 80 … 8F, F0: overlong, F5 … FF: beyond U+10FFFF
    {kContinuation, kAny, kContinuation}  // two continuations
};

constexpr Table TableOf(uint16_t Rule::*set) {
  Table table = {};
  for (size_t nibble = 0; nibble < 16; nibble++) {
    for (size_t rule = 0; rule < 8; rule++) {
      if (kRules[rule].*set >> nibble & 1) table[nibble] |= static_cast<uint8_t>(1 << rule);
    }
  }
  return table;
}

inline constexpr Table kFirstHigh = TableOf(&Rule::first_high);
inline constexpr Table kFirstLow = TableOf(&Rule::first_low);
inline constexpr Table kSecondHigh = TableOf(&Rule::second_high);

// Not zero where one of the kWidth bytes at `at` is wrong after the three before it, which are read too.
SHARED_WS_VECTOR Vector Errors(const uint8_t* at) {
  const Vector now = Load(at), back3 = Load(at - 3);
  if (IsAscii(Or(now, back3))) return Zero();
  const Vector back1 = Load(at - 1), back2 = Load(at - 2);
  const Vector pair = And(And(LookUp(kFirstHigh, HighNibbles(back1)), LookUp(kFirstLow, LowNibbles(back1))),
                          LookUp(kSecondHigh, HighNibbles(now)));
  // The top bit is set from E0 (of the byte two back) or F0 (three back) on: exactly there, and nowhere else,
  // the pair must be two continuations.
  const Vector third = SubtractToZero(back2, Repeat(0xE0 - 0x80));
  const Vector fourth = SubtractToZero(back3, Repeat(0xF0 - 0x80));
  return Xor(And(Or(third, fourth), Repeat(0x80)), pair);
}

// The bytes before `from` are known to be ASCII.
SHARED_WS_VECTOR bool IsValid(const uint8_t* data, size_t n, size_t from) {
  if (n < 2 * kWidth) {
    // Between zeros, so that Errors() may look back, and a character that is cut short meets a byte that ends
    // it.
    uint8_t padded[3 * kWidth] = {};
    std::memcpy(padded + kWidth, data, n);
    return IsZero(Or(Errors(padded + kWidth), Errors(padded + 2 * kWidth)));
  }
  Vector errors = Zero();
  size_t at = from;
  if (at < 3) {
    uint8_t padded[2 * kWidth] = {};
    std::memcpy(padded + kWidth, data, kWidth);
    errors = Errors(padded + kWidth);
    at = kWidth;
  }
  for (; at + kWidth < n; at += kWidth) errors = Or(errors, Errors(data + at));
  errors = Or(errors, Errors(data + n - kWidth));
  const bool cut_short = data[n - 1] >= 0xC0 || data[n - 2] >= 0xE0 || data[n - 3] >= 0xF0;
  return IsZero(errors) && !cut_short;
}

SHARED_WS_VECTOR Utf8Result Validate(const uint8_t* data, size_t n) {
  size_t at = 0;
  for (; at + 4 * kWidth <= n; at += 4 * kWidth) {
    const Vector front = Or(Load(data + at), Load(data + at + kWidth));
    const Vector back = Or(Load(data + at + 2 * kWidth), Load(data + at + 3 * kWidth));
    if (!IsAscii(Or(front, back))) return IsValid(data, n, at) ? Utf8Result::kUtf8 : Utf8Result::kInvalid;
  }
  if (n >= kWidth) {
    Vector any = Load(data + n - kWidth);  // overlaps what was seen
    for (size_t i = at; i + kWidth <= n; i += kWidth) any = Or(any, Load(data + i));
    if (IsAscii(any)) return Utf8Result::kAscii;
  }
  return IsValid(data, n, at) ? Utf8Result::kUtf8 : Utf8Result::kInvalid;
}

}  // namespace shared_ws::utf8_lookup

#endif
