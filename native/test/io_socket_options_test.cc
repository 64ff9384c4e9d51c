// What the kernel says afterwards about options that a socket was given, and how a refusal is told.
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "io/socket_options.h"
#include "io_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

constexpr int kNoBufferIsSoLarge = 1 << 30;

struct Socket {
  explicit Socket(int family = AF_INET) : fd(socket(family, SOCK_STREAM, 0)) {}
  ~Socket() { close(fd); }
  int Get(int level, int option) const {
    int value = -1;
    socklen_t size = sizeof(value);
    CHECK_EQ(getsockopt(fd, level, option, &value, &size), 0);
    return value;
  }
  const int fd;
};

// The words of the refusal; empty when nothing was refused.
std::string Apply(const Socket& socket, const SocketOptions& options) {
  std::string refusal;
  const bool good = ApplySocketOptions(socket.fd, options, &refusal);
  CHECK_EQ(good, refusal.empty());
  return refusal;
}

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

uint16_t LocalPort(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.sin_family == AF_INET ? ntohs(address.sin_port) : 0;
}

// The socket of this process that is bound to `port`: a link does not show its own.
int FindSocket(uint16_t port) {
  int found = -1;
  DIR* directory = opendir("/proc/self/fd");
  while (const dirent* entry = readdir(directory)) {
    const int fd = std::atoi(entry->d_name);
    if (LocalPort(fd) == port) found = fd;
  }
  closedir(directory);
  return found;
}

}  // namespace

TEST(socket_options_default_to_no_delay_alone) {
  const Socket untouched;
  const Socket socket;
  CHECK_EQ(Apply(socket, {}), "");
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_NODELAY), 1);
  CHECK_EQ(socket.Get(SOL_SOCKET, SO_KEEPALIVE), 0);
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
  for (const int option : {SO_RCVBUF, SO_SNDBUF, SO_BUSY_POLL}) {
    CHECK_EQ(socket.Get(SOL_SOCKET, option), untouched.Get(SOL_SOCKET, option));
  }
}

TEST(socket_options_reach_the_kernel) {
  const Socket socket;
  SocketOptions options;
  options.no_delay = false;
  options.keep_alive_idle_s = 17;
  options.keep_alive_interval_s = 5;
  options.keep_alive_probes = 3;
  options.receive_buffer_bytes = 32 * 1024;
  options.send_buffer_bytes = 48 * 1024;
  options.user_timeout_ms = 12'345;
  options.local_address = "127.0.0.2";
  CHECK_EQ(Apply(socket, options), "");
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_NODELAY), 0);
  CHECK_EQ(socket.Get(SOL_SOCKET, SO_KEEPALIVE), 1);
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_KEEPIDLE), 17);
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_KEEPINTVL), 5);
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_KEEPCNT), 3);
  CHECK_EQ(socket.Get(SOL_SOCKET, SO_RCVBUF), 2 * 32 * 1024);
  CHECK_EQ(socket.Get(SOL_SOCKET, SO_SNDBUF), 2 * 48 * 1024);
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_USER_TIMEOUT), 12'345);
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(socket.fd, reinterpret_cast<sockaddr*>(&address), &size);
  CHECK_EQ(ntohl(address.sin_addr.s_addr), 0x7f000002u);
}

TEST(socket_options_of_keepalive_need_it_to_be_on) {
  const Socket untouched;
  const Socket socket;
  SocketOptions options;
  options.keep_alive_interval_s = 5;
  CHECK_EQ(Apply(socket, options), "");
  CHECK_EQ(socket.Get(SOL_SOCKET, SO_KEEPALIVE), 0);
  CHECK_EQ(socket.Get(IPPROTO_TCP, TCP_KEEPINTVL), untouched.Get(IPPROTO_TCP, TCP_KEEPINTVL));
}

// With the privilege it is granted, without it is not; it is never passed over.
TEST(socket_busy_poll_is_granted_or_refused_by_name) {
  const Socket socket;
  SocketOptions options;
  options.busy_poll_us = 73;
  const std::string refusal = Apply(socket, options);
  if (refusal.empty()) {
    CHECK_EQ(socket.Get(SOL_SOCKET, SO_BUSY_POLL), 73);
  } else {
    CHECK(Contains(refusal, "socket.busyPollUs was refused by the kernel: "), refusal);
    CHECK(Contains(refusal, "CAP_NET_ADMIN"), refusal);
  }
}

TEST(socket_buffers_that_are_cut_down_are_refusals) {
  SocketOptions options;
  options.receive_buffer_bytes = kNoBufferIsSoLarge;
  std::string refusal = Apply(Socket(), options);
  CHECK(Contains(refusal, "socket.receiveBufferBytes 1073741824 is more than the kernel allows"), refusal);
  CHECK(Contains(refusal, "net.core.rmem_max"), refusal);
  options = {};
  options.send_buffer_bytes = kNoBufferIsSoLarge;
  refusal = Apply(Socket(), options);
  CHECK(Contains(refusal, "socket.sendBufferBytes 1073741824 is more than the kernel allows"), refusal);
  CHECK(Contains(refusal, "net.core.wmem_max"), refusal);
}

TEST(socket_option_that_the_kernel_refuses_is_named) {
  SocketOptions options;
  options.keep_alive_idle_s = 1 << 20;  // TCP takes at most 32767 s
  std::string refusal = Apply(Socket(), options);
  CHECK_EQ(refusal, "socket.keepAliveIdleMs was refused by the kernel: invalid argument (EINVAL)");
  options = {};
  options.local_address = "192.0.2.1";  // for documentation: no machine has it
  refusal = Apply(Socket(), options);
  CHECK(Contains(refusal,
                 "socket.localAddress was refused by the kernel: address not available (EADDRNOTAVAIL)"),
        refusal);
  options.local_address = "::1";  // on a socket for IPv4
  refusal = Apply(Socket(), options);
  CHECK(Contains(refusal, "socket.localAddress was refused by the kernel: "), refusal);
  options.local_address = "localhost";
  refusal = Apply(Socket(), options);
  CHECK(Contains(refusal, "must be a literal IP address"), refusal);
}

TEST(link_connects_with_its_options_from_its_address) {
  World world;
  Listener listener;
  LinkOptions options;
  options.address = "127.0.0.1";
  options.port = listener.port();
  options.socket.keep_alive_idle_s = 23;
  options.socket.receive_buffer_bytes = 40 * 1024;
  options.socket.local_address = "127.0.0.3";
  const uint32_t id = world.Open(options);
  const auto peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  const LinkAddresses addresses = world[id].Addresses();
  CHECK_EQ(addresses.local_address, "127.0.0.3");
  sockaddr_in seen{};
  socklen_t size = sizeof(seen);
  CHECK_EQ(getpeername(peer->fd(), reinterpret_cast<sockaddr*>(&seen), &size), 0);
  CHECK_EQ(ntohl(seen.sin_addr.s_addr), 0x7f000003u);

  const int fd = FindSocket(addresses.local_port);
  int value = 0;
  size = sizeof(value);
  CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &size), 0);
  CHECK_EQ(value, 23);
  CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size), 0);
  CHECK_EQ(value, 2 * 40 * 1024);
}

// A refusal takes no slot and no descriptor with it.
TEST(link_that_is_refused_an_option_does_not_exist) {
  World world;
  Listener listener;
  LinkOptions options;
  options.address = "127.0.0.1";
  options.port = listener.port();
  options.socket.receive_buffer_bytes = kNoBufferIsSoLarge;
  int error = 0;
  for (uint32_t i = 0; i < kMaxLinks + 10; i++) {
    std::string refusal;
    if (!CHECK_EQ(world.loop().Open(options, &error, &refusal), 0u) ||
        !CHECK(Contains(refusal, "socket.receiveBufferBytes"), refusal)) {
      return;
    }
  }
  CHECK_EQ(error, ENOPROTOOPT);
  CHECK_EQ(world.loop().link_count(), 0u);
  CHECK(world.events.empty());
  options.socket = {};
  CHECK(world.Open(options) != 0);
}

}  // namespace shared_ws::test
