// Options of a TLS context that OpenSSL refuses: each is named, with its reason.
#include <openssl/err.h>
#include <openssl/pem.h>

#include "io_tls_peer.h"

namespace shared_ws::test {
namespace {

void CheckRefused(int line, const TlsContextOptions& options, const std::string& beginning) {
  const std::string at = "line " + std::to_string(line);
  std::string error;
  const Context context(CreateTlsContext(options, &error));
  CHECK(context == nullptr, at);
  CHECK_EQ(error.substr(0, beginning.size()), beginning, at);
  CHECK_EQ(ERR_peek_error(), 0ul, at);
}
#define CHECK_REFUSED(...) CheckRefused(__LINE__, __VA_ARGS__)

void CheckGood(int line, const TlsContextOptions& options) {
  std::string error;
  const Context context(CreateTlsContext(options, &error));
  CHECK(context != nullptr, "line " + std::to_string(line) + ": " + error);
  CHECK_EQ(ERR_peek_error(), 0ul, "line " + std::to_string(line));
}
#define CHECK_GOOD(...) CheckGood(__LINE__, __VA_ARGS__)

std::string Encrypted(const std::string& pem, const std::string& passphrase) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_256_cbc(), passphrase.data(),
                                static_cast<int>(passphrase.size()), nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string result(data, static_cast<size_t>(size));
  BIO_free(bio);
  EVP_PKEY_free(key);
  return result;
}

}  // namespace

TEST(tls_context_names_a_bad_ca) {
  TlsContextOptions options;
  options.ca = {TestCa().cert, "no PEM"};
  CHECK_REFUSED(options, "tls.ca[1] holds no PEM certificate");
  options.ca = {""};
  CHECK_REFUSED(options, "tls.ca[0] holds no PEM certificate");
  options.ca = {TestCa().key};
  CHECK_REFUSED(options, "tls.ca[0] holds no PEM certificate");
  // The second of two is broken: trusting only the first would be a surprise found on a bad day.
  std::string broken = TestServer().cert;
  broken.replace(broken.size() / 2, 8, "????????");
  options.ca = {TestCa().cert + broken};
  CHECK_REFUSED(options, "tls.ca[0] holds a broken PEM certificate");
  options.ca = {TestCa().cert + "\nwords between\n" + TestServer().cert + "\nand after\n", TestCa().cert};
  CHECK_GOOD(options);
}

TEST(tls_context_names_a_bad_certificate_or_key) {
  const Identity other = MakeIdentity("other", "");
  TlsContextOptions options;
  options.cert = "no PEM";
  options.key = TestServer().key;
  CHECK_REFUSED(options, "tls.cert was refused: ");
  options.cert = TestServer().cert;
  options.key = "no PEM";
  CHECK_REFUSED(options, "tls.key was refused (wrong tls.passphrase?): ");
  options.key = other.key;
  CHECK_REFUSED(options, "tls.key does not belong to tls.cert: ");
  options.key = TestServer().key;
  CHECK_GOOD(options);
  options.cert += TestCa().cert;  // a chain
  CHECK_GOOD(options);
  std::string broken = TestCa().cert;
  broken.replace(broken.size() / 2, 8, "????????");
  options.cert = TestServer().cert + broken;
  CHECK_REFUSED(options, "tls.cert was refused: ");

  options.cert = TestServer().cert;
  options.key = Encrypted(TestServer().key, "secret");
  CHECK_REFUSED(options, "tls.key was refused (wrong tls.passphrase?): ");
  options.passphrase = "guess";
  CHECK_REFUSED(options, "tls.key was refused (wrong tls.passphrase?): ");
  options.passphrase = std::string(5000, 's');  // longer than OpenSSL's buffer
  CHECK_REFUSED(options, "tls.key was refused (wrong tls.passphrase?): ");
  options.passphrase = "secret";
  CHECK_GOOD(options);
}

TEST(tls_context_names_bad_versions_and_ciphers) {
  TlsContextOptions options;
  options.min_version = "TLSv1.1";
  CHECK_REFUSED(options, "tls.minVersion was refused");
  options.min_version = "TLSv1.2";
  options.max_version = "SSLv3";
  CHECK_REFUSED(options, "tls.maxVersion was refused");
  options.max_version = "TLSv1.3";
  CHECK_GOOD(options);
  options.ciphers = "NO-SUCH-CIPHER";
  CHECK_REFUSED(options, "tls.ciphers was refused: ");
  options.ciphers = "TLS_NO_SUCH_SUITE";
  CHECK_REFUSED(options, "tls.ciphers was refused: ");
  options.ciphers = "TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:!aNULL";
  CHECK_GOOD(options);
  options.ciphers = "TLS_AES_256_GCM_SHA384";
  CHECK_GOOD(options);
}

TEST(tls_context_is_not_confused_by_errors_of_others) {
  ERR_put_error(ERR_LIB_USER, 0, 1, __FILE__, __LINE__);
  CHECK_GOOD(TlsContextOptions{});
}

}  // namespace shared_ws::test
