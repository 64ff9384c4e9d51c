#include "message_inflater.h"

#include <algorithm>
#include <cstring>

namespace shared_ws {
namespace {

// RFC 7692 7.2.2: what the sender took off the end of each message.
constexpr uint8_t kTail[] = {0x00, 0x00, 0xFF, 0xFF};

// zlib is fast while it has this much room.
constexpr size_t kMinPlace = 512;

// Of a message that goes from one format to the next; small, because what it may inflate to is not stopped
// halfway.
constexpr size_t kBetweenBytes = 1024;

constexpr uint8_t kFirstOfGzip = 0x1F;  // RFC 1952 2.3.1

Inflater::Format FormatOf(BinaryFormat format) {
  switch (format) {
    case BinaryFormat::kGzip:
      return Inflater::Format::kGzip;
    case BinaryFormat::kZlib:
      return Inflater::Format::kZlib;
    default:
      return Inflater::Format::kRaw;
  }
}

}  // namespace

uint8_t* InflateOutput::Place(size_t* size) {
  if (in_room_) {
    if (written_ < budget_) {
      *size = budget_ - written_;
      return room_ + written_;
    }
    if (!LeaveRoom()) return nullptr;
  }
  if (bytes_.capacity() - bytes_.size() < kMinPlace && !bytes_.Reserve(bytes_.size() + kMinPlace))
    return nullptr;
  const size_t left = written_ < budget_ ? budget_ - written_ : 0;
  *size = std::min(bytes_.capacity() - bytes_.size(), std::max(left, kMinPlace));
  return bytes_.data() + bytes_.size();
}

void InflateOutput::Wrote(size_t count) {
  written_ += count;
  if (!in_room_) bytes_.Extend(count);
}

bool InflateOutput::LeaveRoom() {
  if (!in_room_) return true;
  in_room_ = false;
  return bytes_.Append(room_, written_);
}

MessageInflater::MessageInflater(const Extensions& extensions, uint64_t max_message_bytes)
    : max_message_bytes_(max_message_bytes),
      keep_window_(extensions.deflate.has_value() && !extensions.deflate->server_no_context_takeover),
      has_members_(extensions.inflate_binary == BinaryFormat::kGzip),
      deflate_(Inflater::Format::kRaw,
               extensions.deflate.has_value() ? extensions.deflate->server_max_window_bits : 15),
      format_(FormatOf(extensions.inflate_binary), 15) {}

void MessageInflater::Begin(bool compressed, bool unpack) {
  compressed_ = compressed;
  unpack_ = unpack;
  started_ = stream_ended_ = member_ended_ = false;
  decompressed_ = written_ = 0;
}

Status MessageInflater::Take(const uint8_t* in, size_t n, size_t* used, InflateOutput& out) {
  const size_t given = n;
  Status verdict = Status::kOk;
  if (n > 0) {
    started_ = true;
    verdict = compressed_ ? Decompress(&in, &n, out) : Unpack(&in, &n, out, true);
  }
  *used = given - n;
  return verdict;
}

Status MessageInflater::Finish(InflateOutput& out) {
  // A message without a byte is empty, and a last block that nothing follows leaves no place for the tail:
  // both are short of the octet that RFC 7692 7.2.3.6 and 7.2.3.4 want, and clear all the same.
  if (compressed_ && started_) {
    if (!stream_ended_) {
      const uint8_t* tail = kTail;
      size_t n = sizeof kTail;
      while (n > 0) {
        if (const Status verdict = Decompress(&tail, &n, out); verdict != Status::kOk) return verdict;
      }
      if (!stream_ended_ && !deflate_.AtBoundary()) return Status::kDeflateTruncated;
    }
    if (!keep_window_) deflate_.Restart(false);
  }
  if (unpack_) {
    if (!member_ended_) return Status::kBinaryTruncated;
    format_.Restart(false);
  }
  return Status::kOk;
}

void MessageInflater::Free() {
  deflate_.Free();
  format_.Free();
}

// Runs `inflater` once, straight into the output.
Status MessageInflater::WriteTo(Inflater& inflater, const uint8_t** in, size_t* n, InflateOutput& out,
                                Inflater::Result* result) {
  size_t room;
  uint8_t* place = out.Place(&room);
  if (place == nullptr) return Status::kOutOfMemory;
  // One byte more than there may be, so that a message of just the limit can come to its end.
  const uint64_t left = max_message_bytes_ - written_;
  if (left < room) room = static_cast<size_t>(left) + 1;
  size_t count;
  *result = inflater.Inflate(in, n, place, room, &count);
  const bool too_large = count > left;
  if (too_large) count = static_cast<size_t>(left);
  written_ += count;
  out.Wrote(count);
  if (too_large) return Status::kMessageTooLarge;
  return *result == Inflater::Result::kOutOfMemory ? Status::kOutOfMemory : Status::kOk;
}

Status MessageInflater::Decompress(const uint8_t** in, size_t* n, InflateOutput& out) {
  stream_ended_ = false;
  while (true) {
    Inflater::Result result;
    if (unpack_) {
      uint8_t between[kBetweenBytes];
      const uint64_t left = max_message_bytes_ - decompressed_;
      size_t count;
      result = deflate_.Inflate(
          in, n, between, left < sizeof between ? static_cast<size_t>(left) + 1 : sizeof between, &count);
      out.Worked(count);
      if (result == Inflater::Result::kOutOfMemory) return Status::kOutOfMemory;
      const bool too_large = count > left;
      if (too_large) count = static_cast<size_t>(left);
      decompressed_ += count;
      const uint8_t* bytes = between;
      if (const Status verdict = Unpack(&bytes, &count, out, false); verdict != Status::kOk) return verdict;
      if (too_large) return Status::kMessageTooLarge;
    } else if (const Status verdict = WriteTo(deflate_, in, n, out, &result); verdict != Status::kOk) {
      return verdict;
    }
    switch (result) {
      case Inflater::Result::kNeedsInput:
        return Status::kOk;
      case Inflater::Result::kNeedsRoom:
        // What zlib still holds without input is little; with it, it waits for the rest of the input.
        if (*n > 0 && out.Exhausted()) return Status::kOk;
        break;
      case Inflater::Result::kStreamEnd:
        // RFC 7692 7.2.3.4: another block may follow a last one, and may refer to what came before it.
        deflate_.Restart(true);
        if (*n == 0) {
          stream_ended_ = true;
          return Status::kOk;
        }
        break;
      default:
        return Status::kDeflateCorrupt;
    }
  }
}

Status MessageInflater::Unpack(const uint8_t** in, size_t* n, InflateOutput& out, bool may_stop) {
  while (true) {
    if (member_ended_) {
      if (*n == 0) return Status::kOk;
      if (!has_members_ || **in != kFirstOfGzip) return Status::kBinaryTrailing;
      format_.Restart(false);
      member_ended_ = false;
    }
    Inflater::Result result;
    if (const Status verdict = WriteTo(format_, in, n, out, &result); verdict != Status::kOk) return verdict;
    switch (result) {
      case Inflater::Result::kNeedsInput:
        return Status::kOk;
      case Inflater::Result::kNeedsRoom:
        if (may_stop && *n > 0 && out.Exhausted()) return Status::kOk;
        break;
      case Inflater::Result::kStreamEnd:
        member_ended_ = true;
        break;
      default:
        return Status::kBinaryCorrupt;
    }
  }
}

}  // namespace shared_ws
