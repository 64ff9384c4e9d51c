#pragma once

#include <openssl/ssl.h>

#include <string>
#include <string_view>

// The server of the target `tls`.
namespace shared_ws::fuzz {

// From here on OpenSSL's chance follows from nothing but the calls for it: an input does the same whenever it
// is run.
void ReplaceChance();

// OpenSSL over memory. What cannot be done now is not done.
class TlsServer {
 public:
  explicit TlsServer(SSL_CTX* context);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  // The handshake is done.
  bool secure() const { return SSL_is_init_finished(ssl_) == 1; }
  void Take(std::string_view ciphertext);
  // Ciphertext for the client.
  std::string Out();

  bool Say(std::string_view plaintext);
  void UpdateKeys(bool ask_for_theirs);
  void GiveTicket();
  // Before TLS 1.3. A client has to refuse it, which a server may take amiss.
  void Renegotiate();
  void Leave();

  std::string heard;  // plaintext
  bool left = false;

 private:
  SSL* ssl_;
};

}  // namespace shared_ws::fuzz
