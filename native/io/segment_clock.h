#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace shared_ws {

// recv(), with what the kernel stamped the last segment of it with: CLOCK_REALTIME in ns. 0: there is no
// stamp.
ssize_t ReceiveStamped(int fd, void* into, size_t capacity, int64_t* stamp_ns);

// Puts those stamps on CLOCK_MONOTONIC. Both clocks run at one rate, so they stay equally far apart until
// somebody sets CLOCK_REALTIME (or the machine sleeps), which shows as a distance that is another than it
// was; stamps from before that say nothing. One thread.
class SegmentClock {
 public:
  // Both clocks at one moment, which lies between the first and the last number.
  struct Reading {
    int64_t before_ns, realtime_ns, after_ns;
    double us() const { return static_cast<double>(after_ns) / 1000.0; }
  };
  static Reading Read();

  // The first one before any segment can have come.
  void Observe(const Reading& reading);

  struct Arrival {
    double us;
    // As far as the clocks go. False: it is the moment of the reading, or `earliest_us`.
    bool is_exact;
  };
  // When a segment came that was stamped so; never behind the reading, which was observed, nor before
  // `earliest_us`.
  Arrival ArrivalOf(int64_t stamp_ns, const Reading& reading, double earliest_us) const;

 private:
  // What stamps may be wrong by before they are no longer taken for true.
  static constexpr int64_t kSlackNs = 1000;
  static constexpr int64_t kMaxDoubtNs = 100'000;

  // CLOCK_REALTIME - CLOCK_MONOTONIC lies between; what each reading says of it narrows that.
  int64_t least_ns_ = INT64_MIN;
  int64_t most_ns_ = INT64_MAX;
  int64_t since_ns_ = INT64_MAX;  // CLOCK_MONOTONIC; known to be so from then on
};

}  // namespace shared_ws
