// The inbound half of a Link: socket, TLS, decoder, batch.
#include <sys/socket.h>

#include <cerrno>

#include "io/clock.h"
#include "io/link.h"

namespace shared_ws {

// Input that no event of the socket will announce.
bool Link::HasSilentInput() const {
  return !backlog_.empty() || socket_error_seen_ || more_sealed_ ||
         (tls_ != nullptr && tls_->has_kept_input());
}

void Link::RearmOnce() {
  if (rearmed_) return;
  rearmed_ = true;
  loop_->Rearm(id_);
}

void Link::RearmFirst() {
  if (rearmed_) return;
  rearmed_ = true;
  loop_->RearmFirst(id_);
}

// Room stays for a control frame that lies across two reads, so that its payload is never lost.
size_t Link::ReadCapacity() const {
  size_t room = loop_->batch().SlabRoom() - kMaxControlPayloadBytes;
  if (Inflates()) room /= 4;  // the rest is for what it inflates to
  return room < Loop::kMaxReadBytes ? room : Loop::kMaxReadBytes;
}

bool Link::Inflates() const {
  return connection_.has_value() && connection_->inflates();
}

bool Link::HasReadRoom() const {
  const Batch& batch = loop_->batch();
  return Inflates() ? batch.HasInflateRoom() : batch.HasReadRoom();
}

// One bounded read. Whatever does not fit the batch stays in the socket, or in the backlog, for a later turn.
void Link::ReadTurn() {
  Batch& batch = loop_->batch();
  if (loop_->batch_is_out() || !HasReadRoom()) {
    // The batch leaves in this turn's check phase; then this link goes before those that had their share.
    if (WantsToRead() || HasSilentInput()) RearmFirst();
    return;
  }
  if (!backlog_.empty() && !paused_ && (phase_ != Phase::kRaw || raw_wanted_)) {
    TakeBacklog();
    return;
  }
  if (!WantsToRead()) return;

  const bool sealed = tls_ != nullptr;
  const size_t capacity = sealed ? Loop::kMaxReadBytes : ReadCapacity();
  uint8_t* into = sealed ? loop_->cipher_input() : batch.SlabEnd();
  if (sealed && (more_sealed_ || tls_->has_kept_input())) {
    tls_->BeginInput(nullptr, 0);
    ReadSealed();
    return;
  }
  const ssize_t count = Receive(into, capacity);
  if (count > 0) {
    counters_.bytes_received += static_cast<double>(count);
    if (sealed) {
      tls_->BeginInput(into, static_cast<size_t>(count));
      ReadSealed();
    } else {
      TakePlaintext(into, static_cast<size_t>(count), true);
    }
    // libuv has stopped this handle for good: read on until recv() itself reports the error.
    if (socket_error_seen_ && !ended_) RearmOnce();
    return;
  }
  const bool nothing_there = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  if (count < 0 && !nothing_there) {
    End(EndReason::kSocket, static_cast<uint32_t>(errno));
  } else if (write_error_ != 0 && write_error_ != EPIPE) {
    // The kernel tells an error once, and send() had it: recv() finds an end of the stream, or nothing.
    End(EndReason::kSocket, static_cast<uint32_t>(write_error_));
  } else if (count == 0) {
    EndOfStream();
  } else if (socket_error_seen_) {
    End(EndReason::kSocket, ECONNRESET);
  }
}

// recv(), and when what it brought is said to have come.
ssize_t Link::Receive(uint8_t* into, size_t capacity) {
  ssize_t count;
  int64_t stamp_ns = 0;
  const bool stamped = options_.timestamps == TimestampSource::kKernel;
  do {
    count = stamped ? ReceiveStamped(fd_, into, capacity, &stamp_ns) : recv(fd_, into, capacity, 0);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return count;
  if (stamped) {
    const SegmentClock::Reading reading = SegmentClock::Read();
    segment_clock_.Observe(reading);
    const SegmentClock::Arrival arrival = segment_clock_.ArrivalOf(stamp_ns, reading, now_us_);
    now_us_ = arrival.us;
    // A full read may end inside of what the kernel has joined, and stamped with its end.
    now_is_exact_ = arrival.is_exact && static_cast<size_t>(count) < capacity;
  } else {
    now_us_ = MonotonicMicros();
  }
  return count;
}

// The peer has shut its side. When its CLOSE, or a violation, was read in this very turn, it is still to be
// delivered and answered: the peer may well read on. recv() tells the end again.
void Link::EndOfStream() {
  if (!close_due_ || close_sent_) {
    End(EndReason::kEof, 0);
    return;
  }
  more_sealed_ = tls_ != nullptr;
  RearmOnce();
}

// The road of a message stays in registers; everything else goes to the link.
struct Link::Sink {
  Link& link;
  Batch& batch;
  const uint32_t id;
  const double now_us;
  Topics* const topics;

  bool Accepts() const { return batch.HasRecordRoom(); }
  // Slab and blocks are padded, as a scan needs it.
  void SeeTopic(Opcode opcode, const uint8_t* payload, size_t size) {
    if (topics == nullptr || opcode != Opcode::kText) [[likely]]
      return;
    if (const uint32_t topic = topics->See(payload, size, now_us)) batch.AddTopic(id, now_us, topic);
  }
  void OnMessage(Opcode opcode, bool ascii, const uint8_t* payload, size_t size) {
    SeeTopic(opcode, payload, size);
    batch.AddMessage(id, now_us, opcode, ascii ? kFlagAscii : 0, payload, size);
  }
  void OnAssembled(Opcode opcode, bool ascii, Bytes&& payload) {
    SeeTopic(opcode, payload.data(), payload.size());
    batch.AddAssembled(id, now_us, opcode, ascii, std::move(payload));
  }
  InflateRoom Room() { return batch.RoomToInflate(); }
  void OnInflated(Opcode opcode, bool ascii, size_t size) {
    const uint8_t* payload = batch.SlabEnd();
    batch.CommitSlab(size);
    SeeTopic(opcode, payload, size);
    batch.AddMessage(id, now_us, opcode, ascii ? kFlagAscii : 0, payload, size);
  }
  void OnPing(const uint8_t* payload, size_t size) { link.OnPing(payload, size); }
  void OnPong(const uint8_t* payload, size_t size) {
    batch.AddCopy(RecordKind::kPong, id, now_us, 0, payload, size, 0);
  }
  void OnClose(uint16_t code, const uint8_t* reason, size_t size) { link.OnClose(code, reason, size); }
  void OnViolation(Status status) { link.OnViolation(status); }
};

// `data` lies at the end of the slab. `is_rest`: nothing that came with it is left.
void Link::TakePlaintext(uint8_t* data, size_t size, bool is_rest) {
  Batch& batch = loop_->batch();
  batch.CommitSlab(size);
  if (phase_ == Phase::kRaw) {
    raw_wanted_ = false;
    batch.Add(RecordKind::kRaw, id_, now_us_, 0, 0, data, size);
    return;
  }
  const uint32_t before = batch.count();
  const uint64_t messages_before = batch.messages();
  Sink sink{*this, batch, id_, now_us_, topics_.get()};
  const size_t consumed = connection_->Consume(data, size, sink);
  counters_.messages_received += static_cast<double>(batch.messages() - messages_before);
  if (consumed < size) {
    SetBacklog(data + consumed, size - consumed);
  } else if (now_is_exact_ && is_rest && batch.count() > before && !connection_->mid_message()) {
    batch.MarkNewestExact();
  }
  // Nothing refers to these bytes (a part of a frame, pongs that nobody delivered): let the next read have
  // their place.
  if (batch.count() == before && batch.SlabEnd() == data + size) batch.UncommitSlab(size);
}

// Decrypts what BeginInput() was given, as much as the slab takes, then decodes it in one go: records of TLS
// and frames need not coincide.
void Link::ReadSealed() {
  BorrowCipherBuffer();  // answers of the protocol itself (key updates, alerts)
  if (phase_ == Phase::kTlsHandshake) {
    ContinueHandshake();
    if (ended_ || pending_end_.has_value()) return;
    if (phase_ == Phase::kTlsHandshake) {
      tls_->EndInput();
      return;
    }
  }
  Batch& batch = loop_->batch();
  uint8_t* const begin = batch.SlabEnd();
  const size_t capacity = ReadCapacity();
  size_t size = 0;
  TlsStream::Result result = TlsStream::Result::kOk;
  const bool may_read = phase_ != Phase::kRaw || raw_wanted_;
  while (may_read && result == TlsStream::Result::kOk && size < capacity) {
    size_t count = 0;
    result = tls_->Read(begin + size, capacity - size, &count);
    if (result == TlsStream::Result::kOk) size += count;
  }
  std::string error = result == TlsStream::Result::kFailed ? tls_->error() : std::string();
  tls_->EndInput();
  SendCipher();
  UpdateCounters();
  // What OpenSSL still holds, or read behind the last plaintext, came with it and may have come last.
  now_is_exact_ = now_is_exact_ && result == TlsStream::Result::kWantInput && tls_->ended_in_plaintext();
  if (size > 0) TakePlaintext(begin, size, true);
  if (ended_) return;
  if (tls_->has_sessions() || !tls_->key_log().empty()) ReportTls();
  if (cipher_.size() - cipher_head_ > kMaxUnsentCipherBytes) {
    End(EndReason::kTls, 0, "the peer asks for answers and does not read them");
    return;
  }
  if (result == TlsStream::Result::kOk && (size == capacity || tls_->has_kept_input())) {
    // The slab is full, or nobody wants bytes yet; OpenSSL may hold more, and no event of the socket will say
    // so.
    if (may_read) RearmOnce();
    more_sealed_ = true;
    return;
  }
  const bool over = result == TlsStream::Result::kClosed || result == TlsStream::Result::kFailed;
  // In the raw phase each reading is asked for, the end as well: whoever has these bytes may be about to make
  // a WebSocket of the link, and then the frames behind them come first. Another Read() says the same again.
  more_sealed_ = over && size > 0 && phase_ == Phase::kRaw;
  if (more_sealed_) return;
  if (result == TlsStream::Result::kClosed) EndOfStream();
  if (result == TlsStream::Result::kFailed) End(EndReason::kTls, 0, error);
}

void Link::SetBacklog(const uint8_t* data, size_t size) {
  Bytes rest;
  if (!rest.Append(data, size)) {
    End(EndReason::kSocket, ENOMEM);
    return;
  }
  backlog_ = std::move(rest);
  RearmOnce();
}

// The backlog goes through the slab again, because records can only point there.
void Link::TakeBacklog() {
  Batch& batch = loop_->batch();
  const size_t room = ReadCapacity();
  Bytes all = std::move(backlog_);
  const size_t size = all.size() < room ? all.size() : room;
  uint8_t* into = batch.SlabEnd();
  std::memcpy(into, all.data(), size);
  TakePlaintext(into, size, size == all.size());
  if (ended_) return;
  if (size < all.size()) {
    // Behind what TakePlaintext itself may have put back.
    if (!backlog_.Append(all.data() + size, all.size() - size)) {
      End(EndReason::kSocket, ENOMEM);
      return;
    }
  }
  RearmOnce();
}

// ---- What the decoder reports
// ---------------------------------------------------------------------------------------------------

void Link::OnPing(const uint8_t* payload, size_t size) {
  loop_->batch().AddCopy(RecordKind::kPing, id_, now_us_, 0, payload, size, 0);
  if (SendControl(Opcode::kPong, payload, size) == 1) counters_.pongs_sent += 1;
}

void Link::OnClose(uint16_t code, const uint8_t* reason, size_t size) {
  loop_->batch().AddCopy(RecordKind::kClose, id_, now_us_, 0, reason, size, code);
  // The answer leaves after the batch, so that messages before the peer's CLOSE can still be answered. It
  // echoes the code (RFC 6455 5.5.1); an empty CLOSE is answered by an empty one.
  close_due_ = true;
  close_code_ = code == kNoCloseCode ? 0 : code;
  loop_->AfterBatch(id_);
}

void Link::OnViolation(Status status) {
  loop_->batch().Add(RecordKind::kViolation, id_, now_us_, 0, 0, nullptr, 0, static_cast<uint32_t>(status));
  close_due_ = true;
  close_code_ = CloseCodeOf(status);
  loop_->AfterBatch(id_);
}

}  // namespace shared_ws
