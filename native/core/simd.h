#pragma once

#include <cstdint>

namespace shared_ws {

// The vector instructions that mask.cc, utf8.cc and json_scan.cc use. The binary is compiled for the baseline
// of its architecture; what the machine has beyond it is found once, when the library is loaded.
enum class Simd : uint8_t { kScalar, kSse2, kAvx2, kNeon };

namespace internal {
extern Simd active_simd;
}

inline Simd ActiveSimd() {
  return internal::active_simd;
}

// "avx2" | "sse2" | "neon" | "scalar"
const char* SimdName();

// For tests and benches: takes another path from now on. False, and no change, when this machine or build
// lacks it. Not to be called while another thread masks or validates.
bool ForceSimd(Simd simd);

}  // namespace shared_ws
