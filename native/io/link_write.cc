// The outbound half of a Link: encoder, queue, TLS, socket. Delivery is decided by what send() returned, here
// alone.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "core/frame_encoder.h"
#include "core/mask.h"
#include "io/link.h"

namespace shared_ws {
namespace {

// Bytes the kernel took, or -1 with errno; EAGAIN where it would block.
ssize_t Send(int fd, const uint8_t* data, size_t size) {
  ssize_t count;
  do {
    count = send(fd, data, size, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && errno == EWOULDBLOCK) errno = EAGAIN;
  return count;
}

struct BytesSource {
  const uint8_t* data;
  size_t size;
};

size_t CopyBytes(void* source, uint8_t* into) {
  const auto* bytes = static_cast<const BytesSource*>(source);
  if (bytes->size > 0) std::memcpy(into, bytes->data, bytes->size);
  return bytes->size;
}

}  // namespace

// Room that a frame may need. What does not compress grows by an end of its own and, in small blocks, by 4 %.
size_t Link::EncodedBytes(size_t payload) const {
  const size_t growth = deflater_.has_value() ? payload / 16 + 64 : 0;
  return payload + growth + kMaxFrameHeaderBytes;
}

// The payload, compressed, in memory of the loop; null when it is to be sent as it is.
const Bytes* Link::Compressed(const uint8_t* payload, size_t size, size_t room) {
  if (size == 0 || size < deflater_->threshold_bytes()) return nullptr;
  // A frame that has not begun may never be sent, so nothing may refer to it: while the last one waits, or if
  // it was taken back, this one starts without a past. (RFC 7692 lets a sender do so at any time.)
  if (deflated_sequence_ > out_.sealed_sequence()) deflater_->Reset();
  Bytes& bytes = loop_->deflate_buffer();
  if (!deflater_->Compress(payload, size, bytes)) {
    deflated_sequence_ = 0;
    return nullptr;
  }
  // With a window kept, what was compressed must be sent so even if it has grown: the next one builds on it.
  if (bytes.size() > room || (!deflater_->keeps_window() && bytes.size() >= size)) {
    deflater_->Reset();
    deflated_sequence_ = 0;
    return nullptr;
  }
  deflated_sequence_ = deflater_->keeps_window() ? next_sequence_ : 0;
  return &bytes;
}

// Encodes a frame at `out`, which has EncodedBytes(max_payload), and returns its size. The payload is written
// where it will stay if its length is as guessed.
size_t Link::EncodeFrame(uint8_t* out, Opcode opcode, PayloadWriter write, void* source,
                         size_t likely_payload, size_t max_payload) {
  constexpr uint8_t kRsv1 = 0x40;
  const size_t guessed = FrameHeaderBytes(likely_payload);
  const size_t size = write(source, out + guessed);
  const uint8_t* key = loop_->entropy().NextKey();
  if (deflater_.has_value()) {
    const size_t room = EncodedBytes(max_payload) - kMaxFrameHeaderBytes;
    if (const Bytes* bytes = Compressed(out + guessed, size, room); bytes != nullptr) {
      const size_t header = WriteFrameHeader(out, opcode, true, kRsv1, bytes->size(), key);
      MaskCopy(out + header, bytes->data(), bytes->size(), key);
      return header + bytes->size();
    }
  }
  const size_t header = FrameHeaderBytes(size);
  if (header != guessed) std::memmove(out + header, out + guessed, size);
  WriteFrameHeader(out, opcode, true, 0, size, key);
  MaskCopy(out + header, out + header, size, key);
  return header + size;
}

int64_t Link::Offer(Opcode opcode, PayloadWriter write, void* source, size_t max_payload,
                    size_t likely_payload, bool more) {
  if (phase_ != Phase::kWebSocket || close_sent_ || write_error_ != 0) return kClosed;
  const size_t likely_frame = likely_payload + kMaxFrameHeaderBytes;
  const auto is_full = [&] { return !out_.empty() && out_.size() + likely_frame > options_.max_link_bytes; };
  if (is_full()) {
    // What `more` held back cannot wait for the rest; the kernel may well make room.
    if (held_) Flush();
    if (write_error_ != 0) return kClosed;
    if (is_full()) {
      refused_bytes_ = refused_bytes_ == 0 ? likely_frame : std::min(refused_bytes_, likely_frame);
      return kFull;
    }
  }
  const size_t room = EncodedBytes(max_payload);
  if (tls_ == nullptr && !more && out_.empty()) {
    Bytes& buffer = loop_->encode_buffer();
    if (!buffer.Reserve(room)) return kFull;
    const size_t size = EncodeFrame(buffer.data(), opcode, write, source, likely_payload, max_payload);
    const int64_t result = SendDirectly(buffer.data(), size, next_sequence_);
    FreeLargeBuffers();
    if (result > 0) next_sequence_++;
    if (result <= 0) deflated_sequence_ = kNothing;  // nothing may refer to a frame that is not sent
    return result;
  }
  uint8_t* tail = out_.Tail(room);
  if (tail == nullptr) return kFull;
  out_.Commit(EncodeFrame(tail, opcode, write, source, likely_payload, max_payload), next_sequence_);
  FreeLargeBuffers();
  const auto sequence = static_cast<int64_t>(next_sequence_++);
  if (more) {
    held_ = true;
    UpdateCounters();
  } else {
    Flush();
  }
  return sequence;
}

// What a large frame needed is given back after use.
void Link::FreeLargeBuffers() {
  for (Bytes* buffer : {&loop_->encode_buffer(), &loop_->deflate_buffer()}) {
    if (buffer->capacity() > Loop::kMaxKeptEncodeBytes) buffer->Free();
  }
}

int64_t Link::OfferBytes(Opcode opcode, const uint8_t* payload, size_t size, bool more) {
  BytesSource source{payload, size};
  return Offer(opcode, CopyBytes, &source, size, size, more);
}

// For plain TCP with nothing waiting: the kernel takes the frame from where it was encoded; only a rest is
// copied.
int64_t Link::SendDirectly(const uint8_t* frame, size_t size, uint64_t sequence) {
  const ssize_t sent = Send(fd_, frame, size);
  if (sent < 0 && errno != EAGAIN) {
    FailWriting(errno);
    return kClosed;
  }
  const size_t taken = sent < 0 ? 0 : static_cast<size_t>(sent);
  counters_.bytes_sent += static_cast<double>(taken);
  if (taken == size) {
    out_.Pass(size, sequence);
  } else if (!out_.CommitPartial(frame, size, taken, sequence)) {
    // The rest of a frame that has begun is lost: nothing sensible can follow it on this stream.
    begun_offset_ = out_.taken_offset();
    FailWriting(ENOMEM);
    UpdateCounters();
    return taken == 0 ? kClosed : static_cast<int64_t>(sequence);
  }
  begun_offset_ = out_.taken_offset();
  UpdateCounters();
  if (taken < size) UpdatePoll();
  return static_cast<int64_t>(sequence);
}

void Link::WriteTurn() {
  if (!held_) {
    Flush();
  } else if (tls_ != nullptr) {
    // `more` holds frames back, not the record before them.
    SendCipher();
    UpdateCounters();
  }
}

void Link::Flush() {
  held_ = false;
  if (write_error_ != 0 || phase_ == Phase::kConnecting) return;
  if (tls_ == nullptr) {
    SendPlain();
  } else {
    SendSealed();
  }
  UpdateCounters();
  WakeForWritable();
  UpdatePoll();
}

// Half of the room, so that a full link does not wake its user for every frame; and the fit, because a frame
// larger than that would be refused again, in every turn for as long as the kernel takes nothing.
bool Link::HasRoomAgain() const {
  if (refused_bytes_ == 0 || out_.size() > options_.max_link_bytes / 2) return false;
  return out_.empty() || out_.size() + refused_bytes_ <= options_.max_link_bytes;
}

// The record itself is made by Continue(), in a turn of its own: here a batch may be out.
void Link::WakeForWritable() {
  if (HasRoomAgain()) RearmOnce();
}

void Link::SendPlain() {
  while (!out_.empty()) {
    const ssize_t sent = Send(fd_, out_.data(), out_.size());
    if (sent < 0) {
      if (errno != EAGAIN) FailWriting(errno);
      return;
    }
    counters_.bytes_sent += static_cast<double>(sent);
    out_.Seal(static_cast<size_t>(sent));
    out_.Take(out_.sealed_offset());
    begun_offset_ = out_.taken_offset();
  }
}

// One record at a time is sealed, and only once the one before it is with the kernel: until then its frames
// can still be withdrawn.
void Link::SendSealed() {
  if (!SendCipher() || phase_ == Phase::kTlsHandshake) return;
  while (!out_.empty()) {
    BorrowCipherBuffer();
    size_t count = 0;
    if (tls_->Write(out_.data(), out_.size(), &count) != TlsStream::Result::kOk) {
      FailWriting(EPROTO);
      return;
    }
    out_.Seal(count);
    if (!SendCipher()) return;
  }
}

// Ciphertext goes to a buffer that all links share; a link keeps it only while the kernel does not take it.
void Link::BorrowCipherBuffer() {
  if (cipher_.capacity() == 0) std::swap(cipher_, loop_->cipher_output());
  tls_->SetOutput(&cipher_);
}

// True when the kernel has every byte that was sealed.
bool Link::SendCipher() {
  while (cipher_head_ < cipher_.size()) {
    if (write_error_ != 0) return false;
    const ssize_t sent = Send(fd_, cipher_.data() + cipher_head_, cipher_.size() - cipher_head_);
    if (sent < 0) {
      if (errno != EAGAIN) FailWriting(errno);
      return false;
    }
    counters_.bytes_sent += static_cast<double>(sent);
    cipher_head_ += static_cast<size_t>(sent);
    begun_offset_ = out_.sealed_offset();  // a byte of the newest record's neighbours counts: never say less
                                           // than was sent
  }
  cipher_.Clear();
  cipher_head_ = 0;
  if (cipher_.capacity() > 0 && loop_->cipher_output().capacity() == 0) {
    std::swap(cipher_, loop_->cipher_output());
  } else {
    cipher_.Free();
  }
  out_.Take(out_.sealed_offset());
  return true;
}

bool Link::Withdraw(uint64_t sequence) {
  if (!out_.Withdraw(sequence)) return false;
  if (sequence == deflated_sequence_) deflated_sequence_ = kNothing;
  UpdateCounters();
  WakeForWritable();
  return true;
}

int64_t Link::SendControl(Opcode opcode, const uint8_t* payload, size_t size) {
  if (phase_ != Phase::kWebSocket || close_sent_ || write_error_ != 0) return kClosed;
  if (out_.control_frames() >= kMaxWaitingControlFrames) {
    // A peer that pings and does not read: the newest answer takes the place of the one before it (RFC
    // 6455 5.5.3).
    if (opcode != Opcode::kPong || !out_.WithdrawNewestPong()) return kFull;
  }
  uint8_t frame[kMaxFrameHeaderBytes + kMaxControlPayloadBytes];
  const size_t length = shared_ws::EncodeFrame(frame, opcode, payload, size, loop_->entropy().NextKey());
  if (tls_ == nullptr && out_.empty()) return SendDirectly(frame, length, 0) == kClosed ? kClosed : 1;
  if (!out_.InsertUrgent(frame, length, opcode == Opcode::kPong)) return kFull;
  Flush();
  return 1;
}

void Link::Close(uint16_t code, const uint8_t* reason, size_t size) {
  if (phase_ != Phase::kWebSocket || close_sent_) return;
  close_sent_ = true;
  uint8_t* tail = out_.Tail(kMaxFrameHeaderBytes + kMaxControlPayloadBytes);
  if (tail == nullptr) return;
  out_.Commit(EncodeClose(tail, code, reason, size, loop_->entropy().NextKey()), 0);
  Flush();
}

void Link::UpdateCounters() {
  counters_.begun = static_cast<double>(out_.BegunSequence(begun_offset_));
  counters_.taken = static_cast<double>(out_.taken_sequence());
  counters_.sealed = static_cast<double>(out_.sealed_sequence());
  counters_.messages_sent = static_cast<double>(out_.taken_frames());
  counters_.queued_bytes = static_cast<double>(out_.size() + cipher_.size() - cipher_head_);
}

// send() failed. What the peer sent before is still to be read, and the reading side reports the end: nothing
// is told here.
void Link::FailWriting(int error) {
  write_error_ = error;
  socket_error_seen_ = true;
  RearmOnce();
  UpdatePoll();
}

}  // namespace shared_ws
