// Sessions that servers give out, offered again; and the log of keys.
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <ctime>
#include <sstream>

#include "core_support.h"
#include "io_tls_peer.h"
#include "io_world.h"

namespace shared_ws::test {
namespace {

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
constexpr uint8_t kContextName[] = "shared-ws test";

// What became of one connection.
struct Visit {
  bool secure = false;
  bool reused = false;  // by the client's account
  bool reused_by_server = false;
  bool verified = false;
  size_t told = 0;  // kSessions records
  std::vector<TlsSession> sessions;
  std::vector<Event> events;
};

// Connects, lets the server say something (tickets of TLS 1.3 come before it), and leaves.
Visit Connect(SSL_CTX* server, SSL_CTX* client, const TlsStart& start) {
  World world;
  Listener listener;
  const uint32_t id = world.Open(listener.port());
  TlsPeer peer(&world, listener.AcceptSocket(), server);
  Visit visit;
  CHECK(world.RunUntil([&] { return world.Has(id, RecordKind::kConnected); }));
  std::string error;
  CHECK(world[id].StartTls(client, start, &error), error);
  CHECK_EQ(ERR_peek_error(), 0ul);
  const auto over = [&] { return world.Has(id, RecordKind::kEnd); };
  CHECK(world.RunUntil([&] { return over() || (world.Has(id, RecordKind::kSecure) && peer.secure()); }));
  if (!over()) {
    CHECK(world[id].StartWebSocket({}, {}, nullptr, 0));
    peer.Send(TextFrame("welcome"));
    CHECK(world.RunUntil([&] { return over() || !world.Messages(id).empty(); }));
  }
  visit.events = world.Of(id);
  visit.told = world.Count(id, RecordKind::kSessions);
  if (over()) return visit;
  visit.secure = true;
  visit.reused = world[id].tls()->session_reused();
  visit.reused_by_server = SSL_session_reused(peer.ssl()) == 1;
  visit.verified = !world[id].tls()->verify_failed();
  visit.sessions = world[id].TakeSessions();
  CHECK(world[id].TakeSessions().empty(), "they are given once");
  CHECK_EQ(ERR_peek_error(), 0ul);
  world.Destroy(id);
  return visit;
}

TlsStart Local(const SSL_SESSION* session = nullptr, bool keep = true) {
  TlsStart start;
  start.server_name = start.verify_host = "localhost";
  start.session = session;
  start.keep_sessions = keep;
  return start;
}

Context Server(int version, const std::string& client_ca = "") {
  Context context = ServerContext(TestServer(), version, client_ca);
  SSL_CTX_set_session_id_context(context.get(), kContextName, sizeof(kContextName));
  return context;
}

std::string At(int version) {
  return version == TLS1_2_VERSION ? "TLS 1.2" : "TLS 1.3";
}

}  // namespace

TEST(tls_sessions_are_resumed) {
  for (const int version : kVersions) {
    const Context server = Server(version);
    const Context client = TrustingClient();
    const Visit first = Connect(server.get(), client.get(), Local());
    CHECK(!first.reused && !first.reused_by_server, At(version));
    CHECK(first.told > 0, At(version));
    if (!CHECK(!first.sessions.empty(), At(version))) return;
    const TlsSession& session = first.sessions.back();
    CHECK_EQ(session.single_use, version == TLS1_3_VERSION, At(version));
    const double left_s = session.expires_at_ms / 1000 - static_cast<double>(std::time(nullptr));
    CHECK(left_s > 0 && left_s <= 3601, "no longer than the certificate: " + std::to_string(left_s));

    const Visit second = Connect(server.get(), client.get(), Local(session.handle.get()));
    CHECK(second.reused && second.reused_by_server, At(version));
    CHECK(second.verified, At(version));
    // A ticket is for one use, so a resumed connection brings the next. Before TLS 1.3 one serves for long.
    CHECK_EQ(second.sessions.empty(), version == TLS1_2_VERSION, At(version));
    for (const TlsSession& next : second.sessions) {
      CHECK(next.expires_at_ms <= session.expires_at_ms + 1000,
            "the certificate is still the one that was seen");
    }
    if (version == TLS1_3_VERSION) {
      CHECK(Connect(server.get(), client.get(), Local(second.sessions.back().handle.get())).reused,
            "and so on");
    }
  }
}

TEST(tls_session_that_the_server_refuses_costs_a_full_handshake) {
  for (const int version : kVersions) {
    const Context client = TrustingClient();
    const Visit first = Connect(Server(version).get(), client.get(), Local());
    if (!CHECK(!first.sessions.empty(), At(version))) return;
    // A server that was restarted has other keys for its tickets.
    const Visit second =
        Connect(Server(version).get(), client.get(), Local(first.sessions.back().handle.get()));
    CHECK(second.secure && second.verified && !second.reused && !second.reused_by_server, At(version));
    CHECK(!second.sessions.empty(), At(version));
  }
}

TEST(tls_session_of_another_version_costs_a_full_handshake) {
  const Context client = TrustingClient();
  const Context old = Server(TLS1_2_VERSION);
  const Visit first = Connect(old.get(), client.get(), Local());
  if (!CHECK(!first.sessions.empty())) return;
  const Visit second =
      Connect(Server(TLS1_3_VERSION).get(), client.get(), Local(first.sessions.back().handle.get()));
  CHECK(second.secure && second.verified && !second.reused);
}

// OpenSSL takes a session for spent when a connection that has it ends without a close_notify, as these do.
TEST(tls_session_outlives_the_connections_that_end_abruptly) {
  const Context server = Server(TLS1_2_VERSION);
  const Context client = TrustingClient();
  const Visit first = Connect(server.get(), client.get(), Local());
  if (!CHECK(!first.sessions.empty())) return;
  for (int i = 0; i < 3; i++) {
    CHECK(Connect(server.get(), client.get(), Local(first.sessions.back().handle.get())).reused,
          std::to_string(i));
  }
}

TEST(tls_session_never_makes_an_unverified_server_a_verified_one) {
  for (const int version : kVersions) {
    const Context server = Server(version);
    TlsContextOptions options;
    options.verify = false;  // and trusts nobody
    const Context careless = ClientContext(options);
    TlsStart start = Local();
    start.verify_host.clear();
    const Visit first = Connect(server.get(), careless.get(), start);
    CHECK(first.secure && !first.verified, At(version));
    if (!CHECK(!first.sessions.empty(), At(version))) return;
    start.session = first.sessions.back().handle.get();
    const Visit second = Connect(server.get(), careless.get(), start);
    CHECK(second.reused && !second.verified, At(version) + ": what is resumed is as unverified as it was");

    // Somebody who insists does not even offer it: the server is looked at, and refused.
    options.verify = true;
    const Context careful = ClientContext(options);
    const Visit third = Connect(server.get(), careful.get(), start);
    CHECK(!third.secure, At(version));
    CHECK_EQ(third.events.back().opcode, static_cast<uint8_t>(EndReason::kCertificate), At(version));
    CHECK_EQ(third.events.back().aux, static_cast<uint32_t>(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY));
  }
}

TEST(tls_sessions_carry_the_identity_of_the_client) {
  for (const int version : kVersions) {
    const Context server = Server(version, TestCa().cert);
    const Identity us = MakeIdentity("client", "", &TestCa());
    TlsContextOptions options;
    options.ca = {TestCa().cert};
    options.cert = us.cert;
    options.key = us.key;
    const Context client = ClientContext(options);
    const Visit first = Connect(server.get(), client.get(), Local());
    if (!CHECK(first.secure && !first.sessions.empty(), At(version))) return;
    CHECK(Connect(server.get(), client.get(), Local(first.sessions.back().handle.get())).reused_by_server,
          At(version));
  }
}

TEST(tls_sessions_end_with_the_certificate_or_the_ticket) {
  const Context client = TrustingClient();
  const Identity soon_over = MakeIdentity("localhost", "DNS:localhost", &TestCa(), false, 30);
  Context server = ServerContext(soon_over, TLS1_3_VERSION);
  const Visit first = Connect(server.get(), client.get(), Local());
  if (!CHECK(!first.sessions.empty())) return;
  CHECK(first.sessions[0].expires_at_ms / 1000 - static_cast<double>(std::time(nullptr)) <= 31);

  server = Server(TLS1_3_VERSION);
  SSL_CTX_set_timeout(server.get(), 20);
  const Visit second = Connect(server.get(), client.get(), Local());
  if (!CHECK(!second.sessions.empty())) return;
  CHECK(second.sessions[0].expires_at_ms / 1000 - static_cast<double>(std::time(nullptr)) <= 21);
}

TEST(tls_sessions_are_kept_only_when_asked_and_never_more_than_a_few) {
  const Context server = Server(TLS1_3_VERSION);
  const Context client = TrustingClient();
  const Visit silent = Connect(server.get(), client.get(), Local(nullptr, false));
  CHECK_EQ(silent.told, 0u);
  CHECK(silent.sessions.empty());
  SSL_CTX_set_num_tickets(server.get(), 50);
  const Visit flooded = Connect(server.get(), client.get(), Local());
  CHECK_EQ(flooded.sessions.size(), TlsStream::kMaxKeptSessions);
  CHECK_EQ(flooded.told, 1u, "told once until they are taken");
  // Of 50 tickets the newest are kept: they were given out last, and each differs.
  CHECK(Connect(server.get(), client.get(), Local(flooded.sessions.back().handle.get())).reused);
}

// Nobody takes them: they go with the link.
TEST(tls_sessions_that_nobody_takes_are_freed) {
  World world;
  Listener listener;
  const Context server = Server(TLS1_3_VERSION);
  const Context client = TrustingClient();
  const uint32_t id = world.Open(listener.port());
  TlsPeer peer(&world, listener.AcceptSocket(), server.get());
  UNTIL(world, world.Has(id, RecordKind::kConnected));
  std::string error;
  CHECK(world[id].StartTls(client.get(), Local(), &error), error);
  UNTIL(world, world.Has(id, RecordKind::kSecure));
  world[id].ReadMore();
  UNTIL(world, world.Has(id, RecordKind::kSessions));
  world.Destroy(id);
}

TEST(tls_client_names_its_protocol) {
  const Context server = Server(0);
  SSL_CTX_set_alpn_select_cb(
      server.get(),
      [](SSL*, const unsigned char** out, unsigned char* length, const unsigned char* in, unsigned int size,
         void*) {
        const std::string offered(reinterpret_cast<const char*>(in), size);
        CHECK_EQ(offered, std::string("\x08http/1.1"));
        *out = in + 1;
        *length = 8;
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
  CHECK(Connect(server.get(), TrustingClient().get(), Local()).secure);
}

TEST(tls_key_log_has_what_a_capture_needs) {
  for (const int version : kVersions) {
    const Context server = Server(version);
    TlsContextOptions options;
    options.ca = {TestCa().cert};
    const Visit quiet = Connect(server.get(), ClientContext(options).get(), Local());
    options.key_log = true;
    const Visit visit = Connect(server.get(), ClientContext(options).get(), Local());
    CHECK(visit.secure);
    std::string log;
    for (const Event& event : visit.events) {
      if (event.kind == RecordKind::kKeyLog) log += event.payload;
    }
    std::istringstream lines(log);
    std::string label, random, secret;
    std::vector<std::string> labels;
    while (lines >> label >> random >> secret) {
      labels.push_back(label);
      CHECK_EQ(random.size(), size_t{64}, label);
      CHECK(secret.size() >= 64 && secret.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos,
            label);
    }
    CHECK_EQ(log.back(), '\n');
    const std::vector<std::string> expected =
        version == TLS1_2_VERSION
            ? std::vector<std::string>{"CLIENT_RANDOM"}
            : std::vector<std::string>{"SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                                       "EXPORTER_SECRET", "SERVER_TRAFFIC_SECRET_0",
                                       "CLIENT_TRAFFIC_SECRET_0"};
    for (const std::string& wanted : expected) {
      CHECK(std::find(labels.begin(), labels.end(), wanted) != labels.end(), At(version) + ": " + wanted);
    }
    for (const Event& event : quiet.events) CHECK(event.kind != RecordKind::kKeyLog, "nobody asked");
  }
}

// The handshake that fails is the one that somebody wants to look into.
TEST(tls_key_log_of_a_handshake_that_fails) {
  const Context server = Server(TLS1_3_VERSION);
  TlsContextOptions options;  // trusts nobody
  options.key_log = true;
  const Visit visit = Connect(server.get(), ClientContext(options).get(), Local());
  CHECK(!visit.secure);
  CHECK_EQ(visit.events.back().opcode, static_cast<uint8_t>(EndReason::kCertificate));
  const Event& log = visit.events[visit.events.size() - 2];
  CHECK(log.kind == RecordKind::kKeyLog);
  CHECK(log.payload.find("SERVER_HANDSHAKE_TRAFFIC_SECRET ") != std::string::npos, log.payload);
}

}  // namespace shared_ws::test
