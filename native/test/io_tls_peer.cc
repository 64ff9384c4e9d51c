#include "io_tls_peer.h"

#include <openssl/bio.h>
#include <openssl/err.h>

#include "core_support.h"

namespace shared_ws::test {

TlsPeer::TlsPeer(World* world, int fd, SSL_CTX* context)
    : world_(world), tcp_(world, fd), ssl_(SSL_new(context)) {
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_);
  tcp_.on_input = [this] { OnInput(); };
}

TlsPeer::~TlsPeer() {
  SSL_free(ssl_);
  ERR_clear_error();
}

void TlsPeer::OnInput() {
  BIO_write(SSL_get_rbio(ssl_), tcp_.received.data(), static_cast<int>(tcp_.received.size()));
  tcp_.received.clear();
  char buffer[16 * 1024];
  int count;
  while ((count = SSL_read(ssl_, buffer, sizeof(buffer))) > 0)
    received.append(buffer, static_cast<size_t>(count));
  secure_ |= SSL_is_init_finished(ssl_) == 1;
  if (SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN) close_notify = true;
  ERR_clear_error();
  PassOn();
}

void TlsPeer::PassOn() {
  BIO* out = SSL_get_wbio(ssl_);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  if (size > 0) tcp_.Send({data, static_cast<size_t>(size)});
  (void)BIO_reset(out);
  ERR_clear_error();
}

void TlsPeer::Send(std::string_view plaintext, size_t record) {
  CHECK(secure());
  for (size_t at = 0; at < plaintext.size(); at += record) {
    const std::string_view piece = plaintext.substr(at, record);
    CHECK_EQ(SSL_write(ssl_, piece.data(), static_cast<int>(piece.size())), static_cast<int>(piece.size()));
  }
  PassOn();
}

std::string TlsPeer::Seal(std::string_view plaintext) {
  CHECK_EQ(SSL_write(ssl_, plaintext.data(), static_cast<int>(plaintext.size())),
           static_cast<int>(plaintext.size()));
  BIO* out = SSL_get_wbio(ssl_);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  const std::string records(data, static_cast<size_t>(size));
  (void)BIO_reset(out);
  ERR_clear_error();
  return records;
}

void TlsPeer::UpdateKeys() {
  CHECK_EQ(SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED), 1);
  CHECK_EQ(SSL_do_handshake(ssl_), 1);
  PassOn();
}

void TlsPeer::SendCloseNotify() {
  SSL_shutdown(ssl_);
  PassOn();
}

std::vector<ClientFrame> TlsPeer::AwaitFrames(size_t count) {
  std::vector<ClientFrame> frames;
  const bool came = world_->RunUntil([&] {
    for (ClientFrame& frame : TakeFrames()) frames.push_back(std::move(frame));
    return frames.size() >= count;
  });
  CHECK(came && frames.size() == count, std::to_string(frames.size()) + " frames came");
  frames.resize(count);
  return frames;
}

TlsPair::TlsPair(World* world_, int version, size_t max_link_bytes, int receive_buffer,
                 const Extensions& extensions)
    : world(*world_), id(0) {
  Listener listener(receive_buffer);
  const Context server = ServerContext(TestServer(), version);
  const Context client = TrustingClient();
  id = world.Open(listener.port(), "127.0.0.1", max_link_bytes);
  peer = std::make_unique<TlsPeer>(&world, listener.AcceptSocket(), server.get());
  std::string error;
  CHECK(world.RunUntil([&] { return world.Has(id, RecordKind::kConnected); }));
  CHECK(link().StartTls(client.get(), {"localhost", "localhost"}, &error), error);
  CHECK(world.RunUntil([&] { return world.Has(id, RecordKind::kSecure) && peer->secure(); }));
  CHECK(link().StartWebSocket({}, extensions, nullptr, 0));
}

int64_t TlsPair::Offer(std::string_view payload, bool more) {
  const int64_t result = link().OfferBytes(Opcode::kText, Raw(payload), payload.size(), more);
  CHECK_EQ(ERR_peek_error(), 0ul, "OpenSSL's error queue is not empty");
  return result;
}

}  // namespace shared_ws::test
