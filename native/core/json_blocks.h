#pragma once

// Skipping a container 64 bytes at a time, for json_scan.cc alone.

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#define SHARED_WS_HAS_BLOCKS 1
#elif defined(__aarch64__)
#include <arm_neon.h>
#define SHARED_WS_HAS_BLOCKS 1
#endif

#if defined(SHARED_WS_HAS_BLOCKS)

namespace shared_ws::json_blocks {

// From behind an opening bracket, or the middle of its container but no string, to behind the closing one;
// null: the text ends before. Reads up to 63 bytes behind it. On x86-64 only where ActiveSimd() is kAvx2.
const uint8_t* PassContainer(const uint8_t* at, const uint8_t* end);

#if defined(__aarch64__)

// Bit i: byte i of the four vectors is not 0 (but FF).
inline uint64_t BitsOf(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
  const uint8x16_t weights = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t low = vpaddq_u8(vandq_u8(a, weights), vandq_u8(b, weights));
  const uint8x16_t high = vpaddq_u8(vandq_u8(c, weights), vandq_u8(d, weights));
  const uint8x16_t all = vpaddq_u8(low, high);
  return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

#endif

}  // namespace shared_ws::json_blocks

#endif
