#pragma once

#include <string>
#include <vector>

typedef struct ssl_ctx_st SSL_CTX;

namespace shared_ws {

struct TlsContextOptions {
  std::vector<std::string> ca;                                           // PEM, each one or more certificates
  std::string cert, key, passphrase, min_version, max_version, ciphers;  // empty: not set
  bool verify = true;
  bool key_log = false;  // TlsStream::key_log() gets the secrets of each connection
};

// Makes a client SSL_CTX, or returns null and says in `error` which option was refused and why. The caller
// owns it.
SSL_CTX* CreateTlsContext(const TlsContextOptions& options, std::string* error);

}  // namespace shared_ws
