// The kernel's stamps on the monotonic clock, whatever is done to the other one.
#include <string>

#include "harness.h"
#include "io/segment_clock.h"

namespace shared_ws::test {
namespace {

// A reading of both clocks at `mono_ns`, within `width_ns`, when CLOCK_REALTIME is ahead by `ahead_ns`.
SegmentClock::Reading At(int64_t mono_ns, int64_t ahead_ns, int64_t width_ns = 40) {
  return {mono_ns - width_ns / 2, mono_ns + ahead_ns, mono_ns + width_ns / 2};
}

constexpr int64_t kAhead = 1'700'000'000'000'000'000;
constexpr int64_t kSecond = 1'000'000'000;

}  // namespace

TEST(segment_clock_puts_stamps_on_the_other_clock) {
  SegmentClock clock;
  clock.Observe(At(10 * kSecond, kAhead));
  const SegmentClock::Reading now = At(12 * kSecond, kAhead);
  clock.Observe(now);
  const SegmentClock::Arrival arrival = clock.ArrivalOf(11 * kSecond + kAhead, now, 10e6);
  CHECK(arrival.is_exact);
  CHECK(arrival.us >= 11e6 && arrival.us <= 11e6 + 0.1, std::to_string(arrival.us));
}

TEST(segment_clock_learns_from_each_reading) {
  SegmentClock clock;
  // It was interrupted between the clocks, for longer than what may be called exact.
  clock.Observe(At(10 * kSecond, kAhead, kSecond));
  SegmentClock::Reading now = At(12 * kSecond, kAhead, kSecond);
  clock.Observe(now);
  SegmentClock::Arrival arrival = clock.ArrivalOf(11 * kSecond + kAhead, now, 0);
  CHECK(!arrival.is_exact);
  CHECK_EQ(arrival.us, now.us());
  now = At(13 * kSecond, kAhead);
  clock.Observe(now);
  arrival = clock.ArrivalOf(11 * kSecond + kAhead, now, 0);
  CHECK(arrival.is_exact, "nothing says that the clock was set");
  CHECK(arrival.us >= 11e6 && arrival.us <= 11e6 + 0.1, std::to_string(arrival.us));
  // And is not confused by one that says less.
  now = At(15 * kSecond, kAhead, kSecond);
  clock.Observe(now);
  arrival = clock.ArrivalOf(14 * kSecond + kAhead, now, 0);
  CHECK(arrival.is_exact && arrival.us <= 14e6 + 0.1, std::to_string(arrival.us));
}

TEST(segment_clock_trusts_no_stamp_from_before_the_clock_was_set) {
  for (const int64_t by : {-3600 * kSecond, -kSecond / 100, kSecond / 100, 3600 * kSecond}) {
    SegmentClock clock;
    clock.Observe(At(10 * kSecond, kAhead));
    const int64_t stamp = 11 * kSecond + kAhead;
    SegmentClock::Reading now = At(12 * kSecond, kAhead + by);
    clock.Observe(now);
    SegmentClock::Arrival arrival = clock.ArrivalOf(stamp, now, 10e6);
    CHECK(!arrival.is_exact, std::to_string(by));
    CHECK_EQ(arrival.us, now.us(), std::to_string(by));
    // What comes from then on is stamped by the clock as it is now.
    now = At(14 * kSecond, kAhead + by);
    clock.Observe(now);
    arrival = clock.ArrivalOf(13 * kSecond + kAhead + by, now, arrival.us);
    CHECK(arrival.is_exact && arrival.us <= 13e6 + 0.1, std::to_string(by));
  }
}

TEST(segment_clock_never_tells_the_future_nor_goes_back) {
  SegmentClock clock;
  const SegmentClock::Reading first = At(10 * kSecond, kAhead);
  clock.Observe(first);
  const SegmentClock::Reading now = At(12 * kSecond, kAhead);
  clock.Observe(now);
  CHECK_EQ(clock.ArrivalOf(0, now, 10e6).us, now.us(), "there is no stamp");
  CHECK(!clock.ArrivalOf(0, now, 10e6).is_exact);
  CHECK_EQ(clock.ArrivalOf(13 * kSecond + kAhead, now, 10e6).us, now.us());
  CHECK(!clock.ArrivalOf(13 * kSecond + kAhead, now, 10e6).is_exact);
  CHECK(clock.ArrivalOf(12 * kSecond + kAhead, now, 10e6).us <= now.us());
  // A segment that overtook the one before it.
  CHECK_EQ(clock.ArrivalOf(11 * kSecond + kAhead, now, 11.5e6).us, 11.5e6);
  CHECK(!clock.ArrivalOf(11 * kSecond + kAhead, now, 11.5e6).is_exact);
  // Before there was a socket.
  CHECK_EQ(clock.ArrivalOf(9 * kSecond + kAhead, now, 0).us, now.us());
}

}  // namespace shared_ws::test
