#include "deflate.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "zlib_memory.h"

namespace shared_ws {
namespace {

constexpr size_t kMaxRunBytes = size_t{1} << 30;  // zlib counts in 32 bits

// RFC 7692 7.2.1: what each message ends with, and is sent without.
constexpr uint8_t kTail[] = {0x00, 0x00, 0xFF, 0xFF};

}  // namespace

Deflater::~Deflater() {
  if (stream_ == nullptr) return;
  deflateEnd(stream_);
  FreeZlibStream(stream_);
}

bool Deflater::Open() {
  z_stream_s* stream = NewZlibStream();
  if (stream == nullptr) return false;
  if (deflateInit2(stream, compress_.level, Z_DEFLATED, -window_bits_, compress_.mem_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    FreeZlibStream(stream);
    return false;
  }
  stream_ = stream;
  return true;
}

bool Deflater::Compress(const uint8_t* payload, size_t n, Bytes& out) {
  out.Clear();
  if (stream_ == nullptr && !Open()) return false;
  const bool good = Run(payload, n, out);
  if (!good || !keeps_window_) Reset();
  return good;
}

bool Deflater::Run(const uint8_t* payload, size_t n, Bytes& out) {
  do {
    // Room for nearly every message at once; what does not compress takes a little more.
    if (!out.Reserve(out.size() + std::min(n, kMaxRunBytes) + 64)) return false;
    const size_t given = std::min(n, kMaxRunBytes);
    const size_t room = std::min(out.capacity() - out.size(), kMaxRunBytes);
    stream_->next_in = const_cast<Bytef*>(payload);  // zlib does not write there
    stream_->avail_in = static_cast<uInt>(given);
    stream_->next_out = out.data() + out.size();
    stream_->avail_out = static_cast<uInt>(room);
    deflate(stream_, given < n ? Z_NO_FLUSH : Z_SYNC_FLUSH);
    payload += given - stream_->avail_in;
    n -= given - stream_->avail_in;
    out.Extend(room - stream_->avail_out);
    // Room that is used up to the last byte says nothing; at worst the message gets a second end, which is
    // legal.
  } while (n > 0 || stream_->avail_out == 0);
  if (out.size() <= sizeof kTail) return false;
  const size_t size = out.size() - sizeof kTail;
  if (std::memcmp(out.data() + size, kTail, sizeof kTail) != 0) return false;
  out.Erase(size, sizeof kTail);
  return true;
}

void Deflater::Reset() {
  if (stream_ != nullptr) deflateReset(stream_);
}

}  // namespace shared_ws
