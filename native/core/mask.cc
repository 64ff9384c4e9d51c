#include "mask.h"

#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace shared_ws {
namespace {

// All paths work alike: blocks from the front, then one block that ends where the payload ends and overlaps
// the block before it. That last block is read before anything is written, which keeps masking in place
// right; its key is turned by n bytes, because a block is a multiple of four long.
uint32_t TurnedBy(uint32_t key, size_t n) {
  const int bits = static_cast<int>(n & 3) * 8;
  return std::endian::native == std::endian::little ? std::rotr(key, bits) : std::rotl(key, bits);
}

template <class Word>
Word Load(const uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

template <class Word>
void Store(uint8_t* to, Word word) {
  std::memcpy(to, &word, sizeof word);
}

uint64_t Twice(uint32_t key) {
  return static_cast<uint64_t>(key) << 32 | key;
}

void MaskUpTo15(uint8_t* out, const uint8_t* in, size_t n, uint32_t key) {
  if (n >= 8) {
    const uint64_t head = Load<uint64_t>(in), tail = Load<uint64_t>(in + n - 8);
    Store(out, head ^ Twice(key));
    Store(out + n - 8, tail ^ Twice(TurnedBy(key, n)));
  } else if (n >= 4) {
    const uint32_t head = Load<uint32_t>(in), tail = Load<uint32_t>(in + n - 4);
    Store(out, head ^ key);
    Store(out + n - 4, tail ^ TurnedBy(key, n));
  } else {
    uint8_t bytes[4];
    Store(bytes, key);
    for (size_t i = 0; i < n; i++) out[i] = in[i] ^ bytes[i];
  }
}

void MaskScalar(uint8_t* out, const uint8_t* in, size_t n, uint32_t key) {
  if (n < 16) return MaskUpTo15(out, in, n, key);
  const uint64_t tail = Load<uint64_t>(in + n - 8);
  for (size_t i = 0; i < n - 8; i += 8) Store(out + i, Load<uint64_t>(in + i) ^ Twice(key));
  Store(out + n - 8, tail ^ Twice(TurnedBy(key, n)));
}

#if defined(__x86_64__)

__m128i Load16(const uint8_t* from) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}
void Store16(uint8_t* to, __m128i block) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), block);
}
__m128i Key16(uint32_t key) {
  return _mm_set1_epi32(static_cast<int>(key));
}

void MaskSse2(uint8_t* out, const uint8_t* in, size_t n, uint32_t key) {
  if (n < 16) return MaskUpTo15(out, in, n, key);
  const __m128i tail = Load16(in + n - 16), repeated = Key16(key);
  for (size_t i = 0; i < n - 16; i += 16) Store16(out + i, _mm_xor_si128(Load16(in + i), repeated));
  Store16(out + n - 16, _mm_xor_si128(tail, Key16(TurnedBy(key, n))));
}

#define SHARED_WS_AVX2 __attribute__((target("avx2")))

SHARED_WS_AVX2 inline __m256i Load32(const uint8_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}
SHARED_WS_AVX2 inline void Store32(uint8_t* to, __m256i block) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), block);
}
SHARED_WS_AVX2 inline __m256i Key32(uint32_t key) {
  return _mm256_set1_epi32(static_cast<int>(key));
}

SHARED_WS_AVX2 void MaskAvx2(uint8_t* out, const uint8_t* in, size_t n, uint32_t key) {
  if (n < 32) return MaskSse2(out, in, n, key);
  const __m256i tail = Load32(in + n - 32), repeated = Key32(key);
  for (size_t i = 0; i < n - 32; i += 32) Store32(out + i, _mm256_xor_si256(Load32(in + i), repeated));
  Store32(out + n - 32, _mm256_xor_si256(tail, Key32(TurnedBy(key, n))));
}

#elif defined(__aarch64__)

void MaskNeon(uint8_t* out, const uint8_t* in, size_t n, uint32_t key) {
  if (n < 16) return MaskUpTo15(out, in, n, key);
  const auto repeat = [](uint32_t word) { return vreinterpretq_u8_u32(vdupq_n_u32(word)); };
  const uint8x16_t tail = vld1q_u8(in + n - 16), repeated = repeat(key);
  for (size_t i = 0; i < n - 16; i += 16) vst1q_u8(out + i, veorq_u8(vld1q_u8(in + i), repeated));
  vst1q_u8(out + n - 16, veorq_u8(tail, repeat(TurnedBy(key, n))));
}

#endif

}  // namespace

void MaskCopy(uint8_t* out, const uint8_t* in, size_t n, const uint8_t key[4]) {
  const uint32_t word = Load<uint32_t>(key);
  switch (ActiveSimd()) {
#if defined(__x86_64__)
    case Simd::kAvx2:
      return MaskAvx2(out, in, n, word);
    case Simd::kSse2:
      return MaskSse2(out, in, n, word);
#elif defined(__aarch64__)
    case Simd::kNeon:
      return MaskNeon(out, in, n, word);
#endif
    default:
      return MaskScalar(out, in, n, word);
  }
}

}  // namespace shared_ws
