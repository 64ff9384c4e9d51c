#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "io/tls_session.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct bio_st BIO;

namespace shared_ws {

struct TlsStart {
  std::string server_name{};  // SNI; empty: none
  std::string verify_host{};  // empty: the name is not checked
  const SSL_SESSION* session =
      nullptr;                 // offered for resumption, and left to its owner; null: a full handshake
  bool keep_sessions = false;  // of those that the server gives out
};

// One TLS client session over memory: ciphertext is handed in and collected, no socket is known here. It may
// ride on another one, which then does that. Single-threaded. Every call leaves OpenSSL's error queue empty.
class TlsStream {
 public:
  enum class Result : uint8_t { kOk, kWantInput, kClosed, kFailed };

  // A TLS record carries at most this much plaintext.
  static constexpr size_t kMaxRecordBytes = 16 * 1024;

  // A server may give out many; the newest are enough.
  static constexpr size_t kMaxKeptSessions = 4;

  // Takes a reference to `context`. Check ok() before use.
  TlsStream(SSL_CTX* context, const TlsStart& start);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  bool ok() const { return ssl_ != nullptr; }

  // TLS within TLS: from here on `carrier`, whose handshake is done, carries the ciphertext of this session,
  // as a session with a proxy does. What is handed in and collected is the carrier's. Before the handshake,
  // once.
  void RideOn(std::unique_ptr<TlsStream> carrier);
  bool is_carried() const { return carrier_ != nullptr; }

  // The session reads ciphertext from [data, data + size) until EndInput(), which keeps what was not needed
  // yet.
  void BeginInput(const uint8_t* data, size_t size);
  bool EndInput();
  // Ciphertext is kept that no event of the socket will announce: call again without waiting for one.
  bool has_kept_input() const {
    return !kept_.empty() || (carrier_ != nullptr && carrier_->has_kept_input());
  }

  // Ciphertext produced by the calls below is appended to `out`, which the caller sends in order.
  void SetOutput(Bytes* out) {
    out_ = out;
    if (carrier_ != nullptr) carrier_->SetOutput(out);
  }

  Result Handshake();
  // kClosed and kFailed, with its words, are for good.
  Result Read(uint8_t* into, size_t capacity, size_t* count);
  // The last Read() that gave something took all the input there was: it ended with that plaintext.
  bool ended_in_plaintext() const {
    return read_to_the_end_ && (carrier_ == nullptr || carrier_->ended_in_plaintext());
  }
  // Seals at most one record. kWantInput cannot happen: renegotiation is off.
  Result Write(const uint8_t* data, size_t size, size_t* count);
  // Appends close_notify to the output, once.
  void Shutdown();

  bool verify_failed() const { return verify_result() != 0; }
  // The handshake failed because of that: somebody insists.
  bool refused_certificate() const;
  long verify_result() const;
  const char* verify_error() const;
  // Of the last kFailed.
  const std::string& error() const { return error_; }

  const char* protocol() const;
  const char* cipher() const;
  bool session_reused() const;
  std::string alpn() const;

  // Sessions came that TakeSessions() has not given yet.
  bool has_sessions() const { return !sessions_.empty(); }
  std::vector<TlsSession> TakeSessions();
  // Lines in the format of SSLKEYLOGFILE, each with its line feed, where the context asks for them. Secrets.
  std::string& key_log() { return key_log_; }

  // For OpenSSL's callbacks; not for others.
  size_t TakeInput(uint8_t* into, size_t capacity);
  bool PutOutput(const uint8_t* data, size_t size);
  // Whether it took over the caller's reference.
  bool KeepSession(SSL_SESSION* session);
  void LogKey(const char* line);

 private:
  Result Classify(int returned);
  void CarryInput(const uint8_t* data, size_t size);
  Result CarryOutput(Result result);

  SSL* ssl_ = nullptr;
  const uint8_t* input_ = nullptr;
  size_t input_size_ = 0;
  Bytes kept_;  // ciphertext left over when the slab was full
  Bytes feeding_;
  Bytes* out_ = nullptr;
  std::unique_ptr<TlsStream> carrier_;
  Result carrier_result_ = Result::kWantInput;  // kClosed or kFailed: nothing more comes from it
  Bytes carried_input_;   // what the carrier decrypted, between BeginInput() and EndInput()
  Bytes carried_output_;  // what it has yet to encrypt
  bool shut_down_ = false;
  bool read_failed_ = false;
  bool read_to_the_end_ = false;
  bool keep_sessions_ = false;
  std::vector<SessionHandle> sessions_;  // oldest first
  std::string key_log_;
  std::string error_;
};

}  // namespace shared_ws
