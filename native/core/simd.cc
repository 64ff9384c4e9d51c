#include "simd.h"

#include <initializer_list>

namespace shared_ws {
namespace {

bool MachineHas(Simd simd) {
  switch (simd) {
    case Simd::kScalar:
      return true;
#if defined(__x86_64__)
    case Simd::kSse2:
      return true;
    case Simd::kAvx2:
      // Every processor with AVX2 has the others, which go with it; a hypervisor may hide some.
      __builtin_cpu_init();
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    case Simd::kNeon:
      return true;
#endif
    default:
      return false;
  }
}

Simd Best() {
  for (Simd simd : {Simd::kAvx2, Simd::kSse2, Simd::kNeon}) {
    if (MachineHas(simd)) return simd;
  }
  return Simd::kScalar;
}

}  // namespace

// A static initializer that ran earlier than this one would find kScalar, which is right, only slower.
Simd internal::active_simd = Best();

const char* SimdName() {
  switch (ActiveSimd()) {
    case Simd::kAvx2:
      return "avx2";
    case Simd::kSse2:
      return "sse2";
    case Simd::kNeon:
      return "neon";
    case Simd::kScalar:
      break;
  }
  return "scalar";
}

bool ForceSimd(Simd simd) {
  if (!MachineHas(simd)) return false;
  internal::active_simd = simd;
  return true;
}

}  // namespace shared_ws
