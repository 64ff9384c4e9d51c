#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "io_peer.h"
#include "io_tls_identity.h"

// The TLS server of the io tests.
namespace shared_ws::test {

// TLS over a Peer, by memory BIOs.
class TlsPeer {
 public:
  TlsPeer(World* world, int fd, SSL_CTX* context);
  ~TlsPeer();

  // Once the handshake is done: each call makes records of its own, of at most `record` bytes.
  void Send(std::string_view plaintext, size_t record = 16 * 1024);
  // The records that would be sent.
  std::string Seal(std::string_view plaintext);
  // Asks the client for new keys, and changes the server's.
  void UpdateKeys();
  void SendCloseNotify();

  Peer& tcp() { return tcp_; }
  bool secure() const { return secure_; }  // the first handshake is done
  SSL* ssl() { return ssl_; }

  std::string received;       // plaintext
  bool close_notify = false;  // the client's
  std::vector<ClientFrame> TakeFrames() { return TakeClientFrames(&received); }
  std::vector<ClientFrame> AwaitFrames(size_t count);

 private:
  void OnInput();
  void PassOn();

  World* world_;
  Peer tcp_;
  SSL* ssl_;
  bool secure_ = false;
};

// A link over TLS in its WebSocket phase, and its server.
struct TlsPair {
  explicit TlsPair(World* world, int version = 0, size_t max_link_bytes = 64 * 1024, int receive_buffer = 0,
                   const Extensions& extensions = {});
  World& world;
  uint32_t id;
  std::unique_ptr<TlsPeer> peer;
  Link& link() { return world[id]; }
  const LinkCounters& counters() const { return world.counters(id); }
  int64_t Offer(std::string_view payload, bool more = false);
};

}  // namespace shared_ws::test
