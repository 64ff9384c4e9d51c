#pragma once

#include <cstddef>
#include <memory>

typedef struct ssl_session_st SSL_SESSION;

namespace shared_ws {

struct FreeSession {
  void operator()(SSL_SESSION* session) const;
};
using SessionHandle = std::unique_ptr<SSL_SESSION, FreeSession>;

// What a server gave out so that a later handshake can be a short one. It stays OpenSSL's object: to read its
// certificates again from bytes would cost as much as half of what the short handshake saves.
struct TlsSession {
  SessionHandle handle;
  size_t size = 0;           // serialized, bytes
  double expires_at_ms = 0;  // Unix epoch: the ticket's end, or the certificate's, whichever comes first
  bool single_use = false;   // a ticket of TLS 1.3 (RFC 8446 C.4)
};

// A copy, for OpenSSL marks a session as spent when the connection that has it ends abruptly. Null when
// memory is out.
SessionHandle CopySession(const SSL_SESSION* session);

// Copies it. False for one that cannot be resumed, or has ended already.
bool DescribeSession(SSL_SESSION* session, TlsSession* description);

}  // namespace shared_ws
