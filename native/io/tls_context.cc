#include "io/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "io/tls_errors.h"
#include "io/tls_stream.h"

namespace shared_ws {
namespace {

// RFC 7301. What we speak, and what some balancers want to hear before they pick a road.
constexpr unsigned char kAlpn[] = "\x08http/1.1";

int OnNewSession(SSL* ssl, SSL_SESSION* session) {
  return static_cast<TlsStream*>(SSL_get_app_data(ssl))->KeepSession(session) ? 1 : 0;
}

void OnKeyLog(const SSL* ssl, const char* line) {
  static_cast<TlsStream*>(SSL_get_app_data(ssl))->LogKey(line);
}

BIO* MemoryOf(const std::string& text) {
  return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
}

int CopyPassphrase(char* buffer, int size, int /*for_writing*/, void* passphrase) {
  const auto& text = *static_cast<const std::string*>(passphrase);
  if (static_cast<int>(text.size()) > size) return -1;
  text.copy(buffer, text.size());
  return static_cast<int>(text.size());
}

int VersionOf(const std::string& name) {
  if (name == "TLSv1.2") return TLS1_2_VERSION;
  if (name == "TLSv1.3") return TLS1_3_VERSION;
  return -1;
}

// "TLS_…" names are TLS 1.3 suites, which OpenSSL takes by another call; everything else is a TLS 1.2 cipher
// string.
void SplitCiphers(const std::string& all, std::string* suites, std::string* list) {
  size_t start = 0;
  while (start <= all.size()) {
    size_t end = all.find(':', start);
    if (end == std::string::npos) end = all.size();
    const std::string item = all.substr(start, end - start);
    std::string* into = item.rfind("TLS_", 0) == 0 ? suites : list;
    if (!item.empty()) *into += (into->empty() ? "" : ":") + item;
    start = end + 1;
  }
}

// A PEM reader returned null: because no block is left, or because the next one is broken?
bool AtEndOfPem() {
  const unsigned long error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

bool AddRoots(SSL_CTX* context, const std::vector<std::string>& ca, std::string* error) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (size_t i = 0; i < ca.size(); i++) {
    BIO* bio = MemoryOf(ca[i]);
    int found = 0;
    while (X509* certificate = PEM_read_bio_X509_AUX(bio, nullptr, CopyPassphrase, nullptr)) {
      X509_STORE_add_cert(store, certificate);
      X509_free(certificate);
      found++;
    }
    BIO_free(bio);
    if (!AtEndOfPem()) {
      *error =
          "tls.ca[" + std::to_string(i) + "] holds a broken PEM certificate: " + TakeTlsError("unreadable");
      return false;
    }
    ERR_clear_error();
    if (found == 0) {
      *error = "tls.ca[" + std::to_string(i) + "] holds no PEM certificate";
      return false;
    }
  }
  return true;
}

bool UseClientCertificate(SSL_CTX* context, const TlsContextOptions& options, std::string* error) {
  BIO* bio = MemoryOf(options.cert);
  X509* leaf = PEM_read_bio_X509_AUX(bio, nullptr, CopyPassphrase, nullptr);
  bool good = leaf != nullptr && SSL_CTX_use_certificate(context, leaf) == 1;
  X509_free(leaf);
  while (good) {
    X509* link = PEM_read_bio_X509(bio, nullptr, CopyPassphrase, nullptr);
    if (link == nullptr) {
      good = AtEndOfPem();
      break;
    }
    good = SSL_CTX_add0_chain_cert(context, link) == 1;
    if (!good) X509_free(link);
  }
  BIO_free(bio);
  if (!good) {
    *error = "tls.cert was refused: " + TakeTlsError("not a PEM certificate");
    return false;
  }
  ERR_clear_error();

  bio = MemoryOf(options.key);
  EVP_PKEY* key =
      PEM_read_bio_PrivateKey(bio, nullptr, CopyPassphrase, const_cast<std::string*>(&options.passphrase));
  BIO_free(bio);
  if (key == nullptr) {
    *error = "tls.key was refused (wrong tls.passphrase?): " + TakeTlsError("not a PEM key");
    return false;
  }
  good = SSL_CTX_use_PrivateKey(context, key) == 1 && SSL_CTX_check_private_key(context) == 1;
  EVP_PKEY_free(key);
  if (!good) *error = "tls.key does not belong to tls.cert: " + TakeTlsError("mismatch");
  return good;
}

bool Configure(SSL_CTX* context, const TlsContextOptions& options, std::string* error) {
  const int min_version = options.min_version.empty() ? TLS1_2_VERSION : VersionOf(options.min_version);
  if (min_version < 0 || SSL_CTX_set_min_proto_version(context, min_version) != 1) {
    *error = "tls.minVersion was refused";
    return false;
  }
  if (!options.max_version.empty()) {
    const int max_version = VersionOf(options.max_version);
    if (max_version < 0 || SSL_CTX_set_max_proto_version(context, max_version) != 1) {
      *error = "tls.maxVersion was refused";
      return false;
    }
  }
  if (!options.ciphers.empty()) {
    std::string suites;
    std::string list;
    SplitCiphers(options.ciphers, &suites, &list);
    if ((!suites.empty() && SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1) ||
        (!list.empty() && SSL_CTX_set_cipher_list(context, list.c_str()) != 1)) {
      *error = "tls.ciphers was refused: " + TakeTlsError("no known cipher");
      return false;
    }
  }
  if (!AddRoots(context, options.ca, error)) return false;
  if (!options.cert.empty() && !UseClientCertificate(context, options, error)) return false;
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  // Links own memory only while they need it: the record buffers go back when idle.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // The cache is not OpenSSL's: a link gives its sessions away, and is given one to offer.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, OnNewSession);
  if (options.key_log) SSL_CTX_set_keylog_callback(context, OnKeyLog);
  if (SSL_CTX_set_alpn_protos(context, kAlpn, sizeof(kAlpn) - 1) != 0) {
    *error = "no memory for ALPN";
    return false;
  }
  return true;
}

}  // namespace

SSL_CTX* CreateTlsContext(const TlsContextOptions& options, std::string* error) {
  ERR_clear_error();
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) {
    *error = "OpenSSL made no context: " + TakeTlsError("unknown reason");
    return nullptr;
  }
  const bool good = Configure(context, options, error);
  ERR_clear_error();
  if (good) return context;
  SSL_CTX_free(context);
  return nullptr;
}

}  // namespace shared_ws
