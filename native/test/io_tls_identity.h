#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "io/tls_context.h"

// Certificates made on the spot, and contexts with them.
namespace shared_ws::test {

struct ContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextDeleter>;

// A certificate and its key, as PEM.
struct Identity {
  std::string cert, key;
};

// Signed by `issuer`, or by itself. `names` as in subjectAltName, "DNS:localhost,IP:127.0.0.1"; empty: none.
// `not_after_s`: seconds from now.
Identity MakeIdentity(const std::string& name, const std::string& names, const Identity* issuer = nullptr,
                      bool is_ca = false, long not_after_s = 3600);

// A CA of the tests, and what it signed for localhost, 127.0.0.1 and ::1.
const Identity& TestCa();
const Identity& TestServer();

// `version` 0 for any. With `client_ca`, clients must show a certificate of it.
Context ServerContext(const Identity& identity, int version = 0, const std::string& client_ca = "");
// Fails the test with OpenSSL's words when it cannot be made.
Context ClientContext(const TlsContextOptions& options);
Context TrustingClient();  // trusts TestCa()

}  // namespace shared_ws::test
