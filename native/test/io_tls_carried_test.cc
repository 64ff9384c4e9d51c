// TLS within TLS: a link to a proxy that speaks TLS, and through it to the server.
#include <openssl/err.h>

#include <algorithm>

#include "core_support.h"
#include "io_tls_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

// The server behind the proxy: TLS over what the proxy received and is given to send.
class InnerServer {
 public:
  InnerServer(TlsPeer* proxy, SSL_CTX* context) : proxy_(proxy), ssl_(SSL_new(context)) {
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(ssl_);
  }
  ~InnerServer() {
    SSL_free(ssl_);
    ERR_clear_error();
  }

  // What has come to the proxy is decrypted; what there is to say goes out in outer records of at most
  // `record`.
  void Pump() {
    BIO_write(SSL_get_rbio(ssl_), proxy_->received.data(), static_cast<int>(proxy_->received.size()));
    proxy_->received.clear();
    char buffer[16 * 1024];
    int count;
    while ((count = SSL_read(ssl_, buffer, sizeof(buffer))) > 0)
      received.append(buffer, static_cast<size_t>(count));
    if (SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN) close_notify = true;
    ERR_clear_error();
    PassOn();
  }
  void Send(std::string_view plaintext) {
    for (size_t at = 0; at < plaintext.size(); at += 16 * 1024) {
      const std::string_view piece = plaintext.substr(at, 16 * 1024);
      CHECK(SSL_write(ssl_, piece.data(), static_cast<int>(piece.size())) > 0);
    }
    PassOn();
  }
  void SendCloseNotify() {
    SSL_shutdown(ssl_);
    PassOn();
  }
  bool secure() const { return SSL_is_init_finished(ssl_) == 1; }

  std::string received;
  bool close_notify = false;
  size_t record = 16 * 1024;

 private:
  void PassOn() {
    BIO* out = SSL_get_wbio(ssl_);
    char* data = nullptr;
    const long size = BIO_get_mem_data(out, &data);
    const std::string text(data, static_cast<size_t>(size));
    (void)BIO_reset(out);
    ERR_clear_error();
    if (!text.empty()) proxy_->Send(text, record);
  }

  TlsPeer* proxy_;
  SSL* ssl_;
};

struct Tunnel {
  explicit Tunnel(World* world, size_t record = 16 * 1024, int outer_version = 0, int inner_version = 0,
                  int receive_buffer = 0)
      : world(*world) {
    Listener listener(receive_buffer);
    const Context outer = ServerContext(TestServer(), outer_version);
    const Context inner = ServerContext(TestServer(), inner_version);
    const Context client = TrustingClient();
    id = world->Open(listener.port());
    proxy = std::make_unique<TlsPeer>(world, listener.AcceptSocket(), outer.get());
    server = std::make_unique<InnerServer>(proxy.get(), inner.get());
    server->record = record;
    std::string error;
    CHECK(world->RunUntil([&] { return world->Has(id, RecordKind::kConnected); }));
    CHECK(link().StartTls(client.get(), {"localhost", "localhost"}, &error), error);
    CHECK(world->RunUntil([&] { return world->Has(id, RecordKind::kSecure) && proxy->secure(); }));
  }

  // CONNECT, and TLS with the server.
  void Enter(const Context& client, const std::string& verify_host = "localhost") {
    CHECK(link().WriteRaw(Raw("CONNECT"), 7));
    CHECK(world.RunUntil([&] { return proxy->received == "CONNECT"; }));
    proxy->received.clear();
    link().ReadMore();
    proxy->Send("200");
    CHECK(world.RunUntil([&] { return world.Has(id, RecordKind::kRaw); }));
    CHECK_EQ(world.First(id, RecordKind::kRaw).payload, "200");
    std::string error;
    CHECK(link().StartTls(client.get(), {"localhost", verify_host}, &error), error);
    CHECK_EQ(ERR_peek_error(), 0ul);
  }
  bool PumpUntil(const std::function<bool()>& done) {
    return world.RunUntil([&] {
      server->Pump();
      return done();
    });
  }
  void Open() {
    Enter(TrustingClient());
    CHECK(PumpUntil([&] { return world.Count(id, RecordKind::kSecure) == 2 && server->secure(); }));
    CHECK(link().StartWebSocket({}, {}, nullptr, 0));
  }
  Link& link() { return world[id]; }

  World& world;
  uint32_t id = 0;
  std::unique_ptr<TlsPeer> proxy;
  std::unique_ptr<InnerServer> server;
};

}  // namespace

TEST(tls_carried_messages_both_ways) {
  for (int outer : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (int inner : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      World world;
      Tunnel tunnel(&world, 16 * 1024, outer, inner);
      tunnel.Open();
      CHECK(tunnel.link().tls()->is_carried() && !tunnel.link().tls()->verify_failed());
      CHECK_EQ(std::string(tunnel.link().tls()->protocol()), inner == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
      tunnel.server->Send(TextFrame("down") + PingFrame("beat"));
      CHECK_EQ(tunnel.link().OfferBytes(Opcode::kText, Raw("up"), 2, false), 1);
      CHECK_EQ(ERR_peek_error(), 0ul);
      std::vector<ClientFrame> frames;
      CHECK(tunnel.PumpUntil([&] {
        for (ClientFrame& frame : TakeClientFrames(&tunnel.server->received))
          frames.push_back(std::move(frame));
        return frames.size() == 2 && world.Messages(tunnel.id).size() == 1;
      }));
      CHECK_EQ(frames[0].payload, "up");
      CHECK_EQ(frames[1].opcode, 0xA);
      CHECK_EQ(world.counters(tunnel.id).taken, 1.0);
    }
  }
}

TEST(tls_carried_in_records_of_any_size) {
  for (const size_t record : {size_t{1}, size_t{7}, size_t{300}, size_t{16 * 1024}}) {
    World world;
    Tunnel tunnel(&world, record);
    tunnel.Open();
    // More than one read takes, and more than the slab, where records are not tiny.
    const int count = record < 100 ? 20 : 3000;
    std::string stream;
    for (int i = 0; i < count; i++) stream += TextFrame(std::to_string(i) + std::string(400, '.'));
    tunnel.server->Send(stream);
    CHECK(world.RunUntil([&] { return world.Messages(tunnel.id).size() == static_cast<size_t>(count); }));
    const std::vector<std::string> messages = world.Messages(tunnel.id);
    for (int i = 0; i < count; i++) {
      CHECK(messages[static_cast<size_t>(i)] == std::to_string(i) + std::string(400, '.'), std::to_string(i));
    }
  }
}

TEST(tls_carried_large_message_up) {
  World world;
  Tunnel tunnel(&world, 16 * 1024, 0, 0, 4096);
  tunnel.Open();
  const std::string large(3 * 1024 * 1024, 'u');
  CHECK_EQ(tunnel.link().OfferBytes(Opcode::kText, Raw(large), large.size(), false), 1);
  std::vector<ClientFrame> frames;
  CHECK(tunnel.PumpUntil([&] {
    for (ClientFrame& frame : TakeClientFrames(&tunnel.server->received)) frames.push_back(std::move(frame));
    return frames.size() == 1;
  }));
  if (frames.size() == 1) CHECK(frames[0].payload == large);
  CHECK_EQ(world.counters(tunnel.id).taken, 1.0);
  CHECK_EQ(world.counters(tunnel.id).queued_bytes, 0.0);
}

TEST(tls_carried_frames_can_be_withdrawn_until_they_are_sealed) {
  World world;
  Tunnel tunnel(&world, 16 * 1024, 0, 0, 4096);
  tunnel.Open();
  tunnel.proxy->tcp().StopReading();
  const std::string large(8 * 1024 * 1024, 'x');
  CHECK_EQ(tunnel.link().OfferBytes(Opcode::kText, Raw(large), large.size(), false), 1);
  world.Settle();
  // Behind one that has begun and is larger than the link's room nothing is taken; the one before stays.
  CHECK_EQ(tunnel.link().OfferBytes(Opcode::kText, Raw("late"), 4, false), Link::kFull);
  CHECK(!tunnel.link().Withdraw(1), "it has begun");
  CHECK(world.counters(tunnel.id).begun >= 1.0 && world.counters(tunnel.id).taken == 0.0);
}

TEST(tls_carried_bytes_that_came_before_the_second_handshake) {
  World world;
  Tunnel tunnel(&world);
  CHECK(tunnel.link().WriteRaw(Raw("CONNECT"), 7));
  UNTIL(world, tunnel.proxy->received == "CONNECT");
  tunnel.link().ReadMore();
  tunnel.proxy->Send("200");
  UNTIL(world, world.Has(tunnel.id, RecordKind::kRaw));
  // They are the server's, as far as TLS can tell, and break its handshake.
  tunnel.proxy->Send("HTTP/1.1 400 Bad Request\r\n\r\n", 3);
  CHECK(tunnel.proxy->tcp().AwaitAcknowledged());
  world.Settle();
  CHECK_EQ(world.Count(tunnel.id, RecordKind::kRaw), size_t{1}, "nobody asked");
  std::string error;
  const Context client = TrustingClient();
  CHECK(tunnel.link().StartTls(client.get(), {"localhost", "localhost"}, &error), error);
  UNTIL(world, world.Has(tunnel.id, RecordKind::kEnd));
  CHECK_EQ(world.First(tunnel.id, RecordKind::kEnd).payload, "wrong version number");
}

TEST(tls_carried_handshake_that_fails_says_why) {
  World world;
  Tunnel tunnel(&world);
  tunnel.Enter(TrustingClient(), "example.com");
  CHECK(tunnel.PumpUntil([&] { return world.Has(tunnel.id, RecordKind::kEnd); }));
  const Event end = world.First(tunnel.id, RecordKind::kEnd);
  CHECK_EQ(end.opcode, static_cast<uint8_t>(EndReason::kCertificate));
  CHECK_EQ(ERR_peek_error(), 0ul);
  // The alert came through the tunnel.
  CHECK(tunnel.PumpUntil([&] { return tunnel.proxy->tcp().eof; }));
  CHECK(!tunnel.server->secure());
}

TEST(tls_carried_ends) {
  enum What { kInnerClose, kOuterClose, kFin, kGarbage, kReset, kDestroy };
  for (const What what : {kInnerClose, kOuterClose, kFin, kGarbage, kReset, kDestroy}) {
    for (const bool open : {true, false}) {
      const std::string at = std::to_string(what) + (open ? " open" : " in the handshake");
      World world;
      Tunnel tunnel(&world);
      if (open) {
        tunnel.Open();
      } else {
        tunnel.Enter(TrustingClient());
        CHECK(world.RunUntil([&] { return !tunnel.proxy->received.empty(); }));
      }
      if (what == kDestroy) {
        world.Destroy(tunnel.id);
        // A reset, where the server's answer crosses our end.
        const Peer& tcp = tunnel.proxy->tcp();
        CHECK(tunnel.PumpUntil([&] { return tcp.eof || tcp.error != 0; }), at);
        CHECK_EQ(tunnel.server->close_notify, open, at);
        CHECK(tunnel.proxy->close_notify, at);
        continue;
      }
      if (what == kInnerClose && !open) continue;
      if (what == kInnerClose) tunnel.server->SendCloseNotify();
      if (what == kOuterClose) tunnel.proxy->SendCloseNotify();
      if (what == kFin) tunnel.proxy->tcp().HalfClose();
      if (what == kGarbage) tunnel.proxy->tcp().Send(std::string_view("\x17\x03\x03\x00\x05hello", 10));
      if (what == kReset) tunnel.proxy->tcp().Reset();
      CHECK(world.RunUntil([&] { return world.Has(tunnel.id, RecordKind::kEnd); }), at);
      const Event end = world.First(tunnel.id, RecordKind::kEnd);
      if (what == kGarbage) CHECK_EQ(end.opcode, static_cast<uint8_t>(EndReason::kTls), at);
      if (what == kFin || (open && what != kGarbage && what != kReset))
        CHECK_EQ(end.opcode, static_cast<uint8_t>(EndReason::kEof), at);
      if (what == kOuterClose && !open) CHECK_EQ(end.payload, "the proxy ended the TLS session", at);
      CHECK_EQ(ERR_peek_error(), 0ul, at);
    }
  }
}

TEST(tls_carries_one_session_and_no_more) {
  World world;
  Tunnel tunnel(&world);
  tunnel.Enter(TrustingClient());
  CHECK(tunnel.PumpUntil([&] { return world.Count(tunnel.id, RecordKind::kSecure) == 2; }));
  std::string error;
  const Context client = TrustingClient();
  CHECK(!tunnel.link().StartTls(client.get(), {"localhost", "localhost"}, &error));
  CHECK_EQ(error, "TLS can start on a connected link: once, and once more through a proxy");
}

}  // namespace shared_ws::test
