#include "message_assembler.h"

namespace shared_ws {

void MessageAssembler::Begin(const FrameHeader& header, Opcode opcode) {
  if (!open_) {
    open_ = true;
    opcode_ = opcode;
    compressed_ = header.compressed;
  }
  if (!compressed_) announced_ += header.payload;
}

Status MessageAssembler::Append(const uint8_t* data, size_t n) {
  if (n == 0) return Status::kOk;  // an empty fragment costs no memory
  if (opcode_ == Opcode::kText && !utf8_.Push(data, n)) return Status::kTextNotUtf8;
  return bytes_.Append(data, n) ? Status::kOk : Status::kOutOfMemory;
}

Status MessageAssembler::Extended(size_t offset) {
  const size_t n = bytes_.size() - offset;
  if (n == 0 || opcode_ != Opcode::kText) return Status::kOk;
  return utf8_.Push(bytes_.data() + offset, n) ? Status::kOk : Status::kTextNotUtf8;
}

Status MessageAssembler::Finish() const {
  return utf8_.Complete() ? Status::kOk : Status::kTextNotUtf8;
}

void MessageAssembler::Reset() {
  bytes_.Free();
  utf8_.Reset();
  announced_ = 0;
  open_ = compressed_ = false;
}

}  // namespace shared_ws
