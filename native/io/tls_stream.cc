#include "io/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <uv.h>

#include "io/tls_errors.h"

namespace shared_ws {
namespace {

int ReadInput(BIO* bio, char* into, size_t capacity, size_t* count) {
  BIO_clear_retry_flags(bio);
  auto* stream = static_cast<TlsStream*>(BIO_get_data(bio));
  *count = stream->TakeInput(reinterpret_cast<uint8_t*>(into), capacity);
  if (*count > 0) return 1;
  BIO_set_retry_read(bio);
  return 0;
}

int WriteOutput(BIO* bio, const char* data, size_t size, size_t* count) {
  BIO_clear_retry_flags(bio);
  auto* stream = static_cast<TlsStream*>(BIO_get_data(bio));
  if (!stream->PutOutput(reinterpret_cast<const uint8_t*>(data), size)) return 0;
  *count = size;
  return 1;
}

long Control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // everything else is "not supported"
}

int Create(BIO* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

// One per process, made on first use by whichever thread comes first, never freed: every environment's
// sessions use it.
BIO_METHOD* g_bio_method = nullptr;
uv_once_t g_bio_method_once = UV_ONCE_INIT;

void MakeBioMethod() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shared-ws");
  if (method == nullptr) return;
  BIO_meth_set_read_ex(method, ReadInput);
  BIO_meth_set_write_ex(method, WriteOutput);
  BIO_meth_set_ctrl(method, Control);
  BIO_meth_set_create(method, Create);
  g_bio_method = method;
}

}  // namespace

std::string TakeTlsError(const char* when_empty) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return when_empty;
  const char* reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  char text[160];
  ERR_error_string_n(code, text, sizeof(text));
  return text;
}

TlsStream::TlsStream(SSL_CTX* context, const TlsStart& start) : keep_sessions_(start.keep_sessions) {
  uv_once(&g_bio_method_once, MakeBioMethod);
  ERR_clear_error();
  SSL* ssl = g_bio_method == nullptr ? nullptr : SSL_new(context);
  BIO* bio = ssl == nullptr ? nullptr : BIO_new(g_bio_method);
  bool good = bio != nullptr;
  if (good) {
    BIO_set_data(bio, this);
    SSL_set_bio(ssl, bio, bio);  // the session owns it now
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, this);  // for the context's callbacks
    const std::string& verify_host = start.verify_host;
    if (!start.server_name.empty()) good = SSL_set_tlsext_host_name(ssl, start.server_name.c_str()) == 1;
    if (const SessionHandle session = start.session == nullptr ? nullptr : CopySession(start.session)) {
      // One that this context cannot use is no reason not to connect. A resumed handshake verifies nothing,
      // so a session that was not verified is not for somebody who insists.
      SSL_set_session(ssl, session.get());
      if ((SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) != 0 && SSL_get_verify_result(ssl) != X509_V_OK) {
        SSL_set_session(ssl, nullptr);
        SSL_set_verify_result(ssl, X509_V_OK);
      }
    }
    if (good && !verify_host.empty()) {
      X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
      X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      good = X509_VERIFY_PARAM_set1_ip_asc(param, verify_host.c_str()) == 1 ||
             X509_VERIFY_PARAM_set1_host(param, verify_host.c_str(), verify_host.size()) == 1;
    }
  }
  if (good) {
    ssl_ = ssl;
  } else {
    error_ = TakeTlsError("no memory for a TLS session");
    SSL_free(ssl);
  }
  ERR_clear_error();
}

TlsStream::~TlsStream() {
  SSL_free(ssl_);
  ERR_clear_error();
}

void TlsStream::RideOn(std::unique_ptr<TlsStream> carrier) {
  carrier_ = std::move(carrier);
  carrier_->SetOutput(out_);
}

// Everything that the carrier can decrypt: it keeps no more than the beginning of a record.
void TlsStream::CarryInput(const uint8_t* data, size_t size) {
  carrier_->BeginInput(data, size);
  carrier_result_ = Result::kOk;
  while (carrier_result_ == Result::kOk) {
    if (!carried_input_.Reserve(carried_input_.size() + kMaxRecordBytes)) {
      carrier_result_ = Result::kFailed;
      break;
    }
    size_t count = 0;
    carrier_result_ = carrier_->Read(carried_input_.data() + carried_input_.size(), kMaxRecordBytes, &count);
    if (carrier_result_ == Result::kOk) carried_input_.Extend(count);
  }
  if (!carrier_->EndInput()) carrier_result_ = Result::kFailed;
}

// Only now, not from within OpenSSL: the two sessions share one error queue. `result` is what there is to say
// otherwise.
TlsStream::Result TlsStream::CarryOutput(Result result) {
  if (carrier_ == nullptr) return result;
  size_t at = 0;
  while (at < carried_output_.size()) {
    size_t count = 0;
    if (carrier_->Write(carried_output_.data() + at, carried_output_.size() - at, &count) != Result::kOk) {
      error_ = carrier_->error();
      return Result::kFailed;
    }
    at += count;
  }
  carried_output_.Free();
  if (result != Result::kWantInput || carrier_result_ == Result::kWantInput) return result;
  error_ = carrier_result_ == Result::kClosed ? "the proxy ended the TLS session" : carrier_->error();
  if (error_.empty()) error_ = "no memory for the TLS session with the proxy";
  return carrier_result_;
}

void TlsStream::BeginInput(const uint8_t* data, size_t size) {
  if (carrier_ != nullptr && carrier_result_ == Result::kWantInput) {
    CarryInput(data, size);
    data = carried_input_.data();
    size = carried_input_.size();
  }
  if (kept_.empty()) {
    input_ = data;
    input_size_ = size;
    return;
  }
  // The rare road: what was kept comes first. An allocation that fails shows as a broken record, never as
  // lost bytes.
  feeding_ = std::move(kept_);
  if (size > 0 && !feeding_.Append(data, size)) feeding_.Clear();
  input_ = feeding_.data();
  input_size_ = feeding_.size();
}

bool TlsStream::EndInput() {
  bool good = true;
  if (input_size_ > 0) {
    Bytes rest;
    good = rest.Append(input_, input_size_);
    kept_ = std::move(rest);
  }
  feeding_.Free();
  carried_input_.Free();
  input_ = nullptr;
  input_size_ = 0;
  return good;
}

size_t TlsStream::TakeInput(uint8_t* into, size_t capacity) {
  const size_t count = capacity < input_size_ ? capacity : input_size_;
  if (count > 0) std::memcpy(into, input_, count);
  input_ += count;
  input_size_ -= count;
  return count;
}

bool TlsStream::PutOutput(const uint8_t* data, size_t size) {
  Bytes* const out = carrier_ == nullptr ? out_ : &carried_output_;
  return out != nullptr && out->Append(data, size);
}

TlsStream::Result TlsStream::Classify(int returned) {
  Result result = Result::kFailed;
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      result = Result::kWantInput;
      break;
    case SSL_ERROR_ZERO_RETURN:
      result = Result::kClosed;
      break;
    default:
      error_ = TakeTlsError("the TLS session failed");
      break;
  }
  ERR_clear_error();
  return result;
}

TlsStream::Result TlsStream::Handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_);
  return CarryOutput(returned == 1 ? Result::kOk : Classify(returned));
}

TlsStream::Result TlsStream::Read(uint8_t* into, size_t capacity, size_t* count) {
  if (read_failed_) return Result::kFailed;  // OpenSSL would say it in other words
  ERR_clear_error();
  const int returned = SSL_read_ex(ssl_, into, capacity, count);
  if (returned == 1) read_to_the_end_ = input_size_ == 0;
  const Result result = CarryOutput(returned == 1 ? Result::kOk : Classify(returned));
  read_failed_ = result == Result::kFailed;
  return result;
}

TlsStream::Result TlsStream::Write(const uint8_t* data, size_t size, size_t* count) {
  ERR_clear_error();
  const size_t record = size < kMaxRecordBytes ? size : kMaxRecordBytes;
  const int returned = SSL_write_ex(ssl_, data, record, count);
  return CarryOutput(returned == 1 ? Result::kOk : Classify(returned));
}

void TlsStream::Shutdown() {
  if (shut_down_) return;
  shut_down_ = true;
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
  ERR_clear_error();
  CarryOutput(Result::kOk);
  if (carrier_ != nullptr) carrier_->Shutdown();
}

bool TlsStream::KeepSession(SSL_SESSION* session) {
  if (!keep_sessions_) return false;
  if (sessions_.size() == kMaxKeptSessions) sessions_.erase(sessions_.begin());
  sessions_.emplace_back(session);
  return true;
}

std::vector<TlsSession> TlsStream::TakeSessions() {
  ERR_clear_error();
  std::vector<TlsSession> taken;
  for (const SessionHandle& session : sessions_) {
    TlsSession description;
    if (DescribeSession(session.get(), &description)) taken.push_back(std::move(description));
  }
  sessions_.clear();
  ERR_clear_error();
  return taken;
}

void TlsStream::LogKey(const char* line) {
  // A handshake logs five lines; a peer that changes keys for ever must not fill memory.
  if (key_log_.size() > 16 * 1024) return;
  key_log_ += line;
  key_log_ += '\n';
}

bool TlsStream::refused_certificate() const {
  return verify_failed() && (SSL_get_verify_mode(ssl_) & SSL_VERIFY_PEER) != 0;
}
long TlsStream::verify_result() const {
  return SSL_get_verify_result(ssl_);
}
const char* TlsStream::verify_error() const {
  return X509_verify_cert_error_string(verify_result());
}
const char* TlsStream::protocol() const {
  return SSL_get_version(ssl_);
}
const char* TlsStream::cipher() const {
  return SSL_get_cipher_name(ssl_);
}
bool TlsStream::session_reused() const {
  return SSL_session_reused(ssl_) == 1;
}

std::string TlsStream::alpn() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_, &name, &length);
  return std::string(reinterpret_cast<const char*>(name), length);
}

}  // namespace shared_ws
