#include "io/segment_clock.h"

#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstring>

namespace shared_ws {
namespace {

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

int64_t NowOf(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return Nanoseconds(now);
}

}  // namespace

ssize_t ReceiveStamped(int fd, void* into, size_t capacity, int64_t* stamp_ns) {
  iovec part{into, capacity};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t count = recvmsg(fd, &message, 0);
  *stamp_ns = 0;
  if (count <= 0) return count;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp{};
    std::memcpy(&stamp, CMSG_DATA(header), sizeof(stamp));
    *stamp_ns = Nanoseconds(stamp);
  }
  return count;
}

SegmentClock::Reading SegmentClock::Read() {
  Reading reading;
  reading.before_ns = NowOf(CLOCK_MONOTONIC);
  reading.realtime_ns = NowOf(CLOCK_REALTIME);
  reading.after_ns = NowOf(CLOCK_MONOTONIC);
  return reading;
}

void SegmentClock::Observe(const Reading& reading) {
  const int64_t least = reading.realtime_ns - reading.after_ns;
  const int64_t most = reading.realtime_ns - reading.before_ns;
  const bool first = since_ns_ == INT64_MAX;
  if (first || least > most_ns_ + kSlackNs || most < least_ns_ - kSlackNs) {
    least_ns_ = least;
    most_ns_ = most;
    since_ns_ = reading.after_ns;
    return;
  }
  least_ns_ = std::max(least_ns_, least);
  most_ns_ = std::max(least_ns_, std::min(most_ns_, most));
}

SegmentClock::Arrival SegmentClock::ArrivalOf(int64_t stamp_ns, const Reading& reading,
                                              double earliest_us) const {
  const int64_t doubt = most_ns_ - least_ns_ + kSlackNs;
  const int64_t came = stamp_ns - least_ns_;  // at the latest: an answer never seems older than its question
  if (stamp_ns == 0 || came < since_ns_ || came > reading.after_ns + doubt || doubt > kMaxDoubtNs) {
    return {reading.us(), false};
  }
  const double us = static_cast<double>(std::min(came, reading.after_ns)) / 1000.0;
  // What is left of a segment that was read in part may seem older by what has been learnt since.
  if (us + static_cast<double>(kSlackNs) / 1000.0 >= earliest_us) return {std::max(us, earliest_us), true};
  // Segments that overtook others on their way, or the clock was set and set back.
  return {earliest_us, false};
}

}  // namespace shared_ws
