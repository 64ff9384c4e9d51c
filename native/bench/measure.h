#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

// What the benches share.
namespace shared_ws::bench {

inline constexpr int kRounds = 15;
inline constexpr double kRoundNs = 4e6;

inline double NowNs() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Keeps the compiler from dropping work whose result nobody reads.
inline void Used(const void* memory) {
  asm volatile("" : : "r"(memory) : "memory");
}

// Runs `body`, which does `frames` frames, often enough to be timed; prints the median and the best round.
template <class Body>
void Measure(const char* name, size_t bytes, size_t frames, Body body) {
  size_t repeats = 1;
  while (true) {
    const double start = NowNs();
    for (size_t i = 0; i < repeats; i++) body();
    if (NowNs() - start > kRoundNs) break;
    repeats *= 2;
  }
  std::vector<double> rounds;
  for (int round = 0; round < kRounds; round++) {
    const double start = NowNs();
    for (size_t i = 0; i < repeats; i++) body();
    rounds.push_back((NowNs() - start) / static_cast<double>(repeats * frames));
  }
  std::sort(rounds.begin(), rounds.end());
  const double median = rounds[kRounds / 2];
  std::printf("%-24s %8zu %10.2f %10.2f %8.2f\n", name, bytes, median, rounds[0],
              static_cast<double>(bytes) / median);
}

inline void PrintHead(const char* simd) {
  std::printf("%s\n%-24s %8s %10s %10s %8s\n", simd, "what", "bytes", "ns/frame", "best", "GB/s");
}

}  // namespace shared_ws::bench
