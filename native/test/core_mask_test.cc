#include <cstring>
#include <vector>

#include "core/mask.h"
#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {
namespace {

constexpr size_t kGuard = 64;
constexpr uint8_t kUntouched = 0xA5;

// Masks `n` bytes between guards, at every alignment of source and target, against the definition in RFC
// 6455 5.3.
void CheckSize(size_t n, Random& random) {
  const uint8_t key[4] = {random.Byte(), random.Byte(), random.Byte(), random.Byte()};
  std::vector<uint8_t> in(n + 32), expected(n);
  for (uint8_t& byte : in) byte = random.Byte();

  for (size_t align = 0; align < 32; align++) {
    for (size_t i = 0; i < n; i++) expected[i] = in[align + i] ^ key[i % 4];
    const std::string context =
        std::string(SimdName()) + ", " + std::to_string(n) + " bytes, aligned " + std::to_string(align);

    std::vector<uint8_t> out(kGuard + n + 32 + kGuard, kUntouched);
    uint8_t* to = out.data() + kGuard + (31 - align);
    MaskCopy(to, in.data() + align, n, key);
    CHECK(n == 0 || std::memcmp(to, expected.data(), n) == 0, context);
    for (size_t i = 0; i < out.size(); i++) {
      const bool inside = out.data() + i >= to && out.data() + i < to + n;
      if (!inside && !CHECK_EQ(out[i], kUntouched, context)) return;
    }

    std::vector<uint8_t> same(in.begin() + static_cast<long>(align),
                              in.begin() + static_cast<long>(align + n));
    MaskCopy(same.data(), same.data(), n, key);
    CHECK(same == expected, context + ", in place");
  }
}

TEST(mask_every_size_and_alignment) {
  OnEverySimd([] {
    Random random(7);
    for (size_t n = 0; n <= 300; n++) CheckSize(n, random);
  });
}

TEST(mask_large_sizes_around_block_edges) {
  OnEverySimd([] {
    Random random(8);
    for (size_t base : {512, 1024, 4096, 65536}) {
      for (size_t n = base - 2; n <= base + 2; n++) CheckSize(n, random);
    }
  });
}

TEST(mask_twice_gives_the_payload_back) {
  OnEverySimd([] {
    const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};  // the example of RFC 6455 5.7
    std::string hello = "Hello";
    auto* bytes = reinterpret_cast<uint8_t*>(hello.data());
    MaskCopy(bytes, bytes, hello.size(), key);
    CHECK_EQ(hello, BytesOf({0x7F, 0x9F, 0x4D, 0x51, 0x58}));
    MaskCopy(bytes, bytes, hello.size(), key);
    CHECK_EQ(hello, "Hello");
  });
}

TEST(simd_paths_can_be_forced_and_named) {
  const std::string best = SimdName();
  CHECK(best == "avx2" || best == "sse2" || best == "neon" || best == "scalar");
  OnEverySimd([] { CHECK_EQ(ForceSimd(ActiveSimd()), true); });
  REQUIRE(ForceSimd(Simd::kScalar));
  CHECK_EQ(std::string(SimdName()), "scalar");
#if defined(__x86_64__)
  CHECK_EQ(ForceSimd(Simd::kNeon), false);
  CHECK_EQ(std::string(SimdName()), "scalar");
  REQUIRE(ForceSimd(Simd::kSse2));
  CHECK_EQ(std::string(SimdName()), "sse2");
#elif defined(__aarch64__)
  CHECK_EQ(ForceSimd(Simd::kAvx2), false);
#endif
  for (Simd simd : {Simd::kSse2, Simd::kNeon, Simd::kAvx2}) ForceSimd(simd);
  CHECK_EQ(std::string(SimdName()), best);
}

}  // namespace
}  // namespace shared_ws::test
