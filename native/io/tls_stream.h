#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/bytes.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct bio_st BIO;

namespace shared_ws {

// One TLS client session over memory: ciphertext is handed in and collected, no socket is known here.
// Single-threaded. Every call leaves OpenSSL's error queue empty.
class TlsStream {
 public:
  enum class Result : uint8_t { kOk, kWantInput, kClosed, kFailed };

  // A TLS record carries at most this much plaintext.
  static constexpr size_t kMaxRecordBytes = 16 * 1024;

  // Takes a reference to `context`. `verify_host` empty: the name is not checked. Check ok() before use.
  TlsStream(SSL_CTX* context, const std::string& server_name, const std::string& verify_host);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  bool ok() const { return ssl_ != nullptr; }

  // The session reads ciphertext from [data, data + size) until EndInput(), which keeps what was not needed
  // yet.
  void BeginInput(const uint8_t* data, size_t size);
  bool EndInput();
  // Ciphertext is kept that no event of the socket will announce: call again without waiting for one.
  bool has_kept_input() const { return !kept_.empty(); }

  // Ciphertext produced by the calls below is appended to `out`, which the caller sends in order.
  void SetOutput(Bytes* out) { out_ = out; }

  Result Handshake();
  Result Read(uint8_t* into, size_t capacity, size_t* count);
  // Seals at most one record. kWantInput cannot happen: renegotiation is off.
  Result Write(const uint8_t* data, size_t size, size_t* count);
  // Appends close_notify to the output, once.
  void Shutdown();

  bool verify_failed() const { return verify_result() != 0; }
  long verify_result() const;
  const char* verify_error() const;
  // Of the last kFailed.
  const std::string& error() const { return error_; }

  const char* protocol() const;
  const char* cipher() const;
  bool session_reused() const;
  std::string alpn() const;

  // For the BIO; not for others.
  size_t TakeInput(uint8_t* into, size_t capacity);
  bool PutOutput(const uint8_t* data, size_t size);

 private:
  Result Classify(int returned);

  SSL* ssl_ = nullptr;
  const uint8_t* input_ = nullptr;
  size_t input_size_ = 0;
  Bytes kept_;  // ciphertext left over when the slab was full
  Bytes feeding_;
  Bytes* out_ = nullptr;
  bool shut_down_ = false;
  std::string error_;
};

}  // namespace shared_ws
