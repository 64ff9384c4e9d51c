#include "connection.h"

#include <algorithm>
#include <cstring>

namespace shared_ws {

size_t Connection::Advance(const uint8_t* data, size_t n, const InflateRoom& room, Event* event) {
  size_t used = 0;
  Status verdict = in_frame_ ? Status::kOk : ReadHeader(data, n, &used);
  if (verdict == Status::kOk && in_frame_) {
    size_t take = static_cast<size_t>(std::min<uint64_t>(left_, n - used));
    if (inflating_ && !frame_.IsControl()) {
      verdict = ReadInflated(data + used, &take, room, event);
    } else {
      left_ -= take;
      verdict =
          frame_.IsControl() ? ReadControl(data + used, take, event) : ReadData(data + used, take, event);
    }
    in_frame_ = left_ > 0;
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
  switch (ParseFrameHeader(header_, before + added, limits_.max_frame_bytes, &frame_, &violation,
                           may_compress_)) {
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
  if (!frame_.IsControl()) fresh_frame_ = true;
  if (!frame_.IsControl() && frame_.opcode != Opcode::kContinuation) {
    inflating_ = frame_.compressed || (unpacks_ && frame_.opcode == Opcode::kBinary);
  }
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

  if (first_part) assembler_.Begin(frame_, frame_.opcode);
  Status verdict = assembler_.Append(part, n);
  if (verdict == Status::kOk && left_ == 0 && frame_.fin) {
    verdict = assembler_.Finish();
    event->kind = Event::kAssembled;
    event->opcode = assembler_.opcode();
    event->ascii = assembler_.ascii();
  }
  return verdict;
}

// Takes `n` payload bytes of a message that has to be inflated, or fewer when the room is exhausted.
Status Connection::ReadInflated(const uint8_t* part, size_t* n, const InflateRoom& room, Event* event) {
  if (*n == 0 && left_ > 0) return Status::kOk;
  const bool begins = fresh_frame_ && frame_.opcode != Opcode::kContinuation;
  if (begins) {
    unpacking_ = unpacks_ && frame_.opcode == Opcode::kBinary;
    inflater_.Begin(frame_.compressed, unpacking_);
  }
  // What is inflated from a binary message is text.
  if (fresh_frame_) assembler_.Begin(frame_, unpacking_ ? Opcode::kText : frame_.opcode);
  fresh_frame_ = false;

  const size_t given = *n;
  const size_t before = assembler_.bytes().size();
  InflateOutput out(room, begins && frame_.fin && given == left_, assembler_.bytes());
  Status verdict = inflater_.Take(part, given, n, out);
  left_ -= *n;
  if (verdict == Status::kOk && *n < given) event->kind = Event::kExhausted;
  const bool ends = left_ == 0 && frame_.fin;
  if (verdict == Status::kOk && ends) verdict = inflater_.Finish(out);
  if (verdict != Status::kOk) {
    // What was inflated in front of the fault came first, and is judged first, as if it had come by itself.
    return out.LeaveRoom() && assembler_.Extended(before) != Status::kOk ? NotUtf8() : verdict;
  }

  event->opcode = assembler_.opcode();
  if (ends && out.in_room()) {
    event->kind = Event::kInflated;
    event->size = out.written();
    if (event->opcode == Opcode::kText) {
      const Utf8Result text = ValidateUtf8(room.data, event->size);
      if (text == Utf8Result::kInvalid) return NotUtf8();
      event->ascii = text == Utf8Result::kAscii;
    }
    assembler_.Reset();
    return Status::kOk;
  }
  if (!out.LeaveRoom()) return Status::kOutOfMemory;
  if (assembler_.Extended(before) != Status::kOk) return NotUtf8();
  if (ends) {
    if (assembler_.Finish() != Status::kOk) return NotUtf8();
    event->kind = Event::kAssembled;
    event->ascii = assembler_.ascii();
  }
  return Status::kOk;
}

Status Connection::NotUtf8() const {
  return unpacking_ ? Status::kBinaryNotUtf8 : Status::kTextNotUtf8;
}

// Nothing more will be delivered, so a partial message must not hold memory until the link is closed.
void Connection::End() {
  assembler_.Reset();
  inflater_.Free();
  in_frame_ = false;
  idle_ = true;
}

}  // namespace shared_ws
