#include "io_kernel_stamps.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/segment_clock.h"
#include "io/socket_options.h"
#include "io_peer.h"

namespace shared_ws::test {

bool KernelStamps() {
  static const bool stamps = [] {
    Listener listener;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    std::string refusal;
    SocketOptions options;
    options.stamp_segments = true;
    if (!ApplySocketOptions(fd, options, &refusal)) return false;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return false;
    const int peer = listener.AcceptSocket();
    int64_t stamp_ns = 0;
    for (int i = 0; i < 10'000 && stamp_ns == 0; i++) {
      char byte = 0;
      if (send(peer, &byte, 1, 0) != 1 || ReceiveStamped(fd, &byte, 1, &stamp_ns) != 1) return false;
      usleep(1000);
    }
    return stamp_ns != 0;
  }();
  return stamps;
}

}  // namespace shared_ws::test
