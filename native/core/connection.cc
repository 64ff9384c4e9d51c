#include "connection.h"

#include <algorithm>
#include <cstring>

namespace shared_ws {

size_t Connection::Advance(const uint8_t* data, size_t n, Event* event) {
  size_t used = 0;
  Status verdict = in_frame_ ? Status::kOk : ReadHeader(data, n, &used);
  if (verdict == Status::kOk && in_frame_) {
    const size_t take = static_cast<size_t>(std::min<uint64_t>(left_, n - used));
    left_ -= take;
    in_frame_ = left_ > 0;
    verdict = frame_.IsControl() ? ReadControl(data + used, take, event) : ReadData(data + used, take, event);
    used += take;
  }
  if (verdict != Status::kOk) {
    status_ = verdict;
    event->kind = Event::kViolation;
  }
  if (ended()) {
    End();
  } else {
    // An assembled message is still in assembler_, for the sink to take, but has ended.
    idle_ = !in_frame_ && header_size_ == 0 && (!assembler_.open() || event->kind == Event::kAssembled);
  }
  return used;
}

// Takes header bytes until the header is whole; then the frame has begun.
Status Connection::ReadHeader(const uint8_t* data, size_t n, size_t* used) {
  const size_t before = header_size_;
  const size_t added = std::min(n, kMaxServerHeaderBytes - before);
  std::memcpy(header_ + before, data, added);
  Status violation = Status::kOk;
  switch (ParseFrameHeader(header_, before + added, limits_.max_frame_bytes, &frame_, &violation)) {
    case HeaderParse::kViolation:
      return violation;
    case HeaderParse::kNeedsMore:
      header_size_ = static_cast<uint8_t>(before + added);
      *used = added;
      return Status::kOk;
    case HeaderParse::kDone:
      break;
  }
  *used = frame_.bytes - before;
  header_size_ = 0;
  left_ = frame_.payload;
  in_frame_ = true;
  return frame_.IsControl() ? Status::kOk : assembler_.Check(frame_);
}

// A control frame may come between the fragments of a message, so it has memory of its own.
Status Connection::ReadControl(const uint8_t* part, size_t n, Event* event) {
  if (control_size_ == 0 && left_ == 0) return EndControl(part, n, event);
  std::memcpy(control_ + control_size_, part, n);
  control_size_ = static_cast<uint8_t>(control_size_ + n);
  if (left_ > 0) return Status::kOk;
  const size_t size = std::exchange(control_size_, 0);
  return EndControl(control_, size, event);
}

Status Connection::EndControl(const uint8_t* payload, size_t n, Event* event) {
  event->payload = payload;
  event->size = n;
  if (frame_.opcode != Opcode::kClose) {
    event->kind = frame_.opcode == Opcode::kPing ? Event::kPing : Event::kPong;
    return Status::kOk;
  }
  event->close_code = kNoCloseCode;
  if (n > 0) {
    if (n == 1) return Status::kCloseTooShort;
    event->close_code = static_cast<uint16_t>(payload[0] << 8 | payload[1]);
    if (!IsWireCloseCode(event->close_code)) return Status::kCloseCodeInvalid;
    event->payload += 2;
    event->size -= 2;
    if (ValidateUtf8(event->payload, event->size) == Utf8Result::kInvalid) return Status::kCloseReasonNotUtf8;
  }
  event->kind = Event::kClose;
  close_received_ = true;
  return Status::kOk;
}

Status Connection::ReadData(const uint8_t* part, size_t n, Event* event) {
  if (n == 0 && left_ > 0)
    return Status::kOk;  // the header ended the chunk; the payload may still come in one piece

  const bool first_part = left_ + n == frame_.payload;
  const bool whole_message = frame_.fin && frame_.opcode != Opcode::kContinuation;
  if (first_part && left_ == 0 && whole_message) {
    if (frame_.opcode == Opcode::kText) {
      const Utf8Result text = ValidateUtf8(part, n);
      if (text == Utf8Result::kInvalid) return Status::kTextNotUtf8;
      event->ascii = text == Utf8Result::kAscii;
    }
    event->kind = Event::kMessage;
    event->opcode = frame_.opcode;
    event->payload = part;
    event->size = n;
    return Status::kOk;
  }

  if (first_part) assembler_.Begin(frame_);
  Status verdict = assembler_.Append(part, n);
  if (verdict == Status::kOk && left_ == 0 && frame_.fin) {
    verdict = assembler_.Finish();
    event->kind = Event::kAssembled;
    event->opcode = assembler_.opcode();
    event->ascii = assembler_.ascii();
  }
  return verdict;
}

// Nothing more will be delivered, so a partial message must not hold memory until the link is closed.
void Connection::End() {
  assembler_.Reset();
  in_frame_ = false;
  idle_ = true;
}

}  // namespace shared_ws
