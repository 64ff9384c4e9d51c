#include "io/link.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <new>

#include "io/clock.h"

namespace shared_ws {
namespace {

bool ParseAddress(const LinkOptions& options, sockaddr_storage* storage, socklen_t* length) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(storage);
  if (uv_ip4_addr(options.address.c_str(), options.port, v4) == 0) {
    *length = sizeof(*v4);
    return true;
  }
  if (uv_ip6_addr(options.address.c_str(), options.port, v6) == 0) {
    *length = sizeof(*v6);
    return true;
  }
  return false;
}

}  // namespace

Link::Link(Loop* loop, uint32_t id, const LinkOptions& options)
    : loop_(loop), id_(id), options_(options), counters_(loop->counters(id)) {}

Link::~Link() {
  if (fd_ >= 0) close(fd_);
}

Link* Link::Open(Loop* loop, uint32_t id, const LinkOptions& options, int* error, std::string* refusal) {
  sockaddr_storage address{};
  socklen_t length = 0;
  if (!ParseAddress(options, &address, &length)) {
    *error = EINVAL;
    return nullptr;
  }
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    *error = errno;
    return nullptr;
  }
  SocketOptions socket_options = options.socket;
  socket_options.stamp_segments = options.timestamps == TimestampSource::kKernel;
  if (!ApplySocketOptions(fd, socket_options, refusal)) {
    close(fd);
    *error = ENOPROTOOPT;
    return nullptr;
  }
  auto* link = new (std::nothrow) Link(loop, id, options);
  if (link == nullptr) {
    close(fd);
    *error = ENOMEM;
    return nullptr;
  }
  link->fd_ = fd;
  if (socket_options.stamp_segments) link->segment_clock_.Observe(SegmentClock::Read());
  int result;
  do {
    result = connect(fd, reinterpret_cast<sockaddr*>(&address), length);
  } while (result != 0 && errno == EINTR);
  const int connect_error = result == 0 || errno == EINPROGRESS ? 0 : errno;
  if (const int status = uv_poll_init(loop->uv(), &link->poll_, fd); status != 0) {
    *error = -status;
    delete link;
    return nullptr;
  }
  link->poll_.data = link;
  if (connect_error != 0) {
    // Refused on the spot (no route, say). It is told as every other failure to connect is: by a record.
    link->socket_error_seen_ = true;
    link->End(EndReason::kConnect, static_cast<uint32_t>(connect_error));
  } else {
    link->UpdatePoll();
  }
  return link;
}

LinkAddresses Link::Addresses() const {
  LinkAddresses result;
  const auto read = [this](auto get, std::string* text, uint16_t* port) {
    sockaddr_storage storage{};
    socklen_t length = sizeof(storage);
    if (get(fd_, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return;
    char name[INET6_ADDRSTRLEN] = "";
    if (storage.ss_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
      uv_ip4_name(v4, name, sizeof(name));
      *port = ntohs(v4->sin_port);
    } else {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
      uv_ip6_name(v6, name, sizeof(name));
      *port = ntohs(v6->sin6_port);
    }
    *text = name;
  };
  read([](auto... a) { return getsockname(a...); }, &result.local_address, &result.local_port);
  read([](auto... a) { return getpeername(a...); }, &result.remote_address, &result.remote_port);
  return result;
}

// ---- Polling
// ----------------------------------------------------------------------------------------------------

bool Link::WantsToRead() const {
  if (paused_ || pending_end_.has_value() || !backlog_.empty()) return false;
  return phase_ != Phase::kRaw || raw_wanted_;
}

void Link::UpdatePoll() {
  if (handle_closing_) return;
  int events = 0;
  if (phase_ == Phase::kConnecting) {
    events = pending_end_.has_value() ? 0 : UV_WRITABLE;
  } else if (!socket_error_seen_) {
    if (WantsToRead()) events |= UV_READABLE;
    const bool waiting = cipher_.size() > cipher_head_ || (!out_.empty() && !held_);
    if (waiting && write_error_ == 0) events |= UV_WRITABLE;
  }
  if (events == polled_events_) return;
  polled_events_ = events;
  if (events == 0) {
    uv_poll_stop(&poll_);
  } else {
    uv_poll_start(&poll_, events, OnPoll);
  }
}

void Link::OnPoll(uv_poll_t* handle, int status, int events) {
  auto* link = static_cast<Link*>(handle->data);
  if (status < 0) {
    // POLLERR: libuv has stopped the handle. What the socket received before the error is still to be read,
    // and read() tells the error itself, so nothing is concluded here.
    link->socket_error_seen_ = true;
    link->polled_events_ = 0;
    events = UV_READABLE | UV_WRITABLE;
  }
  if (link->phase_ == Phase::kConnecting) {
    link->FinishConnecting();
    return;
  }
  if (events & UV_WRITABLE) link->WriteTurn();
  if ((events & UV_READABLE) && !link->ended_) link->ReadTurn();
  if (!link->ended_) link->UpdatePoll();
}

void Link::FinishConnecting() {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) {
    End(EndReason::kConnect, static_cast<uint32_t>(error));
    return;
  }
  if (!loop_->batch().HasRecordRoom()) return;  // level-triggered: the next turn comes here again
  phase_ = Phase::kRaw;
  raw_wanted_ = false;
  now_us_ = MonotonicMicros();
  loop_->batch().Add(RecordKind::kConnected, id_, now_us_);
  UpdatePoll();
}

void Link::Continue() {
  rearmed_ = false;
  if (HasRoomAgain() && write_error_ == 0) {
    if (!loop_->batch().HasRecordRoom()) {
      RearmOnce();
    } else {
      refused_bytes_ = 0;
      loop_->batch().Add(RecordKind::kWritable, id_, MonotonicMicros());
    }
  }
  if (pending_end_.has_value() && backlog_.empty()) {
    EmitEnd();
    return;
  }
  if (phase_ == Phase::kConnecting) return;
  ReadTurn();
  if (!ended_) UpdatePoll();
}

void Link::AfterBatch() {
  if (close_due_ && !close_sent_) {
    close_due_ = false;
    Close(close_code_, nullptr, 0);
  }
}

void Link::Pause() {
  paused_ = true;
  UpdatePoll();
}

void Link::Resume() {
  if (!paused_) return;
  paused_ = false;
  // Bytes in our own buffers, and a socket whose handle libuv stopped, raise no event.
  RearmOnce();
  UpdatePoll();
}

void Link::Drain() {
  if (phase_ == Phase::kConnecting || phase_ == Phase::kRaw) return;
  if (pending_end_.has_value() && backlog_.empty()) {
    EmitEnd();
    return;
  }
  // As much as the batch takes: the answer that somebody waits for may lie behind the first read.
  const Batch& batch = loop_->batch();
  bool progress = true;
  while (progress && !ended_ && HasReadRoom()) {
    const double received = counters_.bytes_received;
    const uint32_t records = batch.count();
    const size_t held = backlog_.size();
    ReadTurn();
    progress = counters_.bytes_received != received || batch.count() != records || backlog_.size() != held;
  }
  if (!ended_) UpdatePoll();
}

// ---- Raw phase
// --------------------------------------------------------------------------------------------------

bool Link::WriteRaw(const uint8_t* data, size_t size) {
  if (phase_ != Phase::kRaw || write_error_ != 0) return false;
  uint8_t* tail = out_.Tail(size);
  if (tail == nullptr) return false;
  std::memcpy(tail, data, size);
  out_.Commit(size, 0);
  Flush();
  return true;
}

void Link::ReadMore() {
  if (phase_ != Phase::kRaw || raw_wanted_) return;
  raw_wanted_ = true;
  if (HasSilentInput() || pending_end_.has_value()) RearmOnce();
  UpdatePoll();
}

bool Link::StartTls(SSL_CTX* context, const TlsStart& start, std::string* error) {
  if (phase_ != Phase::kRaw || (tls_ != nullptr && tls_->is_carried())) {
    *error = "TLS can start on a connected link: once, and once more through a proxy";
    return false;
  }
  auto stream = std::make_unique<TlsStream>(context, start);
  if (!stream->ok()) {
    *error = stream->error();
    return false;
  }
  if (tls_ != nullptr) stream->RideOn(std::move(tls_));
  tls_ = std::move(stream);
  phase_ = Phase::kTlsHandshake;
  ContinueHandshake();
  if (HasSilentInput()) RearmOnce();  // of the session that was there before
  if (!ended_) UpdatePoll();
  return true;
}

bool Link::StartWebSocket(const Limits& limits, const Extensions& extensions, const uint8_t* glued,
                          size_t glued_size, Topics* topics) {
  if (phase_ != Phase::kRaw) return false;
  phase_ = Phase::kWebSocket;
  connection_.emplace(limits, extensions);
  if (topics != nullptr) topics->AddReference();
  topics_.reset(topics);
  if (extensions.deflate.has_value() && Deflater::Supports(*extensions.deflate)) {
    deflater_.emplace(*extensions.deflate);
  }
  if (glued_size > 0) {
    Bytes all;
    if (!all.Append(glued, glued_size)) {
      End(EndReason::kSocket, ENOMEM);
      return true;
    }
    backlog_ = std::move(all);
  }
  RearmOnce();  // neither the glued bytes nor what OpenSSL holds raise an event
  UpdatePoll();
  return true;
}

void Link::ContinueHandshake() {
  BorrowCipherBuffer();
  const TlsStream::Result result = tls_->Handshake();
  SendCipher();  // an alert explains a failure to the peer
  ReportTls();   // the keys of a handshake that fails are wanted most
  switch (result) {
    case TlsStream::Result::kWantInput:
      return;
    case TlsStream::Result::kOk:
      // The reader checked for room; a handshake that ends without input (there is none such) would be a
      // defect.
      phase_ = Phase::kRaw;
      raw_wanted_ = false;
      loop_->batch().Add(RecordKind::kSecure, id_, now_us_);
      return;
    case TlsStream::Result::kClosed:
    case TlsStream::Result::kFailed:
      if (tls_->refused_certificate()) {
        End(EndReason::kCertificate, static_cast<uint32_t>(tls_->verify_result()), tls_->verify_error());
      } else {
        End(EndReason::kTls, 0, tls_->error());
      }
      return;
  }
}

// Says what the session has put aside. What finds no room now is told with the next record of TLS that comes.
void Link::ReportTls() {
  Batch& batch = loop_->batch();
  if (loop_->batch_is_out() || !batch.HasRecordRoom()) return;
  std::string& lines = tls_->key_log();
  if (!lines.empty() && batch.SlabRoom() >= lines.size()) {
    batch.AddCopy(RecordKind::kKeyLog, id_, now_us_, 0, lines.data(), lines.size(), 0);
    lines.clear();
  }
  if (tls_->has_sessions() && !sessions_told_) {
    sessions_told_ = true;
    batch.Add(RecordKind::kSessions, id_, now_us_);
  }
}

std::vector<TlsSession> Link::TakeSessions() {
  sessions_told_ = false;
  return tls_ == nullptr ? std::vector<TlsSession>() : tls_->TakeSessions();
}

// ---- Ending
// -----------------------------------------------------------------------------------------------------

void Link::End(EndReason reason, uint32_t aux, const std::string& text) {
  if (ended_ || pending_end_.has_value()) return;
  pending_end_ = PendingEnd{reason, aux, text};
  if (backlog_.empty()) EmitEnd();
}

void Link::EmitEnd() {
  Batch& batch = loop_->batch();
  if (loop_->batch_is_out() || !batch.HasRecordRoom() || batch.SlabRoom() < pending_end_->text.size()) {
    RearmOnce();
    UpdatePoll();
    return;
  }
  batch.AddCopy(RecordKind::kEnd, id_, MonotonicMicros(), static_cast<uint8_t>(pending_end_->reason),
                pending_end_->text.data(), pending_end_->text.size(), pending_end_->aux);
  loop_->WakeNextTurn();  // this may be a call of JavaScript's, behind the check of a loop that is idle
  ended_ = true;
  CloseHandle();
}

void Link::Destroy(bool reset) {
  if (!ended_) {
    ended_ = true;
    reset_ = reset;
    // A polite last word where it costs nothing: it may fit the socket's buffer, and nothing waits for it.
    if (!reset && tls_ != nullptr && write_error_ == 0 && cipher_.size() == cipher_head_) {
      BorrowCipherBuffer();
      tls_->Shutdown();
      SendCipher();
    }
  }
  CloseHandle();
}

void Link::CloseHandle() {
  if (handle_closing_) return;
  handle_closing_ = true;
  uv_poll_stop(&poll_);
  UpdateCounters();
  if (reset_) {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  }
  out_.Free();
  cipher_.Free();
  backlog_.Free();
  tls_.reset();
  connection_.reset();
  topics_.reset();
  deflater_.reset();
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnPollClosed);
}

void Link::OnPollClosed(uv_handle_t* handle) {
  auto* link = static_cast<Link*>(handle->data);
  link->loop_->Forget(link);
}

}  // namespace shared_ws
