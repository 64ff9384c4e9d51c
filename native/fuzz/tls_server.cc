#include "tls_server.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include "support.h"

namespace shared_ws::fuzz {
namespace {

test::Random chance(1);

int TakeChance(unsigned char* into, int size) {
  for (int i = 0; i < size; i++) into[i] = chance.Byte();
  return 1;
}

int ChanceIsThere() {
  return 1;
}

}  // namespace

void ReplaceChance() {
  static const RAND_METHOD method = {nullptr, TakeChance, nullptr, nullptr, TakeChance, ChanceIsThere};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // a provider of our own would be the other way
  static const int replaced = RAND_set_rand_method(&method);
#pragma GCC diagnostic pop
  CHECK_EQ(replaced, 1);
  chance = test::Random(1);
}

TlsServer::TlsServer(SSL_CTX* context) : ssl_(SSL_new(context)) {
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_);
}

TlsServer::~TlsServer() {
  SSL_free(ssl_);
  ERR_clear_error();
}

void TlsServer::Take(std::string_view ciphertext) {
  if (!ciphertext.empty()) {
    BIO_write(SSL_get_rbio(ssl_), ciphertext.data(), static_cast<int>(ciphertext.size()));
  }
  char buffer[4096];
  int count;
  while ((count = SSL_read(ssl_, buffer, sizeof buffer)) > 0)
    heard.append(buffer, static_cast<size_t>(count));
  ERR_clear_error();
}

std::string TlsServer::Out() {
  BIO* out = SSL_get_wbio(ssl_);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<size_t>(size));
  (void)BIO_reset(out);
  return text;
}

bool TlsServer::Say(std::string_view plaintext) {
  const bool good = secure() && !left && !plaintext.empty() &&
                    SSL_write(ssl_, plaintext.data(), static_cast<int>(plaintext.size())) > 0;
  ERR_clear_error();
  return good;
}

void TlsServer::UpdateKeys(bool ask_for_theirs) {
  const int kind = ask_for_theirs ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
  if (secure() && SSL_key_update(ssl_, kind) == 1) SSL_do_handshake(ssl_);
  ERR_clear_error();
}

void TlsServer::GiveTicket() {
  if (secure() && SSL_new_session_ticket(ssl_) == 1) SSL_do_handshake(ssl_);
  ERR_clear_error();
}

void TlsServer::Renegotiate() {
  const bool can = secure() && SSL_version(ssl_) == TLS1_2_VERSION;
  if (can && SSL_renegotiate(ssl_) == 1) SSL_do_handshake(ssl_);
  ERR_clear_error();
}

void TlsServer::Leave() {
  if (!secure()) return;
  left = true;
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace shared_ws::fuzz
