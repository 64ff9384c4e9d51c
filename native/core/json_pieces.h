#pragma once

// Where the pieces of a JSON text end, as json_scan.h defines it; for json_scan.cc alone.

#include <bit>
#include <cstddef>
#include <cstdint>

#include "bytes.h"
#include "json_blocks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace shared_ws::json_pieces {

// A scan is one function, and its position in a register: that halves its time.
#define SHARED_WS_INLINE __attribute__((always_inline)) inline

// A block, or a key's head, that begins in front of the text's end is read whole.
static_assert(kPaddingBytes >= 64);

inline bool IsSpace(uint8_t byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}
// The bit in which { and [ differ, and } and ].
inline constexpr uint8_t kBracketFold = 0x20;
inline bool IsOpening(uint8_t byte) {
  return (byte | kBracketFold) == '{';
}
inline bool EndsScalar(uint8_t byte) {
  return byte <= 0x20 || byte == ',' || (byte | kBracketFold) == '}';
}

// How to look for bytes. The calls return how far the first byte of a kind is, or kWidth: it is not among the
// next kWidth, which are read whatever the text's end.
struct Bytewise {
  static constexpr size_t kWidth = 1;
  static bool StopsString(uint8_t byte) { return byte == '"' || byte == '\\'; }
  static uint64_t StringStops(const uint8_t* at) { return StopsString(*at) ? 1 : 0; }
  static size_t ScalarStop(const uint8_t* at) { return EndsScalar(*at) ? 0 : 1; }
  static size_t Structural(const uint8_t* at) {
    const uint8_t folded = *at | kBracketFold;
    return StopsString(*at) || folded == '{' || folded == '}' ? 0 : 1;
  }
  // Bytes of which StringStops() has a bit.
  static constexpr size_t kWindow = 1;
};

#if defined(__x86_64__)

struct Vectors {
  static constexpr size_t kWidth = 16;
  static constexpr size_t kWindow = 64;
  static __m128i Load(const uint8_t* at) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at)); }
  static __m128i Equal(__m128i block, char byte) { return _mm_cmpeq_epi8(block, _mm_set1_epi8(byte)); }
  static __m128i Folded(__m128i block) { return _mm_or_si128(block, _mm_set1_epi8(kBracketFold)); }
  static uint64_t Bits(__m128i found) { return static_cast<uint32_t>(_mm_movemask_epi8(found)); }
  static size_t First(__m128i found) { return static_cast<size_t>(std::countr_zero(Bits(found) | 1u << 16)); }
  static __m128i Stops(__m128i block) { return _mm_or_si128(Equal(block, '"'), Equal(block, '\\')); }
  static uint64_t StringStops(const uint8_t* at) {
    return Bits(Stops(Load(at))) | Bits(Stops(Load(at + 16))) << 16 | Bits(Stops(Load(at + 32))) << 32 |
           Bits(Stops(Load(at + 48))) << 48;
  }
  static size_t ScalarStop(const uint8_t* at) {
    const __m128i block = Load(at);
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x20)), block);
    return First(_mm_or_si128(_mm_or_si128(low, Equal(block, ',')), Equal(Folded(block), '}')));
  }
  static size_t Structural(const uint8_t* at) {
    const __m128i block = Load(at), folded = Folded(block);
    return First(_mm_or_si128(Stops(block), _mm_or_si128(Equal(folded, '{'), Equal(folded, '}'))));
  }
};

#elif defined(__aarch64__)

struct Vectors {
  static constexpr size_t kWidth = 16;
  static constexpr size_t kWindow = 64;
  static uint8x16_t Equal(uint8x16_t block, uint8_t byte) { return vceqq_u8(block, vdupq_n_u8(byte)); }
  static uint8x16_t Folded(uint8x16_t block) { return vorrq_u8(block, vdupq_n_u8(kBracketFold)); }
  static size_t First(uint8x16_t found) {
    // Four bits per byte.
    const uint8x8_t narrowed = vshrn_n_u16(vreinterpretq_u16_u8(found), 4);
    return static_cast<size_t>(std::countr_zero(vget_lane_u64(vreinterpret_u64_u8(narrowed), 0))) / 4;
  }
  static uint8x16_t Stops(uint8x16_t block) { return vorrq_u8(Equal(block, '"'), Equal(block, '\\')); }
  static uint64_t StringStops(const uint8_t* at) {
    return json_blocks::BitsOf(Stops(vld1q_u8(at)), Stops(vld1q_u8(at + 16)), Stops(vld1q_u8(at + 32)),
                               Stops(vld1q_u8(at + 48)));
  }
  static size_t ScalarStop(const uint8_t* at) {
    const uint8x16_t block = vld1q_u8(at);
    const uint8x16_t low = vcleq_u8(block, vdupq_n_u8(0x20));
    return First(vorrq_u8(vorrq_u8(low, Equal(block, ',')), Equal(Folded(block), '}')));
  }
  static size_t Structural(const uint8_t* at) {
    const uint8x16_t block = vld1q_u8(at), folded = Folded(block);
    return First(vorrq_u8(Stops(block), vorrq_u8(Equal(folded, '{'), Equal(folded, '}'))));
  }
};

#endif

// Where strings end. Most are short, and each begins where the one before it ended: so the quotes of a whole
// window are found at once, and the next one is then a matter of shifting bits.
template <class Finder>
class Strings {
 public:
  explicit Strings(const uint8_t* end) : end_(end) {}

  // From behind the opening quote to the closing one; null: there is none. `escapes` is set where there are
  // some, and else left alone. Asked from left to right.
  SHARED_WS_INLINE const uint8_t* End(const uint8_t* at, bool* escapes) {
    while (true) {
      at = Stop(at);
      if (at >= end_) return nullptr;
      if (*at == '"') return at;
      *escapes = true;
      at += 2;
    }
  }

 private:
  // The first quote or backslash, or the end.
  SHARED_WS_INLINE const uint8_t* Stop(const uint8_t* at) {
    const size_t offset = static_cast<size_t>(at - window_);
    if (window_ != nullptr && offset < Finder::kWindow) {
      const uint64_t left = stops_ >> offset;
      if (left != 0) return at + std::countr_zero(left);
      at = window_ + Finder::kWindow;
    }
    for (; at < end_; at += Finder::kWindow) {
      stops_ = Finder::StringStops(at);
      window_ = at;
      if (stops_ != 0) return at + std::countr_zero(stops_);
    }
    return end_;
  }

  const uint8_t* const end_;
  const uint8_t* window_ = nullptr;
  uint64_t stops_ = 0;  // bit i: window_[i] is a quote or backslash
};

// From a scalar's first byte to behind its last; null: nothing ends it.
template <class Finder>
const uint8_t* ScalarEnd(const uint8_t* at, const uint8_t* end) {
  for (; at < end; at += Finder::kWidth) {
    const size_t stop = Finder::ScalarStop(at);
    if (stop == Finder::kWidth) continue;
    at += stop;
    return at < end ? at : nullptr;
  }
  return nullptr;
}

// As json_blocks::PassContainer, one bracket and string after the other.
template <class Finder>
const uint8_t* PassContainer(const uint8_t* at, const uint8_t* end) {
  Strings<Finder> strings(end);
  size_t depth = 1;
  while (at < end) {
    const size_t stop = Finder::Structural(at);
    at += stop;
    if (stop == Finder::kWidth) continue;
    if (at >= end) return nullptr;
    if (*at == '"') {
      bool escapes;
      at = strings.End(at + 1, &escapes);
      if (at == nullptr) return nullptr;
      at++;
    } else if (*at == '\\') {
      at += 2;
    } else if (IsOpening(*at)) {
      depth++;
      at++;
    } else {
      at++;
      if (--depth == 0) return at;
    }
  }
  return nullptr;
}

}  // namespace shared_ws::json_pieces
