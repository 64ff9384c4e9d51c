#pragma once

#include <time.h>
#include <uv.h>

namespace shared_ws {

// CLOCK_MONOTONIC in µs; a double holds it exactly to the nanosecond for a century of uptime.
inline double MonotonicMicros() {
  return static_cast<double>(uv_hrtime()) / 1000.0;
}

// What turns MonotonicMicros() into Unix epoch µs at this moment. It moves when the system's clock is set or
// slewed.
inline double EpochOffsetMicros() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3 - MonotonicMicros();
}

}  // namespace shared_ws
