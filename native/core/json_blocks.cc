// Comparing gives one bit per byte; what is inside strings follows from the parity of quotes before it, a
// prefix sum in GF(2), as G. Langdale and D. Lemire do it in "Parsing Gigabytes of JSON per Second" (2019);
// brackets are then counted, not visited.
#include "json_blocks.h"

#include <bit>

#if defined(__x86_64__)
#include <immintrin.h>
#define SHARED_WS_BLOCKS __attribute__((target("avx2,bmi,popcnt,pclmul")))
#else
#define SHARED_WS_BLOCKS
#endif

#if defined(SHARED_WS_HAS_BLOCKS)

namespace shared_ws::json_blocks {
namespace {

constexpr size_t kWidth = 64;

// Bit i: byte i of the block.
struct Masks {
  uint64_t quotes, backslashes, opens, closes;
};

#if defined(__x86_64__)

SHARED_WS_BLOCKS inline uint64_t BitsOf(__m256i low, __m256i high) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(low)) |
         static_cast<uint64_t>(static_cast<uint32_t>(_mm256_movemask_epi8(high))) << 32;
}
SHARED_WS_BLOCKS inline uint64_t Equal(__m256i low, __m256i high, char byte) {
  const __m256i wanted = _mm256_set1_epi8(byte);
  return BitsOf(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted));
}
SHARED_WS_BLOCKS inline Masks Classify(const uint8_t* block) {
  const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32));
  // This bit is all that tells { from [, and } from ].
  const __m256i fold = _mm256_set1_epi8(0x20);
  const __m256i low_folded = _mm256_or_si256(low, fold), high_folded = _mm256_or_si256(high, fold);
  return {Equal(low, high, '"'), Equal(low, high, '\\'), Equal(low_folded, high_folded, '{'),
          Equal(low_folded, high_folded, '}')};
}
SHARED_WS_BLOCKS inline uint64_t PrefixXor(uint64_t bits) {
  const __m128i product =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(bits)), _mm_set1_epi8(-1), 0);
  return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}

#else

SHARED_WS_BLOCKS inline uint64_t Equal(const uint8x16x4_t& block, uint8_t byte) {
  const uint8x16_t wanted = vdupq_n_u8(byte);
  return BitsOf(vceqq_u8(block.val[0], wanted), vceqq_u8(block.val[1], wanted),
                vceqq_u8(block.val[2], wanted), vceqq_u8(block.val[3], wanted));
}
SHARED_WS_BLOCKS inline Masks Classify(const uint8_t* from) {
  uint8x16x4_t block, folded;
  for (int i = 0; i < 4; i++) {
    block.val[i] = vld1q_u8(from + 16 * i);
    // This bit is all that tells { from [, and } from ].
    folded.val[i] = vorrq_u8(block.val[i], vdupq_n_u8(0x20));
  }
  return {Equal(block, '"'), Equal(block, '\\'), Equal(folded, '{'), Equal(folded, '}')};
}
SHARED_WS_BLOCKS inline uint64_t PrefixXor(uint64_t bits) {
  for (int shift = 1; shift < 64; shift *= 2) bits ^= bits << shift;
  return bits;
}

#endif

// The bytes that a \ takes with it. `carry`: the last byte before the block, or of it, is such a \.
SHARED_WS_BLOCKS inline uint64_t Escaped(uint64_t backslashes, uint64_t* carry) {
  uint64_t escaped = *carry;
  backslashes &= ~escaped;
  *carry = 0;
  while (backslashes != 0) {
    const uint64_t lowest = backslashes & -backslashes;
    if (lowest >> 63 != 0) *carry = 1;
    escaped |= lowest << 1;
    backslashes &= ~(lowest | lowest << 1);
  }
  return escaped;
}

}  // namespace

SHARED_WS_BLOCKS const uint8_t* PassContainer(const uint8_t* at, const uint8_t* end) {
  uint64_t depth = 1;
  uint64_t in_string = 0;  // all bits, or none
  uint64_t carry = 0;
  for (; at < end; at += kWidth) {
    Masks masks = Classify(at);
    if ((masks.backslashes | carry) != 0) {
      const uint64_t plain = ~Escaped(masks.backslashes, &carry);
      masks.quotes &= plain;
      masks.opens &= plain;
      masks.closes &= plain;
    }
    const uint64_t strings = PrefixXor(masks.quotes) ^ in_string;
    in_string = static_cast<uint64_t>(static_cast<int64_t>(strings) >> 63);
    const uint64_t opens = masks.opens & ~strings, closes = masks.closes & ~strings;
    // The carry of this sum runs from each opening bracket to the next bracket of any kind. If that one
    // closes, the two are a pair, which cannot end the container; most are.
    const uint64_t brackets = opens | closes;
    const uint64_t single = closes & ~(~brackets + (opens << 1));
    if (static_cast<uint64_t>(std::popcount(single)) >= depth) {
      uint64_t count = 0;
      for (uint64_t left = closes; left != 0; left &= left - 1) {
        const uint64_t before = opens & ((left & -left) - 1);
        if (depth + static_cast<uint64_t>(std::popcount(before)) == ++count) {
          const uint8_t* behind = at + std::countr_zero(left) + 1;
          return behind <= end ? behind : nullptr;
        }
      }
    }
    depth += static_cast<uint64_t>(std::popcount(opens));
    depth -= static_cast<uint64_t>(std::popcount(closes));
  }
  return nullptr;
}

}  // namespace shared_ws::json_blocks

#endif
