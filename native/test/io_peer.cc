#include "io_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace shared_ws::test {

std::string ServerFrame(uint8_t first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  const size_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  frame.push_back(static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (int i = length_bytes - 1; i >= 0; i--) frame.push_back(static_cast<char>(size >> (8 * i)));
  return frame.append(payload);
}

std::string CloseFrame(uint16_t code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  return ServerFrame(0x88, payload.append(reason));
}

std::vector<ClientFrame> TakeClientFrames(std::string* bytes) {
  std::vector<ClientFrame> frames;
  size_t at = 0;
  while (true) {
    const auto* in = reinterpret_cast<const uint8_t*>(bytes->data()) + at;
    const size_t left = bytes->size() - at;
    if (left < 2) break;
    CHECK_EQ(in[0] & 0xB0, 0x80, "a final frame without reserved bits, RSV1 apart");
    CHECK_EQ(in[1] & 0x80, 0x80, "masked");
    size_t length = in[1] & 0x7F;
    const size_t length_bytes = length == 127 ? 8 : length == 126 ? 2 : 0;
    const size_t header = 2 + length_bytes + 4;
    if (left < header) break;
    if (length_bytes > 0) length = 0;
    for (size_t i = 0; i < length_bytes; i++) length = length << 8 | in[2 + i];
    CHECK(length_bytes == 0 || length >= (length_bytes == 2 ? 126u : 65536u), "shortest form");
    if (left < header + length) break;
    ClientFrame frame{static_cast<uint8_t>(in[0] & 0xF), 0, std::string(length, '\0'), (in[0] & 0x40) != 0};
    std::memcpy(&frame.key, in + header - 4, 4);
    for (size_t i = 0; i < length; i++) {
      frame.payload[i] = static_cast<char>(in[header + i] ^ in[header - 4 + i % 4]);
    }
    frames.push_back(std::move(frame));
    at += header + length;
  }
  bytes->erase(0, at);
  return frames;
}

// Outlives its Peer until uv has let go of it.
struct Peer::Socket {
  uv_poll_t poll;
  int fd;
  Peer* peer;
};

Peer::Peer(World* world, int fd) : world_(world), socket_(new Socket{{}, fd, this}) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  uv_poll_init(world->uv(), &socket_->poll, fd);
  socket_->poll.data = socket_;
  Poll();
}

Peer::~Peer() {
  End();
}

int Peer::fd() const {
  return socket_->fd;
}

void Peer::End() {
  if (socket_ == nullptr) return;
  uv_poll_stop(&socket_->poll);
  // At once: the other side is to see it now. uv has nothing of it in its poll set any more.
  uv_close(reinterpret_cast<uv_handle_t*>(&socket_->poll),
           [](uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); });
  close(socket_->fd);
  socket_ = nullptr;
}

void Peer::Poll() {
  if (socket_ == nullptr) return;
  const bool writing = !unsent_.empty() || !flood_.empty();
  const int events = (reading_ && !eof && error == 0 ? UV_READABLE : 0) | (writing ? UV_WRITABLE : 0);
  if (events == 0) {
    uv_poll_stop(&socket_->poll);
    return;
  }
  uv_poll_start(&socket_->poll, events, [](uv_poll_t* handle, int status, int ready) {
    Peer* peer = static_cast<Socket*>(handle->data)->peer;
    if (status < 0) ready = UV_READABLE;
    if (ready & UV_WRITABLE) peer->Write();
    if (ready & UV_READABLE) peer->Read();
  });
}

void Peer::Read() {
  static char buffer[256 * 1024];
  if (socket_ == nullptr) return;
  const ssize_t count = recv(socket_->fd, buffer, sizeof(buffer), 0);
  if (count > 0) {
    received.append(buffer, static_cast<size_t>(count));
    total_received += static_cast<size_t>(count);
  } else if (count == 0) {
    eof = true;
  } else if (errno != EAGAIN) {
    error = errno;
    unsent_.clear();
    flood_.clear();
  }
  Poll();
  if (on_input) on_input();
}

void Peer::Send(std::string_view bytes) {
  unsent_.append(bytes);
  Write();
}

void Peer::Write() {
  while (socket_ != nullptr && (!unsent_.empty() || !flood_.empty())) {
    if (unsent_.empty()) unsent_ = flood_;
    const ssize_t count = send(socket_->fd, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (count < 0) {
      if (errno == EAGAIN) break;
      error = errno;
      unsent_.clear();
      flood_.clear();
      break;
    }
    unsent_.erase(0, static_cast<size_t>(count));
  }
  Poll();
}

bool Peer::AwaitAcknowledged() {
  for (int turn = 0; turn < 10'000; turn++) {
    int unacknowledged = 1;
    if (unsent_.empty() && ioctl(socket_->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0)
      return true;
    world_->Settle(1);
    usleep(100);
  }
  return false;
}

void Peer::StopReading() {
  reading_ = false;
  Poll();
}

void Peer::ReadOn() {
  reading_ = true;
  Poll();
}

void Peer::HalfClose() {
  shutdown(socket_->fd, SHUT_WR);
}

void Peer::Reset() {
  const linger hard{1, 0};
  setsockopt(socket_->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  End();
}

std::vector<ClientFrame> Peer::AwaitFrames(size_t count) {
  std::vector<ClientFrame> frames;
  const bool came = world_->RunUntil([&] {
    for (ClientFrame& frame : TakeFrames()) frames.push_back(std::move(frame));
    return frames.size() >= count;
  });
  CHECK(came && frames.size() == count, std::to_string(frames.size()) + " frames came");
  frames.resize(count);
  return frames;
}

Listener::Listener(int receive_buffer, int backlog) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  const timeval patience{60, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  socklen_t length = sizeof(address);
  CHECK_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
  CHECK_EQ(listen(fd_, backlog), 0);
  getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
}

Listener::~Listener() {
  close(fd_);
}

int Listener::AcceptSocket() {
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  CHECK(fd >= 0, std::strerror(errno));
  return fd;
}

uint16_t ClosedPort() {
  const Listener listener;
  return listener.port();
}

Pair::Pair(World* world_, size_t max_link_bytes, const Limits& limits, int receive_buffer,
           const Extensions& extensions, Topics* topics)
    : world(*world_), id(0) {
  Listener listener(receive_buffer);
  id = world.Open(listener.port(), "127.0.0.1", max_link_bytes);
  peer = listener.Accept(&world);
  CHECK(world.RunUntil([&] { return world.Has(id, RecordKind::kConnected); }));
  CHECK(link().StartWebSocket(limits, extensions, nullptr, 0, topics));
}

int64_t Pair::Offer(std::string_view payload, bool more) {
  return link().OfferBytes(Opcode::kText, reinterpret_cast<const uint8_t*>(payload.data()), payload.size(),
                           more);
}

}  // namespace shared_ws::test
