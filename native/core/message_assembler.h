#pragma once

#include <cstddef>
#include <cstdint>

#include "bytes.h"
#include "frame.h"
#include "frame_decoder.h"
#include "status.h"
#include "utf8.h"

namespace shared_ws {

// Puts one message together from the frames of RFC 6455 5.4 and from pieces of them. Its memory grows with
// the bytes received, never with a length announced, and is given away or freed when the message ends.
class MessageAssembler {
 public:
  explicit MessageAssembler(uint64_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  // Judges the header of the next data frame before any of its payload is taken. Changes nothing, so a
  // message that needs no assembly can be judged and then delivered from where it lies.
  Status Check(const FrameHeader& header) const {
    if (header.opcode == Opcode::kContinuation) {
      if (!open_) return Status::kUnexpectedContinuation;
      if (compressed_) return Status::kOk;  // what it inflates to is counted, as it comes
    } else if (open_) {
      return Status::kExpectedContinuation;
    }
    if (header.compressed) return Status::kOk;
    return header.payload > max_message_bytes_ - announced_ ? Status::kMessageTooLarge : Status::kOk;
  }

  // Takes a header that passed Check(). `opcode` is what the message, if it begins here, will be delivered
  // as.
  void Begin(const FrameHeader& header, Opcode opcode);

  // Takes the next payload bytes of the frame begun: kOk, kTextNotUtf8 as soon as no valid text can begin
  // like this, or kOutOfMemory.
  Status Append(const uint8_t* data, size_t n);

  // As Append(), for what was written to bytes() from `offset` on.
  Status Extended(size_t offset);

  // The final frame is complete: kOk, or kTextNotUtf8 when the last character is cut short. bytes() is then
  // the message.
  Status Finish() const;

  // Forgets the message and frees what is left of its memory.
  void Reset();

  bool open() const { return open_; }
  Opcode opcode() const { return opcode_; }
  bool ascii() const { return opcode_ == Opcode::kText && utf8_.ascii(); }
  Bytes& bytes() { return bytes_; }

 private:
  const uint64_t max_message_bytes_;
  uint64_t announced_ = 0;  // by the headers of this message so far; never above max_message_bytes_
  Bytes bytes_;
  Utf8Validator utf8_;
  Opcode opcode_ = Opcode::kText;
  bool open_ = false;
  bool compressed_ = false;
};

}  // namespace shared_ws
