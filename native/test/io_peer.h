#pragma once

#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io_world.h"

// The server's side of the io tests: plain POSIX sockets on 127.0.0.1, on the same uv loop as the links.
namespace shared_ws::test {

// A server frame; `first` is its first byte.
std::string ServerFrame(uint8_t first, std::string_view payload);
inline std::string TextFrame(std::string_view payload) {
  return ServerFrame(0x81, payload);
}
inline std::string BinaryFrame(std::string_view payload) {
  return ServerFrame(0x82, payload);
}
inline std::string PingFrame(std::string_view payload) {
  return ServerFrame(0x89, payload);
}
std::string CloseFrame(uint16_t code, std::string_view reason = "");

struct ClientFrame {
  uint8_t opcode;
  uint32_t key;
  std::string payload;  // unmasked
  bool compressed;      // RSV1
};

// Takes the whole frames off the front of `bytes`; checks that each is final, masked and in its shortest
// form.
std::vector<ClientFrame> TakeClientFrames(std::string* bytes);

// One accepted connection. It reads whatever comes, unless told not to.
class Peer {
 public:
  Peer(World* world, int fd);
  ~Peer();

  void Send(std::string_view bytes);
  // Repeats `bytes` for ever, as fast as the link takes them.
  void Flood(std::string bytes) { flood_ = std::move(bytes), Write(); }
  void StopFlood() { flood_.clear(); }
  // Waits until everything sent is in the other side's socket.
  bool AwaitAcknowledged();
  void StopReading();
  void ReadOn();
  void HalfClose();
  // FIN, or RST where something that came was not read.
  void Close() { End(); }
  void Reset();

  // Whole frames that came since the last call; what is left over stays in `received`.
  std::vector<ClientFrame> TakeFrames() { return TakeClientFrames(&received); }
  // Waits for `count` frames in all.
  std::vector<ClientFrame> AwaitFrames(size_t count);

  // Called when bytes, or an end, have come.
  std::function<void()> on_input;

  std::string received;
  size_t total_received = 0;
  bool eof = false;
  int error = 0;  // errno of a failed read or write
  bool sent_all() const { return unsent_.empty(); }
  int fd() const;

 private:
  struct Socket;
  void Read();
  void Write();
  void Poll();
  void End();

  World* world_;
  Socket* socket_;
  bool reading_ = true;
  std::string unsent_;
  std::string flood_;
};

class Listener {
 public:
  // `receive_buffer` 0: the system's choice.
  explicit Listener(int receive_buffer = 0, int backlog = 1024);
  ~Listener();
  uint16_t port() const { return port_; }
  // The next connection, which has been made already or is being made; as a bare socket.
  int AcceptSocket();
  std::unique_ptr<Peer> Accept(World* world) { return std::make_unique<Peer>(world, AcceptSocket()); }

 private:
  int fd_;
  uint16_t port_;
};

// A port of 127.0.0.1 on which nobody listens.
uint16_t ClosedPort();

// A link in its WebSocket phase, and its server.
struct Pair {
  explicit Pair(World* world, size_t max_link_bytes = 64 * 1024, const Limits& limits = {},
                int receive_buffer = 0, const Extensions& extensions = {}, Topics* topics = nullptr);
  World& world;
  uint32_t id;
  std::unique_ptr<Peer> peer;
  Link& link() { return world[id]; }
  const LinkCounters& counters() const { return world.counters(id); }
  int64_t Offer(std::string_view payload, bool more = false);
};

}  // namespace shared_ws::test
