#include "io/tls_session.h"

#include <openssl/asn1.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <uv.h>

#include <algorithm>

namespace shared_ws {
namespace {

constexpr double kDayS = 24 * 3600;
constexpr double kMaxLifetimeS = 7 * kDayS;  // RFC 8446 4.6.1

// A resumed handshake shows no certificate, so a session must not outlive the one that was verified.
double CertificateSecondsLeft(const SSL_SESSION* session) {
  const X509* certificate = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(session));
  if (certificate == nullptr) return kMaxLifetimeS;
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1) return 0;
  return days * kDayS + seconds;
}

}  // namespace

void FreeSession::operator()(SSL_SESSION* session) const {
  SSL_SESSION_free(session);
}

SessionHandle CopySession(const SSL_SESSION* session) {
  return SessionHandle(SSL_SESSION_dup(session));
}

bool DescribeSession(SSL_SESSION* session, TlsSession* description) {
  if (SSL_SESSION_is_resumable(session) != 1) return false;
  const bool single_use = SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
  double lifetime_s = std::min(kMaxLifetimeS, CertificateSecondsLeft(session));
  const double hint_s = static_cast<double>(SSL_SESSION_get_ticket_lifetime_hint(session));
  // 0 means "not at all" in TLS 1.3, and "nobody knows" before it (RFC 5077 3.3).
  if (single_use || hint_s > 0) lifetime_s = std::min(lifetime_s, hint_s);
  if (lifetime_s <= 0) return false;

  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return false;
  description->size = static_cast<size_t>(size);
  description->handle = CopySession(session);
  if (description->handle == nullptr) return false;
  uv_timeval64_t now{};
  uv_gettimeofday(&now);
  description->expires_at_ms =
      (static_cast<double>(now.tv_sec) + lifetime_s) * 1000 + static_cast<double>(now.tv_usec) / 1000;
  description->single_use = single_use;
  return true;
}

}  // namespace shared_ws
