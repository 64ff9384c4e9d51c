#pragma once

#include <string>

typedef struct ssl_session_st SSL_SESSION;

namespace shared_ws {

// What a server gave out so that a later handshake can be a short one. Its bytes are a secret: whoever has
// them can take the session over.
struct TlsSession {
  std::string der;
  double expires_at_ms = 0;  // Unix epoch: the ticket's end, or the certificate's, whichever comes first
  bool single_use = false;   // a ticket of TLS 1.3 (RFC 8446 C.4)
};

// False for one that cannot be resumed, or has ended already.
bool DescribeSession(SSL_SESSION* session, TlsSession* description);

// Null for bytes that are no session. The caller owns it.
SSL_SESSION* ParseSession(const std::string& der);

}  // namespace shared_ws
