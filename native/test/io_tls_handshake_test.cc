// Who is trusted, and what is said when the handshake fails.
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "core_support.h"
#include "io_tls_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

struct Attempt {
  Identity server = TestServer();
  TlsContextOptions client;
  std::string server_name = "localhost";
  std::string verify_host = "localhost";
  std::string client_ca;
};

// The record that decided: kSecure or kEnd.
Event Shake(World* world, const Attempt& attempt) {
  Listener listener;
  const Context server = ServerContext(attempt.server, 0, attempt.client_ca);
  Context client = ClientContext(attempt.client);
  const uint32_t id = world->Open(listener.port());
  TlsPeer peer(world, listener.AcceptSocket(), server.get());
  CHECK(world->RunUntil([&] { return world->Has(id, RecordKind::kConnected); }));
  std::string error;
  CHECK((*world)[id].StartTls(client.get(), {attempt.server_name, attempt.verify_host}, &error), error);
  CHECK_EQ(ERR_peek_error(), 0ul);
  client.reset();  // the link has a reference of its own
  CHECK(world->RunUntil([&] { return world->Of(id).size() == 2; }));
  Event event = world->Of(id).back();
  if (event.kind == RecordKind::kSecure && !attempt.client_ca.empty()) {
    // A TLS 1.3 server judges the client's certificate after the client is done.
    CHECK((*world)[id].StartWebSocket({}, {}, nullptr, 0));
    CHECK(world->RunUntil([&] { return peer.secure() || world->Has(id, RecordKind::kEnd); }));
    if (world->Has(id, RecordKind::kEnd)) event = world->First(id, RecordKind::kEnd);
  }
  if (world->loop().Find(id) != nullptr) {
    CHECK_EQ(SSL_get_servername(peer.ssl(), TLSEXT_NAMETYPE_host_name) != nullptr,
             !attempt.server_name.empty());
    world->Destroy(id);
  }
  return event;
}

void CheckRefused(const Attempt& attempt, int verdict, int line) {
  World world;
  const Event event = Shake(&world, attempt);
  const std::string at = "line " + std::to_string(line);
  if (!CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(RecordKind::kEnd), at)) return;
  CHECK_EQ(event.opcode, static_cast<uint8_t>(EndReason::kCertificate), at);
  CHECK_EQ(event.aux, static_cast<uint32_t>(verdict), at);
  CHECK_EQ(event.payload, X509_verify_cert_error_string(verdict), at);
}
#define CHECK_REFUSED(attempt, verdict) CheckRefused(attempt, verdict, __LINE__)

void CheckAccepted(const Attempt& attempt, int line) {
  World world;
  const Event event = Shake(&world, attempt);
  CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(RecordKind::kSecure),
           "line " + std::to_string(line) + ": " + event.payload);
}
#define CHECK_ACCEPTED(attempt) CheckAccepted(attempt, __LINE__)

Attempt Trusting() {
  Attempt attempt;
  attempt.client.ca = {TestCa().cert};
  return attempt;
}

}  // namespace

TEST(tls_trusts_whom_it_is_told_to) {
  Attempt attempt = Trusting();
  CHECK_ACCEPTED(attempt);
  attempt.client.ca = {MakeIdentity("another CA", "", nullptr, true).cert, TestCa().cert};
  CHECK_ACCEPTED(attempt);
  attempt.client.ca = {MakeIdentity("another CA", "", nullptr, true).cert + TestCa().cert};
  CHECK_ACCEPTED(attempt);
  attempt.client.ca.resize(1);
  attempt.client.ca[0] = MakeIdentity("another CA", "", nullptr, true).cert;
  CHECK_REFUSED(attempt, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  attempt.client.ca.clear();
  CHECK_REFUSED(attempt, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
  attempt.client.verify = false;
  CHECK_ACCEPTED(attempt);

  attempt = Trusting();
  attempt.server = MakeIdentity("localhost", "DNS:localhost");
  CHECK_REFUSED(attempt, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
  attempt.client.ca = {attempt.server.cert};
  CHECK_ACCEPTED(attempt);
  attempt = Trusting();
  attempt.server = MakeIdentity("localhost", "DNS:localhost", &TestCa(), false, -60);
  CHECK_REFUSED(attempt, X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST(tls_checks_the_name) {
  Attempt attempt = Trusting();
  attempt.verify_host = "example.com";
  CHECK_REFUSED(attempt, X509_V_ERR_HOSTNAME_MISMATCH);
  attempt.client.verify = false;
  CHECK_ACCEPTED(attempt);
  attempt.client.verify = true;
  attempt.verify_host = "";  // not checked
  CHECK_ACCEPTED(attempt);
  attempt.server_name = "";  // an IP literal in the URL: no SNI
  for (const char* address : {"127.0.0.1", "::1"}) {
    attempt.verify_host = address;
    CHECK_ACCEPTED(attempt);
  }
  for (const char* address : {"127.0.0.2", "::2"}) {
    attempt.verify_host = address;
    CHECK_REFUSED(attempt, X509_V_ERR_IP_ADDRESS_MISMATCH);
  }

  attempt = Trusting();
  attempt.server = MakeIdentity("stream", "DNS:*.example.com,DNS:f*.example.org", &TestCa());
  attempt.verify_host = "a.example.com";
  CHECK_ACCEPTED(attempt);
  for (const char* host : {"example.com", "a.b.example.com", "foo.example.org", "localhost"}) {
    attempt.verify_host = host;
    CHECK_REFUSED(attempt, X509_V_ERR_HOSTNAME_MISMATCH);
  }
  // A name in the certificate that looks like the address is no address.
  attempt.server = MakeIdentity("127.0.0.1", "DNS:127.0.0.1", &TestCa());
  attempt.verify_host = "127.0.0.1";
  CHECK_REFUSED(attempt, X509_V_ERR_IP_ADDRESS_MISMATCH);
}

TEST(tls_shows_a_client_certificate) {
  Attempt attempt = Trusting();
  attempt.client_ca = TestCa().cert;
  {
    World world;
    const Event event = Shake(&world, attempt);
    CHECK_EQ(static_cast<int>(event.kind), static_cast<int>(RecordKind::kEnd));
    CHECK_EQ(event.opcode, static_cast<uint8_t>(EndReason::kTls));
    CHECK(event.payload.find("certificate required") != std::string::npos, event.payload);
  }
  const Identity client = MakeIdentity("client", "", &TestCa());
  attempt.client.cert = client.cert;
  attempt.client.key = client.key;
  CHECK_ACCEPTED(attempt);
}

TEST(tls_says_what_is_wrong_with_the_other_side) {
  for (const std::string_view answer : {"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n"}) {
    World world;
    Listener listener;
    const Context client = TrustingClient();
    const uint32_t id = world.Open(listener.port());
    const auto peer = listener.Accept(&world);
    UNTIL(world, world.Has(id, RecordKind::kConnected));
    std::string error;
    CHECK(world[id].StartTls(client.get(), {"localhost", "localhost"}, &error));
    peer->Send(answer);
    UNTIL(world, world.Has(id, RecordKind::kEnd));
    const Event end = world.First(id, RecordKind::kEnd);
    CHECK_EQ(end.opcode, static_cast<uint8_t>(EndReason::kTls));
    CHECK_EQ(end.payload, "wrong version number");
  }
  // No version in common.
  World world;
  Listener listener;
  const Context server = ServerContext(TestServer(), TLS1_2_VERSION);
  TlsContextOptions options;
  options.min_version = "TLSv1.3";
  options.verify = false;
  const Context client = ClientContext(options);
  const uint32_t id = world.Open(listener.port());
  TlsPeer peer(&world, listener.AcceptSocket(), server.get());
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  std::string error;
  CHECK(world[id].StartTls(client.get(), {"", ""}, &error));
  UNTIL(world, world.Has(id, RecordKind::kEnd));
  CHECK_EQ(world.First(id, RecordKind::kEnd).opcode, static_cast<uint8_t>(EndReason::kTls));
  CHECK_EQ(world.First(id, RecordKind::kEnd).payload, "tlsv1 alert protocol version");
}

TEST(tls_ends_in_the_middle_of_the_handshake) {
  const Context client = TrustingClient();
  enum What { kFin, kReset, kDestroy, kShutdown };
  for (const What what : {kFin, kReset, kDestroy, kShutdown}) {
    World world;
    Listener listener;
    const uint32_t id = world.Open(listener.port());
    auto peer = listener.Accept(&world);
    UNTIL(world, world.Has(id, RecordKind::kConnected));
    std::string error;
    CHECK(world[id].StartTls(client.get(), {"localhost", "localhost"}, &error));
    UNTIL(world, !peer->received.empty());                        // the client hello
    peer->Send(std::string_view("\x16\x03\x03\x00\x7a\x02", 6));  // a record begins
    world.Settle(3);
    if (what == kDestroy) {
      world.Destroy(id);
      UNTIL(world, peer->eof);
    } else if (what == kShutdown) {
      world.Shutdown();
    } else {
      what == kFin ? peer->HalfClose() : peer->Reset();
      UNTIL(world, world.Has(id, RecordKind::kEnd));
      CHECK_EQ(world.First(id, RecordKind::kEnd).opcode,
               static_cast<uint8_t>(what == kFin ? EndReason::kEof : EndReason::kSocket));
    }
    peer.reset();
  }
}

// Cut anywhere, the handshake and what follows come out the same.
TEST(tls_handshake_in_single_bytes) {
  World world;
  Listener listener;
  const Context server = ServerContext(TestServer()), client = TrustingClient();
  const uint32_t id = world.Open(listener.port());
  const auto peer = listener.Accept(&world);
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  SSL* ssl = SSL_new(server.get());
  SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl);
  const auto pass_on = [&] {
    BIO_write(SSL_get_rbio(ssl), peer->received.data(), static_cast<int>(peer->received.size()));
    peer->received.clear();
    char in[100];
    SSL_read(ssl, in, sizeof(in));
    char* data = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl), &data);
    for (long i = 0; i < size; i++) {
      peer->Send({data + i, 1});
      world.Settle(2);
    }
    (void)BIO_reset(SSL_get_wbio(ssl));
    ERR_clear_error();
  };
  std::string error;
  CHECK(world[id].StartTls(client.get(), {"localhost", "localhost"}, &error));
  for (int i = 0; i < 100 && !world.Has(id, RecordKind::kSecure); i++) {
    world.Settle(3);
    pass_on();
  }
  REQUIRE(world.Has(id, RecordKind::kSecure));
  world.Settle();
  pass_on();
  CHECK(world[id].StartWebSocket({}, {}, nullptr, 0));
  const std::string frames = TextFrame("one") + PingFrame("two") + TextFrame("three");
  CHECK(SSL_write(ssl, frames.data(), static_cast<int>(frames.size())) > 0);
  pass_on();
  UNTIL(world, world.Messages(id).size() == 2);
  CHECK_EQ(world.First(id, RecordKind::kPing).payload, "two");
  SSL_free(ssl);
}

}  // namespace shared_ws::test
