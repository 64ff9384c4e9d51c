#include "io_tls_identity.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core_support.h"
#include "harness.h"

namespace shared_ws::test {
namespace {

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

BIO* Memory(const std::string& text) {
  return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
}

X509* CertificateOf(const std::string& pem) {
  BIO* bio = Memory(pem);
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

EVP_PKEY* KeyOf(const std::string& pem) {
  BIO* bio = Memory(pem);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return key;
}

void Extend(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

Identity MakeIdentity(const std::string& name, const std::string& names, const Identity* issuer, bool is_ca,
                      long not_after_s) {
  static long serial = 1;
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate), not_after_s);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, Raw(name), -1, -1, 0);
  Extend(certificate, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!names.empty()) Extend(certificate, NID_subject_alt_name, names.c_str());
  X509* issuer_certificate = issuer == nullptr ? nullptr : CertificateOf(issuer->cert);
  EVP_PKEY* issuer_key = issuer == nullptr ? nullptr : KeyOf(issuer->key);
  X509_set_issuer_name(certificate,
                       X509_get_subject_name(issuer == nullptr ? certificate : issuer_certificate));
  CHECK(X509_sign(certificate, issuer == nullptr ? key : issuer_key, EVP_sha256()) > 0);

  Identity result;
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  result.cert = Drain(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  result.key = Drain(bio);
  X509_free(issuer_certificate);
  EVP_PKEY_free(issuer_key);
  X509_free(certificate);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return result;
}

const Identity& TestCa() {
  static const Identity ca = MakeIdentity("test CA", "", nullptr, true);
  return ca;
}

const Identity& TestServer() {
  static const Identity server = MakeIdentity("localhost", "DNS:localhost,IP:127.0.0.1,IP:::1", &TestCa());
  return server;
}

Context ServerContext(const Identity& identity, int version, const std::string& client_ca) {
  Context context(SSL_CTX_new(TLS_server_method()));
  X509* certificate = CertificateOf(identity.cert);
  EVP_PKEY* key = KeyOf(identity.key);
  CHECK_EQ(SSL_CTX_use_certificate(context.get(), certificate), 1);
  CHECK_EQ(SSL_CTX_use_PrivateKey(context.get(), key), 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (version != 0) {
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
  }
  if (!client_ca.empty()) {
    X509* root = CertificateOf(client_ca);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), root);
    X509_free(root);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  ERR_clear_error();
  return context;
}

Context ClientContext(const TlsContextOptions& options) {
  std::string error;
  Context context(CreateTlsContext(options, &error));
  CHECK(context != nullptr, error);
  return context;
}

Context TrustingClient() {
  TlsContextOptions options;
  options.ca = {TestCa().cert};
  return ClientContext(options);
}

}  // namespace shared_ws::test
