#include "io/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

#include <cerrno>
#include <cstdio>

namespace shared_ws {
namespace {

std::string ErrnoText(int error) {
  return std::string(uv_strerror(-error)) + " (" + uv_err_name(-error) + ")";
}

// The number that a file of /proc/sys holds, for a message; empty when it cannot be read.
std::string Sysctl(const char* path) {
  FILE* file = std::fopen(path, "re");
  if (file == nullptr) return {};
  long number = 0;
  const bool read = std::fscanf(file, "%ld", &number) == 1;
  std::fclose(file);
  return read ? std::to_string(number) : std::string();
}

bool Refuse(const char* name, int error, const char* advice, std::string* refusal) {
  *refusal = std::string("socket.") + name + " was refused by the kernel: " + ErrnoText(error);
  if (*advice != '\0') *refusal += std::string("; ") + advice;
  return false;
}

bool Set(int fd, int level, int option, int value, const char* name, const char* advice,
         std::string* refusal) {
  if (setsockopt(fd, level, option, &value, sizeof(value)) == 0) return true;
  return Refuse(name, errno, advice, refusal);
}

// The kernel takes any size and grants at most its limit. A buffer that is set no longer grows by itself, so
// one that was cut down is smaller than what nobody asked for: that is told.
bool SetBuffer(int fd, int option, int bytes, const char* name, const char* limit, std::string* refusal) {
  if (bytes == 0) return true;
  if (!Set(fd, SOL_SOCKET, option, bytes, name, "", refusal)) return false;
  int granted = 0;
  socklen_t size = sizeof(granted);
  // It counts its own bookkeeping too: twice what was asked (socket(7)).
  if (getsockopt(fd, SOL_SOCKET, option, &granted, &size) != 0 || granted / 2 >= bytes) return true;
  const std::string allowed = Sysctl((std::string("/proc/sys/net/core/") + limit).c_str());
  *refusal = std::string("socket.") + name + " " + std::to_string(bytes) + " is more than the kernel allows";
  if (!allowed.empty()) *refusal += ": " + allowed;
  *refusal += std::string("; raise the sysctl net.core.") + limit + ", or leave the option out";
  return false;
}

bool BindTo(int fd, const std::string& address, std::string* refusal) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (uv_ip4_addr(address.c_str(), 0, reinterpret_cast<sockaddr_in*>(&storage)) == 0) {
    length = sizeof(sockaddr_in);
  } else if (uv_ip6_addr(address.c_str(), 0, reinterpret_cast<sockaddr_in6*>(&storage)) == 0) {
    length = sizeof(sockaddr_in6);
  } else {
    return Refuse("localAddress", EINVAL, "it must be a literal IP address", refusal);
  }
  // The port is chosen by connect(), which knows the peer: else 28,000 connections in all would be the end.
  const int one = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
  if (bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0) return true;
  return Refuse("localAddress", errno, "it must be an address of this machine, of the family of the server's",
                refusal);
}

}  // namespace

bool ApplySocketOptions(int fd, const SocketOptions& options, std::string* refusal) {
  const auto tcp = [&](int option, int value, const char* name) {
    return value == 0 || Set(fd, IPPROTO_TCP, option, value, name, "", refusal);
  };
  if (!tcp(TCP_NODELAY, options.no_delay ? 1 : 0, "noDelay")) return false;
  if (options.keep_alive_idle_s > 0) {
    if (!Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "keepAliveIdleMs", "", refusal) ||
        !tcp(TCP_KEEPIDLE, options.keep_alive_idle_s, "keepAliveIdleMs") ||
        !tcp(TCP_KEEPINTVL, options.keep_alive_interval_s, "keepAliveIntervalMs") ||
        !tcp(TCP_KEEPCNT, options.keep_alive_probes, "keepAliveProbes")) {
      return false;
    }
  }
  if (!tcp(TCP_USER_TIMEOUT, options.user_timeout_ms, "userTimeoutMs")) return false;
  if (!SetBuffer(fd, SO_RCVBUF, options.receive_buffer_bytes, "receiveBufferBytes", "rmem_max", refusal) ||
      !SetBuffer(fd, SO_SNDBUF, options.send_buffer_bytes, "sendBufferBytes", "wmem_max", refusal)) {
    return false;
  }
  if (options.busy_poll_us > 0 &&
      !Set(fd, SOL_SOCKET, SO_BUSY_POLL, options.busy_poll_us, "busyPollUs",
           "a value above the sysctl net.core.busy_read needs CAP_NET_ADMIN", refusal)) {
    return false;
  }
  const int one = 1;
  if (options.stamp_segments && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) != 0) {
    *refusal = "timestampSource 'kernel' was refused by the kernel: " + ErrnoText(errno) +
               "; use 'read', or leave the option out";
    return false;
  }
  return options.local_address.empty() || BindTo(fd, options.local_address, refusal);
}

}  // namespace shared_ws
