#pragma once

#include <string>

namespace shared_ws {

// What a socket is told before it connects, so that all of it counts from the SYN on (the window scale does).
// 0, or empty: the system's choice.
struct SocketOptions {
  bool no_delay = true;
  int keep_alive_idle_s = 0;  // 0: no keepalive, whatever the next two say
  int keep_alive_interval_s = 0;
  int keep_alive_probes = 0;
  int receive_buffer_bytes = 0;
  int send_buffer_bytes = 0;
  int busy_poll_us = 0;
  int user_timeout_ms = 0;
  bool stamp_segments = false;  // SO_TIMESTAMPNS: the kernel keeps when each segment came
  std::string local_address;    // literal, of the socket's family
};

// False, and in `refusal` which option it was, by its public name, and why: the kernel refused, or granted
// less. Nothing that was asked for is left out in silence.
bool ApplySocketOptions(int fd, const SocketOptions& options, std::string* refusal);

}  // namespace shared_ws
